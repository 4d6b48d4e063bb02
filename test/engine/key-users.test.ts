import { afterEach, describe, expect, it } from 'vitest';
import { sampleId } from '../../local/azure/sample-subscription.ts';
import { startKeys, userOf, vaultOf } from '../acceptance/key-scenes.ts';
import type { EngineHarness } from '../support/engine-harness.ts';

let engine: EngineHarness;

afterEach(async () => {
  await engine.stop();
});

/** Who uses the key is asked for by the pre-flight as well: here the key is in order, so that it is not. */
const KEY = {
  rotationPolicy: {
    lifetimeActions: [{ trigger: { timeAfterCreate: 'P18M' }, action: { type: 'Rotate' } }],
    attributes: { expiryTime: 'P2Y' },
  },
};
const REGISTRY = sampleId('contosofresh');
const notices = () => engine.audit('notice').filter(({ reason }) => reason === 'key-users-pinned');
const lookedAt = (name: string) =>
  engine.calls().filter((call) => call.startsWith('GET') && call.endsWith(name)).length;

/** A registry that is encrypted with the key. */
function encrypt(keyIdentifier: string): void {
  const raw = engine.simulator.state.get(sampleId('contosofresh'));
  if (raw === undefined) throw new Error('the sample has no such registry');
  engine.simulator.state.put({
    ...raw,
    properties: { ...raw.properties, encryption: { status: 'enabled', keyVaultProperties: { keyIdentifier } } },
  });
}

async function startWithRegistry(): Promise<void> {
  engine = await startKeys();
  engine.simulator.state.put({
    id: REGISTRY,
    name: 'contosofresh',
    type: 'Microsoft.ContainerRegistry/registries',
    location: 'westeurope',
    sku: { name: 'Premium', tier: 'Premium' },
    properties: { adminUserEnabled: false, loginServer: 'contosofresh.azurecr.io', provisioningState: 'Succeeded' },
  });
}

describe('a new version of a key', () => {
  it('leads to a look at every user of ours, once', async () => {
    await startWithRegistry();
    const { kid } = vaultOf(engine).createKey('data', KEY);
    encrypt(kid.replace(/\/[^/]+$/, ''));
    await engine.settle();

    expect(lookedAt('contosofresh')).toBe(1);
    expect(notices()).toEqual([]);
  });

  it('puts on record who stays on an old one', async () => {
    await startWithRegistry();
    const { kid } = vaultOf(engine).createKey('data', KEY);
    encrypt(kid);
    engine.simulator.state.put(userOf(kid, false));
    await engine.settle();

    expect(notices()).toMatchObject([{ resourceName: 'kv-test/data', causeKind: 'notification' }]);
    expect(notices()[0]?.error).toContain(REGISTRY);
    expect(lookedAt('contosofresh')).toBe(1);
    // The disk encryption set is no resource that is covered.
    expect(engine.work().map(({ resourceId }) => resourceId)).not.toContain(userOf(kid).id);
  });

  it('is looked at all the same when nobody can tell who uses it', async () => {
    await startWithRegistry();
    engine.simulator.faults.add({
      path: /ResourceGraph/,
      times: Infinity,
      effect: { kind: 'answer', status: 403, body: { error: { code: 'AuthorizationFailed', message: 'no' } } },
    });
    vaultOf(engine).createKey('data', KEY);
    await engine.settle();

    expect(lookedAt('data')).toBe(1);
    expect(notices()).toEqual([]);
  });

  it('is not what every look at a key is about', async () => {
    await startWithRegistry();
    const { kid } = vaultOf(engine).createKey('data', {
      ...KEY,
      exp: new Date(engine.clock.now().getTime() + 86_400_000),
    });
    encrypt(kid);
    engine.events.length = 0;
    vaultOf(engine).announceExpiry();
    await engine.settle();

    expect(lookedAt('data')).toBeGreaterThan(0);
    expect(lookedAt('contosofresh')).toBe(0);
  });
});
