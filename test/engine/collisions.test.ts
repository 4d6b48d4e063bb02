import { afterEach, expect, it } from 'vitest';
import { createSampleSubscription, sampleId } from '../../local/azure/sample-subscription.ts';
import { sweepResources } from '../../src/engine/sweep.ts';
import type { TableStore } from '../../src/storage/table-store.ts';
import { ENFORCING, type EngineHarness, startEngine } from '../support/engine-harness.ts';

let engine: EngineHarness;

afterEach(async () => {
  await engine.stop();
});

/** Somebody else's write comes between our read and our write of the row, this many times. */
function interrupted(method: 'insert' | 'replace', times: number) {
  const state = { left: times };
  const wrapTable = (table: TableStore, name: string): TableStore =>
    name !== 'work'
      ? table
      : new Proxy(table, {
          get(target, property) {
            if (property === method && state.left > 0) {
              state.left -= 1;
              return async () => await Promise.resolve(false);
            }
            const value: unknown = Reflect.get(target, property, target);
            return typeof value === 'function' ? value.bind(target) : value;
          },
        });
  return { state, wrapTable };
}

it.each(['insert', 'replace'] as const)(
  'an event whose %s of the row collides is taken in all the same, and fixed once',
  async (method) => {
    const collision = interrupted(method, 3);
    engine = await startEngine({ wrapTable: collision.wrapTable });
    engine.simulator.as('operator').patch(sampleId('contosoacr'), { properties: { adminUserEnabled: true } });

    await engine.settle();

    expect(collision.state.left).toBe(0);
    expect(engine.audit('outcome').map(({ outcome }) => outcome)).toEqual(['fixed']);
    expect(engine.work()).toMatchObject([{ pending: [] }]);
  },
);

it('a worker that stalls longer than its lease overwrites no finding of its successor', async () => {
  const ROTATE = { POLICY_ACR_ADMIN_USER_DISABLED: 'off', REMEDIATE_ACR_ROTATE_SECOND_PASSWORD: 'enforce' };
  const acr = sampleId('contosoacr');
  const change = () => engine.simulator.as('operator').patch(acr, { properties: { adminUserEnabled: true } });
  const seed = createSampleSubscription();
  let isStalled = false;
  let meanwhile: readonly (string | undefined)[] = [];
  engine = await startEngine({
    environment: { ...ENFORCING, ...ROTATE, REMEDIATE_ACR_ROTATE_SECOND_PASSWORD: 'observe' },
    seed: { ...seed, resources: seed.resources.filter(({ id }) => id === acr) },
    wrapContext: (context) => ({
      ...context,
      findings: {
        ...context.findings,
        async save(...args) {
          if (!isStalled) {
            isStalled = true;
            // Its successor rotates the password, while the first worker is about to store that nothing was rotated.
            engine.clock.advance(200_000);
            engine.setEnvironment(ROTATE);
            change();
            await engine.settle();
            meanwhile = engine.findings().map(({ lastOutcome }) => lastOutcome);
          }
          return await context.findings.save(...args);
        },
      },
    }),
  });
  change();

  await engine.settle();
  engine.clock.advance(200_000);
  await sweepResources(engine.context());
  await engine.settle();

  expect(meanwhile).toEqual(['fixed']);
  expect(engine.findings()).toMatchObject([{ status: 'closed', lastOutcome: 'fixed' }]);
  expect(engine.audit('outcome').map(({ outcome }) => outcome)).toEqual(['fixed']);
  expect(engine.work()).toMatchObject([{ pending: [] }]);
});
