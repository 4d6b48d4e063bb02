import { setTimeout as sleep } from 'node:timers/promises';
import type { AuditRecord } from '../../src/audit/audit-log.ts';
import type { Check } from './checks.ts';
import { describeExpectation, type Expectation, isMet } from './expectation.ts';

/** For all that a scenario waits for, in milliseconds. */
const PATIENCE_MS = 120_000;
/** For each wait at least, also when others have used up the patience: what comes all the same must not count as missing. */
const LEAST_MS = 5_000;
const POLL_MS = 100;

/** The time in which a scenario is played, in milliseconds. */
export interface PlayTime {
  now(): number;
  wait(milliseconds: number): Promise<unknown>;
}

const realTime: PlayTime = { now: () => Date.now(), wait: async (milliseconds) => await sleep(milliseconds) };

export interface WaitOptions {
  /** What the audit says so far; grows. */
  readonly rows: readonly AuditRecord[];
  readonly objectIdOf: (name: string) => string;
  /** Aborted: every wait rejects with its reason. */
  readonly ended: AbortSignal;
  /** Default: real time. */
  readonly time?: PlayTime | undefined;
}

/** Waits for what must happen. Each wait is a check: what does not come in time does not hold, and the scenario goes on. */
export interface Waits {
  /** All waits so far. */
  readonly checks: readonly Check[];
  /** Until the audit has said all of it. */
  readonly waitFor: (expectations: readonly Expectation[]) => Promise<void>;
  /** Until something is so; `what` says so in words. */
  readonly waitUntil: (isSo: () => boolean | Promise<boolean>, what: string) => Promise<void>;
}

export function createWaits({ ended, objectIdOf, rows, time = realTime }: WaitOptions): Waits {
  const checks: Check[] = [];
  const deadline = time.now() + PATIENCE_MS;
  const isInTime = async (isSo: () => boolean | Promise<boolean>, until: number): Promise<boolean> => {
    while (!(await isSo())) {
      ended.throwIfAborted();
      if (time.now() > until) return false;
      await time.wait(POLL_MS);
    }
    return true;
  };
  const findDeadline = (): number => Math.max(deadline, time.now() + LEAST_MS);
  return {
    checks,
    async waitFor(expectations) {
      const until = findDeadline();
      for (const expectation of expectations) {
        const isIn = (): boolean => rows.some((row) => isMet(expectation, row, objectIdOf));
        checks.push({ what: describeExpectation(expectation), holds: await isInTime(isIn, until) });
      }
    },
    async waitUntil(isSo, what) {
      checks.push({ what, holds: await isInTime(isSo, findDeadline()) });
    },
  };
}
