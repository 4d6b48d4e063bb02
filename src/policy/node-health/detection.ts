import type { AccessProblem } from '../../resources/node-health.ts';
import type { ProofStrength } from '../define-policy.ts';

/** How long things may take; hours and days as the names say. */
export interface Thresholds {
  /** From the first notice of a needed reboot to its being overdue. */
  readonly rebootPendingHours: number;
  readonly nodeImageAgeDays: number;
  readonly windowsNodeImageAgeDays: number;
  /** Of a kured lock that never expires, until it counts as stuck. */
  readonly lockStuckHours: number;
  /** Of a kured lock, while its holder counts as being rebooted. */
  readonly drainGraceHours: number;
  readonly kernelSkewHours: number;
  readonly livePatchLagHours: number;
}

/** From worst to best. */
export const VERDICTS = ['reboot-missing', 'reimage-missing', 'unknown', 'in-progress', 'ok'] as const;
export type NodeVerdictKind = (typeof VERDICTS)[number];

/**
 * What a verdict rests upon. `channel` is the configuration of the cluster by which something is not asked for,
 * `live-patch` what AKS wrote on the node about its live patches, `deadline` that something is wanted and its time is not up yet, `lock` that the
 * node holds kured's lock; `none` is that of an unknown verdict.
 */
export type Basis =
  | 'metric'
  | 'annotation'
  | 'boot-id'
  | 'node-label'
  | 'channel'
  | 'live-patch'
  | 'kernel'
  | 'arm'
  | 'event'
  | 'deadline'
  | 'lock'
  | 'none';

/** Why nothing, or nothing yet, can be said. */
export type UndecidedReason =
  | AccessProblem
  | 'lock-held'
  | 'reboot-pending'
  | 'no-reboot-signal'
  | 'annotation-unusable'
  | 'annotation-stale'
  | 'image-unparsed'
  | 'image-date-ahead'
  | 'latest-image-unknown'
  | 'live-patch-unparsed'
  | 'live-patch-unknown'
  | 'failures-unknown'
  | 'maintenance-unreadable'
  | 'state-unknown'
  | 'being-changed'
  | 'not-running'
  | 'pool-unreadable'
  | 'no-pool'
  | 'no-nodes';

/** What is judged of one node, or of a pool by what ARM says of it. */
export interface Judgement {
  readonly verdict: NodeVerdictKind;
  /** Of what is missing: `certain` = the node or kured says so, `likely` = inferred. */
  readonly confidence?: 'certain' | 'likely';
  readonly basis: Basis;
  /** Of `unknown` and `in-progress`. */
  readonly reason?: UndecidedReason;
  /** Since when it has been needed or overdue, ISO 8601, where that is known. */
  readonly since?: string;
  /** In words, the same from look to look while nothing changes. */
  readonly detail: string;
}

/** The verdict on one node; `image` is what its node image alone says. */
export interface NodeVerdict extends Judgement {
  readonly name: string;
  readonly uid: string;
  /** Name of its agent pool; empty = it belongs to none that ARM lists. */
  readonly pool: string;
  readonly image: Judgement;
}

/** A node that misses something. */
export interface MissingNode {
  readonly name: string;
  readonly uid: string;
  readonly judgement: Judgement;
}

/** What is judged of a whole pool. */
export interface PoolJudgement {
  readonly verdict: NodeVerdictKind | 'not-applicable';
  readonly confidence?: 'certain' | 'likely';
  /** Of what is missing the best proof, of `ok` the weakest. */
  readonly strength?: ProofStrength;
  /** In words: what misses something as far as it is no single node, why nothing can be said, or what proves that all is well. */
  readonly detail: string;
  /** The nodes that the verdict is about, by name: of `reboot-missing` and `reimage-missing`. Empty = ARM told of the pool as a whole. */
  readonly missing: readonly MissingNode[];
}

/** The verdict on one agent pool; `image` is what node images alone say. */
export interface PoolVerdict extends PoolJudgement {
  readonly name: string;
  readonly os: 'linux' | 'windows' | 'unreadable';
  readonly image: PoolJudgement;
}

/** What keeps Dockwarden from seeing missing reboots, or kured from making them. In the order of reports. */
export const COVERAGE_REASONS = [
  'not-entra-integrated',
  'no-permission',
  'unreachable',
  'unauthorized',
  'refused',
  'unreadable-answer',
  'channel-none',
  'kured-absent',
  'kured-not-ready',
  'kured-silent',
  'metric-incomplete',
  'kured-not-on-all-nodes',
  'annotation-stale',
  'lock-manual',
  'lock-holder-gone',
  'lock-held-too-long',
  'lock-unreadable',
] as const;
export type CoverageReason = (typeof COVERAGE_REASONS)[number];

/** Everything that the detector says about one cluster at one moment. */
export interface Detection {
  /** By node name; empty where the nodes could not be read. */
  readonly nodes: ReadonlyMap<string, NodeVerdict>;
  /** By name of the agent pool. */
  readonly pools: ReadonlyMap<string, PoolVerdict>;
  readonly coverage: readonly CoverageReason[];
  /** The same in words. */
  readonly coverageWords: ReadonlyMap<CoverageReason, string>;
  /** Names of nodes that belong to no agent pool that ARM lists, and are no virtual ones. */
  readonly strays: readonly string[];
  /** What was not seen this time, though it is no gap that is known to stay; absent = everything was. */
  readonly blindSpot?: string;
}

const STRENGTHS: Readonly<Record<Basis, ProofStrength>> = {
  metric: 3,
  annotation: 3,
  'boot-id': 3,
  channel: 3,
  'node-label': 2,
  'live-patch': 2,
  kernel: 1,
  arm: 1,
  event: 1,
  deadline: 1,
  lock: 1,
  none: 1,
};

/** How well something is proven. */
export function strengthOf({ basis }: Judgement): ProofStrength {
  return STRENGTHS[basis];
}

/** A judgement that nothing can be said. */
export function undecided(reason: UndecidedReason, detail: string): Judgement {
  return { verdict: 'unknown', basis: 'none', reason, detail };
}
