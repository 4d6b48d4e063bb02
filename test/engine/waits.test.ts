import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Decision } from '../../src/engine/decide.ts';
import { LIMITS } from '../../src/engine/ports.ts';
import { scheduleLook, sooner, waitFor } from '../../src/engine/waits.ts';
import { DockwardenError } from '../../src/errors.ts';
import { parseResourceId } from '../../src/resources/resource-id.ts';
import type { PendingCause } from '../../src/work/work-items.ts';
import { disableAdminUser } from '../acceptance/remediation-scenes.ts';
import { type EngineHarness, startEngine } from '../support/engine-harness.ts';
import { findAdminPolicy } from './catalogue-entries.ts';

let engine: EngineHarness;

beforeEach(async () => {
  engine = await startEngine();
});

afterEach(async () => {
  await engine.stop();
});

const target = parseResourceId(disableAdminUser.resourceId);
const policy = findAdminPolicy();

/** Milliseconds from now. */
function inMs(ms: number): Date {
  return new Date(engine.clock.now().getTime() + ms);
}

async function schedule(decision: Decision, causes: readonly PendingCause[] = []): Promise<void> {
  await scheduleLook({ context: engine.context(), target, causes, previous: new Map() }, policy, decision);
}

describe('a look at a known moment', () => {
  it.each([
    [0, 0],
    [-1, 0],
    [-7_000_000, 0],
    [1, 1],
    [LIMITS.message, LIMITS.message],
  ])('never has a negative delay: in %i ms', async (ms, delayMs) => {
    await schedule({ decision: 'defer', reason: 'outside-window', until: inMs(ms) });

    expect(engine.queue).toMatchObject([{ delayMs }]);
  });

  it('is left to the sweep when it is more than a day away, or the end of a back-off', async () => {
    await schedule({ decision: 'defer', reason: 'frozen', until: inMs(LIMITS.message + 1) });
    await schedule({ decision: 'defer', reason: 'backing-off', until: inMs(1000) });
    await schedule({ decision: 'observe', reason: 'mode-observe' });

    expect(engine.queue).toEqual([]);
  });
});

describe('of several waits', () => {
  const short = { delayMs: 5000 };
  const long = { delayMs: 86_400_000, previousRunId: 'r' };

  it('the shortest wins, in whatever order they come', () => {
    expect(sooner(short, long)).toBe(short);
    expect(sooner(long, short)).toBe(short);
    expect(sooner(undefined, long)).toBe(long);
    expect(sooner(long, undefined)).toBe(long);
    expect(sooner(undefined, undefined)).toBeUndefined();
    expect(sooner(short, { ...short })).toBe(short);
  });

  it('one is as long as Azure asks for, except that of a resource which Azure is changing', () => {
    const error = new DockwardenError('AZURE_TRANSIENT', 'throttled', { retryAfterMs: 3_600_000 });
    const decided = (reason: string) => ({
      decision: { decision: 'defer', reason, isPassing: true } as const,
      memory: {},
      error,
    });

    expect(waitFor(decided('preflight-unavailable'), 0)).toEqual({ delayMs: 3_600_000 });
    expect(waitFor(decided('resource-busy'), 0)).toEqual({ delayMs: 60_000 });
    expect(waitFor({ decision: { decision: 'defer', reason: 'frozen' }, memory: {} }, 0)).toBeUndefined();
  });
});
