import type { Outcome } from '../audit/audit-log.ts';
import { DockwardenError, type ErrorCode, isDockwardenError } from '../errors.ts';
import type { Verdict } from '../policy/define-policy.ts';
import type { Remediation } from '../remediations/define-remediation.ts';
import { joinOperations, type OpenRun, type PendingCause } from '../work/work-items.ts';
import { intentRow, outcomeRow, type Subject, type Timings } from './audit-rows.ts';
import type { AzureCalls } from './azure-calls.ts';
import type { Decision } from './decide.ts';
import { readPointers } from './json-pointer.ts';
import { type EngineContext, LIMITS } from './ports.ts';
import type { Snapshot } from './snapshot.ts';
import { retryDelay, verificationDelay } from './waiting.ts';
import type { WorkLease } from './work-lease.ts';

/** What a run needs besides the engine's context. */
export interface RunInput {
  readonly subject: Omit<Subject, 'timings' | 'verdict'> & { readonly remediationId: string };
  readonly remediation: Remediation;
  readonly timings: Timings;
  readonly calls: AzureCalls;
  readonly lease: WorkLease;
  readonly previousRunId: string | undefined;
  /** Reads the live resource again. */
  read(): Promise<Snapshot>;
  /** Judges it; with `lastFixedAt`, as if the writes of this run counted already. */
  evaluate(snapshot: Snapshot, lastFixedAt?: Date): Verdict;
}

/** A run that is over. */
export interface RunOutcome {
  readonly end: 'outcome';
  readonly outcome: Outcome;
  readonly runId: string;
  /** The resource as read back, where the outcome rests on it. */
  readonly snapshot?: Snapshot;
  /** When its writes were done, if it fixed the violation by them. */
  readonly fixedAt?: Date;
  /** Only for `retry`: how long to wait. */
  readonly delayMs?: number;
}

/** How a run stands when this worker leaves it. */
export type RunEnd =
  | RunOutcome
  /** No outcome yet: a later read-back decides. */
  | { readonly end: 'open'; readonly run: OpenRun; readonly delayMs: number };

/** Errors that end a run for good, and the outcome that says so; any other is `failed`. */
const FINAL_OUTCOMES: Partial<Record<ErrorCode, Outcome>> = {
  AZURE_DENIED: 'denied',
  AZURE_POLICY_DENY: 'denied-by-policy',
  AZURE_LOCKED: 'locked',
  AZURE_NOT_FOUND: 'gone',
};

/** Errors after which nothing was applied, and another try may succeed. */
const PASSING_ERRORS = new Set<ErrorCode>(['AZURE_TRANSIENT', 'AZURE_BUSY', 'AZURE_CONFLICT']);

/** Largest before-state that is stored, in characters of JSON; it stands in two table rows beside other columns. */
const MAX_BEFORE = 8000;

/** Most request ids that a run keeps. */
const MAX_REQUEST_IDS = 40;

/** The paths that a fix may change and their present values; undefined when they are too large to be stored exactly. */
export function touchedBefore(
  remediation: Remediation,
  violation: Parameters<Remediation['touches']>[0],
  snapshot: Snapshot,
): Pick<OpenRun, 'touches' | 'before'> | undefined {
  const touches = remediation.touches(violation);
  const before = readPointers(snapshot.raw, touches);
  return JSON.stringify([touches, before]).length > MAX_BEFORE ? undefined : { touches, before };
}

/** Records the intent and fixes. Nothing in Azure is touched before the intent is stored. */
export async function startRun(
  context: EngineContext,
  input: RunInput,
  violation: Parameters<Remediation['touches']>[0],
  decision: Decision,
  touched: Pick<OpenRun, 'touches' | 'before'>,
): Promise<RunEnd> {
  const { subject, timings, lease, previousRunId } = input;
  const run: OpenRun = {
    runId: context.newRunId(),
    policyId: subject.policy.id,
    remediationId: subject.remediationId,
    startedAt: context.clock.now().toISOString(),
    ...touched,
    timings: { ...timings },
    operations: [],
    resumed: 0,
  };
  input.calls.reset();
  // In this order: an intent that nobody can find again would be a promise that nobody keeps.
  await lease.storeRun(run);
  const verdict: Verdict = { verdict: 'violation', evidence: violation.evidence };
  const intent = intentRow(
    context,
    { ...subject, verdict, timings },
    { run, decision, before: run.before, previousRunId },
  );
  await context.audit.append(intent.key, intent.record);
  return await perform(context, input, violation, run);
}

