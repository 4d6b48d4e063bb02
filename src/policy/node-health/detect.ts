import type { KubernetesNode } from '../../resources/kubernetes.ts';
import type { ManagedCluster } from '../../resources/managed-cluster.ts';
import type { NodeHealth, RebootMetrics } from '../../resources/node-health.ts';
import { ACCESS_WORDS, type CoverageContext, findGaps } from './coverage.ts';
import {
  type Detection,
  type Judgement,
  type NodeVerdict,
  type PoolJudgement,
  type PoolVerdict,
  type Thresholds,
  undecided,
} from './detection.ts';
import { type ImageContext, type ImageSource, judgeImage } from './image-rule.ts';
import { findOlderKernels } from './kernel.ts';
import { type KuredView, viewKured } from './kured-view.ts';
import { isMeasured, judgeByMetric, type MeasuredPool } from './metrics-only.ts';
import { identityOf, recordOf } from './node-identity.ts';
import { isVirtual, type Pool, poolOf, readPools } from './node-pools.ts';
import { judgeNode } from './node-rules.ts';
import { judgePool, judgeWhole } from './pool-rules.ts';
import { pauseOfCluster } from './resource-state.ts';
import { lookUp } from './scheduling.ts';

/** Everything about the nodes, as it was collected. */
export type CollectedHealth = Extract<NodeHealth, { state: 'collected' }>;

/** One node in one pool. */
interface Member {
  readonly node: KubernetesNode;
  readonly pool: Pool;
}

/** Everything that one inspection is about. */
interface Inspection {
  readonly health: CollectedHealth;
  readonly thresholds: Thresholds;
  readonly now: number;
  readonly channel: string;
  readonly kured: KuredView | undefined;
  readonly olderKernels: ReadonlyMap<string, string>;
}

const IMAGE_LABEL = 'kubernetes.azure.com/node-image-version';
const OUTSIDE = undecided('no-pool', 'the node belongs to no agent pool that Azure lists');

/** Finds the nodes that miss a reboot or a new image, judges the pools by them, and tells what cannot be seen. Pure; never throws. */
export function detect(cluster: ManagedCluster, health: CollectedHealth, thresholds: Thresholds, now: Date): Detection {
  const pause = pauseOfCluster(cluster);
  const pools = readPools(health.pools, pause);
  const nodes = health.access.state === 'read' ? health.access.nodes : [];
  const placed = nodes.map((node) => ({ node, pool: poolOf(node, pools) }));
  const strays = placed.filter(({ node, pool }) => pool === undefined && !isVirtual(node));
  const members = placed.flatMap(({ node, pool }) => (pool === undefined ? [] : [{ node, pool }]));
  const inspection: Inspection = {
    health,
    thresholds,
    now: now.getTime(),
    channel: channelOf(cluster),
    kured: viewKured(health.access.state === 'read' ? health.access.daemonSets : undefined, nodes),
    olderKernels: findOlderKernels(members.map(({ node, pool }) => ({ node, pool: pool.name }))),
  };
  const verdicts = placed.map(({ node, pool }) =>
    pool === undefined ? verdictOn(node, '', OUTSIDE, OUTSIDE, inspection) : judgeMember({ node, pool }, inspection),
  );
  const watched = members.filter(({ pool }) => pool.os === 'linux' && pool.pause === undefined);
  const coverage: CoverageContext = {
    ...inspection,
    access: health.access,
    metrics: health.metrics,
    isMeasured: isAllMeasured(pools, inspection),
    nodeNames: new Set(nodes.map(({ metadata }) => metadata.name)),
    nodes: watched.map(({ node, pool }) => ({ node, pool: pool.name })),
    stale: verdicts.filter(({ reason }) => reason === 'annotation-stale').map(({ name }) => name),
  };
  const gaps = findGaps(coverage);
  const isSeen = isUnread(inspection) && isAllMeasured(pools, inspection);
  const blindSpot = isSeen
    ? undefined
    : (findBlindSpot(inspection, pools, members) ?? nameStrays(strays) ?? findUnmeasured(coverage, gaps));
  return {
    nodes: new Map(verdicts.map((verdict) => [verdict.name, verdict])),
    pools: new Map(pools.map((pool) => [pool.name, judgeWholePool(pool, verdicts, inspection)])),
    coverage: pause === undefined ? [...gaps.keys()] : [],
    coverageWords: pause === undefined ? gaps : new Map(),
    strays: strays.map(({ node }) => node.metadata.name).toSorted(),
    ...(blindSpot !== undefined && { blindSpot }),
  };
}

/** On channel Unmanaged kured's metric tells all there is to know, where it knows every Linux node. */
function isAllMeasured(pools: readonly Pool[], inspection: Inspection): boolean {
  const judged = pools.filter(({ os, pause }) => os !== 'windows' && pause?.kind !== 'not-applicable');
  const isOn = inspection.channel === 'unmanaged' && judged.length > 0;
  return isOn && judged.every((pool) => isMeasured(measuredPool(pool, inspection)));
}

function measuredPool(pool: Pool, { health }: Inspection): MeasuredPool {
  return {
    pool,
    metrics: metricsOf(health),
    machines: health.machines?.get(pool.name),
    history: health.history,
  };
}

function metricsOf({ metrics }: CollectedHealth): RebootMetrics | undefined {
  return metrics === 'unreadable' ? undefined : metrics;
}

function nameStrays(strays: readonly { readonly node: KubernetesNode }[]): string | undefined {
  const names = strays.map(({ node }) => node.metadata.name).toSorted();
  return names.length === 0 ? undefined : `nodes that belong to no agent pool that Azure lists: ${names.join(', ')}`;
}

