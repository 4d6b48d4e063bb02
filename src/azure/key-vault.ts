import { DockwardenError } from '../errors.ts';
import { KeyUsageRows } from '../resources/key-vault.ts';
import type { ResourceId } from '../resources/resource-id.ts';
import { Answers } from './answers.ts';
import { apiVersions } from './api-versions.ts';
import { type CallContext, defineRead, defineWrite, type Read } from './operation.ts';
import { type JsonObject, listJson } from './raw-arm.ts';
import { queryGraph } from './resource-graph.ts';
import { explainRefusal } from './vault-errors.ts';

/** When a key is renewed by itself, when its owner is told, and how long new versions live; durations are ISO 8601. */
export interface KeyRotationPolicy {
  /** Lifetime of the versions to come; absent = they do not expire. */
  readonly expiresIn?: string;
  readonly lifetimeActions: readonly LifetimeAction[];
}

interface LifetimeAction {
  readonly action: 'Rotate' | 'Notify';
  readonly timeAfterCreate?: string;
  readonly timeBeforeExpiry?: string;
}

/** Puts a rotation policy in the place of the present one. Not through Azure Resource Manager: there it needs the right to write keys. */
export const setKeyRotationPolicy = defineWrite({
  id: 'keys.setRotationPolicy',
  actions: [],
  dataActions: ['Microsoft.KeyVault/vaults/keys/rotationpolicy/write'],
  repeatable: true,
  async run(context: CallContext, vaultUri: string, keyName: string, policy: KeyRotationPolicy) {
    const { lifetimeActions, ...rest } = policy;
    const client = await context.clients.vaults.keys(vaultUri);
    await callVault(context, vaultUri, async (options) => {
      const properties = { ...rest, lifetimeActions: lifetimeActions.map((action) => ({ ...action })) };
      await client.updateKeyRotationPolicy(keyName, properties, options);
    });
  },
});

/** Makes a new version of a key. */
export const rotateKey = defineWrite({
  id: 'keys.rotate',
  actions: [],
  dataActions: ['Microsoft.KeyVault/vaults/keys/rotate/action'],
  /** Every call makes one more version. */
  repeatable: false,
  async run(context: CallContext, vaultUri: string, keyName: string) {
    const client = await context.clients.vaults.keys(vaultUri);
    await callVault(context, vaultUri, async (options) => {
      await client.rotateKey(keyName, options);
    });
  },
});

async function callVault(
  context: CallContext,
  vaultUri: string,
  call: (options: ReturnType<Answers['options']>) => Promise<void>,
): Promise<void> {
  const answers = new Answers(context);
  try {
    await call(answers.options(context.signal));
  } catch (error) {
    throw explainRefusal(answers, error, vaultUri);
  }
}

/** The keys of a vault as its list shows them, raw: without their rotation policies. */
export const listVaultKeys: Read<[ResourceId], readonly JsonObject[]> = defineRead({
  id: 'keys.list',
  actions: ['Microsoft.KeyVault/vaults/keys/read'],
  async run(context: CallContext, vault: ResourceId): Promise<readonly JsonObject[]> {
    const apiVersion = apiVersions['Microsoft.KeyVault/vaults/keys'];
    return await listJson(context, { path: `${vault.id}/keys`, apiVersion, resourceId: vault.id });
  },
});

/** A resource whose data is encrypted with a key. */
export interface KeyUser {
  readonly id: string;
  /** It names one version, and will not follow to the next by itself. */
  readonly isPinned: boolean;
}

export const findKeyUsers: Read<[ResourceId, string], readonly KeyUser[]> = defineRead({
  id: 'keys.findUsers',
  actions: [
    'Microsoft.Compute/diskEncryptionSets/read',
    'Microsoft.ContainerRegistry/registries/read',
    'Microsoft.ContainerService/managedClusters/read',
  ],
  /**
   * Registries, disk encryption sets and clusters of the vault's subscription that are encrypted with this key (`keyUri` with or without a version).
   * A lower bound: Resource Graph lags behind and shows only what the identity may read, and other services and subscriptions use keys as well.
   */
  async run(context: CallContext, target: ResourceId, keyUri: string): Promise<readonly KeyUser[]> {
    const wanted = parseKeyUri(keyUri);
    if (wanted === undefined)
      throw new DockwardenError('AZURE_INVALID', 'the key shows no address that its users could be found by', {
        resourceId: target.id,
      });
    const query = { subscriptions: [target.subscriptionId], query: usersQuery(wanted) };
    return readUsers(await queryGraph(context, query), wanted);
  },
});

/** Where each type names its key. */
const KEY_PROPERTIES = {
  'microsoft.containerregistry/registries': 'properties.encryption.keyVaultProperties.keyIdentifier',
  'microsoft.compute/diskencryptionsets': 'properties.activeKey.keyUrl',
  'microsoft.containerservice/managedclusters': 'properties.securityProfile.azureKeyVaultKms.keyId',
};

/** `contains` ignores case. It finds an address in any spelling, and those of keys and vaults of a like name. */
function usersQuery({ vault, name }: KeyAddress): string {
  const isOurs = Object.entries(KEY_PROPERTIES).map(
    ([type, path]) =>
      `(type =~ '${type}' and tostring(${path}) contains '${vault}' and tostring(${path}) contains '/keys/${name}')`,
  );
  const columns = Object.values(KEY_PROPERTIES).map((path, index) => `keyUri${index} = tostring(${path})`);
  return [
    'resources',
    `where ${isOurs.join(' or ')}`,
    `project id, ${columns.join(', ')}, isFollowing = properties.rotationToLatestKeyVersionEnabled`,
    'order by id asc',
  ].join(' | ');
}

function readUsers(data: unknown, wanted: KeyAddress): readonly KeyUser[] {
  const rows = KeyUsageRows.safeParse(data);
  if (!rows.success) throw new DockwardenError('AZURE_TRANSIENT', 'the Resource Graph answer cannot be read');
  return rows.data.flatMap(({ id, keyUri0, keyUri1, keyUri2, isFollowing }) => {
    const used = parseKeyUri(`${keyUri0}${keyUri1}${keyUri2}`);
    // It holds the names of the vault and of the key, and nobody can tell what it means by them.
    if (used === undefined) return [{ id, isPinned: true }];
    if (used.vault !== wanted.vault || used.name !== wanted.name) return [];
    return [{ id, isPinned: used.version !== '' && isFollowing !== true }];
  });
}

/** Where a key is; names in lower case. */
interface KeyAddress {
  /** Host, with its port unless that goes without saying. */
  readonly vault: string;
  readonly name: string;
  /** Empty = the current one. */
  readonly version: string;
}

const VAULT = /^[a-z0-9.-]*[a-z0-9](?::\d+)?$/;
const KEY_NAME = /^[a-z0-9-]+$/;

/** Reads the address of a key, however it is spelt; undefined for what is none, so that nothing else gets into a query. */
function parseKeyUri(keyUri: string): KeyAddress | undefined {
  const url = URL.parse(keyUri);
  if (url?.protocol !== 'https:' || !VAULT.test(url.host)) return undefined;
  const [folder, name = '', ...version] = url.pathname
    .toLowerCase()
    .split('/')
    .filter((part) => part !== '');
  if (folder !== 'keys' || !KEY_NAME.test(name)) return undefined;
  return { vault: url.host, name, version: version.join('/') };
}
