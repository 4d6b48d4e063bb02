import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../src/engine/ports.ts';
import { backoffUntil, delayUntil, retryDelay, verificationDelay } from '../../src/engine/waiting.ts';
import { DockwardenError } from '../../src/errors.ts';

function asking(retryAfterMs: number): DockwardenError {
  return new DockwardenError('AZURE_TRANSIENT', 'throttled', { retryAfterMs });
}

describe('the wait before another try', () => {
  it('doubles from five seconds to a quarter of an hour', () => {
    const seconds = [0, 1, 2, 3, 7, 8, 50, 5000].map((attempt) => retryDelay(attempt) / 1000);

    expect(seconds).toEqual([5, 10, 20, 40, 640, 900, 900, 900]);
  });

  it('is what Azure asks for when that is longer, and never longer than a message can wait', () => {
    expect(retryDelay(0, asking(60_000))).toBe(60_000);
    expect(retryDelay(0, asking(1000))).toBe(5000);
    expect(retryDelay(8, asking(60_000))).toBe(LIMITS.retry);
    expect(retryDelay(0, asking(7 * LIMITS.message))).toBe(LIMITS.message);
    expect(retryDelay(0, new DockwardenError('AZURE_BUSY', 'busy'))).toBe(5000);
  });
});

describe('the delay of a message that is to come at a moment', () => {
  const now = new Date('2026-11-23T10:00:00.000Z');

  it.each([
    ['2026-11-23T10:00:00.000Z', 0],
    ['2026-11-23T09:59:59.999Z', 0],
    ['1970-01-01T00:00:00.000Z', 0],
    ['2026-11-23T10:00:00.001Z', 1],
    ['2026-11-24T10:00:00.000Z', LIMITS.message],
    ['2026-11-24T10:00:00.001Z', LIMITS.message],
    ['9999-12-31T23:59:59.999Z', LIMITS.message],
  ])('is never negative, and never longer than a message can wait: %s', (moment, expected) => {
    expect(delayUntil(new Date(moment), now)).toBe(expected);
  });
});

describe('the wait before another read-back', () => {
  it('allows three reads in the first ten seconds, then one a minute at most', () => {
    const waits = [0, 1, 2, 3, 4, 5, 100].map(verificationDelay);

    expect(waits).toEqual([2000, 5000, 10_000, 30_000, 60_000, 60_000, 60_000]);
    expect((waits[0] ?? 0) + (waits[1] ?? 0)).toBeLessThan(10_000);
  });
});

describe('the wait after a failure for good', () => {
  it.each([
    [1, 1],
    [2, 4],
    [3, 24],
    [4, 24],
    [1000, 24],
  ])('number %d is %d hours', (failures, hours) => {
    const now = new Date('2026-11-23T10:00:00.000Z');

    expect(backoffUntil(failures, now).getTime() - now.getTime()).toBe(hours * 3_600_000);
  });
});
