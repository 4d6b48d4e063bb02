import type { ManagedCluster } from '../../resources/managed-cluster.ts';
import type { NodeHealth } from '../../resources/node-health.ts';
import { type Evidence, notApplicable, type Part, type PartItem, unknown, type Verdict } from '../define-policy.ts';
import { detect } from '../node-health/detect.ts';
import type { Detection, MissingNode, PoolJudgement, PoolVerdict, Thresholds } from '../node-health/detection.ts';
import { pauseOfCluster } from '../node-health/resource-state.ts';

/** Of the words of one pool, of all pools together, and of what is missing for a verdict. */
const MAX_POOL_TEXT = 2000;
const MAX_TEXT = 20_000;
const MAX_MISSING = 500;
/** Nodes that are listed in words. */
const MAX_NODES = 10;

/** What one policy wants to know of the pools. */
export interface PoolQuestion {
  readonly os: 'linux' | 'windows';
  /** What is a violation. */
  readonly missing: 'reboot-missing' | 'reimage-missing';
  readonly judge: (pool: PoolVerdict) => PoolJudgement;
}

/** Runs the detector; a verdict instead where the cluster is not judged, or was not looked into. */
export function inspect(
  cluster: ManagedCluster,
  health: NodeHealth,
  thresholds: Thresholds,
  now: Date,
): Detection | Verdict {
  const pause = pauseOfCluster(cluster);
  if (pause?.kind === 'not-applicable') return notApplicable(pause.because);
  if (pause !== undefined) return unknown(pause.because.detail);
  if (health.state === 'unavailable') return unknown(health.because.slice(0, MAX_MISSING));
  if (health.pools.length === 0) return unknown('the agent pools of the cluster');
  return detect(cluster, health, thresholds, now);
}

/** One verdict per pool, and the worst of them for the cluster. A pool whose OS cannot be read is a part of either question. */
export function judgePools({ pools, strays }: Detection, { judge, missing, os }: PoolQuestion): Verdict {
  const parts = [...pools.values()]
    .filter((pool) => pool.os === os || pool.os === 'unreadable')
    .map((pool) => toPart(pool.name, judge(pool), missing));
  if (parts.length === 0) return notApplicable(`the cluster has no ${os === 'linux' ? 'Linux' : 'Windows'} pool`);
  if (parts.some(({ verdict }) => verdict === 'violation')) {
    return { verdict: 'violation', evidence: collectEvidence(parts), parts };
  }
  const words = findOpen(parts, strays);
  return words.length === 0
    ? { verdict: 'compliant', parts }
    : { verdict: 'unknown', missing: words.join('; ').slice(0, MAX_MISSING), parts };
}

/** What is not known to be in order. Where nothing runs, nothing is: the tickets of such pools rest. */
function findOpen(parts: readonly Part[], strays: readonly string[]): readonly string[] {
  if (parts.every(({ verdict }) => verdict === 'not-applicable')) {
    return parts.map(({ name, evidence }) => `${name}: ${evidence['because']}`);
  }
  const open = parts.filter(({ verdict }) => verdict === 'unknown');
  return [
    ...open.map(({ name, evidence }) => `${name}: ${evidence['missing']}`),
    ...strays.map((name) => `${name}: belongs to no agent pool that Azure lists`),
  ];
}

function toPart(name: string, pool: PoolJudgement, missing: PoolQuestion['missing']): Part {
  const { confidence, detail, strength } = pool;
  if (pool.verdict === 'not-applicable') return { name, verdict: 'not-applicable', evidence: { because: detail } };
  if (pool.verdict === missing) {
    const items = pool.missing.map(toItem);
    return {
      name,
      verdict: 'violation',
      evidence: { found: `${missing}, ${confidence}: ${describe(pool)}`.slice(0, MAX_POOL_TEXT) },
      ...(confidence !== undefined && { confidence }),
      ...(strength !== undefined && { strength }),
      ...(items.length > 0 && { items }),
    };
  }
  if (pool.verdict === 'ok') {
    return { name, verdict: 'compliant', evidence: { found: detail }, ...(strength !== undefined && { strength }) };
  }
  const because = pool.verdict === 'reimage-missing' ? IMAGE_FIRST : detail;
  return { name, verdict: 'unknown', evidence: { missing: because.slice(0, MAX_MISSING) } };
}

const IMAGE_FIRST = 'the node image is overdue: see aks-node-image-current';

function toItem({ judgement: { detail, since }, name, uid }: MissingNode): PartItem {
  return { name, id: uid, ...(since !== undefined && { since }), detail };
}

function describe({ detail, missing }: PoolJudgement): string {
  if (missing.length === 0) return detail;
  const nodes = missing.slice(0, MAX_NODES).map(({ judgement: { basis, since }, name }) => {
    return `${name} ${since === undefined ? '' : `since ${since} `}(${basis})`;
  });
  const more = missing.length - nodes.length;
  return [...nodes, ...(more > 0 ? [`and ${more} more`] : [])].join(', ');
}

/** What was found, by pool; pools that no longer fit are counted. */
function collectEvidence(parts: readonly Part[]): Evidence {
  const found = parts
    .filter(({ verdict }) => verdict === 'violation')
    .map(({ evidence, name }) => [name, String(evidence['found'])] as const);
  const told = found.filter((_entry, index) => lengthOf(found.slice(0, index + 1)) <= MAX_TEXT);
  const more = found.length - told.length;
  return Object.fromEntries([...told, ...(more > 0 ? [['(more)', `${more} more pools`]] : [])]);
}

function lengthOf(entries: readonly (readonly [string, string])[]): number {
  return entries.reduce((sum, [name, text]) => sum + name.length + text.length, 0);
}
