import type { AuditLog } from '../audit/audit-log.ts';
import type { AzureClients } from '../azure/clients.ts';
import type { Alerts } from '../defender/alerts.ts';
import type { Findings } from '../findings/findings.ts';
import type { Approvals } from '../guards/approvals.ts';
import type { Breakers } from '../guards/breaker.ts';
import type { SweepRecords } from '../guards/sweep-record.ts';
import type { TicketRates } from '../guards/ticket-rates.ts';
import type { NodeHistory } from '../nodes/node-history.ts';
import type { PoisonStore } from '../poison/poison-store.ts';
import type { Policy } from '../policy/define-policy.ts';
import type { Remediation } from '../remediations/define-remediation.ts';
import type { Tracker } from '../remediations/define-tracker.ts';
import type { Settings } from '../settings/settings.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Tickets } from '../tickets/ticket.ts';
import type { TicketSystem } from '../tickets/ticket-system.ts';
import type { QueueDepths } from '../work/queue-depths.ts';
import type { WorkItems } from '../work/work-items.ts';
import type { WorkQueue } from '../work/work-queue.ts';

/** The only source of time. */
export interface Clock {
  now(): Date;
}

/** Structured log: a static message and what it is about; never claims, credentials or whole bodies. */
export interface Log {
  debug(message: string, details?: Readonly<Record<string, unknown>>): void;
  info(message: string, details?: Readonly<Record<string, unknown>>): void;
  warn(message: string, details?: Readonly<Record<string, unknown>>): void;
  error(message: string, details?: Readonly<Record<string, unknown>>): void;
}

/** Time limits in milliseconds (architecture: one worker per resource, verify, retries). */
export const LIMITS = {
  /** A lease holds this long … */
  lease: 120_000,
  /** … and counts as held this much longer, because clocks differ. */
  leaseSkew: 30_000,
  /** A lease with less than this left is renewed before a mutating call. */
  leaseRenewal: 90_000,
  /** One request. */
  call: 30_000,
  /** One long-running operation; after that the read-back decides. */
  operation: 60_000,
  /** One read that takes several requests: a long list, the result of a command. */
  list: 120_000,
  /** A fix that the read-back does not show by then is `not-effective`. */
  verification: 10 * 60_000,
  /** Tries that end in waiting stop after this. */
  givingUp: 24 * 3_600_000,
  /** Two 404s at least this far apart make a resource gone. */
  missing: 60_000,
  /** Longest wait between two tries. */
  retry: 15 * 60_000,
  /** Longest wait that a message carries. */
  message: 24 * 3_600_000,
} as const;

/** Everything that the engine works with; built once per invocation from memoised clients and fresh settings. */
export interface EngineContext {
  readonly clock: Clock;
  readonly log: Log;
  readonly settings: Settings;
  readonly clients: AzureClients;
  readonly audit: AuditLog;
  readonly findings: Findings;
  readonly work: WorkItems;
  readonly queue: WorkQueue;
  readonly sweeps: SweepRecords;
  readonly breakers: Breakers;
  readonly approvals: Approvals;
  readonly poison: PoisonStore;
  /** What Microsoft Defender for Cloud has told. */
  readonly alerts: Alerts;
  readonly tickets: Tickets;
  /** Queue `tickets`; one message = one ticket to bring to the configured system. */
  readonly ticketQueue: WorkQueue;
  /** Queue `events`; one message = one row of the audit to publish. */
  readonly eventQueue: WorkQueue;
  /** How full the queues are. */
  readonly queueDepths: QueueDepths;
  readonly ticketRates: TicketRates;
  /** The system that tickets go to besides the table; undefined = none. */
  readonly ticketSystem: TicketSystem | undefined;
  /** What is remembered of the nodes of clusters. */
  readonly nodes: NodeHistory;
  readonly policies: readonly Policy[];
  readonly remediations: readonly Remediation[];
  readonly trackers: readonly Tracker[];
  /** What is measured besides the rows of the audit, which measure themselves. */
  readonly metrics: Metrics;
  /** Version of the product, for the audit. */
  readonly version: string;
  /** A new unique id (ULID) that holds this time: the run or row begins then. */
  newRunId(start: Date): string;
}
