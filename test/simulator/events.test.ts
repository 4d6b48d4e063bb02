import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ResourceEvent } from '../../local/azure/events.ts';
import { SAMPLE_SUBSCRIPTION_ID, SAMPLE_TENANT_ID, sampleId } from '../../local/azure/sample-subscription.ts';
import { FixedClock, type Harness, startHarness } from './harness.ts';

let harness: Harness;
let received: ResourceEvent[];
beforeEach(async () => {
  received = [];
  harness = await startHarness({ clock: new FixedClock(), onEvent: (event) => received.push(event) });
});
afterEach(async () => {
  await harness.stop();
});

const acr = sampleId('contosobuild');
const OBJECT_ID = 'http://schemas.microsoft.com/identity/claims/objectidentifier';

test('a write by a person raises the event that Azure raises', async () => {
  const path = `${acr.toLowerCase()}?api-version=2025-11-01`;

  await harness.send('PATCH', path, { body: { tags: {} }, headers: { 'x-ms-client-request-id': 'client-1' } });

  const [event] = received;
  expect(received).toHaveLength(1);
  expect(event).toMatchObject({
    topic: `/subscriptions/${SAMPLE_SUBSCRIPTION_ID}`,
    subject: acr,
    eventType: 'Microsoft.Resources.ResourceWriteSuccess',
    eventTime: expect.stringMatching(/^2026-11-23T10:00:00\.000\d{4}Z$/),
    dataVersion: '2',
    metadataVersion: '1',
    data: {
      resourceUri: acr,
      resourceProvider: 'Microsoft.ContainerRegistry',
      operationName: 'Microsoft.ContainerRegistry/registries/write',
      status: 'Succeeded',
      subscriptionId: SAMPLE_SUBSCRIPTION_ID,
      tenantId: SAMPLE_TENANT_ID,
      correlationId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      httpRequest: {
        clientRequestId: 'client-1',
        clientIpAddress: '127.0.0.1',
        method: 'PATCH',
        url: `https://management.azure.com${acr.toLowerCase()}?api-version=2025-11-01`,
      },
      authorization: {
        scope: acr,
        action: 'Microsoft.ContainerRegistry/registries/write',
        evidence: {
          role: 'Owner',
          roleAssignmentScope: `/subscriptions/${SAMPLE_SUBSCRIPTION_ID}`,
          principalType: 'User',
          principalId: '000000000000400080000000000000e1',
        },
      },
      claims: {
        [OBJECT_ID]: '00000000-0000-4000-8000-0000000000e1',
        'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn': 'platform-operator@contoso.example',
        name: 'Platform operator',
        appid: '04b07795-8ddb-461a-bbee-02f9e1bf7b46',
        ver: '1.0',
      },
    },
  });
  const claims = event?.data['claims'];
  expect(Object.values(claims ?? {}).every((value) => typeof value === 'string')).toBe(true);
});

test('a service principal has no name and no upn in its claims', async () => {
  await harness.send('PATCH', `${acr}?api-version=2025-11-01`, { as: 'automation', body: { tags: {} } });

  const claims = received[0]?.data['claims'];
  expect(claims).toMatchObject({ [OBJECT_ID]: '00000000-0000-4000-8000-0000000000f1', appidacr: '2' });
  expect(JSON.stringify(claims)).not.toMatch(/upn|"name"|xms_mirid/);
  expect(received[0]?.data).toHaveProperty('authorization.evidence.principalType', 'ServicePrincipal');
});

