import { afterEach, beforeEach, expect, test } from 'vitest';
import { SAMPLE_SUBSCRIPTION_ID, sampleId } from '../../local/azure/sample-subscription.ts';
import { type Harness, startHarness } from './harness.ts';

let harness: Harness;
beforeEach(async () => {
  harness = await startHarness();
});
afterEach(async () => {
  await harness.stop();
});

const batch = sampleId('legacy-batch');
const VERSION = 'api-version=2023-05-01';

test('container groups show which registry they pull from, and as whom', async () => {
  const list = await harness.send(
    'GET',
    `/subscriptions/${SAMPLE_SUBSCRIPTION_ID}/providers/Microsoft.ContainerInstance/containerGroups?${VERSION}`,
  );
  const one = await harness.send('GET', `${batch}?${VERSION}`);

  expect(list.body['value']).toHaveLength(2);
  expect(one.body).toHaveProperty('properties.imageRegistryCredentials', [
    { server: 'contosolegacy.azurecr.io', username: 'contosolegacy' },
  ]);
});

test('PATCH changes tags only', async () => {
  const tags = await harness.send('PATCH', `${batch}?${VERSION}`, { body: { tags: { a: 'b' } } });
  const properties = await harness.send('PATCH', `${batch}?${VERSION}`, { body: { properties: {} } });

  expect([tags.status, properties.status]).toEqual([200, 400]);
  expect(tags.body['tags']).toEqual({ a: 'b' });
});

test('secrets of a PUT are never answered', async () => {
  const body = {
    location: 'westeurope',
    properties: {
      osType: 'Linux',
      imageRegistryCredentials: [{ server: 'x.azurecr.io', username: 'x', password: 'CANARY-group' }],
      containers: [
        { name: 'c', properties: { image: 'x', environmentVariables: [{ name: 'K', secureValue: 'CANARY-env' }] } },
      ],
    },
  };

  const created = await harness.send('PUT', `${batch}-two?${VERSION}`, { body });
  const read = await harness.send('GET', `${batch}-two?${VERSION}`);

  expect(created.status).toBe(201);
  expect(created.text + read.text).not.toContain('CANARY-');
  expect(read.body).toHaveProperty('properties.imageRegistryCredentials', [{ server: 'x.azurecr.io', username: 'x' }]);
});

test('a group can be stopped and deleted', async () => {
  const stopped = await harness.send('POST', `${batch}/stop?${VERSION}`);
  const deleted = await harness.send('DELETE', `${batch}?${VERSION}`);

  expect([stopped.status, deleted.status]).toEqual([204, 200]);
  expect(harness.simulator.events.map(({ data }) => data['operationName'])).toEqual([
    'Microsoft.ContainerInstance/containerGroups/stop/action',
    'Microsoft.ContainerInstance/containerGroups/delete',
  ]);
});

test('container apps can be created, changed and listed', async () => {
  const id = batch.replace(
    'Microsoft.ContainerInstance/containerGroups/legacy-batch',
    'Microsoft.App/containerApps/shop',
  );
  const registries = [{ server: 'contosobuild.azurecr.io', username: 'contosobuild' }];
  const version = 'api-version=2024-03-01';

  const created = await harness.send('PUT', `${id}?${version}`, {
    body: { location: 'West Europe', properties: { configuration: { registries } } },
  });
  const patched = await harness.send('PATCH', `${id}?${version}`, {
    body: { tags: { a: 'b' }, properties: { template: {} } },
  });
  const list = await harness.send(
    'GET',
    `/subscriptions/${SAMPLE_SUBSCRIPTION_ID}/providers/Microsoft.App/containerApps?${version}`,
  );

  expect([created.status, patched.status]).toEqual([201, 200]);
  expect(list.body['value']).toEqual([expect.objectContaining({ id, tags: { a: 'b' } })]);
  expect(patched.body).toHaveProperty('properties.configuration.registries', registries);
});
