import { randomBytes } from 'node:crypto';
import { ArmError, invalidContent } from '../errors.ts';
import {
  commitWrite,
  deleteResource,
  getResource,
  listResources,
  readTags,
  requireBody,
  requireGroup,
  requireLocation,
  requireOperation,
  requireResource,
  statusDocument,
  type WriteStyle,
} from '../generic-resource.ts';
import { isJsonObject, type Json, type JsonObject, mergePatch, omit, readString } from '../json.ts';
import type { Call, Handler, Provider, Reply } from '../provider.ts';
import type { RawResource } from '../resource-store.ts';
import { checkResourceBusy } from './busy.ts';
import { registryTokenTypes } from './registry-tokens.ts';

/** Start of every password, so that a test can prove that none reaches a log, table, ticket or page. */
export const PASSWORD_CANARY = 'CANARY-';

const TYPE = 'Microsoft.ContainerRegistry/registries';
const API_VERSIONS = [
  '2025-11-01',
  '2023-07-01',
  '2022-12-01',
  '2022-02-01-preview',
  '2021-09-01',
  '2021-08-01-preview',
  '2020-11-01-preview',
  '2019-12-01-preview',
  '2019-05-01',
];
/** First preview and first stable api-version that answers a property: previews run ahead of the stable line. */
interface Since {
  readonly preview: string;
  readonly stable: string;
}
/** https://learn.microsoft.com/azure/templates/microsoft.containerregistry/registries */
const PROPERTIES_SINCE: Readonly<Record<string, Since>> = {
  anonymousPullEnabled: { preview: '2020-11-01', stable: '2025-04-01' },
  networkRuleBypassAllowedForTasks: { preview: '2025-05-01', stable: '2025-11-01' },
  roleAssignmentMode: { preview: '2025-05-01', stable: '2025-11-01' },
};
const POLICIES_SINCE: Readonly<Record<string, Since>> = {
  azureADAuthenticationAsArmPolicy: { preview: '2021-08-01', stable: '2025-04-01' },
};
const SERVER_OWNED = new Set([
  'creationDate',
  'dataEndpointHostNames',
  'loginServer',
  'privateEndpointConnections',
  'provisioningState',
  'status',
]);
const PATCHABLE = new Set(['identity', 'properties', 'sku', 'tags']);
const BOOLEANS = [
  'adminUserEnabled',
  'anonymousPullEnabled',
  'dataEndpointEnabled',
  'networkRuleBypassAllowedForTasks',
];
const CHOICES: Readonly<Record<string, readonly string[]>> = {
  networkRuleBypassOptions: ['AzureServices', 'None'],
  publicNetworkAccess: ['Enabled', 'Disabled'],
  zoneRedundancy: ['Enabled', 'Disabled'],
};
const SKUS = ['Basic', 'Standard', 'Premium'];

function viewRegistry(resource: RawResource, apiVersion: string): Json {
  const { properties = {} } = resource;
  const { policies } = properties;
  return {
    ...resource,
    properties: {
      ...omit(properties, unknownAt(apiVersion, PROPERTIES_SINCE)),
      ...(isJsonObject(policies) ? { policies: omit(policies, unknownAt(apiVersion, POLICIES_SINCE)) } : {}),
    },
  };
}

function unknownAt(apiVersion: string, since: Readonly<Record<string, Since>>): ReadonlySet<string> {
  const kind = apiVersion.endsWith('-preview') ? 'preview' : 'stable';
  const later = Object.entries(since).filter(([, first]) => apiVersion.slice(0, 10) < first[kind]);
  return new Set(later.map(([name]) => name));
}

