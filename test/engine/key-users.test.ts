import { afterEach, describe, expect, it } from 'vitest';
import { sampleId } from '../../local/azure/sample-subscription.ts';
import { parseResourceId } from '../../src/resources/resource-id.ts';
import { hashOf } from '../../src/storage/resource-key.ts';
import { KEY_ID, startKeys, userOf, vaultOf } from '../acceptance/key-scenes.ts';
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
const NEW_VERSION = 'Microsoft.KeyVault.KeyNewVersionCreated';
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

  it('puts no more of them on record than fits into a row', async () => {
    await startWithRegistry();
    const { kid } = vaultOf(engine).createKey('data', KEY);
    const user = userOf(kid, false);
    for (let count = 0; count < 30; count += 1)
      engine.simulator.state.put({ ...user, id: `${user.id}-${count}`, name: `${user.name}-${count}` });
    await engine.settle();

    expect(notices()[0]?.error).toHaveLength(2000);
  });

  it('is a cause of its own for a user, which names the event about the key', async () => {
    await startWithRegistry();
    const { kid } = vaultOf(engine).createKey('data', KEY);
    encrypt(kid);
    const [id = ''] = engine.events.filter(({ eventType }) => eventType === NEW_VERSION).map((event) => event.id);
    await engine.settle();

    const causesOf = (resourceId: string) =>
      engine.work().find((item) => item.resourceId.toLowerCase() === resourceId.toLowerCase())?.knownCauses;
    expect(causesOf(KEY_ID)).toContain(id);
    expect(causesOf(REGISTRY)).toEqual([`${id} of its key`]);
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
    expect(engine.audit('notice')).toMatchObject([{ reason: 'key-users-unknown', resourceName: 'kv-test/data' }]);
  });

  it('is come back to when Azure cannot tell at the moment who uses it', async () => {
    await startWithRegistry();
    const { kid } = vaultOf(engine).createKey('data', KEY);
    encrypt(kid);
    const effect = { kind: 'answer', status: 429, headers: { 'retry-after': '600' } } as const;
    engine.simulator.faults.add({ path: /ResourceGraph/, times: 2, effect });
    await engine.settle(60_000);
    // Nothing else about the key waits for that.
    expect(engine.work().filter(({ pending, notBefore }) => pending.length > 0 || notBefore !== undefined)).toEqual([]);
    expect(lookedAt('contosofresh')).toBe(0);

    await engine.settle();

    expect(notices()).toHaveLength(1);
    expect(lookedAt('contosofresh')).toBe(1);
  });

  it('is on record when Azure does not tell for hours who uses it', async () => {
    await startWithRegistry();
    vaultOf(engine).createKey('data', KEY);
    engine.simulator.faults.add({ path: /ResourceGraph/, times: Infinity, effect: { kind: 'answer', status: 503 } });
    await engine.settle(24 * 3_600_000);

    expect(engine.audit('notice')).toMatchObject([{ reason: 'key-users-unknown' }]);
    expect(engine.audit('decision')).toEqual([]);
    expect(lookedAt('data')).toBe(5);
  });

  it('is on record, and the key is judged, even if the row of a user is damaged', async () => {
    await startWithRegistry();
    const { kid } = vaultOf(engine).createKey('data', { ...KEY, rotationPolicy: { lifetimeActions: [] } });
    encrypt(kid);
    const hash = hashOf(parseResourceId(REGISTRY));
    await engine.tables.work.insert({ partitionKey: hash.slice(0, 2), rowKey: hash }, { pending: 'not JSON' });
    await engine.settle();

    expect(notices()).toHaveLength(1);
    expect(engine.findings().map(({ policyId }) => policyId)).toContain('kv-key-rotation-enabled');
    const ofKey = engine.tables.work.rows.find(({ columns }) => columns['resourceId'] === KEY_ID);
    expect(ofKey?.columns['pending']).toBe('[]');
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
