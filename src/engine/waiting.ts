import type { DockwardenError } from '../errors.ts';
import { LIMITS } from './ports.ts';

/** First wait; doubles with every try. */
const FIRST_RETRY = 5000;
/** Waits for a read-back that does not show the change yet: at most three reads in the first ten seconds. */
const VERIFICATION_WAITS: readonly number[] = [2000, 5000, 10_000, 30_000];
const LONGEST_VERIFICATION_WAIT = 60_000;
/** Waits after a run that failed for good, before a sweep tries again. */
const BACKOFF_HOURS: readonly number[] = [1, 4];
const LONGEST_BACKOFF_HOURS = 24;

/** How long to wait before try number `attempt` + 1; what the service asked for wins when it is longer. */
export function retryDelay(attempt: number, error?: DockwardenError): number {
  const own = Math.min(FIRST_RETRY * 2 ** Math.min(attempt, 20), LIMITS.retry);
  return Math.min(Math.max(own, error?.details.retryAfterMs ?? 0), LIMITS.message);
}

export function verificationDelay(attempt: number): number {
  return VERIFICATION_WAITS[attempt] ?? LONGEST_VERIFICATION_WAIT;
}

/** When a sweep may try again after the n-th run that failed for good (n from 1). */
export function backoffUntil(failures: number, now: Date): Date {
  const hours = BACKOFF_HOURS[failures - 1] ?? LONGEST_BACKOFF_HOURS;
  return new Date(now.getTime() + hours * 3_600_000);
}

/** The delay of a message that is to come at a moment: never negative, and never longer than a message can wait. */
export function delayUntil(moment: Date, now: Date): number {
  return Math.min(Math.max(0, moment.getTime() - now.getTime()), LIMITS.message);
}
