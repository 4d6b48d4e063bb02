import { afterEach, describe, expect, it } from 'vitest';
import { SAMPLE_SUBSCRIPTION_ID, sampleId } from '../../local/azure/sample-subscription.ts';
import type { EngineContext } from '../../src/engine/ports.ts';
import { reconcile } from '../../src/engine/reconcile.ts';
import { sweepResources } from '../../src/engine/sweep.ts';
import { DockwardenError } from '../../src/errors.ts';
import { parseWorkMessage } from '../../src/events/work-message.ts';
import type { TableStore } from '../../src/storage/table-store.ts';
import { expectRecordedMutations, expectSettled } from '../support/audit-invariants.ts';
import { ENFORCING, type EngineHarness, type EngineHarnessOptions, startEngine } from '../support/engine-harness.ts';
import { runHost } from '../support/host-delivery.ts';
import { ALICE, ask, asSeen, DAY, findingOf, HOUR, seedOf } from './operator-requests.ts';
import {
  breakFleet,
  changedByWindow,
  fleetId,
  fleetSeed,
  mostChangedWithin,
  openDoors,
  workTogether,
  workUntilDone,
} from './registry-fleet.ts';
import { disableAdminUser, rotateSecondPassword, type Scene, startScene } from './remediation-scenes.ts';

let engine: EngineHarness;

afterEach(async () => {
  await engine.stop();
});

const MINUTE = 60_000;
const WINDOW = 10 * MINUTE;
const GUARD = `remediation/${disableAdminUser.remediationId}`;
const SUBSCRIPTION_GUARD = `subscription/${SAMPLE_SUBSCRIPTION_ID}`;
const PATCH_OF_REGISTRY = /\/registries\/\w+(\?|$)/;

async function startFleet(
  count: number,
  environment: Readonly<Record<string, string>> = {},
  options: EngineHarnessOptions = {},
): Promise<void> {
  engine = await startScene(disableAdminUser, { seed: fleetSeed(count, 0), ...options });
  engine.setEnvironment(environment);
}

function deferred(reason: string) {
  return engine.audit('decision').filter((row) => row.decision === 'defer' && row.reason === reason);
}

function outcomes(outcome: string) {
  return engine.audit('outcome').filter((row) => row.outcome === outcome);
}

function refusePatch(times: number, status = 403): void {
  engine.simulator.faults.add({
    method: 'PATCH',
    path: PATCH_OF_REGISTRY,
    caller: 'dockwarden',
    times,
    effect: { kind: 'answer', status, body: { error: { code: 'AuthorizationFailed', message: 'refused' } } },
  });
}

