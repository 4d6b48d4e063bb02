import { ArmError, invalidContent } from '../errors.ts';
import {
  commitWrite,
  deleteResource,
  getOperationStatus,
  getResource,
  listResources,
  pageOf,
  readTags,
  requireBody,
  requireGroup,
  requireLocation,
  requireResource,
  type WriteStyle,
} from '../generic-resource.ts';
import { isJsonObject, type JsonObject, mergePatch, omit, readString } from '../json.ts';
import type { ServedVault } from '../key-vault/served-vault.ts';
import { objectNotFound } from '../key-vault/vault-errors.ts';
import type { KeyVersion } from '../key-vault/vault-objects.ts';
import { viewArmKey, viewArmKeyItem, viewArmKeyVersion, viewArmKeyVersionItem } from '../key-vault/vault-views.ts';
import type { Call, Handler, Provider } from '../provider.ts';
import type { RawResource } from '../resource-store.ts';
import { checkResourceBusy } from './busy.ts';

const TYPE = 'Microsoft.KeyVault/vaults';
const API_VERSIONS = ['2023-07-01'];
const SERVER_OWNED = new Set([
  'createMode',
  'hsmPoolResourceId',
  'privateEndpointConnections',
  'provisioningState',
  'vaultUri',
]);
const PATCHABLE = new Set(['properties', 'tags']);
const BOOLEANS = [
  'enabledForDeployment',
  'enabledForDiskEncryption',
  'enabledForTemplateDeployment',
  'enablePurgeProtection',
  'enableRbacAuthorization',
  'enableSoftDelete',
];
const CHOICES: Readonly<Record<string, readonly string[]>> = {
  'networkAcls.bypass': ['azureservices', 'none'],
  'networkAcls.defaultAction': ['allow', 'deny'],
  publicNetworkAccess: ['enabled', 'disabled'],
  'sku.family': ['a'],
  'sku.name': ['standard', 'premium'],
};
/** 3 to 24 letters, digits and single hyphens; begins with a letter, ends with a letter or digit. */
const NAME = /^[a-z](?!.*--)[a-z0-9-]{1,22}[a-z0-9]$/i;

const style: WriteStyle = {
  view: (resource) => resource,
  asyncStatus: (method) => (method === 'DELETE' ? 202 : 201),
  statusUrl: ({ apiVersion, id, world }, { id: operationId }) =>
    `${world.baseUrl()}/subscriptions/${id.split('/')[2]}/providers/Microsoft.KeyVault/locations/westeurope/operationStatuses/${operationId}?api-version=${apiVersion}`,
  checkBusy: checkResourceBusy,
  hasSystemData: true,
};

function badRequest(message: string): ArmError {
  return new ArmError(400, 'BadRequest', message);
}

function checkProperties(properties: JsonObject, before: RawResource | undefined): void {
  for (const name of BOOLEANS) {
    const value = properties[name];
    if (value !== undefined && value !== null && typeof value !== 'boolean') {
      throw invalidContent(`'properties.${name}' must be a boolean.`);
    }
  }
  for (const [path, choices] of Object.entries(CHOICES)) {
    const value = readString(properties, path);
    if (value !== undefined && !choices.includes(value.toLowerCase())) {
      throw invalidContent(`'properties.${path}' must be one of ${choices.join(', ')}.`);
    }
  }
  // Both can only ever be switched on.
  if (properties['enablePurgeProtection'] === false) {
    throw badRequest(
      'The property "enablePurgeProtection" cannot be set to false. Enabling the purge protection for a vault is an irreversible action.',
    );
  }
  if (properties['enableSoftDelete'] === false) {
    throw badRequest('The property "enableSoftDelete" can be set to false for no vault any more.');
  }
  checkRetention(properties['softDeleteRetentionInDays'], before);
}

function checkRetention(days: JsonObject[string], before: RawResource | undefined): void {
  if (days === undefined || days === null) return;
  if (typeof days !== 'number' || !Number.isInteger(days) || days < 7 || days > 90) {
    throw invalidContent("'properties.softDeleteRetentionInDays' must be a whole number from 7 to 90.");
  }
  const known = before?.properties?.['softDeleteRetentionInDays'];
  if (known === undefined || known === days) return;
  throw badRequest('The property "softDeleteRetentionInDays" has been set already and it can\'t be modified.');
}

const getVault: Handler = (call) => {
  // Also gives a vault that was put into the state past ARM its address.
  call.world.keyVaults.find(call.id);
  return getResource(style.view)(call);
};

