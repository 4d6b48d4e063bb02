import type { NodeRecord, RebootMetrics } from '../../resources/node-health.ts';
import { type Judgement, type NodeVerdict, undecided } from './detection.ts';
import { type Pool, poolOfName } from './node-pools.ts';
import { judgeSample } from './node-rules.ts';

/** What a pool is judged by in a cluster that cannot be read itself. */
export interface MeasuredPool {
  readonly pool: Pool;
  readonly metrics: RebootMetrics | undefined;
  /** Names of its nodes as ARM lists its machines; undefined = not told: the metric cannot be known to be complete then. */
  readonly machines: readonly string[] | undefined;
  /** By name of the node. */
  readonly history: ReadonlyMap<string, NodeRecord>;
}

/** Stands for nodes of the pool of which the metric says nothing. */
const OTHERS = '(nodes without a metric)';

/**
 * The nodes of a pool as kured's metric names them, for a cluster that cannot be read itself. Samples of other names do not count. Undefined =
 * the metric knows no node of the pool.
 */
export function judgeByMetric(measured: MeasuredPool, image: Judgement): readonly NodeVerdict[] | undefined {
  const verdicts = namesOf(measured).flatMap((name) => {
    const judgement = judgeSample(name, measured.metrics);
    return judgement === undefined ? [] : [verdictOn(name, measured, judgement, image)];
  });
  if (verdicts.length === 0) return undefined;
  return isMeasured(measured) ? verdicts : [...verdicts, verdictOn(OTHERS, measured, UNMEASURED, image)];
}

/** Does the metric know every node of the pool? Proven by their names, and not contradicted by how many ARM counts. */
export function isMeasured({ machines, metrics, pool }: MeasuredPool): boolean {
  if (machines === undefined || machines.length === 0 || metrics === undefined) return false;
  return machines.length >= (pool.arm.count ?? 0) && machines.every((name) => metrics.now.has(name));
}

const UNMEASURED = undecided(
  'no-reboot-signal',
  'the cluster cannot be read, and it is not known that kured has a metric of all of its nodes',
);

/** The names that nodes of the pool have, or may have. */
function namesOf({ machines, metrics, pool }: MeasuredPool): readonly string[] {
  const isOf = (name: string) => poolOfName(name)?.toLowerCase() === pool.name.toLowerCase();
  return machines === undefined ? [...(metrics?.now.keys() ?? [])].filter(isOf) : [...new Set(machines)];
}

/** Without the Node object what is remembered tells its uid, and else its name stands for it. */
function verdictOn(name: string, { history, pool }: MeasuredPool, judgement: Judgement, image: Judgement): NodeVerdict {
  return { ...judgement, name, uid: history.get(name)?.uid || name, pool: pool.name, image };
}