describe('R25: a burst of events at four workers', () => {
  it('of 500 changes 20 resources per window until all are fixed', { timeout: 120_000 }, async () => {
    await startFleet(500);
    const start = engine.clock.now();
    breakFleet(engine, 500);

    await workTogether(engine);
    expect(openDoors(engine)).toBe(480);
    expect(deferred('breaker-cap')).toHaveLength(480);
    expect(new Set(deferred('breaker-cap').map(({ resourceId }) => resourceId)).size).toBe(480);
    await workUntilDone(engine, DAY);

    expect(openDoors(engine)).toBe(0);
    expect(mostChangedWithin(engine, WINDOW)).toBe(20);
    expect(changedByWindow(engine, WINDOW, start)).toEqual(Array.from({ length: 25 }, () => 20));
    // Everybody was told once, and each of the 480 once when its turn is.
    expect(deferred('breaker-cap')).toHaveLength(480);
    expect(engine.audit('notice')).toMatchObject([
      { reason: 'breaker-cap', causeId: GUARD, remediationId: disableAdminUser.remediationId },
    ]);
    expect(outcomes('fixed')).toHaveLength(500);
    // Waiting costs one more look each: resource, resource group, exemptions of Azure Policy, and two lists of the pre-flight.
    expect(engine.calls()).toHaveLength(500 * disableAdminUser.calls.length + 480 * 5);
    expectSettled(engine);
    expectRecordedMutations(engine);
  });

  it('counts on where workers that died have stopped', async () => {
    await startFleet(40);
    breakFleet(engine, 40);
    await engine.deliverEvents();

    await handle(10);
    await dieAfterAdmission(5);
    expect(openDoors(engine)).toBe(30);
    await workUntilDone(engine, 5 * MINUTE);

    // The five that had their place have it still, and take it once the leases of the dead are over.
    expect(openDoors(engine)).toBe(20);
    await workUntilDone(engine, HOUR);
    expect(openDoors(engine)).toBe(0);
    expect(mostChangedWithin(engine, WINDOW)).toBe(20);
    expectSettled(engine);
    expectRecordedMutations(engine);
  });

  it('holds over both remediations of a subscription together', async () => {
    const clusters = ['aks-prod', 'aks-dev', 'aks-data'] as const;
    engine = await startEngine({
      environment: {
        ...ENFORCING,
        POLICY_ACR_SECOND_PASSWORD_FRESH: 'off',
        BREAKER_SUBSCRIPTION_CAP: '3',
        BREAKER_WINDOW: '1h',
      },
    });
    const registries = ['contosoacr', 'contosobuild', 'contosofresh'] as const;
    for (const name of registries)
      engine.simulator.as('operator').patch(sampleId(name), { properties: { adminUserEnabled: true } });
    for (const name of clusters) engine.simulator.as('operator').patch(sampleId(name), { tags: { env: 'x' } });

    await workTogether(engine);
    expect(mostChangedWithin(engine, HOUR)).toBe(3);
    expect(deferred('breaker-cap')).toHaveLength(3);
    await workUntilDone(engine, DAY);

    expect(mostChangedWithin(engine, HOUR)).toBe(3);
    expect(outcomes('fixed')).toHaveLength(6);
    expect(new Set(outcomes('fixed').map(({ remediationId }) => remediationId)).size).toBe(2);
    expect(engine.audit('notice')).toMatchObject([
      { reason: 'breaker-cap', causeId: SUBSCRIPTION_GUARD, subscriptionId: SAMPLE_SUBSCRIPTION_ID },
    ]);
    expectSettled(engine);
  });

  it('lets a fix that was approved keep its approval while it waits', async () => {
    await startFleet(2, { REMEDIATE_ACR_DISABLE_ADMIN_USER: 'approve', BREAKER_REMEDIATION_CAP: '1' });
    breakFleet(engine, 2);
    await workTogether(engine);
    expect(engine.mutations()).toEqual([]);
    for (const index of [0, 1]) {
      const scene = { ...disableAdminUser, resourceId: fleetId(index) };
      expect(await ask(engine, 'approve', asSeen(engine, scene), ALICE)).toMatchObject({ result: 'accepted' });
    }

    await workTogether(engine);
    expect(openDoors(engine)).toBe(1);
    expect(deferred('breaker-cap')).toHaveLength(1);
    await workUntilDone(engine, HOUR);

    expect(openDoors(engine)).toBe(0);
    expect(engine.audit('intent').map(({ approvedBy, reason }) => [approvedBy, reason])).toEqual([
      [ALICE.id, 'approved'],
      [ALICE.id, 'approved'],
    ]);
    expectSettled(engine);
  });
});

/** Handles so many messages, as one worker. */
async function handle(count: number): Promise<void> {
  for (const { text } of engine.queue.splice(0, count)) {
    const context = engine.context();
    await reconcile(context, parseWorkMessage(text), context.newRunId(context.clock.now()));
  }
}

async function refuseAll(): Promise<never> {
  return await Promise.reject(new RangeError('the process died'));
}

/** So many processes die as soon as the breaker has let them through; the queue delivers their messages again. */
async function dieAfterAdmission(count: number): Promise<void> {
  for (const message of engine.queue.splice(0, count)) {
    const context = engine.context();
    let isDead = false;
    const dying: EngineContext = {
      ...context,
      breakers: {
        ...context.breakers,
        async admit(request) {
          const admission = await context.breakers.admit(request);
          isDead = true;
          return admission;
        },
      },
      work: {
        ...context.work,
        replace: async (...args) => (isDead ? await refuseAll() : await context.work.replace(...args)),
      },
    };
    const worked = reconcile(dying, parseWorkMessage(message.text), context.newRunId(context.clock.now()));
    await expect(worked).rejects.toThrow('the process died');
    engine.queue.push(message);
  }
}

