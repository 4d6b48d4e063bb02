import type { RebootMetrics } from '../../resources/node-health.ts';
import { type Judgement, type NodeVerdict, undecided } from './detection.ts';
import { type Pool, poolOfName } from './node-pools.ts';
import { judgeValue } from './node-rules.ts';

/** Stands for nodes of the pool of which the metric says nothing. */
const OTHERS = '(nodes without a metric)';

/**
 * The nodes of a pool as kured's metric names them, for a cluster that cannot be read itself. Only what is measured now counts: a node that is no
 * more stays in the past of a series. Undefined = the metric knows no node of the pool.
 */
export function judgeByMetric(
  pool: Pool,
  metrics: RebootMetrics | undefined,
  image: Judgement,
): readonly NodeVerdict[] | undefined {
  if (metrics === undefined) return undefined;
  const measured = [...metrics.now].filter(([name]) => isOf(pool, name));
  if (measured.length === 0) return undefined;
  const verdicts = measured.map(([name, value]) =>
    verdictOn(name, pool, judgeValue(value, metrics.overdue.has(name)), image),
  );
  return isComplete(pool, measured.length) ? verdicts : [...verdicts, verdictOn(OTHERS, pool, UNMEASURED, image)];
}

/** Does the metric know every node of the pool? */
export function isMeasured(pool: Pool, metrics: RebootMetrics | undefined): boolean {
  if (metrics === undefined) return false;
  return isComplete(pool, [...metrics.now.keys()].filter((name) => isOf(pool, name)).length);
}

const UNMEASURED = undecided(
  'no-reboot-signal',
  'the cluster cannot be read, and kured has no metric of some of its nodes',
);

function isOf(pool: Pool, name: string): boolean {
  return poolOfName(name)?.toLowerCase() === pool.name.toLowerCase();
}

function isComplete({ arm: { count } }: Pool, measured: number): boolean {
  return count !== undefined && count > 0 && measured >= count;
}

/** Without the Node object its name stands for its uid. */
function verdictOn(name: string, pool: Pool, judgement: Judgement, image: Judgement): NodeVerdict {
  return { ...judgement, name, uid: name, pool: pool.name, image };
}
