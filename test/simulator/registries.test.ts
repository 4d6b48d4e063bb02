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

const acr = sampleId('contosoacr');
const build = sampleId('contosobuild');
const VERSION = 'api-version=2025-11-01';

test('registries are read one by one, by group and by subscription', async () => {
  const registries = harness.registries();

  const one = await registries.get('RG-Platform-Prod', 'ContosoACR');
  const all: (string | undefined)[] = [];
  for await (const registry of registries.list()) all.push(registry.name);
  const group: (string | undefined)[] = [];
  for await (const registry of registries.listByResourceGroup('rg-platform-dev')) group.push(registry.name);

  expect(one.id).toBe(acr);
  expect(all).toEqual(['contosoacr', 'contosobuild', 'contosolegacy', 'contosolocked', 'contosoci', 'contosofresh']);
  expect(group).toEqual(['contosobuild', 'contosolegacy', 'contosoci']);
});

test('lists are paged with an absolute next link that carries on', async () => {
  harness.simulator.world.pageSize = 4;

  const pages: number[] = [];
  for await (const page of harness.registries().list().byPage()) pages.push(page.length);

  expect(pages).toEqual([4, 2]);
});

test('PATCH merges properties, keeps what it does not know, removes nulls and replaces tags whole', async () => {
  harness.simulator.state.patch(acr, { properties: { somethingNew: { a: 1, b: 2 } } });

  const answer = await harness.send('PATCH', `${acr}?${VERSION}`, {
    body: { tags: { owner: 'x' }, properties: { adminUserEnabled: true, somethingNew: { a: null, c: 3 } } },
  });

  const stored = harness.simulator.state.get(acr);
  expect(answer.status).toBe(200);
  expect(stored?.tags).toEqual({ owner: 'x' });
  expect(stored?.properties).toMatchObject({ adminUserEnabled: true, somethingNew: { b: 2, c: 3 }, status: null });
  expect(stored?.properties?.['somethingNew']).not.toHaveProperty('a');
});

test('PATCH ignores what the service owns', async () => {
  await harness.send('PATCH', `${acr}?${VERSION}`, { body: { properties: { loginServer: 'x', creationDate: 'x' } } });

  expect(harness.simulator.state.get(acr)?.properties).toMatchObject({ loginServer: 'contosoacr.azurecr.io' });
});

test.for([
  ['a flag that is no boolean', { properties: { adminUserEnabled: 'false' } }],
  ['an unknown choice', { properties: { publicNetworkAccess: 'Off' } }],
  ['a member that cannot be patched', { location: 'northeurope' }],
  ['a tag that is no text', { tags: { a: 1 } }],
  ['properties that are no object', { properties: [] }],
  ['an unknown sku', { sku: { name: 'Gold' } }],
  ['a body that is no object', []],
  ['a body that is no JSON', '{"properties"'],
] as const)('PATCH refuses %s', async ([, body]) => {
  const before = harness.simulator.state.get(acr);

  const answer = await harness.send('PATCH', `${acr}?${VERSION}`, { body });

  expect([answer.status, answer.code]).toEqual([400, 'InvalidRequestContent']);
  expect(harness.simulator.state.get(acr)).toEqual(before);
  expect(harness.simulator.events).toEqual([]);
});

test('closing the public endpoint needs the Premium tier', async () => {
  const answer = await harness.send('PATCH', `${build}?${VERSION}`, {
    body: { properties: { publicNetworkAccess: 'Disabled' } },
  });

  expect(answer.status).toBe(400);
});

test('a body needs the JSON content type', async () => {
  const answer = await harness.send('PATCH', `${acr}?${VERSION}`, {
    body: {},
    headers: { 'content-type': 'text/plain' },
  });

  expect([answer.status, answer.code]).toEqual([415, 'UnsupportedMediaType']);
});

test('PUT creates, then updates, and never moves a registry', async () => {
  const id = acr.replace('contosoacr', 'ContosoNew');
  const body = { location: 'westeurope', sku: { name: 'Basic' }, properties: { adminUserEnabled: true } };

  const created = await harness.send('PUT', `${id}?${VERSION}`, { body });
  const updated = await harness.send('PUT', `${id.toLowerCase()}?${VERSION}`, { body: { ...body, tags: { a: 'b' } } });
  const moved = await harness.send('PUT', `${id}?${VERSION}`, { body: { ...body, location: 'northeurope' } });

  expect([created.status, updated.status, moved.status]).toEqual([201, 200, 409]);
  expect(moved.code).toBe('InvalidResourceLocation');
  expect(updated.body).toMatchObject({
    id,
    name: 'ContosoNew',
    tags: { a: 'b' },
    properties: { loginServer: 'contosonew.azurecr.io' },
  });
});

test.for([
  ['a name that is too short', 'abc', { location: 'westeurope', sku: { name: 'Basic' } }],
  ['a name with a dash', 'contoso-acr', { location: 'westeurope', sku: { name: 'Basic' } }],
  ['no location', 'contosonew', { sku: { name: 'Basic' } }],
  ['no sku', 'contosonew', { location: 'westeurope' }],
] as const)('PUT refuses %s', async ([, name, body]) => {
  const answer = await harness.send('PUT', `${acr.replace('contosoacr', name)}?${VERSION}`, { body });

  expect(answer.status).toBe(400);
});

test('a deleted registry is gone, and deleting it again is no error', async () => {
  const first = await harness.send('DELETE', `${build}?${VERSION}`);
  const second = await harness.send('DELETE', `${build}?${VERSION}`);
  const read = await harness.send('GET', `${build}?${VERSION}`);

  expect([first.status, second.status, read.status]).toEqual([200, 204, 404]);
  expect(read.code).toBe('ResourceNotFound');
  expect(harness.simulator.events.map(({ eventType }) => eventType)).toEqual([
    'Microsoft.Resources.ResourceDeleteSuccess',
  ]);
});

