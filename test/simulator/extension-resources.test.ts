import { afterEach, beforeEach, expect, test } from 'vitest';
import { sampleId } from '../../local/azure/sample-subscription.ts';
import { FixedClock, type Harness, isRecord, startHarness } from './harness.ts';

let harness: Harness;
beforeEach(async () => {
  harness = await startHarness({ clock: new FixedClock() });
});
afterEach(async () => {
  await harness.stop();
});

const REGISTRY = sampleId('contosoacr');
const GUID = '0a1b2c3d-0000-4000-8000-000000000001';

/** What extends the registry, and a body that is accepted. */
const kinds = [
  {
    kind: 'Microsoft.Authorization/roleAssignments',
    version: '2022-04-01',
    name: GUID,
    properties: { roleDefinitionId: '/providers/Microsoft.Authorization/roleDefinitions/x', principalId: GUID },
    refused: { principalId: GUID },
  },
  {
    kind: 'Microsoft.Insights/diagnosticSettings',
    version: '2021-05-01-preview',
    name: 'to-workspace',
    properties: { workspaceId: '/subscriptions/x', logs: [{ categoryGroup: 'audit', enabled: true }] },
    refused: { logs: [] },
  },
] as const;

test.each(kinds)('$kind: is put, read, listed and deleted, and each write is told', async (extension) => {
  const { kind, name, properties, refused, version } = extension;
  const path = (of = '') => `${REGISTRY}/providers/${kind}${of}?api-version=${version}`;

  const created = await harness.send('PUT', path(`/${name}`), { body: { properties } });
  const again = await harness.send('PUT', path(`/${name.toUpperCase()}`), { body: { properties } });
  const read = await harness.send('GET', path(`/${name}`));
  const list = await harness.send('GET', path());
  const wrong = await harness.send('PUT', path(`/${name}`), { body: { properties: refused } });
  const bare = await harness.send('PUT', path(`/${name}`), { body: {} });
  const removed = await harness.send('DELETE', path(`/${name}`));
  const gone = await harness.send('DELETE', path(`/${name}`));
  const missing = await harness.send('GET', path(`/${name}`));

  // An assignment also says where it holds.
  const shown = kind === 'Microsoft.Authorization/roleAssignments' ? { ...properties, scope: REGISTRY } : properties;
  const stored = { id: `${REGISTRY}/providers/${kind}/${name}`, name, type: kind, properties: shown };
  expect([created.status, again.status, wrong.status, bare.status]).toEqual([201, 200, 400, 400]);
  expect([removed.status, gone.status, missing.status]).toEqual([200, 204, 404]);
  expect(read.body).toEqual(stored);
  // Assignments that hold here from above are listed as well.
  const listed = Array.isArray(list.body['value']) ? list.body['value'].filter(isRecord) : [];
  expect(listed.filter(({ id }) => id === stored.id)).toEqual([stored]);
  expect(harness.simulator.events.map(({ data, eventType }) => [eventType, data['operationName']])).toEqual([
    ['Microsoft.Resources.ResourceWriteSuccess', `${kind}/write`],
    ['Microsoft.Resources.ResourceWriteSuccess', `${kind}/write`],
    ['Microsoft.Resources.ResourceDeleteSuccess', `${kind}/delete`],
  ]);
});

test('a role assignment is named by a GUID', async () => {
  const path = `${REGISTRY}/providers/Microsoft.Authorization/roleAssignments/mine?api-version=2022-04-01`;
  const { body, status } = await harness.send('PUT', path, { body: { properties: {} } });

  expect(status).toBe(400);
  expect(body).toMatchObject({ error: { code: 'InvalidRoleAssignmentId' } });
});
