import type { Policy } from '../policy/define-policy.ts';
import type { Remediation } from '../remediations/define-remediation.ts';
import type { Tracker } from '../remediations/define-tracker.ts';
import type { Mode } from '../settings/settings.ts';
import type { EngineContext } from './ports.ts';

/** What is done about a policy's violation: it is fixed, or tracked by a ticket, or (both undefined) only remembered. */
export interface Treatment {
  readonly remediation: Remediation | undefined;
  readonly tracker: Tracker | undefined;
  /** Of the one that is there. */
  readonly id: string | undefined;
  readonly mode: Mode | undefined;
}

export function treatmentOf(
  { remediations, settings, trackers }: Pick<EngineContext, 'remediations' | 'settings' | 'trackers'>,
  { id: policyId }: Pick<Policy, 'id'>,
): Treatment {
  const remediation = remediations.find(({ fixes }) => fixes.id === policyId);
  const tracker = trackers.find(({ tracks }) => tracks.id === policyId);
  const id = remediation?.id ?? tracker?.id;
  return { remediation, tracker, id, mode: id === undefined ? undefined : settings.modeOf(id) };
}
