import { afterEach, describe, expect, it } from 'vitest';
import { sampleId } from '../../local/azure/sample-subscription.ts';
import { reconcile } from '../../src/engine/reconcile.ts';
import { sweepResources } from '../../src/engine/sweep.ts';
import { DockwardenError } from '../../src/errors.ts';
import { parseWorkMessage } from '../../src/events/work-message.ts';
import type { TableStore } from '../../src/storage/table-store.ts';
import { LIMITS, newWorkItem, withCause } from '../../src/work/work-items.ts';
import { ENFORCING, type EngineHarness, startEngine } from '../support/engine-harness.ts';

const acr = sampleId('contosoacr');
const build = sampleId('contosobuild');
const legacy = sampleId('contosolegacy');
const MINUTE = 60_000;

let engine: EngineHarness;

afterEach(async () => {
  await engine.stop();
});

function breakRegistry(): void {
  engine.simulator.as('operator').patch(acr, { properties: { adminUserEnabled: true } });
}

function isOff(id: string): boolean {
  const properties = engine.simulator.state.get(id)?.['properties'];
  return typeof properties === 'object' && properties !== null && Reflect.get(properties, 'adminUserEnabled') === false;
}

function eventCause(id: string, operation: string) {
  const time = '2026-11-23T10:00:00.000Z';
  return { kind: 'event' as const, id, operation, time, queuedAt: time };
}

/** One table whose writes can be made to fail. */
function fallible(name: string, method: 'insert' | 'replace' | 'replaceAll') {
  const state = { failures: 0 };
  const wrapTable = (table: TableStore, tableName: string): TableStore => {
    if (tableName !== name) return table;
    const wrapped: TableStore = {
      get: async (key) => await table.get(key),
      insert: async (...args) => await table.insert(...args),
      replace: async (...args) => await table.replace(...args),
      putAll: async (...args) => {
        await table.putAll(...args);
      },
      replaceAll: async (...args) => await table.replaceAll(...args),
      range: (...args) => table.range(...args),
      where: (...args) => table.where(...args),
      all: () => table.all(),
    };
    return new Proxy(wrapped, {
      get(target, property, receiver) {
        if (property === method && state.failures > 0) {
          state.failures -= 1;
          return async () => await Promise.reject(new DockwardenError('STORAGE_UNAVAILABLE', 'planted'));
        }
        return Reflect.get(target, property, receiver);
      },
    });
  };
  return { state, wrapTable };
}

describe('a message that always fails', () => {
  it('fails at every delivery, so that the host counts to its poison queue', async () => {
    engine = await startEngine({
      wrapContext: (context) => ({
        ...context,
        findings: { ...context.findings, ofResource: async () => await Promise.reject(new TypeError('a defect')) },
      }),
    });
    breakRegistry();
    await engine.deliverEvents();
    const [message] = engine.queue.splice(0);

    for (let delivery = 1; delivery <= 5; delivery += 1) {
      const work = parseWorkMessage(message?.text);
      await expect(reconcile(engine.context(), work, `worker-${delivery}`)).rejects.toThrow('a defect');
      engine.clock.advance(30_000);
    }

    expect(engine.queue).toEqual([]);
    expect(engine.work()).toMatchObject([{ pending: [{ kind: 'event' }] }]);
    expect(engine.work()[0]).not.toHaveProperty('leaseOwner');
  });
});

describe('findings of a resource that is gone', () => {
  it('are closed together although one of their policies was switched off', async () => {
    engine = await startEngine({ environment: { ...ENFORCING, DOCKWARDEN_MODE: 'observe' } });
    engine.simulator.state.patch(acr, { properties: { adminUserEnabled: true, creationDate: '2020-01-01T00:00:00Z' } });
    await sweepResources(engine.context());
    await engine.settle();
    engine.setEnvironment({ POLICY_ACR_SECOND_PASSWORD_FRESH: 'off' });

    engine.simulator.as('operator').delete(acr);
    await engine.settle();

    const closed = engine.findings().filter(({ resourceId }) => resourceId === acr);
    expect(closed.map(({ closedBecause }) => closedBecause)).toEqual(['gone', 'gone']);
    expect(engine.queue).toEqual([]);
  });

  it('are closed by the sweep when their policy was switched off', async () => {
    engine = await startEngine({ environment: { ...ENFORCING, DOCKWARDEN_MODE: 'observe' } });
    await sweepResources(engine.context());
    await engine.settle();
    engine.setEnvironment({ POLICY_ACR_ADMIN_USER_DISABLED: 'off' });
    engine.clock.advance(MINUTE);

    await sweepResources(engine.context());
    await engine.settle();

    const own = engine.findings().filter(({ policyId }) => policyId === 'acr-admin-user-disabled');
    expect(new Set(own.map(({ closedBecause }) => closedBecause))).toEqual(new Set(['policy-off']));
  });
});

