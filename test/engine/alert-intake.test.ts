import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sampleId } from '../../local/azure/sample-subscription.ts';
import { acceptEvents } from '../../src/engine/accept.ts';
import { DockwardenError } from '../../src/errors.ts';
import { type EngineHarness, startEngine } from '../support/engine-harness.ts';

const REGISTRY = sampleId('contosobuild');
const T0 = '2026-11-23T09:00:00.000Z';
const T1 = '2026-11-23T09:10:00.000Z';
const T2 = '2026-11-23T09:20:00.000Z';
const T3 = '2026-11-23T09:30:00.000Z';

let engine: EngineHarness;
/** The next write to table `work` fails: the worker dies between its two steps. */
let isWorkBroken = false;

beforeEach(async () => {
  isWorkBroken = false;
  engine = await startEngine({
    wrapContext: (context) => ({
      ...context,
      work: {
        ...context.work,
        async get(resource) {
          if (isWorkBroken) throw new DockwardenError('STORAGE_UNAVAILABLE', 'no answer');
          return await context.work.get(resource);
        },
      },
    }),
  });
});

afterEach(async () => {
  await engine.stop();
});

function alert(Status: string, ProcessingEndTime: string) {
  return {
    AlertType: 'ARM_AnomalousOperation.Impact',
    TimeGenerated: T0,
    ProcessingEndTime,
    Severity: 'Low',
    Status,
    SystemAlertId: 'alert-1',
    AzureResourceId: REGISTRY,
    AlertDisplayName: 'Something odd',
  };
}

const accept = async (message: unknown) => await acceptEvents(engine.context(), message, 'defender-alerts');
const ticketState = () => engine.tickets().find(({ discriminator }) => discriminator === 'alert-1')?.state;
const closings = () => engine.audit('input').filter(({ reason }) => reason === 'alert-closed');

describe('an alert that is closed, opened again, and closed once more', () => {
  it('has a ticket that follows each time at once', async () => {
    await accept(alert('New', T0));
    await engine.settle(0);
    expect(ticketState()).toBe('open');

    for (const [status, time, state] of [
      ['Resolved', T1, 'resolved'],
      ['New', T2, 'open'],
      ['Dismissed', T3, 'resolved'],
    ] as const) {
      await accept(alert(status, time));
      await engine.settle(0);
      expect([time, ticketState()]).toEqual([time, state]);
    }
    expect(closings()).toHaveLength(2);
  });

  it('is not looked at again for what was told before', async () => {
    for (const [status, time] of [
      ['New', T0],
      ['Resolved', T1],
      ['New', T2],
    ] as const)
      await accept(alert(status, time));
    await engine.settle(0);
    const calls = engine.calls().length;

    for (const [status, time] of [
      ['New', T2],
      ['New', T0],
      ['Resolved', T1],
    ] as const)
      await accept(alert(status, time));
    await engine.settle(0);

    expect(engine.calls()).toHaveLength(calls);
    expect(ticketState()).toBe('open');
    expect(closings()).toHaveLength(1);
  });
});

describe('a worker that dies after an alert was stored and before its resource was marked', () => {
  it.each([
    ['New', T0, 'open'],
    ['Resolved', T1, 'resolved'],
  ] as const)('leaves it to the next delivery: %s', async (status, time, state) => {
    if (status === 'Resolved') {
      await accept(alert('New', T0));
      await engine.settle(0);
    }
    isWorkBroken = true;
    await expect(accept(alert(status, time))).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
    isWorkBroken = false;

    expect(await accept(alert(status, time))).toMatchObject({ marked: 1 });
    await engine.settle(0);

    expect(ticketState()).toBe(state);
  });
});

describe('an alert that was closed before anybody heard of it', () => {
  it('leads to nothing, and is not on record', async () => {
    expect(await accept(alert('Resolved', T1))).toEqual({ marked: 0, ignored: 1, invalid: 0 });

    expect(engine.queue).toEqual([]);
    expect(closings()).toEqual([]);
  });
});
