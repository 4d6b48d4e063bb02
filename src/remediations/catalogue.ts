import { aciTrackAlerts } from './aci/track-alerts.ts';
import { acrDisableAdminUser } from './acr/disable-admin-user.ts';
import { acrRotateCompromisedPasswords } from './acr/rotate-compromised-passwords.ts';
import { acrRotateSecondPassword } from './acr/rotate-second-password.ts';
import { acrTrackAlerts } from './acr/track-alerts.ts';
import { acrTrackImageVulnerabilities } from './acr/track-image-vulnerabilities.ts';
import { aksAddRequiredTags } from './aks/add-required-tags.ts';
import { aksTrackAlerts } from './aks/track-alerts.ts';
import { aksTrackNodeImages } from './aks/track-node-images.ts';
import { aksTrackNodeRebootCoverage } from './aks/track-node-reboot-coverage.ts';
import { aksTrackNodeReboots } from './aks/track-node-reboots.ts';
import { aksTrackWindowsNodeImages } from './aks/track-windows-node-images.ts';
import type { Remediation } from './define-remediation.ts';
import type { Tracker } from './define-tracker.ts';
import { kvRotateKey } from './key-vault/rotate-key.ts';
import { kvSetKeyRotationPolicy } from './key-vault/set-key-rotation-policy.ts';
import { kvTrackAlerts } from './key-vault/track-alerts.ts';

/** Every remediation, in the order of the policies that they fix. */
export const remediations: readonly Remediation[] = [
  acrRotateCompromisedPasswords,
  acrDisableAdminUser,
  acrRotateSecondPassword,
  aksAddRequiredTags,
  kvSetKeyRotationPolicy,
  kvRotateKey,
];

/** Every tracker, in the order of the policies that they track. */
export const trackers: readonly Tracker[] = [
  aksTrackNodeReboots,
  aksTrackNodeImages,
  aksTrackWindowsNodeImages,
  aksTrackNodeRebootCoverage,
  acrTrackImageVulnerabilities,
  acrTrackAlerts,
  aksTrackAlerts,
  aciTrackAlerts,
  kvTrackAlerts,
];
