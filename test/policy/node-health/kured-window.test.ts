import { assert, constantFrom, date, integer, property, subarray } from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  endOfNextWindow,
  parseWindow,
  startOfLastWindow,
  type WindowOptions,
} from '../../../src/policy/node-health/kured-window.ts';

const given: WindowOptions = { days: [], start: [], end: [], zone: [] };
const at = (text: string) => Date.parse(text);
const iso = (time: number | undefined) => (time === undefined ? undefined : new Date(time).toISOString());

/** A window that certainly is one. */
function windowOf(options: Partial<WindowOptions>) {
  const window = parseWindow({ ...given, ...options });
  if (window === undefined) throw new Error('no window');
  return window;
}

describe('whether kured has a window', () => {
  test('is told by its options: by default it may reboot at any time', () => {
    expect(parseWindow(given)).toBeUndefined();
    expect(
      parseWindow({
        days: ['su,mo,tue,wednesday', 'th,fr,6'],
        start: ['0:00'],
        end: ['23:59'],
        zone: ['Europe/Berlin'],
      }),
    ).toBeUndefined();
    expect(parseWindow({ ...given, end: ['23:58'] })).toMatchObject({ end: 86_280 });
    expect(parseWindow({ ...given, start: ['0:01'] })).toMatchObject({ start: 60 });
    expect(parseWindow({ ...given, days: ['sun'] })).toMatchObject({ days: new Set([0]), start: 0, end: 86_399 });
  });

  test.each([
    ['2:30', 9000],
    ['02:30', 9000],
    ['14:30:15', 52_215],
    ['14', 50_400],
    ['2pm', 50_400],
    ['02pm', 50_400],
    ['02:30pm', 52_200],
    ['12am', 0],
    ['12pm', 43_200],
  ])('%s is a time of day', (text, seconds) => {
    expect(parseWindow({ ...given, end: [text] })).toMatchObject({ end: seconds });
  });

  test.each<Partial<WindowOptions>>([
    { start: ['24:00'] },
    { start: ['13pm'] },
    { start: ['2:60'] },
    { end: ['later'] },
    { end: [''] },
    { days: ['sunny'] },
    { days: ['7'] },
    { days: ['constructor'] },
    { zone: ['Mars/Olympus'] },
    { zone: ['Europe/Berlin; rm'] },
    { zone: [''] },
    { days: 'unreadable' },
    { start: 'unreadable' },
    { end: 'unreadable' },
    { zone: 'unreadable' },
  ])('cannot be told from options %#', (options) => {
    expect(parseWindow({ ...given, ...options })).toBe('unreadable');
  });
});

describe('a window on Sundays', () => {
  const window = windowOf({ days: ['sun'], start: ['02:00'], end: ['05:00'] });

  test('that has begun is not the next one', () => {
    expect(iso(endOfNextWindow(window, at('2026-08-16T02:14:09Z')))).toBe('2026-08-23T05:00:00.000Z');
    expect(iso(endOfNextWindow(window, at('2026-08-16T01:59:59Z')))).toBe('2026-08-16T05:00:00.000Z');
    expect(iso(endOfNextWindow(window, at('2026-08-16T02:00:00Z')))).toBe('2026-08-23T05:00:00.000Z');
  });

  test('counts as finished when it has ended', () => {
    expect(iso(startOfLastWindow(window, at('2026-08-23T04:59:59Z')))).toBe('2026-08-16T02:00:00.000Z');
    expect(iso(startOfLastWindow(window, at('2026-08-23T05:00:00Z')))).toBe('2026-08-23T02:00:00.000Z');
    expect(iso(startOfLastWindow(window, at('2026-08-22T00:00:00Z')))).toBe('2026-08-16T02:00:00.000Z');
  });
});

