import { Cron } from 'croner';
import type { SweepRecord } from '../guards/sweep-record.ts';
import type { HealthReason } from './reasons.ts';

/** A sweep may take this long until it is on record, and the host may be this late with it, in milliseconds. */
const SLACK = 15 * 60_000;

export interface SweepFacts {
  /** NCRONTAB; undefined = not set, or malformed. */
  readonly schedule: string | undefined;
  /** Undefined = there was none yet. */
  readonly last: SweepRecord | undefined;
  /** When the tables were first used, ISO 8601: from here on a first sweep is waited for. Undefined = not known. */
  readonly createdAt: string | undefined;
}

/** Has the sweep run lately? It is overdue when it has missed two of its moments, and in a new deployment the first one. */
export function findSweepProblems({ schedule, last, createdAt }: SweepFacts, now: Date): readonly HealthReason[] {
  const cron = schedule === undefined ? undefined : readSchedule(schedule);
  if (cron === undefined) {
    const message =
      'SWEEP_SCHEDULE is missing or cannot be read, so the sweep does not run. Set it, for example to 0 0 */6 * * *.';
    return [{ code: 'sweep-not-scheduled', message }];
  }
  const reasons: HealthReason[] = [];
  if (last?.complete === false) {
    const message = `The sweep of ${last.startedAt} could not read everything: the newest audit row with reason sweep-incomplete says why.`;
    reasons.push({ code: 'sweep-incomplete', message });
  }
  const since = last?.startedAt ?? createdAt;
  if (since === undefined) return reasons;
  const due = cron.nextRuns(last === undefined ? 1 : 2, new Date(since)).at(-1);
  if (due === undefined || now.getTime() <= due.getTime() + SLACK) return reasons;
  const seen = last === undefined ? `There was no sweep since ${since}` : `The last sweep began at ${since}`;
  const message = `${seen}, and one was due at ${due.toISOString()}. Look at the invocations of function sweep: it is switched off, fails or takes longer than ten minutes.`;
  return [...reasons, { code: 'sweep-overdue', message }];
}

/** As the Functions host reads it: in UTC, and day and weekday have to match both. Undefined for what it cannot run. */
function readSchedule(schedule: string): Cron | undefined {
  try {
    return new Cron(schedule, { timezone: 'UTC', domAndDow: true, paused: true });
  } catch {
    return undefined;
  }
}
