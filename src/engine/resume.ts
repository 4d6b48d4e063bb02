import type { Policy } from '../policy/define-policy.ts';
import type { OpenRun } from '../work/work-items.ts';
import { forgottenRow, runKey } from './audit-rows.ts';
import { endRun, endVerified, judgeRun, type RunEnd, type RunOutcome, resumeRun } from './fix-run.ts';
import { LIMITS } from './ports.ts';
import type { ResourcePass } from './resource-pass.ts';
import { runInputOf } from './run-input.ts';
import { busyState, isStale, type Snapshot } from './snapshot.ts';
import { isUndoRun, settleUndo, takeUpUndo, type UndoRun } from './undo.ts';
import { violationOf } from './violation.ts';
import { retryDelay } from './waiting.ts';
import type { Wait } from './waits.ts';

/** How an open run stands in the audit. */
type RunRecord =
  /** No intent of its own: nothing was ever touched, and the run is void. */
  { readonly state: 'void' } | { readonly state: 'ended'; readonly end: RunOutcome } | { readonly state: 'open' };

/** The policy of an open run; undefined when this version or these settings do not know it. */
function policyOf(pass: ResourcePass, run: OpenRun): Policy | undefined {
  return pass.context.policies.find(({ id }) => id === run.policyId);
}

async function lookUp(pass: ResourcePass, run: OpenRun): Promise<RunRecord> {
  const { audit } = pass.context;
  const intent = await audit.find(runKey(run, 'intent'));
  if (intent?.remediationRunId !== run.runId) return { state: 'void' };
  const ended = await audit.find(runKey(run, 'outcome'));
  if (ended?.outcome === undefined) return { state: 'open' };
  const { outcome, time } = ended;
  const end: RunOutcome = { end: 'outcome', outcome, runId: run.runId };
  const isByWrites = outcome === 'fixed' && ended.operations?.includes('"result":"done"') === true;
  return { state: 'ended', end: isByWrites ? { ...end, fixedAt: new Date(run.verifyingSince ?? time) } : end };
}

/** What a run that was taken up leaves. */
export interface TakenUp {
  readonly wait: Wait | undefined;
  /** The resource as it is now. */
  readonly snapshot: Snapshot;
}

/** Takes up a run that a worker left without an outcome: decides again on the live state. Anything but `fix` makes no call. */
export async function takeUpRun(pass: ResourcePass, run: OpenRun, snapshot: Snapshot): Promise<TakenUp> {
  const policy = policyOf(pass, run);
  const record = await lookUp(pass, run);
  if (record.state === 'void') return { wait: undefined, snapshot };
  if (policy === undefined) {
    if (record.state === 'open') await endForgotten(pass, run);
    return { wait: undefined, snapshot };
  }
  if (isUndoRun(run)) return await takeUpUndoRun(pass, policy, run, record, snapshot);
  if (record.state === 'ended') return { wait: pass.noteEarlierRun(policy, record.end), snapshot };
  const end = await goOn(pass, policy, run, snapshot);
  if (end.end === 'open') return { wait: { delayMs: end.delayMs, run: end.run }, snapshot };
  return { wait: pass.noteRun(policy, end), snapshot: end.snapshot ?? snapshot };
}

async function takeUpUndoRun(
  pass: ResourcePass,
  policy: Policy,
  run: UndoRun,
  record: Exclude<RunRecord, { state: 'void' }>,
  snapshot: Snapshot,
): Promise<TakenUp> {
  if (record.state === 'ended') return await settleUndo(pass, policy, run, record.end, snapshot);
  const remediation = pass.context.remediations.find(({ id }) => id === run.remediationId);
  if (remediation !== undefined) return await takeUpUndo(pass, policy, remediation, run, snapshot);
  await endForgotten(pass, run);
  return { wait: undefined, snapshot };
}

/** Ends a run whose policy or remediation this version does not know: every intent has an outcome. */
async function endForgotten({ context, target, cause }: ResourcePass, run: OpenRun): Promise<RunOutcome> {
  const row = forgottenRow(context, target, run, cause);
  await context.audit.append(row.key, row.record);
  return { end: 'outcome', outcome: 'abandoned', runId: run.runId };
}

/** Ends an open run whose resource cannot be read. One that has ended stays as it is, and how it did is remembered. */
export async function endUnreadable(
  pass: ResourcePass,
  run: OpenRun,
  outcome: 'gone' | 'denied' | 'gave-up',
  error: string,
): Promise<void> {
  const policy = policyOf(pass, run);
  const record = await lookUp(pass, run);
  if (record.state === 'void') return;
  if (record.state === 'ended') {
    if (policy === undefined) return;
    if (isUndoRun(run)) await settleUndo(pass, policy, run, record.end, pass.unread());
    else pass.noteEarlierRun(policy, record.end);
    return;
  }
  const remediation = policy === undefined ? undefined : pass.remediationOf(policy);
  if (policy === undefined || remediation === undefined) {
    await endForgotten(pass, run);
    return;
  }
  const end = await endRun(pass.context, runInputOf(pass, policy, remediation), run, {
    outcome,
    reason: 'unreadable',
    error,
  });
  pass.noteRun(policy, end);
}

async function goOn(pass: ResourcePass, policy: Policy, run: OpenRun, snapshot: Snapshot): Promise<RunEnd> {
  const { context, target, lease } = pass;
  const remediation = context.remediations.find(({ id }) => id === run.remediationId);
  if (remediation === undefined) return await endForgotten(pass, run);
  const input = runInputOf(pass, policy, remediation);
  const resumed = { ...run, resumed: run.resumed + 1 };
  if (!context.settings.isPolicyOn(policy.id)) {
    return await endRun(context, input, resumed, { outcome: 'abandoned', reason: 'policy-off', snapshot });
  }
  const waitedMs = context.clock.now().getTime() - Date.parse(lease.item.waitingSince ?? run.startedAt);
  const busy = busyState(snapshot);
  if (busy !== undefined && waitedMs < LIMITS.givingUp)
    return { end: 'open', run, delayMs: retryDelay(lease.item.attempt) };
  const { verifyingSince } = run;
  if (verifyingSince !== undefined) return await judgeRun(context, input, { ...run, verifyingSince }, snapshot);
  const verdict = pass.evaluate(policy, snapshot);
  if (verdict.verdict === 'compliant' || verdict.verdict === 'not-applicable')
    return await endVerified(context, input, resumed, snapshot);
  const { decision, error } = await pass.decideAbout(policy, snapshot, verdict, run);
  if (decision.isPassing === true && waitedMs < LIMITS.givingUp)
    return { end: 'open', run, delayMs: retryDelay(lease.item.attempt, error) };
  if (decision.decision !== 'fix') {
    return await endRun(context, input, resumed, {
      outcome: 'abandoned',
      reason: decision.reason,
      snapshot,
    });
  }
  if (isStale(snapshot, context.clock.now())) {
    const fresh = await pass.read();
    if (!(await pass.stillHolds(policy, fresh, verdict))) return { end: 'open', run, delayMs: 1000 };
  }
  return await resumeRun(context, input, violationOf(context, { target, policy }, snapshot, verdict), run);
}
