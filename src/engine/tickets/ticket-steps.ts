import { formatTicketMessage } from '../../events/ticket-message.ts';
import type { Ticket, VersionedTicket } from '../../tickets/ticket.ts';
import { ticketKey } from '../../tickets/ticket-key.ts';
import type { PendingCause } from '../../work/work-items.ts';
import type { EngineContext } from '../ports.ts';
import { afterLook, type Sighting, type Step, type TicketContent } from './life-cycle.ts';
import { needsDelivery } from './outbox.ts';
import { recordTicket } from './ticket-audit.ts';
import { without } from './ticket-columns.ts';

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

/** One look that is no matter of a second one, applied and told. Somebody else's write in between wins: the next sweep looks again. */
export async function settleAtOnce(
  context: EngineContext,
  subject: Pick<Ticket, 'policyId' | 'resourceId' | 'discriminator'>,
  stored: VersionedTicket | undefined,
  sighting: Sighting,
): Promise<void> {
  const now = context.clock.now();
  const blank = (content: TicketContent) => newTicket(subject, content, now.toISOString());
  const step = afterLook(stored?.ticket, sighting, blank, 0, now);
  const written = step === undefined ? undefined : await storeStep(context, stored, withoutWords(step));
  if (written !== undefined && written !== 'dropped') await requestDelivery(context, written);
}

/** Only the text follows: a comment at every change of a number would be noise. */
function withoutWords(step: Step): Step {
  if (step.ticket === 'dropped' || step.event !== 'ticket-updated') return step;
  return { ...step, ticket: without(step.ticket, 'pendingComment') };
}
