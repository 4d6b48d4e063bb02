import { ContainerGroup } from './container-group.ts';
import { ContainerRegistry } from './container-registry.ts';
import type { DefenderKnowledge } from './defender.ts';
import type { ImageFindings } from './image-findings.ts';
import { KeyVault, VaultKey } from './key-vault.ts';
import type { AgentPool } from './managed-cluster.ts';
import { ManagedCluster } from './managed-cluster.ts';
import type { NodeHealth } from './node-health.ts';

/** Every resource type that Dockwarden covers, in Azure's spelling, with the type of its reader. */
export interface ResourceMap {
  'Microsoft.ContainerRegistry/registries': ContainerRegistry;
  'Microsoft.ContainerService/managedClusters': ManagedCluster;
  'Microsoft.ContainerInstance/containerGroups': ContainerGroup;
  'Microsoft.KeyVault/vaults': KeyVault;
  /** A resource of its own: it has its own tags, findings and fixes. */
  'Microsoft.KeyVault/vaults/keys': VaultKey;
}
export type ResourceType = keyof ResourceMap;

/** Resources that a policy may ask for besides its own; each name costs one declared read. */
export interface RelatedMap {
  agentPools: readonly AgentPool[];
  /** Collected from several places and remembered between looks; rests while the last inspection is fresh. */
  nodeHealth: NodeHealth;
  /** What Microsoft Defender for Cloud has told, from our own table. */
  defender: DefenderKnowledge;
  /** What Defender found in the images of a registry; rests while nobody tells of news. */
  imageFindings: ImageFindings;
}
export type RelatedName = keyof RelatedMap;

/** Readers by type: raw ARM JSON in, the properties that policies read out. */
export const resourceReaders = {
  'Microsoft.ContainerRegistry/registries': ContainerRegistry,
  'Microsoft.ContainerService/managedClusters': ManagedCluster,
  'Microsoft.ContainerInstance/containerGroups': ContainerGroup,
  'Microsoft.KeyVault/vaults': KeyVault,
  'Microsoft.KeyVault/vaults/keys': VaultKey,
} as const satisfies { [T in ResourceType]: { parse(raw: unknown): ResourceMap[T] } };

/** The covered types in Azure's spelling. */
export const resourceTypes: readonly ResourceType[] = Object.keys(resourceReaders).filter(
  (type): type is ResourceType => Object.hasOwn(resourceReaders, type),
);

/** Azure's spelling of a covered type, whatever the casing of the input; undefined for a type that is not covered. */
export function coveredType(type: string): ResourceType | undefined {
  const wanted = type.trim().toLowerCase();
  return resourceTypes.find((known) => known.toLowerCase() === wanted);
}

/** Does a resource of this type lie in another one of ours, as a key in its vault? */
export function isChildType(type: ResourceType): boolean {
  return type.split('/').length > 2;
}
