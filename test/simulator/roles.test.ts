import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { AZURE_CLI_CLIENT_ID, type IdentityDefinition } from '../../local/azure/identities.ts';
import { roleAssignmentName } from '../../local/azure/role-view.ts';
import { createSampleIdentities, SAMPLE_SUBSCRIPTION_ID, sampleId } from '../../local/azure/sample-subscription.ts';
import { type Harness, isRecord, startHarness } from './harness.ts';

const SUBSCRIPTION = `/subscriptions/${SAMPLE_SUBSCRIPTION_ID}`;
const REGISTRY = sampleId('contosoacr');
const createReader = (): IdentityDefinition => ({
  name: 'reader',
  objectId: '00000000-0000-4000-8000-0000000000b1',
  clientId: AZURE_CLI_CLIENT_ID,
  principalType: 'User',
  roleAssignments: [{ scope: REGISTRY, actions: ['*/read'], roleName: 'Reader' }],
});
const READER = createReader();
let harness: Harness;
beforeEach(async () => {
  harness = await startHarness({
    identities: [...createSampleIdentities(['Microsoft.Resources/tags/read']), createReader()],
  });
});
afterEach(async () => {
  await harness.stop();
});

const managementGroup = (name: string) => `/providers/Microsoft.Management/managementGroups/${name}`;

async function list(kind: string, scope: string, filter?: string, as = 'operator') {
  const query = new URLSearchParams({
    'api-version': '2022-04-01',
    ...(filter !== undefined && { $filter: filter }),
  });
  const answer = await harness.send('GET', `${scope}/providers/Microsoft.Authorization/${kind}?${query.toString()}`, {
    as,
  });
  const value = answer.body['value'];
  return { ...answer, value: Array.isArray(value) ? value.filter(isRecord) : [] };
}

function propertiesOf(entry: Record<string, unknown> | undefined): Record<string, unknown> {
  const properties = entry?.['properties'];
  return isRecord(properties) ? properties : {};
}

const { objectId: PRODUCT = '' } = createSampleIdentities([])[0] ?? {};

describe('role assignments', () => {
  test('what an identity holds is listed and read, and names a definition with exactly what it may do', async () => {
    const { value } = await list('roleAssignments', SUBSCRIPTION, `principalId eq '${PRODUCT}'`);
    const id = String(propertiesOf(value[0])['roleDefinitionId']);
    const read = await harness.send('GET', `${String(value[0]?.['id'])}?api-version=2022-04-01`);
    const definition = await harness.send('GET', `${id}?api-version=2022-04-01`);

    expect(value).toHaveLength(1);
    expect(propertiesOf(value[0])).toMatchObject({ principalId: PRODUCT, principalType: 'ServicePrincipal' });
    expect(read.body).toEqual(value[0]);
    expect(propertiesOf(definition.body)).toMatchObject({
      roleName: 'Dockwarden Remediator',
      type: 'CustomRole',
      assignableScopes: [SUBSCRIPTION],
      permissions: [{ actions: ['Microsoft.Resources/tags/read'], notActions: [] }],
    });
  });

  test.each([
    ['', ['above', 'below']],
    ['atScope()', ['above']],
    [`assignedTo('${READER.objectId}')`, ['below']],
    [`atScope() and principalId eq '${READER.objectId}'`, []],
  ])('the filter %j at a group shows %j', async (filter, expected) => {
    const group = REGISTRY.replace(/\/providers\/.*$/, '');
    const { value } = await list('roleAssignments', group, filter === '' ? undefined : filter);
    const principals = new Set(value.map((entry) => propertiesOf(entry)['principalId']));

    const seen = [principals.has(PRODUCT) ? ['above'] : [], principals.has(READER.objectId) ? ['below'] : []].flat();
    expect(seen).toEqual(expected);
  });

  test('what is held at a management group above the subscription is at its scope, one beside it is not', async () => {
    const { simulator } = harness;
    simulator.state.patch(SUBSCRIPTION, { properties: { managementGroups: ['mg-platform'] } });
    simulator.identity('reader').roleAssignments = [
      { scope: managementGroup('mg-platform'), actions: ['*/read'], roleName: 'Reader' },
      { scope: managementGroup('mg-other'), actions: ['*/read'], roleName: 'Reader' },
    ];

    const { value } = await list('roleAssignments', SUBSCRIPTION, `principalId eq '${READER.objectId}'`);

    expect(value.map((entry) => propertiesOf(entry)['scope'])).toEqual([managementGroup('mg-platform')]);
  });

  test('who deletes one takes away what it allowed', async () => {
    const [held] = READER.roleAssignments;
    if (held === undefined) throw new Error('the reader holds nothing');
    const id = `${REGISTRY}/providers/Microsoft.Authorization/roleAssignments/${roleAssignmentName(READER, held)}`;
    const read = async () => (await harness.send('GET', `${REGISTRY}?api-version=2025-11-01`, { as: 'reader' })).status;

    const before = await read();
    const removed = await harness.send('DELETE', `${id}?api-version=2022-04-01`);

    expect([before, removed.status, await read()]).toEqual([200, 200, 403]);
    expect(await harness.send('GET', `${id}?api-version=2022-04-01`)).toMatchObject({ code: 'RoleAssignmentNotFound' });
  });

  test('one that was put is told with its scope, and its role can be read although nobody else holds it', async () => {
    const name = '99999999-0000-4000-8000-0000000000aa';
    const id = `${REGISTRY}/providers/Microsoft.Authorization/roleAssignments/${name}`;
    const roleDefinitionId = `${SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/b24988ac-6180-42a0-ab88-20f7382dd24c`;
    const body = { properties: { roleDefinitionId, principalId: READER.objectId, principalType: 'ServicePrincipal' } };
    await harness.send('PUT', `${id}?api-version=2022-04-01`, { as: 'operator', body });
    const read = await harness.send('GET', `${id}?api-version=2022-04-01`);
    const role = await harness.send('GET', `${roleDefinitionId}?api-version=2022-04-01`);

    expect(propertiesOf(read.body)).toMatchObject({ scope: REGISTRY, roleDefinitionId });
    expect(propertiesOf(role.body)).toMatchObject({ roleName: 'Contributor', type: 'BuiltInRole' });
    // As az 2.45 does it.
    expect((await harness.send('DELETE', `${id}?api-version=2020-04-01-preview`, { as: 'operator' })).status).toBe(200);
  });

  test('a filter that Azure does not know, and whoever may not read roles, are refused', async () => {
    const filter = await list('roleAssignments', SUBSCRIPTION, "scope eq 'x'");
    const denied = await list('roleAssignments', SUBSCRIPTION, undefined, 'reader');

    expect([filter.status, filter.code]).toEqual([400, 'InvalidFilterInQueryString']);
    expect([denied.status, denied.code]).toEqual([403, 'AuthorizationFailed']);
  });
});

