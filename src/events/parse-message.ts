import { isPlainObject } from '../resources/lenient.ts';
import { decodeMessage } from './decode-message.ts';
import { type ParsedDefender, parseDefender } from './defender/parse-defender.ts';
import { type ParsedEvent, type ParseEventsOptions, parseEvent } from './parse-events.ts';
import { invalid } from './parsed.ts';

/** One element of a message: a resource to look at, an alert, or the reason why neither. */
export type ParsedInput = ParsedEvent | ParsedDefender;

/** Members that hold the elements, where there is an object around them. */
const LISTS = ['records', 'value'];
/** Most elements of one message: as many as Event Grid puts into one, and more than fit into an event of an Event Hub, unless they were made to be many. */
const MAX_ELEMENTS = 5000;
/** Deepest nesting that anything of ours has, and then some. */
const MAX_DEPTH = 64;

/**
 * The one place that knows which parser reads what has arrived, by whatever way: queue, webhook, Event Hub, HTTP, dead letter, a file of an
 * operator. Takes an object, an array, text that is JSON or base64 of JSON, or bytes. Never throws, calls nothing, and judges every element on
 * its own, so that a bad one takes no other along.
 */
export function parseMessage(message: unknown, options: ParseEventsOptions): readonly ParsedInput[] {
  const decoded = decodeMessage(message);
  if (!decoded.ok) return [invalid(decoded.reason, decoded.detail)];
  const elements = elementsOf(decoded.value);
  if (elements.length > MAX_ELEMENTS)
    return [invalid('too-large', `${elements.length} elements, of ${MAX_ELEMENTS} at most`)];
  return elements.map((element) => {
    if (isTooDeep(element)) return invalid('too-deep', `nested more than ${MAX_DEPTH} levels deep`);
    return parseEvent(element, options) ?? parseDefender(element);
  });
}

function elementsOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  const list = isPlainObject(value)
    ? LISTS.map((name) => value[name]).find((found) => Array.isArray(found))
    : undefined;
  return Array.isArray(list) ? list : [value];
}

/** Is it nested deeper than anything of ours? Without recursion, which is what such an input is after. */
export function isTooDeep(element: unknown): boolean {
  let level: readonly unknown[] = [element];
  for (let depth = 0; depth < MAX_DEPTH; depth += 1) {
    level = level.flatMap((node) => (typeof node === 'object' && node !== null ? Object.values(node) : []));
    if (level.length === 0) return false;
  }
  return true;
}
