import { assert, jsonValue, property } from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hasWindowEnded } from '../../../src/policy/node-health/maintenance.ts';
import { NodeOsMaintenance } from '../../../src/resources/node-os-maintenance.ts';

type Json = Readonly<Record<string, unknown>>;
const at = (text: string) => Date.parse(text);

function maintenance(schedule: unknown, change: Json = {}): NodeOsMaintenance {
  return NodeOsMaintenance.parse({
    properties: {
      maintenanceWindow: { schedule, durationHours: 4, startDate: '2026-01-01', startTime: '01:00', ...change },
    },
  });
}

/** Did a window end between the two moments? Both are included. */
function ended(plan: NodeOsMaintenance, from: string, to: string): boolean | 'unreadable' {
  return hasWindowEnded(plan, at(from), at(to));
}

const sundays = { weekly: { intervalWeeks: 1, dayOfWeek: 'Sunday' } };

describe('a weekly window', () => {
  test('has ended when its last hour is over', () => {
    const plan = maintenance(sundays);

    expect(ended(plan, '2026-08-17T00:00:00Z', '2026-08-23T04:59:59Z')).toBe(false);
    expect(ended(plan, '2026-08-17T00:00:00Z', '2026-08-23T05:00:00Z')).toBe(true);
    expect(ended(plan, '2026-08-23T05:00:01Z', '2026-08-30T04:00:00Z')).toBe(false);
  });

  test('opens by the clock of its offset', () => {
    expect(ended(maintenance(sundays, { utcOffset: '+02:00' }), '2026-08-17T00:00:00Z', '2026-08-23T03:00:00Z')).toBe(
      true,
    );
    expect(ended(maintenance(sundays, { utcOffset: '+02:00' }), '2026-08-17T00:00:00Z', '2026-08-23T02:59:00Z')).toBe(
      false,
    );
    expect(ended(maintenance(sundays, { utcOffset: '-03:30' }), '2026-08-17T00:00:00Z', '2026-08-23T08:29:00Z')).toBe(
      false,
    );
    expect(ended(maintenance(sundays, { utcOffset: '-03:30' }), '2026-08-17T00:00:00Z', '2026-08-23T08:30:00Z')).toBe(
      true,
    );
  });

  test('of every third week counts from the first such day of the schedule', () => {
    const plan = maintenance({ weekly: { intervalWeeks: 3, dayOfWeek: 'monday' } });

    // 5 January, 26 January, …, 3 August, 24 August 2026.
    expect(ended(plan, '2026-08-04T00:00:00Z', '2026-08-24T04:00:00Z')).toBe(false);
    expect(ended(plan, '2026-08-04T00:00:00Z', '2026-08-24T05:00:00Z')).toBe(true);
  });

  test('does not open before the schedule starts', () => {
    expect(
      ended(maintenance(sundays, { startDate: '2026-08-24' }), '2020-01-01T00:00:00Z', '2026-08-29T00:00:00Z'),
    ).toBe(false);
    expect(
      ended(maintenance(sundays, { startDate: '2026-08-24' }), '2020-01-01T00:00:00Z', '2026-08-30T05:00:00Z'),
    ).toBe(true);
    expect(ended(maintenance(sundays, { startDate: undefined }), '2026-08-17T00:00:00Z', '2026-08-23T05:00:00Z')).toBe(
      true,
    );
  });
});

describe('a daily window', () => {
  test('of every fifth day counts from the start of the schedule', () => {
    const plan = maintenance({ daily: { intervalDays: 5 } });

    // 1 January, 6 January, …
    expect(ended(plan, '2025-01-01T00:00:00Z', '2026-01-01T05:00:00Z')).toBe(true);
    expect(ended(plan, '2026-01-06T06:00:00Z', '2026-01-11T04:00:00Z')).toBe(false);
    expect(ended(plan, '2026-01-06T06:00:00Z', '2026-01-11T05:00:00Z')).toBe(true);
  });

  test('of every day needs no start, and may go over midnight', () => {
    const plan = maintenance({ daily: { intervalDays: 1 } }, { startDate: undefined, startTime: '23:00' });

    expect(ended(plan, '2026-08-20T03:01:00Z', '2026-08-21T02:59:00Z')).toBe(false);
    expect(ended(plan, '2026-08-20T03:01:00Z', '2026-08-21T03:00:00Z')).toBe(true);
  });
});

