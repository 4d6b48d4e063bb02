import type { KubernetesNode } from '../../resources/kubernetes.ts';
import type { AccessProblem, ClusterAccess, RebootMetrics } from '../../resources/node-health.ts';
import { COVERAGE_REASONS, type CoverageReason, type Thresholds } from './detection.ts';
import type { PooledNode } from './kernel.ts';
import { isExpired, type KuredLock, MANUAL } from './kured-lock.ts';
import type { KuredView } from './kured-view.ts';
import { formatTimestamp, HOUR } from './timestamp.ts';

/** What coverage is judged by. */
export interface CoverageContext {
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly thresholds: Thresholds;
  /** The channel of node OS upgrades in lower case. */
  readonly channel: string;
  readonly access: ClusterAccess;
  readonly kured: KuredView | undefined;
  /** `unreadable`: what a metric may have told is no gap, and not known. */
  readonly metrics: RebootMetrics | 'unreadable' | undefined;
  /** kured's metric knows every node that matters: nothing more has to be read of the cluster. */
  readonly isMeasured: boolean;
  /** Of all nodes of the cluster. */
  readonly nodeNames: ReadonlySet<string>;
  /** The nodes of Linux pools that are judged. */
  readonly nodes: readonly PooledNode[];
  /** Names of nodes that were rebooted while kured's request for it has stayed. */
  readonly stale: readonly string[];
}

type Words = Partial<Readonly<Record<CoverageReason, string>>>;

/** Why the nodes cannot be read, in words. */
export const ACCESS_WORDS: Readonly<Record<AccessProblem, string>> = {
  'not-entra-integrated': 'the cluster does not use Entra for sign-in, so its nodes are not read',
  'no-permission': 'the role that may read nodes and DaemonSets is missing',
  unreachable: 'the API server of the cluster cannot be reached',
  unauthorized: 'the API server of the cluster refuses the token',
  refused: 'the credentials of the cluster cannot be trusted',
  'unreadable-answer': 'the answer of the API server is no list of nodes',
};
/** Known for good at the first look; the others may pass. */
const SETTLED: readonly AccessProblem[] = ['not-entra-integrated', 'no-permission'];

/** What keeps missing reboots from being seen, or from being made, in words; in the order of reports. */
export function findGaps(context: CoverageContext): ReadonlyMap<CoverageReason, string> {
  const words: Words = {
    ...(!context.isMeasured && accessGap(context.access)),
    ...(context.channel === 'none' && {
      'channel-none': 'the node OS upgrade channel is None: nothing patches the nodes',
    }),
    ...(context.stale.length > 0 && {
      'annotation-stale': `nodes were rebooted, and kured's request for it has stayed: ${list(context.stale)}`,
    }),
    ...(context.channel === 'unmanaged' && context.kured !== undefined && kuredGaps(context, context.kured)),
  };
  return new Map(
    COVERAGE_REASONS.flatMap((reason): readonly [CoverageReason, string][] => {
      const text = words[reason];
      return text === undefined ? [] : [[reason, text]];
    }),
  );
}

function accessGap(access: ClusterAccess): Words {
  if (access.state === 'read') return {};
  const counts = access.isLasting || SETTLED.includes(access.reason);
  return counts ? { [access.reason]: ACCESS_WORDS[access.reason] } : {};
}

function kuredGaps(context: CoverageContext, kured: KuredView): Words {
  if (kured.all.length === 0) {
    return isToldOtherwise(context)
      ? {}
      : { 'kured-absent': 'kured is not installed, and nothing else tells of needed reboots' };
  }
  const unready = kured.all.filter(({ isReady }) => !isReady).map(({ name }) => name);
  return {
    ...(unready.length > 0 && { 'kured-not-ready': `kured is not ready on all of its nodes: ${list(unready)}` }),
    ...silenceGap(context, kured),
    ...placeGap(context, kured),
    ...lockGaps(context, kured),
  };
}

/** Somebody has a metric of every node, or may have one. */
function isToldOtherwise({ metrics, nodes }: CoverageContext): boolean {
  if (metrics === 'unreadable') return true;
  return nodes.length > 0 && nodes.every(({ node }) => hasMetric(metrics, node));
}

/** kured tells of a needed reboot on the node, or by its metric. */
function silenceGap({ metrics, nodes }: CoverageContext, kured: KuredView): Words {
  if (metrics === 'unreadable') return {};
  const isSilent = ({ node }: PooledNode) => !kured.covering(node).every(({ annotates }) => annotates);
  const mute = kured.all.some(({ annotates }) => annotates)
    ? nodes.filter((pooled) => kured.covering(pooled.node).length > 0 && isSilent(pooled))
    : nodes;
  const dark = mute.filter(({ node }) => !hasMetric(metrics, node));
  if (dark.length === 0) return {};
  const where = `(pools: ${poolsOf(dark)})`;
  if (dark.length === mute.length) {
    return { 'kured-silent': `kured does not annotate nodes, and there is no metric of it ${where}` };
  }
  return { 'metric-incomplete': `kured does not annotate nodes, and some have no metric of it ${where}` };
}

function hasMetric(metrics: RebootMetrics | undefined, { metadata: { name } }: KubernetesNode): boolean {
  return metrics !== undefined && metrics.now.has(name);
}

function placeGap({ nodes }: CoverageContext, kured: KuredView): Words {
  const without = nodes.filter(({ node }) => kured.covering(node).length === 0);
  if (without.length > 0) {
    return { 'kured-not-on-all-nodes': `kured cannot run on nodes of the pools: ${poolsOf(without)}` };
  }
  return kured.isShort ? { 'kured-not-on-all-nodes': 'kured is wanted on fewer nodes than it could run on' } : {};
}

/** Who holds the lock keeps everybody else from being rebooted. */
function lockGaps(context: CoverageContext, kured: KuredView): Words {
  const { nodeNames, now, thresholds } = context;
  const locks = kured.locks.filter((lock) => !isExpired(lock, now));
  const held = locks.filter(({ holder }) => holder !== MANUAL);
  const gone = held.filter(({ holder }) => !nodeNames.has(holder));
  const stuck = held.filter(
    (lock) =>
      !gone.includes(lock) && lock.ttl === 0 && now - (lock.created ?? -Infinity) > thresholds.lockStuckHours * HOUR,
  );
  const isUnreadable = kured.all.some((one) => one.locks === 'unreadable');
  return {
    ...(locks.length > held.length && { 'lock-manual': 'an operator has paused all reboots with a lock named manual' }),
    ...(gone.length > 0 && {
      'lock-holder-gone': `the lock of kured is held by what is no node: ${list(gone.map(({ holder }) => holder))}`,
    }),
    ...(stuck.length > 0 && {
      'lock-held-too-long': `the lock of kured is held for too long: ${list(stuck.map(describe))}`,
    }),
    ...(isUnreadable && { 'lock-unreadable': 'the lock of kured cannot be read' }),
  };
}

function describe({ created, holder }: KuredLock): string {
  return created === undefined ? holder : `${holder} since ${formatTimestamp(created)}`;
}

function poolsOf(nodes: readonly PooledNode[]): string {
  return list(nodes.map(({ pool }) => pool));
}

/** Each once, in order, at most ten. */
function list(names: readonly string[]): string {
  const all = [...new Set(names)].toSorted();
  return [...all.slice(0, 10), ...(all.length > 10 ? ['and more'] : [])].join(', ');
}
