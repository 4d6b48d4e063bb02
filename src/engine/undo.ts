import { isDeepStrictEqual } from 'node:util';
import type { Policy } from '../policy/define-policy.ts';
import type { Remediation, TouchedValues } from '../remediations/define-remediation.ts';
import type { OpenRun } from '../work/work-items.ts';
import { intentRow } from './audit-rows.ts';
import { callAzure, endAfterError, endRun, type RunEnd, type RunInput, type RunOutcome } from './fix-run.ts';
import { readPointers } from './json-pointer.ts';
import { type EngineContext, LIMITS } from './ports.ts';
import type { ResourcePass } from './resource-pass.ts';
import { runInputOf, subjectOf } from './run-input.ts';
import { busyState, type Snapshot } from './snapshot.ts';
import { answerUndo, refuseUndo, type UndoCause } from './undo-answer.ts';
import { checkUndo, describeDrift, findUndoable, pathsOf, type Refusal } from './undoable.ts';
import { retryDelay, verificationDelay } from './waiting.ts';
import type { Wait } from './waits.ts';

/** What is left to do after an undo, and the resource as it is now. */
export interface Undone {
  readonly wait: Wait | undefined;
  readonly snapshot: Snapshot;
}

/** Takes back what one run changed, if the resource is still as that run left it. Ends with one audit row of stage `undo`. */
export async function undoFix(pass: ResourcePass, snapshot: Snapshot, cause: UndoCause): Promise<Undone> {
  const { context, lease } = pass;
  const { runId } = cause.request;
  const found = await findUndoable(context, runId);
  if ('refused' in found) return await refuse(pass, snapshot, cause, found);
  const policy = context.policies.find(({ id }) => id === found.policyId);
  const refusal = checkUndo(pass, policy, found, runId);
  if (policy === undefined || refusal !== undefined)
    return await refuse(pass, snapshot, cause, refusal ?? { refused: 'unknown-policy', because: found.policyId });
  if (busyState(snapshot)?.reason === 'resource-busy')
    return { wait: { delayMs: retryDelay(lease.item.attempt) }, snapshot };
  const { before, after, remediation } = found;
  const touches = pathsOf(before, after);
  const current = readPointers(snapshot.raw, touches);
  if (!isDeepStrictEqual(current, after)) return await refuse(pass, snapshot, cause, describeDrift(current, found));
  const startedAt = context.clock.now();
  const run: UndoRun = {
    runId: context.newRunId(startedAt),
    policyId: policy.id,
    remediationId: remediation.id,
    startedAt: startedAt.toISOString(),
    touches,
    before: after,
    operations: [],
    resumed: 0,
    approvedBy: cause.actor?.id ?? 'unknown',
    undo: { of: runId, before, requestId: cause.id, requestedAt: cause.time },
  };
  const input = undoInput(pass, policy, remediation, run);
  input.calls.reset();
  await pass.notes.saveEnded();
  await lease.storeRun(run);
  const subject = { ...subjectOf(pass, policy, pass.evaluate(policy, snapshot)), remediationId: remediation.id, cause };
  const details = { run, decision: undefined, previousRunId: runId };
  const intent = intentRow(context, subject, details);
  await context.audit.append(intent.key, intent.record);
  return await settleUndo(pass, policy, run, await perform(context, input, run, snapshot), snapshot);
}

/** Takes up an undo that an earlier worker left without an outcome. */
export async function takeUpUndo(
  pass: ResourcePass,
  policy: Policy,
  remediation: Remediation,
  run: UndoRun,
  snapshot: Snapshot,
): Promise<Undone> {
  const { context, lease } = pass;
  const input = undoInput(pass, policy, remediation, run);
  const resumed = { ...run, resumed: run.resumed + 1 };
  return await settleUndo(pass, policy, run, await goOn(), snapshot);

  async function goOn(): Promise<RunEnd> {
    if (isVerifying(run)) return await judge(context, input, run, snapshot);
    const current = readPointers(snapshot.raw, run.touches);
    if (isRestored(remediation, run, current)) return await endUndone(context, input, resumed, snapshot);
    const isOff = context.settings.cap === 'off' || context.settings.cap === 'observe';
    if (isOff || !isDeepStrictEqual(current, run.before)) {
      const reason = isOff ? 'kill-switch' : 'drifted';
      return await endRun(context, input, resumed, { outcome: 'abandoned', reason, snapshot });
    }
    input.calls.reset();
    await lease.storeRun(resumed);
    return await perform(context, input, resumed, snapshot);
  }
}

/** A run that takes another one back. */
export type UndoRun = OpenRun & { readonly undo: NonNullable<OpenRun['undo']> };
type VerifyingRun = UndoRun & { readonly verifyingSince: string };

export function isUndoRun(run: OpenRun): run is UndoRun {
  return run.undo !== undefined;
}