describe('a monthly window', () => {
  test('on a day of the month skips the months that have no such day', () => {
    const plan = maintenance({ absoluteMonthly: { intervalMonths: 1, dayOfMonth: 31 } });

    expect(ended(plan, '2026-02-01T00:00:00Z', '2026-03-31T04:00:00Z')).toBe(false);
    expect(ended(plan, '2026-02-01T00:00:00Z', '2026-03-31T05:00:00Z')).toBe(true);
  });

  test('of every second month counts from the month in which the schedule starts', () => {
    const plan = maintenance({ absoluteMonthly: { intervalMonths: 2, dayOfMonth: 10 } }, { startDate: '2026-01-15' });

    // 10 January is before the start; then 10 March.
    expect(ended(plan, '2025-01-01T00:00:00Z', '2026-03-10T04:00:00Z')).toBe(false);
    expect(ended(plan, '2025-01-01T00:00:00Z', '2026-03-10T05:00:00Z')).toBe(true);
  });

  test('of every third month does so, too', () => {
    const plan = maintenance({ absoluteMonthly: { intervalMonths: 3, dayOfMonth: 10 } }, { startDate: '2026-02-01' });

    expect(ended(plan, '2026-02-11T00:00:00Z', '2026-05-10T04:00:00Z')).toBe(false);
    expect(ended(plan, '2026-02-11T00:00:00Z', '2026-05-10T05:00:00Z')).toBe(true);
  });

  test.each([
    ['First', '2026-08-02'],
    ['second', '2026-08-09'],
    ['Third', '2026-08-16'],
    ['Fourth', '2026-08-23'],
    ['Last', '2026-08-30'],
  ])('on the %s Sunday is on %s', (weekIndex, day) => {
    const plan = maintenance(
      { relativeMonthly: { intervalMonths: 1, weekIndex, dayOfWeek: 'Sunday' } },
      { startDate: undefined },
    );

    expect(ended(plan, `${day}T00:00:00Z`, `${day}T04:59:00Z`)).toBe(false);
    expect(ended(plan, `${day}T00:00:00Z`, `${day}T05:00:00Z`)).toBe(true);
  });
});

const lateOnSunday = (durationHours: number) =>
  maintenance(sundays, {
    startTime: '20:00',
    durationHours,
    notAllowedDates: [{ start: '2026-08-24', end: '2026-08-24' }],
  });

const hasPassed = (plan: NodeOsMaintenance) => ended(plan, '2026-08-17T00:00:00Z', '2026-08-24T00:00:00Z');

const sundaysBut = (start: string, end: string) => maintenance(sundays, { notAllowedDates: [{ start, end }] });

describe('the exact times of a window', () => {
  test('may be at any minute', () => {
    const plan = maintenance(sundays, { startTime: '01:45' });

    expect(ended(plan, '2026-08-17T00:00:00Z', '2026-08-23T05:44:59Z')).toBe(false);
    expect(ended(plan, '2026-08-17T00:00:00Z', '2026-08-23T05:45:00Z')).toBe(true);
  });

  test('are those of the last Wednesday of a month', () => {
    const plan = maintenance({ relativeMonthly: { intervalMonths: 1, weekIndex: 'last', dayOfWeek: 'Wednesday' } });

    expect(ended(plan, '2026-08-01T00:00:00Z', '2026-08-26T04:59:00Z')).toBe(false);
    expect(ended(plan, '2026-08-20T00:00:00Z', '2026-08-26T05:00:00Z')).toBe(true);
    expect(ended(plan, '2026-08-26T05:01:00Z', '2026-09-01T00:00:00Z')).toBe(false);
  });

  test('may be on another day than in UTC', () => {
    const plan = maintenance(sundays, { startTime: '00:00', durationHours: 1, utcOffset: '+02:00' });

    expect(ended(plan, '2026-08-20T00:00:00Z', '2026-08-22T22:59:00Z')).toBe(false);
    expect(ended(plan, '2026-08-20T00:00:00Z', '2026-08-22T23:30:00Z')).toBe(true);
  });

  test('may be on the day on which the schedule starts', () => {
    const plan = maintenance({ absoluteMonthly: { intervalMonths: 6, dayOfMonth: 15 } }, { startDate: '2026-01-15' });

    expect(ended(plan, '2026-01-01T00:00:00Z', '2026-01-15T05:00:00Z')).toBe(true);
  });
});

describe('days without maintenance', () => {
  test('rule out a window on any of them, the first and the last included', () => {
    expect(hasPassed(sundaysBut('2026-08-23', '2026-09-05'))).toBe(false);
    expect(hasPassed(sundaysBut('2026-08-01', '2026-08-23'))).toBe(false);
    expect(hasPassed(sundaysBut('2026-08-01', '2026-08-22'))).toBe(true);
    expect(hasPassed(sundaysBut('2026-08-24', '2026-09-05'))).toBe(true);
  });

  test('rule out a window that goes on into them, and not one that ends with the day before', () => {
    expect(ended(lateOnSunday(4), '2026-08-17T02:00:00Z', '2026-08-25T00:00:00Z')).toBe(true);
    expect(ended(lateOnSunday(5), '2026-08-17T02:00:00Z', '2026-08-25T00:00:00Z')).toBe(false);
  });
});

