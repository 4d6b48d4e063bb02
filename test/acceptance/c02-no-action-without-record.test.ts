import { afterEach, describe, expect, it } from 'vitest';
import { sampleId } from '../../local/azure/sample-subscription.ts';
import { sweepResources } from '../../src/engine/sweep.ts';
import { DockwardenError } from '../../src/errors.ts';
import type { TableStore } from '../../src/storage/table-store.ts';
import { expectRecordedMutations, expectSettled, watchMutations } from '../support/audit-invariants.ts';
import type { EngineHarness } from '../support/engine-harness.ts';
import { ENFORCING, startEngine } from '../support/engine-harness.ts';
import { runHost } from '../support/host-delivery.ts';
import { disableAdminUser, scenes, startScene } from './remediation-scenes.ts';

let engine: EngineHarness;

afterEach(async () => {
  await engine.stop();
});

type Insert = TableStore['insert'];

/** The audit table with another way of inserting. */
function withInsert(replaceInsert: (table: TableStore) => Insert) {
  return (table: TableStore, name: string): TableStore => {
    if (name !== 'audit') return table;
    return {
      get: async (key) => await table.get(key),
      insert: replaceInsert(table),
      replace: async (key, columns, etag) => await table.replace(key, columns, etag),
      putAll: async (partitionKey, rows) => {
        await table.putAll(partitionKey, rows);
      },
      replaceAll: async (partitionKey, rows) => await table.replaceAll(partitionKey, rows),
      range: (partitionKey, from, to) => table.range(partitionKey, from, to),
      where: (filter) => table.where(filter),
      all: () => table.all(),
    };
  };
}

const unavailable = (why: string, status?: number) =>
  new DockwardenError(
    'STORAGE_UNAVAILABLE',
    `table audit cannot be used: ${why}`,
    status === undefined ? {} : { status },
  );

/** Ways in which a write to the audit fails. */
const failures: Readonly<Record<string, (table: TableStore, ...args: Parameters<Insert>) => Promise<string | false>>> =
  {
    'meets a conflict': async () => await Promise.resolve(false),
    'is answered 503': async () => await Promise.reject(unavailable('503 ServerBusy', 503)),
    'gets no answer': async () => await Promise.reject(unavailable('no answer')),
    'gets no answer although it was stored': async (table, key, columns) => {
      await table.insert(key, columns);
      throw unavailable('no answer');
    },
  };

/** Fails the first writes of one stage. */
function failing(stage: string, failure: keyof typeof failures, times = 1) {
  let left = times;
  return {
    heal: () => {
      left = 0;
    },
    wrapTable: withInsert((table) => async (key, columns) => {
      if (columns['stage'] !== stage || left === 0) return await table.insert(key, columns);
      left -= 1;
      return (await failures[failure]?.(table, key, columns)) ?? false;
    }),
  };
}

describe('an intent that cannot be written', () => {
  for (const scene of scenes) {
    it.each(Object.keys(failures))(
      `leads to no call that changes anything when it %s: ${scene.remediationId}`,
      async (failure) => {
        const fault = failing('intent', failure, Infinity);
        engine = await startScene(scene, fault);
        scene.violate(engine);

        // Not so long that the message comes again: then the intent that was stored without an answer is found.
        await runHost(engine, { untilMs: 20_000 });

        expect(engine.mutations()).toEqual([]);
        expect(engine.audit('outcome')).toEqual([]);
        fault.heal();
        await runHost(engine);
        engine.clock.advance(3_600_000);
        await runHost(engine, { sweep: true });
        expect(scene.isFixed(engine)).toBe(true);
        const own = engine.audit('outcome').filter(({ resourceId }) => resourceId === scene.resourceId);
        expect(own.map(({ outcome }) => outcome)).toEqual(['fixed']);
        expectSettled(engine);
        expectRecordedMutations(engine);
      },
    );
  }

  it('leads to no call either when a foreign row stands in its place, whatever worker looks at it', async () => {
    let planted = 0;
    engine = await startScene(disableAdminUser, {
      wrapTable: withInsert((table) => async (key, columns) => {
        if (columns['stage'] === 'intent' && planted < 1) {
          planted += 1;
          await table.insert(key, { ...columns, remediationRunId: 'somebody-elses' });
        }
        return await table.insert(key, columns);
      }),
    });
    disableAdminUser.violate(engine);

    await runHost(engine);

    expect(planted).toBe(1);
    const runIds = engine.audit('intent').map(({ remediationRunId }) => remediationRunId);
    expect(runIds).toHaveLength(2);
    expect(runIds).toContain('somebody-elses');
    expect(engine.audit('outcome')).toMatchObject([
      { outcome: 'fixed', remediationRunId: runIds.find((id) => id !== 'somebody-elses') },
    ]);
    expect(disableAdminUser.isFixed(engine)).toBe(true);
  });
});

