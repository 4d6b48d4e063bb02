import type { Container, DaemonSet, PodSpec } from '../../resources/kubernetes.ts';
import { type KuredLock, parseLocks } from './kured-lock.ts';
import { readOption, readSwitch } from './kured-options.ts';
import { parsePeriod } from './kured-period.ts';
import { parseWindow, type RebootWindow } from './kured-window.ts';
import { lookUp } from './scheduling.ts';
import { parseTimestamp } from './timestamp.ts';

/** One DaemonSet that runs kured. */
export interface Kured {
  readonly name: string;
  /** Does it write down on the node that a reboot is needed? */
  readonly annotates: boolean;
  /** It runs as it is specified, on every node that it should run on. */
  readonly isReady: boolean;
  /** So it is, or only the pods of those that hold its lock are missing: who is rebooted has none. */
  readonly isActing: boolean;
  /** On how many nodes it should run. */
  readonly desired: number;
  /** When it was installed, milliseconds since 1970; undefined = not told. */
  readonly created: number | undefined;
  /** How often it looks whether a reboot is needed, in milliseconds. */
  readonly period: number;
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
/** Nobody has more; what is told of so many cannot be made sense of. */
const MAX_KUREDS = 10;

/** Every DaemonSet that runs kured, in whatever namespace and under whatever name: told by the image. Undefined = more than ten. */
export function findKured(daemonSets: readonly DaemonSet[]): readonly Kured[] | undefined {
  const found = daemonSets.flatMap((daemonSet) => {
    const container = daemonSet.spec.template.spec.containers.find(isKured);
    return container === undefined ? [] : [{ daemonSet, container }];
  });
  return found.length > MAX_KUREDS
    ? undefined
    : found.map(({ container, daemonSet }) => readKured(daemonSet, container));
}

function isKured({ image = '' }: Container): boolean {
  return image.length <= MAX_IMAGE_LENGTH && IMAGE.test(image);
}

function readKured({ metadata, spec, status }: DaemonSet, container: Container): Kured {
  const { desiredNumberScheduled: desired = 0, numberReady: ready = 0 } = status;
  const lockKey = readOption(container, 'lock-annotation');
  const locks =
    lockKey === 'unreadable' ? 'unreadable' : parseLocks(lookUp(metadata.annotations, lockKey.at(-1) ?? LOCK));
  // Zero of zero is no proof of anything.
  const isRolledOut = desired > 0 && isUpToDate(metadata, status, desired);
  return {
    name: metadata.name,
    annotates: readSwitch(container, 'annotate-nodes'),
    isReady: isRolledOut && ready === desired,
    isActing: isRolledOut && ready > 0 && desired - ready <= (locks === 'unreadable' ? 0 : locks.length),
    desired,
    created: parseTimestamp(metadata.creationTimestamp),
    period: parsePeriod(readOption(container, 'period')),
    window: parseWindow({
      days: readOption(container, 'reboot-days'),
      start: readOption(container, 'start-time'),
      end: readOption(container, 'end-time'),
      zone: readOption(container, 'time-zone'),
    }),
    locks,
    pod: spec.template.spec,
  };
}

/** Do the pods run what is specified now? Not known to be otherwise is enough: the numbers may be absent. */
function isUpToDate({ generation }: DaemonSet['metadata'], status: DaemonSet['status'], desired: number): boolean {
  const { observedGeneration, updatedNumberScheduled = desired } = status;
  const isObserved = generation === undefined || observedGeneration === undefined || observedGeneration >= generation;
  return isObserved && updatedNumberScheduled === desired;
}
