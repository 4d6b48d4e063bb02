import { ArmError, invalidContent } from '../errors.ts';
import { pageOf, requireBody, requireGroup } from '../generic-resource.ts';
import { isJsonObject, readString } from '../json.ts';
import type { Handler, ResourceTypeDefinition, World } from '../provider.ts';
import { ASSIGNMENT_NOT_FOUND, ASSIGNMENT_TYPE } from './assignments.ts';
import { SET_TYPE } from './built-ins.ts';
import { findDefinition } from './definitions.ts';
import {
  associated,
  checkMembers,
  checkPolicyScope,
  checkSelectors,
  holdsAt,
  keepObject,
  notFound,
  parsePolicyFilter,
  readProperties,
  readTexts,
  removeObject,
  requireAction,
  requireObject,
  scopeOf,
} from './policy-objects.ts';

const NOT_FOUND = 'PolicyExemptionNotFound';
const MEMBERS = [
  'assignmentScopeValidation',
  'description',
  'displayName',
  'exemptionCategory',
  'expiresOn',
  'metadata',
  'policyAssignmentId',
  'policyDefinitionReferenceIds',
  'resourceSelectors',
];

/** Whoever exempts something from an assignment has to be allowed that at the assignment, besides writing the exemption. */
const EXEMPT = 'Microsoft.Authorization/policyAssignments/exempt/action';

const put: Handler = (call) => {
  checkPolicyScope(call);
  const body = requireBody(call);
  checkMembers(body, ['id', 'name', 'properties', 'systemData', 'type'], 'PolicyExemption');
  const properties = readProperties(body, MEMBERS, 'PolicyExemptionProperties');
  const { assignmentScopeValidation = 'Default', exemptionCategory, expiresOn } = properties;
  if (exemptionCategory !== 'Waiver' && exemptionCategory !== 'Mitigated')
    throw invalidContent("'properties.exemptionCategory' must be Waiver or Mitigated.");
  if (assignmentScopeValidation !== 'Default' && assignmentScopeValidation !== 'DoNotValidate')
    throw invalidContent("'properties.assignmentScopeValidation' must be Default or DoNotValidate.");
  if (expiresOn !== undefined && (typeof expiresOn !== 'string' || Number.isNaN(Date.parse(expiresOn))))
    throw invalidContent("'properties.expiresOn' must be a time in ISO 8601.");
  checkSelectors(properties);
  const assignmentId = readString(properties, 'policyAssignmentId');
  if (assignmentId === undefined) throw invalidContent("'properties.policyAssignmentId' is missing.");
  requireAction(call, EXEMPT, assignmentId);
  const references = readTexts(properties, 'policyDefinitionReferenceIds');
  if (assignmentScopeValidation === 'Default') checkAssignment(call.world, assignmentId, call.target.scope, references);
  return keepObject(call, { properties: { ...properties, assignmentScopeValidation } });
};

/** The assignment is there, holds at the scope of the exemption, and has what is referred to. */
function checkAssignment(world: World, id: string, scope: string, references: readonly string[]): void {
  const assignment = world.store.find(id);
  if (assignment?.type !== ASSIGNMENT_TYPE) throw notFound(ASSIGNMENT_NOT_FOUND, id.split('/').at(-1) ?? '');
  if (!holdsAt(world, scopeOf(id), scope))
    throw new ArmError(
      400,
      'InvalidPolicyExemptionScope',
      `The exemption at '${scope}' is not at or under the scope of the assignment '${id}'.`,
    );
  const definition = findDefinition(world, readString(assignment.properties, 'policyDefinitionId') ?? '');
  const { policyDefinitions = [] } = definition?.type === SET_TYPE ? (definition.properties ?? {}) : {};
  const known = (Array.isArray(policyDefinitions) ? policyDefinitions : []).map((entry: unknown) =>
    isJsonObject(entry) ? readString(entry, 'policyDefinitionReferenceId')?.toLowerCase() : undefined,
  );
  const other = references.find((reference) => !known.includes(reference.toLowerCase()));
  if (other !== undefined)
    throw new ArmError(
      400,
      'InvalidPolicyDefinitionReferenceId',
      `The assignment '${id}' has no policy definition with the reference id '${other}'.`,
    );
}

/** Exemptions are kept after their end, as in Azure. https://learn.microsoft.com/azure/governance/policy/concepts/exemption-structure */
export const policyExemptions: ResourceTypeDefinition = {
  type: 'Microsoft.Authorization/policyExemptions',
  apiVersions: ['2022-07-01-preview', '2020-07-01-preview'],
  get: (call) => ({ status: 200, body: requireObject(call, NOT_FOUND) }),
  list: (call) => {
    requireGroup(call);
    const now = call.world.clock.now();
    const matches = parsePolicyFilter(call, ['policyAssignmentId'], {
      'excludeexpired()': ({ properties }) => {
        const end = readString(properties, 'expiresOn');
        return end === undefined || new Date(end) > now;
      },
    });
    return pageOf(call, associated(call).filter(matches));
  },
  put,
  delete: removeObject,
};
