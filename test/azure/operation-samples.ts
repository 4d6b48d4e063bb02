import type { SampleName } from '../../local/azure/sample-ids.ts';
import { createSampleSubscription, SAMPLE_SUBSCRIPTION_ID, sampleId } from '../../local/azure/sample-subscription.ts';
import type { Seed } from '../../local/azure/simulator.ts';
import { apiVersions } from '../../src/azure/api-versions.ts';
import {
  findPasswordUsers,
  listTokens,
  regeneratePassword,
  updateRegistry,
} from '../../src/azure/container-registry.ts';
import { listVaultKeys } from '../../src/azure/key-vault.ts';
import { readClusterCredentials } from '../../src/azure/kubeconfig.ts';
import { listPoolMachines, readLatestNodeImage, readNodeOsMaintenance } from '../../src/azure/node-upgrades.ts';
import type { CallContext, Operation } from '../../src/azure/operation.ts';
import { listPolicyAssignments, listPolicyExemptions, readPolicySet } from '../../src/azure/policy-exemptions.ts';
import { probeSubscription, relatedReads, resourceReads } from '../../src/azure/resources.ts';
import { deleteTags, mergeTags, readGroupTags, readTags } from '../../src/azure/tags.ts';
import { ManagedCluster } from '../../src/resources/managed-cluster.ts';
import { parseResourceId } from '../../src/resources/resource-id.ts';
import { VAULT_ID, vaultBody, vaultSeed } from '../simulator/vault-harness.ts';
import type { AzureHarness } from './azure-harness.ts';

export const target = (name: SampleName) => parseResourceId(sampleId(name));
/** A cluster as policies read it: of the sample, with Entra. */
const ENTRA_CLUSTER = ManagedCluster.parse({
  id: sampleId('aks-prod'),
  name: 'aks-prod',
  properties: { fqdn: 'localhost', aadProfile: { managed: true } },
});
export const SUBSCRIPTION = `/subscriptions/${SAMPLE_SUBSCRIPTION_ID}`;
const TAGS = `${sampleId('aks-prod')}/providers/Microsoft.Resources/tags/default`;

const VAULT = parseResourceId(VAULT_ID);
const KEY = parseResourceId(`${VAULT_ID}/keys/data`);
const VAULT_SEED = vaultSeed([vaultBody('kv-test')], [{ vaultId: VAULT_ID, name: 'data' }]);

/** An initiative of the subscription. */
const INITIATIVE = {
  id: `${SUBSCRIPTION}/providers/Microsoft.Authorization/policySetDefinitions/base line`,
  name: 'base line',
  type: 'Microsoft.Authorization/policySetDefinitions',
  properties: { policyDefinitions: [] },
};

/** One operation, called as the product calls it. */
interface Sample {
  readonly name: string;
  readonly operation: Operation;
  readonly call: (context: CallContext) => Promise<unknown>;
  /** What must be sent, without polls: method, path, body. */
  readonly sends: readonly (readonly [method: string, path: string, body?: unknown])[];
  /** The api-version of each of them. */
  readonly versions: readonly string[];
  /** The declared actions that this very call needs, where it is not all of them. */
  readonly needs?: readonly string[];
  /** What Azure holds; default the sample subscription. */
  readonly seed?: Seed;
  /** Has a write come into force? */
  readonly isDone?: (azure: AzureHarness) => boolean;
}

