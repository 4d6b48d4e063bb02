import type { Policy, Verdict } from '../policy/define-policy.ts';
import type { Remediation } from '../remediations/define-remediation.ts';
import type { Subject } from './audit-rows.ts';
import type { RunInput } from './fix-run.ts';
import type { ResourcePass } from './resource-pass.ts';
import { treatmentOf } from './treatments.ts';

/** What the rows about one policy of a pass have in common. */
export function subjectOf(pass: ResourcePass, policy: Policy, verdict: Verdict): Subject {
  const { id: remediationId } = treatmentOf(pass.context, policy);
  return {
    target: pass.target,
    policy,
    verdict,
    timings: pass.timings,
    ...(remediationId !== undefined && { remediationId }),
    ...(pass.cause !== undefined && { cause: pass.cause }),
  };
}

/** What a run about one policy of a pass needs. */
export function runInputOf(pass: ResourcePass, policy: Policy, remediation: Remediation): RunInput {
  const { previousPolicyId, previousRunId } = pass.lease.item;
  return {
    subject: {
      target: pass.target,
      policy,
      remediationId: remediation.id,
      ...(pass.cause !== undefined && { cause: pass.cause }),
    },
    remediation,
    timings: pass.timings,
    calls: pass.calls,
    lease: pass.lease,
    previousRunId: previousPolicyId === policy.id ? previousRunId : undefined,
    firstRunId: pass.notes.book.latest(policy.id)?.firstRunId,
    isSettledBy: (moment) => pass.isSettledBy(policy, moment),
    read: async () => await pass.read(),
    evaluate: (snapshot, lastFixedAt) => pass.evaluate(policy, snapshot, lastFixedAt),
  };
}
