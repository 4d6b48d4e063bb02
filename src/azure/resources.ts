import { isPlainObject } from '../resources/lenient.ts';
import { AgentPool } from '../resources/managed-cluster.ts';
import { parentOf, type ResourceId } from '../resources/resource-id.ts';
import {
  isChildType,
  type RelatedMap,
  type RelatedName,
  type ResourceType,
  resourceTypes,
} from '../resources/resource-map.ts';
import { apiVersions } from './api-versions.ts';
import { listTokens } from './container-registry.ts';
import { queryAlerts } from './defender.ts';
import { queryImageFindings } from './image-findings.ts';
import { listVaultKeys } from './key-vault.ts';
import { type CallContext, defineRead, type RbacAction, type Read } from './operation.ts';
import { listPolicyAssignments, listPolicyExemptions, readPolicySet } from './policy-exemptions.ts';
import { getJson, listJson } from './raw-arm.ts';
import { queryGraphPage } from './resource-graph.ts';
import { readGroupTags } from './tags.ts';

type RawResource = Readonly<Record<string, unknown>>;

/** Reads one resource of each covered type, raw. */
export const resourceReads = {
  'Microsoft.ContainerRegistry/registries': defineResourceRead('Microsoft.ContainerRegistry/registries'),
  'Microsoft.ContainerService/managedClusters': defineResourceRead('Microsoft.ContainerService/managedClusters'),
  'Microsoft.ContainerInstance/containerGroups': defineResourceRead('Microsoft.ContainerInstance/containerGroups'),
  'Microsoft.KeyVault/vaults': defineResourceRead('Microsoft.KeyVault/vaults'),
  'Microsoft.KeyVault/vaults/keys': defineResourceRead('Microsoft.KeyVault/vaults/keys'),
} as const satisfies Readonly<Record<ResourceType, Read<[ResourceId], RawResource>>>;

function defineResourceRead(type: ResourceType): Read<[ResourceId], RawResource> {
  return defineRead({
    id: `${type.split('/').at(-1)}.get`,
    actions: [`${type}/read`],
    async run(context: CallContext, target: ResourceId): Promise<RawResource> {
      return await getJson(context, { path: target.id, apiVersion: apiVersions[type], resourceId: target.id });
    },
  });
}

/** What a list over all types that Resource Graph knows needs. */
const READ_ALL_TYPES = [
  'Microsoft.ContainerRegistry/registries/read',
  'Microsoft.ContainerService/managedClusters/read',
  'Microsoft.ContainerInstance/containerGroups/read',
  'Microsoft.KeyVault/vaults/read',
] as const satisfies readonly RbacAction[];

/**
 * Related resources that one call tells; the health of nodes is collected by the engine from several (`nodeHealthReads`), what Defender has told is
 * in our own table, and what it found in images is asked for only when there is news (`queryImageFindings`).
 */
export type SimpleRelatedName = Exclude<RelatedName, 'nodeHealth' | 'defender' | 'imageFindings'>;

/** Reads of related resources, by name; each costs one call and its own action. */
export const relatedReads: { readonly [N in SimpleRelatedName]: Read<[ResourceId], RelatedMap[N]> } = {
  agentPools: defineRead({
    id: 'agentPools.list',
    actions: ['Microsoft.ContainerService/managedClusters/agentPools/read'],
    async run(context: CallContext, target: ResourceId) {
      const apiVersion = apiVersions['Microsoft.ContainerService/managedClusters'];
      const items = await listJson(context, { path: `${target.id}/agentPools`, apiVersion, resourceId: target.id });
      return items.map(({ name, properties }) =>
        AgentPool.parse({ ...(isPlainObject(properties) ? properties : {}), name }),
      );
    },
  }),
};

/** Can this subscription be read at all? Tells a deleted resource from a lost role: the same list that its type's read action allows. */
export const probeSubscription: Read<[ResourceId], void> = defineRead({
  id: 'subscriptions.probe',
  actions: READ_ALL_TYPES,
  async run(context: CallContext, target: ResourceId): Promise<void> {
    const { subscriptionId, type } = parentOf(target);
    const path = `/subscriptions/${subscriptionId}/providers/${type}`;
    await getJson(context, { path, apiVersion: apiVersions[type] });
  },
});

/** One page of the sweep. */
export interface ResourcePage {
  readonly resources: readonly RawResource[];
  /** Absent on the last page. */
  readonly skipToken?: string;
}

/** Every resource of the covered types that the identity may read in these subscriptions, page by page; answers lag behind ARM. */
export const queryResources: Read<[readonly string[], string | undefined], ResourcePage> = defineRead({
  id: 'resourceGraph.resources',
  actions: READ_ALL_TYPES,
  async run(
    context: CallContext,
    subscriptions: readonly string[],
    skipToken: string | undefined,
  ): Promise<ResourcePage> {
    const page = await queryGraphPage(context, { subscriptions, query: SWEEP_QUERY }, skipToken);
    return { ...page, resources: page.rows.filter(isPlainObject) };
  },
});

/** Children are listed by their parents: Resource Graph does not know the keys of vaults. */
const listedTypes = resourceTypes.filter((type) => !isChildType(type));

// Without `order by id` paging is unstable; `type` comes back in lower case.
const SWEEP_QUERY = [
  'resources',
  `where type in~ (${listedTypes.map((type) => `'${type}'`).join(', ')})`,
  'project id, name, type, location, tags, sku, properties',
  'order by id asc',
].join(' | ');

/** What the loop itself reads, whichever remediations are on: the read role is made of these. */
export const engineReads: readonly Read[] = [
  ...Object.values(resourceReads),
  ...Object.values(relatedReads),
  probeSubscription,
  queryResources,
  listVaultKeys,
  readGroupTags,
  listPolicyExemptions,
  listPolicyAssignments,
  readPolicySet,
  listTokens,
  queryAlerts,
  queryImageFindings,
];