test('unknown registries, groups, subscriptions, types and namespaces have their own 404', async () => {
  const paths = [
    acr.replace('contosoacr', 'contosonone'),
    acr.replace('rg-platform-prod', 'rg-none'),
    acr.replace(SAMPLE_SUBSCRIPTION_ID, '00000000-0000-4000-8000-0000000000ee'),
    `${acr}/unicorns/one`,
    acr.replace('Microsoft.ContainerRegistry', 'Microsoft.Unicorns'),
  ];

  const answers = await Promise.all(paths.map(async (path) => await harness.send('GET', `${path}?${VERSION}`)));

  expect(answers.map(({ code, status }) => [status, code])).toEqual([
    [404, 'ResourceNotFound'],
    [404, 'ResourceGroupNotFound'],
    [404, 'SubscriptionNotFound'],
    [404, 'InvalidResourceType'],
    [404, 'InvalidResourceNamespace'],
  ]);
});

test('an api-version is required and must be one that the type knows', async () => {
  const none = await harness.send('GET', acr);
  const unknown = await harness.send('GET', `${acr}?api-version=2024-01-01`);
  const nonsense = await harness.send('GET', `${acr}?api-version=latest`);
  const encoded = await harness.send('GET', `${acr}?api%2Dversion=2025-11-01`);
  const ofArm = await harness.send(
    'GET',
    `/subscriptions/${SAMPLE_SUBSCRIPTION_ID}/resourceGroups?api-version=2024-01-02`,
  );

  expect([none.code, unknown.code, nonsense.code, ofArm.code]).toEqual([
    'MissingApiVersionParameter',
    'NoRegisteredProviderFound',
    'InvalidApiVersionParameter',
    'InvalidApiVersionParameter',
  ]);
  expect(encoded.status).toBe(200);
});

test('an older api-version does not answer properties that came later', async () => {
  const old = await harness.send('GET', `${acr}?api-version=2023-07-01`);
  const preview = await harness.send('GET', `${acr}?api-version=2022-02-01-preview`);

  expect(old.body['properties']).not.toHaveProperty('anonymousPullEnabled');
  expect(preview.body['properties']).toHaveProperty('anonymousPullEnabled', false);
  expect(preview.body['properties']).not.toHaveProperty('roleAssignmentMode');
});

test('a method or verb that the type does not have is refused', async () => {
  const method = await harness.send('PUT', `${acr}/operationStatuses/x?${VERSION}`, { body: {} });
  const verb = await harness.send('POST', `${acr}/explode?${VERSION}`);

  expect([method.status, verb.status]).toEqual([405, 405]);
});

test('regenerating changes the named password only and answers both', async () => {
  const registries = harness.registries();
  const before = await registries.listCredentials('rg-platform-dev', 'contosobuild');

  const after = await registries.regenerateCredential('rg-platform-dev', 'contosobuild', { name: 'password2' });

  const [first, second] = before.passwords ?? [];
  expect(after.username).toBe('contosobuild');
  expect(after.passwords?.[0]).toEqual(first);
  expect(after.passwords?.[1]?.name).toBe('password2');
  expect(after.passwords?.[1]?.value).not.toBe(second?.value);
  expect(after.passwords?.every(({ value }) => value?.startsWith('CANARY-'))).toBe(true);
});

test('credential calls are refused while the admin user is off', async () => {
  const registries = harness.registries();

  await expect(registries.listCredentials('rg-platform-prod', 'contosoacr')).rejects.toMatchObject({
    statusCode: 400,
    code: 'UnAuthorizedForCredentialOperations',
  });
  await expect(
    registries.regenerateCredential('rg-platform-prod', 'contosoacr', { name: 'password' }),
  ).rejects.toMatchObject({ code: 'UnAuthorizedForCredentialOperations' });
});

test('a registry says who changed it last, and keeps who created it', async () => {
  await harness.send('PATCH', `${acr}?${VERSION}`, { as: 'automation', body: { tags: {} } });

  expect(harness.simulator.state.get(acr)?.['systemData']).toMatchObject({
    createdBy: 'platform-operator@contoso.example',
    lastModifiedBy: '00000000-0000-4000-8000-0000000000f1',
    lastModifiedByType: 'Application',
  });
});

test('an unknown password name is refused', async () => {
  const answer = await harness.send('POST', `${build}/regenerateCredential?${VERSION}`, {
    body: { name: 'password3' },
  });

  expect(answer.status).toBe(400);
});

test('answers carry the headers of ARM', async () => {
  const correlation = '11111111-2222-4333-8444-555555555555';

  const { headers } = await harness.send('GET', `${acr}?${VERSION}`, {
    headers: { 'x-ms-correlation-request-id': correlation },
  });

  expect(headers).toMatchObject({
    'cache-control': 'no-cache',
    'content-type': 'application/json; charset=utf-8',
    'strict-transport-security': 'max-age=31536000; includeSubDomains',
    'x-ms-correlation-request-id': correlation,
    'x-ms-routing-request-id': expect.stringMatching(/^WESTEUROPE:\d{8}T\d{6}Z:/),
    'x-ms-ratelimit-remaining-subscription-reads': '249',
    'x-ms-ratelimit-remaining-subscription-global-reads': '3749',
  });
  expect(harness.simulator.requests.at(-1)?.requestId).toBe(headers['x-ms-request-id']);
});
