import { isDeepStrictEqual } from 'node:util';
import type { Outcome } from '../audit/audit-log.ts';
import type { CauseKind } from '../events/cause.ts';
import type { Finding } from '../findings/findings.ts';
import type { Policy, Verdict } from '../policy/define-policy.ts';
import type { Remediation } from '../remediations/define-remediation.ts';
import type { ResourceId } from '../resources/resource-id.ts';
import type { PendingCause } from '../work/work-items.ts';
import type { Decision } from './decide.ts';
import { backoffUntil } from './waiting.ts';

/** Does it still have to be looked after: is it open, or may there be a ticket that is not over? */
export function isUnfinished({ status, ticketParts = [] }: Finding): boolean {
  return status === 'open' || ticketParts.length > 0;
}

/** What a finding remembers for the safety devices. */
export type SafetyMemory = Pick<
  Finding,
  | 'announcedAt'
  | 'exemption'
  | 'exemptionInvalidSince'
  | 'undoneUntil'
  | 'undoneRunId'
  | 'undoneBy'
  | 'reverts'
  | 'quarantines'
  | 'quarantinedUntil'
>;

/** The memory of a stored finding. What belongs to one violation is forgotten when that is over; fights, undone fixes and tags that are not valid are not. */
export function memoryOf(finding: Finding | undefined): SafetyMemory {
  if (finding === undefined) return {};
  const { announcedAt, exemption, status } = finding;
  return {
    ...(status === 'open' && {
      ...(announcedAt !== undefined && { announcedAt }),
      ...(exemption !== undefined && { exemption }),
    }),
    ...lastingMemory(finding),
  };
}

/** The finding with this memory instead of its own. */
export function withMemory(finding: Finding, memory: SafetyMemory): Finding {
  const { announcedAt: _announced, exemption: _exemption, exemptionInvalidSince: _invalid, ...rest } = finding;
  const { undoneUntil: _until, undoneRunId: _run, undoneBy: _by, ...others } = rest;
  const { reverts: _reverts, quarantines: _count, quarantinedUntil: _end, ...plain } = others;
  return { ...plain, ...memory };
}

function lastingMemory(memory: SafetyMemory): SafetyMemory {
  const { undoneUntil, undoneRunId, undoneBy, reverts, quarantines, quarantinedUntil, exemptionInvalidSince } = memory;
  return {
    ...(exemptionInvalidSince !== undefined && { exemptionInvalidSince }),
    ...(undoneUntil !== undefined && { undoneUntil }),
    ...(undoneRunId !== undefined && { undoneRunId }),
    ...(undoneBy !== undefined && { undoneBy }),
    ...(reverts !== undefined && { reverts }),
    ...(quarantines !== undefined && { quarantines }),
    ...(quarantinedUntil !== undefined && { quarantinedUntil }),
  };
}

/** What a pass has found out about one (resource, policy). */
export interface Observation {
  readonly target: ResourceId;
  readonly policy: Policy;
  readonly verdict: Verdict;
  readonly decision: Decision | undefined;
  readonly mode: string | undefined;
  /** The change that led here, if one did. */
  readonly cause: PendingCause | undefined;
  readonly othersActedAt: string | undefined;
  readonly run: { readonly runId: string; readonly outcome: Outcome } | undefined;
  /** A run about it that ended in this pass, one that is to be tried again included. */
  readonly endedRunId: string | undefined;
  /** A run of this pass has just fixed it, or cured it by the way. */
  readonly fixedAt: Date | undefined;
  readonly memory: SafetyMemory;
  /** Parts of the resource that may have a ticket. */
  readonly ticketParts: readonly string[];
  readonly configHash: string;
  readonly now: Date;
}

/** Outcomes after which a sweep waits before it tries again. */
const FAILED_FOR_GOOD = new Set<Outcome>([
  'denied',
  'denied-by-policy',
  'locked',
  'failed',
  'not-effective',
  'gave-up',
]);

/** Does the breaker count it? Locks and policies say something about the resource, and its owner could stop the fixes of all others by them. */
export function isFailureOfOurs(outcome: Outcome): boolean {
  return FAILED_FOR_GOOD.has(outcome) && outcome !== 'locked' && outcome !== 'denied-by-policy';
}

