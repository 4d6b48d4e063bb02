import { ArmError } from '../errors.ts';
import { pageOf, requireResource } from '../generic-resource.ts';
import { type JsonObject, readString } from '../json.ts';
import { instanceId, nodeAddress, nodeName, poolsOf, readPools } from '../kubernetes/agent-pools.ts';
import type { Call, Handler } from '../provider.ts';
import type { RawResource } from '../resource-store.ts';

export const CLUSTER_TYPE = 'Microsoft.ContainerService/managedClusters';

/** The cluster that a child path belongs to. */
export function requireCluster(call: Call): RawResource {
  const [name = ''] = call.target.names;
  const id = `${call.target.scope}/providers/${CLUSTER_TYPE}/${name}`;
  return requireResource({ ...call, definition: { ...call.definition, type: CLUSTER_TYPE } }, id);
}

/** The agent pool that a path names, or AKS's 404. */
export function requirePool(call: Call, cluster: RawResource): JsonObject {
  const [, name = ''] = call.target.names;
  const pool = poolsOf(cluster).find(
    (candidate) => readString(candidate, 'name')?.toLowerCase() === name.toLowerCase(),
  );
  if (pool) return pool;
  throw clusterError(404, 'NotFound', `Could not find the agent pool ${name}.`);
}

/** A refusal as AKS words it: without the wrapper `error`. */
export function clusterError(status: number, code: string, message: string): ArmError {
  return new ArmError(status, code, message, { unwrapped: { code, details: null, message, subcode: '' } });
}

/** Planned maintenance: what a seed or test has stored under its id. */
export const getMaintenance: Handler = (call) => {
  const cluster = requireCluster(call);
  const stored = call.world.store.find(call.id);
  if (stored) return { status: 200, body: stored };
  const name = call.target.names.at(-1) ?? '';
  throw clusterError(404, 'NotFound', `Could not find the maintenance configuration ${name} in ${cluster.name}.`);
};

export const listMaintenance: Handler = (call) => {
  const { id } = requireCluster(call);
  return pageOf(call, call.world.store.list(id, `${CLUSTER_TYPE}/maintenanceConfigurations`));
};

/** The machines of a pool are the nodes of a served cluster; of any other as many as the pool counts. */
export const listMachines: Handler = (call) => {
  const cluster = requireCluster(call);
  const poolName = readString(requirePool(call, cluster), 'name');
  const pools = readPools(cluster);
  const poolIndex = pools.findIndex(({ name }) => name === poolName);
  const pool = pools[poolIndex];
  if (pool === undefined) return { status: 200, body: { value: [] } };
  const nodes = call.world.kubernetes.find(cluster.id)?.state.list(pool.name);
  const indexes = nodes?.map(({ index }) => index) ?? Array.from({ length: pool.count }, (_, index) => index);
  const machines = indexes.map((index) => {
    const name = nodeName(cluster.id, pool, index);
    return {
      id: `${cluster.id}/agentPools/${pool.name}/machines/${name}`,
      name,
      type: `${CLUSTER_TYPE}/agentPools/machines`,
      zones: [String((index % 3) + 1)],
      properties: {
        network: { ipAddresses: [{ ip: nodeAddress(poolIndex, index), family: 'IPv4' }] },
        resourceId: instanceId(cluster, pool, index),
      },
    };
  });
  return pageOf(call, machines);
};
