import { policies } from '../../src/policy/catalogue.ts';
import type { Policy } from '../../src/policy/define-policy.ts';
import { remediations } from '../../src/remediations/catalogue.ts';
import type { Remediation } from '../../src/remediations/define-remediation.ts';

/** `acr-admin-user-disabled` as the engine sees it. */
export function findAdminPolicy(): Policy {
  return found(policies.find(({ id }) => id === 'acr-admin-user-disabled'));
}

/** `acr-rotate-second-password`, the remediation that yields to others. */
export function findRotation(): Remediation {
  return found(remediations.find(({ id }) => id === 'acr-rotate-second-password'));
}

function found<T>(entry: T | undefined): T {
  if (entry === undefined) throw new Error('not in the catalogue');
  return entry;
}
