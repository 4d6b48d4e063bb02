import type { Cause } from '../events/cause.ts';
import type { ResourceId } from '../resources/resource-id.ts';

/** A cause that nobody has looked at yet. */
export interface PendingCause extends Cause {
  /** When it was taken in, ISO 8601. */
  readonly queuedAt: string;
}

/** One call of a run, as the audit row shows it. */
export interface RecordedOperation {
  readonly operation: string;
  readonly effect: 'read' | 'write';
  /** Arguments besides the target; never a secret. */
  readonly args: readonly unknown[];
  /** `planned`: not sent · `done` · `failed`: refused, nothing applied · `unknown`: the answer was lost · `earlier`: done before a restart. */
  readonly result: 'planned' | 'done' | 'failed' | 'unknown' | 'earlier';
}

/** A run whose outcome is not recorded yet. Stored before its intent, dropped after its finding. */
export interface OpenRun {
  readonly runId: string;
  readonly policyId: string;
  readonly remediationId: string;
  /** ISO 8601; fixes the keys of its audit rows. */
  readonly startedAt: string;
  /** JSON Pointers that the fix may change, and their values before it. */
  readonly touches: readonly `/${string}`[];
  readonly before: Readonly<Record<`/${string}`, unknown>>;
  /** Calls of the workers before, in order; writes among them that are done are not sent again. */
  readonly operations: readonly RecordedOperation[];
  /** All calls of the fix went through at this time; only the read-back is missing. */
  readonly verifyingSince?: string;
  /** How often a worker had to take it up again. */
  readonly resumed: number;
}

/** What is to be done about one resource. */
export interface WorkItem {
  /** As Azure spelt it. */
  readonly resourceId: string;
  /** Newest last, bounded: losing an old one loses attribution, never work. */
  readonly pending: readonly PendingCause[];
  /** Ids of causes that were taken in before; a known id marks nothing. */
  readonly knownCauses: readonly string[];
  /** Who works on it, until when (ISO 8601). */
  readonly leaseOwner?: string;
  readonly leaseUntil?: string;
  readonly run?: OpenRun;
  /** A wake-up message for this time is in the queue; nothing happens before it. */
  readonly notBefore?: string;
  /** Tries in a row that ended in waiting. */
  readonly attempt: number;
  /** When the first of them was. */
  readonly waitingSince?: string;
  /** The resource answered 404 first at this time. */
  readonly missingSince?: string;
  /** The attempt before this one, for the audit. */
  readonly previousRunId?: string;
}

export interface Versioned<T> {
  readonly item: T;
  readonly etag: string;
}

/** Table `work`: one row per resource. A refused condition is an answer, not an error. */
export interface WorkItems {
  get(resource: Pick<ResourceId, 'key'>): Promise<Versioned<WorkItem> | undefined>;
  /** Undefined when the row exists already. */
  insert(resource: Pick<ResourceId, 'key'>, item: WorkItem): Promise<Versioned<WorkItem> | undefined>;
  /** Undefined when somebody else wrote it since. */
  replace(resource: Pick<ResourceId, 'key'>, item: WorkItem, etag: string): Promise<Versioned<WorkItem> | undefined>;
  /** Rows on which something is left to do: a waiting cause, or a run without an outcome. */
  leftovers(): AsyncIterable<WorkItem>;
}

/** Most causes that wait, and most known ids, per resource: both fit into a table cell together. */
export const LIMITS = { pending: 16, knownCauses: 64 } as const;

/** The row with one more cause, or undefined when that cause is known already. */
export function withCause(item: WorkItem, cause: PendingCause): WorkItem | undefined {
  if (item.knownCauses.includes(cause.id)) return undefined;
  return {
    ...item,
    pending: [...item.pending, cause].slice(-LIMITS.pending),
    knownCauses: [...item.knownCauses, cause.id].slice(-LIMITS.knownCauses),
  };
}

/** An empty row. */
export function newWorkItem(resourceId: string): WorkItem {
  return { resourceId, pending: [], knownCauses: [], attempt: 0 };
}
