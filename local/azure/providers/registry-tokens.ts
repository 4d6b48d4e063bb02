import { ArmError, invalidContent } from '../errors.ts';
import {
  commitWrite,
  getResource,
  listResources,
  requireBody,
  requireOperation,
  requireResource,
  statusDocument,
  type WriteStyle,
} from '../generic-resource.ts';
import { isJsonObject, type Json, type JsonObject } from '../json.ts';
import type { Call, Handler, ResourceTypeDefinition } from '../provider.ts';
import type { RawResource } from '../resource-store.ts';
import { checkResourceBusy } from './busy.ts';

const REGISTRY = 'Microsoft.ContainerRegistry/registries';
const TYPE = `${REGISTRY}/tokens`;
const PASSWORDS = ['password1', 'password2'];
const STATUSES = ['enabled', 'disabled'];

/** Tokens have neither location nor tags. */
const view = ({ id, name, properties = {}, systemData = null, type }: RawResource): Json => ({
  id,
  name,
  type,
  systemData,
  properties,
});

const style: WriteStyle = {
  view,
  asyncStatus: () => 201,
  statusUrl: ({ apiVersion, id, world }, operation) =>
    `${world.baseUrl()}${id}/operationStatuses/tokens-${operation.id}?api-version=${apiVersion}`,
  checkBusy: checkResourceBusy,
  hasSystemData: true,
};

/** Without its registry there is no token. */
function inRegistry(handler: Handler): Handler {
  return (call) => {
    const { definition, target } = call;
    const { id } = requireResource(
      { ...call, definition: { ...definition, type: REGISTRY } },
      `${target.scope}/providers/${REGISTRY}/${target.names[0] ?? ''}`,
    );
    // A list is one of the tokens below the registry.
    return handler(target.names.length === 1 ? { ...call, target: { ...target, scope: id } } : call);
  };
}

const putToken: Handler = (call) => {
  const body = requireBody(call);
  const name = call.target.names.at(-1) ?? '';
  if (!/^[a-zA-Z0-9-]{5,50}$/.test(name)) {
    const allowed = '5 to 50 letters, digits and hyphens are allowed';
    throw new ArmError(400, 'InvalidResourceName', `Token name '${name}' is invalid: ${allowed}.`);
  }
  const before = call.world.store.find(call.id);
  const { credentials, scopeMapId, status } = isJsonObject(body['properties'])
    ? body['properties']
    : ({} as JsonObject);
  if (typeof scopeMapId !== 'string') throw invalidContent("'properties.scopeMapId' must be the id of a scope map.");
  if (status !== undefined && !STATUSES.some((known) => known === status))
    throw invalidContent(`'properties.status' must be one of ${STATUSES.join(', ')}.`);
  const properties = {
    creationDate: before?.properties?.['creationDate'] ?? call.world.clock.now().toISOString().replace('Z', '0000Z'),
    scopeMapId,
    credentials: { certificates: [], passwords: readPasswords(call, credentials) },
    status: status ?? 'enabled',
  };
  return commitWrite(call, before, { id: call.id, name, type: TYPE, properties }, style);
};

/** When each password was made and ends; what it is nobody is ever told again. */
function readPasswords({ world }: Call, credentials: Json | undefined): Json[] {
  const passwords = isJsonObject(credentials) ? (credentials['passwords'] ?? []) : [];
  if (!Array.isArray(passwords)) throw invalidContent("'properties.credentials.passwords' must be an array.");
  return passwords.map((password: Json) => {
    const { creationTime, expiry, name } = isJsonObject(password) ? password : ({} as JsonObject);
    if (typeof name !== 'string' || !PASSWORDS.includes(name))
      throw invalidContent(`a password of a token is one of ${PASSWORDS.join(', ')}.`);
    return { name, creationTime: creationTime ?? world.clock.now().toISOString(), expiry: expiry ?? null };
  });
}

/** Repository-scoped tokens of registries. https://learn.microsoft.com/azure/container-registry/container-registry-repository-scoped-permissions */
export function registryTokenTypes(apiVersions: readonly string[]): readonly ResourceTypeDefinition[] {
  return [
    {
      type: TYPE,
      apiVersions,
      get: inRegistry(getResource(view)),
      list: inRegistry(listResources(view)),
      put: inRegistry(putToken),
    },
    {
      type: `${TYPE}/operationStatuses`,
      apiVersions,
      get: (call) => statusDocument(requireOperation(call), false),
    },
  ];
}
