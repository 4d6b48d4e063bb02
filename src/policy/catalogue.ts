import { aciAlertsClosed } from './aci/alerts-closed.ts';
import { acrAdminUserDisabled } from './acr/admin-user-disabled.ts';
import { acrAlertsClosed } from './acr/alerts-closed.ts';
import { acrCredentialsNotCompromised } from './acr/credentials-not-compromised.ts';
import { acrImageVulnerabilitiesResolved } from './acr/image-vulnerabilities-resolved.ts';
import { acrSecondPasswordFresh } from './acr/second-password-fresh.ts';
import { aksAlertsClosed } from './aks/alerts-closed.ts';
import { aksNodeImageCurrent } from './aks/node-image-current.ts';
import { aksNodeRebootCompleted } from './aks/node-reboot-completed.ts';
import { aksNodeRebootCoverageComplete } from './aks/node-reboot-coverage-complete.ts';
import { aksRequiredTagsPresent } from './aks/required-tags-present.ts';
import { aksWindowsNodeImageCurrent } from './aks/windows-node-image-current.ts';
import type { Policy } from './define-policy.ts';
import { kvAlertsClosed } from './key-vault/alerts-closed.ts';
import { kvKeyNotNearExpiry } from './key-vault/key-not-near-expiry.ts';
import { kvKeyRotationEnabled } from './key-vault/key-rotation-enabled.ts';

/** Every policy, in catalogue order: fixes of one resource run in this order. */
export const policies: readonly Policy[] = [
  acrCredentialsNotCompromised,
  acrAdminUserDisabled,
  acrSecondPasswordFresh,
  aksRequiredTagsPresent,
  aksNodeRebootCompleted,
  aksNodeImageCurrent,
  aksWindowsNodeImageCurrent,
  aksNodeRebootCoverageComplete,
  kvKeyRotationEnabled,
  kvKeyNotNearExpiry,
  acrImageVulnerabilitiesResolved,
  acrAlertsClosed,
  aksAlertsClosed,
  aciAlertsClosed,
  kvAlertsClosed,
];
