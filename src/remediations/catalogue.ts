import { acrDisableAdminUser } from './acr/disable-admin-user.ts';
import { acrRotateSecondPassword } from './acr/rotate-second-password.ts';
import { aksAddRequiredTags } from './aks/add-required-tags.ts';
import { aksTrackNodeImages } from './aks/track-node-images.ts';
import { aksTrackNodeRebootCoverage } from './aks/track-node-reboot-coverage.ts';
import { aksTrackNodeReboots } from './aks/track-node-reboots.ts';
import { aksTrackWindowsNodeImages } from './aks/track-windows-node-images.ts';
import type { Remediation } from './define-remediation.ts';
import type { Tracker } from './define-tracker.ts';

/** Every remediation, in the order of the policies that they fix. */
export const remediations: readonly Remediation[] = [acrDisableAdminUser, acrRotateSecondPassword, aksAddRequiredTags];

/** Every tracker, in the order of the policies that they track. */
export const trackers: readonly Tracker[] = [
  aksTrackNodeReboots,
  aksTrackNodeImages,
  aksTrackWindowsNodeImages,
  aksTrackNodeRebootCoverage,
];
