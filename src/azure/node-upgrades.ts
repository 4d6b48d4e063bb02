import { DockwardenError, isDockwardenError } from '../errors.ts';
import { isPlainObject } from '../resources/lenient.ts';
import { NodeOsMaintenance } from '../resources/node-os-maintenance.ts';
import type { ResourceId } from '../resources/resource-id.ts';
import { apiVersions } from './api-versions.ts';
import { type CallContext, defineRead } from './operation.ts';
import { getJson, listJson } from './raw-arm.ts';

const apiVersion = apiVersions['Microsoft.ContainerService/managedClusters'];
/** Longest image name that is believed; real ones have about 60 characters. */
const MAX_IMAGE_NAME = 200;
/** As Kubernetes writes names of nodes. */
const NODE_NAME = /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/;

export const readLatestNodeImage = defineRead({
  id: 'agentPools.getUpgradeProfile',
  actions: ['Microsoft.ContainerService/managedClusters/agentPools/upgradeProfiles/read'],
  /** The newest node image that Azure offers to an agent pool; undefined when it names none. */
  async run(context: CallContext, target: ResourceId, pool: string): Promise<string | undefined> {
    const path = `${target.id}/agentPools/${encodeURIComponent(pool)}/upgradeProfiles/default`;
    const { properties } = await getJson(context, { path, apiVersion, resourceId: target.id });
    const version = isPlainObject(properties) ? properties['latestNodeImageVersion'] : undefined;
    return typeof version === 'string' && version !== '' && version.length <= MAX_IMAGE_NAME ? version : undefined;
  },
});

export const readNodeOsMaintenance = defineRead({
  id: 'maintenanceConfigurations.get',
  actions: ['Microsoft.ContainerService/managedClusters/maintenanceConfigurations/read'],
  /** The planned maintenance for node images; undefined = none is configured. `AZURE_INVALID` for one without a window. */
  async run(context: CallContext, target: ResourceId): Promise<NodeOsMaintenance | undefined> {
    const path = `${target.id}/maintenanceConfigurations/aksManagedNodeOSUpgradeSchedule`;
    try {
      const body = await getJson(context, { path, apiVersion, resourceId: target.id });
      const { properties } = body;
      if (!isPlainObject(properties) || !isPlainObject(properties['maintenanceWindow'])) {
        throw new DockwardenError('AZURE_INVALID', 'the maintenance configuration has no window', {
          resourceId: target.id,
        });
      }
      return NodeOsMaintenance.parse(body);
    } catch (error) {
      if (isDockwardenError(error, 'AZURE_NOT_FOUND')) return undefined;
      throw error;
    }
  },
});

export const listPoolMachines = defineRead({
  id: 'machines.list',
  actions: ['Microsoft.ContainerService/managedClusters/agentPools/machines/read'],
  /** The machines of an agent pool, by the names that their nodes have. All or nothing: `AZURE_INVALID` where one has no such name. */
  async run(context: CallContext, target: ResourceId, pool: string): Promise<readonly string[]> {
    const path = `${target.id}/agentPools/${encodeURIComponent(pool)}/machines`;
    const machines = await listJson(context, { path, apiVersion, resourceId: target.id });
    return machines.map(({ name }) => {
      const node = typeof name === 'string' ? name.toLowerCase() : '';
      if (NODE_NAME.test(node)) return node;
      throw new DockwardenError('AZURE_INVALID', `a machine of agent pool ${pool} has no name of a node`, {
        resourceId: target.id,
      });
    });
  },
});