const style: WriteStyle = {
  view: viewRegistry,
  asyncStatus: (method) => (method === 'DELETE' ? 202 : 201),
  statusUrl: ({ apiVersion, id, world }, { id: operationId, rule }) => {
    const query = new URLSearchParams({ 'api-version': apiVersion, t: String(Date.now()) });
    // Azure puts a signed certificate into this URL: several kilobytes that clients must be able to follow.
    if (rule.longUrl !== false) query.set('c', randomBytes(3_072).toString('base64url'));
    query.set('s', randomBytes(32).toString('base64url'));
    query.set('h', randomBytes(16).toString('base64url'));
    return `${world.baseUrl()}${id}/operationStatuses/registries-${operationId}?${query.toString()}`;
  },
  resultUrl: ({ apiVersion, id, world }, operation) =>
    `${world.baseUrl()}${id}/operationStatuses/registries-${operation.id}?api-version=${apiVersion}`,
  checkBusy: checkResourceBusy,
  hasSystemData: true,
};

function checkProperties(properties: JsonObject, sku: string): void {
  for (const name of BOOLEANS) {
    const value = properties[name];
    if (value !== undefined && typeof value !== 'boolean')
      throw invalidContent(`'properties.${name}' must be a boolean.`);
  }
  for (const [name, choices] of Object.entries(CHOICES)) {
    const value = properties[name];
    if (value !== undefined && !choices.some((choice) => choice === value)) {
      throw invalidContent(`'properties.${name}' must be one of ${choices.join(', ')}.`);
    }
  }
  // The network rules of a registry exist in the Premium tier only; the error code is not documented.
  if (properties['publicNetworkAccess'] === 'Disabled' && sku !== 'Premium') {
    throw new ArmError(400, 'SkuNotSupported', `Disabling public network access is not supported for sku '${sku}'.`);
  }
}

const patchRegistry: Handler = (call) => {
  const registry = requireResource(call);
  const body = requireBody(call);
  const unknown = Object.keys(body).find((name) => !PATCHABLE.has(name));
  if (unknown) throw invalidContent(`Could not find member '${unknown}' on object of type 'RegistryUpdateParameters'.`);
  const change = omit(isJsonObject(body['properties']) ? body['properties'] : {}, SERVER_OWNED);
  const sku = readString(body, 'sku.name') ?? readString(registry, 'sku.name') ?? '';
  checkSku(sku);
  checkProperties(change, sku);
  const after: RawResource = {
    ...registry,
    ...(body['identity'] === undefined ? {} : { identity: body['identity'] }),
    ...(body['sku'] === undefined ? {} : { sku: { name: sku, tier: sku } }),
    // Tags are replaced whole; null leaves none.
    ...(body['tags'] === undefined ? {} : { tags: readTags(body['tags']) }),
    properties: mergePatch(registry.properties, change),
  };
  return commitWrite(call, registry, after, style);
};

const putRegistry: Handler = (call) => {
  requireGroup(call);
  const body = requireBody(call);
  const name = call.target.names.at(-1) ?? '';
  if (!/^[a-zA-Z0-9]{5,50}$/.test(name)) {
    throw new ArmError(
      400,
      'InvalidResourceName',
      `Registry name '${name}' is invalid: 5 to 50 letters and digits are allowed.`,
    );
  }
  const sku = readString(body, 'sku.name') ?? '';
  checkSku(sku);
  const given = omit(isJsonObject(body['properties']) ? body['properties'] : {}, SERVER_OWNED);
  checkProperties(given, sku);
  const before = call.world.store.find(call.id);
  const location = requireLocation(body, before);
  const after: RawResource = {
    ...(body['identity'] === undefined ? {} : { identity: body['identity'] }),
    id: call.id,
    name,
    type: TYPE,
    location,
    tags: readTags(body['tags']),
    sku: { name: sku, tier: sku },
    properties: { ...defaultProperties(name, before, call.world.clock.now()), ...given },
  };
  if (!before) keepPasswords(call, call.id);
  return commitWrite(call, before, after, style);
};

function checkSku(name: string): void {
  if (!SKUS.includes(name)) {
    throw new ArmError(400, 'InvalidRequestContent', `The sku '${name}' is not one of ${SKUS.join(', ')}.`);
  }
}

