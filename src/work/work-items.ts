import { isDeepStrictEqual } from 'node:util';
import * as z from 'zod';
import { Cause } from '../events/cause.ts';
import { KnownChange, MAX_ALERTS } from '../resources/defender.ts';
import type { ResourceId } from '../resources/resource-id.ts';
import type { OnInvalidRow } from '../storage/parse-row.ts';
import type { Versioned } from '../versioned.ts';

/** A cause that is not dealt with yet. */
const PendingCause = z.object({
  ...Cause.shape,
  /** When it was taken in, ISO 8601. */
  queuedAt: z.string(),
  /** The worker that now waits has looked at it. */
  isSeen: z.exactOptional(z.literal(true)),
});
export type PendingCause = Readonly<z.infer<typeof PendingCause>>;

/** One call of a run, as the audit row shows it. */
export const RecordedOperation = z.object({
  operation: z.string(),
  effect: z.enum(['read', 'write']),
  /** Arguments besides the target; never a secret. */
  args: z.array(z.unknown()).readonly(),
  /** `planned`: not sent · `done` · `failed`: refused, nothing applied · `unknown`: the answer was lost · `earlier`: done before a restart. */
  result: z.enum(['planned', 'done', 'failed', 'unknown', 'earlier']),
  /** How often the same call ended the same way; absent = once. */
  times: z.exactOptional(z.number()),
});
export type RecordedOperation = Readonly<z.infer<typeof RecordedOperation>>;

const JsonPointer = z.templateLiteral(['/', z.string()]);

/** A run whose outcome is not recorded yet. Stored before its intent, dropped after its finding. */
export const OpenRun = z.object({
  runId: z.string(),
  policyId: z.string(),
  remediationId: z.string(),
  /** ISO 8601; fixes the keys of its audit rows. */
  startedAt: z.iso.datetime(),
  /** JSON Pointers that the fix may change, and their values before it. */
  touches: z.array(JsonPointer).readonly(),
  before: z.record(JsonPointer, z.unknown()),
  /** Calls of the workers before, in order; writes among them that are done are not sent again. */
  operations: z.array(RecordedOperation).readonly(),
  /** All calls of the fix went through at this time; only the read-back is missing. */
  verifyingSince: z.exactOptional(z.iso.datetime()),
  /** The first read-back that did not show the fix. */
  unverifiedSince: z.exactOptional(z.iso.datetime()),
  /** `x-ms-request-id` of Azure's answers to earlier workers. */
  requestIds: z.exactOptional(z.array(z.string()).readonly()),
  /** Moments of the pass that began it. */
  timings: z.exactOptional(z.record(z.string(), z.string())),
  /** Who approved it, or asked for the undo. */
  approvedBy: z.exactOptional(z.string()),
  /** Only for an undo: the run that it takes back, the values to restore, and the request behind it (by `approvedBy`). */
  undo: z.exactOptional(
    z.object({
      of: z.string(),
      before: z.record(JsonPointer, z.unknown()),
      requestId: z.string(),
      requestedAt: z.iso.datetime(),
    }),
  ),
  /** How often a worker had to take it up again. */
  resumed: z.number(),
});
export type OpenRun = Readonly<z.infer<typeof OpenRun>>;

/** What is to be done about one resource. */
export const WorkItem = z.object({
  /** As Azure spelt it. */
  resourceId: z.string(),
  /** Newest last, bounded: losing an old one loses attribution, never work. */
  pending: z.array(PendingCause).readonly(),
  /** Ids of causes that were taken in before; a known id marks nothing. */
  knownCauses: z.array(z.string()).readonly(),
  /** Those of alerts once more: events by the hundred do not drive them out, and a poll tells of an alert for a month. */
  knownAlerts: z.exactOptional(z.array(z.string()).readonly()),
  /** What was done with the resource lately, newest last, bounded: an alert may ask who did what. */
  changes: z.exactOptional(z.array(KnownChange).readonly()),
  /** Table `alerts` may hold something about it. */
  hasAlerts: z.exactOptional(z.literal(true)),
  /** Who works on it, until when (ISO 8601). */
  leaseOwner: z.exactOptional(z.string()),
  leaseUntil: z.exactOptional(z.iso.datetime()),
  run: z.exactOptional(OpenRun),
  /** A wake-up message for this time is in the queue; nothing happens before it. */
  notBefore: z.exactOptional(z.iso.datetime()),
  /** Tries in a row that ended in waiting. */
  attempt: z.number(),
  /** When the first of them was. */
  waitingSince: z.exactOptional(z.iso.datetime()),
  /** The resource answered 404 first at this time. */
  missingSince: z.exactOptional(z.iso.datetime()),
  /** The attempt before this one, for the audit: the run that ended with `retry`, and its policy. */
  previousRunId: z.exactOptional(z.string()),
  previousPolicyId: z.exactOptional(z.string()),
});
export type WorkItem = Readonly<z.infer<typeof WorkItem>>;