/** A metrics workspace that is configured and does not tell: what kured itself does not tell is not known to be a gap. */
function findUnmeasured(coverage: CoverageContext, gaps: ReadonlyMap<string, string>): string | undefined {
  if (coverage.metrics !== 'unreadable') return undefined;
  const isKnown = [...findGaps({ ...coverage, metrics: undefined }).keys()].every((reason) => gaps.has(reason));
  return isKnown ? undefined : 'the metric of kured: a workspace that is configured does not tell';
}

function findBlindSpot(
  { health: { access }, kured }: Inspection,
  pools: readonly Pool[],
  members: readonly Member[],
): string | undefined {
  if (access.state === 'unreadable') return ACCESS_WORDS[access.reason];
  if (access.daemonSets === undefined) return 'the DaemonSets of the cluster';
  if (kured === undefined) return 'kured: too many DaemonSets run it';
  const seen = new Set(members.map(({ pool }) => pool));
  const unseen = pools.find(
    (pool) => pool.os !== 'windows' && pool.pause?.kind !== 'not-applicable' && pool.arm.count !== 0 && !seen.has(pool),
  );
  return unseen === undefined ? undefined : `the nodes of pool ${unseen.name}`;
}

/** Absent = None: clusters made before the channel existed. */
function channelOf({ properties: { autoUpgradeProfile } }: ManagedCluster): string {
  return (autoUpgradeProfile.nodeOSUpgradeChannel ?? 'None').trim().toLowerCase();
}

function judgeMember({ node, pool }: Member, inspection: Inspection): NodeVerdict {
  const { metadata } = node;
  if (pool.pause !== undefined) {
    const paused = pool.pause.kind === 'undecided' ? pool.pause.because : undecided('not-running', pool.pause.because);
    return verdictOn(node, pool.name, paused, paused, inspection);
  }
  const { health, kured, now, olderKernels, thresholds } = inspection;
  const image = judgeImage(
    {
      version: lookUp(metadata.labels, IMAGE_LABEL),
      basis: 'node-label',
      annotations: isByCommand(health) ? 'untold' : metadata.annotations,
    },
    imageContext(pool, inspection),
  );
  if (pool.os === 'windows') return verdictOn(node, pool.name, image, image, inspection);
  const judgement = judgeNode(node, {
    now,
    thresholds,
    isUnmanaged: inspection.channel === 'unmanaged',
    kured: kured?.covering(node),
    watchful: kured?.watchful(node) ?? [],
    locks: kured?.locksOn(node) ?? [],
    metrics: metricsOf(health),
    record: recordOf(node, health.history),
    newerKernel: olderKernels.get(metadata.name),
    image,
  });
  return verdictOn(node, pool.name, judgement, image, inspection);
}

/** A command in the cluster lists only what it was told to: of annotations those of kured, and no DaemonSets. */
function isByCommand({ access }: CollectedHealth): boolean {
  return access.state === 'read' && access.daemonSets === undefined;
}

function verdictOn(
  node: KubernetesNode,
  pool: string,
  judgement: Judgement,
  image: Judgement,
  { health }: Inspection,
): NodeVerdict {
  return { ...judgement, name: node.metadata.name, uid: identityOf(node, health.history), pool, image };
}

function judgeWholePool(pool: Pool, verdicts: readonly NodeVerdict[], inspection: Inspection): PoolVerdict {
  const { name, os, pause } = pool;
  const own = verdicts.filter((verdict) => verdict.pool === name);
  if (pause?.kind === 'not-applicable') {
    const judgement: PoolJudgement = { verdict: 'not-applicable', detail: pause.because, missing: [] };
    return { ...judgement, name, os, image: judgement };
  }
  if (pause === undefined && own.length > 0) {
    return {
      ...judgePool(own, (node) => node),
      name,
      os,
      image: judgePool(own, (node) => node.image),
    };
  }
  const image = pause?.because ?? judgeByArm(pool, inspection);
  const isBlind = pause === undefined && os === 'linux' && inspection.channel === 'unmanaged';
  const measured = isBlind && isUnread(inspection) ? judgeByMetric(measuredPool(pool, inspection), image) : undefined;
  if (measured !== undefined) return { ...judgePool(measured, (node) => node), name, os, image: judgeWhole(image) };
  const judgement = judgeWhole(isBlind ? blindness(inspection) : image);
  return { ...judgement, name, os, image: judgeWhole(image) };
}

function isUnread({ health: { access } }: Inspection): boolean {
  return access.state === 'unreadable';
}

/** Nothing but ARM tells which image the nodes of the pool run. */
function judgeByArm(pool: Pool, inspection: Inspection): Judgement {
  const source: ImageSource = { version: pool.arm.nodeImageVersion, basis: 'arm' };
  return judgeImage(source, imageContext(pool, inspection));
}

function imageContext({ name, os }: Pool, inspection: Inspection): ImageContext {
  const { channel, health, now, thresholds } = inspection;
  return {
    now,
    thresholds,
    isWindows: os === 'windows',
    channel,
    latest: health.latestImages.get(name),
    maintenance: health.maintenance,
    failures:
      health.failures === 'unreadable'
        ? 'unreadable'
        : health.failures.filter(({ pool }) => pool === undefined || pool.trim().toLowerCase() === name.toLowerCase()),
  };
}

function blindness({ health: { access } }: Inspection): Judgement {
  return access.state === 'read'
    ? undecided('no-nodes', 'the cluster has no node of this pool')
    : undecided(access.reason, ACCESS_WORDS[access.reason]);
}
