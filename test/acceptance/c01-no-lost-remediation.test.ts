import * as fc from 'fast-check';
import { ulid } from 'ulid';
import { afterEach, describe, expect, it } from 'vitest';
import type { Fault } from '../../local/azure/faults.ts';
import { createSampleSubscription } from '../../local/azure/sample-subscription.ts';
import type { Seed } from '../../local/azure/simulator.ts';
import { acceptEvents } from '../../src/engine/accept.ts';
import { reconcile } from '../../src/engine/reconcile.ts';
import { parseWorkMessage } from '../../src/events/work-message.ts';
import { expectRecordedMutations, expectSettled } from '../support/audit-invariants.ts';
import { Boundary, mishaps } from '../support/boundary.ts';
import type { EngineHarness } from '../support/engine-harness.ts';
import { runHost } from '../support/host-delivery.ts';
import { READ_ACTIONS } from '../support/product-role.ts';
import { type Scene, scenes, startScene } from './remediation-scenes.ts';

/** Longer than a lease with its allowance for clocks that differ. */
const PAST_THE_LEASE = 200_000;

let engine: EngineHarness | undefined;

afterEach(async () => {
  await engine?.stop();
  engine = undefined;
});

/** Only the scene's resource: a sweep finds nothing else to do. */
function seedOf({ resourceId }: Scene): Seed {
  const seed = createSampleSubscription();
  return { ...seed, resources: seed.resources.filter(({ id }) => id === resourceId) };
}

/** Who tells of the violation. */
type Origin = 'event' | 'sweep';

/** Brings the resource into violation and delivers as the host does, until nothing is left to do. */
async function runScene(scene: Scene, origin: Origin, boundary: Boundary): Promise<EngineHarness> {
  const started = await startScene(scene, { seed: seedOf(scene), wrapContext: boundary.wrapContext });
  boundary.watch(started.simulator);
  scene.violate(started);
  if (origin === 'sweep') started.events.length = 0;
  await runHost(started, { sweep: origin === 'sweep', hasDied: () => boundary.hasDied });
  return started;
}

/** What can be compared between two ways to the same state: the resource and what is remembered about it. */
function endStateOf(run: EngineHarness, { resourceId }: Scene) {
  const body = JSON.stringify(run.simulator.state.get(resourceId), (name, value: unknown) =>
    name === 'systemData' || name === 'eTag' ? undefined : value,
  );
  const resource: unknown = JSON.parse(body);
  const findings = run.findings().map(({ policyId, status, closedBecause, verdict, lastOutcome, attempts }) => ({
    policyId,
    status,
    closedBecause,
    verdict,
    lastOutcome,
    attempts,
  }));
  return { resource, findings };
}

function rotationsOf(run: EngineHarness): number {
  return run.simulator.events.filter(({ data }) => JSON.stringify(data).includes('/regenerateCredential/action"'))
    .length;
}

/** Rotations that may have been obeyed, as the outcomes of all runs tell. */
function recordedRotationsOf(run: EngineHarness): number {
  const operations = run
    .audit('outcome')
    .flatMap((row): { operation: string; result: string }[] => JSON.parse(row.operations ?? '[]'));
  return operations.filter(
    ({ operation, result }) =>
      operation === 'registries.regenerateCredential' && (result === 'done' || result === 'unknown'),
  ).length;
}

/** The last run succeeded; each one before it ended in a retry that the next one names. */
function expectOneSuccess(run: EngineHarness): void {
  const [last, ...earlier] = run.audit('outcome');
  expect(last?.outcome).toBe('fixed');
  let next = last;
  for (const row of earlier) {
    expect(row.outcome).toBe('retry');
    expect(next?.previousRunId).toBe(row.remediationRunId);
    next = row;
  }
  expect(next?.previousRunId).toBeUndefined();
}

async function learn(scene: Scene, origin: Origin) {
  const boundary = new Boundary();
  const run = await runScene(scene, origin, boundary);
  const happy = {
    scene,
    origin,
    calls: [...boundary.calls],
    endState: endStateOf(run, scene),
    rotations: rotationsOf(run),
    outcomes: run.audit('outcome').map(({ outcome }) => outcome),
    isFixed: scene.isFixed(run),
  };
  await run.stop();
  return happy;
}

