import type { Parameter } from '../define-policy.ts';
import { days } from '../parameters.ts';
import type { Thresholds } from './detection.ts';

/** A whole number of hours, 1 to 720. */
function hours(setting: string, preset: number, description: string): Parameter<number> {
  return {
    setting,
    default: preset,
    description,
    format: 'a whole number of hours from 1 to 720',
    examples: ['12', '72'],
    parse: parseHours,
  };
}

function parseHours(text: string): number | undefined {
  if (!/^[1-9]\d{0,2}$/.test(text)) return undefined;
  const value = Number(text);
  return value <= 720 ? value : undefined;
}

/** The settings of the detector; a policy declares those that its verdict depends on. */
export const nodeParameters = {
  rebootPendingHours: hours(
    'AKS_REBOOT_PENDING_HOURS',
    24,
    'How long a node may wait for a reboot after it was first asked for, in hours; with a window of kured until the end of the next one if that is later.',
  ),
  nodeImageAgeDays: days(
    'AKS_NODE_IMAGE_MAX_AGE_DAYS',
    30,
    'Oldest allowed age of the node image of a Linux pool while a newer one is offered, in days.',
  ),
  windowsNodeImageAgeDays: days(
    'AKS_WINDOWS_NODE_IMAGE_MAX_AGE_DAYS',
    45,
    'Oldest allowed age of the node image of a Windows pool while a newer one is offered, in days. Windows images are monthly.',
  ),
  lockStuckHours: hours(
    'AKS_KURED_LOCK_STUCK_HOURS',
    4,
    'How long a node may hold a lock of kured that never expires, in hours; for longer, it keeps all others from being rebooted.',
  ),
  drainGraceHours: hours(
    'AKS_KURED_DRAIN_GRACE_HOURS',
    2,
    'How long a node that holds the lock of kured counts as being drained and rebooted, in hours.',
  ),
  kernelSkewHours: hours(
    'AKS_KERNEL_SKEW_HOURS',
    48,
    'How long the kernel of a node may be older than that of its neighbours, in hours; counts only where nothing better tells of needed reboots.',
  ),
  livePatchLagHours: hours(
    'AKS_LIVE_PATCH_LAG_HOURS',
    48,
    'How long a node may be without a live patch that AKS wants it to have (channel SecurityPatch), in hours.',
  ),
} as const satisfies { [K in keyof Thresholds]: Parameter<number> };

/** The thresholds with the values that are given, and the default of every other. */
export function toThresholds(given: Partial<Thresholds> = {}): Thresholds {
  return {
    rebootPendingHours: nodeParameters.rebootPendingHours.default,
    nodeImageAgeDays: nodeParameters.nodeImageAgeDays.default,
    windowsNodeImageAgeDays: nodeParameters.windowsNodeImageAgeDays.default,
    lockStuckHours: nodeParameters.lockStuckHours.default,
    drainGraceHours: nodeParameters.drainGraceHours.default,
    kernelSkewHours: nodeParameters.kernelSkewHours.default,
    livePatchLagHours: nodeParameters.livePatchLagHours.default,
    ...given,
  };
}
