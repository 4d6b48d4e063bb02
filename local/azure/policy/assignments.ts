import { ArmError, invalidContent } from '../errors.ts';
import { pageOf, requireBody, requireGroup } from '../generic-resource.ts';
import { isJsonObject, type JsonObject, readString } from '../json.ts';
import type { Handler, ResourceTypeDefinition } from '../provider.ts';
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
  requireObject,
  scopeOf,
} from './policy-objects.ts';

export const ASSIGNMENT_TYPE = 'Microsoft.Authorization/policyAssignments';
export const ASSIGNMENT_NOT_FOUND = 'PolicyAssignmentNotFound';
const MEMBERS = [
  'definitionVersion',
  'description',
  'displayName',
  'enforcementMode',
  'metadata',
  'nonComplianceMessages',
  'notScopes',
  'overrides',
  'parameters',
  'policyDefinitionId',
  'resourceSelectors',
  'scope',
];
/** https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules */
const MAX_NAME = 128;

const put: Handler = (call) => {
  checkPolicyScope(call);
  const body = requireBody(call);
  checkMembers(body, ['id', 'identity', 'location', 'name', 'properties', 'systemData', 'type'], 'PolicyAssignment');
  const properties = readProperties(body, MEMBERS, 'PolicyAssignmentProperties');
  const name = call.target.names.at(-1) ?? '';
  if (name.length > MAX_NAME)
    throw new ArmError(400, 'InvalidPolicyAssignmentName', `The policy assignment name '${name}' is too long.`);
  const { enforcementMode = 'Default', parameters = {} } = properties;
  if (enforcementMode !== 'Default' && enforcementMode !== 'DoNotEnforce')
    throw invalidContent("'properties.enforcementMode' must be Default or DoNotEnforce.");
  readTexts(properties, 'notScopes');
  checkSelectors(properties);
  const definitionId = readString(properties, 'policyDefinitionId');
  const definition = definitionId === undefined ? undefined : findDefinition(call.world, definitionId);
  if (definition === undefined || !holdsAt(call.world, scopeOf(definition.id), call.target.scope))
    throw notFound('PolicyDefinitionNotFound', definitionId ?? '');
  checkParameters(parameters, definition.properties?.['parameters']);
  const { identity, location } = body;
  if (isJsonObject(identity) && identity['type'] !== 'None' && location === undefined)
    throw new ArmError(400, 'LocationRequired', 'An assignment with an identity needs a location.');
  return keepObject(call, {
    ...(identity === undefined ? {} : { identity }),
    ...(location === undefined ? {} : { location }),
    properties: {
      ...properties,
      policyDefinitionId: definition.id,
      enforcementMode,
      parameters,
      scope: call.target.scope,
    },
  });
};

/** Every parameter that is given is declared, and has an allowed value; every one without a default is given. */
function checkParameters(given: unknown, declared: unknown): void {
  if (!isJsonObject(given)) throw invalidContent("'properties.parameters' must be an object.");
  const known: JsonObject = isJsonObject(declared) ? declared : {};
  for (const [name, value] of Object.entries(given)) {
    const parameter = known[name];
    if (!isJsonObject(parameter))
      throw new ArmError(
        400,
        'UndefinedPolicyParameter',
        `The policy assignment has defined parameters '${name}' which are not present in the policy definition.`,
      );
    const { allowedValues } = parameter;
    const chosen = isJsonObject(value) ? value['value'] : undefined;
    if (chosen === undefined) throw invalidContent(`the parameter '${name}' has no 'value'.`);
    if (Array.isArray(allowedValues) && !allowedValues.some((allowed) => isSameText(allowed, chosen)))
      throw new ArmError(
        400,
        'PolicyParameterValueNotAllowed',
        `The value of the parameter '${name}' is not allowed. The allowed values are '${allowedValues.join(', ')}'.`,
      );
  }
  const missing = Object.entries(known).find(
    ([name, parameter]) =>
      isJsonObject(parameter) && parameter['defaultValue'] === undefined && given[name] === undefined,
  );
  if (missing !== undefined)
    throw new ArmError(
      400,
      'MissingPolicyParameter',
      `The policy assignment is missing the parameter '${missing[0]}' of the policy definition.`,
    );
}

function isSameText(one: unknown, other: unknown): boolean {
  return String(one).toLowerCase() === String(other).toLowerCase();
}

/** Assignments are kept and listed; the simulated Azure evaluates none of them. */
export const policyAssignments: ResourceTypeDefinition = {
  type: ASSIGNMENT_TYPE,
  apiVersions: ['2023-04-01', '2022-06-01', '2021-06-01'],
  get: (call) => ({ status: 200, body: requireObject(call, ASSIGNMENT_NOT_FOUND) }),
  list: (call) => {
    requireGroup(call);
    return pageOf(call, associated(call).filter(parsePolicyFilter(call, ['policyDefinitionId'])));
  },
  put,
  delete: removeObject,
};
