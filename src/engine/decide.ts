import type { DecisionName } from '../findings/findings.ts';
import type { Verdict } from '../policy/define-policy.ts';
import type { Preflight } from '../remediations/define-remediation.ts';
import type { Mode } from '../settings/settings.ts';

/** What to do, why (a stable code), and for people what stands behind it. */
export interface Decision {
  readonly decision: DecisionName;
  readonly reason: string;
  readonly because?: string;
  /** Look again from here on. */
  readonly until?: Date;
}

/** Everything that a decision depends on; no I/O, so that every combination can be tested. */
export interface DecisionInput {
  readonly verdict: Extract<Verdict, { verdict: 'violation' | 'unknown' }>;
  /** Undefined = no remediation fixes this policy. */
  readonly mode: Mode | undefined;
  /** Azure is still changing the resource, or it is stopped. */
  readonly busy: Busy | undefined;
  /** Somebody else performed the action that the remediation yields to. */
  readonly yieldUntil: Date | undefined;
  /** An earlier run failed for good; a sweep does not try again before this. */
  readonly backoffUntil: Date | undefined;
  readonly preflight: Preflight | 'unavailable' | 'not-run';
  readonly now: Date;
}

export interface Busy {
  readonly reason: 'resource-busy' | 'resource-stopped';
  readonly because: string;
}

/** First rule that applies wins. `needs-preflight` asks for the pre-flight's answer; nothing else needs I/O. */
export function decide(input: DecisionInput & { readonly preflight: Preflight | 'unavailable' }): Decision;
export function decide(input: DecisionInput): Decision | 'needs-preflight';
export function decide(input: DecisionInput): Decision | 'needs-preflight' {
  const { verdict, mode, busy, yieldUntil, backoffUntil, preflight, now } = input;
  if (verdict.verdict === 'unknown') {
    return { decision: 'observe', reason: 'verdict-unknown', because: `cannot be judged without ${verdict.missing}` };
  }
  if (mode === undefined) return { decision: 'observe', reason: 'no-remediation' };
  if (mode === 'off') return { decision: 'observe', reason: 'remediation-off' };
  if (mode === 'observe') return { decision: 'observe', reason: 'mode-observe' };
  if (busy !== undefined) return { decision: 'defer', ...busy };
  if (yieldUntil !== undefined && yieldUntil > now) {
    return {
      decision: 'defer',
      reason: 'changed-by-others',
      because: 'somebody else did this a short time ago',
      until: yieldUntil,
    };
  }
  if (backoffUntil !== undefined && backoffUntil > now) {
    return { decision: 'defer', reason: 'backing-off', because: 'the last run failed for good', until: backoffUntil };
  }
  if (preflight === 'not-run') return 'needs-preflight';
  if (preflight === 'unavailable') return { decision: 'defer', reason: 'preflight-unavailable' };
  if (!preflight.go) return { decision: 'ticket', reason: preflight.reason, because: preflight.because };
  if (mode === 'approve') return { decision: 'await-approval', reason: 'mode-approve' };
  return { decision: 'fix', reason: 'mode-enforce' };
}