describe('the share of the fleet', () => {
  it.each([
    [20, 5],
    [19, 10],
  ])('counts from 20 known resources on: of %i, %i are changed in the first window', async (fleet, expected) => {
    await startFleet(fleet, { BREAKER_REMEDIATION_CAP: '10' });
    await sweepResources(engine.context());
    breakFleet(engine, fleet);

    await workTogether(engine);

    expect(fleet - openDoors(engine)).toBe(expected);
    await workUntilDone(engine, 2 * HOUR);
    expect(openDoors(engine)).toBe(0);
    expect(mostChangedWithin(engine, WINDOW)).toBe(expected);
  });

  it('counts only what a complete sweep has seen', async () => {
    await startFleet(1010, { BREAKER_REMEDIATION_CAP: '15', BREAKER_FLEET_SHARE: '1' });
    engine.simulator.faults.add({
      method: 'POST',
      path: /ResourceGraph/i,
      skip: 1,
      effect: { kind: 'answer', status: 403, body: { error: { code: 'AuthorizationFailed', message: 'no' } } },
    });
    expect(await sweepResources(engine.context())).toMatchObject({ complete: false, resources: 1000 });
    breakFleet(engine, 15);
    await workTogether(engine);
    expect(openDoors(engine)).toBe(0);
    engine.clock.advance(WINDOW);
    expect(await sweepResources(engine.context())).toMatchObject({ complete: true, resources: 1010 });

    breakFleet(engine, 15, 15);
    await workTogether(engine);

    // One percent of 1010, rounded up.
    expect(openDoors(engine)).toBe(15 - 11);
  });

  it('can be switched off', async () => {
    await startFleet(20, { BREAKER_FLEET_SHARE: 'off' });
    await sweepResources(engine.context());
    breakFleet(engine, 20);

    await workTogether(engine);

    expect(openDoors(engine)).toBe(0);
    expect(engine.audit('notice')).toEqual([]);
  });
});

describe('R26: fixes that fail', () => {
  it('open the breaker at 6 of 10, and there is no eleventh call until an operator resets it', async () => {
    await startFleet(14);
    refusePatch(6);
    breakFleet(engine, 14);

    await workTogether(engine, 1);
    expect([outcomes('denied').length, outcomes('fixed').length]).toEqual([6, 4]);
    expect(deferred('breaker-open')).toHaveLength(4);
    const calls = engine.mutations().length;
    for (let day = 0; day < 3; day += 1) {
      engine.clock.advance(DAY);
      await sweepResources(engine.context());
      await workTogether(engine);
    }

    expect(engine.mutations()).toHaveLength(calls);
    expect(engine.audit('notice').map(({ reason, causeId }) => [reason, causeId])).toEqual(
      expect.arrayContaining([
        ['breaker-open', GUARD],
        ['breaker-open', SUBSCRIPTION_GUARD],
      ]),
    );
    expect(engine.audit('notice')).toHaveLength(2);
    expectSettled(engine);
    expectRecordedMutations(engine);
  });

  it('open it with four workers, too, before more are tried than these work on at once', async () => {
    await startFleet(40, { BREAKER_REMEDIATION_CAP: '40' });
    refusePatch(Infinity);
    breakFleet(engine, 40);

    await workTogether(engine);

    const tried = engine.audit('intent').length;
    expect(tried).toBeGreaterThanOrEqual(10);
    expect(tried).toBeLessThanOrEqual(10 + 4);
    expect(deferred('breaker-open')).toHaveLength(40 - tried);
  });

  it.each([
    ['the number', 9, 9],
    ['the share', 30, 4],
  ])('below %s leave it closed: of %i, %i fail', async (_what, count, failing) => {
    await startFleet(count, { BREAKER_REMEDIATION_CAP: '40' });
    refusePatch(failing);
    breakFleet(engine, count);

    await workTogether(engine, 1);

    expect([outcomes('denied').length, outcomes('fixed').length]).toEqual([failing, count - failing]);
    expect(engine.audit('notice')).toEqual([]);
  });

  it('count for nothing when the limit is off', async () => {
    await startFleet(15, { BREAKER_FAILURE_RATE: 'off' });
    refusePatch(15);
    breakFleet(engine, 15);

    await workTogether(engine);

    expect(outcomes('denied')).toHaveLength(15);
    expect(engine.audit('notice')).toEqual([]);
  });
});

