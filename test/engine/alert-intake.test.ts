import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sampleId } from '../../local/azure/sample-subscription.ts';
import { acceptEvents } from '../../src/engine/accept.ts';
import { pollAlerts } from '../../src/engine/poll-alerts.ts';
import { sweepResources } from '../../src/engine/sweep.ts';
import { DockwardenError } from '../../src/errors.ts';
import { parseResourceId } from '../../src/resources/resource-id.ts';
import { hashOf } from '../../src/storage/resource-key.ts';
import { type EngineHarness, startEngine } from '../support/engine-harness.ts';
import { throttle } from '../support/throttle.ts';

const REGISTRY = sampleId('contosobuild');
const OTHER = sampleId('contosoacr');
const T0 = '2026-11-23T09:00:00.000Z';
const T1 = '2026-11-23T09:10:00.000Z';
const T2 = '2026-11-23T09:20:00.000Z';
const T3 = '2026-11-23T09:30:00.000Z';

let engine: EngineHarness;
/** Table `work` fails for all but one resource: the worker dies between its two steps. */
let isWorkBroken = false;
/** What comes in while the next look is under way. */
let duringLook: (() => Promise<unknown>) | undefined;
/** What the engine has logged as an error. */
let errors: string[] = [];

beforeEach(async () => {
  isWorkBroken = false;
  duringLook = undefined;
  errors = [];
  engine = await startEngine({
    wrapContext: (context) => ({
      ...context,
      log: { ...context.log, error: (message) => errors.push(message) },
      findings: {
        ...context.findings,
        async ofResource(resource) {
          const comesIn = duringLook;
          duringLook = undefined;
          await comesIn?.();
          return await context.findings.ofResource(resource);
        },
      },
      work: {
        ...context.work,
        async get(resource) {
          if (isWorkBroken && resource.key !== OTHER.toLowerCase())
            throw new DockwardenError('STORAGE_UNAVAILABLE', 'no answer');
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
const alertStates = () =>
  engine
    .tickets()
    .filter(({ policyId }) => policyId === 'acr-alerts-closed')
    .map(({ state }) => state);
const closings = () => engine.audit('input').filter(({ reason }) => reason === 'alert-closed');

/** Somebody edits the row of a resource: it cannot be read any more. */
async function damageWork(resourceId: string): Promise<void> {
  const hash = hashOf(parseResourceId(resourceId));
  await engine.tables.work.insert({ partitionKey: hash.slice(0, 2), rowKey: hash }, { pending: 'not JSON' });
}

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

  it('leaves an alert that is opened again to the next delivery, too', async () => {
    for (const [status, time] of [
      ['New', T0],
      ['Resolved', T1],
    ] as const) {
      await accept(alert(status, time));
      await engine.settle(0);
    }
    isWorkBroken = true;
    await expect(accept(alert('New', T2))).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
    isWorkBroken = false;

    await accept(alert('New', T2));
    await engine.settle(0);

    expect(ticketState()).toBe('open');
  });
});

describe('an alert that comes in while its resource is looked at', () => {
  it('does not wait for the moment that this look puts the next one off to', async () => {
    throttle(engine, { method: 'GET', path: /registries\/contosobuild\?/, times: 1 });
    duringLook = async () => {
      await accept(alert('New', T0));
      engine.clock.advance(1000);
    };
    engine.simulator.as('operator').patch(REGISTRY, { tags: { touched: 'yes' } });

    await engine.settle(600_000);

    expect(ticketState()).toBe('open');
  });
});

describe('an alert that was closed before anybody heard of it', () => {
  it('leads to nothing, and is on record when somebody sends it', async () => {
    expect(await accept(alert('Resolved', T1))).toEqual({ marked: 0, ignored: 1, invalid: 0 });

    expect(engine.queue).toEqual([]);
    expect(closings()).toMatchObject([{ causeId: 'alert-1', causeKind: 'alert', resourceId: REGISTRY }]);
  });
});

describe('what was told, where a row cannot be read', () => {
  it('is judged without the alert that somebody has damaged, and the rest of the look goes on', async () => {
    await accept(alert('New', T0));
    await accept({ ...alert('New', T0), SystemAlertId: 'alert-2' });
    const row = engine.tables.alerts.rows.find(({ columns }) => columns['id'] === 'alert-2');
    if (row === undefined) throw new Error('the alert is not stored');
    await engine.tables.alerts.replace(row, { ...row.columns, severity: 'Worst' }, row.etag);
    await engine.settle(0);

    expect(engine.tickets().map(({ discriminator }) => discriminator)).toContain('alert-1');
    expect(engine.tickets().map(({ discriminator }) => discriminator)).not.toContain('alert-2');
    expect(errors).toEqual(['an alert cannot be read']);
  });

  it('is not over because of that, and is looked at again once Defender has told of it anew', async () => {
    await accept(alert('New', T0));
    await accept({ ...alert('New', T0), SystemAlertId: 'alert-2' });
    await engine.settle(0);
    const [one, two] = engine.tables.alerts.rows;
    if (one === undefined || two === undefined) throw new Error('the alerts are not stored');
    for (const row of [one, two]) {
      await engine.tables.alerts.replace(row, { ...row.columns, severity: 'Worst' }, row.etag);
      await sweepResources(engine.context());
      await engine.settle();
      expect(engine.findings().find(({ policyId }) => policyId === 'acr-alerts-closed')).toMatchObject({
        status: 'open',
        verdict: row === one ? 'violation' : 'unknown',
      });
      expect(alertStates()).toEqual(['open', 'open']);
    }
    expect(engine.findings().find(({ policyId }) => policyId === 'acr-credentials-not-compromised')).toMatchObject({
      verdict: 'unknown',
    });

    for (const SystemAlertId of ['alert-1', 'alert-2']) await accept({ ...alert('Resolved', T1), SystemAlertId });
    await engine.settle(0);

    expect(alertStates()).toEqual(['resolved', 'resolved']);
  });

  it('is looked at again when Defender tells of it anew while nobody has seen it', async () => {
    await accept(alert('New', T0));
    const [row] = engine.tables.alerts.rows;
    if (row === undefined) throw new Error('the alert is not stored');
    const damaged = { ...row.columns, severity: 'Worst', id: 7 };
    await engine.tables.alerts.replace(row, damaged, row.etag);
    await engine.settle(0);
    expect(ticketState()).toBeUndefined();

    await accept(alert('New', T0));
    await engine.settle(0);

    expect(ticketState()).toBe('open');
  });

  it('does not keep a sweep from the other resources', async () => {
    engine.setEnvironment({ DEFENDER_ALERTS_POLLING: 'on' });
    for (const resourceId of [REGISTRY, OTHER])
      engine.simulator.defender.raiseAlert({
        resourceId,
        alertType: 'ARM_AnomalousOperation.Impact',
        severity: 'Low',
        displayName: 'Something odd',
        description: '',
        intent: '',
        remediationSteps: [],
      });
    engine.exported.length = 0;
    await damageWork(REGISTRY);

    await sweepResources(engine.context());

    const marked = engine.tables.work.rows.filter(({ columns }) => columns['hasAlerts'] === true);
    expect(marked.map(({ columns }) => columns['resourceId'])).toEqual([OTHER]);
    expect(errors).toContain('a resource cannot be looked at: its row cannot be read');
  });
});

describe('the poll for alerts', () => {
  it('counts only what leads to a look, and stops when storage is away', async () => {
    engine.setEnvironment({ DEFENDER_ALERTS_POLLING: 'on' });
    const raise = (alertType: string) =>
      engine.simulator.defender.raiseAlert({
        resourceId: REGISTRY,
        alertType,
        severity: 'Low',
        displayName: 'Something odd',
        description: '',
        intent: '',
        remediationSteps: [],
      });
    raise('ARM_AnomalousOperation.Impact');
    raise('VM_EICAR');
    engine.simulator.defender.setAlertStatus(raise('ARM_AnomalousOperation.Execution'), 'Resolved');
    await pollAlerts(engine.context());

    expect(engine.tables.alerts.rows).toHaveLength(1);
    // A poll finds the one that is over every time.
    expect(engine.audit('input').map(({ reason }) => reason)).toEqual(['test-alert']);
    isWorkBroken = true;
    await expect(pollAlerts(engine.context())).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
  });
});

describe('a poll that fails', () => {
  it('comes last in a sweep, and keeps nothing else of it away', async () => {
    engine.setEnvironment({ DEFENDER_ALERTS_POLLING: 'on' });
    engine.simulator.defender.raiseAlert({ resourceId: REGISTRY, alertType: 'ARM_AnomalousOperation.Impact' });
    engine.exported.length = 0;
    isWorkBroken = true;

    await expect(sweepResources(engine.context())).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });

    expect(await engine.context().sweeps.last()).toMatchObject({ complete: true });
  });
});

describe('a message that is nested without end', () => {
  it('as an object is kept without what nobody can write down, and its neighbour is taken in', async () => {
    let deep: unknown = 1;
    for (let level = 0; level < 100_000; level += 1) deep = [deep];

    expect(await accept([{ id: 'x', deep }, alert('New', T0)])).toEqual({ marked: 1, ignored: 0, invalid: 1 });

    const body = engine.poison[0]?.body ?? '';
    const kept: unknown = JSON.parse(body);
    expect(kept).toMatchObject([{ id: 'x' }, alert('New', T0)]);
    expect(body).toMatch(/\[\["\(nested too deep to be kept\)"\]\]/);
    expect(engine.audit('input')).toMatchObject([{ reason: 'too-deep' }]);
  });
});

const many = (count: number) => Array.from({ length: count }, () => alert('Resolved', T0));

describe('a message of several elements', () => {
  it.each([
    ['before', (one: object, other: object) => [one, other]],
    ['after', (one: object, other: object) => [other, one]],
  ] as const)('comes again for an outage %s an element that nobody can handle', async (_when, order) => {
    await damageWork(OTHER);
    isWorkBroken = true;

    await expect(
      accept(order(alert('New', T0), { ...alert('New', T0), AzureResourceId: OTHER })),
    ).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
  });

  it('is kept and recorded once, however many of them are rubbish', async () => {
    expect(await accept(['a', 'b', alert('New', T0), {}])).toEqual({ marked: 1, ignored: 0, invalid: 3 });

    expect(engine.poison).toHaveLength(1);
    expect(engine.audit('input')).toMatchObject([{ reason: 'unknown-envelope' }]);
    expect(engine.audit('input')[0]?.error).toMatch(/^3 elements: /);
  });

  it('of more than anybody sends together is kept as a whole', async () => {
    expect(await accept(many(5001))).toEqual({ marked: 0, ignored: 0, invalid: 1 });

    expect(engine.audit('input')).toMatchObject([{ reason: 'too-large', error: '5001 elements, of 5000 at most' }]);
    expect(await accept(many(5000))).toEqual({ marked: 0, ignored: 5000, invalid: 0 });
  });
});