/** Goes on where an earlier worker left off; the caller has decided anew that acting is still right. */
export async function resumeRun(
  context: EngineContext,
  input: RunInput,
  violation: Parameters<Remediation['touches']>[0],
  run: OpenRun,
): Promise<RunEnd> {
  input.calls.reset();
  const resumed = { ...run, resumed: run.resumed + 1 };
  await input.lease.storeRun(resumed);
  return await perform(context, input, violation, resumed);
}

async function perform(
  context: EngineContext,
  input: RunInput,
  violation: Parameters<Remediation['touches']>[0],
  run: OpenRun,
): Promise<RunEnd> {
  const { remediation, calls, lease } = input;
  let current = run;
  const ops = calls.bind(remediation.uses, {
    writes: 'send',
    earlier: run.operations.filter(({ effect, result }) => effect === 'write' && result === 'done'),
    beforeWrite: async () => {
      await lease.ensure();
    },
    async afterWrite() {
      current = withCalls(current, calls);
      // What cannot be taken back is noted at once, so that no later worker repeats it.
      if (remediation.irreversible !== undefined) await noteProgress(context, lease, current);
    },
  });
  let failure: unknown;
  let hasFailed = false;
  try {
    await remediation.fix({ ...violation, ops });
  } catch (error) {
    failure = error;
    hasFailed = true;
  }
  current = withCalls(current, calls);
  if (hasFailed) return await endAfterError(context, input, current, failure, 'fix');
  return await verifyRun(context, input, { ...current, verifyingSince: context.clock.now().toISOString() });
}

/** The run with what this worker has called so far. */
function withCalls(run: OpenRun, calls: AzureCalls): OpenRun {
  return {
    ...run,
    operations: joinOperations(run.operations, calls.takeOperations()),
    requestIds: [...(run.requestIds ?? []), ...calls.takeRequestIds()].slice(-MAX_REQUEST_IDS),
  };
}

/** Without the note a later worker might repeat the write; stopping here for want of it would make sure that one does. */
async function noteProgress(context: EngineContext, lease: WorkLease, run: OpenRun): Promise<void> {
  try {
    await lease.storeRun(run);
  } catch (error) {
    if (!isDockwardenError(error, 'STORAGE_UNAVAILABLE')) throw error;
    context.log.warn('progress not stored', { runId: run.runId, error: error.message });
  }
}

/** A run of which all calls went through. */
type VerifiedRun = OpenRun & { readonly verifyingSince: string };

/** Reads back; the outcome is what the resource says, never what the calls returned. */
async function verifyRun(context: EngineContext, input: RunInput, run: VerifiedRun): Promise<RunEnd> {
  let snapshot: Snapshot;
  try {
    snapshot = await input.read();
  } catch (error) {
    return await endAfterError(context, input, run, error, 'verify');
  }
  return await judgeRun(context, input, run, snapshot);
}

/** The same for a resource that has just been read. */
export async function judgeRun(
  context: EngineContext,
  input: RunInput,
  run: VerifiedRun,
  snapshot: Snapshot,
): Promise<RunEnd> {
  const since = new Date(run.verifyingSince);
  const { verdict } = input.evaluate(snapshot, since);
  if (verdict === 'compliant' || verdict === 'not-applicable') return await endVerified(context, input, run, snapshot);
  // Somebody wrote after us: waiting for our own change to show would only keep the new one waiting.
  const isNews = ({ kind, queuedAt }: PendingCause) => kind === 'event' && new Date(queuedAt) > since;
  if (input.lease.causes.some(isNews)) {
    return await endRun(context, input, run, { outcome: 'retry', reason: 'changed-again', snapshot, delayMs: 1000 });
  }
  const waitedMs = context.clock.now().getTime() - since.getTime();
  if (waitedMs < LIMITS.verification) return { end: 'open', run, delayMs: verificationDelay(input.lease.item.attempt) };
  const error = 'the resource still shows the violation after the fix';
  return await endRun(context, input, run, { outcome: 'not-effective', reason: 'not-verified', error, snapshot });
}

/** The violation is over: says whether this run, or somebody else, saw to that. */
export async function endVerified(
  context: EngineContext,
  input: RunInput,
  run: OpenRun,
  snapshot: Snapshot,
): Promise<RunOutcome> {
  const { verdict } = input.evaluate(
    snapshot,
    run.verifyingSince === undefined ? undefined : new Date(run.verifyingSince),
  );
  const writes = run.operations.filter(({ effect }) => effect === 'write');
  const hasWritten = writes.some(({ result }) => result === 'done');
  // A worker that died may have written without a trace; only a state that shows the fix speaks for it.
  const mayHaveWritten = run.resumed > 0 || writes.some(({ result }) => result === 'unknown');
  const outcome = hasWritten || (mayHaveWritten && verdict === 'compliant') ? 'fixed' : 'already-compliant';
  const reason = run.resumed > 0 ? 'verified-after-restart' : 'verified';
  return await endRun(context, input, run, { outcome, reason, snapshot });
}

