import type { JsonObject } from '../json.ts';
import type { RawResource } from '../resource-store.ts';
import { viewArmPolicy } from './rotation-policy.ts';
import type { VaultContents } from './vault-contents.ts';
import type { KeyVersion, ObjectVersion, SecretVersion } from './vault-objects.ts';

const KEY_TYPE = 'Microsoft.KeyVault/vaults/keys';

/** A key version as the data plane answers it; the private half never leaves the vault. */
export function viewKey(contents: VaultContents, name: string, version: KeyVersion): JsonObject {
  const { keyOps, material, tags } = version;
  const { kty } = material.kind;
  const kid = `${urlOf(contents, 'keys', name)}/${version.version}`;
  return {
    key: { kid, kty, key_ops: keyOps, ...material.publicJwk() },
    attributes: viewAttributes(contents.vault, version, true),
    tags,
  };
}

/** An entry of a list of keys or of their versions. */
export function viewKeyItem(
  contents: VaultContents,
  name: string,
  version: KeyVersion,
  isVersion: boolean,
): JsonObject {
  const url = urlOf(contents, 'keys', name);
  const attributes = viewAttributes(contents.vault, version, true);
  return { kid: isVersion ? `${url}/${version.version}` : url, attributes, tags: version.tags };
}

export function viewSecret(contents: VaultContents, name: string, version: SecretVersion): JsonObject {
  return { value: version.value, ...viewSecretItem(contents, name, version, true) };
}

/** An entry of a list of secrets or of their versions: everything but the value. */
export function viewSecretItem(
  contents: VaultContents,
  name: string,
  version: SecretVersion,
  isVersion: boolean,
): JsonObject {
  const url = urlOf(contents, 'secrets', name);
  const { contentType, tags } = version;
  return {
    id: isVersion ? `${url}/${version.version}` : url,
    ...(contentType !== undefined && { contentType }),
    attributes: viewAttributes(contents.vault, version, true),
    tags,
  };
}

/** A key, by its current version, as ARM answers it. Absent: `rotationPolicy` while nobody has set one. */
export function viewArmKey(contents: VaultContents, name: string, version: KeyVersion): JsonObject {
  const policy = contents.policyOf(name);
  return viewArm(contents, `/keys/${name}`, KEY_TYPE, version, {
    ...armMembers(contents, name, version),
    ...(policy !== undefined && { rotationPolicy: viewArmPolicy(policy) }),
  });
}

/** An entry of ARM's list of keys, which tells neither type nor policy. */
export function viewArmKeyItem(contents: VaultContents, name: string, version: KeyVersion): JsonObject {
  return viewArm(contents, `/keys/${name}`, KEY_TYPE, version, { keyUri: urlOf(contents, 'keys', name) });
}

export function viewArmKeyVersion(contents: VaultContents, name: string, version: KeyVersion): JsonObject {
  const path = `/keys/${name}/versions/${version.version}`;
  return viewArm(contents, path, `${KEY_TYPE}/versions`, version, armMembers(contents, name, version));
}

export function viewArmKeyVersionItem(contents: VaultContents, name: string, version: KeyVersion): JsonObject {
  const path = `/keys/${name}/versions/${version.version}`;
  const keyUri = urlOf(contents, 'keys', name);
  const uris = { keyUri, keyUriWithVersion: `${keyUri}/${version.version}` };
  return viewArm(contents, path, `${KEY_TYPE}/versions`, version, uris);
}

function armMembers(contents: VaultContents, name: string, { keyOps, material, version }: KeyVersion): JsonObject {
  const { kind } = material;
  const keyUri = urlOf(contents, 'keys', name);
  return {
    kty: kind.kty,
    keyOps,
    ...('keySize' in kind ? { keySize: kind.keySize } : { curveName: kind.crv }),
    keyUri,
    keyUriWithVersion: `${keyUri}/${version}`,
  };
}

function viewArm(
  { vault }: VaultContents,
  path: string,
  type: string,
  version: KeyVersion,
  members: JsonObject,
): JsonObject {
  return {
    id: `${vault.id}${path}`,
    name: path.split('/').at(-1),
    type,
    location: vault.location,
    tags: version.tags,
    properties: { attributes: viewAttributes(vault, version, false), ...members },
  };
}

/** ARM does not tell for how many days a deleted object can be recovered. */
function viewAttributes({ properties = {} }: RawResource, version: ObjectVersion, hasDays: boolean): JsonObject {
  const { created, enabled, exp, nbf, updated } = version;
  const { enablePurgeProtection, enableSoftDelete, softDeleteRetentionInDays = 90 } = properties;
  const recoveryLevel =
    enableSoftDelete !== true ? 'Purgeable' : enablePurgeProtection === true ? 'Recoverable' : 'Recoverable+Purgeable';
  return {
    enabled,
    ...(nbf !== undefined && { nbf }),
    ...(exp !== undefined && { exp }),
    created,
    updated,
    recoveryLevel,
    ...(hasDays && { recoverableDays: enableSoftDelete === true ? softDeleteRetentionInDays : 0 }),
  };
}

/** The identifier of an object without version, in the spelling in which it was created. */
export function urlOf(contents: VaultContents, collection: 'keys' | 'secrets', name: string): string {
  const objects = collection === 'keys' ? contents.keys : contents.secrets;
  return `${contents.url}/${collection}/${objects.find(name)?.name ?? name}`;
}