async function reset(breaker: string) {
  return await ask(engine, 'reset', { breaker, reason: 'the role is there again' });
}

describe('an operator who resets the breaker', () => {
  it('is on record, and wakes what was held back, which drains at the cap', async () => {
    await startFleet(40, {
      BREAKER_REMEDIATION_CAP: '12',
      BREAKER_SUBSCRIPTION_CAP: 'off',
      BREAKER_FLEET_SHARE: 'off',
    });
    refusePatch(6);
    breakFleet(engine, 40);
    await workTogether(engine, 1);
    expect(deferred('breaker-open')).toHaveLength(30);
    engine.clock.advance(HOUR);
    const start = engine.clock.now();

    for (const breaker of [GUARD, SUBSCRIPTION_GUARD]) {
      const answer = await reset(breaker);
      expect(answer).toMatchObject({ result: 'accepted', message: expect.stringContaining('30 findings') });
    }
    await workUntilDone(engine, 2 * HOUR);

    expect(openDoors(engine)).toBe(6);
    expect(changedByWindow(engine, WINDOW, start).slice(0, 3)).toEqual([12, 12, 6]);
    expect(mostChangedWithin(engine, WINDOW)).toBe(12);
    expect(engine.audit('operator')).toHaveLength(2);
    for (const row of engine.audit('operator'))
      expect(row).toMatchObject({
        reason: 'reset-asked',
        actor: ALICE.id,
        actorType: 'User',
        error: expect.stringContaining('the role is there again'),
      });
    // Those whose fix was refused wait for their own time, not for the breaker.
    await sweepResources(engine.context());
    await workUntilDone(engine, 2 * HOUR);
    expect(openDoors(engine)).toBe(0);
    expectSettled(engine);
    expectRecordedMutations(engine);
  });

  it('meets it open again when fixes go on failing, and everybody is told again', async () => {
    await startFleet(30, { BREAKER_SUBSCRIPTION_CAP: 'off', BREAKER_FLEET_SHARE: 'off' });
    refusePatch(Infinity);
    breakFleet(engine, 30);
    await workTogether(engine, 1);
    engine.clock.advance(HOUR);

    for (const breaker of [GUARD, SUBSCRIPTION_GUARD]) await reset(breaker);
    await workTogether(engine, 1);

    // Ten more are tried, and the last ten held back again.
    expect(outcomes('denied')).toHaveLength(20);
    expect(deferred('breaker-open')).toHaveLength(20 + 10);
    const notices = engine.audit('notice').filter(({ causeId }) => causeId === GUARD);
    expect(notices.map(({ reason }) => reason)).toEqual(['breaker-open', 'breaker-open']);
  });

  it('is told when there is no such breaker', async () => {
    await startFleet(1);

    for (const breaker of ['remediation/acr-open-doors', GUARD, 'subscription/', 'x', ''])
      expect(await reset(breaker)).toMatchObject({ result: 'refused', status: 404, code: 'unknown-breaker' });
  });
});

/** Fails calls of these kinds to table `guards` while it is broken. */
function breakableGuards(methods: readonly (keyof TableStore)[]) {
  const state = { isBroken: true };
  const wrapTable = (table: TableStore, name: string): TableStore =>
    name === 'guards'
      ? new Proxy(table, {
          get(target, property) {
            const method: unknown = Reflect.get(target, property);
            if (typeof method !== 'function') return method;
            return (...args: readonly unknown[]): unknown => {
              if (state.isBroken && methods.some((broken) => broken === property))
                return Promise.reject(new DockwardenError('STORAGE_UNAVAILABLE', 'no answer'));
              return Reflect.apply(method, target, args);
            };
          },
        })
      : table;
  return { state, wrapTable };
}