describe('a window in a time zone', () => {
  const window = windowOf({ days: ['sun'], start: ['03:30'], end: ['06:00'], zone: ['Europe/Berlin'] });

  test.each([
    ['2026-03-20T00:00:00Z', '2026-03-22T05:00:00.000Z'],
    // Clocks go forward on 29 March, and back on 25 October.
    ['2026-03-26T00:00:00Z', '2026-03-29T04:00:00.000Z'],
    ['2026-10-20T00:00:00Z', '2026-10-25T05:00:00.000Z'],
  ])('after %s ends at %s', (since, end) => {
    expect(iso(endOfNextWindow(window, at(since)))).toBe(end);
  });

  test('is right on the day on which the clocks change, west of Greenwich, too', () => {
    const newYork = windowOf({ days: ['sun'], start: ['03:30'], end: ['04:00'], zone: ['America/New_York'] });

    expect(iso(endOfNextWindow(newYork, at('2026-03-05T00:00:00Z')))).toBe('2026-03-08T08:00:00.000Z');
    expect(iso(endOfNextWindow(newYork, at('2026-03-08T07:29:00Z')))).toBe('2026-03-08T08:00:00.000Z');
    expect(iso(endOfNextWindow(newYork, at('2026-03-08T07:30:00Z')))).toBe('2026-03-15T08:00:00.000Z');
  });

  test('is on the days of that zone', () => {
    const auckland = windowOf({ days: ['mon'], start: ['01:00'], end: ['02:00'], zone: ['Pacific/Auckland'] });

    expect(iso(endOfNextWindow(auckland, at('2026-08-22T00:00:00Z')))).toBe('2026-08-23T14:00:00.000Z');
  });
});

describe('a window over midnight', () => {
  const daily = windowOf({ start: ['22:00'], end: ['05:00'] });
  const weekend = windowOf({ days: ['sat,sun'], start: ['22:00'], end: ['05:00'] });

  test('goes on the next day', () => {
    expect(iso(endOfNextWindow(daily, at('2026-08-20T12:00:00Z')))).toBe('2026-08-21T05:00:00.000Z');
    expect(iso(startOfLastWindow(daily, at('2026-08-20T12:00:00Z')))).toBe('2026-08-19T22:00:00.000Z');
  });

  test('is cut where the next or the last day is none of its days, as kured does it', () => {
    expect(iso(endOfNextWindow(weekend, at('2026-08-20T12:00:00Z')))).toBe('2026-08-22T05:00:00.000Z');
    expect(iso(endOfNextWindow(weekend, at('2026-08-22T12:00:00Z')))).toBe('2026-08-23T05:00:00.000Z');
    expect(iso(endOfNextWindow(weekend, at('2026-08-23T12:00:00Z')))).toBe('2026-08-24T00:00:00.000Z');
    expect(iso(startOfLastWindow(weekend, at('2026-08-24T12:00:00Z')))).toBe('2026-08-23T22:00:00.000Z');
  });
});

test('a window without days never opens', () => {
  const never = windowOf({ days: [''] });

  expect(endOfNextWindow(never, at('2026-08-20T12:00:00Z'))).toBeUndefined();
  expect(startOfLastWindow(never, at('2026-08-20T12:00:00Z'))).toBeUndefined();
});

test('a window that cannot be read is taken as the longest that there can be', () => {
  const now = at('2026-08-20T12:00:00Z');

  expect(iso(endOfNextWindow('unreadable', now))).toBe('2026-08-28T12:00:00.000Z');
  expect(iso(startOfLastWindow('unreadable', now))).toBe('2026-08-12T12:00:00.000Z');
});

test('of any window the next one ends later and within eight days, and the last one started before', () => {
  const wrong: unknown[] = [];
  const zones = ['UTC', 'Europe/Berlin', 'America/St_Johns', 'Pacific/Apia', 'Asia/Kathmandu'];
  assert(
    property(
      subarray(['0', '1', '2', '3', '4', '5', '6'], { minLength: 1 }),
      integer({ min: 0, max: 23 }),
      integer({ min: 0, max: 23 }),
      constantFrom(...zones),
      date({ min: new Date('2020-01-01'), max: new Date('2030-01-01'), noInvalidDate: true }),
      (days, start, end, zone, moment) => {
        const window = parseWindow({ days, start: [String(start)], end: [String(end)], zone: [zone] });
        if (window === undefined) return;
        const now = moment.getTime();
        const next = endOfNextWindow(window, now) ?? 0;
        const last = startOfLastWindow(window, now) ?? 0;
        if (next <= now || next > now + 8.1 * 86_400_000) wrong.push([days, start, end, zone, moment, next]);
        if (last > now || last < now - 8.1 * 86_400_000) wrong.push([days, start, end, zone, moment, last]);
      },
    ),
    { numRuns: 300 },
  );

  expect(wrong).toEqual([]);
});