export const samples: readonly Sample[] = [
  {
    name: 'registries.get',
    operation: resourceReads['Microsoft.ContainerRegistry/registries'],
    call: (context) => resourceReads['Microsoft.ContainerRegistry/registries'].run(context, target('contosoacr')),
    sends: [['GET', sampleId('contosoacr')]],
    versions: [apiVersions['Microsoft.ContainerRegistry/registries']],
  },
  {
    name: 'managedClusters.get',
    operation: resourceReads['Microsoft.ContainerService/managedClusters'],
    call: (context) => resourceReads['Microsoft.ContainerService/managedClusters'].run(context, target('aks-prod')),
    sends: [['GET', sampleId('aks-prod')]],
    versions: [apiVersions['Microsoft.ContainerService/managedClusters']],
  },
  {
    name: 'containerGroups.get',
    operation: resourceReads['Microsoft.ContainerInstance/containerGroups'],
    call: (context) =>
      resourceReads['Microsoft.ContainerInstance/containerGroups'].run(context, target('legacy-batch')),
    sends: [['GET', sampleId('legacy-batch')]],
    versions: [apiVersions['Microsoft.ContainerInstance/containerGroups']],
  },
  {
    name: 'vaults.get',
    operation: resourceReads['Microsoft.KeyVault/vaults'],
    call: (context) => resourceReads['Microsoft.KeyVault/vaults'].run(context, VAULT),
    sends: [['GET', VAULT.id]],
    versions: [apiVersions['Microsoft.KeyVault/vaults']],
    seed: VAULT_SEED,
  },
  {
    name: 'keys.get',
    operation: resourceReads['Microsoft.KeyVault/vaults/keys'],
    call: (context) => resourceReads['Microsoft.KeyVault/vaults/keys'].run(context, KEY),
    sends: [['GET', KEY.id]],
    versions: [apiVersions['Microsoft.KeyVault/vaults/keys']],
    seed: VAULT_SEED,
  },
  {
    name: 'keys.list',
    operation: listVaultKeys,
    call: (context) => listVaultKeys.run(context, VAULT),
    sends: [['GET', `${VAULT.id}/keys`]],
    versions: [apiVersions['Microsoft.KeyVault/vaults/keys']],
    seed: VAULT_SEED,
  },
  {
    name: 'subscriptions.probe for a key',
    operation: probeSubscription,
    call: (context) => probeSubscription.run(context, KEY),
    sends: [['GET', `${SUBSCRIPTION}/providers/Microsoft.KeyVault/vaults`]],
    versions: [apiVersions['Microsoft.KeyVault/vaults']],
    needs: ['Microsoft.KeyVault/vaults/read'],
    seed: VAULT_SEED,
  },
  {
    name: 'agentPools.list',
    operation: relatedReads.agentPools,
    call: (context) => relatedReads.agentPools.run(context, target('aks-prod')),
    sends: [['GET', `${sampleId('aks-prod')}/agentPools`]],
    versions: [apiVersions['Microsoft.ContainerService/managedClusters']],
  },
  {
    name: 'agentPools.getUpgradeProfile',
    operation: readLatestNodeImage,
    call: (context) => readLatestNodeImage.run(context, target('aks-prod'), 'system'),
    sends: [['GET', `${sampleId('aks-prod')}/agentPools/system/upgradeProfiles/default`]],
    versions: [apiVersions['Microsoft.ContainerService/managedClusters']],
  },
  {
    name: 'maintenanceConfigurations.get',
    operation: readNodeOsMaintenance,
    call: (context) => readNodeOsMaintenance.run(context, target('aks-prod')),
    sends: [['GET', `${sampleId('aks-prod')}/maintenanceConfigurations/aksManagedNodeOSUpgradeSchedule`]],
    versions: [apiVersions['Microsoft.ContainerService/managedClusters']],
  },
  {
    name: 'machines.list',
    operation: listPoolMachines,
    call: (context) => listPoolMachines.run(context, target('aks-prod'), 'system'),
    sends: [['GET', `${sampleId('aks-prod')}/agentPools/system/machines`]],
    versions: [apiVersions['Microsoft.ContainerService/managedClusters']],
  },
  {
    name: 'managedClusters.listClusterUserCredential',
    operation: readClusterCredentials,
    call: (context) => readClusterCredentials.run(context, target('aks-prod'), ENTRA_CLUSTER),
    sends: [['POST', `${sampleId('aks-prod')}/listClusterUserCredential`]],
    versions: [apiVersions['Microsoft.ContainerService/managedClusters']],
  },
  ...(['contosoacr', 'aks-prod', 'legacy-batch'] as const).map((name): Sample => {
    const { type } = target(name);
    return {
      name: `subscriptions.probe for ${type}`,
      operation: probeSubscription,
      call: (context) => probeSubscription.run(context, target(name)),
      sends: [['GET', `${SUBSCRIPTION}/providers/${type}`]],
      versions: [apiVersions[type]],
      needs: [`${type}/read`],
    };
  }),
  {
    name: 'registries.findPasswordUsers',
    operation: findPasswordUsers,
    call: (context) => findPasswordUsers.run(context, target('contosolegacy'), 'contosolegacy.azurecr.io'),
    sends: [
      ['GET', `${SUBSCRIPTION}/providers/Microsoft.ContainerInstance/containerGroups`],
      ['GET', `${SUBSCRIPTION}/providers/Microsoft.App/containerApps`],
    ],
    versions: [apiVersions['Microsoft.ContainerInstance/containerGroups'], apiVersions['Microsoft.App/containerApps']],
  },
  {
    name: 'registries.listTokens',
    operation: listTokens,
    call: (context) => listTokens.run(context, target('contosoacr')),
    sends: [['GET', `${sampleId('contosoacr')}/tokens`]],
    versions: [apiVersions['Microsoft.ContainerRegistry/registries']],
  },
  {
    name: 'registries.regenerateCredential',
    operation: regeneratePassword,
    call: (context) => regeneratePassword.run(context, target('contosobuild'), 'password2'),
    sends: [['POST', `${sampleId('contosobuild')}/regenerateCredential`, { name: 'password2' }]],
    versions: ['2025-11-01'],
    isDone: ({ simulator }) => simulator.state.passwordsOf(sampleId('contosobuild')) !== undefined,
  },
  {
    name: 'registries.update',
    operation: updateRegistry,
    call: (context) => updateRegistry.run(context, target('contosobuild'), { adminUserEnabled: false }),
    sends: [['PATCH', sampleId('contosobuild'), { properties: { adminUserEnabled: false } }]],
    versions: ['2025-11-01'],
    isDone: ({ simulator }) =>
      simulator.state.get(sampleId('contosobuild'))?.properties?.['adminUserEnabled'] === false,
  },
  {
    name: 'tags.get',
    operation: readTags,
    call: (context) => readTags.run(context, target('aks-prod')),
    sends: [['GET', TAGS]],
    versions: ['2022-09-01'],
  },
  {
    name: 'resourceGroups.get',
    operation: readGroupTags,
    call: (context) => readGroupTags.run(context, target('aks-prod')),
    sends: [['GET', `${SUBSCRIPTION}/resourceGroups/rg-platform-prod`]],
    versions: ['2022-09-01'],
  },
  {
    name: 'policyExemptions.list',
    operation: listPolicyExemptions,
    call: (context) => listPolicyExemptions.run(context, target('contosoacr')),
    sends: [['GET', `${sampleId('contosoacr')}/providers/Microsoft.Authorization/policyExemptions`]],
    versions: ['2022-07-01-preview'],
  },
  {
    // Exemptions lie at the vault, and never at a key.
    name: 'policyExemptions.list for a key',
    operation: listPolicyExemptions,
    call: (context) => listPolicyExemptions.run(context, KEY),
    sends: [['GET', `${VAULT.id}/providers/Microsoft.Authorization/policyExemptions`]],
    versions: ['2022-07-01-preview'],
    seed: VAULT_SEED,
  },
  {
    name: 'policyAssignments.list',
    operation: listPolicyAssignments,
    call: (context) => listPolicyAssignments.run(context, target('contosoacr')),
    sends: [['GET', `${sampleId('contosoacr')}/providers/Microsoft.Authorization/policyAssignments`]],
    versions: ['2023-04-01'],
  },
  {
    name: 'policySetDefinitions.get',
    operation: readPolicySet,
    call: (context) => readPolicySet.run(context, INITIATIVE.id),
    sends: [['GET', encodeURI(INITIATIVE.id)]],
    versions: ['2023-04-01'],
    seed: { ...createSampleSubscription(), resources: [INITIATIVE] },
  },
  {
    name: 'tags.merge',
    operation: mergeTags,
    call: (context) => mergeTags.run(context, target('aks-prod'), { owner: 'platform' }),
    sends: [['PATCH', TAGS, { operation: 'Merge', properties: { tags: { owner: 'platform' } } }]],
    versions: ['2022-09-01'],
    isDone: ({ simulator }) => simulator.state.get(sampleId('aks-prod'))?.tags?.['owner'] === 'platform',
  },
  {
    name: 'tags.delete',
    operation: deleteTags,
    call: (context) => deleteTags.run(context, target('aks-prod'), { env: 'prod' }),
    sends: [['PATCH', TAGS, { operation: 'Delete', properties: { tags: { env: 'prod' } } }]],
    versions: ['2022-09-01'],
    isDone: ({ simulator }) => simulator.state.get(sampleId('aks-prod'))?.tags?.['env'] === undefined,
  },
];
