import { acrAdminUserDisabled } from './acr/admin-user-disabled.ts';
import { acrSecondPasswordFresh } from './acr/second-password-fresh.ts';
import { aksRequiredTagsPresent } from './aks/required-tags-present.ts';
import type { Policy } from './define-policy.ts';

/** Every policy, in catalogue order: fixes of one resource run in this order. */
export const policies: readonly Policy[] = [acrAdminUserDisabled, acrSecondPasswordFresh, aksRequiredTagsPresent];
