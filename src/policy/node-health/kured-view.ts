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
  /** The kureds that can run on the node. */
  covering(node: KubernetesNode): readonly Kured[];
  /** Those of them whose silence means that no reboot is needed. */
  watchful(node: KubernetesNode): readonly Kured[];
}

/** Looks at kured; undefined = the DaemonSets were not read, and nothing is known of it. */
export function viewKured(
  daemonSets: readonly DaemonSet[] | undefined,
  nodes: readonly KubernetesNode[],
): KuredView | undefined {
  if (daemonSets === undefined) return undefined;
  const all = findKured(daemonSets);
  const short = new Set(all.filter(({ desired, pod }) => desired < countRunnable(pod, nodes)));
  const covering = (node: KubernetesNode) => all.filter(({ pod }) => canRunOn(pod, node));
  return {
    all,
    locks: all.flatMap(({ locks }) => (locks === 'unreadable' ? [] : locks)),
    isShort: short.size > 0,
    covering,
    watchful: (node) => covering(node).filter((kured) => kured.annotates && kured.isReady && !short.has(kured)),
  };
}

function countRunnable(pod: Kured['pod'], nodes: readonly KubernetesNode[]): number {
  return nodes.filter((node) => canRunOn(pod, node)).length;
}

/**
 * For how long kured's metric must have been 1 to be overdue, in milliseconds: some hours, and since the start of the last finished window, if kured
 * has one. `daemonSets` undefined = not read.
 */
export function allowedPendingMs(
  daemonSets: readonly DaemonSet[] | undefined,
  { rebootPendingHours }: Thresholds,
  now: Date,
): number {
  const windows =
    daemonSets === undefined ? (['unreadable'] as const) : findKured(daemonSets).map((kured) => kured.window);
  const spans = windows.map((window) =>
    window === undefined ? 0 : now.getTime() - (startOfLastWindow(window, now.getTime()) ?? now.getTime()),
  );
  return Math.max(rebootPendingHours * HOUR, ...spans);
}
