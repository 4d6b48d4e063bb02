import { afterEach, beforeEach, expect, test } from 'vitest';
import { builtInId } from '../../local/azure/policy/built-ins.ts';
import { SAMPLE_SUBSCRIPTION_ID, sampleId } from '../../local/azure/sample-ids.ts';
import { createSampleIdentities, createSampleSubscription } from '../../local/azure/sample-subscription.ts';
import { FixedClock, type Harness, startHarness } from './harness.ts';

const ADMIN_USER = builtInId('dc921057-6b28-4fbe-9b83-f7bec05db6c2');
const REQUIRE_TAG = builtInId('871b6d14-10aa-478d-b590-94f262ecfa99');
const SUBSCRIPTION = `/subscriptions/${SAMPLE_SUBSCRIPTION_ID}`;
const GROUP = `${SUBSCRIPTION}/resourceGroups/rg-platform-dev`;
const REGISTRY = sampleId('contosobuild');
const ELSEWHERE = sampleId('contosofresh');
const MANAGEMENT_GROUP = '/providers/Microsoft.Management/managementGroups/platform';
const READER = ['policyAssignments', 'policyExemptions', 'policyDefinitions', 'policySetDefinitions'].map(
  (type) => `Microsoft.Authorization/${type}/read`,
);

const clock = new FixedClock();
let harness: Harness;
beforeEach(async () => {
  const [subscription] = createSampleSubscription().subscriptions;
  if (subscription === undefined) throw new Error('the sample has no subscription');
  const [product, operator, ...others] = createSampleIdentities(READER);
  if (product === undefined || operator === undefined) throw new Error('the sample has no identities');
  const owner = { scope: MANAGEMENT_GROUP, actions: ['*'], roleName: 'Owner' };
  harness = await startHarness({
    clock,
    identities: [product, { ...operator, roleAssignments: [...operator.roleAssignments, owner] }, ...others],
    seed: {
      ...createSampleSubscription(),
      subscriptions: [{ ...subscription, managementGroups: ['platform', 'root'] }],
    },
  });
});
afterEach(async () => {
  await harness.stop();
});

const VERSIONS = { policyExemptions: '2022-07-01-preview', others: '2023-04-01' };
type Kind = 'policyAssignments' | 'policyExemptions' | 'policyDefinitions' | 'policySetDefinitions';
const path = (scope: string, kind: Kind, name = '', filter = '') => {
  const version = kind === 'policyExemptions' ? VERSIONS.policyExemptions : VERSIONS.others;
  const query = filter === '' ? '' : `&$filter=${encodeURIComponent(filter)}`;
  return `${scope}/providers/Microsoft.Authorization/${kind}${name && `/${name}`}?api-version=${version}${query}`;
};

async function assign(scope: string, name: string, properties: Readonly<Record<string, unknown>> = {}) {
  return await harness.send('PUT', path(scope, 'policyAssignments', name), {
    body: { properties: { policyDefinitionId: ADMIN_USER, ...properties } },
  });
}

async function exempt(scope: string, name: string, properties: Readonly<Record<string, unknown>>) {
  return await harness.send('PUT', path(scope, 'policyExemptions', name), {
    body: { properties: { exemptionCategory: 'Waiver', ...properties } },
  });
}

async function names(scope: string, kind: Kind, filter = '', as = 'operator'): Promise<readonly string[]> {
  const { body } = await harness.send('GET', path(scope, kind, '', filter), { as });
  const { value } = body;
  return Array.isArray(value) ? value.map((item: { name: string }) => item.name).toSorted() : [];
}

const assignmentId = (scope: string, name: string) =>
  `${scope}/providers/Microsoft.Authorization/policyAssignments/${name}`;

