import type { KeySeed } from './key-vault/key-vault-seed.ts';
import { sampleBase, sampleId } from './sample-ids.ts';
import type { AzureSimulator } from './simulator.ts';

/** The tag by which an owner lets Dockwarden rotate a key. */
const AGREED = { 'dockwarden-key-rotation': 'on' };

const vaultId = sampleId('kv-platform');
/**
 * `disk-encryption` never expires and nothing ever renews it, `registry-cmk` expires soon: the owners of both let Dockwarden rotate them.
 * `legacy-signing` expires soon as well, and nobody has agreed to anything.
 */
const KEYS: readonly KeySeed[] = [
  { vaultId, name: 'disk-encryption', ageDays: 400, tags: AGREED },
  { vaultId, name: 'registry-cmk', ageDays: 700, expiresInDays: 12, tags: AGREED },
  { vaultId, name: 'legacy-signing', ageDays: 710, expiresInDays: 20 },
];

/**
 * Adds a vault with three keys to the sample, a disk encryption set that uses the first, and encrypts `contosofresh` with the second. Nobody is told.
 * Not part of the sample itself, because the addresses of keys are known only once the vault is served.
 */
export function addSampleVault(simulator: AzureSimulator): void {
  const { state, tenantId, world } = simulator;
  state.put({
    ...sampleBase('kv-platform'),
    tags: { team: 'platform', env: 'prod' },
    properties: {
      tenantId,
      sku: { family: 'A', name: 'standard' },
      accessPolicies: [],
      enableRbacAuthorization: true,
      enableSoftDelete: true,
      softDeleteRetentionInDays: 90,
      enablePurgeProtection: true,
      enabledForDiskEncryption: true,
      publicNetworkAccess: 'Enabled',
      provisioningState: 'Succeeded',
    },
  });
  const { url } = simulator.keyVault(vaultId);
  for (const key of KEYS) world.keyVaults.find(vaultId)?.seedKey(key);
  state.put({
    ...sampleBase('des-nodes'),
    tags: { team: 'platform', env: 'prod' },
    properties: {
      activeKey: { sourceVault: { id: vaultId }, keyUrl: `${url}/keys/disk-encryption` },
      encryptionType: 'EncryptionAtRestWithCustomerKey',
      rotationToLatestKeyVersionEnabled: true,
      provisioningState: 'Succeeded',
    },
  });
  state.patch(sampleId('contosofresh'), {
    properties: {
      encryption: {
        status: 'enabled',
        keyVaultProperties: { keyIdentifier: `${url}/keys/registry-cmk`, keyRotationEnabled: true },
      },
    },
  });
}
