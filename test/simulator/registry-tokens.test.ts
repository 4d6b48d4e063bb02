import { ContainerRegistryManagementClient } from '@azure/arm-containerregistry';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createSampleIdentities, SAMPLE_SUBSCRIPTION_ID, sampleId } from '../../local/azure/sample-subscription.ts';
import { FixedClock, type Harness, startHarness } from './harness.ts';

let harness: Harness;
beforeEach(async () => {
  harness = await startHarness({ clock: new FixedClock() });
});
afterEach(async () => {
  await harness.stop();
});

const registry = sampleId('contosoacr');
const VERSION = 'api-version=2025-11-01';
const scopeMapId = `${registry}/scopeMaps/_repositories_pull`;
const tokenId = (name: string) => `${registry}/tokens/${name}`;
const put = async (name: string, properties: unknown = { scopeMapId }) =>
  await harness.send('PUT', `${tokenId(name)}?${VERSION}`, { body: { properties } });

/** The real client, without retries. */
function tokens() {
  const { simulator, ca } = harness;
  return new ContainerRegistryManagementClient(simulator.credential('operator'), SAMPLE_SUBSCRIPTION_ID, {
    endpoint: simulator.armEndpoint,
    tlsOptions: { ca },
    credentials: { scopes: ['https://management.azure.com/.default'] },
    retryOptions: { maxRetries: 0 },
  }).tokens;
}

test('the SDK creates a token, reads it and lists it, and nobody is told a password', async () => {
  const expiry = new Date('2027-01-01T00:00:00Z');

  const created = await tokens().create('rg-platform-prod', 'contosoacr', 'build-farm', {
    scopeMapId,
    status: 'disabled',
    credentials: { passwords: [{ name: 'password1', expiry }] },
  });
  await tokens().create('rg-platform-prod', 'contosoacr', 'edge-nodes', { scopeMapId });
  const read = await tokens().get('rg-platform-prod', 'contosoacr', 'Build-Farm');
  const names: (string | undefined)[] = [];
  for await (const { name } of tokens().list('rg-platform-prod', 'contosoacr')) names.push(name);

  expect(created).toMatchObject({ name: 'build-farm', status: 'disabled', provisioningState: 'Succeeded' });
  expect(read).toMatchObject({
    id: tokenId('build-farm'),
    type: 'Microsoft.ContainerRegistry/registries/tokens',
    scopeMapId,
    credentials: { passwords: [{ name: 'password1', expiry, creationTime: new Date('2026-11-23T10:00:00Z') }] },
  });
  expect(read.credentials?.passwords?.[0]?.value).toBeUndefined();
  expect(names).toEqual(['build-farm', 'edge-nodes']);
});

test('a write raises its own event, when it is done', async () => {
  harness.simulator.operations.rules.push({ method: 'PUT', mode: 'async', polls: 0 });

  const accepted = await put('build-farm');
  const before = harness.simulator.events.length;
  const status = await harness.send('GET', String(accepted.headers['azure-asyncoperation']));

  expect([accepted.status, accepted.body['properties']]).toMatchObject([201, { provisioningState: 'Creating' }]);
  expect(before).toBe(0);
  expect(status.body).toMatchObject({ status: 'Succeeded' });
  expect(harness.simulator.events).toMatchObject([
    {
      eventType: 'Microsoft.Resources.ResourceWriteSuccess',
      subject: tokenId('build-farm'),
      data: { operationName: 'Microsoft.ContainerRegistry/registries/tokens/write' },
    },
  ]);
});

test('a second write keeps when it was created', async () => {
  const first = await put('build-farm');
  const second = await put('build-farm', { scopeMapId, status: 'disabled' });

  expect([first.status, second.status]).toEqual([201, 200]);
  expect(second.body['properties']).toMatchObject({
    creationDate: '2026-11-23T10:00:00.0000000Z',
    status: 'disabled',
  });
});

test.for([
  ['a short name', 'ab', { scopeMapId }, 'InvalidResourceName'],
  ['no scope map', 'build-farm', {}, 'InvalidRequestContent'],
  ['an unknown status', 'build-farm', { scopeMapId, status: 'off' }, 'InvalidRequestContent'],
  ['passwords that are no list', 'build-farm', { scopeMapId, credentials: { passwords: 1 } }, 'InvalidRequestContent'],
  [
    'a third password',
    'build-farm',
    { scopeMapId, credentials: { passwords: [{ name: 'password3' }] } },
    'InvalidRequestContent',
  ],
] as const)('PUT refuses %s', async ([, name, properties, code]) => {
  const answer = await put(name, properties);

  expect([answer.status, answer.code]).toEqual([400, code]);
  expect(harness.simulator.events).toEqual([]);
});

test('a token needs its own permissions, and its registry', async () => {
  await put('build-farm');
  const [{ roleAssignments } = { roleAssignments: [] }] = createSampleIdentities([
    'Microsoft.ContainerRegistry/registries/read',
  ]);
  harness.simulator.identity('dockwarden').roleAssignments = roleAssignments;
  const path = `${tokenId('build-farm')}?${VERSION}`;
  const as = 'dockwarden';

  const answers = [
    await harness.send('GET', path, { as }),
    await harness.send('GET', `${registry}/tokens?${VERSION}`, { as }),
    await harness.send('PUT', path, { as, body: { properties: { scopeMapId } } }),
    await harness.send('GET', `${tokenId('nobody')}?${VERSION}`),
    await harness.send('GET', `${registry.replace('contosoacr', 'nowhere')}/tokens?${VERSION}`),
  ];

  expect(answers.map(({ status }) => status)).toEqual([403, 403, 403, 404, 404]);
  expect(answers[0]?.text).toContain('Microsoft.ContainerRegistry/registries/tokens/read');
  expect(answers[2]?.text).toContain('Microsoft.ContainerRegistry/registries/tokens/write');
});

test('it goes with its registry, and Resource Graph does not know it', async () => {
  await put('build-farm');
  const query = "resources | where type contains 'tokens'";

  const { count } = await harness.graph().resources({ subscriptions: [SAMPLE_SUBSCRIPTION_ID], query });
  await harness.send('DELETE', `${registry}?${VERSION}`);

  expect(count).toBe(0);
  expect(harness.simulator.state.get(tokenId('build-farm'))).toBeUndefined();
});