describe('a count that cannot be kept', () => {
  it.each([
    ['read', 'get'],
    ['written', 'replaceAll'],
  ] as const)('because it cannot be %s lets nothing pass, and heals by itself', async (_how, method) => {
    const { state, wrapTable } = breakableGuards([method]);
    await startFleet(3, {}, { wrapTable });
    breakFleet(engine, 3);

    await workUntilDone(engine, HOUR);
    expect(engine.mutations()).toEqual([]);
    expect(deferred('breaker-unavailable')).toHaveLength(3);
    state.isBroken = false;
    await workUntilDone(engine, HOUR);

    expect(openDoors(engine)).toBe(0);
    expectSettled(engine);
  });

  it('because others write to it all the time lets nothing pass', async () => {
    await startFleet(
      1,
      {},
      {
        wrapTable: (table, name) =>
          name === 'guards'
            ? new Proxy(table, {
                get: (target, property): unknown => {
                  const method: unknown = Reflect.get(target, property);
                  if (property === 'replaceAll') return async () => await Promise.resolve(false);
                  return typeof method === 'function' ? method.bind(target) : method;
                },
              })
            : table,
      },
    );
    breakFleet(engine, 1);

    await workTogether(engine);

    expect(engine.mutations()).toEqual([]);
    expect(deferred('breaker-unavailable')).toMatchObject([{ error: expect.stringContaining('written by others') }]);
  });

  it('because its row is damaged lets nothing pass until an operator resets it', async () => {
    await startFleet(3);
    breakFleet(engine, 1);
    await workTogether(engine);
    const row = engine.tables.guards.rows.find(({ rowKey }) => rowKey.startsWith('remediation'));
    const columns = { ...row?.columns, slots: '[["x"]]' };
    await engine.tables.guards.putAll('breaker', [{ rowKey: row?.rowKey ?? '', columns }]);

    breakFleet(engine, 2, 1);
    await workUntilDone(engine, HOUR);
    expect(openDoors(engine)).toBe(2);
    expect(deferred('breaker-unavailable')).toHaveLength(2);
    // A sweep counts the others, and reports the damaged one.
    expect(await sweepResources(engine.context())).toMatchObject({ complete: true });
    expect(await ask(engine, 'reset', { breaker: GUARD })).toMatchObject({ result: 'accepted' });
    await workUntilDone(engine, HOUR);

    expect(openDoors(engine)).toBe(0);
    expectSettled(engine);
  });

  it('when a fix has failed keeps its run open until it can be told', async () => {
    const { state, wrapTable } = breakableGuards(['get']);
    state.isBroken = false;
    await startFleet(1, {}, { wrapTable });
    engine.simulator.faults.add({
      method: 'PATCH',
      path: PATCH_OF_REGISTRY,
      caller: 'dockwarden',
      effect: {
        kind: 'before',
        run: () => {
          state.isBroken = true;
        },
      },
    });
    refusePatch(1);
    breakFleet(engine, 1);

    await workTogether(engine);
    expect(engine.audit('outcome')).toEqual([]);
    expect(engine.work()).toMatchObject([{ run: {} }]);
    state.isBroken = false;
    await runHost(engine, { untilMs: HOUR });

    expect(engine.audit('outcome').map(({ outcome }) => outcome)).toEqual(['fixed']);
    expectSettled(engine);
    expectRecordedMutations(engine);
  });
});

function answersWith(status: number): number {
  return engine.simulator.requests.filter((request) => request.caller === 'dockwarden' && request.status === status)
    .length;
}

