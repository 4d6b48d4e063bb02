import type { ProofStrength, Severity } from '../../policy/define-policy.ts';
import type { Ticket, TicketResolution } from '../../tickets/ticket.ts';
import { after, changed, forgetRemote, stronger, suppress, withContent, without } from './ticket-columns.ts';

/** What a ticket says about a problem; everything that a look may change. */
export type TicketContent = Pick<
  Ticket,
  | 'remediationId'
  | 'title'
  | 'severity'
  | 'confidence'
  | 'strength'
  | 'reason'
  | 'because'
  | 'evidence'
  | 'evidenceHash'
  | 'items'
  | 'itemCount'
  | 'actor'
  | 'isOutOfScope'
  | 'isCertain'
>;

/** What one look says about one ticket. */
export type Sighting =
  | {
      readonly seen: 'violation';
      readonly content: TicketContent;
      /** Open at once: it is no matter of a second look. */
      readonly isCertain?: true;
    }
  | {
      readonly seen: 'clean';
      readonly strength: ProofStrength;
      readonly resolution: TicketResolution;
      readonly isCertain?: true;
    }
  /** Nothing can be said: the ticket stays as it is. */
  | { readonly seen: 'unclear' }
  | { readonly seen: 'gone'; readonly resolution: 'gone' | 'policy-off' };

/** Reason codes of audit rows with stage `ticket`. */
export const ticketEvents = [
  'ticket-pending',
  'ticket-dropped',
  'ticket-opened',
  'ticket-updated',
  'ticket-resolved',
  'ticket-obsolete',
  'ticket-reopened',
  'ticket-suppressed',
  'ticket-closed-by-hand',
  'ticket-reopened-by-hand',
  'ticket-recreated',
  'ticket-created',
  'ticket-adopted',
  'ticket-duplicate-closed',
  'ticket-closed',
  'ticket-failed',
  'ticket-not-delivered',
] as const;
export type TicketEvent = (typeof ticketEvents)[number];

/** The ticket after something happened; `event` only where it is news for the audit. */
export interface Step {
  readonly ticket: Ticket | 'dropped';
  readonly event?: TicketEvent;
  /** Look at the resource again then: what was seen for the first time has to be confirmed. */
  readonly lookAgainAt?: Date;
}

const DAY = 24 * 3_600_000;
/** A problem that comes back within this time reopens its ticket; later it gets a new one. */
const REOPENING = 14 * DAY;
/** Comments on changed evidence come at most this often. */
const COMMENTS = DAY;
/** A ticket that a person closed as fixed is reopened when the problem is still there after this time … */
const PATIENCE = DAY;
/** … and, if it is closed like that again, left alone for this time. */
const HAND_SUPPRESSION = 7 * DAY;

/** The ticket after one look at the resource. Undefined = nothing to write. */
export function afterLook(
  known: Ticket | undefined,
  sighting: Sighting,
  blank: (content: TicketContent) => Ticket,
  graceMs: number,
  now: Date,
): Step | undefined {
  switch (sighting.seen) {
    case 'violation':
      return known === undefined
        ? begin(blank(sighting.content), sighting, graceMs)
        : afterViolation(known, sighting, graceMs, now);
    case 'clean':
      return known === undefined ? undefined : afterClean(known, sighting, graceMs, now);
    case 'gone':
      return known === undefined ? undefined : afterGone(known, sighting.resolution, now);
    case 'unclear':
      // Two looks in a row have to agree: one that cannot tell begins the count anew.
      if (known?.cleanSince === undefined && known?.seenAgainAt === undefined) return undefined;
      return { ticket: without(known, 'cleanSince', 'seenAgainAt') };
  }
}

type Violating = Extract<Sighting, { seen: 'violation' }>;

function begin(ticket: Ticket, { isCertain }: Violating, graceMs: number): Step {
  if (isCertain === true) return { ticket: changed(ticket, 'opened'), event: 'ticket-opened' };
  return { ticket, event: 'ticket-pending', lookAgainAt: after(ticket.firstSeenAt, graceMs) };
}

