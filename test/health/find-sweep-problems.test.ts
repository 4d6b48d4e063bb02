import { describe, expect, test } from 'vitest';
import { parseSchedule } from '../../local/host/ncrontab.ts';
import type { SweepRecord } from '../../src/guards/sweep-record.ts';
import { findSweepProblems } from '../../src/health/find-sweep-problems.ts';

const SIX_HOURS = '0 0 */6 * * *';

function swept(startedAt: string, complete = true): SweepRecord {
  return { startedAt, finishedAt: startedAt, complete, resources: 0, queued: 0 };
}

function codesAt(now: string, facts: Partial<Parameters<typeof findSweepProblems>[0]>): readonly string[] {
  const all = { schedule: SIX_HOURS, last: undefined, createdAt: undefined, ...facts };
  return findSweepProblems(all, new Date(now)).map(({ code }) => code);
}

describe('a sweep is overdue', () => {
  test('when two of its moments have passed since the last one, and a quarter of an hour', () => {
    const last = swept('2026-05-01T00:00:02Z');

    expect(codesAt('2026-05-01T12:15:00Z', { last })).toEqual([]);
    expect(codesAt('2026-05-01T12:15:01Z', { last })).toEqual(['sweep-overdue']);
  });

  test('by the schedule, and not by the distance of two moments: nobody sweeps at the weekend', () => {
    const facts = { schedule: '0 0 8 * * MON-FRI', last: swept('2026-05-01T08:00:01Z') };

    // A Friday; the next two are Monday and Tuesday.
    expect(codesAt('2026-05-05T08:14:00Z', facts)).toEqual([]);
    expect(codesAt('2026-05-05T08:16:00Z', facts)).toEqual(['sweep-overdue']);
  });

  test('in a new deployment when the first moment has passed', () => {
    const createdAt = '2026-05-01T00:30:00Z';

    expect(codesAt('2026-05-01T06:15:00Z', { createdAt })).toEqual([]);
    expect(codesAt('2026-05-01T06:15:01Z', { createdAt })).toEqual(['sweep-overdue']);
  });

  test('never, while it is not known since when the app is there', () => {
    expect(codesAt('2030-01-01T00:00:00Z', {})).toEqual([]);
  });

  test('and says since when, and when it should have been', () => {
    const [reason] = findSweepProblems(
      { schedule: SIX_HOURS, last: swept('2026-05-01T00:00:02Z'), createdAt: undefined },
      new Date('2026-05-02T00:00:00Z'),
    );

    expect(reason?.message).toMatch(/began at 2026-05-01T00:00:02Z, and one was due at 2026-05-01T12:00:00.000Z/);
  });
});

test('a sweep that could not read everything is named, also when it is recent', () => {
  expect(codesAt('2026-05-01T00:01:00Z', { last: swept('2026-05-01T00:00:00Z', false) })).toEqual(['sweep-incomplete']);
});

test.each([undefined, '0 0 25 * * *', 'often', '* * *'])(
  'without a schedule that can be read (%s) it does not run',
  (schedule) => {
    expect(codesAt('2026-05-01T00:00:00Z', { schedule, last: swept('2026-05-01T00:00:00Z') })).toEqual([
      'sweep-not-scheduled',
    ]);
  },
);

/** The local host reads NCRONTAB by the rules of the Functions host. */
test.each([
  '0 0 */6 * * *',
  '0 */20 8-18 * * 1-5',
  '30 2 * * *',
  '0 0 0 1 JAN,Jul *',
  '0 0 0 13 * 5',
  '15,45 5 4 * * SUN',
])('%s means here what it means to the host', (schedule) => {
  const host = parseSchedule(schedule);
  const start = new Date('2026-03-01T00:00:00Z');
  const first = host.next(start);
  const second = host.next(first);
  const last = swept(start.toISOString());

  const justInTime = new Date(second.getTime() + 15 * 60_000);
  expect(codesAt(justInTime.toISOString(), { schedule, last })).toEqual([]);
  expect(codesAt(new Date(justInTime.getTime() + 1000).toISOString(), { schedule, last })).toEqual(['sweep-overdue']);
});