describe('R27: without caps', () => {
  const UNLIMITED = {
    BREAKER_REMEDIATION_CAP: 'off',
    BREAKER_SUBSCRIPTION_CAP: 'off',
    BREAKER_FLEET_SHARE: 'off',
  };

  /** Breaks 200 registries, with Azure's limits on; seconds until all is done. */
  async function treat200(scene: Scene): Promise<number> {
    engine = await startScene(scene, { seed: fleetSeed(200, 0) });
    engine.setEnvironment(UNLIMITED);
    breakFleet(engine, 200);
    await engine.deliverEvents();
    engine.simulator.limits.enabled = true;
    engine.simulator.limits.reset();
    const start = engine.clock.now().getTime();
    await workUntilDone(engine, DAY);
    return (engine.clock.now().getTime() - start) / 1000;
  }

  it.each([disableAdminUser, rotateSecondPassword])(
    'all are fixed while Azure throttles, and no 429 is a failure: $remediationId',
    { timeout: 120_000 },
    async (scene) => {
      await treat200(scene);

      expect(answersWith(429)).toBeGreaterThan(100);
      expect(outcomes('fixed')).toHaveLength(200);
      const others = engine.audit('outcome').filter(({ outcome }) => outcome !== 'fixed');
      expect(others.filter(({ outcome }) => outcome !== 'retry')).toEqual([]);
      expect(engine.findings().every(({ status, failedAt }) => status === 'closed' && failedAt === undefined)).toBe(
        true,
      );
      expect(engine.audit('notice')).toEqual([]);
      expectSettled(engine);
      expectRecordedMutations(engine);
    },
  );

  it('200 fixes are done in the time that the buckets of Azure need, and a fifth', { timeout: 120_000 }, async () => {
    const seconds = await treat200(rotateSecondPassword);

    const done = engine.simulator.requests.filter(({ caller, status }) => caller === 'dockwarden' && status < 300);
    const writes = done.filter(({ method }) => method !== 'GET').length;
    const { arm } = engine.simulator.limits;
    const needed = Math.max(
      (writes - arm.writes.size) / arm.writes.perSecond,
      (done.length - writes - arm.reads.size) / arm.reads.perSecond,
    );
    expect(needed).toBeGreaterThan(10);
    expect(seconds).toBeLessThanOrEqual(needed * 1.2);
  });
});

async function countBooked(): Promise<number> {
  const statuses = engine.context().breakers.list(engine.clock.now(), () => undefined);
  return (await Array.fromAsync(statuses)).find(({ guard }) => guard === GUARD)?.booked ?? 0;
}

/** Those that are still open. */
function forAllOpen(act: (id: string) => void): void {
  for (let index = 0; index < 55; index += 1) {
    const id = fleetId(index);
    if (engine.simulator.state.get(id)?.properties?.['adminUserEnabled'] === true) act(id);
  }
}

/** Minutes from its violation until a newcomer is fixed. */
async function minutesOfNewcomer(): Promise<number> {
  const start = engine.clock.now().getTime();
  breakFleet(engine, 1, 59);
  await workUntilDone(engine, 3 * HOUR);
  const fixed = outcomes('fixed').find(({ resourceId }) => resourceId?.toLowerCase() === fleetId(59).toLowerCase());
  return fixed === undefined ? Infinity : (Date.parse(fixed.time) - start) / MINUTE;
}