function afterViolation(known: Ticket, sighting: Violating, graceMs: number, now: Date): Step {
  const { content } = sighting;
  const seen: Ticket = {
    ...without(known, 'cleanSince'),
    lastSeenAt: now.toISOString(),
    occurrences: known.occurrences + 1,
  };
  switch (known.state) {
    case 'pending': {
      const dueAt = after(known.firstSeenAt, graceMs);
      if (now < dueAt && sighting.isCertain !== true) return { ticket: withContent(seen, content) };
      return { ticket: changed(withContent(seen, content), 'opened'), event: 'ticket-opened' };
    }
    case 'open':
      return afterOpenViolation(known, seen, content, now);
    case 'suppressed':
      return afterSuppressedViolation(known, seen, content, now);
    case 'resolved':
    case 'obsolete': {
      const dueAt = known.seenAgainAt === undefined ? undefined : after(known.seenAgainAt, graceMs);
      // The end of what had been seen before was proven: only what was seen since counts.
      const again = { ...seen, strength: dueAt === undefined ? content.strength : stronger(known, content) };
      if (sighting.isCertain !== true && (dueAt === undefined || now < dueAt)) {
        const seenAgainAt = known.seenAgainAt ?? now.toISOString();
        return {
          ticket: { ...again, seenAgainAt },
          ...(dueAt === undefined && { lookAgainAt: after(seenAgainAt, graceMs) }),
        };
      }
      return comeBack(known, again, content, now);
    }
  }
}

function afterOpenViolation(known: Ticket, seen: Ticket, content: TicketContent, now: Date): Step {
  if (known.closedByHandAt !== undefined && now >= after(known.closedByHandAt, PATIENCE)) {
    const open = withContent(without(seen, 'closedByHandAt'), content);
    if (known.humanReopens > 0) return suppress(open, HAND_SUPPRESSION, now);
    const reopened = { ...changed(open, 'reopened'), humanReopens: known.humanReopens + 1 };
    return {
      ticket: withComment(reopened, 'Closed as fixed, but the problem is still there.'),
      event: 'ticket-reopened',
    };
  }
  if (content.evidenceHash === known.evidenceHash && content.severity === known.severity)
    return { ticket: withContent(seen, content) };
  const updated = changed(withContent(seen, content), 'updated');
  const isQuiet = known.lastCommentAt !== undefined && now < after(known.lastCommentAt, COMMENTS);
  return {
    ticket: isQuiet ? updated : withComment(updated, changeComment(known, content)),
    event: 'ticket-updated',
  };
}

function afterSuppressedViolation(known: Ticket, seen: Ticket, content: TicketContent, now: Date): Step {
  const isOver = known.suppressUntil !== undefined && now >= new Date(known.suppressUntil);
  const worse = worseThanSuppressed(known, content);
  if (!isOver && worse === undefined) return { ticket: seen };
  const why = worse ?? 'It was put aside for a time that is over, and the problem is still there.';
  const open = withContent(without(unaside(seen), 'closedByHandAt'), content);
  return { ticket: withComment(changed(open, 'reopened'), why), event: 'ticket-reopened' };
}

function worseThanSuppressed(known: Ticket, content: TicketContent): string | undefined {
  const { suppressedEvidence = [], suppressedSeverity = known.severity } = known;
  if (rank(content.severity) > rank(suppressedSeverity)) return `The severity has risen to ${content.severity}.`;
  const fresh = isCut(known) ? [] : content.items.filter(({ id }) => !suppressedEvidence.includes(id));
  if (fresh.length > 0) return `New since it was put aside: ${fresh.map(({ name }) => name).join(', ')}.`;
  // Of a list that was cut only the number tells: what was not listed is not new when its turn comes.
  if (content.itemCount > known.itemCount)
    return `There are ${content.itemCount} now; there were ${known.itemCount} when it was put aside.`;
  return undefined;
}

/** The problem is back: the same ticket again, or a new one when that is long closed. What a person has put aside stays aside for its time. */
function comeBack(known: Ticket, seen: Ticket, content: TicketContent, now: Date): Step {
  const { resolvedAt, suppressUntil } = known;
  // Nor does it count any more what people had done before.
  const base = {
    ...withContent(without(seen, 'seenAgainAt', 'resolution', 'closedByHandAt'), content),
    humanReopens: 0,
  };
  const isAside = known.state === 'resolved' && suppressUntil !== undefined && now < new Date(suppressUntil);
  if (isAside && worseThanSuppressed(known, content) === undefined)
    return { ticket: { ...base, state: 'suppressed' }, event: 'ticket-suppressed' };
  const isSame = known.state === 'resolved' && resolvedAt !== undefined && now <= after(resolvedAt, REOPENING);
  if (isSame) {
    return {
      ticket: withComment(changed(unaside(base), 'reopened'), 'The problem is back.'),
      event: 'ticket-reopened',
    };
  }
  const fresh = {
    ...forgetRemote(unaside(base)),
    generation: known.generation + 1,
    generationSince: now.toISOString(),
    occurrences: 1,
  };
  const firstSeenAt = known.seenAgainAt ?? now.toISOString();
  return { ticket: { ...changed(fresh, 'opened'), firstSeenAt }, event: 'ticket-opened' };
}