test('actions, deletes and creates have their own form', async () => {
  const id = acr.replace('contosobuild', 'contosonew');
  await harness.send('POST', `${acr}/listcredentials?api-version=2025-11-01`);
  await harness.send('DELETE', `${acr}?api-version=2025-11-01`);
  await harness.send('PUT', `${id}?api-version=2025-11-01`, {
    body: { location: 'westeurope', sku: { name: 'Basic' } },
  });

  expect(received.map(({ data, eventType, subject }) => [eventType, data['operationName'], subject])).toEqual([
    ['Microsoft.Resources.ResourceActionSuccess', 'Microsoft.ContainerRegistry/registries/listCredentials/action', acr],
    ['Microsoft.Resources.ResourceDeleteSuccess', 'Microsoft.ContainerRegistry/registries/delete', acr],
    ['Microsoft.Resources.ResourceWriteSuccess', 'Microsoft.ContainerRegistry/registries/write', id],
  ]);
  expect(received[2]?.data).not.toHaveProperty('httpRequest');
});

test('reads and refused calls raise nothing, and no event carries a password', async () => {
  await harness.send('GET', `${acr}?api-version=2025-11-01`);
  await harness.send('PATCH', `${sampleId('contosolocked')}?api-version=2025-11-01`, { body: { tags: {} } });
  await harness.send('POST', '/providers/Microsoft.ResourceGraph/resources?api-version=2024-04-01', {
    body: { query: 'resources' },
  });
  const quiet = received.length;
  await harness.send('POST', `${acr}/regenerateCredential?api-version=2025-11-01`, { body: { name: 'password' } });

  expect(quiet).toBe(0);
  expect(JSON.stringify([received, harness.simulator.requests])).not.toContain('CANARY-');
  expect(JSON.stringify(harness.simulator.state.passwordsOf(acr))).toContain('CANARY-');
});

test('a correlation id given by the caller joins the call and its event', async () => {
  const correlation = '11111111-2222-4333-8444-555555555555';

  await harness.send('PATCH', `${acr}?api-version=2025-11-01`, {
    body: { tags: {} },
    headers: { 'x-ms-correlation-request-id': correlation },
  });

  expect(received[0]?.data['correlationId']).toBe(correlation);
});

test('somebody else can act in-process, under the same rules', () => {
  const automation = harness.simulator.as('automation');

  automation.patch(acr, { properties: { adminUserEnabled: false } });
  const refused = automation.request('PATCH', sampleId('contosolocked'), { body: { tags: {} } });

  expect(harness.simulator.state.get(acr)?.properties?.['adminUserEnabled']).toBe(false);
  expect(refused.status).toBe(409);
  expect(() => automation.delete(sampleId('contosolocked'))).toThrow(/409/);
  expect(received.map(({ data }) => data['operationName'])).toEqual(['Microsoft.ContainerRegistry/registries/write']);
  expect(automation.get(`${acr}/providers/Microsoft.Resources/tags/default`)).toHaveProperty(
    'properties.tags.team',
    'build',
  );
  expect(automation.post(`${sampleId('contosolegacy')}/regenerateCredential`, { name: 'password' })).toHaveProperty(
    'username',
  );
});

test('state can be changed behind everybody’s back, with or without an event', () => {
  const { state } = harness.simulator;

  state.patch(acr, { tags: { quiet: 'yes', env: null } });
  const quiet = received.length;
  state.patch(acr, { tags: { loud: 'yes' } }, { by: 'automation' });
  state.remove(acr, { by: 'operator' });

  expect(quiet).toBe(0);
  expect(received.map(({ eventType }) => eventType)).toEqual([
    'Microsoft.Resources.ResourceWriteSuccess',
    'Microsoft.Resources.ResourceDeleteSuccess',
  ]);
  expect(received[0]?.data).toHaveProperty(['claims', OBJECT_ID], '00000000-0000-4000-8000-0000000000f1');
  expect(state.get(acr)).toBeUndefined();
  expect(() => state.patch(acr, {})).toThrow(/no resource/);
});

test('what a test reads is a copy', () => {
  const { state } = harness.simulator;
  const copy = state.get(acr);

  if (copy) Object.assign(copy, { tags: { changed: 'yes' } });

  expect(state.get(acr)?.tags).not.toHaveProperty('changed');
  expect(state.list('', 'microsoft.containerregistry/registries')).toHaveLength(6);
});
