import { ManagedIdentityCredential } from '@azure/identity';
import { QueueServiceClient } from '@azure/storage-queue';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import {
  createSampleIdentities,
  SAMPLE_SUBSCRIPTION_ID,
  SAMPLE_TENANT_ID,
  sampleId,
} from '../../local/azure/sample-subscription.ts';
import { claimStorageAccount } from '../support/storage.ts';
import { type Harness, startHarness } from './harness.ts';

let harness: Harness;
const registry = `${sampleId('contosoacr')}?api-version=2025-11-01`;
beforeEach(async () => {
  harness = await startHarness();
});
afterEach(async () => {
  await harness.stop();
  vi.unstubAllEnvs();
});

test('a request without a token is challenged', async () => {
  const answer = await harness.send('GET', registry, { authorization: null });

  expect(answer.status).toBe(401);
  expect(answer.code).toBe('AuthenticationFailed');
  expect(answer.headers['www-authenticate']).toContain(
    `authorization_uri="https://login.windows.net/${SAMPLE_TENANT_ID}"`,
  );
});

test('without a token nobody learns which types and versions exist', async () => {
  const paths = [
    registry.replace('Microsoft.ContainerRegistry', 'Microsoft.None'),
    sampleId('contosoacr'),
    '/subscriptions',
  ];

  const answers = await Promise.all(
    paths.map(async (path) => await harness.send('GET', path, { authorization: null })),
  );

  expect(answers.map(({ status }) => status)).toEqual([401, 401, 401]);
});

test('a token that this simulator did not issue is invalid', async () => {
  const { token } = harness.simulator.issueToken('operator');
  const forged = `${token.slice(0, -4)}AAAA`;

  const answers = await Promise.all(
    [forged, 'x', 'a.b.c', ''].map(
      async (bearer) => await harness.send('GET', registry, { authorization: `Bearer ${bearer}` }),
    ),
  );

  expect(answers.map(({ status, code }) => [status, code])).toEqual(
    answers.map(() => [401, 'InvalidAuthenticationToken']),
  );
});

test('a token for another resource is refused', async () => {
  const { token } = harness.simulator.issueToken('operator', 'https://storage.azure.com');

  const answer = await harness.send('GET', registry, { authorization: `Bearer ${token}` });

  expect(answer.code).toBe('InvalidAuthenticationTokenAudience');
});

test('both names of the management resource are accepted', async () => {
  for (const resource of ['https://management.azure.com/', 'https://management.core.windows.net/']) {
    const { token } = harness.simulator.issueToken('operator', resource);
    expect((await harness.send('GET', registry, { authorization: `Bearer ${token}` })).status).toBe(200);
  }
});

test('an expired token is refused', async () => {
  const { token } = harness.simulator.issueToken('operator', undefined, { lifetimeSeconds: -1 });

  const answer = await harness.send('GET', registry, { authorization: `Bearer ${token}` });

  expect(answer.code).toBe('ExpiredAuthenticationToken');
});

test('ManagedIdentityCredential gets a token that ARM accepts', async () => {
  const { endpoint, header } = harness.simulator.identityEndpoint('dockwarden');
  vi.stubEnv('IDENTITY_ENDPOINT', endpoint);
  vi.stubEnv('IDENTITY_HEADER', header);

  const token = await new ManagedIdentityCredential().getToken('https://management.azure.com/.default');
  const answer = await harness.send('GET', registry, { authorization: `Bearer ${token.token}` });

  expect(answer.status).toBe(200);
  expect(harness.simulator.requests.at(-1)?.caller).toBe('dockwarden');
});

test('the older form of the identity endpoint takes the slash and the secret header of the Azure CLI', async () => {
  const { endpoint, header } = harness.simulator.identityEndpoint('operator');
  const url = `${endpoint}/?resource=https://management.core.windows.net/&api-version=2017-09-01`;

  const response = await fetch(url, { headers: { secret: header } });
  const body: unknown = await response.json();

  expect(body).toMatchObject({ token_type: 'Bearer', resource: 'https://management.core.windows.net/' });
  expect(body).toHaveProperty('expires_on', expect.stringMatching(/^\d{10}$/));
});

