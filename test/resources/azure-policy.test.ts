import { describe, expect, it } from 'vitest';
import {
  isManagementGroup,
  PolicyAssignment,
  PolicyExemption,
  PolicySetDefinition,
  parsePolicyId,
  type ResourceSelector,
  selects,
} from '../../src/resources/azure-policy.ts';

const SCOPE = '/subscriptions/S/resourceGroups/G';
const ASSIGNMENT = `${SCOPE}/providers/Microsoft.Authorization/policyAssignments/a`;

function exemption(properties: Readonly<Record<string, unknown>> = {}, rest: Readonly<Record<string, unknown>> = {}) {
  return {
    id: `${SCOPE}/providers/Microsoft.Authorization/policyExemptions/e`,
    name: 'e',
    properties: { policyAssignmentId: ASSIGNMENT, exemptionCategory: 'Waiver', ...properties },
    ...rest,
  };
}

describe('an exemption of Azure Policy', () => {
  it('is read with what it needs, and absent parts are empty', () => {
    expect(PolicyExemption.parse(exemption()).properties).toEqual({
      policyAssignmentId: ASSIGNMENT,
      exemptionCategory: 'Waiver',
      policyDefinitionReferenceIds: [],
      resourceSelectors: [],
      metadata: {},
    });
    expect(
      PolicyExemption.parse(
        exemption({ policyDefinitionReferenceIds: null, resourceSelectors: null, expiresOn: null }),
      ),
    ).toMatchObject({ properties: { policyDefinitionReferenceIds: [], resourceSelectors: [] } });
  });

  it.each([
    ['2026-12-31T23:59:00Z', '2026-12-31T23:59:00.000Z'],
    ['2026-12-31T23:59:00.0000000Z', '2026-12-31T23:59:00.000Z'],
    ['2026-12-31T23:59:00', '2026-12-31T23:59:00.000Z'],
    ['2026-12-31T23:59:00+02:00', '2026-12-31T21:59:00.000Z'],
  ])('ends in UTC, wherever this runs: %s', (text, iso) => {
    expect(PolicyExemption.parse(exemption({ expiresOn: text })).properties.expiresOn?.toISOString()).toBe(iso);
  });

  it.each<readonly [string, unknown]>([
    ['an end that is no time', exemption({ expiresOn: 'tomorrow' })],
    ['an end that is only a day', exemption({ expiresOn: '2026-12-31' })],
    ['an end on a day that is none', exemption({ expiresOn: '2026-13-31T00:00:00Z' })],
    ['an end that is a number', exemption({ expiresOn: 1 })],
    ['no assignment', exemption({ policyAssignmentId: undefined })],
    ['an assignment that is no id', exemption({ policyAssignmentId: 'a' })],
    ['no category', exemption({ exemptionCategory: undefined })],
    ['references that are no list', exemption({ policyDefinitionReferenceIds: 'x' })],
    ['selectors that are no list', exemption({ resourceSelectors: {} })],
    ['a selector without conditions', exemption({ resourceSelectors: [{ name: 'x' }] })],
    ['no properties', { ...exemption(), properties: undefined }],
    ['an id of nothing', { ...exemption(), id: '/subscriptions/S' }],
    ['no name', { ...exemption(), name: undefined }],
  ])('cannot be read with %s', (_what, raw) => {
    expect(PolicyExemption.safeParse(raw).success).toBe(false);
  });

  it('is read whatever its words for people are', () => {
    const odd = exemption({ description: 7, displayName: [], metadata: 'x' }, { systemData: { createdBy: 1 } });

    expect(PolicyExemption.parse(odd)).toMatchObject({ properties: { metadata: {} }, systemData: {} });
  });
});