describe('places that were booked and are not wanted any more', () => {
  const SLOW = { BREAKER_REMEDIATION_CAP: '5', BREAKER_SUBSCRIPTION_CAP: 'off', BREAKER_FLEET_SHARE: 'off' };
  const EXEMPT = { 'dockwarden-exempt-acr-admin-user-disabled': '2026-12-20;planned;CHG1' };

  /** 55 registries are broken: five are fixed at once, 50 have a place. */
  async function bookFifty(): Promise<void> {
    await startFleet(60, SLOW);
    breakFleet(engine, 55);
    await workTogether(engine, 1);
    expect([openDoors(engine), await countBooked()]).toEqual([50, 50]);
  }

  it.each<readonly [string, (id: string) => void]>([
    [
      'put right by their owners',
      (id) => engine.simulator.as('operator').patch(id, { properties: { adminUserEnabled: false } }),
    ],
    ['exempted', (id) => engine.simulator.as('operator').patch(id, { tags: EXEMPT })],
    ['deleted', (id) => engine.simulator.as('operator').delete(id)],
  ])('are given back when the resources are %s: a newcomer waits one window at most', async (_how, act) => {
    await bookFifty();

    forAllOpen(act);
    await workTogether(engine, 1);

    expect(await countBooked()).toBe(0);
    expect(await minutesOfNewcomer()).toBeLessThanOrEqual(10);
  });

  it.each<readonly [string, Readonly<Record<string, string>>]>([
    ['observes', { REMEDIATE_ACR_DISABLE_ADMIN_USER: 'observe' }],
    ['is off', { REMEDIATE_ACR_DISABLE_ADMIN_USER: 'off' }],
    ['acts elsewhere', { REMEDIATE_ACR_DISABLE_ADMIN_USER_SCOPE: 'pilot=yes' }],
    ['is out of its window', { REMEDIATE_ACR_DISABLE_ADMIN_USER_WINDOW: '0 22 * * *;1h;UTC' }],
    ['has no policy any more', { POLICY_ACR_ADMIN_USER_DISABLED: 'off' }],
  ])('are given back when the remediation %s', async (_how, environment) => {
    await bookFifty();

    engine.setEnvironment(environment);
    await sweepResources(engine.context());
    await workTogether(engine, 1);

    expect(await countBooked()).toBe(0);
  });

  it('are given back although an answer was waited for in between', async () => {
    await bookFifty();
    const down = engine.simulator.faults.add({
      method: 'GET',
      path: /containerGroups/,
      caller: 'dockwarden',
      times: Infinity,
      effect: { kind: 'answer', status: 503, body: { error: { code: 'ServerBusy', message: 'busy' } } },
    });
    await sweepResources(engine.context());
    forAllOpen((id) => engine.simulator.as('operator').patch(id, { tags: { touched: 'yes' } }));
    await workTogether(engine, 1);
    expect(deferred('preflight-unavailable').length).toBeGreaterThanOrEqual(50);
    expect(await countBooked()).toBe(50);
    down.remove();

    forAllOpen((id) => engine.simulator.as('operator').patch(id, { properties: { adminUserEnabled: false } }));
    await workUntilDone(engine, 5 * MINUTE);

    expect(await countBooked()).toBe(0);
  });

  it('are kept while only an answer is waited for, and acted upon in their turn', async () => {
    await startFleet(3, { ...SLOW, BREAKER_REMEDIATION_CAP: '1' });
    breakFleet(engine, 3);
    await workTogether(engine, 1);
    const times = () => engine.findings().map(({ notBefore }) => notBefore);
    const before = times();
    engine.simulator.faults.add({
      method: 'GET',
      path: /containerGroups/,
      caller: 'dockwarden',
      times: 2,
      effect: { kind: 'answer', status: 503, body: { error: { code: 'ServerBusy', message: 'busy' } } },
    });
    engine.clock.advance(MINUTE);
    forAllOpen((id) => engine.simulator.as('operator').patch(id, { tags: { touched: 'yes' } }));
    await workUntilDone(engine, 2 * MINUTE);

    expect(await countBooked()).toBe(2);
    expect(times()).toEqual(before);
    await workUntilDone(engine, HOUR);
    expect(openDoors(engine)).toBe(0);
    expect(mostChangedWithin(engine, WINDOW)).toBe(1);
    expectSettled(engine);
  });

  it('keep the cap whatever is given back', async () => {
    await bookFifty();
    let count = 0;
    forAllOpen((id) => {
      count += 1;
      if (count % 2 === 0) engine.simulator.as('operator').patch(id, { properties: { adminUserEnabled: false } });
    });
    await workUntilDone(engine, 3 * HOUR);

    expect(openDoors(engine)).toBe(0);
    expect(mostChangedWithin(engine, WINDOW)).toBe(5);
    expectSettled(engine);
  });
});

function refuseRotations(status: number, code: string): void {
  engine.simulator.faults.add({
    method: 'POST',
    path: /\/fleet0000\d\/regenerateCredential/,
    caller: 'dockwarden',
    times: Infinity,
    effect: { kind: 'answer', status, body: { error: { code, message: 'refused' } } },
  });
}

