import type { DockwardenError } from '../errors.ts';
import type { DecisionName } from '../findings/findings.ts';
import type { Verdict } from '../policy/define-policy.ts';
import type { Preflight } from '../remediations/define-remediation.ts';
import type { Mode } from '../settings/settings.ts';
import type { Exemption } from './exemptions.ts';
import type { Quarantine } from './war.ts';

/** What to do, why (a stable code), and for people what stands behind it. */
export interface Decision {
  readonly decision: DecisionName;
  readonly reason: string;
  readonly because?: string;
  /** Look again from here on. */
  readonly until?: Date;
  /** Something did not answer: look again soon, and an open run stays open. */
  readonly isPassing?: true;
}

/** Something that only a call can answer; asked as late as possible, so that most decisions cost none. */
export type Question = 'exemption' | 'preflight' | 'approval' | 'admission';

/** A verdict that calls for a decision. */
export type OpenVerdict = Extract<Verdict, { verdict: 'violation' | 'unknown' }>;

/** Everything that a decision depends on; no I/O, so that every combination can be tested. */
export interface DecisionInput {
  readonly verdict: OpenVerdict;
  /** Undefined = nothing is done about this policy. */
  readonly mode: Mode | undefined;
  /** No remediation fixes it: a ticket is all that is done. */
  readonly isTracked: boolean;
  /** Does the resource lie where the remediation may act? */
  readonly isInScope: boolean;
  readonly exemption: Exemption | 'not-asked';
  readonly quarantine: Quarantine | undefined;
  /** Azure is still changing the resource, or it is stopped. */
  readonly busy: Busy | undefined;
  /** The fix is planned for later. */
  readonly planned: Planned | undefined;
  /** Somebody else performed the action that the remediation yields to. */
  readonly yieldUntil: Date | undefined;
  /** An earlier run failed for good; a sweep does not try again before this. */
  readonly backoffUntil: Date | undefined;
  readonly preflight: Preflight | 'unavailable' | 'not-asked';
  readonly approval: ApprovalAnswer | 'not-asked';
  readonly admission: AdmissionAnswer | 'not-asked';
  readonly now: Date;
}

export interface Busy {
  readonly reason: 'resource-busy' | 'resource-stopped';
  readonly because: string;
}

/** A fix that may not be made yet: it was only just announced, or this is not the time for changes. */
export interface Planned {
  readonly reason: 'notice' | 'outside-window' | 'frozen';
  readonly because: string;
  /** Undefined = never, as far as the settings reach. */
  readonly until: Date | undefined;
}

/** May this very violation be fixed? */
export type ApprovalAnswer =
  | { readonly state: 'granted'; readonly by: string }
  | { readonly state: 'missing'; readonly reason: string; readonly because?: string };

/** Does the breaker let one more change pass? */
export type AdmissionAnswer =
  | { readonly result: 'admitted' }
  | { readonly result: 'later'; readonly at: Date }
  | { readonly result: 'open'; readonly because: string }
  | { readonly result: 'unavailable'; readonly because: string };

/** Errors of Azure after which another try may succeed. */
export function isPassingError({ code }: DockwardenError): boolean {
  return code === 'AZURE_TRANSIENT' || code === 'AZURE_BUSY' || code === 'AZURE_CONFLICT';
}

/** First rule that applies wins. An answer `ask` names what has to be known first. */
export function decide(input: DecisionInput): Decision | { readonly ask: Question } {
  const { verdict, mode, isInScope } = input;
  if (verdict.verdict === 'unknown') {
    return { decision: 'observe', reason: 'verdict-unknown', because: `cannot be judged without ${verdict.missing}` };
  }
  if (mode === undefined) return { decision: 'observe', reason: 'no-remediation' };
  if (mode === 'off') return { decision: 'observe', reason: 'remediation-off' };
  if (mode === 'observe') return { decision: 'observe', reason: 'mode-observe' };
  if (!isInScope) return { decision: 'observe', reason: 'out-of-scope' };
  const held = holdBack(input);
  if (held !== undefined) return held;
  if (input.isTracked) return { decision: 'ticket', reason: 'ticket-only' };
  return wait(input, mode) ?? askLeave(input, mode);
}

/** People have said that this is to be left alone, or it has shown. */
function holdBack({ exemption, quarantine }: DecisionInput): Decision | { readonly ask: Question } | undefined {
  if (exemption === 'not-asked') return { ask: 'exemption' };
  switch (exemption.state) {
    case 'unreadable': {
      const { because, isPassing } = exemption;
      return { decision: 'defer', reason: 'exemption-unreadable', because, ...(isPassing && { isPassing }) };
    }
    case 'exempt': {
      const { because, reason, until } = exemption;
      return { decision: 'exempt', reason, because, ...(until !== undefined && { until }) };
    }
    case 'invalid':
      return { decision: 'defer', reason: 'exemption-invalid', because: exemption.because, until: exemption.until };
    case 'none':
      return quarantine === undefined ? undefined : { decision: 'quarantine', ...quarantine };
  }
}

/** This is not the moment. */
function wait(input: DecisionInput, mode: 'approve' | 'enforce'): Decision | undefined {
  const { busy, planned, yieldUntil, backoffUntil, now } = input;
  if (busy?.reason === 'resource-busy') return { decision: 'defer', ...busy, isPassing: true };
  if (busy !== undefined) return { decision: 'defer', ...busy };
  // Approval can be asked for at any time; it is acted upon within the window.
  if (planned !== undefined && mode === 'enforce') return deferTo(planned);
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
  return undefined;
}

function deferTo({ reason, because, until }: Planned): Decision {
  return { decision: 'defer', reason, because, ...(until !== undefined && { until }) };
}

/** Pre-flight, approval and breaker, in this order: each is only asked when the one before has let it pass. */
function askLeave(input: DecisionInput, mode: 'approve' | 'enforce'): Decision | { readonly ask: Question } {
  const { preflight, approval, planned, admission } = input;
  if (preflight === 'not-asked') return { ask: 'preflight' };
  if (preflight === 'unavailable') return { decision: 'defer', reason: 'preflight-unavailable', isPassing: true };
  if (!preflight.go) return { decision: 'ticket', reason: preflight.reason, because: preflight.because };
  if (mode === 'approve') {
    if (approval === 'not-asked') return { ask: 'approval' };
    if (approval.state === 'missing') {
      const { reason, because } = approval;
      return { decision: 'await-approval', reason, ...(because !== undefined && { because }) };
    }
    if (planned !== undefined) return deferTo(planned);
  }
  if (admission === 'not-asked') return { ask: 'admission' };
  switch (admission.result) {
    case 'later':
      return {
        decision: 'defer',
        reason: 'breaker-cap',
        because: 'as many resources were changed within the window as the breaker allows',
        until: admission.at,
      };
    case 'open':
      return { decision: 'defer', reason: 'breaker-open', because: admission.because };
    case 'unavailable':
      return { decision: 'defer', reason: 'breaker-unavailable', because: admission.because, isPassing: true };
    case 'admitted':
      return mode === 'approve' && approval !== 'not-asked' && approval.state === 'granted'
        ? { decision: 'fix', reason: 'approved', because: `approved by ${approval.by}` }
        : { decision: 'fix', reason: 'mode-enforce' };
  }
}
