import type { ResourceEvent } from '../events.ts';
import type { World } from '../provider.ts';
import { nodePoolRolling, type RollingState, scheduledEventEmitted } from '../service-events.ts';

/** Replacing the nodes of a pool by ones with another image. */
export interface NodeUpgrade {
  readonly clusterId: string;
  readonly pool: string;
  /** Default: the newest that Azure offers to the pool. */
  readonly imageVersion?: string;
  /** True: it fails, and the nodes stay as they are. */
  readonly fails?: boolean;
}

/**
 * Upgrades the node image of a pool as the auto-upgrader of AKS does, in no time: the nodes, ARM, Resource Graph and the events tell of it.
 * Throws for an unknown pool and for a cluster that nobody serves.
 */
export function upgradeNodes(world: World, publish: (event: ResourceEvent) => void, upgrade: NodeUpgrade): void {
  const { clusterId, fails = false, pool } = upgrade;
  const cluster = world.kubernetes.find(clusterId);
  if (!cluster) throw new Error(`nobody serves ${clusterId}`);
  const present = cluster.state.pool(pool).imageVersion;
  const imageVersion = upgrade.imageVersion ?? cluster.latestImages.get(pool) ?? present;
  const tell = (state: RollingState): void =>
    publish(nodePoolRolling(cluster.clusterId, pool, state, world.clock.now()));
  const schedule = (eventStatus: 'Started' | 'Completed' | 'Failed'): void => {
    const row = world.scheduledEvents.add({ clusterId: cluster.clusterId, eventStatus });
    publish(scheduledEventEmitted(cluster.clusterId, row, world.clock.now()));
  };
  cluster.setLatestImage(pool, imageVersion);
  schedule('Started');
  tell('Started');
  if (!fails) cluster.reimage(pool, imageVersion);
  // Whoever hears of the end must find all of it.
  schedule(fails ? 'Failed' : 'Completed');
  tell(fails ? 'Failed' : 'Succeeded');
}
