import { acrAdminUserDisabled } from './acr/admin-user-disabled.ts';
import { acrSecondPasswordFresh } from './acr/second-password-fresh.ts';
import { aksNodeImageCurrent } from './aks/node-image-current.ts';
import { aksNodeRebootCompleted } from './aks/node-reboot-completed.ts';
import { aksNodeRebootCoverageComplete } from './aks/node-reboot-coverage-complete.ts';
import { aksRequiredTagsPresent } from './aks/required-tags-present.ts';
import { aksWindowsNodeImageCurrent } from './aks/windows-node-image-current.ts';
import type { Policy } from './define-policy.ts';

/** Every policy, in catalogue order: fixes of one resource run in this order. */
export const policies: readonly Policy[] = [
  acrAdminUserDisabled,
  acrSecondPasswordFresh,
  aksRequiredTagsPresent,
  aksNodeRebootCompleted,
  aksNodeImageCurrent,
  aksWindowsNodeImageCurrent,
  aksNodeRebootCoverageComplete,
];
