import { assert, jsonValue, property } from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isExpired, parseLocks } from '../../../src/policy/node-health/kured-lock.ts';

const created = Date.UTC(2026, 7, 20, 11, 40, 2, 123);
const hour = 3_600_000;

describe('the lock of kured', () => {
  test('is none where nothing is written', () => {
    expect(parseLocks(undefined)).toEqual([]);
  });

  test('is read with its holder, its time, and after how long it ends', () => {
    const text = JSON.stringify({
      nodeID: 'aks-system-1',
      metadata: { unschedulable: false },
      created: '2026-08-20T11:40:02.123456789Z',
      TTL: 3_600_000_000_000,
    });

    expect(parseLocks(text)).toEqual([{ holder: 'aks-system-1', created, ttl: hour }]);
  });

  test('may be an operator’s pause, which has neither', () => {
    expect(parseLocks('{"nodeID":"manual"}')).toEqual([{ holder: 'manual', created: undefined, ttl: 0 }]);
  });

  test('may be several', () => {
    const text =
      '{"maxOwners":2,"locks":[{"nodeID":"a","created":"2026-08-20T11:40:02.123Z"},{"nodeID":"b","TTL":-5}]}';

    expect(parseLocks(text)).toEqual([
      { holder: 'a', created, ttl: 0 },
      { holder: 'b', created: undefined, ttl: 0 },
    ]);
    expect(parseLocks('{"maxOwners":2,"locks":[]}')).toEqual([]);
    expect(parseLocks('{"maxOwners":2,"locks":null}')).toEqual([]);
  });

  test.each([
    '',
    'null',
    '[]',
    '"a"',
    '{',
    '{}',
    '{"nodeID":7}',
    '{"nodeID":""}',
    '{"nodeID":"a b"}',
    '{"nodeID":"<b>a</b>"}',
    '{"nodeID":"a","created":7}',
    '{"nodeID":"a","created":"yesterday"}',
    '{"nodeID":"a","created":"2026-02-30T00:00:00Z"}',
    '{"nodeID":"a","TTL":"1h"}',
    '{"nodeID":"a","TTL":1e999}',
    '{"locks":{}}',
    '{"locks":[{"nodeID":"a"},null]}',
    `{"nodeID":"a","more":"${'x'.repeat(200_000)}"}`,
  ])('cannot be read from text %#', (text) => {
    expect(parseLocks(text)).toBe('unreadable');
  });

  test('is read or refused, whatever is written there', () => {
    const found: unknown[] = [];
    assert(
      property(jsonValue(), (value) => {
        found.push(parseLocks(JSON.stringify(value)), parseLocks(JSON.stringify({ locks: [value] })));
      }),
    );

    expect(found.length).toBeGreaterThan(100);
  });

  test('ends after its time, or never', () => {
    const lock = { holder: 'a', created, ttl: hour };

    expect(isExpired(lock, created + hour - 1)).toBe(false);
    expect(isExpired(lock, created + hour)).toBe(true);
    expect(isExpired({ ...lock, created: undefined }, created)).toBe(true);
    expect(isExpired({ ...lock, ttl: 0 }, created + 1000 * hour)).toBe(false);
  });
});