describe('a violation that comes back', () => {
  it('before its finished run is taken up is fixed by a run of its own', async () => {
    const findings = fallible('findings', 'replaceAll');
    engine = await startEngine({ wrapTable: findings.wrapTable });
    breakRegistry();
    await engine.deliverEvents();
    findings.state.failures = 1;
    await engine.drain();
    expect(engine.audit('outcome')).toMatchObject([{ outcome: 'fixed' }]);

    breakRegistry();
    await engine.settle();

    expect(isOff(acr)).toBe(true);
    expect(engine.audit('outcome').map(({ outcome }) => outcome)).toEqual(['fixed', 'fixed']);
  });
});

describe('a 404', () => {
  it('of a resource that has only just been made does not lose its event', async () => {
    engine = await startEngine();
    engine.simulator.faults.add({
      method: 'GET',
      path: /contosoacr(\?|$)/,
      effect: { kind: 'answer', status: 404, body: { error: { code: 'ResourceNotFound', message: 'not yet' } } },
    });
    breakRegistry();

    await engine.settle();

    expect(isOff(acr)).toBe(true);
  });

  it('met once while a run is open does not end it', async () => {
    engine = await startEngine();
    engine.simulator.faults.add({
      method: 'PATCH',
      path: /contosoacr/,
      caller: 'dockwarden',
      effect: { kind: 'apply-then-drop' },
    });
    breakRegistry();
    await engine.deliverEvents();
    await engine.drain();
    engine.simulator.faults.add({
      method: 'GET',
      path: /contosoacr(\?|$)/,
      effect: { kind: 'answer', status: 404, body: { error: { code: 'ResourceNotFound', message: 'a glitch' } } },
    });

    await engine.settle();

    expect(engine.audit('outcome').map(({ outcome }) => outcome)).toEqual(['fixed']);
  });
});

describe('a write whose answer is lost for a day', () => {
  it('ends with gave-up, in rows that fit into a table', async () => {
    const tags = Object.fromEntries(Array.from({ length: 8 }, (_, index) => [`tag${index}`, 'x'.repeat(200)]));
    engine = await startEngine({ environment: { ...ENFORCING, AKS_REQUIRED_TAGS: JSON.stringify(tags) } });
    engine.simulator.faults.add({
      method: 'PATCH',
      path: /tags/,
      caller: 'dockwarden',
      times: Infinity,
      effect: { kind: 'answer', status: 503 },
    });
    engine.simulator.as('operator').patch(sampleId('aks-dev'), { tags: {} });

    await engine.settle(30 * 3_600_000);

    const own = engine.audit('outcome').filter(({ resourceName }) => resourceName === 'aks-dev');
    expect(own.map(({ outcome }) => outcome)).toEqual(['gave-up']);
    expect(own[0]?.operations?.length).toBeLessThan(5000);
    expect(engine.queue).toEqual([]);
  });

  it('does not count as a rotation when nothing was rotated', async () => {
    engine = await startEngine();
    engine.simulator.faults.add({
      method: 'POST',
      path: /regenerateCredential/,
      caller: 'dockwarden',
      effect: { kind: 'drop' },
    });
    engine.simulator.as('operator').patch(legacy, { tags: { a: 'b' } });
    await engine.deliverEvents();
    await engine.drain();
    engine.simulator.state.patch(legacy, { properties: { adminUserEnabled: false } });

    await engine.settle();

    const finding = engine.findings().find(({ policyId }) => policyId === 'acr-second-password-fresh');
    expect(finding).not.toHaveProperty('lastFixedAt');
    expect(engine.audit('outcome').map(({ outcome }) => outcome)).toEqual(['already-compliant']);
  });
});

describe('a state of the wait that cannot be stored', () => {
  it('costs one message, not one more at every try', async () => {
    const work = fallible('work', 'replace');
    engine = await startEngine({ wrapTable: work.wrapTable });
    engine.simulator.faults.add({
      method: 'GET',
      path: /contosoacr(\?|$)/,
      caller: 'dockwarden',
      times: 3,
      effect: { kind: 'answer', status: 503 },
    });
    breakRegistry();
    await engine.deliverEvents();
    const [message] = engine.queue.splice(0);
    const context = engine.context();

    await reconcile(
      {
        ...context,
        queue: {
          async send(...args) {
            // The wake-up is out; now the row cannot be written.
            work.state.failures = 1;
            await context.queue.send(...args);
          },
        },
      },
      parseWorkMessage(message?.text),
      'worker',
    );

    expect(engine.queue).toHaveLength(1);
    await engine.settle();
    expect(isOff(acr)).toBe(true);
  });
});