describe('a decision that cannot be written', () => {
  for (const mode of ['observe', 'approve'] as const) {
    it.each(Object.keys(failures))(
      `is written by a later worker when it %s, and nothing is changed meanwhile: ${mode}`,
      async (failure) => {
        engine = await startScene(disableAdminUser, failing('decision', failure));
        engine.setEnvironment({ REMEDIATE_ACR_DISABLE_ADMIN_USER: mode });
        disableAdminUser.violate(engine);

        await runHost(engine);

        expect(engine.mutations()).toEqual([]);
        const reasons = new Set(engine.audit('decision').map(({ reason }) => reason));
        expect([...reasons]).toEqual([`mode-${mode}`]);
        expect(engine.findings()).toMatchObject([{ status: 'open', reason: `mode-${mode}` }]);
        expectSettled(engine);
      },
    );
  }
});

describe('an outcome that cannot be written', () => {
  for (const scene of scenes) {
    it.each(Object.keys(failures))(
      `is written by a later worker after it has looked, without a second change, when it %s: ${scene.remediationId}`,
      async (failure) => {
        engine = await startScene(scene, failing('outcome', failure));
        const watched = watchMutations(engine);
        scene.violate(engine);

        await runHost(engine);

        expect(engine.mutations()).toHaveLength(scene.calls.filter(({ kind }) => kind === 'write').length);
        expect(watched.seen).toHaveLength(engine.mutations().length);
        expect(watched.unrecorded).toEqual([]);
        expect(engine.audit('outcome').map(({ outcome }) => outcome)).toEqual(['fixed']);
        expect(engine.findings()).toMatchObject([{ status: 'closed', lastOutcome: 'fixed' }]);
        expectSettled(engine);
        expectRecordedMutations(engine);
      },
    );
  }
});

describe('R02: while no row can be written to the audit', () => {
  it.each(scenes)(
    'nothing is changed, the work waits without ever being poison, and is done when storage heals: $remediationId',
    async (scene) => {
      let isBroken = true;
      engine = await startScene(scene, {
        wrapTable: withInsert((table) => async (key, columns) => {
          if (isBroken) throw unavailable('503 ServerBusy', 503);
          return await table.insert(key, columns);
        }),
      });
      scene.violate(engine);

      await runHost(engine, { untilMs: 3_600_000 });
      expect(engine.mutations()).toEqual([]);
      expect(engine.poison).toEqual([]);
      expect(engine.queue).toHaveLength(1);
      isBroken = false;
      await runHost(engine);

      expect(scene.isFixed(engine)).toBe(true);
      expect(engine.audit().map(({ stage, outcome }) => outcome ?? stage)).toEqual(['intent', 'fixed']);
      expectSettled(engine);
      expectRecordedMutations(engine);
    },
  );

  it('the handler throws only when the queue cannot be used either', async () => {
    let isQueueBroken = false;
    engine = await startScene(disableAdminUser, {
      wrapTable: withInsert(() => async () => await Promise.reject(unavailable('503', 503))),
      wrapContext: (context) => ({
        ...context,
        queue: {
          async send(text, delayMs) {
            if (isQueueBroken) throw new DockwardenError('STORAGE_UNAVAILABLE', 'queue work cannot be used');
            await context.queue.send(text, delayMs);
          },
        },
      }),
    });
    disableAdminUser.violate(engine);
    await engine.deliverEvents();

    await engine.drain();
    expect(engine.queue).toMatchObject([{ delayMs: 30_000 }]);
    isQueueBroken = true;
    engine.clock.advance(200_000);

    await expect(engine.drain()).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
    expect(engine.mutations()).toEqual([]);
  });
});

describe('R09: what became of each resource can be told apart', () => {
  it('success, failure, skip and nothing to do, in one sweep', async () => {
    engine = await startEngine({ environment: { ...ENFORCING, POLICY_ACR_SECOND_PASSWORD_FRESH: 'off' } });
    const { simulator } = engine;
    const watched = watchMutations(engine);
    const build = sampleId('contosobuild');
    // Somebody else is faster with the cluster: its fix finds nothing to do.
    simulator.faults.add({
      method: 'GET',
      path: /\/tags\/default/,
      caller: 'dockwarden',
      when: ({ path }) => path.includes('/aks-prod/'),
      effect: {
        kind: 'before',
        run: () => simulator.state.patch(sampleId('aks-prod'), { tags: { costCenter: '1', owner: 'o' } }),
      },
    });

    await sweepResources(engine.context());
    await engine.settle();

    const rows = engine.audit().filter(({ stage }) => stage !== 'intent' && stage !== 'ticket');
    const last = new Map(
      rows.map(({ resourceName, outcome, decision, reason, stage }) => [
        resourceName,
        [stage, decision, outcome, reason],
      ]),
    );
    const kinds = ['contosobuild', 'contosolocked', 'contosolegacy', 'aks-prod'].map((name) => last.get(name));
    expect(kinds).toEqual([
      ['outcome', 'fix', 'fixed', 'verified'],
      ['outcome', 'fix', 'locked', 'ScopeLocked'],
      ['decision', 'ticket', undefined, 'dependants-found'],
      ['outcome', 'fix', 'already-compliant', 'verified'],
    ]);
    expect(simulator.state.get(build)?.properties?.['adminUserEnabled']).toBe(false);
    expect(watched.unrecorded).toEqual([]);
    expect(watched.seen).toHaveLength(engine.mutations().length);
    expectRecordedMutations(engine);
  });
});