test('tokens carry the claims that the Azure CLI and the storage emulator read', () => {
  const { token } = harness.simulator.issueToken('dockwarden', 'https://storage.azure.com');

  const claims: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());

  expect(claims).toMatchObject({
    aud: 'https://storage.azure.com',
    iss: `https://sts.windows.net/${SAMPLE_TENANT_ID}/`,
    tid: SAMPLE_TENANT_ID,
    oid: '00000000-0000-4000-8000-0000000000d1',
    appid: '00000000-0000-4000-8000-0000000000d2',
    xms_mirid: expect.stringContaining('/userAssignedIdentities/dockwarden'),
    iat: expect.any(Number),
    nbf: expect.any(Number),
    exp: expect.any(Number),
  });
});

test('the storage emulator accepts the tokens of an identity', async () => {
  const { queue } = claimStorageAccount();
  const service = new QueueServiceClient(queue, harness.simulator.credential('dockwarden'));

  await service.createQueue('from-managed-identity');
  const names: string[] = [];
  for await (const { name } of service.listQueues()) names.push(name);

  expect(names).toEqual(['from-managed-identity']);
});

test.for([
  [
    'a wrong header',
    '?api-version=2019-08-01&resource=https://management.azure.com',
    { 'x-identity-header': 'x' },
    401,
  ],
  ['no header', '?api-version=2019-08-01&resource=https://management.azure.com', {}, 401],
  [
    'the header of the other form',
    '?api-version=2017-09-01&resource=https://management.azure.com',
    { 'x-identity-header': 'RIGHT' },
    401,
  ],
  [
    'an unknown version',
    '?api-version=2018-02-01&resource=https://management.azure.com',
    { 'x-identity-header': 'RIGHT' },
    400,
  ],
  ['no resource', '?api-version=2019-08-01', { 'x-identity-header': 'RIGHT' }, 400],
  ['a resource that is none', '?api-version=2019-08-01&resource=management', { 'x-identity-header': 'RIGHT' }, 400],
  [
    'another client id',
    `?api-version=2019-08-01&resource=https://management.azure.com&client_id=${SAMPLE_TENANT_ID}`,
    { 'x-identity-header': 'RIGHT' },
    400,
  ],
] as const)('the identity endpoint refuses %s', async ([, query, given, status]) => {
  const { endpoint, header } = harness.simulator.identityEndpoint('dockwarden');
  const headers = Object.fromEntries(
    Object.entries(given).map(([name, value]) => [name, value === 'RIGHT' ? header : value]),
  );

  const response = await fetch(`${endpoint}${query}`, { headers });

  expect(response.status).toBe(status);
});

test('the endpoint of one identity does not take the header of another, and unknown names are not found', async () => {
  const [product, other] = ['dockwarden', 'operator'].map((name) => harness.simulator.identityEndpoint(name));
  const query = '?api-version=2019-08-01&resource=https://management.azure.com';

  const crossed = await fetch(`${product?.endpoint}${query}`, {
    headers: { 'x-identity-header': other?.header ?? '' },
  });
  const unknown = await fetch(`${product?.endpoint.replace('dockwarden', 'nobody')}${query}`);

  expect([crossed.status, unknown.status]).toEqual([401, 404]);
  expect(() => harness.simulator.identityEndpoint('nobody')).toThrow(/nobody/);
});

test('a caller without the action is refused with the action and scope named', async () => {
  await harness.stop();
  harness = await startHarness({ identities: createSampleIdentities(['Microsoft.ContainerRegistry/registries/read']) });

  const update = harness.registries('dockwarden').update('rg-platform-prod', 'contosoacr', { adminUserEnabled: true });

  await expect(update).rejects.toMatchObject({
    statusCode: 403,
    code: 'AuthorizationFailed',
    message: expect.stringContaining(
      `The client '00000000-0000-4000-8000-0000000000d2' with object id '00000000-0000-4000-8000-0000000000d1' does not have authorization to perform action 'Microsoft.ContainerRegistry/registries/write' over scope '${sampleId('contosoacr')}'`,
    ),
  });
});

