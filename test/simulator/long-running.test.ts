import { afterEach, beforeEach, expect, test } from 'vitest';
import { createSampleIdentities, SAMPLE_SUBSCRIPTION_ID, sampleId } from '../../local/azure/sample-subscription.ts';
import { FixedClock, type Harness, startHarness } from './harness.ts';

let harness: Harness;
let clock: FixedClock;
beforeEach(async () => {
  clock = new FixedClock();
  harness = await startHarness({ clock });
});
afterEach(async () => {
  await harness.stop();
});

const acr = sampleId('contosobuild');
const aks = sampleId('aks-prod');
const patchAcr = async () =>
  await harness.send('PATCH', `${acr}?api-version=2025-11-01`, { body: { properties: { adminUserEnabled: false } } });
const patchAks = async () =>
  await harness.send('PATCH', `${aks}?api-version=2026-04-01`, { body: { tags: { owner: 'x' } } });
const poll = async (url: unknown) => await harness.send('GET', String(url));
const stateOf = (id: string) => harness.simulator.state.get(id)?.properties?.['provisioningState'];

test('the SDK follows a registry update to its end', async () => {
  harness.simulator.operations.rules.push({ mode: 'async', polls: 0 });

  const registry = await harness.registries().update('rg-platform-dev', 'contosobuild', { adminUserEnabled: false });

  expect(registry).toMatchObject({ adminUserEnabled: false, provisioningState: 'Succeeded' });
  expect(
    harness.simulator.requests.map(({ method, action }) => `${method} ${action?.split('/').slice(1).join('/')}`),
  ).toEqual(['PATCH registries/write', 'GET registries/operationStatuses/read', 'GET registries/read']);
});

test('the SDK follows a cluster update to its end', async () => {
  harness.simulator.operations.rules.push({ mode: 'async', polls: 0 });

  const cluster = await harness
    .clusters()
    .managedClusters.updateTags('rg-platform-prod', 'aks-prod', { tags: { a: 'b' } });

  expect(cluster.tags).toEqual({ a: 'b' });
});

test('a registry answers 201 with the new state, Updating, and a status URL of more than 4 KB', async () => {
  harness.simulator.operations.rules.push({ mode: 'async', polls: 1, retryAfterSeconds: 7 });

  const answer = await patchAcr();
  const url = String(answer.headers['azure-asyncoperation']);
  const [first, second] = [await poll(url), await poll(url)];

  expect(answer.status).toBe(201);
  expect(answer.body['properties']).toMatchObject({ adminUserEnabled: false, provisioningState: 'Updating' });
  expect(answer.headers['retry-after']).toBe('7');
  expect(url.length).toBeGreaterThan(4096);
  expect(url.startsWith(harness.simulator.armEndpoint)).toBe(true);
  expect([first.body, second.body]).toEqual([{ status: 'InProgress' }, { status: 'Succeeded' }]);
  expect(stateOf(acr)).toBe('Succeeded');
});

test('a cluster answers 202 without body, with both poll URLs', async () => {
  harness.simulator.operations.rules.push({ mode: 'async', polls: 2 });

  const answer = await patchAks();
  const { 'azure-asyncoperation': status, location } = answer.headers;
  const running = await poll(location);
  harness.simulator.operations.finishAll();
  const [done, result] = [await poll(status), await poll(location)];

  expect([answer.status, answer.text]).toEqual([202, '']);
  expect(running.status).toBe(202);
  expect(done.body).toMatchObject({ status: 'Succeeded', startTime: expect.any(String), endTime: expect.any(String) });
  expect(result.body).toMatchObject({ name: 'aks-prod', tags: { owner: 'x' } });
});

test('a PUT on a cluster answers 201', async () => {
  harness.simulator.operations.rules.push({ mode: 'async' });

  const answer = await harness.send('PUT', `${aks}?api-version=2026-04-01`, { body: harness.simulator.state.get(aks) });

  expect(answer.status).toBe(201);
});

test('tags answer 202 with Location only', async () => {
  harness.simulator.operations.rules.push({ mode: 'async', polls: 1 });
  const path = `${aks}/providers/Microsoft.Resources/tags/default?api-version=2022-09-01`;

  const answer = await harness.send('PATCH', path, { body: { operation: 'Merge', properties: { tags: { a: 'b' } } } });
  const [first, second] = [await poll(answer.headers['location']), await poll(answer.headers['location'])];

  expect(answer.status).toBe(202);
  expect(answer.headers['azure-asyncoperation']).toBeUndefined();
  expect([first.status, second.status]).toEqual([202, 200]);
  expect(second.body['properties']).toEqual({ tags: { env: 'prod', a: 'b' } });
});

