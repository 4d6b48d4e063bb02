import * as z from 'zod';
import type { DockwardenError } from '../errors.ts';

const text = () => z.exactOptional(z.string());
const moment = () => z.exactOptional(z.iso.datetime());
const count = () => z.int().min(0);

/**
 * `pending`: seen once, not told to anybody yet · `open` · `resolved`: proven clean · `obsolete`: what it was about is gone · `suppressed`: a
 * person decided against it.
 */
export const ticketStates = ['pending', 'open', 'resolved', 'obsolete', 'suppressed'] as const;

/** What happened last to a ticket; receivers of notices get it as the type of the event. */
export const ticketChanges = ['opened', 'updated', 'resolved', 'reopened', 'suppressed'] as const;

/** Why it is over. */
export const ticketResolutions = [
  'fixed',
  'not-applicable',
  'exempt',
  'gone',
  'policy-off',
  'breaker-closed',
  'fewer-waiting',
  'closed-at-source',
] as const;
export type TicketResolution = (typeof ticketResolutions)[number];

/** Something wrong in it, for example a node. */
const TicketItem = z.object({
  name: z.string(),
  id: z.string(),
  since: text(),
  detail: z.string(),
});

/** Most items that a ticket lists; `itemCount` says how many there are. */
export const MAX_ITEMS = 50;

/**
 * One ticket. The row is the ticket: other systems follow it. It carries the wanted state and a `sequence`; a worker brings the other side to
 * it and stores `appliedSequence`. All times are ISO 8601 in UTC.
 */
export const Ticket = z.object({
  /** Dedupe key, also the row key. */
  key: z.string(),
  state: z.enum(ticketStates),
  /** Counts the tickets of this key in the other system: a problem that comes back late gets a new one … */
  generation: count(),
  /** … and what was closed there before this moment belongs to an earlier one. */
  generationSince: moment(),
  /** Raised by every change that the other system has to learn of … */
  sequence: count(),
  /** … and the one it has learnt. */
  appliedSequence: count(),
  change: z.exactOptional(z.enum(ticketChanges)),
  policyId: z.string(),
  /** Remediation or tracker whose mode and advice hold. */
  remediationId: text(),
  resourceId: z.string(),
  /** Agent pool; empty = the whole resource. */
  discriminator: z.string(),
  title: z.string(),
  severity: z.enum(['high', 'medium', 'low', 'info']),
  confidence: z.exactOptional(z.enum(['certain', 'likely'])),
  /** How well the evidence that opened it was proven, 1 to 3: it closes only on proof at least as strong. */
  strength: z.literal([1, 2, 3]),
  /** Reason code of the decision. */
  reason: z.string(),
  /** The same in words. */
  because: text(),
  /** What was seen, JSON. */
  evidence: z.string(),
  /** SHA-256 of what makes it news: verdict, confidence, and who is concerned. */
  evidenceHash: z.string(),
  /** What is wrong one by one, at most 50. */
  items: z.array(TicketItem).readonly(),
  itemCount: count(),
  /** Object id of whoever last changed the resource. */
  actor: text(),
  /** It lies outside `REMEDIATE_<ID>_SCOPE`: only the table has it. */
  isOutOfScope: z.exactOptional(z.literal(true)),
  /** Another system says so, and says when it is over: no second look is waited for. */
  isCertain: z.exactOptional(z.literal(true)),
  firstSeenAt: z.iso.datetime(),
  lastSeenAt: z.iso.datetime(),
  /** Looks that saw it. */
  occurrences: count(),
  /** A first look found it proven clean; a second one closes it. */
  cleanSince: moment(),
  /** A closed problem was seen again; a second look opens it. */
  seenAgainAt: moment(),
  remoteSystem: text(),
  remoteId: text(),
  remoteUrl: text(),
  /** As last confirmed; `gone` = deleted or hidden, `failed` = the system has refused for seven days. */
  remoteState: z.exactOptional(z.enum(['open', 'closed', 'gone', 'failed'])),
  /** Worker that is talking to the other system, and until when it may. */
  leaseOwner: text(),
  leaseUntil: moment(),
  /** Tries since the last success. */
  attempts: count(),
  nextAttemptAt: moment(),
  failingSince: moment(),
  lastError: text(),
  /** A comment that is to be sent once. */
  pendingComment: text(),
  lastCommentAt: moment(),
  /** When the other system was last asked. */
  checkedAt: moment(),
  /** Since when the other system has not known it any more. */
  missingSince: moment(),
  /** A person closed it as fixed then. */
  closedByHandAt: moment(),
  /** How often it was reopened after a person had closed it as fixed. */
  humanReopens: count(),
  resolvedAt: moment(),
  resolution: z.exactOptional(z.enum(ticketResolutions)),
  suppressUntil: moment(),
  /** Ids of the items that were known when it was suppressed: another one is worse. */
  suppressedEvidence: z.exactOptional(z.array(z.string()).readonly()),
  suppressedSeverity: z.exactOptional(z.enum(['high', 'medium', 'low', 'info'])),
});
export type Ticket = Readonly<z.infer<typeof Ticket>>;

/** A ticket with the version of its row. */
export interface VersionedTicket {
  readonly ticket: Ticket;
  readonly etag: string;
}

/** Table `tickets`. A refused condition is an answer, not an error; what cannot be reached is `STORAGE_UNAVAILABLE`. */
export interface Tickets {
  get(key: string): Promise<VersionedTicket | undefined>;
  /** Undefined when the row exists already. */
  insert(ticket: Ticket): Promise<VersionedTicket | undefined>;
  /** Undefined when somebody else wrote it since. */
  replace(ticket: Ticket, etag: string): Promise<VersionedTicket | undefined>;
  /** A problem that went away before anybody was told. False when somebody else wrote it since. */
  remove(key: string, etag: string): Promise<boolean>;
  /** All of them; goes on without a row that cannot be read. */
  all(onInvalid: (error: DockwardenError) => void): AsyncIterable<Ticket>;
}
