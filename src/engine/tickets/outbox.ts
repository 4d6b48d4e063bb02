import type { Ticket } from '../../tickets/ticket.ts';
import { type EngineContext, LIMITS } from '../ports.ts';

/** How often the other system is asked how an open ticket stands there, in milliseconds. */
const CHECK_EVERY = 3_600_000;

/**
 * May the configured system be told of this ticket? Only while what the ticket belongs to may act, where it may act: `observe` keeps it in the
 * table, and so does the kill switch.
 */
function isRemoteAllowed({ settings, remediations, trackers }: EngineContext, ticket: Ticket): boolean {
  const { isOutOfScope, reason, remediationId, remoteSystem, state } = ticket;
  // What was told once is followed to its end.
  if (isOutOfScope === true && (state === 'open' || remoteSystem === undefined)) return false;
  // Opened while it was only observed: the next look has to confirm it, and to ask for exemptions.
  if (reason === 'mode-observe' && remoteSystem === undefined) return false;
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
  return ticket.state === 'open' && ticket.remoteSystem !== system.place;
}

/** Is it time to ask whether a person has closed, reopened or deleted it? */
export function isCheckDue(context: EngineContext, ticket: Ticket): boolean {
  const system = context.ticketSystem;
  if (system?.kind !== 'tracking' || ticket.remoteId === undefined || ticket.remoteSystem !== system.place)
    return false;
  if ((ticket.state !== 'open' && ticket.state !== 'suppressed') || !isRemoteAllowed(context, ticket)) return false;
  return ticket.checkedAt === undefined || context.clock.now().getTime() - Date.parse(ticket.checkedAt) >= CHECK_EVERY;
}

/** Longest lease or wait that can be meant, in milliseconds: what an edited row or a wrong clock says beyond that counts as over. */
const LONGEST_LEASE = 10 * 60_000;

/** Until when another worker may talk to the other system about it; undefined = nobody does. */
export function leasedUntil({ clock }: EngineContext, { leaseUntil }: Ticket): Date | undefined {
  return leaseUntil !== undefined && isAhead(leaseUntil, clock.now(), LONGEST_LEASE) ? new Date(leaseUntil) : undefined;
}

/** Is it to be tried again only later, or in somebody's hands? A message for then is on its way. */
export function isWaitingForItsTime(context: EngineContext, ticket: Ticket): boolean {
  const { nextAttemptAt } = ticket;
  if (leasedUntil(context, ticket) !== undefined) return true;
  return nextAttemptAt !== undefined && isAhead(nextAttemptAt, context.clock.now(), LIMITS.message);
}

function isAhead(moment: string, now: Date, longest: number): boolean {
  const ahead = Date.parse(moment) - now.getTime();
  return ahead > 0 && ahead <= longest;
}
