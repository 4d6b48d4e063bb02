import { afterEach, expect, it } from 'vitest';
import { sampleId } from '../../local/azure/sample-subscription.ts';
import type { TableStore } from '../../src/storage/table-store.ts';
import { type EngineHarness, startEngine } from '../support/engine-harness.ts';

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
