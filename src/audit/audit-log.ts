import { decodeTime, ulidToUUID } from 'ulid';
import * as z from 'zod';
import type { OnInvalidRow } from '../storage/parse-row.ts';

const text = () => z.exactOptional(z.string());

/** What a row is about. */
export const auditStages = [
  'decision',
  'intent',
  'outcome',
  'undo',
  'approval',
  'operator',
  'notice',
  'ticket',
  'input',
  'configuration',
] as const;
export type AuditStage = (typeof auditStages)[number];

/** How a run ended. Exactly one per run. */
export const outcomes = [
  'fixed',
  'already-compliant',
  'not-effective',
  'retry',
  'denied',
  'denied-by-policy',
  'locked',
  'gone',
  'failed',
  'abandoned',
  'gave-up',
  'undone',
] as const;
export type Outcome = (typeof outcomes)[number];

/**
 * One row of table `audit`. The names are part of the product's interface: Storage Explorer, Excel and Power BI read them as they are.
 * All times are ISO 8601 in UTC; `before`, `after`, `evidence`, `operations` and `timings` hold JSON.
 */
export const AuditRecord = z.object({
  /** When the row was written. */
  time: z.string(),
  stage: z.enum(auditStages),
  /** ULID of the run; one intent and one outcome share it. */
  remediationRunId: text(),
  resourceId: text(),
  resourceType: text(),
  resourceName: text(),
  subscriptionId: text(),
  resourceGroup: text(),
  policyId: text(),
  remediationId: text(),
  severity: text(),
  /** Effective mode when it was decided. */
  mode: text(),
  verdict: text(),
  decision: text(),
  /** Stable code; `error` and `evidence` say it in words. */
  reason: text(),
  outcome: z.exactOptional(z.enum(outcomes)),
  causeKind: text(),
  causeId: text(),
  causeTime: text(),
  /** Object id of whoever last changed the resource, as the event tells it; it does not prove which property they touched. */
  actor: text(),
  actorType: text(),
  actorApplication: text(),
  /** Only with `AUDIT_ACTOR_NAMES=on`. */
  actorName: text(),
  correlationId: text(),
  /** Who approved the run: object id of a person whom the platform verified, or `key:<fingerprint>` of the function key. */
  approvedBy: text(),
  /** Evidence of the violation. */
  evidence: text(),
  /** Touched paths before the fix (JSON Pointer → value; absent paths are left out). */
  before: text(),
  /** The same paths when the fix was verified. */
  after: text(),
  /** Calls in order: `[{operation, effect, args, result}]`; with result `planned` nothing was sent. */
  operations: text(),
  /** `x-ms-request-id` of Azure's answers, comma separated. */
  armRequestIds: text(),
  /** From the cause to this row, in milliseconds. */
  latencyMs: z.exactOptional(z.number()),
  /** From the start of the run to this row, in milliseconds. */
  durationMs: z.exactOptional(z.number()),
  ticketKey: text(),
  ticketUrl: text(),
  /** The attempt before this one. */
  previousRunId: text(),
  /** `{event, queued, started, read, decided, fixed, verified}`, those that are known. */
  timings: text(),
  configHash: text(),
  /** Version of Dockwarden. */
  version: text(),
  error: text(),
});
export type AuditRecord = Readonly<z.infer<typeof AuditRecord>>;

/** Longest text that a table cell takes with certainty: 64 KiB of UTF-16 are 32,768. */
export const MAX_CELL_CHARACTERS = 32_000;

/** Where a row stands: fixed before it is written, so that a repeated insert finds itself. */
export interface AuditKey {
  readonly partitionKey: string;
  readonly rowKey: string;
}

/** Append-only: rows are never changed or removed by this product. */
export interface AuditLog {
  /** True when the row is new, false when this very row was there already. Rejects with `STORAGE_UNAVAILABLE`. */
  append(key: AuditKey, record: AuditRecord): Promise<boolean>;
  find(key: AuditKey): Promise<AuditRecord | undefined>;
  /** Rows written from `since` to `until`, days in descending order, newest run first within a day. */
  list(since: Date, until: Date, onInvalid: OnInvalidRow): AsyncIterable<AuditRecord & AuditKey>;
}

const TICKS_AT_EPOCH = 621_355_968_000_000_000n;
const MAX_TICKS = 3_155_378_975_999_999_999n;

/** Keys sort newest first: the ticks (100 ns since year 1, as .NET counts) are subtracted from the largest date. */
export function auditKey(start: Date, id: string, stage: AuditStage): AuditKey {
  const ticks = BigInt(start.getTime()) * 10_000n + TICKS_AT_EPOCH;
  const inverted = (MAX_TICKS - ticks).toString().padStart(19, '0');
  return { partitionKey: start.toISOString().slice(0, 10), rowKey: `${inverted}_${id}_${stage}` };
}

const ROW_KEY = /^(\d{19})_[\w-]{1,300}_[a-z]{1,20}$/;

/** The whole key of a row by its row key, which tells the day; undefined for text that is none. */
export function findAuditKey(rowKey: string): AuditKey | undefined {
  const [, inverted] = ROW_KEY.exec(rowKey) ?? [];
  if (inverted === undefined) return undefined;
  const start = new Date(Number((MAX_TICKS - BigInt(inverted) - TICKS_AT_EPOCH) / 10_000n));
  return { partitionKey: start.toISOString().slice(0, 10), rowKey };
}

/** When a run began: its id holds the time that its keys are made of. Throws for text that is no ULID. */
export function runStart(runId: string): Date {
  return new Date(decodeTime(runId));
}

/** The run id as GUID: sent to Azure with every write (`x-ms-correlation-request-id`), so that the Activity Log names the run. */
export function runCorrelationId(runId: string): string {
  return ulidToUUID(runId).toLowerCase();
}