describe('ten fixes that fail', () => {
  const LIMITLESS = { BREAKER_REMEDIATION_CAP: 'off', BREAKER_SUBSCRIPTION_CAP: 'off', BREAKER_FLEET_SHARE: 'off' };

  it.each([
    ['locked', 409, 'ScopeLocked'],
    ['denied-by-policy', 403, 'RequestDisallowedByPolicy'],
  ])('because their resources are %s do not stop those of anybody else', async (outcome, status, code) => {
    await startFleet(25, LIMITLESS);
    refuseRotations(status, code);
    breakFleet(engine, 10);
    await workTogether(engine, 1);
    expect(outcomes(outcome)).toHaveLength(10);

    breakFleet(engine, 5, 20);
    await workTogether(engine, 1);

    expect(outcomes('fixed')).toHaveLength(5);
    expect(engine.audit('notice')).toEqual([]);
  });

  it.each([
    ['denied', 403, 'AuthorizationFailed'],
    ['failed', 400, 'BadRequest'],
  ])('as %s open the breaker for all', async (outcome, status, code) => {
    await startFleet(25, LIMITLESS);
    refuseRotations(status, code);
    breakFleet(engine, 10);
    await workTogether(engine, 1);
    expect(outcomes(outcome)).toHaveLength(10);

    breakFleet(engine, 5, 20);
    await workTogether(engine, 1);

    expect(outcomes('fixed')).toEqual([]);
    expect(deferred('breaker-open')).toHaveLength(5);
    expect(engine.audit('notice').map(({ reason }) => reason)).toContain('breaker-open');
  });

  it('as not-effective open the breaker for all', async () => {
    await startFleet(25, LIMITLESS);
    engine.simulator.faults.add({
      method: 'PATCH',
      path: /\/fleet0000\d(\?|$)/,
      caller: 'dockwarden',
      times: Infinity,
      effect: { kind: 'ignore-write' },
    });
    breakFleet(engine, 10);
    await workUntilDone(engine, 20 * MINUTE);
    expect(outcomes('not-effective')).toHaveLength(10);

    breakFleet(engine, 5, 20);
    await workTogether(engine, 1);

    expect(outcomes('fixed')).toEqual([]);
    expect(deferred('breaker-open')).toHaveLength(5);
  });
});

function answerReads(
  path: RegExp,
  status: number,
  which: {
    readonly skip?: number;
    readonly times?: number;
    readonly headers?: Readonly<Record<string, string>>;
  } = {},
): void {
  const { skip = 0, times = Infinity, headers = {} } = which;
  engine.simulator.faults.add({
    method: 'GET',
    path,
    caller: 'dockwarden',
    skip,
    times,
    effect: { kind: 'answer', status, headers, body: { error: { code: 'Refused', message: 'refused' } } },
  });
}

function breakBoth(): void {
  const properties = { adminUserEnabled: true, creationDate: '2020-01-01T00:00:00Z' };
  engine.simulator.as('operator').patch(disableAdminUser.resourceId, { properties });
}

describe('of the policies of one resource', () => {
  /** Both policies of the registry are violated. */
  const BOTH = {
    environment: { ...ENFORCING, ACR_PASSWORD_MAX_AGE_DAYS: '1' },
    seed: seedOf(disableAdminUser),
  };
  const failures: Readonly<Record<string, () => Promise<void>>> = {
    async 'the breaker row of its remediation is damaged'() {
      const row = { partitionKey: 'breaker', rowKey: `remediation:${disableAdminUser.remediationId}` };
      await engine.tables.guards.insert(row, { slots: 'x' });
    },
    async 'its pre-flight gets no answer'() {
      answerReads(/containerGroups/, 503);
      await Promise.resolve();
    },
    async 'the group cannot be read when it asks'() {
      // The second policy asks again, and is answered.
      answerReads(GROUP, 503, { times: 1 });
      await Promise.resolve();
    },
  };
  const GROUP = /\/resourceGroups\/[\w-]+\?/i;

  it.each(Object.entries(failures))('the later one is treated although %s for the first', async (_what, fail) => {
    engine = await startEngine(BOTH);
    await fail();
    breakBoth();

    await engine.settle(1000);

    const of = (policyId: string) => engine.audit('outcome').filter((row) => row.policyId === policyId);
    expect(of(rotateSecondPassword.policyId).map(({ outcome }) => outcome)).toEqual(['fixed']);
    expect(of(disableAdminUser.policyId)).toEqual([]);
    expect(findingOf(engine, disableAdminUser)).toMatchObject({ status: 'open', decision: 'defer' });
  });

  it('the one that has to wait for less time is not kept waiting by the other', async () => {
    engine = await startEngine(BOTH);
    const start = engine.clock.now().getTime();
    answerReads(/containerGroups/, 429, { headers: { 'retry-after': '3600' } });
    answerReads(GROUP, 503, { skip: 1, times: 1 });
    breakBoth();

    await engine.settle(MINUTE);

    const fixed = engine.audit('outcome').find(({ policyId }) => policyId === rotateSecondPassword.policyId);
    expect(fixed).toMatchObject({ outcome: 'fixed' });
    expect(Date.parse(fixed?.time ?? '') - start).toBeLessThanOrEqual(10_000);
  });
});
