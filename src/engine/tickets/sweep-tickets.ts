import { formatTicketMessage } from '../../events/ticket-message.ts';
import type { Ticket } from '../../tickets/ticket.ts';
import type { EngineContext } from '../ports.ts';
import { BREAKER_POLICY, reviewBreakerTickets } from './breaker-tickets.ts';
import { isCheckDue, needsDelivery } from './outbox.ts';
import { reviewSummary, SUMMARY } from './summaries.ts';

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
    if (ticket.policyId === BREAKER_POLICY && ticket.state === 'open') breakers.push(ticket);
    if (isWaiting(context, ticket)) waiting.set(ticket.policyId, [...(waiting.get(ticket.policyId) ?? []), ticket]);
    else if (ticket.discriminator === SUMMARY && !waiting.has(ticket.policyId)) waiting.set(ticket.policyId, []);
    if (isDue(context, ticket)) due.push(ticket);
  }
  await reviewBreakerTickets(context, breakers);
  const summed = new Set<string>();
  for (const [policyId, tickets] of waiting)
    if ((await reviewSummary(context, policyId, tickets)) === 'open') summed.add(policyId);
  for (const ticket of due.toSorted(bySequence)) {
    if (summed.has(ticket.policyId) && isWaiting(context, ticket)) continue;
    await context.ticketQueue.send(formatTicketMessage({ key: ticket.key }), 0);
  }
}

function isDue(context: EngineContext, ticket: Ticket): boolean {
  const { nextAttemptAt } = ticket;
  // It has a message of its own for then; one that is long overdue is lost.
  if (nextAttemptAt !== undefined && new Date(nextAttemptAt) > context.clock.now()) return false;
  return needsDelivery(context, ticket) || isCheckDue(context, ticket);
}

/** Open, and not known to the configured system. */
function isWaiting(context: EngineContext, ticket: Ticket): boolean {
  const system = context.ticketSystem;
  if (system?.kind !== 'tracking' || ticket.discriminator === SUMMARY) return false;
  const isUnknown = ticket.remoteId === undefined || ticket.remoteSystem !== system.id;
  return ticket.state === 'open' && isUnknown && needsDelivery(context, ticket);
}

/** Oldest first. */
function bySequence(one: Ticket, other: Ticket): number {
  return Date.parse(one.firstSeenAt) - Date.parse(other.firstSeenAt);
}