type Clean = Extract<Sighting, { seen: 'clean' }>;

function afterClean(
  known: Ticket,
  { isCertain, strength, resolution }: Clean,
  graceMs: number,
  now: Date,
): Step | undefined {
  switch (known.state) {
    case 'pending':
      return { ticket: 'dropped', event: 'ticket-dropped' };
    case 'resolved':
    case 'obsolete':
      return known.seenAgainAt === undefined ? undefined : { ticket: without(known, 'seenAgainAt') };
    case 'open':
    case 'suppressed': {
      // Weaker proof than what opened it proves nothing.
      if (strength < known.strength)
        return known.cleanSince === undefined ? undefined : { ticket: without(known, 'cleanSince') };
      if (isCertain === true) return { ticket: over(known, 'resolved', resolution, now), event: 'ticket-resolved' };
      if (known.cleanSince === undefined)
        return { ticket: { ...known, cleanSince: now.toISOString() }, lookAgainAt: new Date(now.getTime() + graceMs) };
      const dueAt = after(known.cleanSince, graceMs);
      if (now < dueAt) return undefined;
      return { ticket: over(known, 'resolved', resolution, now), event: 'ticket-resolved' };
    }
  }
}

function afterGone(known: Ticket, resolution: 'gone' | 'policy-off', now: Date): Step | undefined {
  if (known.state === 'pending') return { ticket: 'dropped', event: 'ticket-dropped' };
  if (known.state === 'resolved' || known.state === 'obsolete') {
    return known.seenAgainAt === undefined ? undefined : { ticket: without(known, 'seenAgainAt') };
  }
  return { ticket: over(known, 'obsolete', resolution, now), event: 'ticket-obsolete' };
}

function over(known: Ticket, state: 'resolved' | 'obsolete', resolution: TicketResolution, now: Date): Ticket {
  const rest = without(known, 'cleanSince', 'pendingComment');
  // What people decided against holds for its time, should it come back; a breaker that trips anew is another matter.
  const kept = state === 'resolved' && resolution !== 'breaker-closed' ? rest : unaside(rest);
  return { ...changed(kept, 'resolved'), state, resolution, resolvedAt: now.toISOString() };
}

function unaside(ticket: Ticket): Ticket {
  return without(ticket, 'suppressUntil', 'suppressedEvidence', 'suppressedSeverity');
}

/** Longest comment, in characters. */
const MAX_COMMENT = 2000;

/** One more thing to say; what has not been sent yet is said with it. */
function withComment(ticket: Ticket, text: string): Ticket {
  const { pendingComment: earlier } = ticket;
  const pendingComment = (earlier === undefined ? text : `${earlier} ${text}`).slice(-MAX_COMMENT);
  return { ...ticket, pendingComment };
}

function changeComment(known: Ticket, content: TicketContent): string {
  const before = new Set(known.items.map(({ id }) => id));
  const now = new Set(content.items.map(({ id }) => id));
  const fresh = content.items.filter(({ id }) => !before.has(id)).map(({ name }) => name);
  const gone = known.items.filter(({ id }) => !now.has(id)).map(({ name }) => name);
  // In a list that was cut, what is not listed may be there all the same.
  const isWhole = !isCut(known) && !isCut(content);
  const parts = [
    ...(isWhole || known.itemCount === content.itemCount
      ? []
      : [`Now ${content.itemCount} instead of ${known.itemCount}.`]),
    ...(fresh.length > 0 && !isCut(known) ? [`Now also: ${fresh.join(', ')}.`] : []),
    ...(gone.length > 0 && !isCut(content) ? [`No longer: ${gone.join(', ')}.`] : []),
    ...(content.severity === known.severity ? [] : [`Severity ${known.severity} → ${content.severity}.`]),
  ];
  return parts.length === 0 ? 'What was found has changed; the description is up to date.' : parts.join(' ');
}

function isCut({ items, itemCount }: Pick<Ticket, 'items' | 'itemCount'>): boolean {
  return itemCount > items.length;
}

const RANKS: readonly Severity[] = ['info', 'low', 'medium', 'high'];

function rank(severity: Severity): number {
  return RANKS.indexOf(severity);
}
