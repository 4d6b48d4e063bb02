import type { KubernetesNode } from '../../resources/kubernetes.ts';
import type { NodeRecord, RebootMetrics } from '../../resources/node-health.ts';
import { type Judgement, type Thresholds, undecided } from './detection.ts';
import { kernelOf, skewSinceOf } from './kernel.ts';
import { type Kured, REBOOT_NEEDED } from './kured.ts';
import { isExpired, type KuredLock } from './kured-lock.ts';
import { endOfNextWindow, startOfLastWindow } from './kured-window.ts';
import { lookUp } from './scheduling.ts';
import { formatTimestamp, HOUR, MINUTE, parseTimestamp } from './timestamp.ts';

/** What a Linux node is judged by, besides itself. */
export interface NodeContext {
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly thresholds: Thresholds;
  readonly isUnmanaged: boolean;
  /** The kureds that can run on the node; undefined = nothing is known of kured. */
  readonly kured: readonly Kured[] | undefined;
  /** The same, if the silence of each means something: ready, and on every node that they should be on. */
  readonly watchful: readonly Kured[];
  /** Locks of those that are able to reboot the node. */
  readonly locks: readonly KuredLock[];
  readonly metrics: RebootMetrics | undefined;
  /** The node as it was remembered before; of the same uid. */
  readonly record: NodeRecord | undefined;
  /** The newer kernel of a neighbour. */
  readonly newerKernel: string | undefined;
  /** What the image of the node says. */
  readonly image: Judgement;
}

/** Clocks of nodes may be ahead by this. */
const CLOCK_TOLERANCE = 5 * MINUTE;

/** Misses the node a reboot? The first rule that knows decides. */
export function judgeNode(node: KubernetesNode, context: NodeContext): Judgement {
  return (
    judgeOverdue(node, context) ??
    judgeLock(node, context) ??
    judgeMetric(node, context) ??
    judgeAnnotation(node, context) ??
    judgeChannel(node, context) ??
    judgeSilence(node, context) ??
    judgeKernel(node, context) ??
    giveUp(node, context)
  );
}

/** kured has just taken the lock for it: it is being drained and rebooted. */
function judgeLock({ metadata: { name } }: KubernetesNode, context: NodeContext): Judgement | undefined {
  const { locks, now, thresholds } = context;
  const since = locks.find((lock) => lock.holder === name && isFresh(lock, now, thresholds.drainGraceHours))?.created;
  if (since === undefined) return undefined;
  const detail = `holds kured's lock since ${formatTimestamp(since)}: it is being drained or rebooted`;
  return { verdict: 'in-progress', basis: 'lock', reason: 'lock-held', since: formatTimestamp(since), detail };
}

function isFresh(lock: KuredLock, now: number, hours: number): boolean {
  const age = lock.created === undefined ? Number.POSITIVE_INFINITY : now - lock.created;
  return age >= -CLOCK_TOLERANCE && age <= hours * HOUR && !isExpired(lock, now);
}

/** A reboot that does not come for too long stays missing, whoever holds a lock. */
function judgeOverdue({ metadata: { name } }: KubernetesNode, { metrics }: NodeContext): Judgement | undefined {
  const judgement = judgeSample(name, metrics);
  return judgement?.verdict === 'reboot-missing' ? judgement : undefined;
}

/** kured's own metric beats everything that is written on the node. */
function judgeMetric({ metadata: { name } }: KubernetesNode, context: NodeContext): Judgement | undefined {
  const judgement = judgeSample(name, context.metrics);
  return judgement?.verdict === 'ok' ? whenClean(context, 'metric', judgement.detail) : judgement;
}

/** What kured's metric says of one node. Only what is measured now counts: undefined = nothing is, whatever was in the past of the series. */
export function judgeSample(name: string, metrics: RebootMetrics | undefined): Judgement | undefined {
  const value = metrics?.now.get(name);
  if (metrics === undefined || value === undefined) return undefined;
  if (value === 1 && metrics.overdue.has(name)) {
    const detail = 'kured reports a needed reboot for longer than is allowed (kured_reboot_required)';
    return { verdict: 'reboot-missing', confidence: 'certain', basis: 'metric', detail };
  }
  if (value === 0) return { verdict: 'ok', basis: 'metric', detail: 'kured reports that no reboot is needed' };
  const detail = 'kured reports a needed reboot, and the time allowed for it is not over';
  return { verdict: 'in-progress', basis: 'metric', reason: 'reboot-pending', detail };
}

function judgeAnnotation(node: KubernetesNode, context: NodeContext): Judgement | undefined {
  const { now, record, thresholds } = context;
  const since = noticeOf(node, now);
  if (since === undefined) return undefined;
  const asked = `kured asks for a reboot since ${formatTimestamp(since)}`;
  if (isRebootProven(node, record, since)) {
    // What kured never takes away hides what it asks for later: then it is no proof any more.
    return now <= dueOf(bootSeenAt(node, record, now), context.kured, thresholds)
      ? whenClean(context, 'boot-id', `${asked}, and the node was rebooted after that`)
      : undefined;
  }
  const pending = { basis: 'annotation', since: formatTimestamp(since) } as const;
  if (now <= dueOf(since, context.kured, thresholds)) {
    const detail = `${asked}, and the time allowed for it is not over`;
    return { ...pending, verdict: 'in-progress', reason: 'reboot-pending', detail };
  }
  const unchanged = hasNotRebooted(node, record, since);
  if (unchanged !== undefined) {
    return { ...pending, verdict: 'reboot-missing', confidence: 'certain', detail: `${asked}; ${unchanged}` };
  }
  const detail = `${asked}; nothing proves that the node was rebooted after that`;
  return { ...pending, verdict: 'reboot-missing', confidence: 'likely', detail };
}