test.for([
  ['GET', `${sampleId('contosobuild')}?api-version=2025-11-01`, 'Microsoft.ContainerRegistry/registries/read'],
  [
    'GET',
    `/subscriptions/${SAMPLE_SUBSCRIPTION_ID}/providers/Microsoft.ContainerRegistry/registries?api-version=2025-11-01`,
    'Microsoft.ContainerRegistry/registries/read',
  ],
  ['PATCH', `${sampleId('contosobuild')}?api-version=2025-11-01`, 'Microsoft.ContainerRegistry/registries/write'],
  ['DELETE', `${sampleId('contosobuild')}?api-version=2025-11-01`, 'Microsoft.ContainerRegistry/registries/delete'],
  [
    'POST',
    `${sampleId('contosobuild')}/regeneratecredential?api-version=2025-11-01`,
    'Microsoft.ContainerRegistry/registries/regenerateCredential/action',
  ],
  [
    'GET',
    `${sampleId('contosobuild')}/operationStatuses/registries-x?api-version=2025-11-01`,
    'Microsoft.ContainerRegistry/registries/operationStatuses/read',
  ],
  [
    'GET',
    `/subscriptions/${SAMPLE_SUBSCRIPTION_ID}/providers/Microsoft.ContainerService/locations/westeurope/operations/x?api-version=2017-08-31`,
    'Microsoft.ContainerService/locations/operations/read',
  ],
  [
    'GET',
    `/subscriptions/${SAMPLE_SUBSCRIPTION_ID}/providers/Microsoft.ContainerService/locations/westeurope/operationresults/x?api-version=2017-08-31`,
    'Microsoft.ContainerService/locations/operationresults/read',
  ],
  [
    'PATCH',
    `${sampleId('aks-dev')}/providers/Microsoft.Resources/tags/default?api-version=2022-09-01`,
    'Microsoft.Resources/tags/write',
  ],
  [
    'GET',
    `${sampleId('aks-dev')}/agentPools?api-version=2026-04-01`,
    'Microsoft.ContainerService/managedClusters/agentPools/read',
  ],
  [
    'GET',
    `${sampleId('aks-dev')}/providers/Microsoft.Authorization/locks?api-version=2020-05-01`,
    'Microsoft.Authorization/locks/read',
  ],
  [
    'GET',
    `/subscriptions/${SAMPLE_SUBSCRIPTION_ID}/resourceGroups?api-version=2022-09-01`,
    'Microsoft.Resources/subscriptions/resourceGroups/read',
  ],
] as const)('%s %s needs %s', async ([method, path, action]) => {
  await harness.stop();
  harness = await startHarness({ identities: createSampleIdentities([]) });

  const answer = await harness.send(method, path, { as: 'dockwarden', ...(method === 'GET' ? {} : { body: {} }) });

  expect(answer.code).toBe('AuthorizationFailed');
  expect(answer.text).toContain(`perform action '${action}'`);
  expect(harness.simulator.requests.at(-1)).toMatchObject({ action, status: 403, caller: 'dockwarden' });
});

test('a role at a resource group does not allow listing the subscription, but its own group', async () => {
  const identities = createSampleIdentities([]);
  const scoped = identities.map((identity) =>
    identity.name === 'dockwarden'
      ? {
          ...identity,
          roleAssignments: [
            {
              scope: `/subscriptions/${SAMPLE_SUBSCRIPTION_ID}/resourcegroups/RG-platform-dev`,
              actions: ['*/read'],
              roleName: 'Reader',
            },
          ],
        }
      : identity,
  );
  await harness.stop();
  harness = await startHarness({ identities: scoped });
  const list = `providers/Microsoft.ContainerRegistry/registries?api-version=2025-11-01`;
  const options = { as: 'dockwarden' };

  const whole = await harness.send('GET', `/subscriptions/${SAMPLE_SUBSCRIPTION_ID}/${list}`, options);
  const group = await harness.send(
    'GET',
    `/subscriptions/${SAMPLE_SUBSCRIPTION_ID}/resourceGroups/rg-platform-dev/${list}`,
    options,
  );

  expect([whole.status, group.status]).toEqual([403, 200]);
  expect(group.body['value']).toHaveLength(3);
});