/** The finding after this observation; undefined when there is nothing to remember. */
export function nextFinding(previous: Finding | undefined, observation: Observation): Finding | undefined {
  const { target, policy, verdict, othersActedAt: actedAt, run, fixedAt, memory, ticketParts, now } = observation;
  const isOpen = verdict.verdict === 'violation' || verdict.verdict === 'unknown';
  if (!isOpen && previous === undefined && actedAt === undefined && run === undefined && fixedAt === undefined)
    return undefined;
  const lastFixedAt = fixedAt?.toISOString() ?? previous?.lastFixedAt;
  const base = {
    resourceId: previous?.resourceId ?? target.id,
    subscriptionId: target.subscriptionId,
    policyId: policy.id,
    severity: policy.severity,
    verdict: verdict.verdict,
    ...evidenceOf(verdict),
    updated: now.toISOString(),
    ...(actedAt !== undefined && { othersActedAt: actedAt }),
    ...(lastFixedAt !== undefined && { lastFixedAt }),
    ...(ticketParts.length > 0 && { ticketParts }),
    ...lastRunOf(previous, run),
  };
  if (verdict.verdict === 'compliant' || verdict.verdict === 'not-applicable') {
    const since = previous?.since ?? now.toISOString();
    return {
      ...base,
      ...lastingMemory(memory),
      since,
      status: 'closed',
      closedBecause: verdict.verdict,
      attempts: 0,
      ...actorOf(previous, undefined),
    };
  }
  return { ...base, ...memory, ...openColumns(previous, observation) };
}

function openColumns(previous: Finding | undefined, observation: Observation) {
  const { decision, mode, cause, run, endedRunId, configHash, now } = observation;
  const stillOpen = previous?.status === 'open' ? previous : undefined;
  const hasFailed = run !== undefined && FAILED_FOR_GOOD.has(run.outcome);
  const attempts = (stillOpen?.attempts ?? 0) + (hasFailed ? 1 : 0);
  const until = decision?.reason === 'backing-off' ? undefined : decision?.until?.toISOString();
  // A back-off outlasts what is decided meanwhile; any other moment belonged to the decision that named it.
  const backoff = hasFailed ? backoffUntil(attempts, now).toISOString() : stillOpen?.backoffUntil;
  const notBefore = hasFailed ? backoff : (until ?? backoff);
  const failedAt = hasFailed ? now.toISOString() : stillOpen?.failedAt;
  const firstRunId = stillOpen?.firstRunId ?? endedRunId;
  return {
    status: 'open' as const,
    since: stillOpen?.since ?? now.toISOString(),
    attempts,
    configHash,
    ...(mode !== undefined && { mode }),
    ...(decision === undefined ? lastDecisionOf(stillOpen) : decisionColumns(decision)),
    ...(keepsPlace(stillOpen, decision) && { hasPlace: true as const }),
    ...(notBefore !== undefined && { notBefore }),
    ...(backoff !== undefined && { backoffUntil: backoff }),
    ...(failedAt !== undefined && { failedAt }),
    ...(firstRunId !== undefined && { firstRunId }),
    ...actorOf(stillOpen, cause),
  };
}

/** A place at the breaker is kept while nothing but waiting stands between it and the fix. */
function keepsPlace(stillOpen: Finding | undefined, decision: Decision | undefined): boolean {
  if (decision?.reason === 'breaker-cap') return true;
  return stillOpen?.hasPlace === true && (decision === undefined || decision.isPassing === true);
}

function decisionColumns({ decision, reason, because }: Decision) {
  return { decision, reason, ...(because !== undefined && { because: because.slice(0, 2000) }) };
}

/** A look that ended before it decided leaves what was decided before. */
function lastDecisionOf(finding: Finding | undefined) {
  return {
    ...(finding?.decision !== undefined && { decision: finding.decision }),
    ...(finding?.reason !== undefined && { reason: finding.reason }),
    ...(finding?.because !== undefined && { because: finding.because }),
  };
}

