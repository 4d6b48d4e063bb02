import type { Severity } from '../policy/define-policy.ts';

/** One paragraph of a ticket. All text is untrusted and plain: each system escapes it in its own way. */
export type Block =
  | { readonly kind: 'heading'; readonly text: string }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'list'; readonly items: readonly string[] }
  /** Label and value, one row each. */
  | { readonly kind: 'facts'; readonly rows: readonly (readonly [label: string, value: string])[] }
  /** Lines for a shell, exactly as they are to be typed. */
  | { readonly kind: 'commands'; readonly lines: readonly string[] }
  /** `url` is made by us: https, to a known host. */
  | { readonly kind: 'link'; readonly label: string; readonly url: string };

/** What a ticket says, independent of the system that it goes to. */
export interface TicketDraft {
  /** One line, without counts and times that change from look to look; at most 200 characters. */
  readonly title: string;
  readonly severity: Severity;
  /** First what to do; then evidence, since when, how it closes, and the key. */
  readonly body: readonly Block[];
}

/** A ticket in another system. */
export interface RemoteTicket {
  readonly id: string;
  /** For people; https. */
  readonly url: string;
  readonly state: 'open' | 'closed';
  /** How it was closed, by the category that the system itself gives to its states. Absent while it is open. */
  readonly closedAs?: 'fixed' | 'wont-fix' | 'duplicate';
  readonly updatedAt: Date;
}

export type CloseReason = 'fixed' | 'obsolete' | 'duplicate';

export type TicketErrorKind =
  /** The credential or its permissions: nothing is created until somebody mends it. */
  | 'auth'
  | 'rate-limited'
  /** The project, type or field does not exist, or may not be seen. */
  | 'not-found'
  /** Refused for what was sent; sending it again is useless. The message is shown to staff. */
  | 'invalid'
  /** Somebody else wrote at the same time, also at the second try. */
  | 'conflict'
  /** Down, or no connection, before anything can have been done. */
  | 'unavailable'
  /** A write was sent and its answer was lost: it may have been done. */
  | 'outcome-unknown';

/** Why a ticket system did not do it. The message names no secret, and is at most 500 characters. */
export class TicketError extends Error {
  readonly kind: TicketErrorKind;
  /** What the system asked to wait, in milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(kind: TicketErrorKind, message: string, options: { cause?: unknown; retryAfterMs?: number } = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.name = 'TicketError';
    this.kind = kind;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/**
 * A system that keeps tickets and can be asked about them. Every method rejects with `TicketError` and nothing else, sends each write exactly
 * once, follows no redirect, and reads back what several systems accept and ignore.
 */
export interface TrackingSystem {
  readonly kind: 'tracking';
  readonly id: 'azure-devops' | 'github' | 'redmine';
  /** System and repository, project or server, for example `github:contoso/operations`: within it a ticket's id means one ticket. */
  readonly place: string;
  /** How long after a create of unknown outcome the search can be trusted, in milliseconds. */
  readonly settleMs: number;
  /** Are the credential and the target both right? Writes nothing. Rejects if not. */
  probe(signal: AbortSignal): Promise<void>;
  /** Tickets that carry exactly this key, open or closed since then, oldest first, at most 5. */
  findByKey(key: string, since: Date, signal: AbortSignal): Promise<readonly RemoteTicket[]>;
  /** One request, never repeated inside; the key is read back. */
  create(draft: TicketDraft, key: string, signal: AbortSignal): Promise<RemoteTicket>;
  /** Undefined = gone or hidden. */
  get(id: string, signal: AbortSignal): Promise<RemoteTicket | undefined>;
  /** Title, body and severity as in the draft; what people added besides stays. */
  update(id: string, draft: TicketDraft, key: string, signal: AbortSignal): Promise<void>;
  comment(id: string, text: string, signal: AbortSignal): Promise<void>;
  close(id: string, reason: CloseReason, text: string, signal: AbortSignal): Promise<void>;
  reopen(id: string, text: string, signal: AbortSignal): Promise<void>;
}

/** What happened to a ticket, for receivers of notices. */
export type TicketChange = 'opened' | 'updated' | 'resolved' | 'reopened' | 'suppressed';

/** One notice; at least once, so receivers drop what they know by `key`, `generation` and `sequence`. */
export interface TicketNotice {
  readonly change: TicketChange;
  readonly key: string;
  readonly generation: number;
  readonly sequence: number;
  readonly time: Date;
  readonly policyId: string;
  readonly resourceId: string;
  /** Agent pool; empty = the whole resource. */
  readonly part: string;
  readonly severity: Severity;
  readonly confidence?: 'certain' | 'likely';
  /** Changes with what makes it news: verdict, confidence, and who is concerned. */
  readonly evidenceHash: string;
  readonly firstSeenAt: Date;
  readonly lastSeenAt: Date;
  /** Looks that saw it. */
  readonly occurrences: number;
  /** Names of what is wrong (nodes), at most 50, and how many there are. */
  readonly items: readonly string[];
  readonly itemCount: number;
  /** In words: why it was closed or put aside. */
  readonly resolution?: string;
  readonly draft: TicketDraft;
}

/** A receiver that is told and cannot be asked. */
export interface NotifiedSystem {
  readonly kind: 'notified';
  readonly id: 'webhook';
  /** System and receiver: `webhook:<url>`. */
  readonly place: string;
  /** Rejects with `TicketError`. */
  notify(notice: TicketNotice, signal: AbortSignal): Promise<void>;
}

export type TicketSystem = TrackingSystem | NotifiedSystem;