const paths = await Promise.all(
  scenes.flatMap((scene) => (['event', 'sweep'] as const).map(async (origin) => await learn(scene, origin))),
);

describe.each(paths)(
  '$scene.remediationId, told by: $origin',
  ({ scene, origin, calls, endState, rotations, outcomes, isFixed }) => {
    it('goes well when all goes well, over at least eight boundaries', () => {
      expect(calls.length).toBeGreaterThanOrEqual(8);
      expect(outcomes).toEqual(['fixed']);
      expect(isFixed).toBe(true);
    });

    for (const mishap of mishaps) {
      it.each(calls.map((call, index) => ({ call, at: index + 1 })))(
        `survives call $at, $call, that ${mishap}`,
        async ({ at, call }) => {
          const boundary = new Boundary();
          boundary.arm([[at, mishap]]);
          engine = await runScene(scene, origin, boundary);
          // Deliveries alone suffice; the sweep afterwards finds nothing left to do.
          expectOneSuccess(engine);
          expectSettled(engine);
          const mutations = engine.mutations().length;
          engine.clock.advance(PAST_THE_LEASE);
          await runHost(engine, { sweep: true, hasDied: () => boundary.hasDied });

          expect(engine.mutations()).toHaveLength(mutations);
          expect(boundary.calls[at - 1]).toBe(call);
          expect(scene.isFixed(engine)).toBe(true);
          expect(endStateOf(engine, scene)).toEqual(endState);
          expectOneSuccess(engine);
          expect(engine.poison).toEqual([]);
          expectSettled(engine);
          expectRecordedMutations(engine);
          const extra = rotationsOf(engine) - rotations;
          const isAnswerLost =
            mishap.startsWith('dies') || (mishap === 'throws after' && call.includes('regenerateCredential'));
          const isRecorded =
            recordedRotationsOf(engine) >= rotationsOf(engine) ||
            engine.audit('outcome')[0]?.reason === 'verified-after-restart';
          expect(extra).toBeGreaterThanOrEqual(0);
          expect(extra === 0 || (isAnswerLost && isRecorded)).toBe(true);
        },
      );
    }

    it('survives several of them in a row', { timeout: 30_000 }, async () => {
      const position = fc.integer({ min: 1, max: 2 * calls.length });
      const armed = fc.uniqueArray(fc.tuple(position, fc.constantFrom(...mishaps)), {
        selector: ([at]) => at,
        maxLength: 4,
      });

      await fc.assert(
        fc.asyncProperty(armed, async (mishapsAt) => {
          const boundary = new Boundary();
          boundary.arm(mishapsAt);
          const run = await runScene(scene, origin, boundary);
          try {
            run.clock.advance(PAST_THE_LEASE);
            await runHost(run, { sweep: true, hasDied: () => boundary.hasDied });

            expect(endStateOf(run, scene)).toEqual(endState);
            expectOneSuccess(run);
            expectSettled(run);
            expectRecordedMutations(run);
          } finally {
            await run.stop();
          }
        }),
        { numRuns: 12 },
      );
    });
  },
);

/** Four workers that take what is due until nothing is. */
async function runWorkers(run: EngineHarness): Promise<void> {
  const work = async (): Promise<void> => {
    for (;;) {
      const message = run.queue.find(({ dueAt }) => dueAt <= run.clock.now().getTime());
      if (message === undefined) return;
      run.queue.splice(run.queue.indexOf(message), 1);
      await reconcile(run.context(), parseWorkMessage(message.text), ulid());
    }
  };
  await Promise.all([work(), work(), work(), work()]);
}

async function startHost(scene: Scene, boundary = new Boundary()): Promise<EngineHarness> {
  engine = await startScene(scene, { seed: seedOf(scene), wrapContext: boundary.wrapContext });
  return engine;
}

/** By origin: a request that a fault answered was never asked for its token. */
function requestsOf(run: EngineHarness) {
  return run.simulator.requests.filter(({ isInProcess }) => !isInProcess);
}