const putVault: Handler = (call) => {
  requireGroup(call);
  const body = requireBody(call);
  const name = call.target.names.at(-1) ?? '';
  if (!NAME.test(name)) throw new ArmError(400, 'VaultNameNotValid', `The vault name '${name}' is invalid.`);
  const before = call.world.store.find(call.id);
  const location = requireLocation(body, before);
  const given = omit(isJsonObject(body['properties']) ? body['properties'] : {}, SERVER_OWNED);
  for (const path of ['tenantId', 'sku.name', 'sku.family']) {
    if (readString(given, path) === undefined) throw badRequest(`The parameter 'properties.${path}' is required.`);
  }
  checkProperties(given, before);
  const after: RawResource = {
    id: call.id,
    name,
    type: TYPE,
    location,
    tags: readTags(body['tags']),
    properties: {
      ...defaultProperties(before),
      // What is null was not said.
      ...mergePatch({}, given),
      vaultUri: `${call.world.keyVaults.prepare(before?.id ?? call.id)}/`,
    },
  };
  return commitWrite(call, before, after, style);
};

/** What Azure answers for a vault about which nothing was said; what can never be switched off stays on. */
function defaultProperties(before: RawResource | undefined): JsonObject {
  const { enablePurgeProtection, privateEndpointConnections, softDeleteRetentionInDays } = before?.properties ?? {};
  return {
    accessPolicies: [],
    enabledForDeployment: false,
    enableSoftDelete: true,
    softDeleteRetentionInDays: softDeleteRetentionInDays ?? 90,
    enableRbacAuthorization: false,
    publicNetworkAccess: 'Enabled',
    ...(enablePurgeProtection === true && { enablePurgeProtection }),
    ...(privateEndpointConnections !== undefined && { privateEndpointConnections }),
  };
}

const patchVault: Handler = (call) => {
  const vault = requireResource(call);
  const body = requireBody(call);
  const unknown = Object.keys(body).find((name) => !PATCHABLE.has(name));
  if (unknown) throw invalidContent(`Could not find member '${unknown}' on object of type 'VaultPatchParameters'.`);
  const change = omit(isJsonObject(body['properties']) ? body['properties'] : {}, SERVER_OWNED);
  checkProperties(change, vault);
  const after: RawResource = {
    ...vault,
    // Tags are replaced whole; null leaves none.
    ...(body['tags'] === undefined ? {} : { tags: readTags(body['tags']) }),
    properties: mergePatch(vault.properties, change),
  };
  return commitWrite(call, vault, after, style);
};

/** The vault that a child path belongs to, with what is in it. */
function requireVault(call: Call): ServedVault {
  const [name = ''] = call.target.names;
  const id = `${call.target.scope}/providers/${TYPE}/${name}`;
  requireResource({ ...call, definition: { ...call.definition, type: TYPE } }, id);
  const vault = call.world.keyVaults.find(id);
  if (vault === undefined) throw new Error(`nobody serves ${id}`);
  return vault;
}

interface Found {
  readonly contents: ServedVault['contents'];
  /** In the spelling of whoever created the key. */
  readonly name: string;
  readonly versions: readonly KeyVersion[];
  readonly current: KeyVersion;
}

function requireKey(call: Call): Found {
  const { contents } = requireVault(call);
  const [, name = ''] = call.target.names;
  const found = contents.keys.find(name);
  const current = found?.versions.at(-1);
  if (found === undefined || current === undefined) throw objectNotFound('key', name);
  return { contents, name: found.name, versions: found.versions, current };
}

const getKey: Handler = (call) => {
  const { contents, current, name } = requireKey(call);
  return { status: 200, body: viewArmKey(contents, name, current) };
};

const listKeys: Handler = (call) => {
  const { contents } = requireVault(call);
  const entries = contents.keys.list().flatMap(({ name, versions }) => {
    const current = versions.at(-1);
    return current === undefined ? [] : [viewArmKeyItem(contents, name, current)];
  });
  return pageOf(call, entries);
};

const getKeyVersion: Handler = (call) => {
  const { contents, name } = requireKey(call);
  const [, , id] = call.target.names;
  return { status: 200, body: viewArmKeyVersion(contents, name, contents.requireKey(name, id)) };
};

const listKeyVersions: Handler = (call) => {
  const { contents, name, versions } = requireKey(call);
  return pageOf(
    call,
    versions.map((version) => viewArmKeyVersionItem(contents, name, version)),
  );
};

export const keyVault: Provider = {
  namespace: 'Microsoft.KeyVault',
  types: [
    {
      type: TYPE,
      apiVersions: API_VERSIONS,
      get: getVault,
      list: listResources(style.view),
      put: putVault,
      patch: patchVault,
      delete: deleteResource(style),
    },
    { type: `${TYPE}/keys`, apiVersions: API_VERSIONS, get: getKey, list: listKeys },
    { type: `${TYPE}/keys/versions`, apiVersions: API_VERSIONS, get: getKeyVersion, list: listKeyVersions },
    {
      type: 'Microsoft.KeyVault/locations/operationStatuses',
      apiVersions: API_VERSIONS,
      get: getOperationStatus,
    },
  ],
};