test('what is built in is read by everybody at the tenant, with its effects, and cannot be changed', async () => {
  const version = '?api-version=2023-04-01';
  const read = await harness.send('GET', `${ADMIN_USER}${version}`, { as: 'dockwarden' });
  const changed = await harness.send('PUT', `${ADMIN_USER}${version}`, { body: { properties: {} } });
  const missing = await harness.send('GET', `${builtInId('00000000-0000-4000-8000-000000000000')}${version}`);

  expect(read.body).toMatchObject({
    id: ADMIN_USER,
    properties: {
      policyType: 'BuiltIn',
      parameters: { effect: { allowedValues: ['Audit', 'Deny', 'Disabled'], defaultValue: 'Audit' } },
    },
  });
  expect([changed.status, missing.status, missing.code]).toEqual([403, 404, 'PolicyDefinitionNotFound']);
});

test('an assignment is put at a management group, a subscription, a group and a resource, and is listed where it holds', async () => {
  const created = [
    await assign(MANAGEMENT_GROUP, 'of-mg'),
    await assign(SUBSCRIPTION, 'of-subscription'),
    await assign(GROUP, 'of-group'),
    await assign(REGISTRY, 'of-registry'),
    await assign(ELSEWHERE, 'elsewhere'),
  ];

  expect(created.map(({ status }) => status)).toEqual([201, 201, 201, 201, 201]);
  expect(await names(REGISTRY, 'policyAssignments')).toEqual(['of-group', 'of-mg', 'of-registry', 'of-subscription']);
  expect(await names(GROUP, 'policyAssignments')).toEqual(['of-group', 'of-mg', 'of-registry', 'of-subscription']);
  expect(await names(GROUP, 'policyAssignments', 'atScope()')).toEqual(['of-group', 'of-mg', 'of-subscription']);
  expect(await names(GROUP, 'policyAssignments', 'atExactScope()')).toEqual(['of-group']);
  expect(await names(GROUP, 'policyAssignments', `policyDefinitionId eq '${REQUIRE_TAG}'`)).toEqual([]);
  // What management groups have is seen with a role at the subscription; only reading it there needs one at the management group.
  expect(await names(REGISTRY, 'policyAssignments', '', 'dockwarden')).toContain('of-mg');
  const direct = await harness.send('GET', path(MANAGEMENT_GROUP, 'policyAssignments', 'of-mg'), { as: 'dockwarden' });
  expect([direct.status, direct.code]).toEqual([403, 'AuthorizationFailed']);
});

test.each([
  ['an unknown property', { colour: 'red' }, 400, 'InvalidRequestContent'],
  ['an unknown definition', { policyDefinitionId: builtInId('x') }, 404, 'PolicyDefinitionNotFound'],
  ['an unknown mode of enforcement', { enforcementMode: 'Enabled' }, 400, 'InvalidRequestContent'],
  [
    'an effect that is not allowed',
    { parameters: { effect: { value: 'Modify' } } },
    400,
    'PolicyParameterValueNotAllowed',
  ],
  ['a parameter that is not there', { parameters: { colour: { value: 'x' } } }, 400, 'UndefinedPolicyParameter'],
  ['a parameter that is missing', { policyDefinitionId: REQUIRE_TAG }, 400, 'MissingPolicyParameter'],
])('an assignment with %s is refused', async (_what, properties, status, code) => {
  const answer = await assign(SUBSCRIPTION, 'refused', properties);

  expect([answer.status, answer.code]).toEqual([status, code]);
  expect(await names(SUBSCRIPTION, 'policyAssignments')).toEqual([]);
});

