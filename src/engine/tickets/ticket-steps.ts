import { formatTicketMessage } from '../../events/ticket-message.ts';
import type { Ticket, VersionedTicket } from '../../tickets/ticket.ts';
import { ticketKey } from '../../tickets/ticket-key.ts';
import type { PendingCause } from '../../work/work-items.ts';
import type { EngineContext } from '../ports.ts';
import type { Step, TicketContent } from './life-cycle.ts';
import { needsDelivery } from './outbox.ts';
import { recordTicket } from './ticket-audit.ts';

/** A ticket that nobody has been told of. */
export function newTicket(
  subject: Pick<Ticket, 'policyId' | 'resourceId' | 'discriminator'>,
  content: TicketContent,
  now: string,
): Ticket {
  return {
    ...subject,
    ...content,
    key: ticketKey(subject),
    state: 'pending',
    generation: 1,
    sequence: 0,
    appliedSequence: 0,
    firstSeenAt: now,
    lastSeenAt: now,
    occurrences: 1,
    attempts: 0,
    humanReopens: 0,
  };
}

/** Records and stores one step. Undefined = somebody else wrote the row in between: judge it anew. */
export async function storeStep(
  context: EngineContext,
  stored: VersionedTicket | undefined,
  step: Step,
  cause?: PendingCause,
): Promise<VersionedTicket | 'dropped' | undefined> {
  const ticket = step.ticket === 'dropped' ? stored?.ticket : step.ticket;
  if (step.event !== undefined && ticket !== undefined) {
    await recordTicket(context, ticket, {
      event: step.event,
      ...(cause !== undefined && { cause }),
    });
  }
  if (step.ticket === 'dropped') {
    if (stored === undefined) return 'dropped';
    return (await context.tickets.remove(stored.ticket.key, stored.etag)) ? 'dropped' : undefined;
  }
  if (stored === undefined) return await context.tickets.insert(step.ticket);
  return await context.tickets.replace(step.ticket, stored.etag);
}

/** Wakes the outbox if the configured system has something to learn; whatever is missed here, the sweep finds. */
export async function requestDelivery(context: EngineContext, { ticket }: VersionedTicket): Promise<void> {
  if (!needsDelivery(context, ticket)) return;
  await context.ticketQueue.send(formatTicketMessage({ key: ticket.key }), 0);
}
