import type { DaemonSet, KubernetesNode } from '../../resources/kubernetes.ts';
import type { Thresholds } from './detection.ts';
import { findKured, type Kured } from './kured.ts';
import type { KuredLock } from './kured-lock.ts';
import { startOfLastWindow } from './kured-window.ts';
import { canRunOn } from './scheduling.ts';
import { HOUR } from './timestamp.ts';

/** What the kureds of a cluster can see. */
export interface KuredView {
  readonly all: readonly Kured[];
  readonly locks: readonly KuredLock[];
  /** Should some kured be on fewer nodes than it seems? Then its silence proves nothing of any of them. */
  readonly isShort: boolean;
  /** Locks of the kureds that can run on the node, and are able to reboot it. */
  locksOn(node: KubernetesNode): readonly KuredLock[];
  /** The kureds that can run on the node. */
  covering(node: KubernetesNode): readonly Kured[];
  /** The same, if the silence of each means that no reboot is needed; otherwise none. */
  watchful(node: KubernetesNode): readonly Kured[];
}

/** Looks at kured; undefined = nothing is known of it: the DaemonSets were not read, or there are too many. */
export function viewKured(
  daemonSets: readonly DaemonSet[] | undefined,
  nodes: readonly KubernetesNode[],
): KuredView | undefined {
  const all = daemonSets === undefined ? undefined : findKured(daemonSets);
  if (all === undefined) return undefined;
  const short = new Set(all.filter(({ desired, pod }) => desired < countRunnable(pod, nodes)));
  const covering = (node: KubernetesNode) => all.filter(({ pod }) => canRunOn(pod, node));
  const isWatchful = (kured: Kured) => kured.annotates && kured.isReady && !short.has(kured);
  return {
    all,
    locks: all.flatMap(readableLocks),
    isShort: short.size > 0,
    covering,
    locksOn: (node) =>
      covering(node)
        .filter(({ isActing }) => isActing)
        .flatMap(readableLocks),
    watchful: (node) => (covering(node).every(isWatchful) ? covering(node) : []),
  };
}

function readableLocks({ locks }: Kured): readonly KuredLock[] {
  return locks === 'unreadable' ? [] : locks;
}

function countRunnable(pod: Kured['pod'], nodes: readonly KubernetesNode[]): number {
  return nodes.filter((node) => canRunOn(pod, node)).length;
}

/**
 * For how long kured's metric must have been 1 to be overdue, in milliseconds: some hours, and since the start of the last finished window, if kured
 * has one. `daemonSets` undefined = not read: the hours alone then, as no window is known.
 */
export function allowedPendingMs(
  daemonSets: readonly DaemonSet[] | undefined,
  { rebootPendingHours }: Thresholds,
  now: Date,
): number {
  const kureds = daemonSets === undefined ? [] : (findKured(daemonSets) ?? []);
  const spans = kureds.map(({ window }) =>
    window === undefined ? 0 : now.getTime() - (startOfLastWindow(window, now.getTime()) ?? now.getTime()),
  );
  return Math.max(rebootPendingHours * HOUR, ...spans);
}