describe('what an exemption is about', () => {
  const SET = '/providers/Microsoft.Authorization/policySetDefinitions/s';
  const DEFINITION = '/providers/Microsoft.Authorization/policyDefinitions/d';

  it.each([
    ['an id', DEFINITION, true],
    ['an id of an initiative', SET, true],
    ['one version of it', `${DEFINITION}/versions/1.0.0`, false],
    ['something else', '/providers/Microsoft.Authorization/locks/d', false],
    ['nothing', '', false],
  ])('is read only from ids of definitions: %s', (_what, policyDefinitionId, isRead) => {
    const assignment = { id: ASSIGNMENT, name: 'a', properties: { policyDefinitionId } };
    const definitions = [{ policyDefinitionId, policyDefinitionReferenceId: 'r' }];
    const set = { id: SET, properties: { policyDefinitions: definitions } };

    expect(PolicyAssignment.safeParse(assignment).success).toBe(isRead);
    expect(PolicySetDefinition.safeParse(set).success).toBe(isRead);
  });
});

describe('an id of Azure Policy', () => {
  it.each([
    [ASSIGNMENT, { scope: SCOPE.toLowerCase(), type: 'policyassignments', name: 'a' }],
    ['/providers/Microsoft.Authorization/policyDefinitions/G', { scope: '', type: 'policydefinitions', name: 'G' }],
    ['/providers/microsoft.authorization/locks/x', { scope: '', type: '', name: '' }],
    ['nothing', { scope: '', type: '', name: '' }],
  ])('%s', (id, parsed) => {
    expect(parsePolicyId(id)).toEqual(parsed);
  });

  it('lies in a management group or not', () => {
    expect(isManagementGroup('/providers/microsoft.management/managementgroups/mg')).toBe(true);
    for (const other of ['', '/subscriptions/s', '/providers/microsoft.management/managementgroups/mg/x'])
      expect(isManagementGroup(other)).toBe(false);
  });
});

function group(...selectors: ResourceSelector['selectors']): ResourceSelector {
  return { selectors };
}

describe('selectors', () => {
  const resource = { type: 'Microsoft.ContainerRegistry/registries', location: 'westeurope' };
  const here = { kind: 'resourceLocation', in: ['northeurope', 'West Europe'] };
  const elsewhere = { kind: 'resourceLocation', in: ['northeurope'] };
  const registries = { kind: 'ResourceType', in: ['microsoft.containerregistry/REGISTRIES'] };
  const noRegistries = { kind: 'resourceType', notIn: ['Microsoft.ContainerRegistry/registries'] };
  const odd = { kind: 'resourceWithoutLocation', in: ['subscriptionLevelResources'] };

  it.each<readonly [string, readonly ResourceSelector[], boolean | 'unclear']>([
    ['none', [], true],
    ['its location', [group(here)], true],
    ['another location', [group(elsewhere)], false],
    ['not another location', [group({ kind: 'resourceLocation', notIn: ['northeurope'] })], true],
    ['its type', [group(registries)], true],
    ['every type but its own', [group(noRegistries)], false],
    ['its type and its location', [group(registries, here)], true],
    ['its type and another location', [group(registries, elsewhere)], false],
    ['a kind that says nothing here', [group(odd)], 'unclear'],
    ['such a kind beside its type', [group(registries, odd)], 'unclear'],
    ['such a kind beside another location', [group(elsewhere, odd)], false],
    ['two groups that agree', [group(here), group(registries)], true],
    ['two groups that both choose others', [group(elsewhere), group(noRegistries)], false],
    ['two groups that disagree', [group(here), group(elsewhere)], 'unclear'],
    ['a condition without values', [group({ kind: 'resourceType' })], 'unclear'],
    ['a condition with both', [group({ kind: 'resourceType', in: ['x'], notIn: ['y'] })], 'unclear'],
    ['a condition with a null beside', [group({ kind: 'resourceLocation', in: null, notIn: ['westeurope'] })], false],
  ])('%s', (_name, selectors, answer) => {
    expect(selects(selectors, resource)).toBe(answer);
  });

  it('about what is not known of the resource are unclear', () => {
    expect(selects([group(here)], { ...resource, location: undefined })).toBe('unclear');
    expect(selects([group(registries)], { ...resource, type: undefined })).toBe('unclear');
  });
});
