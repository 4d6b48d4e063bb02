import { afterEach, expect, it } from 'vitest';
import { sampleId } from '../../local/azure/sample-subscription.ts';
import { type EngineHarness, startEngine } from '../support/engine-harness.ts';

const acr = sampleId('contosoacr');
let engine: EngineHarness;

afterEach(async () => {
  await engine.stop();
});

// Found by `npm run chaos -- --seed 2`: the ten minutes of a verification pass while Azure cannot be read at all.
it('a fix is not called ineffective at the first read-back that succeeds, when somebody has undone it meanwhile', async () => {
  engine = await startEngine();
  engine.simulator.as('operator').patch(acr, { properties: { adminUserEnabled: true } });
  await engine.deliverEvents();
  // The fix goes through; then nothing can be read for eleven minutes.
  let isOut = false;
  engine.simulator.faults.add({
    caller: 'dockwarden',
    method: 'PATCH',
    path: /contosoacr/,
    effect: {
      kind: 'after',
      run: () => {
        isOut = true;
      },
    },
  });
  engine.simulator.faults.add({
    caller: 'dockwarden',
    method: 'GET',
    times: Infinity,
    when: () => isOut,
    effect: { kind: 'answer', status: 503 },
  });
  for (let minute = 0; minute < 11; minute += 1) {
    await engine.drain();
    engine.clock.advance(60_000);
  }
  // Somebody else enables it again; the event is still on its way when Azure answers again.
  isOut = false;
  engine.events.splice(0);
  engine.simulator.as('automation').patch(acr, { properties: { adminUserEnabled: true } });
  const late = engine.events.splice(0);
  engine.clock.advance(15 * 60_000);
  await engine.drain();
  engine.events.push(...late);
  await engine.settle();

  const outcomes = engine.audit('outcome').map(({ outcome, reason }) => `${outcome} ${reason}`);
  expect(outcomes).not.toContain('not-effective not-verified');
});