describe('the same event fifty times and out of order (R32)', () => {
  it.each(scenes)('leads to one chain of evaluation and one fix: $remediationId', async (scene) => {
    engine = await startScene(scene, { seed: seedOf(scene) });
    const run = engine;
    scene.violate(run);
    scene.violate(run);
    const [first, second] = run.events.splice(0);
    const deliveries = Array.from({ length: 25 }, () => [second, first]).flat();

    for (let start = 0; start < deliveries.length; start += 4) {
      await Promise.all(
        deliveries.slice(start, start + 4).map(async (event) => await acceptEvents(run.context(), event)),
      );
    }
    await runWorkers(run);
    for (let wait = 0; wait < 10 && run.queue.length > 0; wait += 1) {
      run.clock.advance(PAST_THE_LEASE);
      await runWorkers(run);
    }

    expect(run.calls()).toHaveLength(scene.calls.length);
    expect(run.audit().map(({ stage, outcome }) => outcome ?? stage)).toEqual(['intent', 'fixed']);
    expect(scene.isFixed(run)).toBe(true);
    expectSettled(run);
    expectRecordedMutations(run);
  });

  it('while workers handle events and work at the same time, nothing comes to nothing', async () => {
    const [scene] = scenes;
    if (scene === undefined) throw new Error('no scene');
    engine = await startScene(scene, { seed: seedOf(scene) });
    const run = engine;
    scene.violate(run);
    const [event] = run.events.splice(0);

    await Promise.all(
      [1, 2, 3, 4].map(async () => {
        for (let copy = 0; copy < 12; copy += 1) {
          await acceptEvents(run.context(), event);
          await runWorkers(run);
        }
      }),
    );
    run.clock.advance(PAST_THE_LEASE);
    await runWorkers(run);

    expect(run.audit().map(({ stage, outcome }) => outcome ?? stage)).toEqual(['intent', 'fixed']);
    expect(run.calls()).toHaveLength(scene.calls.length);
    expectSettled(run);
  });
});

