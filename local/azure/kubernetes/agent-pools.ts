import { createHash } from 'node:crypto';
import { isJsonObject, type JsonObject, readString } from '../json.ts';
import type { RawResource } from '../resource-store.ts';

/** What the nodes of an agent pool take from ARM. */
export interface PoolProfile {
  readonly name: string;
  readonly count: number;
  readonly isWindows: boolean;
  readonly osSku: string;
  readonly mode: string;
  readonly vmSize: string;
  readonly kubernetesVersion: string;
  readonly imageVersion: string;
}

/** Raw entries of `agentPoolProfiles`. */
export function poolsOf({ properties }: RawResource): readonly JsonObject[] {
  const pools = properties?.['agentPoolProfiles'];
  return Array.isArray(pools) ? pools.filter(isJsonObject) : [];
}

/** The agent pools of a cluster, as its nodes see them. */
export function readPools(cluster: RawResource): readonly PoolProfile[] {
  return poolsOf(cluster).map((pool) => ({
    name: readString(pool, 'name') ?? '',
    count: typeof pool['count'] === 'number' ? pool['count'] : 0,
    isWindows: readString(pool, 'osType') === 'Windows',
    osSku: readString(pool, 'osSKU') ?? 'Ubuntu',
    mode: readString(pool, 'mode') ?? 'User',
    vmSize: readString(pool, 'vmSize') ?? 'Standard_D4ds_v5',
    kubernetesVersion: readString(pool, 'currentOrchestratorVersion') ?? '1.33.4',
    imageVersion: readString(pool, 'nodeImageVersion') ?? '',
  }));
}

/** Name of a pool's scale set: AKS puts the same eight digits into all of a cluster's. Windows names are short. */
function scaleSetName(clusterId: string, pool: Pick<PoolProfile, 'name' | 'isWindows'>): string {
  if (pool.isWindows) return `aks${pool.name}`;
  const number = createHash('sha256').update(clusterId.toLowerCase()).digest().readUInt32BE(0) % 100_000_000;
  return `aks-${pool.name}-${String(number).padStart(8, '0')}-vmss`;
}

/** Name of the n-th node (from 0) of a pool: the instance number has base 36 and six places. */
export function nodeName(clusterId: string, pool: Pick<PoolProfile, 'name' | 'isWindows'>, index: number): string {
  return `${scaleSetName(clusterId, pool)}${index.toString(36).padStart(6, '0')}`;
}

/** The scale set instance behind a node, as Azure spells it. */
export function instanceId(cluster: RawResource, pool: Pick<PoolProfile, 'name' | 'isWindows'>, index: number): string {
  const group = readString(cluster, 'properties.nodeResourceGroup') ?? `MC_${cluster.name}`;
  const [, , subscriptionId = ''] = cluster.id.split('/');
  const scaleSet = scaleSetName(cluster.id, pool);
  return `/subscriptions/${subscriptionId}/resourceGroups/${group}/providers/Microsoft.Compute/virtualMachineScaleSets/${scaleSet}/virtualMachines/${index}`;
}

/** Address of a node: the pool's place and the instance number decide it. */
export function nodeAddress(poolIndex: number, index: number): string {
  return `10.${224 + (poolIndex % 16)}.${Math.floor((index + 4) / 256)}.${(index + 4) % 256}`;
}
