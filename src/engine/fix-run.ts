import { type Outcome, runStart } from '../audit/audit-log.ts';
import { type ErrorCode, isDockwardenError } from '../errors.ts';
import { RUN_ID } from '../events/cause.ts';
import type { Verdict } from '../policy/define-policy.ts';
import type { Remediation } from '../remediations/define-remediation.ts';
import { joinOperations, type OpenRun, type PendingCause } from '../work/work-items.ts';
import { intentRow, outcomeRow, type Subject, type Timings } from './audit-rows.ts';
import type { AzureCalls } from './azure-calls.ts';
import { countFailure } from './breaking.ts';
import { isPassingError } from './decide.ts';
import type { Decided } from './deciding.ts';
import { isFailureOfOurs } from './finding-state.ts';
import { readPointers } from './json-pointer.ts';
import { type EngineContext, LIMITS } from './ports.ts';
import type { Snapshot } from './snapshot.ts';
import type { Violation } from './violation.ts';
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
  /** The first run about this violation; undefined = there was none before. */
  readonly firstRunId: string | undefined;
  /** Would it be over, had it been fixed at that moment? Not if somebody else has acted since. */
  readonly isSettledBy: (moment: Date) => boolean;
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
  /** Its writes were done, and somebody else undid them before they could be verified. */
  readonly isReversed?: true;
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

/** Most request ids that a run keeps. */
const MAX_REQUEST_IDS = 40;

/** Records the intent and fixes. Nothing in Azure is touched before the intent is stored. */
export async function startRun(
  context: EngineContext,
  input: RunInput,
  violation: Violation,
  decided: Decided,
  touched: Pick<OpenRun, 'touches' | 'before'>,
): Promise<RunEnd> {
  const { subject, timings, lease, previousRunId } = input;
  const runId = decided.runId ?? context.newRunId(context.clock.now());
  const run: OpenRun = {
    runId,
    policyId: subject.policy.id,
    remediationId: subject.remediationId,
    startedAt: runStart(runId).toISOString(),
    ...touched,
    timings: { ...timings },
    operations: [],
    ...(decided.approvedBy !== undefined && { approvedBy: decided.approvedBy }),
    resumed: 0,
  };
  input.calls.reset();
  // In this order: an intent that nobody can find again would be a promise that nobody keeps.
  await lease.storeRun(run);
  const verdict: Verdict = { verdict: 'violation', evidence: violation.evidence };
  const intent = intentRow(
    context,
    { ...subject, verdict, timings },
    { run, decision: decided.decision, previousRunId },
  );
  await context.audit.append(intent.key, intent.record);
  return await perform(context, input, violation, run);
}

/** Goes on where an earlier worker left off; the caller has decided anew that acting is still right. */
export async function resumeRun(
  context: EngineContext,
  input: RunInput,
  violation: Violation,
  run: OpenRun,
): Promise<RunEnd> {
  input.calls.reset();
  const resumed = { ...run, resumed: run.resumed + 1 };
  await input.lease.storeRun(resumed);
  return await perform(context, input, violation, resumed);
}

async function perform(context: EngineContext, input: RunInput, violation: Violation, run: OpenRun): Promise<RunEnd> {
  const called = await callAzure(context, input, run, async (ops) => {
    await input.remediation.fix({ ...violation, ops });
  });
  if (called.failure !== undefined) return await endAfterError(context, input, called.run, called.failure.error, 'fix');
  return await verifyRun(context, input, { ...called.run, verifyingSince: context.clock.now().toISOString() });
}

/** A run after its calls, and what one of them threw. */
export interface Called {
  readonly run: OpenRun;
  readonly failure?: { readonly error: unknown };
}

/** Makes the calls of a run; what an earlier worker has done in it is not done again. */
export async function callAzure(
  context: EngineContext,
  { remediation, calls, firstRunId, lease, isSettledBy }: RunInput,
  run: OpenRun,
  act: (ops: Parameters<Remediation['fix']>[0]['ops']) => Promise<void>,
): Promise<Called> {
  let current = run;
  const ops = calls.bind(remediation.uses, {
    writes: 'send',
    runId: run.runId,
    isSameViolation: (id) =>
      RUN_ID.test(id) && id >= (firstRunId ?? run.runId) && id <= run.runId && isSettledBy(runStart(id)),
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
  try {
    await act(ops);
    return { run: withCalls(current, calls) };
  } catch (error) {
    return { run: withCalls(current, calls), failure: { error } };
  }
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
    const ending = { outcome: 'retry', reason: 'changed-again', snapshot, delayMs: 1000 } as const;
    const end = await endRun(context, input, run, ending);
    return hasWritten(run) && run.touches.length > 0 ? { ...end, isReversed: true } : end;
  }
  const now = context.clock.now();
  const unverifiedSince = run.unverifiedSince ?? now.toISOString();
  // One look after a long outage proves little: somebody may have set it back, and the event is still on its way.
  const isOver = now.getTime() - since.getTime() >= LIMITS.verification;
  if (!isOver || now.getTime() - Date.parse(unverifiedSince) < LIMITS.missing) {
    const delayMs = verificationDelay(input.lease.item.attempt);
    return { end: 'open', run: { ...run, unverifiedSince }, delayMs };
  }
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
  // A worker that died may have written without a trace; only a state that shows the fix speaks for it.
  const mayHaveWritten = run.resumed > 0 || writes.some(({ result }) => result === 'unknown');
  const outcome = hasWritten(run) || (mayHaveWritten && verdict === 'compliant') ? 'fixed' : 'already-compliant';
  const reason = run.resumed > 0 ? 'verified-after-restart' : 'verified';
  return await endRun(context, input, run, { outcome, reason, snapshot });
}

/** What an error means for the run: another try, a later look, or the end. */
export async function endAfterError(
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
  const isPassing = isPassingError(thrown);
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
  // Before the outcome: a worker that dies in between leaves an open run, and its next end counts again.
  if (isFailureOfOurs(outcome) && run.undo === undefined)
    await countFailure(context, input.subject.target, input.subject.remediationId);
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

function hasWritten({ operations }: OpenRun): boolean {
  return operations.some(({ effect, result }) => effect === 'write' && result === 'done');
}

/** A fix counts from the moment when its writes were known to be done. */
function fixedAtOf(run: OpenRun, outcome: Outcome): { readonly fixedAt?: Date } {
  return outcome === 'fixed' && hasWritten(run) ? { fixedAt: new Date(run.verifyingSince ?? run.startedAt) } : {};
}