test('an exemption is listed at what it covers, also after its end, and says who made it', async () => {
  await assign(SUBSCRIPTION, 'admin-user');
  const policyAssignmentId = assignmentId(SUBSCRIPTION, 'admin-user');
  const over = { policyAssignmentId, expiresOn: '2026-11-23T09:59:59Z' };
  const created = [
    await exempt(SUBSCRIPTION, 'all', { policyAssignmentId }),
    await exempt(GROUP, 'group-over', over),
    await exempt(REGISTRY, 'registry', { policyAssignmentId, expiresOn: '2026-11-23T10:00:01Z' }),
    await exempt(ELSEWHERE, 'elsewhere', { policyAssignmentId }),
  ];

  expect(created.map(({ status }) => status)).toEqual([201, 201, 201, 201]);
  expect(created[2]?.body).toMatchObject({
    name: 'registry',
    properties: { assignmentScopeValidation: 'Default', exemptionCategory: 'Waiver', policyAssignmentId },
    systemData: { createdBy: 'platform-operator@contoso.example', createdByType: 'User' },
  });
  expect(await names(REGISTRY, 'policyExemptions')).toEqual(['all', 'group-over', 'registry']);
  expect(await names(REGISTRY, 'policyExemptions', 'excludeExpired()')).toEqual(['all', 'registry']);
  const removed = await harness.send('DELETE', path(REGISTRY, 'policyExemptions', 'registry'));
  const gone = await harness.send('DELETE', path(REGISTRY, 'policyExemptions', 'registry'));
  expect([removed.status, gone.status]).toEqual([200, 204]);
  expect(harness.simulator.events.at(-1)?.data['operationName']).toBe(
    'Microsoft.Authorization/policyExemptions/delete',
  );
});

test('an exemption goes with the resource that it is on', async () => {
  await assign(SUBSCRIPTION, 'admin-user');
  await exempt(REGISTRY, 'registry', { policyAssignmentId: assignmentId(SUBSCRIPTION, 'admin-user') });
  await harness.send('DELETE', `${REGISTRY}?api-version=2025-11-01`);

  expect(await names(SUBSCRIPTION, 'policyExemptions')).toEqual([]);
});

test.each([
  ['no category', { exemptionCategory: undefined }, 400, 'InvalidRequestContent'],
  ['an end that is no time', { expiresOn: 'tomorrow' }, 400, 'InvalidRequestContent'],
  ['an unknown property', { reason: 'x' }, 400, 'InvalidRequestContent'],
  [
    'a selector of an unknown kind',
    { resourceSelectors: [{ selectors: [{ kind: 'tag', in: ['x'] }] }] },
    400,
    'InvalidRequestContent',
  ],
  [
    'a reference that the assignment has not',
    { policyDefinitionReferenceIds: ['x'] },
    400,
    'InvalidPolicyDefinitionReferenceId',
  ],
  [
    'an assignment of another group',
    { policyAssignmentId: assignmentId(ELSEWHERE, 'elsewhere') },
    400,
    'InvalidPolicyExemptionScope',
  ],
  ['an assignment that is gone', { policyAssignmentId: assignmentId(GROUP, 'gone') }, 404, 'PolicyAssignmentNotFound'],
])('an exemption with %s is refused', async (_what, properties, status, code) => {
  await assign(SUBSCRIPTION, 'admin-user');
  await assign(ELSEWHERE, 'elsewhere');
  const answer = await exempt(REGISTRY, 'refused', {
    policyAssignmentId: assignmentId(SUBSCRIPTION, 'admin-user'),
    ...properties,
  });

  expect([answer.status, answer.code]).toEqual([status, code]);
  expect(await names(REGISTRY, 'policyExemptions')).toEqual([]);
});

test('who exempts has to be allowed that at the assignment as well', async () => {
  await assign(SUBSCRIPTION, 'admin-user');
  harness.simulator.identity('automation').roleAssignments = [
    { scope: GROUP, actions: ['Microsoft.Authorization/policyExemptions/write'], roleName: 'Exempter' },
  ];

  const answer = await harness.send('PUT', path(GROUP, 'policyExemptions', 'own'), {
    as: 'automation',
    body: { properties: { exemptionCategory: 'Waiver', policyAssignmentId: assignmentId(SUBSCRIPTION, 'admin-user') } },
  });

  expect([answer.status, answer.code]).toEqual([403, 'AuthorizationFailed']);
  expect(answer.text).toContain('Microsoft.Authorization/policyAssignments/exempt/action');
});

