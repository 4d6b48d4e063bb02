import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  createSampleIdentities,
  SAMPLE_SUBSCRIPTION_ID,
  SAMPLE_TENANT_ID,
  sampleId,
} from '../../local/azure/sample-subscription.ts';
import { type Harness, startHarness } from './harness.ts';

// The requests that Azure CLI 2.45 was seen to send, with its own api-versions.
let harness: Harness;
beforeEach(async () => {
  harness = await startHarness();
});
afterEach(async () => {
  await harness.stop();
});

const subscription = `/subscriptions/${SAMPLE_SUBSCRIPTION_ID}`;

async function find(filter: string) {
  const query = new URLSearchParams({ $filter: filter, 'api-version': '2021-04-01' });
  return await harness.send('GET', `${subscription}/resources?${query.toString()}`);
}

test('az cloud register reads the endpoints without a token, in every form', async () => {
  const get = async (version: string) =>
    await harness.send('GET', `/metadata/endpoints?api-version=${version}`, { authorization: null });

  const [first, second, third] = [await get('2015-01-01'), await get('2019-05-01'), await get('2022-09-01')];

  expect(first.body).toMatchObject({
    galleryEndpoint: expect.stringContaining('https://'),
    authentication: { audiences: ['https://management.core.windows.net/', 'https://management.azure.com/'] },
  });
  expect(second.body['value']).toHaveLength(1);
  expect(third.body).toMatchObject({ resourceManager: `${harness.simulator.armEndpoint}/` });
});

test('az login reads tenants and the subscriptions that the caller may see', async () => {
  await harness.stop();
  harness = await startHarness({
    identities: createSampleIdentities([]).map((identity) =>
      identity.name === 'automation' ? { ...identity, roleAssignments: [] } : identity,
    ),
  });

  const tenants = await harness.send('GET', '/tenants?api-version=2019-11-01');
  const seen = await harness.send('GET', '/subscriptions?api-version=2019-11-01');
  const none = await harness.send('GET', '/subscriptions?api-version=2019-11-01', { as: 'automation' });
  const one = await harness.send('GET', `${subscription}?api-version=2021-01-01`);
  const hidden = await harness.send('GET', `${subscription}?api-version=2021-01-01`, { as: 'automation' });

  expect(tenants.body['value']).toMatchObject([{ tenantId: SAMPLE_TENANT_ID }]);
  expect(seen.body['value']).toMatchObject([
    {
      id: subscription,
      subscriptionId: SAMPLE_SUBSCRIPTION_ID,
      displayName: 'Contoso Platform',
      state: 'Enabled',
      tenantId: SAMPLE_TENANT_ID,
      managedByTenants: [],
    },
  ]);
  expect(none.body['value']).toEqual([]);
  expect([one.status, hidden.status]).toEqual([200, 404]);
});

test('az acr without a group looks the registry up among all resources', async () => {
  const registries = await find("resourceType eq 'Microsoft.ContainerRegistry/registries'");
  const named = await find("resourceType eq 'Microsoft.ContainerRegistry/registries' and name eq 'contosoacr'");
  const wrong = await find("startswith(name, 'x')");

  expect(registries.body['value']).toHaveLength(6);
  expect(named.body['value']).toMatchObject([{ id: sampleId('contosoacr'), location: 'westeurope' }]);
  expect(named.text).not.toContain('loginServer');
  expect(wrong.code).toBe('InvalidFilterInQueryString');
});

test.for([
  `${sampleId('contosoacr')}?api-version=2022-02-01-preview`,
  `${subscription}/providers/Microsoft.ContainerRegistry/registries?api-version=2022-02-01-preview`,
  `${sampleId('aks-prod')}?api-version=2022-11-01`,
  `${sampleId('aks-prod')}/agentPools?api-version=2022-11-02-preview`,
  `${sampleId('aks-prod')}?api-version=2023-01-01`,
  `${sampleId('legacy-batch')}?api-version=2021-09-01`,
  `${sampleId('legacy-batch')}?api-version=2021-10-01`,
  `${sampleId('legacy-batch')}?api-version=2022-10-01-preview`,
  `${sampleId('aks-prod')}/providers/Microsoft.Resources/tags/default?api-version=2021-04-01`,
  `${sampleId('contosolocked')}/providers/Microsoft.Authorization/locks?api-version=2016-09-01`,
  `${subscription}/resourcegroups?api-version=2022-09-01`,
  `${subscription}/resourcegroups/rg-platform-prod?api-version=2021-04-01`,
  `${subscription}/resourceGroups/rg-platform-prod/resources?api-version=2021-04-01`,
  `${subscription}/locations?api-version=2019-11-01`,
  `${subscription}/providers?api-version=2021-04-01`,
  `${subscription}/providers/Microsoft.ContainerRegistry?api-version=2021-04-01`,
])('GET %s', async (path) => {
  expect((await harness.send('GET', path)).status).toBe(200);
});

test('az group exists asks with HEAD', async () => {
  const here = await harness.send('HEAD', `${subscription}/resourcegroups/rg-platform-prod?api-version=2021-04-01`);
  const gone = await harness.send('HEAD', `${subscription}/resourcegroups/none?api-version=2021-04-01`);

  expect([here.status, gone.status]).toEqual([204, 404]);
  expect(harness.simulator.requests.at(-1)?.action).toBe('Microsoft.Resources/subscriptions/resourceGroups/read');
});

test('unknown groups and providers are not found', async () => {
  const group = await harness.send('GET', `${subscription}/resourceGroups/none?api-version=2021-04-01`);
  const provider = await harness.send('GET', `${subscription}/providers/Microsoft.None?api-version=2021-04-01`);

  expect([group.code, provider.code]).toEqual(['ResourceGroupNotFound', 'InvalidResourceNamespace']);
});
