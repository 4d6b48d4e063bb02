export const SAMPLE_SUBSCRIPTION_ID = '00000000-0000-4000-8000-000000000001';
export const SAMPLE_GROUPS = { production: 'rg-platform-prod', development: 'rg-platform-dev' } as const;

const TYPES = {
  registry: 'Microsoft.ContainerRegistry/registries',
  cluster: 'Microsoft.ContainerService/managedClusters',
  containerGroup: 'Microsoft.ContainerInstance/containerGroups',
  vault: 'Microsoft.KeyVault/vaults',
  diskEncryptionSet: 'Microsoft.Compute/diskEncryptionSets',
} as const;

/** Name, group and type of every resource of the sample; the last two are those of `sample-vault.ts`. */
const RESOURCES = {
  contosoacr: [SAMPLE_GROUPS.production, TYPES.registry],
  contosobuild: [SAMPLE_GROUPS.development, TYPES.registry],
  contosolegacy: [SAMPLE_GROUPS.development, TYPES.registry],
  contosolocked: [SAMPLE_GROUPS.production, TYPES.registry],
  contosoci: [SAMPLE_GROUPS.development, TYPES.registry],
  contosofresh: [SAMPLE_GROUPS.production, TYPES.registry],
  'aks-prod': [SAMPLE_GROUPS.production, TYPES.cluster],
  'aks-dev': [SAMPLE_GROUPS.development, TYPES.cluster],
  'aks-data': [SAMPLE_GROUPS.production, TYPES.cluster],
  'legacy-batch': [SAMPLE_GROUPS.development, TYPES.containerGroup],
  'metrics-relay': [SAMPLE_GROUPS.production, TYPES.containerGroup],
  'kv-platform': [SAMPLE_GROUPS.production, TYPES.vault],
  'des-nodes': [SAMPLE_GROUPS.production, TYPES.diskEncryptionSet],
} as const;

export type SampleName = keyof typeof RESOURCES;

/** ARM id of a resource of the sample. */
export function sampleId(name: SampleName): string {
  const [group, type] = RESOURCES[name];
  return `/subscriptions/${SAMPLE_SUBSCRIPTION_ID}/resourceGroups/${group}/providers/${type}/${name}`;
}

/** The members every ARM body has. */
export function sampleBase(name: SampleName): { id: string; name: string; type: string; location: string } {
  return { id: sampleId(name), name, type: RESOURCES[name][1], location: 'westeurope' };
}
