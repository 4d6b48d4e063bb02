import { afterEach, describe, expect, it } from 'vitest';
import { sweepResources } from '../../src/engine/sweep.ts';
import { DAY, KEY_ID, OPTED_IN, ROTATING, startKeys, userOf, vaultOf } from '../acceptance/key-scenes.ts';
import { HOUR, sweep } from '../acceptance/operator-requests.ts';
import { VAULT_ID, VAULTS, vaultBody, vaultSeed } from '../simulator/vault-harness.ts';
import type { EngineHarness } from '../support/engine-harness.ts';

let engine: EngineHarness;

afterEach(async () => {
  await engine.stop();
});

const OBSERVE = { REMEDIATE_KV_SET_KEY_ROTATION_POLICY: 'observe', REMEDIATE_KV_ROTATE_KEY: 'observe' };
const NO_ROTATION = { POLICY_KV_KEY_ROTATION_ENABLED: 'off' };
const FAR = { rotationPolicy: ROTATING };

/** Makes a key without telling anybody. */
function make(name: string, options: Parameters<ReturnType<typeof vaultOf>['createKey']>[1] = {}): void {
  const { kid } = vaultOf(engine).createKey(name, options);
  engine.simulator.state.put(userOf(kid));
  engine.events.length = 0;
}

/** What one sweep puts into the queue, by name of the key. */
async function queuedBySweep(): Promise<readonly string[]> {
  await sweepResources(engine.context());
  const names = engine.queue.map(({ text }) => /"resourceId":"[^"]*\/([^"/]+)"/.exec(text)?.[1] ?? text);
  engine.queue.length = 0;
  return names.toSorted();
}

const lists = () => engine.calls().filter((call) => call.endsWith('/keys')).length;
const openFindings = () =>
  engine
    .findings()
    .filter(({ status }) => status === 'open')
    .map(({ resourceId, policyId }) => `${resourceId.split('/').at(-1)} ${policyId}`)
    .toSorted();
const unlisted = () => engine.audit('input').filter(({ reason }) => reason === 'keys-not-listed');

describe('a sweep', () => {
  it('finds keys that no event told of, and has them fixed', async () => {
    engine = await startKeys();
    make('data', { tags: OPTED_IN, exp: new Date(engine.clock.now().getTime() + 5 * DAY) });

    await sweep(engine);

    expect(vaultOf(engine).key('data')).toMatchObject({ versions: [expect.any(String), expect.any(String)] });
    expect(
      vaultOf(engine)
        .key('data')
        ?.rotationPolicy?.actions.map(({ type }) => type),
    ).toContain('Rotate');
    expect(openFindings()).toEqual([]);
  });

  it('looks once at each enabled key, because its list shows no rotation policies', async () => {
    engine = await startKeys(OBSERVE);
    make('bare');
    make('rotating', FAR);
    make('disabled', { enabled: false });

    expect(await queuedBySweep()).toEqual(['bare', 'rotating']);
    expect(lists()).toBe(1);
  });

  it('judges the expiry in place', async () => {
    engine = await startKeys({ ...OBSERVE, ...NO_ROTATION });
    const now = engine.clock.now().getTime();
    make('soon', { exp: new Date(now + 5 * DAY) });
    make('later', { exp: new Date(now + 300 * DAY) });
    make('never');
    make('disabled', { enabled: false, exp: new Date(now + 5 * DAY) });

    expect(await queuedBySweep()).toEqual(['soon']);
  });

  it('lists no keys while nothing judges them', async () => {
    engine = await startKeys({ ...NO_ROTATION, POLICY_KV_KEY_NOT_NEAR_EXPIRY: 'off' });
    make('bare');

    expect(await queuedBySweep()).toEqual([]);
    expect(lists()).toBe(0);
  });

  it('looks at a key that has a finding, whatever the list shows, and closes it when it is over', async () => {
    engine = await startKeys({ ...OBSERVE, ...NO_ROTATION });
    make('soon', { exp: new Date(engine.clock.now().getTime() + 5 * DAY) });
    await sweep(engine);
    expect(openFindings()).toEqual(['soon kv-key-not-near-expiry']);

    expect(await queuedBySweep()).toEqual(['soon']);
    make('soon');
    await sweep(engine);

    expect(openFindings()).toEqual([]);
    expect(await queuedBySweep()).toEqual([]);
  });

  it('closes the findings of a policy that was switched off', async () => {
    engine = await startKeys(OBSERVE);
    make('bare');
    await sweep(engine);
    expect(openFindings()).toEqual(['bare kv-key-rotation-enabled']);

    engine.setEnvironment({ ...NO_ROTATION, POLICY_KV_KEY_NOT_NEAR_EXPIRY: 'off' });
    await sweep(engine);

    expect(openFindings()).toEqual([]);
  });

  it('reads every page of keys', async () => {
    engine = await startKeys(OBSERVE);
    const names = ['a', 'b', 'c', 'd', 'e'];
    for (const name of names) make(name);
    engine.simulator.world.pageSize = 2;

    expect(await queuedBySweep()).toEqual(names);
    expect(lists()).toBe(3);
  });

  it('costs one call for each vault', async () => {
    const vaults = ['kv-test', 'kv-b', 'kv-c'].map((name) => vaultBody(name));
    engine = await startKeys(OBSERVE, { seed: vaultSeed(vaults) });

    await sweepResources(engine.context());

    expect(lists()).toBe(3);
    expect(engine.calls()).toHaveLength(1 + 3);
  });

  it('counts keys among what the breaker takes its share of', async () => {
    engine = await startKeys(OBSERVE);
    for (const name of ['a', 'b', 'c']) make(name);

    await sweepResources(engine.context());

    const record = await engine.context().sweeps.last();
    // Three keys, one vault.
    expect(record).toMatchObject({ complete: true, resources: 4 });
  });
});

describe('a key that is gone', () => {
  it('is closed after two looks', async () => {
    engine = await startKeys(OBSERVE);
    make('bare');
    make('other');
    await sweep(engine);
    expect(openFindings()).toHaveLength(2);

    engine.simulator.faults.add({
      path: /\/keys\?/,
      effect: {
        kind: 'answer',
        status: 200,
        headers: { 'content-type': 'application/json' },
        body: { value: [{ id: `${VAULT_ID}/keys/other`, name: 'other', properties: {} }] },
      },
    });
    engine.simulator.faults.add({
      path: /\/keys\/bare\?/,
      times: 2,
      effect: {
        kind: 'answer',
        status: 404,
        headers: { 'content-type': 'application/json' },
        body: { error: { code: 'ResourceNotFound', message: 'no such key' } },
      },
    });
    await sweep(engine);

    expect(openFindings()).toEqual(['other kv-key-rotation-enabled']);
    expect(engine.findings().find(({ resourceId }) => resourceId.endsWith('/bare'))).toMatchObject({
      closedBecause: 'gone',
    });
  });
});

describe('a vault whose keys cannot be listed', () => {
  const refusals = [
    ['is refused', { kind: 'answer', status: 403, body: { error: { code: 'AuthorizationFailed', message: 'no' } } }],
    ['is throttled', { kind: 'answer', status: 429, headers: { 'retry-after': '60' } }],
    ['breaks off', { kind: 'drop' }],
    ['answers no list', { kind: 'answer', status: 200, body: '<html>' }],
  ] as const;

  it.each(refusals)('%s: its findings stay, the others go on, and it is on record once', async (_name, effect) => {
    const vaults = ['kv-a', 'kv-test', 'kv-z'].map((name) => vaultBody(name));
    engine = await startKeys(OBSERVE, { seed: vaultSeed(vaults) });
    make('bare');
    await sweep(engine);
    expect(openFindings()).toEqual(['bare kv-key-rotation-enabled']);
    engine.simulator.keyVault(`${VAULTS}/kv-z`).createKey('new');
    engine.events.length = 0;
    engine.simulator.faults.add({ path: /\/vaults\/kv-test\/keys\?/, effect });
    engine.clock.advance(HOUR);

    expect(await queuedBySweep()).toEqual(['new']);

    expect(unlisted()).toMatchObject([
      { stage: 'input', causeKind: 'sweep', error: expect.stringContaining('/vaults/kv-test: ') },
    ]);
    expect(unlisted()[0]?.error).not.toContain('kv-z');
    expect(await engine.context().sweeps.last()).toMatchObject({ complete: true });
    expect(openFindings()).toEqual(['bare kv-key-rotation-enabled']);
  });

  it('is taken for nothing else than that by the findings of other resources', async () => {
    engine = await startKeys({ ...OBSERVE, REMEDIATE_AKS_ADD_REQUIRED_TAGS: 'observe' });
    make('bare');
    const id = `/subscriptions/${KEY_ID.split('/')[2]}/resourceGroups/rg-vaults/providers/Microsoft.ContainerService/managedClusters/aks-gone`;
    engine.simulator.state.put({
      id,
      name: 'aks-gone',
      type: 'Microsoft.ContainerService/managedClusters',
      location: 'westeurope',
      properties: { provisioningState: 'Succeeded' },
    });
    await sweep(engine);
    engine.simulator.state.remove(id);
    engine.simulator.faults.add({ path: /\/keys\?/, times: Infinity, effect: { kind: 'answer', status: 403 } });

    expect(await queuedBySweep()).toEqual(['aks-gone']);
  });

  it('is one of many: the record names ten, and counts the rest', async () => {
    const vaults = Array.from({ length: 12 }, (_, index) => vaultBody(`kv-${index + 10}`));
    engine = await startKeys(OBSERVE, { seed: vaultSeed(vaults) });
    engine.simulator.faults.add({ path: /\/keys\?/, times: Infinity, effect: { kind: 'answer', status: 403 } });

    await sweepResources(engine.context());

    expect(unlisted()).toHaveLength(1);
    expect(unlisted()[0]?.error?.match(/\/vaults\/kv-/g)).toHaveLength(10);
    expect(unlisted()[0]?.error).toMatch(/; and 2 more$/);
  });
});
