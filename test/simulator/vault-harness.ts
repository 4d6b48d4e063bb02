import { KeyClient } from '@azure/keyvault-keys';
import { SecretClient } from '@azure/keyvault-secrets';
import type { IdentityDefinition } from '../../local/azure/identities.ts';
import type { SimulatedVault } from '../../local/azure/key-vault/served-vault.ts';
import { VAULT_AUDIENCE } from '../../local/azure/key-vault/vault-api.ts';
import type { RawResource } from '../../local/azure/resource-store.ts';
import {
  createSampleIdentities,
  SAMPLE_SUBSCRIPTION_ID,
  SAMPLE_TENANT_ID,
} from '../../local/azure/sample-subscription.ts';
import type { Seed } from '../../local/azure/simulator.ts';
import { FixedClock, type Harness, startHarness } from './harness.ts';

const SCOPE = `/subscriptions/${SAMPLE_SUBSCRIPTION_ID}`;
export const VAULTS = `${SCOPE}/resourceGroups/rg-vaults/providers/Microsoft.KeyVault/vaults`;
export const VAULT_ID = `${VAULTS}/kv-test`;

/** A vault as ARM stores it: RBAC, soft delete, no firewall. */
export function vaultBody(name: string, properties: RawResource['properties'] = {}): RawResource {
  return {
    id: `${VAULTS}/${name}`,
    name,
    type: 'Microsoft.KeyVault/vaults',
    location: 'westeurope',
    tags: {},
    properties: {
      tenantId: SAMPLE_TENANT_ID,
      sku: { family: 'A', name: 'standard' },
      accessPolicies: [],
      vaultUri: `https://${name}.vault.azure.net/`,
      enableSoftDelete: true,
      softDeleteRetentionInDays: 90,
      enableRbacAuthorization: true,
      publicNetworkAccess: 'Enabled',
      provisioningState: 'Succeeded',
      ...properties,
    },
  };
}

/** A subscription that holds nothing but vaults. */
export function vaultSeed(vaults: readonly RawResource[] = [vaultBody('kv-test')], keys: Seed['keys'] = []): Seed {
  return {
    tenantId: SAMPLE_TENANT_ID,
    subscriptions: [{ subscriptionId: SAMPLE_SUBSCRIPTION_ID, displayName: 'Vaults' }],
    resourceGroups: [{ subscriptionId: SAMPLE_SUBSCRIPTION_ID, name: 'rg-vaults', location: 'westeurope' }],
    resources: vaults,
    keys,
  };
}

/** The sample's people, and `officer`, who may do everything with the contents of vaults and nothing with vaults. */
export function vaultIdentities(
  dataActions: readonly string[] = ['Microsoft.KeyVault/vaults/*'],
): IdentityDefinition[] {
  return [
    ...createSampleIdentities([]),
    {
      name: 'officer',
      objectId: '00000000-0000-4000-8000-0000000000c1',
      clientId: '00000000-0000-4000-8000-0000000000c2',
      principalType: 'ServicePrincipal',
      roleAssignments: [{ scope: SCOPE, actions: [], dataActions, roleName: 'Key Vault Administrator' }],
    },
  ];
}

export interface VaultHarness extends Harness {
  readonly clock: FixedClock;
  readonly vault: SimulatedVault;
  /** The real clients as an identity (default officer), without retries. */
  keys(name?: string, vault?: SimulatedVault): KeyClient;
  secrets(name?: string, vault?: SimulatedVault): SecretClient;
  /** A request to the vault without any SDK. `path` with api-version. */
  ask(method: string, path: string, options?: Parameters<Harness['send']>[2]): ReturnType<Harness['send']>;
}

/** Starts a simulator with one vault, `kv-test`, unless told otherwise. */
export async function startVaultHarness(options: Parameters<typeof startHarness>[0] = {}): Promise<VaultHarness> {
  const clock = new FixedClock();
  const harness = await startHarness({ clock, seed: vaultSeed(), identities: vaultIdentities(), ...options });
  const { ca, simulator } = harness;
  const vault = simulator.keyVault(VAULT_ID);
  const clientOptions = {
    disableChallengeResourceVerification: true,
    tlsOptions: { ca },
    retryOptions: { maxRetries: 0 },
  };
  return {
    ...harness,
    clock,
    vault,
    keys: (name = 'officer', { url } = vault) => new KeyClient(url, simulator.credential(name), clientOptions),
    secrets: (name = 'officer', { url } = vault) => new SecretClient(url, simulator.credential(name), clientOptions),
    ask: async (method, path, sendOptions) =>
      await harness.send(method, `${vault.url}${path}`, { as: 'officer', audience: VAULT_AUDIENCE, ...sendOptions }),
  };
}

/** Everything that an iterator of an SDK yields. */
export async function collect<T>(pages: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const entry of pages) all.push(entry);
  return all;
}
