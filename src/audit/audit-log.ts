/** What a row is about. */
export type AuditStage =
  | 'decision'
  | 'intent'
  | 'outcome'
  | 'undo'
  | 'approval'
  | 'operator'
  | 'ticket'
  | 'input'
  | 'configuration';

/** How a run ended. Exactly one per run. */
export type Outcome =
  | 'fixed'
  | 'already-compliant'
  | 'not-effective'
  | 'retry'
  | 'denied'
  | 'denied-by-policy'
  | 'locked'
  | 'gone'
  | 'failed'
  | 'abandoned'
  | 'gave-up'
  | 'undone';

/**
 * One row of table `audit`. The names are part of the product's interface: Storage Explorer, Excel and Power BI read them as they are.
 * All times are ISO 8601 in UTC; `before`, `after`, `operations` and `timings` hold JSON.
 */
export interface AuditRecord {
  /** When the row was written. */
  readonly time: string;
  readonly stage: AuditStage;
  /** ULID of the run; one intent and one outcome share it. */
  readonly remediationRunId?: string;
  readonly resourceId?: string;
  readonly resourceType?: string;
  readonly resourceName?: string;
  readonly subscriptionId?: string;
  readonly resourceGroup?: string;
  readonly policyId?: string;
  readonly remediationId?: string;
  readonly severity?: string;
  /** Effective mode when it was decided. */
  readonly mode?: string;
  readonly verdict?: string;
  readonly decision?: string;
  /** Stable code; `error` and `evidence` say it in words. */
  readonly reason?: string;
  readonly outcome?: Outcome;
  readonly causeKind?: string;
  readonly causeId?: string;
  readonly causeTime?: string;
  /** Object id of whoever last changed the resource, as the event tells it; it does not prove which property they touched. */
  readonly actor?: string;
  readonly actorType?: string;
  readonly actorApplication?: string;
  /** Only with `AUDIT_ACTOR_NAMES=on`. */
  readonly actorName?: string;
  readonly correlationId?: string;
  /** Evidence of the violation (JSON). */
  readonly evidence?: string;
  /** Touched paths before the fix (JSON Pointer → value; absent paths are left out). */
  readonly before?: string;
  /** The same paths when the fix was verified. */
  readonly after?: string;
  /** Calls in order: `[{operation, effect, args, result}]`; with result `planned` nothing was sent. */
  readonly operations?: string;
  /** `x-ms-request-id` of Azure's answers, comma separated. */
  readonly armRequestIds?: string;
  /** From the cause to this row, in milliseconds. */
  readonly latencyMs?: number;
  /** From the start of the run to this row, in milliseconds. */
  readonly durationMs?: number;
  readonly ticketKey?: string;
  readonly ticketUrl?: string;
  /** The attempt before this one. */
  readonly previousRunId?: string;
  /** `{event, queued, started, read, decided, fixed, verified}`, those that are known. */
  readonly timings?: string;
  readonly configHash?: string;
  /** Version of Dockwarden. */
  readonly version?: string;
  readonly error?: string;
}

/** Where a row stands: fixed before it is written, so that a repeated insert finds itself. */
export interface AuditKey {
  readonly partitionKey: string;
  readonly rowKey: string;
}

/** Append-only: rows are never changed or removed by this product. */
export interface AuditLog {
  /** Resolves also when this very row is there already. Rejects with `STORAGE_UNAVAILABLE`. */
  append(key: AuditKey, record: AuditRecord): Promise<void>;
  find(key: AuditKey): Promise<AuditRecord | undefined>;
  /** Newest first within each UTC day, days in descending order, from now back to `since`. */
  list(since: Date, until: Date): AsyncIterable<AuditRecord & AuditKey>;
}

const TICKS_AT_EPOCH = 621_355_968_000_000_000n;
const MAX_TICKS = 3_155_378_975_999_999_999n;

/** Keys sort newest first: the ticks (100 ns since year 1, as .NET counts) are subtracted from the largest date. */
export function auditKey(start: Date, id: string, stage: AuditStage): AuditKey {
  const ticks = BigInt(start.getTime()) * 10_000n + TICKS_AT_EPOCH;
  const inverted = (MAX_TICKS - ticks).toString().padStart(19, '0');
  return { partitionKey: start.toISOString().slice(0, 10), rowKey: `${inverted}_${id}_${stage}` };
}