/** What Azure answers for a registry about which nothing was said. */
export function defaultProperties(name: string, before: RawResource | undefined, now: Date): JsonObject {
  return {
    loginServer: `${name.toLowerCase()}.azurecr.io`,
    creationDate: before?.properties?.['creationDate'] ?? now.toISOString().replace('Z', '0000Z'),
    adminUserEnabled: false,
    networkRuleSet: { defaultAction: 'Allow', ipRules: [] },
    policies: {
      quarantinePolicy: { status: 'disabled' },
      trustPolicy: { type: 'Notary', status: 'disabled' },
      retentionPolicy: { days: 7, lastUpdatedTime: now.toISOString(), status: 'disabled' },
      exportPolicy: { status: 'enabled' },
      azureADAuthenticationAsArmPolicy: { status: 'enabled' },
    },
    encryption: { status: 'disabled' },
    dataEndpointEnabled: false,
    dataEndpointHostNames: [],
    privateEndpointConnections: before?.properties?.['privateEndpointConnections'] ?? [],
    publicNetworkAccess: 'Enabled',
    networkRuleBypassOptions: 'AzureServices',
    networkRuleBypassAllowedForTasks: false,
    zoneRedundancy: 'Disabled',
    anonymousPullEnabled: false,
    roleAssignmentMode: 'LegacyRegistryPermissions',
  };
}

/** The two admin passwords of a registry, made when first asked for. */
function keepPasswords({ world }: Call, id: string): JsonObject {
  const kept = world.store.secretsOf(id);
  if (kept) return kept;
  const passwords = { password: newPassword(), password2: newPassword() };
  world.store.keepSecrets(id, passwords);
  return passwords;
}

function newPassword(): string {
  return `${PASSWORD_CANARY}${randomBytes(24).toString('base64url')}`;
}

/** Credential calls are refused while the admin user is off. */
function requireAdminUser(call: Call): RawResource {
  const registry = requireResource(call);
  if (registry.properties?.['adminUserEnabled'] === true) return registry;
  throw new ArmError(
    400,
    'UnAuthorizedForCredentialOperations',
    `Cannot perform credential operations for ${registry.id} as admin user is disabled. Kindly enable admin user as per docs: https://docs.microsoft.com/en-us/azure/container-registry/container-registry-authentication#admin-account`,
  );
}

function answerCredentials(registry: RawResource, passwords: JsonObject): Reply {
  const list = ['password', 'password2'].map((name) => ({ name, value: passwords[name] }));
  return { status: 200, body: { username: registry.name, passwords: list }, raises: registry.id };
}

const listCredentials: Handler = (call) => {
  const registry = requireAdminUser(call);
  return answerCredentials(registry, keepPasswords(call, registry.id));
};

const regenerateCredential: Handler = (call) => {
  const registry = requireAdminUser(call);
  const name = requireBody(call)['name'];
  if (name !== 'password' && name !== 'password2') throw invalidContent("'name' must be password or password2.");
  checkResourceBusy(call, registry);
  const passwords = { ...keepPasswords(call, registry.id), [name]: newPassword() };
  call.world.store.keepSecrets(registry.id, passwords);
  return answerCredentials(registry, passwords);
};

const getOperationStatus: Handler = (call) => statusDocument(requireOperation(call), false);

export const containerRegistry: Provider = {
  namespace: 'Microsoft.ContainerRegistry',
  types: [
    {
      type: TYPE,
      apiVersions: API_VERSIONS,
      get: getResource(viewRegistry),
      list: listResources(viewRegistry),
      put: putRegistry,
      patch: patchRegistry,
      delete: deleteResource(style),
      actions: { listCredentials, regenerateCredential },
    },
    { type: `${TYPE}/operationStatuses`, apiVersions: API_VERSIONS, get: getOperationStatus },
    ...registryTokenTypes(API_VERSIONS),
  ],
};
