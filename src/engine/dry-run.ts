import { type DockwardenError, isDockwardenError } from '../errors.ts';
import type { Policy, Verdict } from '../policy/define-policy.ts';
import type { Preflight, Remediation } from '../remediations/define-remediation.ts';
import type { ResourceId } from '../resources/resource-id.ts';
import type { RecordedOperation } from '../work/work-items.ts';
import type { AzureCalls } from './azure-calls.ts';
import { type Decision, isPassingError } from './decide.ts';
import type { EngineContext } from './ports.ts';
import type { Snapshot } from './snapshot.ts';
import { touchedBefore, type Violation, violationOf } from './violation.ts';

/** The answer of a pre-flight; `unavailable` with the error that says how long to wait. */
export interface Asked {
  readonly preflight: Preflight | 'unavailable';
  readonly error?: DockwardenError;
}

/** Asks whether the fix may go ahead. Reads only: bound like this, a remediation could not write if it tried. */
export async function askPreflight(
  calls: AzureCalls,
  remediation: Remediation,
  violation: Violation,
  snapshot: Snapshot,
): Promise<Asked> {
  if (touchedBefore(remediation, violation, snapshot) === undefined) {
    const because = 'the present values are too large to be recorded, so they could not be put back';
    return { preflight: { go: false, reason: 'before-too-large', because } };
  }
  if (remediation.preflight === undefined) return { preflight: { go: true } };
  try {
    const ops = calls.bind(remediation.uses, { writes: 'plan' });
    return { preflight: await remediation.preflight({ ...violation, ops }) };
  } catch (error) {
    if (!isDockwardenError(error)) throw error;
    if (isPassingError(error)) return { preflight: 'unavailable', error };
    return { preflight: { go: false, reason: 'dependants-unreadable', because: error.message } };
  } finally {
    calls.takeOperations();
  }
}

/** One decision about one violation. */
interface Decided {
  readonly policy: Policy;
  readonly remediation: Remediation | undefined;
  readonly snapshot: Snapshot;
  readonly verdict: Verdict;
  readonly decision: Decision;
}

/** Who plans. */
interface Planner {
  readonly context: EngineContext;
  readonly calls: AzureCalls;
  readonly target: ResourceId;
}

/** What the fix would call, without sending any write; only for decisions that leave the fix for later or to somebody else. */
export async function planFor(planner: Planner, decided: Decided): Promise<readonly RecordedOperation[]> {
  return isPlanned(decided.decision) ? await planFix(planner, decided) : [];
}

/** What the fix would call, whatever was decided; no write is sent. */
export async function planFix(
  { context, calls, target }: Planner,
  { policy, remediation, snapshot, verdict }: Omit<Decided, 'decision'>,
): Promise<readonly RecordedOperation[]> {
  if (remediation === undefined || verdict.verdict !== 'violation') return [];
  const violation = violationOf(context, { target, policy }, snapshot, verdict);
  try {
    await remediation.fix({ ...violation, ops: calls.bind(remediation.uses, { writes: 'plan' }) });
  } catch (error) {
    if (!isDockwardenError(error)) throw error;
    context.log.warn('the plan is incomplete', {
      resourceId: target.id,
      remediationId: remediation.id,
      error: error.message,
    });
  }
  return calls.takeOperations();
}

/** Reasons of decisions that leave the fix for later or to somebody else. */
const WITH_PLAN = new Set(['mode-observe', 'out-of-scope', 'notice', 'outside-window', 'frozen']);

function isPlanned({ decision, reason }: Decision): boolean {
  return decision === 'await-approval' || WITH_PLAN.has(reason);
}