function lastRunOf(previous: Finding | undefined, run: Observation['run']) {
  if (run !== undefined) return { lastOutcome: run.outcome, lastRunId: run.runId };
  return {
    ...(previous?.lastOutcome !== undefined && { lastOutcome: previous.lastOutcome }),
    ...(previous?.lastRunId !== undefined && { lastRunId: previous.lastRunId }),
  };
}

function actorOf(previous: Finding | undefined, cause: PendingCause | undefined) {
  const actor = cause?.actor?.id ?? previous?.actor;
  return actor === undefined ? {} : { actor };
}

/** What was seen, as a finding says it. */
export function evidenceOf(verdict: Verdict): { readonly evidence?: string } {
  switch (verdict.verdict) {
    case 'violation':
      return { evidence: JSON.stringify(verdict.evidence) };
    case 'not-applicable':
      return { evidence: verdict.reason };
    case 'unknown':
      return { evidence: `missing: ${verdict.missing}` };
    case 'compliant':
      return {};
  }
}

/** Does the new state say anything that the stored one does not? */
export function isChanged(previous: Finding | undefined, next: Finding): boolean {
  if (previous === undefined) return true;
  const { updated: _before, ...old } = previous;
  const { updated: _after, ...fresh } = next;
  return !isDeepStrictEqual(old, fresh);
}

/** Is this decision news? Only then does it get an audit row. */
export function isNewDecision(previous: Finding | undefined, next: Finding): boolean {
  if (previous?.status !== 'open') return true;
  return (['decision', 'reason', 'mode', 'evidence', 'because'] as const).some((name) => previous[name] !== next[name]);
}

/** When somebody else last performed the action that the remediation yields to. */
export function othersActedAt(
  previous: Finding | undefined,
  remediation: Remediation | undefined,
  causes: readonly PendingCause[],
  now: Date,
): string | undefined {
  const action = remediation?.yieldsTo?.action.toLowerCase();
  if (action === undefined) return undefined;
  const times = causes
    .filter(({ operation }) => operation?.toLowerCase() === action)
    // An event that says it was in the future was taken in before that.
    .map(({ time, queuedAt }) => new Date(Math.min(Date.parse(time), Date.parse(queuedAt))).toISOString());
  return [previous?.othersActedAt, ...times]
    .filter((time) => time !== undefined)
    .filter((time) => Date.parse(time) <= now.getTime())
    .toSorted()
    .at(-1);
}

/** Outcomes that another try soon after cannot change, whoever writes meanwhile. */
const REFUSED = new Set<string | undefined>(['denied', 'denied-by-policy', 'locked']);
/** How long a refused fix is not tried again because of an event, in milliseconds. */
const REFUSED_WAIT = 15 * 60_000;

/** Until when an open finding is left alone after a run that failed: long for sweeps, short for changes by others. */
export function backoffOf(previous: Finding | undefined, isSweepOnly: boolean): Date | undefined {
  if (previous?.status !== 'open' || previous.failedAt === undefined) return undefined;
  if (isSweepOnly) return previous.backoffUntil === undefined ? undefined : new Date(previous.backoffUntil);
  return REFUSED.has(previous.lastOutcome) ? new Date(Date.parse(previous.failedAt) + REFUSED_WAIT) : undefined;
}

/** The cause that a person would name: the newest of the first kind that is there. */
export function principalCause(causes: readonly PendingCause[]): PendingCause | undefined {
  const [first] = BY_WEIGHT.filter((kind) => causes.some((cause) => cause.kind === kind));
  return first === undefined ? undefined : newest(causes, first);
}

/** What weighs most first. */
const BY_WEIGHT: readonly CauseKind[] = ['operator', 'alert', 'event', 'notification', 'sweep'];

/** The newest cause that tells of a change: whoever is behind it changed the resource last. */
export function writeCause(causes: readonly PendingCause[]): PendingCause | undefined {
  return newest(causes, 'event');
}

function newest(causes: readonly PendingCause[], wanted: CauseKind): PendingCause | undefined {
  return causes
    .filter(({ kind }) => kind === wanted)
    .toSorted((one, other) => Date.parse(other.time) - Date.parse(one.time))[0];
}