describe('what peers lose', () => {
  const [disableAdmin] = scenes;
  if (disableAdmin === undefined) throw new Error('no scene');
  const REGISTRY = /\/registries\/\w+(\?|$)/;

  function fail(
    run: EngineHarness,
    fault: Omit<Fault, 'effect' | 'caller'>,
    status: number,
    answer: Answer = {},
  ): void {
    const { code = 'Failed', headers = {} } = answer;
    const body = { error: { code, message: `refused with ${code}` } };
    run.simulator.faults.add({ caller: 'dockwarden', ...fault, effect: { kind: 'answer', status, headers, body } });
  }

  interface Answer {
    readonly code?: string;
    readonly headers?: Readonly<Record<string, string>>;
  }

  it.each(scenes)(
    'R01: a write that fails with 500 while its worker dies is taken up after the lease: $remediationId',
    async (scene) => {
      const boundary = new Boundary();
      const run = await startHost(scene, boundary);
      const write = scene.calls.findLast(({ kind }) => kind === 'write');
      fail(run, { method: write?.method ?? '', skip: write?.skip ?? 0 }, 500);
      run.simulator.faults.add({
        caller: 'dockwarden',
        method: write?.method ?? '',
        skip: write?.skip ?? 0,
        effect: { kind: 'after', run: () => boundary.kill() },
      });
      scene.violate(run);

      await runHost(run, { hasDied: () => boundary.hasDied, untilMs: 60_000 });
      expect(run.audit('outcome')).toEqual([]);
      expect(run.work()).toMatchObject([{ run: { resumed: 0 } }]);
      await runHost(run);

      expect(scene.isFixed(run)).toBe(true);
      expect(run.audit('intent')).toHaveLength(1);
      expect(run.audit('outcome')).toMatchObject([{ outcome: 'fixed', reason: 'verified-after-restart' }]);
      expectSettled(run);
      expectRecordedMutations(run);
    },
  );

  it('R03: a resource that is busy twice is fixed on the third delivery, and both tries are on record', async () => {
    const run = await startHost(disableAdmin);
    fail(run, { method: 'PATCH', path: REGISTRY, times: 2 }, 409, { code: 'OperationNotAllowed' });
    disableAdmin.violate(run);

    await runHost(run);

    expect(run.audit('outcome').map(({ outcome }) => outcome)).toEqual(['fixed', 'retry', 'retry']);
    expectOneSuccess(run);
    expect(requestsOf(run).filter(({ method }) => method === 'PATCH')).toHaveLength(3);
    expectSettled(run);
    expectRecordedMutations(run);
  });

  it('R03: a refusal for want of permission is one outcome that names the action, and no storm of retries', async () => {
    engine = await startScene(disableAdmin, {
      seed: seedOf(disableAdmin),
      actions: [...READ_ACTIONS, 'Microsoft.ContainerRegistry/registries/regenerateCredential/action'],
    });
    const run = engine;
    disableAdmin.violate(run);

    await runHost(run);

    const [row, ...others] = run.audit('outcome');
    expect(others).toEqual([]);
    expect(row).toMatchObject({ outcome: 'denied' });
    expect(row?.error).toContain('Microsoft.ContainerRegistry/registries/write');
    expect(run.mutations().filter((call) => call.startsWith('PATCH'))).toHaveLength(1);
    expect(run.findings()).toMatchObject([{ status: 'open', lastOutcome: 'denied', attempts: 1 }]);
    expectSettled(run);
    expectRecordedMutations(run);
  });

  it('R04, R05: a throttled read ends the invocation at once; nothing is asked until the time that Azure gave', async () => {
    const run = await startHost(disableAdmin);
    fail(run, { method: 'GET', path: REGISTRY }, 429, { code: 'TooManyRequests', headers: { 'retry-after': '60' } });
    disableAdmin.violate(run);

    const started = performance.now();
    await run.deliverEvents();
    await run.drain();
    expect(performance.now() - started).toBeLessThan(1000);

    expect(requestsOf(run)).toHaveLength(1);
    expect(run.queue).toMatchObject([{ delayMs: 60_000 }]);
    expect(run.audit()).toMatchObject([{ stage: 'decision', decision: 'defer', reason: 'azure-unavailable' }]);
    run.clock.advance(59_000);
    await run.drain();
    expect(requestsOf(run)).toHaveLength(1);
    await runHost(run);
    expect(disableAdmin.isFixed(run)).toBe(true);
    expectSettled(run);
    expectRecordedMutations(run);
  });

  it('R04: a resource that is missing twice, a minute apart, while the subscription answers, closes its finding as gone', async () => {
    const run = await startHost(disableAdmin);
    run.setEnvironment({ REMEDIATE_ACR_DISABLE_ADMIN_USER: 'observe' });
    disableAdmin.violate(run);
    await runHost(run);
    expect(run.findings()).toMatchObject([{ status: 'open' }]);
    run.simulator.state.remove(disableAdmin.resourceId);
    run.simulator.requests.length = 0;

    await runHost(run, { sweep: true, untilMs: 59_000 });
    expect(run.findings()).toMatchObject([{ status: 'open' }]);
    await runHost(run, { sweep: true, untilMs: 600_000 });

    expect(run.findings()).toMatchObject([{ status: 'closed', closedBecause: 'gone' }]);
    const reads = run.simulator.requests.filter(({ path }) => path.endsWith('/registries/contosoacr'));
    expect(reads.length).toBeGreaterThanOrEqual(2);
    expect((reads.at(-1)?.time.getTime() ?? 0) - (reads[0]?.time.getTime() ?? 0)).toBeGreaterThanOrEqual(60_000);
    expectSettled(run);
  });

  it('R04: a resource that may not be read is unknown, which is neither fine nor gone', async () => {
    const run = await startHost(disableAdmin);
    fail(run, { method: 'GET', path: REGISTRY }, 403, { code: 'AuthorizationFailed' });
    disableAdmin.violate(run);

    await runHost(run);

    expect(run.findings()).toMatchObject([{ status: 'open', verdict: 'unknown', reason: 'verdict-unknown' }]);
    expect(run.mutations()).toEqual([]);
    expectSettled(run);
  });

  it('R06: a message whose every delivery fails is kept as a blob, with one audit row, and the sweep takes the work up', async () => {
    const run = await startHost(disableAdmin);
    disableAdmin.violate(run);
    await run.deliverEvents();
    // Somebody has damaged the row: no delivery can read it.
    const [row] = run.tables.work.rows;
    if (row === undefined) throw new Error('nothing was taken in');
    await run.tables.work.putAll(row.partitionKey, [{ rowKey: row.rowKey, columns: { ...row.columns, attempt: 'x' } }]);

    await runHost(run);

    expect(run.poison).toMatchObject([{ name: expect.stringMatching(/^work\//) }]);
    expect(run.audit('input')).toMatchObject([{ reason: 'poison', resourceName: 'contosoacr' }]);
    expect(run.mutations()).toEqual([]);
    await run.tables.work.putAll(row.partitionKey, [row]);
    run.clock.advance(3_600_000);
    await runHost(run, { sweep: true });
    expect(disableAdmin.isFixed(run)).toBe(true);
    expectSettled(run);
    expectRecordedMutations(run);
  });

  it('R07: a fix that throws leaves the finding open, and the next look tries again', async () => {
    let isBroken = true;
    engine = await startScene(disableAdmin, {
      seed: seedOf(disableAdmin),
      wrapContext: (context) => ({
        ...context,
        remediations: context.remediations.map((remediation) => ({
          ...remediation,
          fix: async (input: Parameters<typeof remediation.fix>[0]) => {
            if (isBroken) throw new TypeError('a defect of ours');
            await remediation.fix(input);
          },
        })),
      }),
    });
    const run = engine;
    disableAdmin.violate(run);

    await runHost(run);

    expect(run.audit('outcome')).toMatchObject([
      { outcome: 'failed', reason: 'internal-error', error: 'TypeError: a defect of ours' },
    ]);
    expect(run.findings()).toMatchObject([{ status: 'open', lastOutcome: 'failed' }]);
    isBroken = false;
    run.clock.advance(3_600_000);
    await runHost(run, { sweep: true });
    expect(run.findings()).toMatchObject([{ status: 'closed', lastOutcome: 'fixed' }]);
    expect(disableAdmin.isFixed(run)).toBe(true);
    expectSettled(run);
    expectRecordedMutations(run);
  });

  it.each(scenes)(
    'R07: in observe mode no row says fixed, and the plan is on record: $remediationId',
    async (scene) => {
      const run = await startHost(scene);
      run.setEnvironment({ DOCKWARDEN_MODE: 'observe' });
      scene.violate(run);

      await runHost(run);

      expect(run.mutations()).toEqual([]);
      expect(run.audit()).toMatchObject([{ stage: 'decision', decision: 'observe', reason: 'mode-observe' }]);
      const [row] = run.audit();
      const plan: { result: string; effect: string }[] = JSON.parse(row?.operations ?? '[]');
      expect(plan.filter(({ effect }) => effect === 'write').map(({ result }) => result)).toEqual(
        scene.calls.filter(({ kind }) => kind === 'write').map(() => 'planned'),
      );
      expect(run.findings()).toMatchObject([{ status: 'open' }]);
      expectSettled(run);
    },
  );

  it.each(scenes)(
    'R12: a violation that no event told of is fixed by the next sweep, and again after a silent revert: $remediationId',
    async (scene) => {
      const run = await startHost(scene);
      scene.violate(run);
      run.events.length = 0;
      await runHost(run, { sweep: true });
      expect(scene.isFixed(run)).toBe(true);
      expect(run.audit('outcome')).toHaveLength(1);

      run.clock.advance(100 * 24 * 3_600_000);
      scene.violate(run);
      run.events.length = 0;
      await runHost(run, { sweep: true });

      expect(scene.isFixed(run)).toBe(true);
      expect(run.audit('outcome')).toMatchObject([{ outcome: 'fixed' }, { outcome: 'fixed' }]);
      expectSettled(run);
      expectRecordedMutations(run);
    },
  );
});
