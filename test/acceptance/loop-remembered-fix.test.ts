import { afterEach, expect, it } from 'vitest';
import { sampleId } from '../../local/azure/sample-subscription.ts';
import { type EngineHarness, startEngine } from '../support/engine-harness.ts';

const build = sampleId('contosobuild');
let engine: EngineHarness;

afterEach(async () => {
  await engine.stop();
});

// Found by `npm run chaos -- --seed 1` (chaosacr668, chaosacr926): a rotation that a later pass verifies is forgotten when an earlier
// policy of the same pass ends with `retry`, and so it is made again.
it('a rotation that was verified is remembered although another fix of the same pass has to wait', async () => {
  engine = await startEngine();
  const { faults } = engine.simulator;
  const once = { caller: 'dockwarden', times: 1 } as const;
  const unavailable = { kind: 'answer', status: 503 } as const;
  engine.simulator.state.patch(build, { tags: { a: 'b' } }, { by: 'operator' });
  await engine.deliverEvents();
  // Pass 1: whether anybody uses the registry cannot be read, so only the second password is rotated; the read-back fails.
  faults.add({ ...once, path: /containerGroups/, effect: unavailable });
  faults.add({ ...once, method: 'GET', path: /contosobuild(\?|$)/, skip: 1, effect: unavailable });
  await engine.drain();
  // Pass 2: the rotation is verified; then the admin user's fix meets a busy registry.
  faults.clear();
  const busy = { error: { code: 'AnotherOperationInProgress', message: 'busy' } };
  faults.add({
    ...once,
    method: 'POST',
    path: /regenerateCredential/,
    effect: { kind: 'answer', status: 409, body: busy },
  });
  engine.clock.advance(60_000);
  await engine.drain();
  // Pass 3: as pass 1.
  faults.clear();
  faults.add({ ...once, path: /containerGroups/, effect: unavailable });
  engine.clock.advance(60_000);
  await engine.drain();

  const rotations = engine.audit('intent').filter(({ policyId }) => policyId === 'acr-second-password-fresh');
  expect(rotations).toHaveLength(1);
});