/** When kured first asked for the reboot; undefined = it does not, or what is written there cannot be true. */
function noticeOf({ metadata }: KubernetesNode, now: number): number | undefined {
  const since = parseTimestamp(lookUp(metadata.annotations, REBOOT_NEEDED));
  if (since === undefined || since > now + CLOCK_TOLERANCE) return undefined;
  const created = parseTimestamp(metadata.creationTimestamp);
  return created !== undefined && since < created ? undefined : since;
}

/** The old boot id was still seen when the reboot was already needed, and it is another one now: known since this look or an earlier one. */
function isRebootProven({ status }: KubernetesNode, record: NodeRecord | undefined, since: number): boolean {
  const { bootID } = status.nodeInfo;
  if (record === undefined || bootID === undefined || bootID === '') return false;
  const isOld = (bootId: string | undefined, seenAt: string | undefined) =>
    bootId !== undefined && bootId !== '' && bootId !== bootID && (parseTimestamp(seenAt) ?? -Infinity) >= since;
  return isOld(record.bootId, record.lastSeenAt) || isOld(record.previousBootId, record.previousSeenAt);
}

/** When the boot id of now was first seen. */
function bootSeenAt({ status }: KubernetesNode, record: NodeRecord | undefined, now: number): number {
  if (record?.bootId !== status.nodeInfo.bootID || record?.bootIdFirstSeen === undefined) return now;
  return parseTimestamp(record.bootIdFirstSeen) ?? Number.NEGATIVE_INFINITY;
}

/** Proof in words that the node has not been rebooted since then. */
function hasNotRebooted({ status }: KubernetesNode, record: NodeRecord | undefined, since: number): string | undefined {
  const { bootID } = status.nodeInfo;
  const firstSeen = parseTimestamp(record?.bootIdFirstSeen) ?? Number.POSITIVE_INFINITY;
  if (bootID !== undefined && bootID !== '' && record?.bootId === bootID && firstSeen <= since) {
    return 'its boot id is the same as before';
  }
  const ready = parseTimestamp(status.conditions.find(({ type }) => type === 'Ready')?.lastTransitionTime);
  return ready !== undefined && ready < since ? 'its kubelet has not been restarted since before that' : undefined;
}

/** The end of the time allowed: some hours, and a whole window of every kured that can run there. */
function dueOf(since: number, kured: readonly Kured[] | undefined, { rebootPendingHours }: Thresholds): number {
  const windows = kured === undefined ? (['unreadable'] as const) : kured.map(({ window }) => window);
  const ends = windows.map((window) => (window === undefined ? undefined : endOfNextWindow(window, since)));
  return Math.max(since + rebootPendingHours * HOUR, ...ends.filter((end) => end !== undefined));
}

/** Where AKS itself replaces or patches nodes, the image tells; kured's silence makes it better proven. */
function judgeChannel(node: KubernetesNode, context: NodeContext): Judgement | undefined {
  if (context.isUnmanaged) return undefined;
  return isWatched(node, context) ? whenClean(context, 'annotation', SILENCE) : context.image;
}

const SILENCE = 'kured, which writes down on the node that a reboot is needed, has written nothing';

/** kured would have asked for a reboot if one were needed. */
function judgeSilence(node: KubernetesNode, context: NodeContext): Judgement | undefined {
  return isWatched(node, context) ? { verdict: 'ok', basis: 'annotation', detail: SILENCE } : undefined;
}

function isWatched({ metadata }: KubernetesNode, { now, watchful }: NodeContext): boolean {
  // kured does not replace what is written there: what cannot be used hides what kured would have written.
  if (lookUp(metadata.annotations, REBOOT_NEEDED) !== undefined) return false;
  const created = parseTimestamp(metadata.creationTimestamp) ?? Number.POSITIVE_INFINITY;
  return watchful.length > 0 && watchful.every((kured) => couldSpeak(kured, created, now));
}

/** Both the node and kured must have been there for a whole period, and for a whole window if there is one. */
function couldSpeak(kured: Kured, nodeCreated: number, now: number): boolean {
  const { created = Number.POSITIVE_INFINITY, period, window } = kured;
  const since = Math.max(created, nodeCreated);
  if (now - since <= period) return false;
  return window === undefined || since < (startOfLastWindow(window, now) ?? Number.NEGATIVE_INFINITY);
}

/** Somebody rebooted its neighbours, and not this one. */
function judgeKernel(node: KubernetesNode, { newerKernel, now, record, thresholds }: NodeContext) {
  const since = parseTimestamp(skewSinceOf(node, record));
  if (newerKernel === undefined || since === undefined) return undefined;
  if (now - since <= thresholds.kernelSkewHours * HOUR) return undefined;
  return {
    verdict: 'reboot-missing',
    confidence: 'likely',
    basis: 'kernel',
    since: formatTimestamp(since),
    detail: `runs kernel ${kernelOf(node)}, while a node of the same kind in its pool runs ${newerKernel}`,
  } as const;
}

function giveUp(node: KubernetesNode, { now }: NodeContext): Judgement {
  const { metadata } = node;
  if (noticeOf(node, now) !== undefined) {
    return undecided(
      'annotation-stale',
      'the node was rebooted, and kured still asks for it: a new request would not show',
    );
  }
  return lookUp(metadata.annotations, REBOOT_NEEDED) === undefined
    ? undecided('no-reboot-signal', 'nothing tells whether a reboot is needed')
    : undecided('annotation-unusable', 'what kured is said to have written on the node cannot be true');
}

/** No reboot is needed; what remains is the image. */
function whenClean({ image }: NodeContext, basis: 'metric' | 'boot-id' | 'annotation', detail: string): Judgement {
  return image.verdict === 'ok' ? { verdict: 'ok', basis, detail } : image;
}
