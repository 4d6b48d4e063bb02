import type { Ticket } from '../../tickets/ticket.ts';
import type { TicketContent } from './life-cycle.ts';
import type { RemoteStep } from './remote-life.ts';

/** The ticket in a new state that the other system has to learn of. */
export function changed(ticket: Ticket, change: NonNullable<Ticket['change']>): Ticket {
  const state = {
    opened: 'open',
    updated: 'open',
    reopened: 'open',
    resolved: 'resolved',
    suppressed: 'suppressed',
  } as const;
  return { ...ticket, state: state[change], change, sequence: ticket.sequence + 1 };
}

/** The ticket with what a look says now. What has once been proven well is not disproven by less: the strength never falls. */
export function withContent(ticket: Ticket, content: TicketContent): Ticket {
  const { remediationId: _remediation, confidence: _confidence, because: _because, actor: _actor, ...others } = ticket;
  const { isOutOfScope: _scope, ...rest } = others;
  return {
    ...rest,
    ...content,
    strength: stronger(ticket, content),
    ...(content.actor === undefined && ticket.actor !== undefined && { actor: ticket.actor }),
  };
}

/** Is it not over, or may it come back at the next look? */
export function isActive({ state, seenAgainAt }: Ticket): boolean {
  return (state !== 'resolved' && state !== 'obsolete') || seenAgainAt !== undefined;
}

/** The better proof of the two. */
export function stronger(one: Pick<Ticket, 'strength'>, other: Pick<Ticket, 'strength'>): Ticket['strength'] {
  return one.strength > other.strength ? one.strength : other.strength;
}

/** Everything about the ticket in the other system is forgotten: the next one is another. */
export function forgetRemote(ticket: Ticket): Ticket {
  return {
    ...without(
      ticket,
      'remoteId',
      'remoteUrl',
      'remoteState',
      'remoteSystem',
      'lastCommentAt',
      'checkedAt',
      'pendingComment',
      'closedByHandAt',
      'missingSince',
    ),
    attempts: 0,
  };
}

/** Columns that may be absent, as far as anything takes them away. */
type OptionalColumn =
  | 'cleanSince'
  | 'seenAgainAt'
  | 'resolution'
  | 'closedByHandAt'
  | 'suppressUntil'
  | 'suppressedEvidence'
  | 'suppressedSeverity'
  | 'pendingComment'
  | 'lastCommentAt'
  | 'checkedAt'
  | 'missingSince'
  | 'remoteId'
  | 'remoteUrl'
  | 'remoteState'
  | 'remoteSystem'
  | 'leaseOwner'
  | 'leaseUntil'
  | 'nextAttemptAt'
  | 'lastError'
  | 'failingSince';

/** The ticket without these columns. */
export function without(ticket: Ticket, ...names: readonly OptionalColumn[]): Ticket {
  const rest: { -readonly [K in keyof Ticket]: Ticket[K] } = { ...ticket };
  for (const name of names) delete rest[name];
  return rest;
}

/** Put aside because a person decided so: it comes back when it gets worse, or after this time in milliseconds. */
export function suppress(ticket: Ticket, milliseconds: number, now: Date): RemoteStep {
  return {
    ticket: {
      ...changed(ticket, 'suppressed'),
      suppressUntil: new Date(now.getTime() + milliseconds).toISOString(),
      suppressedEvidence: ticket.items.map(({ id }) => id),
      suppressedSeverity: ticket.severity,
    },
    event: 'ticket-suppressed',
  };
}

/** That moment and so many milliseconds. */
export function after(moment: string, milliseconds: number): Date {
  return new Date(Date.parse(moment) + milliseconds);
}