describe('role definitions', () => {
  test('are found by name; Azure has its own', async () => {
    const { value } = await list('roleDefinitions', SUBSCRIPTION, "roleName eq 'owner'");
    const custom = await list('roleDefinitions', SUBSCRIPTION, "type eq 'CustomRole'");

    expect(value.map(({ name }) => name)).toEqual(['8e3af657-a8ff-443c-a75c-2fe8c4bcb635']);
    expect(custom.value.map((entry) => propertiesOf(entry)['roleName'])).toEqual(['Dockwarden Remediator']);
  });

  test('one that nobody holds does not exist', async () => {
    const path = `${SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/0a1b2c3d-0000-4000-8000-000000000001`;
    const { code, status } = await harness.send('GET', `${path}?api-version=2022-04-01`);

    expect([status, code]).toEqual([404, 'RoleDefinitionDoesNotExist']);
  });
});

describe('permissions', () => {
  test('are the roles of whoever asks, at the scope', async () => {
    const own = await list('permissions', SUBSCRIPTION);
    const ofReader = await list('permissions', REGISTRY, undefined, 'reader');
    const outside = await list('permissions', SUBSCRIPTION, undefined, 'reader');

    expect(own.value).toContainEqual({ actions: ['*'], notActions: [], dataActions: [], notDataActions: [] });
    expect(ofReader.value.map(({ actions }) => actions)).toEqual([['*/read']]);
    expect([outside.status, outside.code]).toEqual([403, 'AuthorizationFailed']);
  });

  test('what a role excludes is refused, though its actions cover it', async () => {
    const write = { scope: SUBSCRIPTION, actions: ['*'], notActions: ['Microsoft.Authorization/*/write'] };
    harness.simulator.identity('reader').roleAssignments = [{ ...write, roleName: 'Contributor' }];
    const lock = `${REGISTRY}/providers/Microsoft.Authorization/locks/mine?api-version=2020-05-01`;

    const { status } = await harness.send('PUT', lock, { as: 'reader', body: { properties: { level: 'ReadOnly' } } });
    const { value } = await list('permissions', SUBSCRIPTION, undefined, 'reader');

    expect(status).toBe(403);
    expect(value).toMatchObject([{ actions: ['*'], notActions: ['Microsoft.Authorization/*/write'] }]);
  });
});
