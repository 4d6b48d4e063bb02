import type { EventGridEvent } from './event.ts';

/** Filter of an event subscription, spelt as in its ARM resource. */
export interface EventFilter {
  readonly includedEventTypes?: readonly string[];
  readonly subjectBeginsWith?: string;
  readonly subjectEndsWith?: string;
  readonly advancedFilters?: readonly AdvancedFilter[];
}

/** Several values: one must fit. Several filters: all must fit. Text compares without regard to case. */
interface AdvancedFilter {
  readonly operatorType: 'StringBeginsWith' | 'StringEndsWith' | 'StringContains' | 'StringIn' | 'StringNotIn';
  /** Path such as `data.operationName`. */
  readonly key: string;
  readonly values: readonly string[];
}

/** Per subscription, filters and values over all filters: https://learn.microsoft.com/azure/event-grid/event-filtering */
const maxFilters = 25;
const maxValues = 25;
const maxValueLength = 512;

/** Throws when Azure would refuse the filter. */
export function checkFilter(filter: EventFilter): void {
  const filters = filter.advancedFilters ?? [];
  const values = filters.flatMap((advanced) => advanced.values);
  if (filters.length > maxFilters) throw new Error(`At most ${maxFilters} advanced filters, not ${filters.length}.`);
  if (values.length > maxValues) throw new Error(`At most ${maxValues} values over all filters, not ${values.length}.`);
  for (const value of values) {
    if (value.length > maxValueLength) throw new Error(`A filter value has at most ${maxValueLength} characters.`);
  }
}

export function matchesFilter(event: EventGridEvent, filter: EventFilter): boolean {
  const { includedEventTypes, subjectBeginsWith = '', subjectEndsWith = '', advancedFilters = [] } = filter;
  const subject = event.subject.toLowerCase();
  if (includedEventTypes !== undefined && !includesText(includedEventTypes, event.eventType)) return false;
  if (!subject.startsWith(subjectBeginsWith.toLowerCase())) return false;
  if (!subject.endsWith(subjectEndsWith.toLowerCase())) return false;
  return advancedFilters.every((advanced) => matchesAdvanced(readKey(event, advanced.key), advanced));
}

function includesText(list: readonly string[], text: string): boolean {
  return list.some((item) => item.toLowerCase() === text.toLowerCase());
}

function matchesAdvanced(value: unknown, { operatorType, values }: AdvancedFilter): boolean {
  // An event without the key fits a negative operator only.
  if (typeof value !== 'string') return operatorType === 'StringNotIn';
  const text = value.toLowerCase();
  const wanted = values.map((item) => item.toLowerCase());
  switch (operatorType) {
    case 'StringBeginsWith':
      return wanted.some((item) => text.startsWith(item));
    case 'StringEndsWith':
      return wanted.some((item) => text.endsWith(item));
    case 'StringContains':
      return wanted.some((item) => text.includes(item));
    case 'StringIn':
      return wanted.includes(text);
    case 'StringNotIn':
      return !wanted.includes(text);
    default:
      return operatorType satisfies never;
  }
}

function readKey(event: EventGridEvent, key: string): unknown {
  let value: unknown = event;
  for (const part of key.split('.')) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = Reflect.get(value, part);
  }
  return value;
}
