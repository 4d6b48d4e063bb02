import { afterEach, beforeEach, expect, test } from 'vitest';
import { readString } from '../../local/azure/json.ts';
import { sampleId } from '../../local/azure/sample-subscription.ts';
import { type Harness, startHarness } from './harness.ts';

let harness: Harness;
beforeEach(async () => {
  harness = await startHarness();
});
afterEach(async () => {
  await harness.stop();
});

const prod = sampleId('aks-prod');
const VERSION = 'api-version=2026-04-01';

test('clusters and their pools are read', async () => {
  const client = harness.clusters();

  const cluster = await client.managedClusters.get('rg-platform-prod', 'aks-prod');
  const pools: (string | undefined)[] = [];
  for await (const pool of client.agentPools.list('rg-platform-prod', 'aks-prod')) pools.push(pool.name);
  const names: (string | undefined)[] = [];
  for await (const { name } of client.managedClusters.list()) names.push(name);
  const pool = await client.agentPools.get('rg-platform-prod', 'aks-prod', 'apps');

  expect(cluster.tags).toEqual({ env: 'prod' });
  expect(pools).toEqual(['system', 'apps']);
  expect(names).toEqual(['aks-prod', 'aks-dev', 'aks-data']);
  expect(pool.osType).toBe('Linux');
  await expect(client.agentPools.get('rg-platform-prod', 'aks-prod', 'none')).rejects.toMatchObject({
    code: 'NotFound',
  });
});

test('one cluster is answered in the lower-case spelling that Azure uses', async () => {
  const { body } = await harness.send('GET', `${sampleId('aks-data')}?${VERSION}`);

  expect(body['id']).toContain('/resourcegroups/');
  expect(body['type']).toBe('Microsoft.ContainerService/ManagedClusters');
});

test('updateTags replaces the tags, drops case variants and gives every part a new eTag', async () => {
  const before = harness.simulator.state.get(prod);

  const updated = await harness.clusters().managedClusters.updateTags('rg-platform-prod', 'aks-prod', {
    tags: { Owner: 'a', owner: 'b' },
  });

  expect(updated.tags).toEqual({ Owner: 'b' });
  expect(updated.eTag).not.toBe(before?.['eTag']);
});

test('PATCH changes tags and nothing else', async () => {
  const answer = await harness.send('PATCH', `${prod}?${VERSION}`, {
    body: { properties: { disableLocalAccounts: false } },
  });

  expect(answer.status).toBe(400);
});

test('If-Match holds for the current eTag, for a star and for nothing, and fails for an old one', async () => {
  const eTag = readString(harness.simulator.state.get(prod), 'eTag') ?? '';
  const patch = async (ifMatch: string, version = VERSION) =>
    (await harness.send('PATCH', `${prod}?${version}`, { body: { tags: {} }, headers: { 'if-match': ifMatch } }))
      .status;

  expect(await patch(eTag)).toBe(200);
  expect(await patch(eTag)).toBe(412);
  expect(await patch('*')).toBe(200);
  expect(await patch('')).toBe(200);
  // Versions before eTags neither answer nor check them.
  expect(await patch('x', 'api-version=2024-05-01')).toBe(200);
  const { body } = await harness.send('GET', `${prod}?api-version=2024-05-01`);
  expect(JSON.stringify(body)).not.toContain('eTag');
});

test('PUT replaces properties, so what is left out is lost', async () => {
  const { body } = await harness.send('GET', `${prod}?${VERSION}`);
  const { properties, ...rest } = harness.simulator.state.get(prod) ?? {};
  const { securityProfile: _, ...fewer } = properties ?? {};

  const answer = await harness.send('PUT', `${prod}?${VERSION}`, { body: { ...rest, properties: fewer } });

  expect(body).toHaveProperty('properties.securityProfile');
  expect(answer.status).toBe(200);
  expect(harness.simulator.state.get(prod)?.properties).not.toHaveProperty('securityProfile');
  expect(harness.simulator.state.get(prod)?.properties).toMatchObject({ currentKubernetesVersion: '1.33.4' });
});

test('PUT with a stale eTag changes nothing', async () => {
  const cluster = harness.simulator.state.get(prod);

  const answer = await harness.send('PUT', `${prod}?${VERSION}`, {
    body: { ...cluster, tags: {} },
    headers: { 'if-match': 'old' },
  });

  expect([answer.status, answer.code]).toEqual([412, 'PreconditionFailed']);
  expect(harness.simulator.state.get(prod)).toEqual(cluster);
});

test('PUT without pools is refused in the unwrapped form of AKS', async () => {
  const answer = await harness.send('PUT', `${prod}?${VERSION}`, { body: { location: 'westeurope', properties: {} } });

  expect(answer.body).toMatchObject({ code: 'InvalidParameter', target: 'agentPoolProfiles' });
});

test('a busy cluster refuses writes with an unwrapped 409 until it is free', async () => {
  harness.simulator.state.setBusy(prod, { times: 2 });
  const patch = async () => await harness.send('PATCH', `${prod}?${VERSION}`, { body: { tags: { a: 'b' } } });

  const refused = [await patch(), await patch()];
  const allowed = await patch();

  expect(refused.map(({ body, status }) => [status, body['code'], body['error']])).toEqual([
    [409, 'OperationNotAllowed', undefined],
    [409, 'OperationNotAllowed', undefined],
  ]);
  expect(allowed.status).toBe(200);
});

test('a cluster is busy until an instant of the clock, for the tags API too', async () => {
  let now = Date.parse('2026-11-23T10:00:00Z');
  harness.simulator.setClock({ now: () => new Date(now) });
  harness.simulator.state.setBusy(prod, { until: new Date(now + 60_000) });
  const merge = async () =>
    await harness.send('PATCH', `${prod}/providers/Microsoft.Resources/tags/default?api-version=2022-09-01`, {
      body: { operation: 'Merge', properties: { tags: { a: 'b' } } },
    });

  const early = await merge();
  now += 60_000;
  const late = await merge();

  expect([early.status, early.body['code'], late.status]).toEqual([409, 'OperationNotAllowed', 200]);
});

test('a kubeconfig carries a canary and raises the event of its verb', async () => {
  const { kubeconfigs } = await harness
    .clusters()
    .managedClusters.listClusterAdminCredentials('rg-platform-prod', 'aks-prod');

  expect(Buffer.from(kubeconfigs?.[0]?.value ?? []).toString()).toContain('CANARY-');
  expect(harness.simulator.events.at(-1)?.data['operationName']).toBe(
    'Microsoft.ContainerService/managedClusters/listClusterAdminCredential/action',
  );
});
