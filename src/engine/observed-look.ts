import { foretellAlert } from '../defender/foretell-alert.ts';
import type { FoundCause } from '../events/parsed.ts';
import type { Policy } from '../policy/define-policy.ts';
import type { DefenderAlert } from '../resources/defender.ts';
import type { ResourceId } from '../resources/resource-id.ts';
import { newWorkItem, type RecordedOperation } from '../work/work-items.ts';
import { planFix, planFor } from './dry-run.ts';
import { evidenceOf } from './finding-state.ts';
import { hearAlert } from './heard-alert.ts';
import { collectLate, isLate } from './late-policies.ts';
import { NodeInspection } from './node-inspection.ts';
import type { EngineContext } from './ports.ts';
import { ResourcePass } from './resource-pass.ts';
import type { Snapshot } from './snapshot.ts';
import { WorkLease } from './work-lease.ts';

/** What one policy says of the resource at this moment, and what would be done about it. */
export interface ObservedPolicy {
  readonly policyId: string;
  readonly verdict: string;
  /** As a finding says it. */
  readonly evidence?: string;
  /** Only for an open verdict. */
  readonly decision?: string;
  readonly reason?: string;
  readonly because?: string;
  /** What the fix would call; empty where the decision leads to none. */
  readonly plan: readonly RecordedOperation[];
}

/**
 * Reads the live resource, judges it and decides as a worker would, and leaves no trace: nothing is changed in Azure, no row and no message is
 * written, and no place at a breaker and no approval is taken. Rejects with the error of the read where the resource cannot be read.
 */
export async function observeResource(
  context: EngineContext,
  target: ResourceId,
  { alert, cause }: Pick<FoundCause, 'alert' | 'cause'>,
): Promise<readonly ObservedPolicy[]> {
  const now = context.clock.now();
  const quiet = withoutTraces(alert === undefined ? context : withAlert(context, hearAlert(alert, now)));
  const item = (await context.work.get(target))?.item ?? newWorkItem(target.id);
  const known = alert === undefined ? item : { ...item, hasAlerts: true as const };
  const lease = WorkLease.none(quiet.work, quiet.clock, target, {
    ...known,
    pending: [{ ...cause, queuedAt: now.toISOString() }],
  });
  const pass = await ResourcePass.begin(quiet, target, lease);
  const snapshot = await readAll(pass);
  const observed: ObservedPolicy[] = [];
  for (const policy of pass.policies) observed.push(await observePolicy(pass, policy, snapshot));
  return observed;
}

/** The same world, as if it had just been told of this alert. */
function withAlert(context: EngineContext, alert: DefenderAlert): EngineContext {
  const { alerts } = context;
  return {
    ...context,
    alerts: {
      ...alerts,
      async ofResource(resource, onInvalid) {
        return (await foretellAlert(alerts, resource, alert, onInvalid)).alerts;
      },
    },
  };
}

/**
 * The same world, without the few things that judging and deciding leave behind: a place at the breaker, a used approval, a notice, a command
 * in a cluster. Storing is the pass's own business, and it is never asked to.
 */
function withoutTraces(context: EngineContext): EngineContext {
  const { approvals, audit, breakers, settings } = context;
  return {
    ...context,
    settings: { ...settings, nodes: { ...settings.nodes, runCommand: 'off', inspectionIntervalMs: 0 } },
    audit: {
      ...audit,
      async append() {
        return await Promise.resolve(true);
      },
    },
    approvals: { ...approvals, use: async () => await Promise.resolve(true) },
    breakers: { ...breakers, admit: async (request) => ({ ...(await breakers.peek(request)), announce: [] }) },
  };
}

/** The resource, and what the policies need that are judged last. */
async function readAll(pass: ResourcePass): Promise<Snapshot> {
  const snapshot = await pass.read();
  const late = pass.policies.filter(isLate);
  if (late.length === 0) return snapshot;
  const inspection = await NodeInspection.begin(pass.context, pass.target, pass.causes, async () => {
    await Promise.resolve();
  });
  return { ...snapshot, related: { ...snapshot.related, ...(await collectLate(pass, inspection, late, snapshot)) } };
}

async function observePolicy(pass: ResourcePass, policy: Policy, snapshot: Snapshot): Promise<ObservedPolicy> {
  const verdict = pass.evaluate(policy, snapshot);
  const seen = { policyId: policy.id, verdict: verdict.verdict, ...evidenceOf(verdict) };
  if (verdict.verdict !== 'violation' && verdict.verdict !== 'unknown') return { ...seen, plan: [] };
  const { decision } = await pass.decideAbout(policy, snapshot, verdict);
  const decided = { policy, remediation: pass.remediationOf(policy), snapshot, verdict, decision };
  const plan = decision.decision === 'fix' ? await planFix(pass, decided) : await planFor(pass, decided);
  return {
    ...seen,
    decision: decision.decision,
    reason: decision.reason,
    ...(decision.because !== undefined && { because: decision.because }),
    plan,
  };
}