test('an initiative names definitions by references, is assigned, and is not deleted while it is', async () => {
  const put = await harness.send('PUT', path(SUBSCRIPTION, 'policySetDefinitions', 'baseline'), {
    body: {
      properties: {
        policyDefinitions: [
          { policyDefinitionId: ADMIN_USER, policyDefinitionReferenceId: 'adminUser' },
          { policyDefinitionId: REQUIRE_TAG, parameters: { tagName: { value: 'owner' } } },
        ],
      },
    },
  });
  const policyDefinitionId = `${SUBSCRIPTION}/providers/Microsoft.Authorization/policySetDefinitions/baseline`;
  const assigned = await assign(GROUP, 'baseline', { policyDefinitionId });
  const exempted = await exempt(REGISTRY, 'one', {
    policyAssignmentId: assignmentId(GROUP, 'baseline'),
    policyDefinitionReferenceIds: ['ADMINUSER'],
  });
  const inUse = await harness.send('DELETE', path(SUBSCRIPTION, 'policySetDefinitions', 'baseline'));
  const twice = await harness.send('PUT', path(SUBSCRIPTION, 'policySetDefinitions', 'twice'), {
    body: {
      properties: {
        policyDefinitions: [1, 2].map(() => ({ policyDefinitionId: ADMIN_USER, policyDefinitionReferenceId: 'a' })),
      },
    },
  });

  expect([put.status, assigned.status, exempted.status, inUse.status, twice.status]).toEqual([201, 201, 201, 409, 400]);
  expect(put.body['properties']).toMatchObject({
    policyType: 'Custom',
    policyDefinitions: [
      { policyDefinitionReferenceId: 'adminUser' },
      { policyDefinitionReferenceId: expect.stringContaining('871b6d14') },
    ],
  });
  expect(await names(SUBSCRIPTION, 'policySetDefinitions', "policyType eq 'Custom'")).toEqual(['baseline']);
});

test('custom definitions are read with a right at their scope only, and the lists hold what is built in, too', async () => {
  // oxlint-disable-next-line unicorn/no-thenable -- the language of policies calls it so
  const rule = { properties: { mode: 'All', policyRule: { if: {}, then: { effect: 'deny' } } } };
  await harness.send('PUT', path(SUBSCRIPTION, 'policyDefinitions', 'own'), { body: rule });
  await harness.send('PUT', path(MANAGEMENT_GROUP, 'policyDefinitions', 'of-mg'), { body: rule });
  const nowhere = await harness.send('PUT', path(GROUP, 'policyDefinitions', 'own'), { body: rule });

  const own = await harness.send('GET', path(SUBSCRIPTION, 'policyDefinitions', 'own'), { as: 'dockwarden' });
  const above = await harness.send('GET', path(MANAGEMENT_GROUP, 'policyDefinitions', 'of-mg'), { as: 'dockwarden' });
  const all = await names(SUBSCRIPTION, 'policyDefinitions');

  expect([nowhere.status, own.status, above.status]).toEqual([400, 200, 403]);
  expect(all).toEqual(expect.arrayContaining(['own', 'of-mg', 'dc921057-6b28-4fbe-9b83-f7bec05db6c2']));
});

test('api-version and filter have to be known', async () => {
  const none = await harness.send('GET', `${REGISTRY}/providers/Microsoft.Authorization/policyExemptions`);
  const old = await harness.send(
    'GET',
    `${REGISTRY}/providers/Microsoft.Authorization/policyExemptions?api-version=2019-01-01`,
  );
  const filter = await harness.send('GET', path(REGISTRY, 'policyExemptions', '', "name eq 'x'"));

  expect([none.code, old.code, filter.code]).toEqual([
    'MissingApiVersionParameter',
    'NoRegisteredProviderFound',
    'InvalidFilterInQueryString',
  ]);
});