describe('an app that does not know its own identity', () => {
  it('changes nothing, because it would take its own writes for somebody else’s', async () => {
    engine = await startEngine();
    engine.setEnvironment({ DOCKWARDEN_PRINCIPAL_ID: undefined, DOCKWARDEN_CLIENT_ID: undefined });
    breakRegistry();

    await engine.settle();

    expect(engine.mutations()).toEqual([]);
    expect(engine.findings()).toContainEqual(expect.objectContaining({ decision: 'observe', reason: 'mode-observe' }));
  });
});

describe('a fix that Azure refuses', () => {
  it('is not tried again at every event', async () => {
    engine = await startEngine();
    engine.simulator.locks.push({ scope: acr, name: 'hold', level: 'ReadOnly' });
    engine.simulator.state.patch(acr, { properties: { adminUserEnabled: true } }, { by: 'operator' });
    await engine.settle(MINUTE);
    for (let change = 0; change < 5; change += 1) {
      engine.simulator.state.patch(acr, { tags: { change: String(change) } }, { by: 'operator' });
      await engine.settle(MINUTE);
    }

    const own = engine.audit('outcome').filter(({ policyId }) => policyId === 'acr-admin-user-disabled');
    expect(own.map(({ outcome }) => outcome)).toEqual(['locked']);

    engine.clock.advance(20 * MINUTE);
    engine.simulator.locks.length = 0;
    engine.simulator.state.patch(acr, { tags: { change: 'later' } }, { by: 'operator' });
    await engine.settle(MINUTE);
    expect(isOff(acr)).toBe(true);
  });
});

describe('a damaged row', () => {
  it('with an id that cannot be read does not keep the sweep from the others', async () => {
    engine = await startEngine();
    const columns = {
      subscriptionId: '00000000-0000-4000-8000-000000000001',
      policyId: 'x',
      severity: 'low',
      status: 'open',
      verdict: 'violation',
      since: '2026-11-23T09:00:00.000Z',
      updated: '2026-11-23T09:00:00.000Z',
      attempts: 0,
    };
    await engine.tables.findings.putAll(columns.subscriptionId, [
      { rowKey: 'x', columns: { ...columns, resourceId: '/nonsense' } },
    ]);
    await engine.tables.work.insert(
      { partitionKey: '00', rowKey: 'x' },
      {
        resourceId: '/nonsense',
        pending: '[{"kind":"event","id":"e","time":"2026-01-01T00:00:00Z","queuedAt":"2026-01-01T00:00:00Z"}]',
        knownCauses: '[]',
        attempt: 0,
      },
    );

    const record = await sweepResources(engine.context());

    expect(record.complete).toBe(true);
    expect(await engine.context().sweeps.last()).toEqual(record);
  });
});

describe('a grace period', () => {
  it('that begins again is waited for again', async () => {
    engine = await startEngine();
    engine.simulator.as('operator').post(`${legacy}/regenerateCredential`, { name: 'password' });
    await engine.settle(MINUTE);
    engine.clock.advance(60 * MINUTE);
    engine.simulator.as('operator').post(`${legacy}/regenerateCredential`, { name: 'password' });
    await engine.settle(MINUTE);

    await engine.settle(26 * 60 * MINUTE);

    expect(engine.audit('outcome').map(({ policyId, outcome }) => [policyId, outcome])).toContainEqual([
      'acr-second-password-fresh',
      'fixed',
    ]);
  });

  it('can be ended by the setting', async () => {
    engine = await startEngine();
    engine.simulator.as('operator').post(`${legacy}/regenerateCredential`, { name: 'password' });
    await engine.settle(MINUTE);
    engine.setEnvironment({ ACR_ROTATION_GRACE: '0h' });

    engine.simulator.as('operator').patch(legacy, { tags: { a: 'b' } });
    await engine.settle(MINUTE);

    expect(engine.audit('outcome').map(({ policyId, outcome }) => [policyId, outcome])).toContainEqual([
      'acr-second-password-fresh',
      'fixed',
    ]);
  });

  it('is not forgotten in a flood of other changes', () => {
    let item = newWorkItem(acr);
    item =
      withCause(item, eventCause('rotation', 'Microsoft.ContainerRegistry/registries/regenerateCredential/action')) ??
      item;
    for (let index = 0; index < 3 * LIMITS.pending; index += 1) {
      item = withCause(item, eventCause(`e${index}`, 'Microsoft.ContainerRegistry/registries/write')) ?? item;
    }

    expect(item.pending).toHaveLength(LIMITS.pending);
    expect(item.pending[0]?.id).toBe('rotation');
    expect(item.pending.at(-1)?.id).toBe(`e${3 * LIMITS.pending - 1}`);
  });
});