test('the event comes when the operation completes, once, and not on acceptance', async () => {
  harness.simulator.operations.rules.push({ mode: 'async', milliseconds: 30_000 });

  await patchAcr();
  const atFirst = harness.simulator.events.length;
  clock.advance(30_000);
  harness.simulator.operations.settle();
  harness.simulator.operations.settle();

  expect(atFirst).toBe(0);
  expect(harness.simulator.events.map(({ eventType }) => eventType)).toEqual([
    'Microsoft.Resources.ResourceWriteSuccess',
  ]);
});

test('while one operation runs, the next write is refused in the words of its provider', async () => {
  harness.simulator.operations.rules.push({ mode: 'async', milliseconds: 1_000 });
  await patchAcr();
  await patchAks();

  const [registry, cluster] = [await patchAcr(), await patchAks()];
  clock.advance(1_000);
  const later = await patchAcr();

  expect([registry.status, registry.code]).toEqual([409, 'AnotherOperationInProgress']);
  expect(cluster.body).toMatchObject({ code: 'OperationNotAllowed', subcode: '' });
  expect(later.status).toBe(201);
});

test.for(['Failed', 'Canceled'] as const)(
  'an operation that ends %s brings the old state back and raises nothing',
  async (result) => {
    const error = { code: 'RegistryFault', message: 'It broke.' };
    harness.simulator.operations.rules.push({ mode: 'async', polls: 0, result, error });

    const answer = await patchAcr();
    const status = await poll(answer.headers['azure-asyncoperation']);

    expect(status.body).toEqual(result === 'Failed' ? { status: result, error } : { status: result });
    expect(harness.simulator.state.get(acr)?.properties).toMatchObject({
      adminUserEnabled: true,
      provisioningState: result,
    });
    expect(harness.simulator.events).toEqual([]);
  },
);

test('modes can be forced and rules chosen by method and path; the first one that fits counts', async () => {
  harness.simulator.operations.rules.push(
    { method: 'PATCH', path: /managedClusters/, mode: 200 },
    { method: 'PATCH', mode: 202, polls: 0 },
  );

  expect([(await patchAks()).status, (await patchAcr()).status]).toEqual([200, 202]);
});

test('the status URL needs its own action, and an unknown operation is not found', async () => {
  await harness.stop();
  harness = await startHarness({
    clock,
    identities: createSampleIdentities(['Microsoft.ContainerRegistry/registries/write']),
  });
  harness.simulator.operations.rules.push({ mode: 'async' });

  const answer = await patchAcr();
  const refused = await harness.send('GET', String(answer.headers['azure-asyncoperation']), { as: 'dockwarden' });
  const unknown = await harness.send(
    'GET',
    `/subscriptions/${SAMPLE_SUBSCRIPTION_ID}/providers/Microsoft.ContainerService/locations/westeurope/operations/x?api-version=2017-08-31`,
  );

  expect(refused.text).toContain('Microsoft.ContainerRegistry/registries/operationStatuses/read');
  expect(unknown.status).toBe(404);
});

test('the event of a long-running create has no request in it', async () => {
  harness.simulator.operations.rules.push({ mode: 'async' });
  const id = acr.replace('contosobuild', 'contosonew');
  await harness.send('PUT', `${id}?api-version=2025-11-01`, {
    body: { location: 'westeurope', sku: { name: 'Basic' } },
  });
  const during = stateOf(id);

  harness.simulator.operations.finishAll();

  expect(during).toBe('Creating');
  expect(harness.simulator.events[0]?.data).not.toHaveProperty('httpRequest');
});

test('a delete can be long-running', async () => {
  harness.simulator.operations.rules.push({ method: 'DELETE', mode: 'async', polls: 0 });

  const answer = await harness.send('DELETE', `${aks}?api-version=2026-04-01`);
  const during = stateOf(aks);
  await poll(answer.headers['azure-asyncoperation']);

  expect([answer.status, during]).toEqual([202, 'Deleting']);
  expect(harness.simulator.state.get(aks)).toBeUndefined();
  expect(harness.simulator.events).toHaveLength(1);
});