/** Table `work`: one row per resource. A refused condition is an answer, not an error. */
export interface WorkItems {
  get(resource: Pick<ResourceId, 'key'>): Promise<Versioned<WorkItem> | undefined>;
  /** Undefined when the row exists already. */
  insert(resource: Pick<ResourceId, 'key'>, item: WorkItem): Promise<Versioned<WorkItem> | undefined>;
  /** Undefined when somebody else wrote it since. */
  replace(resource: Pick<ResourceId, 'key'>, item: WorkItem, etag: string): Promise<Versioned<WorkItem> | undefined>;
  /** Rows on which something is left to do: a waiting cause, or a run without an outcome. */
  leftovers(onInvalid: OnInvalidRow): AsyncIterable<WorkItem>;
}

/**
 * Most causes that wait, most known ids, and most changes that are remembered, per resource: each fits into a table cell. Of alerts it is as many as are
 * remembered at all: with fewer, a poll would tell of some of them as of something new every time.
 */
export const LIMITS = { pending: 16, knownCauses: 64, knownAlerts: MAX_ALERTS, changes: 40 } as const;

/** The row with one more cause, or undefined when that cause is known already. */
export function withCause(item: WorkItem, cause: PendingCause): WorkItem | undefined {
  const { knownAlerts = [], knownCauses } = item;
  if (isKnownCause(item, cause.id)) return undefined;
  const changes = cause.actor === undefined || cause.kind === 'operator' ? [] : [toChange(cause)];
  return {
    ...item,
    pending: bounded([...item.pending, cause]),
    knownCauses: [...knownCauses, cause.id].slice(-LIMITS.knownCauses),
    ...(changes.length > 0 && { changes: [...(item.changes ?? []), ...changes].slice(-LIMITS.changes) }),
    ...(cause.kind === 'alert' && {
      hasAlerts: true,
      knownAlerts: [...knownAlerts, cause.id].slice(-LIMITS.knownAlerts),
    }),
  };
}

/** Was a cause with this id taken in before? */
export function isKnownCause({ knownAlerts = [], knownCauses }: WorkItem, causeId: string): boolean {
  return knownCauses.includes(causeId) || knownAlerts.includes(causeId);
}

/** What a worker that is done leaves in the row besides what it waits for. */
export function rememberedOf({
  changes,
  hasAlerts,
  knownAlerts,
  knownCauses,
  resourceId,
}: WorkItem): Omit<WorkItem, 'pending' | 'attempt'> {
  return {
    resourceId,
    knownCauses,
    ...(changes !== undefined && { changes }),
    ...(hasAlerts !== undefined && { hasAlerts }),
    ...(knownAlerts !== undefined && { knownAlerts }),
  };
}

function toChange({ actor, correlationId, operation = 'unknown', time }: PendingCause): KnownChange {
  return {
    time,
    operation,
    ...(actor?.id !== undefined && { actor: actor.id }),
    ...(actor?.application !== undefined && { application: actor.application }),
    ...(correlationId !== undefined && { correlationId }),
  };
}

/** Calls one after the other; a call that is repeated with the same result counts up, so that a day of tries stays small. */
export function joinOperations(
  earlier: readonly RecordedOperation[],
  fresh: readonly RecordedOperation[],
): readonly RecordedOperation[] {
  const joined = [...earlier];
  for (const operation of fresh) {
    const { times: _once, ...call } = operation;
    const index = joined.findIndex(({ times: _times, ...other }) => isDeepStrictEqual(other, call));
    const same = joined[index];
    const isRepetition = same !== undefined && !(operation.effect === 'write' && operation.result === 'done');
    if (isRepetition) joined[index] = { ...same, times: (same.times ?? 1) + 1 };
    else joined.push(operation);
  }
  return joined;
}

/** Drops the oldest cause that says least: one that only says "look", then an action that was done again since, then any but a request. */
function bounded(causes: readonly PendingCause[]): readonly PendingCause[] {
  if (causes.length <= LIMITS.pending) return causes;
  const index = [isPlain, isRepeated, isNoRequest, () => true]
    .map((isLess) => causes.findIndex(isLess))
    .find((found) => found !== -1);
  return causes.toSpliced(index ?? 0, 1);
}

function isPlain({ kind, operation, deleted, request }: PendingCause): boolean {
  const isAction = kind === 'event' && operation?.toLowerCase().endsWith('/action') === true;
  return deleted !== true && request === undefined && kind !== 'alert' && !isAction;
}

function isRepeated(cause: PendingCause, index: number, causes: readonly PendingCause[]): boolean {
  if (cause.request !== undefined || cause.deleted === true) return false;
  return causes.slice(index + 1).some(({ operation }) => operation?.toLowerCase() === cause.operation?.toLowerCase());
}

function isNoRequest({ request }: PendingCause): boolean {
  return request === undefined;
}

/** An empty row. */
export function newWorkItem(resourceId: string): WorkItem {
  return { resourceId, pending: [], knownCauses: [], attempt: 0 };
}
