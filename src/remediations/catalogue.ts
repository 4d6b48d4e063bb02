import { acrDisableAdminUser } from './acr/disable-admin-user.ts';
import { acrRotateSecondPassword } from './acr/rotate-second-password.ts';
import { aksAddRequiredTags } from './aks/add-required-tags.ts';
import type { Remediation } from './define-remediation.ts';

/** Every remediation, in the order of the policies that they fix. */
export const remediations: readonly Remediation[] = [acrDisableAdminUser, acrRotateSecondPassword, aksAddRequiredTags];
