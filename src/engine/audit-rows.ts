import {
  type AuditKey,
  type AuditRecord,
  type AuditStage,
  auditKey,
  MAX_CELL_CHARACTERS,
  type Outcome,
} from '../audit/audit-log.ts';
import type { Policy, Verdict } from '../policy/define-policy.ts';
import type { TouchedValues } from '../remediations/define-remediation.ts';
import type { ResourceId } from '../resources/resource-id.ts';
import type { OpenRun, PendingCause, RecordedOperation } from '../work/work-items.ts';
import type { Decision } from './decide.ts';
import type { EngineContext } from './ports.ts';

/** Moments of one pass, ISO 8601; a stage that did not happen is absent. */
export interface Timings {
  readonly event?: string;
  readonly queued?: string;
  readonly started?: string;
  readonly read?: string;
  readonly decided?: string;
  readonly fixed?: string;
  readonly verified?: string;
}

/** What all rows about one violation have in common. */
export interface Subject {
  readonly target: ResourceId;
  readonly policy: Policy;
  readonly remediationId?: string;
  readonly verdict: Verdict;
  readonly cause?: PendingCause;
  readonly timings: Timings;
}

export interface AuditRow {
  readonly key: AuditKey;
  readonly record: AuditRecord;
}

/** Longest error text in a row. */
const MAX_ERROR = 2000;

export function decisionRow(
  context: EngineContext,
  subject: Subject,
  decision: Decision,
  plan: readonly RecordedOperation[],
): AuditRow {
  const now = context.clock.now();
  return {
    key: auditKey(now, context.newRunId(now), 'decision'),
    record: {
      ...common(context, subject, 'decision', now),
      decision: decision.decision,
      reason: decision.reason,
      ...(plan.length > 0 && { operations: cellOf(plan) }),
      ...(decision.because !== undefined && { error: decision.because.slice(0, MAX_ERROR) }),
    },
  };
}

/** What an intent says: written before the first mutating call. */
export interface IntentDetails {
  readonly run: OpenRun;
  /** Absent for an undo, which an operator decides. */
  readonly decision: Decision | undefined;
  readonly previousRunId: string | undefined;
}

export function intentRow(context: EngineContext, subject: Subject, intent: IntentDetails): AuditRow {
  const { run, decision, previousRunId } = intent;
  return {
    key: runKey(run, 'intent'),
    record: {
      ...common(context, subject, 'intent', context.clock.now()),
      remediationRunId: run.runId,
      ...(decision === undefined ? { reason: 'undo' } : { decision: decision.decision, reason: decision.reason }),
      before: JSON.stringify(run.before),
      ...(previousRunId !== undefined && { previousRunId }),
      ...(run.approvedBy !== undefined && { approvedBy: run.approvedBy }),
    },
  };
}

export interface OutcomeDetails {
  readonly run: OpenRun;
  readonly outcome: Outcome;
  readonly reason: string;
  readonly after: TouchedValues | undefined;
  readonly requestIds: readonly string[];
  readonly error: string | undefined;
  readonly previousRunId: string | undefined;
}

export function outcomeRow(context: EngineContext, subject: Subject, details: OutcomeDetails): AuditRow {
  const { run, outcome, reason, after, requestIds, error, previousRunId } = details;
  const now = context.clock.now();
  return {
    key: runKey(run, 'outcome'),
    record: {
      ...common(context, subject, 'outcome', now),
      remediationRunId: run.runId,
      ...(run.undo === undefined && { decision: 'fix' }),
      ...(run.approvedBy !== undefined && { approvedBy: run.approvedBy }),
      outcome,
      reason,
      before: JSON.stringify(run.before),
      ...(after !== undefined && { after: cellOf(after) }),
      operations: cellOf(run.operations),
      ...(requestIds.length > 0 && { armRequestIds: [...new Set(requestIds)].join(',').slice(0, MAX_ERROR) }),
      ...(subject.cause !== undefined && { latencyMs: elapsed(subject.cause.time, now) }),
      durationMs: elapsed(run.startedAt, now),
      ...(error !== undefined && { error: error.slice(0, MAX_ERROR) }),
      ...(previousRunId !== undefined && { previousRunId }),
    },
  };
}

/** The outcome of a run that this version knows only from its own row. */
export function forgottenRow(
  { clock, settings, version }: EngineContext,
  target: ResourceId,
  run: OpenRun,
  cause: PendingCause | undefined,
): AuditRow {
  const now = clock.now();
  return {
    key: runKey(run, 'outcome'),
    record: {
      time: now.toISOString(),
      stage: 'outcome',
      remediationRunId: run.runId,
      ...resourceColumns(target),
      policyId: run.policyId,
      remediationId: run.remediationId,
      outcome: 'abandoned',
      reason: 'unknown-remediation',
      ...(cause !== undefined && causeColumns(cause)),
      before: cellOf(run.before),
      operations: cellOf(run.operations),
      durationMs: elapsed(run.startedAt, now),
      configHash: settings.hash,
      version,
    },
  };
}

/** Milliseconds, as many as a 32-bit column takes. */
function elapsed(since: string, now: Date): number {
  return Math.min(Math.max(0, now.getTime() - Date.parse(since)), 2 ** 31 - 1);
}

/** JSON that fits into a cell; what does not is said to be missing, never cut in the middle. */
function cellOf(value: unknown): string {
  const json = JSON.stringify(value);
  return json.length <= MAX_CELL_CHARACTERS ? json : JSON.stringify({ tooLarge: json.length });
}

/** Keys of a run are fixed by its start and id, so a repeated insert meets its own row. */
export function runKey(run: OpenRun, stage: 'intent' | 'outcome'): AuditKey {
  return auditKey(new Date(run.startedAt), run.runId, stage);
}

/** Columns that name a resource. */
export function resourceColumns(target: ResourceId): Partial<AuditRecord> {
  return {
    resourceId: target.id,
    resourceType: target.type,
    resourceName: target.name,
    subscriptionId: target.subscriptionId,
    resourceGroup: target.resourceGroup,
  };
}

/** Columns that name a cause and the writer behind it. */
export function causeColumns(cause: PendingCause): Partial<AuditRecord> {
  const { kind, id, time, actor, correlationId } = cause;
  return {
    causeKind: kind,
    causeId: id,
    causeTime: time,
    ...(actor?.id !== undefined && { actor: actor.id }),
    ...(actor?.type !== undefined && { actorType: actor.type }),
    ...(actor?.application !== undefined && { actorApplication: actor.application }),
    ...(actor?.name !== undefined && { actorName: actor.name }),
    ...(correlationId !== undefined && { correlationId }),
  };
}

function common(context: EngineContext, subject: Subject, stage: AuditStage, now: Date): AuditRecord {
  const { target, policy, remediationId, verdict, cause, timings } = subject;
  return {
    time: now.toISOString(),
    stage,
    ...resourceColumns(target),
    policyId: policy.id,
    ...(remediationId !== undefined && { remediationId, mode: context.settings.modeOf(remediationId) }),
    severity: policy.severity,
    verdict: verdict.verdict,
    ...(verdict.verdict === 'violation' && { evidence: cellOf(verdict.evidence) }),
    ...(cause !== undefined && causeColumns(cause)),
    timings: JSON.stringify(timings),
    configHash: context.settings.hash,
    version: context.version,
  };
}
