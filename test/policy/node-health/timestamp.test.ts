import { assert, property, string } from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  formatDate,
  formatTimestamp,
  parseCompactTimestamp,
  parseDate,
  parseTimestamp,
} from '../../../src/policy/node-health/timestamp.ts';

describe('an RFC 3339 time', () => {
  test.each([
    ['2026-08-17T07:14:09Z', Date.UTC(2026, 7, 17, 7, 14, 9)],
    ['2026-08-17T09:14:09+02:00', Date.UTC(2026, 7, 17, 7, 14, 9)],
    ['2026-08-16T20:14:09-11:00', Date.UTC(2026, 7, 17, 7, 14, 9)],
    ['2026-08-20T11:40:02.123456789Z', Date.UTC(2026, 7, 20, 11, 40, 2, 123)],
    ['2028-02-29T00:00:00Z', Date.UTC(2028, 1, 29)],
  ])('%s is read', (text, time) => {
    expect(parseTimestamp(text)).toBe(time);
  });

  test.each([
    '',
    'now',
    '2026-08-17',
    '2026-08-17T07:14:09',
    '2026-08-17 07:14:09Z',
    '2026-08-17t07:14:09z',
    '2026-02-30T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-00-10T00:00:00Z',
    '2026-08-17T24:00:00Z',
    '2026-08-17T07:60:09Z',
    '2026-08-17T07:14:60Z',
    '2026-08-17T07:14:09+24:00',
    '2026-08-17T07:14:09.1234567890Z',
    ' 2026-08-17T07:14:09Z',
    '2026-08-17T07:14:09Z\n',
    '+002026-08-17T07:14:09Z',
    '<b>2026-08-17T07:14:09Z</b>',
    `2026-08-17T07:14:09Z${' '.repeat(10_000_000)}`,
  ])('text %# is none', (text) => {
    expect(parseTimestamp(text)).toBeUndefined();
  });

  test('nothing is none', () => {
    expect(parseTimestamp(undefined)).toBeUndefined();
  });

  test('any text is read or refused, never thrown at, and a time survives being written', () => {
    const times: number[] = [];
    assert(
      property(string(), (text) => {
        times.push(parseTimestamp(text) ?? 0);
      }),
    );

    expect(times.filter(Number.isNaN)).toEqual([]);
    expect(formatTimestamp(Date.UTC(2026, 7, 17, 7, 14, 9, 500))).toBe('2026-08-17T07:14:09Z');
    expect(parseTimestamp(formatTimestamp(Date.UTC(2026, 7, 17)))).toBe(Date.UTC(2026, 7, 17));
  });
});

test('the time of a live patch is read strictly', () => {
  expect(parseCompactTimestamp('20260819T000000Z')).toBe(Date.UTC(2026, 7, 19));
  expect(parseCompactTimestamp('20260230T000000Z')).toBeUndefined();
  expect(parseCompactTimestamp('20260819')).toBeUndefined();
  expect(parseCompactTimestamp('9'.repeat(1000))).toBeUndefined();
});

test('a day is read strictly', () => {
  expect(parseDate('2026-12-23')).toBe(Date.UTC(2026, 11, 23));
  expect([undefined, '', '2026-02-30', '2026-1-1', '2026-12-23T00:00:00Z', '2026-99-99'].map(parseDate)).toEqual(
    Array.from({ length: 6 }),
  );
  expect(formatDate(Date.UTC(2026, 11, 23, 13))).toBe('2026-12-23');
});
