import { isPlainObject, parseJson } from '../resources/lenient.ts';
import type { UpgradeFailure } from '../resources/node-health.ts';
import type { ResourceId } from '../resources/resource-id.ts';
import { type CallContext, defineRead } from './operation.ts';
import { queryGraph } from './resource-graph.ts';

/** The second is how a documented sample spells it. */
const SOURCES = new Set(['autoupgrader', 'autouprader']);
/** How AKS names upgrades of node images; those of Kubernetes itself (`K8sVersionUpgrade`) are none. */
const NODE_IMAGE = /NodeOSUpgrade|node ?image|\bvhd\b/i;

const TIME = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.\d{1,9})?(Z|[+-]\d{2}:\d{2})?$/;

export const queryUpgradeFailures = defineRead({
  id: 'resourceGraph.upgradeFailures',
  actions: ['Microsoft.ContainerService/managedClusters/read'],
  /** Upgrades of node images that failed and that no later success followed, one for the cluster or each of its pools. */
  async run(context: CallContext, target: ResourceId): Promise<readonly UpgradeFailure[]> {
    const query = { subscriptions: [target.subscriptionId], query: buildQuery(target) };
    return findFailures(await queryGraph(context, query), target);
  },
});

function buildQuery({ key }: ResourceId): string {
  return [
    'containerserviceeventresources',
    "where type == 'microsoft.containerservice/managedclusters/scheduledevents'",
    // An id that was parsed holds no quote and no backslash.
    `where id startswith '${key}/'`,
    'project id, properties',
    'order by id asc',
  ].join(' | ');
}

/** One event about node images: an upgrade that failed or succeeded. */
interface Outcome {
  /** Absent = the whole cluster. */
  readonly pool: string | undefined;
  readonly at: string;
  readonly hasFailed: boolean;
}

function findFailures(events: readonly unknown[], target: ResourceId): UpgradeFailure[] {
  const outcomes = events
    .flatMap((event) => readOutcomes(event, target))
    .toSorted((a, b) => Date.parse(a.at) - Date.parse(b.at));
  const failures = new Map<string | undefined, string>();
  for (const { pool, at, hasFailed } of outcomes) {
    if (hasFailed) failures.set(pool, at);
    // The upgrade of a cluster is that of all its pools.
    else if (pool === undefined) failures.clear();
    else failures.delete(pool);
  }
  return [...failures].map(([pool, at]) => (pool === undefined ? { at } : { pool, at }));
}

function readOutcomes(event: unknown, target: ResourceId): readonly Outcome[] {
  const properties = isPlainObject(event) ? readProperties(event['properties']) : undefined;
  if (properties === undefined) return [];
  const { eventSource, eventStatus, eventDetails, resources } = properties;
  // The details of other notices (end of support) are objects.
  if (typeof eventDetails !== 'string' || !NODE_IMAGE.test(eventDetails)) return [];
  if (typeof eventSource !== 'string' || !SOURCES.has(eventSource.toLowerCase())) return [];
  const at = readTime(properties['lastUpdateTime']) ?? readTime(properties['startTime']);
  const hasFailed = readStatus(eventStatus);
  if (at === undefined || hasFailed === undefined) return [];
  // The row is this cluster's, which its id has told; an event that names nothing is about all of it.
  if (!Array.isArray(resources)) return [{ pool: undefined, at, hasFailed }];
  return resources.flatMap((id: unknown) => {
    const pool = readPool(id, target);
    return pool === false ? [] : [{ pool, at, hasFailed }];
  });
}

/** Resource Graph hands this column over as an object or as its text. */
function readProperties(value: unknown): Readonly<Record<string, unknown>> | undefined {
  const properties = typeof value === 'string' ? parseJson(value) : value;
  return isPlainObject(properties) ? properties : undefined;
}

/** Only these two say how an upgrade ended; `Started`, `Scheduled` and `Canceled` leave things as they are. */
function readStatus(status: unknown): boolean | undefined {
  const text = typeof status === 'string' ? status.toLowerCase() : '';
  if (text === 'failed') return true;
  return text === 'completed' || text === 'succeeded' ? false : undefined;
}

/** A time in ISO 8601, UTC where it has no zone; the year 1 stands for none. */
function readTime(value: unknown): string | undefined {
  const match = TIME.exec(typeof value === 'string' ? value : '');
  const [, local = '0001', zone = 'Z'] = match ?? [];
  const time = local.startsWith('0001') ? Number.NaN : Date.parse(`${local}${zone}`);
  return Number.isNaN(time) ? undefined : new Date(time).toISOString();
}

/** The pool that an id names, undefined for the cluster as a whole, false for anything else. */
function readPool(id: unknown, target: ResourceId): string | undefined | false {
  if (typeof id !== 'string' || id.length > 2048) return false;
  const key = id.toLowerCase().replace(/\/$/, '');
  if (key === target.key) return undefined;
  const pool = key.startsWith(`${target.key}/agentpools/`) ? key.slice(target.key.length + '/agentpools/'.length) : '';
  return /^[a-z][a-z0-9]{0,11}$/.test(pool) && pool;
}
