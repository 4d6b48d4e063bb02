import type { Ticket } from '../../tickets/ticket.ts';
import type { EngineContext } from '../ports.ts';

/** How often the other system is asked how an open ticket stands there, in milliseconds. */
const CHECK_EVERY = 3_600_000;

/**
 * May the configured system be told of this ticket? Only while what the ticket belongs to may act, where it may act: `observe` keeps it in the
 * table, and so does the kill switch.
 */
export function isRemoteAllowed({ settings, remediations, trackers }: EngineContext, ticket: Ticket): boolean {
  const { isOutOfScope, remediationId } = ticket;
  if (isOutOfScope === true) return false;
  const isKnown = [...remediations, ...trackers].some(({ id }) => id === remediationId);
  const mode = remediationId !== undefined && isKnown ? settings.modeOf(remediationId) : settings.cap;
  return mode === 'approve' || mode === 'enforce';
}

/** Does the row say something that the configured system has not learnt? */
export function needsDelivery(context: EngineContext, ticket: Ticket): boolean {
  const system = context.ticketSystem;
  if (system === undefined || ticket.state === 'pending' || !isRemoteAllowed(context, ticket)) return false;
  if (ticket.sequence > ticket.appliedSequence) return true;
  // Another system was configured since, or the mode was raised: what is open is told to it.
  return ticket.state === 'open' && ticket.remoteSystem !== system.id;
}

/** Is it time to ask whether a person has closed, reopened or deleted it? */
export function isCheckDue(context: EngineContext, ticket: Ticket): boolean {
  const system = context.ticketSystem;
  if (system?.kind !== 'tracking' || ticket.remoteId === undefined || ticket.remoteSystem !== system.id) return false;
  if ((ticket.state !== 'open' && ticket.state !== 'suppressed') || !isRemoteAllowed(context, ticket)) return false;
  return ticket.checkedAt === undefined || context.clock.now().getTime() - Date.parse(ticket.checkedAt) >= CHECK_EVERY;
}