/** What an error means for the run: another try, a later look, or the end. */
async function endAfterError(
  context: EngineContext,
  input: RunInput,
  run: OpenRun,
  thrown: unknown,
  phase: 'fix' | 'verify',
): Promise<RunEnd> {
  if (!isDockwardenError(thrown)) {
    const error = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
    context.log.error('a remediation threw', { remediationId: run.remediationId, error });
    return await endRun(context, input, run, { outcome: 'failed', reason: 'internal-error', error });
  }
  if (thrown.code === 'LEASE_LOST' || thrown.code === 'STORAGE_UNAVAILABLE') throw thrown;
  const isPassing = PASSING_ERRORS.has(thrown.code);
  const ending = { reason: thrown.details.serviceCode ?? thrown.code, error: thrown.message };
  if (!isPassing && thrown.code !== 'AZURE_UNKNOWN_RESULT') {
    return await endRun(context, input, run, { outcome: FINAL_OUTCOMES[thrown.code] ?? 'failed', ...ending });
  }
  const { attempt } = input.lease.item;
  // The read-back has a day of its own: what came before it has waited for something else.
  const waitingSince = phase === 'verify' ? run.verifyingSince : input.lease.item.waitingSince;
  const waitedMs = waitingSince === undefined ? 0 : context.clock.now().getTime() - Date.parse(waitingSince);
  if (waitedMs >= LIMITS.givingUp) return await endRun(context, input, run, { outcome: 'gave-up', ...ending });
  const delayMs = retryDelay(attempt, thrown);
  if (phase === 'fix' && isPassing) return await endRun(context, input, run, { outcome: 'retry', ...ending, delayMs });
  return { end: 'open', run, delayMs };
}

interface Ending {
  readonly outcome: Outcome;
  readonly reason: string;
  readonly error?: string;
  readonly snapshot?: Snapshot;
  readonly delayMs?: number;
}

/** Writes the one outcome of a run. */
export async function endRun(
  context: EngineContext,
  input: RunInput,
  run: OpenRun,
  ending: Ending,
): Promise<RunOutcome> {
  const { outcome, reason, error, snapshot, delayMs } = ending;
  const verifyingSince = run.verifyingSince === undefined ? undefined : new Date(run.verifyingSince);
  const verdict: Verdict =
    snapshot === undefined ? { verdict: 'unknown', missing: 'a read-back' } : input.evaluate(snapshot, verifyingSince);
  const verified = snapshot === undefined ? {} : { verified: snapshot.readAt.toISOString() };
  const fixed = run.verifyingSince === undefined ? {} : { fixed: run.verifyingSince };
  const row = outcomeRow(
    context,
    { ...input.subject, verdict, timings: { ...(run.timings ?? input.timings), ...fixed, ...verified } },
    {
      run,
      outcome,
      reason,
      after: snapshot === undefined ? undefined : readPointers(snapshot.raw, run.touches),
      requestIds: [...(run.requestIds ?? []), ...input.calls.takeRequestIds()],
      error,
      previousRunId: input.previousRunId,
    },
  );
  await context.audit.append(row.key, row.record);
  return {
    end: 'outcome',
    outcome,
    runId: run.runId,
    ...(snapshot !== undefined && { snapshot }),
    ...fixedAtOf(run, outcome),
    ...(delayMs !== undefined && { delayMs }),
  };
}

/** A fix counts from the moment when its writes were known to be done. */
function fixedAtOf(run: OpenRun, outcome: Outcome): { readonly fixedAt?: Date } {
  const hasWritten = run.operations.some(({ effect, result }) => effect === 'write' && result === 'done');
  return outcome === 'fixed' && hasWritten ? { fixedAt: new Date(run.verifyingSince ?? run.startedAt) } : {};
}

/** The violation that a remediation is given; a verdict that is none cannot be fixed. */
export function violationOf(
  context: EngineContext,
  subject: Pick<Subject, 'target' | 'policy'>,
  snapshot: Snapshot,
  verdict: Verdict,
): Parameters<Remediation['touches']>[0] {
  if (snapshot.resource === undefined || verdict.verdict !== 'violation') {
    throw new DockwardenError('INTERNAL_INVARIANT', 'only a violation of a readable resource can be fixed');
  }
  const parameters = context.settings.parametersOf(subject.policy.id);
  return { target: subject.target, resource: snapshot.resource, evidence: verdict.evidence, parameters };
}
