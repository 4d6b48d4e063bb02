import { describe, expect, test } from 'vitest';
import { checkFilter, type EventFilter, matchesFilter } from '../../local/event-grid/filter.ts';
import { createEvent } from './create-event.ts';

const event = createEvent({
  subject: '/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/r',
  data: { operationName: 'Microsoft.ContainerRegistry/registries/write', count: 3 },
});

function fits(key: string, operatorType: 'StringIn' | 'StringNotIn'): boolean {
  return matchesFilter(event, { advancedFilters: [{ operatorType, key, values: ['3'] }] });
}

function onSubject(values: readonly string[]) {
  return { operatorType: 'StringContains', key: 'subject', values } as const;
}

describe('an event subscription filter', () => {
  test.each<[string, EventFilter, boolean]>([
    ['nothing asked for', {}, true],
    ['its event type', { includedEventTypes: ['Microsoft.Resources.ResourceWriteSuccess'] }, true],
    ['another event type', { includedEventTypes: ['Microsoft.Resources.ResourceDeleteSuccess'] }, false],
    ['how its subject begins', { subjectBeginsWith: '/SUBSCRIPTIONS/s/' }, true],
    ['how its subject does not end', { subjectEndsWith: '/other' }, false],
  ])('%s', (_name, filter, expected) => {
    expect(matchesFilter(event, filter)).toBe(expected);
  });

  test.each([
    ['StringBeginsWith', ['Microsoft.KeyVault/', 'MICROSOFT.CONTAINERREGISTRY/'], true],
    ['StringBeginsWith', ['Microsoft.KeyVault/'], false],
    ['StringEndsWith', ['/WRITE'], true],
    ['StringContains', ['registries'], true],
    ['StringIn', ['microsoft.containerregistry/registries/write'], true],
    ['StringNotIn', ['Microsoft.ContainerRegistry/registries/write'], false],
  ] as const)('%s %j on the operation is %s', (operatorType, values, expected) => {
    const advancedFilters = [{ operatorType, key: 'data.operationName', values }];

    expect(matchesFilter(event, { advancedFilters })).toBe(expected);
  });

  test('a key that is missing or no text fits a negative operator only', () => {
    expect([fits('data.count', 'StringIn'), fits('data.a.b', 'StringIn'), fits('data.a.b', 'StringNotIn')]).toEqual([
      false,
      false,
      true,
    ]);
  });

  test('all advanced filters must fit', () => {
    expect(matchesFilter(event, { advancedFilters: [onSubject(['registries']), onSubject(['vaults'])] })).toBe(false);
  });

  test('what Azure would refuse is refused', () => {
    expect(() => checkFilter({ advancedFilters: [onSubject(Array.from({ length: 26 }, () => 'x'))] })).toThrow(
      '25 values',
    );
    expect(() => checkFilter({ advancedFilters: Array.from({ length: 26 }, () => onSubject([])) })).toThrow(
      '25 advanced',
    );
    expect(() => checkFilter({ advancedFilters: [onSubject(['x'.repeat(513)])] })).toThrow('512');
  });
});
