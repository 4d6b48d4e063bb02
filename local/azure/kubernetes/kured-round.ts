import * as z from 'zod';
import type { ClusterState } from './cluster-state.ts';
import { KURED_KEYS } from './kured.ts';
import { isInWindow } from './kured-window.ts';
import { toKubernetesTime } from './node-object.ts';
import type { NodeState } from './node-state.ts';

/** The lock annotation as kured writes it with a concurrency of 1; the operator's own lock has nothing but a holder. */
const Lock = z.object({ nodeID: z.string(), created: z.string().optional(), TTL: z.number().default(0) });
const NANOSECONDS_PER_MS = 1_000_000;

/** One round of kured's work on a cluster; returns the name of the node that it has rebooted. */
export function runKuredRound(state: ClusterState): string | undefined {
  const { kured } = state;
  if (kured === undefined) return undefined;
  releaseLock(state);
  const now = state.now();
  if (!isInWindow(kured.window, now)) return undefined;
  const pending = state.list().filter((node) => state.hasPod(node) && node.rebootRequiredSince !== undefined);
  if (kured.annotateNodes === true) for (const node of pending) annotate(state, node);
  const [next] = pending;
  if (next === undefined || kured.isBlocked === true || isLocked(state)) return undefined;
  const lock = { nodeID: next.name, metadata: { unschedulable: false }, created: now.toISOString(), TTL: 0 };
  state.setLock(JSON.stringify(lock));
  state.reboot(next.name, undefined);
  return next.name;
}

/** kured starts anew with its node: a holder that has booted since it took the lock cleans up and gives it back. */
function releaseLock(state: ClusterState): void {
  const lock = readLock(state.lock);
  const holder = state.list().find(({ name }) => name === lock?.nodeID);
  if (lock?.created === undefined || holder === undefined || !state.hasPod(holder)) return;
  if (holder.readySince.getTime() < Date.parse(lock.created)) return;
  if (holder.rebootRequiredSince === undefined) state.annotate(holder.name, { [KURED_KEYS.inProgress]: null });
  state.setLock(undefined);
}

function annotate(state: ClusterState, { annotations, name }: NodeState): void {
  if (annotations[KURED_KEYS.inProgress] !== undefined) return;
  const stamp = toKubernetesTime(state.now());
  state.annotate(name, { [KURED_KEYS.inProgress]: stamp, [KURED_KEYS.mostRecent]: stamp });
}

function isLocked(state: ClusterState): boolean {
  if (state.lock === undefined) return false;
  const lock = readLock(state.lock);
  if (lock?.created === undefined || lock.TTL <= 0) return true;
  return Date.parse(lock.created) + lock.TTL / NANOSECONDS_PER_MS > state.now().getTime();
}

function readLock(text: string | undefined): z.infer<typeof Lock> | undefined {
  if (text === undefined) return undefined;
  try {
    return Lock.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