describe('a schedule is not understood', () => {
  const window = { startDate: '2026-01-01', startTime: '01:00', durationHours: 4 };
  const tooMany = Array.from({ length: 101 }, () => ({ start: '2020-01-01', end: '2020-01-02' }));

  test.each<[string, unknown, Json]>([
    ['none', {}, window],
    ['two forms', { ...sundays, daily: { intervalDays: 1 } }, window],
    ['no weekday', { weekly: { intervalWeeks: 1 } }, window],
    ['no weekday that there is', { weekly: { intervalWeeks: 1, dayOfWeek: 'Funday' } }, window],
    ['no interval of weeks', { weekly: { dayOfWeek: 'Sunday' } }, window],
    ['no interval of days', { daily: {} }, window],
    ['an interval of zero', { daily: { intervalDays: 0 } }, window],
    ['a huge interval', { daily: { intervalDays: 1e9 } }, window],
    ['every second day since when', { daily: { intervalDays: 2 } }, { startDate: undefined }],
    ['every second week since when', { weekly: { intervalWeeks: 2, dayOfWeek: 'Sunday' } }, { startDate: undefined }],
    [
      'every second month since when',
      { absoluteMonthly: { intervalMonths: 2, dayOfMonth: 1 } },
      { startDate: undefined },
    ],
    ['no day of the month', { absoluteMonthly: { intervalMonths: 1 } }, window],
    ['day 32', { absoluteMonthly: { intervalMonths: 1, dayOfMonth: 32 } }, window],
    ['no interval of months', { absoluteMonthly: { dayOfMonth: 1 } }, window],
    ['no week', { relativeMonthly: { intervalMonths: 1, dayOfWeek: 'Sunday' } }, window],
    ['fifth week', { relativeMonthly: { intervalMonths: 1, weekIndex: 'Fifth', dayOfWeek: 'Sunday' } }, window],
    ['no weekday of the month', { relativeMonthly: { intervalMonths: 1, weekIndex: 'Last' } }, window],
    ['no time', sundays, { startTime: undefined }],
    ['a wrong time', sundays, { startTime: '25:00' }],
    ['no duration', sundays, { durationHours: undefined }],
    ['a duration of nothing', sundays, { durationHours: 0 }],
    ['a wrong offset', sundays, { utcOffset: 'Z' }],
    ['a huge offset', sundays, { utcOffset: '+15:00' }],
    ['a wrong start', sundays, { startDate: '2026-02-30' }],
    ['a closed range without an end', sundays, { notAllowedDates: [{ start: '2026-01-01' }] }],
    ['a closed range without a start', sundays, { notAllowedDates: [{ end: '2026-01-01' }] }],
    [
      'a closed range that ends before it starts',
      sundays,
      { notAllowedDates: [{ start: '2026-01-02', end: '2026-01-01' }] },
    ],
    ['too many closed ranges', sundays, { notAllowedDates: tooMany }],
  ])('with %s', (_what, schedule, change) => {
    expect(ended(maintenance(schedule, change), '2026-08-01T00:00:00Z', '2026-08-20T00:00:00Z')).toBe('unreadable');
  });

  test('when it rules out thousands of windows in a row', () => {
    const plan = maintenance(
      { daily: { intervalDays: 1 } },
      { startDate: '0001-01-01', notAllowedDates: [{ start: '1000-01-01', end: '9999-12-31' }] },
    );

    expect(hasWindowEnded(plan, 0, at('2026-08-20T00:00:00Z'))).toBe('unreadable');
  });
});

test('any configuration is read or refused, in good time', () => {
  const found: unknown[] = [];
  assert(
    property(jsonValue(), jsonValue(), jsonValue(), (schedule, dates, start) => {
      for (const shape of [schedule, { weekly: schedule }, { daily: { intervalDays: 366 } }, sundays]) {
        const plan = maintenance(shape, {
          notAllowedDates: dates,
          ...(typeof start === 'string' && { startDate: start }),
        });
        found.push(hasWindowEnded(plan, 0, at('2026-08-20T00:00:00Z')));
      }
      found.push(hasWindowEnded(NodeOsMaintenance.parse({ properties: schedule }), 0, 1e12));
    }),
  );

  expect(found.filter((value) => typeof value !== 'boolean' && value !== 'unreadable')).toEqual([]);
});
