import { formatTicketMessage } from '../../events/ticket-message.ts';
import type { Ticket } from '../../tickets/ticket.ts';
import type { EngineContext } from '../ports.ts';
import { BREAKER_POLICY, reviewBreakerTickets } from './breaker-tickets.ts';
import { isCheckDue, isWaitingForItsTime, needsDelivery } from './outbox.ts';
import { reviewSummary, SUMMARY } from './summaries.ts';
import { isActive } from './ticket-columns.ts';

/**
 * Looks through all tickets once per sweep: wakes the outbox for what has not reached the configured system and for what people may have
 * changed there, closes the tickets of breakers that are closed, and keeps the summaries of policies with very many tickets.
 */
export async function sweepTickets(context: EngineContext): Promise<void> {
  const due: Ticket[] = [];
  const breakers: Ticket[] = [];
  const waiting = new Map<string, Ticket[]>();
  const reportInvalid = (error: Error): void => context.log.error('a ticket cannot be read', { error: error.message });
  for await (const ticket of context.tickets.all(reportInvalid)) {
    if (ticket.policyId === BREAKER_POLICY && isActive(ticket)) breakers.push(ticket);
    const isOneWaiting = isWaiting(context, ticket);
    if (isOneWaiting || ticket.discriminator === SUMMARY) {
      const tickets = waiting.get(ticket.policyId) ?? [];
      if (isOneWaiting) tickets.push(ticket);
      waiting.set(ticket.policyId, tickets);
    }
    if (isDue(context, ticket)) due.push(ticket);
  }
  await reviewBreakerTickets(context, breakers);
  const summed = new Set<string>();
  for (const [policyId, tickets] of waiting)
    if ((await reviewSummary(context, policyId, tickets)) === 'open') summed.add(policyId);
  for (const ticket of due.toSorted(byAge)) {
    if (summed.has(ticket.policyId) && isWaiting(context, ticket)) continue;
    await context.ticketQueue.send(formatTicketMessage({ key: ticket.key }), 0);
  }
}

function isDue(context: EngineContext, ticket: Ticket): boolean {
  // It has a message of its own for then; one that is overdue is lost.
  if (isWaitingForItsTime(context, ticket)) return false;
  return needsDelivery(context, ticket) || isCheckDue(context, ticket);
}

/** Open, and not known to the configured system. */
function isWaiting(context: EngineContext, ticket: Ticket): boolean {
  const system = context.ticketSystem;
  if (system?.kind !== 'tracking' || ticket.discriminator === SUMMARY) return false;
  const isUnknown = ticket.remoteId === undefined || ticket.remoteSystem !== system.place;
  return ticket.state === 'open' && isUnknown && needsDelivery(context, ticket);
}

/** Oldest first. */
function byAge(one: Ticket, other: Ticket): number {
  return Date.parse(one.firstSeenAt) - Date.parse(other.firstSeenAt);
}