function isVerifying(run: UndoRun): run is VerifyingRun {
  return run.verifyingSince !== undefined;
}

function undoInput(pass: ResourcePass, policy: Policy, remediation: Remediation, run: UndoRun): RunInput {
  return { ...runInputOf(pass, policy, remediation), previousRunId: run.undo.of };
}

async function perform(context: EngineContext, input: RunInput, run: UndoRun, { resource }: Snapshot): Promise<RunEnd> {
  const { undo } = run;
  const called = await callAzure(context, input, run, async (ops) => {
    const { subject, remediation } = input;
    const { target } = subject;
    const values = { before: undo.before, after: run.before };
    await remediation.undo?.({ target, ops, ...values, ...(resource !== undefined && { resource }) });
  });
  const ended = { ...called.run, undo };
  if (called.failure !== undefined) return await endAfterError(context, input, ended, called.failure.error, 'fix');
  const verifying = { ...ended, verifyingSince: context.clock.now().toISOString() };
  let snapshot: Snapshot;
  try {
    snapshot = await input.read();
  } catch (error) {
    return await endAfterError(context, input, verifying, error, 'verify');
  }
  return await judge(context, input, verifying, snapshot);
}

/** The outcome is what the resource says. */
async function judge(context: EngineContext, input: RunInput, run: VerifyingRun, snapshot: Snapshot): Promise<RunEnd> {
  const current = readPointers(snapshot.raw, run.touches);
  if (isRestored(input.remediation, run, current)) return await endUndone(context, input, run, snapshot);
  const waitedMs = context.clock.now().getTime() - Date.parse(run.verifyingSince);
  if (waitedMs < LIMITS.verification) return { end: 'open', run, delayMs: verificationDelay(input.lease.item.attempt) };
  const error = 'the resource does not show the values from before the fix';
  return await endRun(context, input, run, { outcome: 'not-effective', reason: 'not-verified', error, snapshot });
}

/** Are the values from before the fix back? Not everything can be shown the very same again. */
function isRestored(remediation: Remediation, { undo }: UndoRun, current: TouchedValues): boolean {
  return isDeepStrictEqual(current, undo.before) || remediation.isRestored?.(undo.before, current) === true;
}

async function endUndone(
  context: EngineContext,
  input: RunInput,
  run: OpenRun,
  snapshot: Snapshot,
): Promise<RunOutcome> {
  const reason = run.resumed > 0 ? 'verified-after-restart' : 'verified';
  return await endRun(context, input, run, { outcome: 'undone', reason, snapshot });
}

/** Remembers what came of it, and answers whoever asked. */
export async function settleUndo(
  pass: ResourcePass,
  policy: Policy,
  run: UndoRun,
  end: RunEnd,
  snapshot: Snapshot,
): Promise<Undone> {
  if (end.end === 'open') return { wait: { delayMs: end.delayMs, run: end.run }, snapshot };
  const current = end.snapshot ?? snapshot;
  const { undo, approvedBy = 'unknown' } = run;
  pass.noteTried(policy);
  // The next attempt is a run of its own, which names the run that it takes back.
  if (end.outcome === 'retry')
    return { wait: { delayMs: end.delayMs ?? retryDelay(pass.lease.item.attempt) }, snapshot: current };
  if (end.outcome === 'undone') {
    const { clock, settings } = pass.context;
    const until = new Date(clock.now().getTime() + settings.safety.exemptions.undoMs);
    const undone = { undoneUntil: until.toISOString(), undoneRunId: undo.of, undoneBy: approvedBy };
    pass.noteUndone(policy);
    pass.noteRun(policy, end);
    pass.remember(policy.id, { ...pass.memoryOf(policy), ...undone });
    // Stored before the answer, and before another run takes this one's place: nobody else knows that it is to be left alone.
    await pass.note({ policy, verdict: pass.evaluate(policy, current) });
    await pass.notes.save();
  }
  const because =
    end.outcome === 'undone'
      ? 'the values from before the fix are back; the policy leaves the resource alone for a while'
      : `the undo ended as ${end.outcome}: see the outcome of run ${run.runId}`;
  await answerUndo(pass, {
    requestId: undo.requestId,
    requestedAt: undo.requestedAt,
    actor: approvedBy,
    record: {
      policyId: policy.id,
      remediationId: run.remediationId,
      remediationRunId: run.runId,
      previousRunId: undo.of,
      outcome: end.outcome,
      reason: end.outcome,
      error: because,
    },
  });
  return { wait: undefined, snapshot: current };
}

async function refuse(
  pass: ResourcePass,
  snapshot: Snapshot,
  cause: UndoCause,
  { refused, because }: Refusal,
): Promise<Undone> {
  await refuseUndo(pass, cause, refused, because);
  return { wait: undefined, snapshot };
}