describe('a setting that cannot be parsed', () => {
  it('closes no finding', async () => {
    engine = await startEngine({ environment: { ...ENFORCING, DOCKWARDEN_MODE: 'observe' } });
    await sweepResources(engine.context());
    await engine.settle();
    const open = () =>
      engine.findings().filter(({ policyId, status }) => policyId === 'aks-required-tags-present' && status === 'open');
    const before = open().length;
    expect(before).toBeGreaterThan(0);

    engine.setEnvironment({ AKS_REQUIRED_TAGS: '{"owner"' });
    engine.clock.advance(MINUTE);
    await sweepResources(engine.context());
    await engine.settle();

    expect(open().length).toBeGreaterThanOrEqual(before);
    expect(open()[0]).toMatchObject({ verdict: 'unknown', evidence: 'missing: a valid AKS_REQUIRED_TAGS' });
  });
});

describe('a resource that others change all the time', () => {
  it('is given back to the queue instead of holding the invocation', async () => {
    let count = 0;
    engine = await startEngine();
    engine.simulator.faults.add({
      method: 'GET',
      path: /contosofresh(\?|$)/,
      caller: 'dockwarden',
      times: 50,
      effect: {
        kind: 'after',
        async run() {
          count += 1;
          engine.simulator.state.patch(
            sampleId('contosofresh'),
            { tags: { count: String(count) } },
            { by: 'operator' },
          );
          await engine.deliverEvents();
        },
      },
    });
    engine.simulator.state.patch(sampleId('contosofresh'), { tags: { count: '0' } }, { by: 'operator' });
    await engine.deliverEvents();
    const [message] = engine.queue.splice(0);

    await reconcile(engine.context(), parseWorkMessage(message?.text), 'worker');

    expect(count).toBe(5);
    expect(engine.queue.some(({ delayMs }) => delayMs === 5000)).toBe(true);
    engine.simulator.faults.clear();
    await engine.settle();
    expect(engine.work()).toMatchObject([{ pending: [] }]);
  });
});

describe('an event that cannot be read', () => {
  it('is kept whole, so that somebody can find out what it was', async () => {
    engine = await startEngine();
    const { acceptEvents } = await import('../../src/engine/accept.ts');

    await acceptEvents(engine.context(), '{"id": "cut');

    expect(engine.poison).toEqual([{ name: expect.stringMatching(/^resource-events\//), body: '{"id": "cut' }]);
    expect(engine.audit('input')).toMatchObject([{ reason: 'not-json', causeId: `poison/${engine.poison[0]?.name}` }]);
  });
});

describe('dependants', () => {
  it('that cannot be read are not none', async () => {
    engine = await startEngine();
    engine.simulator.faults.add({
      path: /Microsoft\.App\/containerApps/,
      caller: 'dockwarden',
      times: Infinity,
      effect: {
        kind: 'answer',
        status: 200,
        headers: { 'content-type': 'application/json' },
        body: { value: [{ id: '/x', name: 'app' }] },
      },
    });

    engine.simulator.as('operator').patch(build, { tags: { a: 'b' } });
    await engine.settle();

    expect(engine.mutations().filter((call) => call.startsWith('PATCH'))).toEqual([]);
    expect(engine.findings()).toContainEqual(
      expect.objectContaining({ decision: 'ticket', reason: 'dependants-unreadable' }),
    );
  });

  it('of a provider that was never registered are none', async () => {
    engine = await startEngine();
    engine.simulator.faults.add({
      path: /containerGroups/,
      caller: 'dockwarden',
      times: Infinity,
      effect: {
        kind: 'answer',
        status: 409,
        body: { error: { code: 'MissingSubscriptionRegistration', message: 'not registered' } },
      },
    });

    engine.simulator.as('operator').patch(build, { tags: { a: 'b' } });
    await engine.settle();

    expect(isOff(build)).toBe(true);
  });

  it('are asked for again when Azure says so, not before', async () => {
    engine = await startEngine();
    engine.simulator.faults.add({
      path: /containerGroups/,
      caller: 'dockwarden',
      effect: { kind: 'answer', status: 429, headers: { 'retry-after': '600' } },
    });

    engine.simulator.as('operator').patch(build, { tags: { a: 'b' } });
    await engine.deliverEvents();
    await engine.drain();

    expect(engine.queue.map(({ delayMs }) => delayMs)).toEqual([600_000]);
  });
});
