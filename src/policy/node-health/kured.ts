import type { DaemonSet, PodSpec } from '../../resources/kubernetes.ts';
import { type KuredLock, parseLocks } from './kured-lock.ts';
import { readOption, readSwitch } from './kured-options.ts';
import { parseWindow, type RebootWindow } from './kured-window.ts';
import { lookUp } from './scheduling.ts';

/** One DaemonSet that runs kured. */
export interface Kured {
  readonly name: string;
  /** Does it write down on the node that a reboot is needed? */
  readonly annotates: boolean;
  readonly isReady: boolean;
  /** On how many nodes it should run. */
  readonly desired: number;
  /** Undefined = it may reboot at any time. */
  readonly window: RebootWindow | 'unreadable' | undefined;
  readonly locks: readonly KuredLock[] | 'unreadable';
  readonly pod: PodSpec;
}

/** Written when kured first sees that a reboot is needed, removed by kured after its reboot. */
export const REBOOT_NEEDED = 'weave.works/kured-reboot-in-progress';
const LOCK = 'weave.works/kured-node-lock';
const IMAGE = /(?:^|\/)(?:kubereboot|weaveworks)\/kured(?:[:@]|$)/;
const MAX_IMAGE_LENGTH = 1000;

/** Every DaemonSet that runs kured, in whatever namespace and under whatever name: told by the image. */
export function findKured(daemonSets: readonly DaemonSet[]): readonly Kured[] {
  return daemonSets.flatMap((daemonSet) => {
    const kured = readKured(daemonSet);
    return kured === undefined ? [] : [kured];
  });
}

function readKured({ metadata, spec, status }: DaemonSet): Kured | undefined {
  const pod = spec.template.spec;
  const container = pod.containers.find(({ image = '' }) => image.length <= MAX_IMAGE_LENGTH && IMAGE.test(image));
  if (container === undefined) return undefined;
  const { desiredNumberScheduled: desired = 0, numberReady: ready = 0 } = status;
  const lockKey = readOption(container, 'lock-annotation');
  return {
    name: metadata.name,
    annotates: readSwitch(container, 'annotate-nodes'),
    // Zero of zero is no proof of anything.
    isReady: desired > 0 && ready === desired,
    desired,
    window: parseWindow({
      days: readOption(container, 'reboot-days'),
      start: readOption(container, 'start-time'),
      end: readOption(container, 'end-time'),
      zone: readOption(container, 'time-zone'),
    }),
    locks: lockKey === 'unreadable' ? 'unreadable' : parseLocks(lookUp(metadata.annotations, lockKey.at(-1) ?? LOCK)),
    pod,
  };
}
