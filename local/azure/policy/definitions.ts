import { ArmError, invalidContent } from '../errors.ts';
import { pageOf, requireBody } from '../generic-resource.ts';
import { isJsonObject, type JsonObject, readString } from '../json.ts';
import type { Call, Handler, ResourceTypeDefinition, World } from '../provider.ts';
import type { RawResource } from '../resource-store.ts';
import { builtInDefinitions, DEFINITION_TYPE, SET_TYPE } from './built-ins.ts';
import {
  associated,
  checkPolicyScope,
  keepObject,
  notFound,
  parsePolicyFilter,
  readProperties,
  removeObject,
  requireAction,
} from './policy-objects.ts';

const VERSIONS = ['2023-04-01', '2021-06-01', '2020-09-01'];
/** Definitions lie at a subscription or a management group, and nowhere below. */
const HOLDERS = /^(?:\/subscriptions\/[^/]+|\/providers\/microsoft\.management\/managementgroups\/[^/]+)$/i;
const MODES = ['All', 'Indexed', 'Microsoft.KeyVault.Data', 'Microsoft.Kubernetes.Data', 'Microsoft.Network.Data'];
const DEFINITION_MEMBERS = [
  'description',
  'displayName',
  'metadata',
  'mode',
  'parameters',
  'policyRule',
  'policyType',
  'version',
  'versions',
];
const SET_MEMBERS = [
  'description',
  'displayName',
  'metadata',
  'parameters',
  'policyDefinitionGroups',
  'policyDefinitions',
  'policyType',
  'version',
  'versions',
];
const REFERENCE_MEMBERS = [
  'definitionVersion',
  'groupNames',
  'parameters',
  'policyDefinitionId',
  'policyDefinitionReferenceId',
];

/** The definition or initiative of an id; built-in ones are there without being put. */
export function findDefinition(world: World, id: string): RawResource | undefined {
  return world.store.find(id) ?? builtInDefinitions.find((builtIn) => builtIn.id.toLowerCase() === id.toLowerCase());
}

/** A right is needed for what belongs to a scope. What belongs to the tenant everybody may read. */
function checkRead(call: Call): void {
  const { scope } = call.target;
  if (scope !== '') requireAction(call, `${call.definition.type}/read`, scope);
}

function getFrom(code: string): Handler {
  return (call) => {
    checkRead(call);
    const found = findDefinition(call.world, call.id);
    if (found?.type === call.definition.type) return { status: 200, body: found };
    throw notFound(code, call.target.names.at(-1) ?? '');
  };
}

const listDefinitions: Handler = (call) => {
  checkRead(call);
  const builtIns = builtInDefinitions.filter(({ type }) => type === call.definition.type);
  const all = [...builtIns, ...associated(call)];
  return pageOf(call, all.filter(parsePolicyFilter(call, ['policyType'])));
};

function checkHolder(call: Call): void {
  requireAction(call, `${call.definition.type}/${call.request.method === 'DELETE' ? 'delete' : 'write'}`, call.id);
  if (call.target.scope === '')
    throw new ArmError(
      405,
      'HttpMethodNotAllowed',
      'What is built in cannot be changed: put a definition at a subscription or a management group.',
    );
  checkPolicyScope(call);
  if (!HOLDERS.test(call.target.scope))
    throw invalidContent('definitions lie at a subscription or at a management group.');
}

function checkCustom(properties: JsonObject): void {
  const { policyType = 'Custom' } = properties;
  if (policyType !== 'Custom' && policyType !== 'NotSpecified')
    throw invalidContent("'properties.policyType' of a definition that is put must be Custom.");
}

const putDefinition: Handler = (call) => {
  checkHolder(call);
  const properties = readProperties(requireBody(call), DEFINITION_MEMBERS, 'PolicyDefinitionProperties');
  checkCustom(properties);
  const { mode = 'Indexed', policyRule } = properties;
  if (typeof mode !== 'string' || !MODES.includes(mode))
    throw invalidContent(`'properties.mode' must be one of ${MODES.join(', ')}.`);
  if (readString(policyRule, 'then.effect') === undefined)
    throw new ArmError(400, 'InvalidPolicyRule', "Failed to parse policy rule: 'then.effect' is missing.");
  return keepObject(call, { properties: { parameters: {}, ...properties, policyType: 'Custom', mode } });
};

const putSet: Handler = (call) => {
  checkHolder(call);
  const properties = readProperties(requireBody(call), SET_MEMBERS, 'PolicySetDefinitionProperties');
  checkCustom(properties);
  const { policyDefinitions } = properties;
  if (!Array.isArray(policyDefinitions) || policyDefinitions.length === 0)
    throw invalidContent("'properties.policyDefinitions' must name at least one definition.");
  const references = policyDefinitions.map((entry, i) => toReference(call.world, entry, i));
  const ids = references.map(({ policyDefinitionReferenceId }) => policyDefinitionReferenceId.toLowerCase());
  if (new Set(ids).size < ids.length)
    throw new ArmError(
      400,
      'DuplicatePolicyDefinitionReferenceId',
      'Every policyDefinitionReferenceId of an initiative has to be there once.',
    );
  return keepObject(call, {
    properties: { parameters: {}, ...properties, policyType: 'Custom', policyDefinitions: references },
  });
};

/** Azure gives a reference an id when it was put without one. */
function toReference(world: World, entry: unknown, index: number) {
  if (!isJsonObject(entry)) throw invalidContent('a reference to a definition must be an object.');
  const unknown = Object.keys(entry).find((name) => !REFERENCE_MEMBERS.includes(name));
  if (unknown !== undefined)
    throw invalidContent(`Could not find member '${unknown}' on object of type 'PolicyDefinitionReference'.`);
  const id = readString(entry, 'policyDefinitionId');
  if (id === undefined || findDefinition(world, id)?.type !== DEFINITION_TYPE)
    throw notFound('PolicyDefinitionNotFound', id ?? '');
  const given = readString(entry, 'policyDefinitionReferenceId');
  return { ...entry, policyDefinitionReferenceId: given ?? `${id.split('/').at(-1) ?? ''}_${index + 1}` };
}

const remove: Handler = (call) => {
  checkHolder(call);
  const used = call.world.store
    .list('')
    .find(({ properties }) => readString(properties, 'policyDefinitionId')?.toLowerCase() === call.id.toLowerCase());
  if (used === undefined) return removeObject(call);
  throw new ArmError(
    409,
    'PolicyDefinitionInUse',
    `The definition '${call.target.names.at(-1) ?? ''}' cannot be deleted: '${used.id}' assigns it.`,
  );
};

export const policyDefinitions: ResourceTypeDefinition = {
  type: DEFINITION_TYPE,
  apiVersions: VERSIONS,
  // The handlers check, because what is built in needs no right.
  access: 'caller',
  get: getFrom('PolicyDefinitionNotFound'),
  list: listDefinitions,
  put: putDefinition,
  delete: remove,
};

export const policySetDefinitions: ResourceTypeDefinition = {
  type: SET_TYPE,
  apiVersions: VERSIONS,
  access: 'caller',
  get: getFrom('PolicySetDefinitionNotFound'),
  list: listDefinitions,
  put: putSet,
  delete: remove,
};
