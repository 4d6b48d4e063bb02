import { afterEach, describe, expect, it } from 'vitest';
import type { Fault } from '../../local/azure/faults.ts';
import { createSampleSubscription, sampleId } from '../../local/azure/sample-subscription.ts';
import { expectRecordedMutations, expectSettled } from '../support/audit-invariants.ts';
import { Boundary } from '../support/boundary.ts';
import { ENFORCING, type EngineHarness, startEngine } from '../support/engine-harness.ts';
import { runHost } from '../support/host-delivery.ts';

const ACR = sampleId('contosoacr');
const REGISTRY = /\/registries\/\w+(\?|$)/;

let engine: EngineHarness | undefined;

afterEach(async () => {
  await engine?.stop();
  engine = undefined;
});

/**
 * The rotation of the second password is left open by its first look, because the read-back is throttled, and the admin user cannot be
 * disabled yet. The second look ends the rotation, and begins to disable the admin user: two runs in one look. The registry is busy then, so
 * the second run ends in a retry; and before that can be made, a look meets nothing but the password.
 */
async function run(boundary: Boundary): Promise<EngineHarness> {
  const seed = createSampleSubscription();
  const resources = seed.resources.filter(({ id }) => id === ACR);
  const started = await startEngine({
    environment: ENFORCING,
    seed: { ...seed, resources },
    wrapContext: boundary.wrapContext,
  });
  const { simulator } = started;
  const asked = new Set<number>();
  boundary.watch(simulator);
  refuse(
    { method: 'GET', path: /\/containerGroups(\?|$)/, when: () => isFirstAfter(0) || isFirstAfter(2), times: Infinity },
    429,
  );
  refuse({ method: 'GET', path: REGISTRY, skip: 1 }, 429);
  refuse({ method: 'PATCH', path: REGISTRY }, 409);
  simulator.as('operator').patch(ACR, { properties: { adminUserEnabled: true } });
  await runHost(started, { hasDied: () => boundary.hasDied });
  return started;

  function refuse(fault: Omit<Fault, 'effect' | 'caller'>, status: number): void {
    const body = { error: { code: status === 409 ? 'OperationNotAllowed' : 'TooManyRequests', message: 'later' } };
    simulator.faults.add({ ...fault, caller: 'dockwarden', effect: { kind: 'answer', status, body } });
  }

  /** True once, when so many runs have ended. */
  function isFirstAfter(runs: number): boolean {
    if (started.audit('outcome').length !== runs || asked.has(runs)) return false;
    asked.add(runs);
    return true;
  }
}

/** Runs in the order of their ends. */
function endedIn(started: EngineHarness) {
  return started
    .audit('outcome')
    .toReversed()
    .map(({ remediationId, outcome }) => [remediationId, outcome]);
}

const learning = new Boundary();
const undisturbed = await run(learning);
const happy = { calls: [...learning.calls], ended: endedIn(undisturbed) };
await undisturbed.stop();

describe('two runs in one look', () => {
  it('end one after the other when all goes well', () => {
    expect(happy.ended).toEqual([
      ['acr-rotate-second-password', 'fixed'],
      ['acr-disable-admin-user', 'retry'],
      ['acr-disable-admin-user', 'fixed'],
    ]);
  });

  describe.each(['throws after', 'dies before'] as const)('%s', (mishap) => {
    it.each(happy.calls.map((call, index) => ({ call, at: index + 1 })))(
      'call $at, $call: what the first one did is known when the second one is taken up',
      async ({ at }) => {
        const boundary = new Boundary();
        boundary.arm([[at, mishap]]);

        engine = await run(boundary);

        const ended = endedIn(engine);
        const rotations = ended.filter(([id]) => id === 'acr-rotate-second-password');
        expect(rotations.slice(rotations.findIndex(([, outcome]) => outcome === 'fixed') + 1)).toEqual([]);
        expect(ended.at(-1)).toEqual(['acr-disable-admin-user', 'fixed']);
        expectSettled(engine);
        expectRecordedMutations(engine);
      },
    );
  });
});
