import { isDockwardenError } from '../../errors.ts';
import type { Trip } from '../../guards/breaker.ts';
import type { Ticket } from '../../tickets/ticket.ts';
import { ticketKey } from '../../tickets/ticket-key.ts';
import type { EngineContext } from '../ports.ts';
import { afterLook, type Sighting, type TicketContent } from './life-cycle.ts';
import { hash } from './sightings.ts';
import { newTicket, requestDelivery, storeStep } from './ticket-steps.ts';

/** Stands in for a policy in tickets about a breaker; their resource is the guard, their part the kind of trip. */
export const BREAKER_POLICY = 'dockwarden-breaker';

type Subject = Pick<Ticket, 'policyId' | 'resourceId' | 'discriminator'>;

/** A breaker has tripped: one ticket for each guard and kind, at once. */
export async function openBreakerTicket(
  context: EngineContext,
  { guard, kind, since }: Trip,
  words: string,
): Promise<void> {
  const [type, id = ''] = guard.split('/');
  const content: TicketContent = {
    ...(type === 'remediation' && { remediationId: id }),
    title: `Breaker ${guard}: ${kind === 'cap' ? 'as many changes as allowed within the window' : 'too many fixes fail'}`,
    severity: kind === 'cap' ? 'low' : 'high',
    strength: 3,
    reason: kind === 'cap' ? 'breaker-cap' : 'breaker-open',
    because: words,
    evidence: JSON.stringify({ guard, kind, since }),
    evidenceHash: hash([guard, kind]),
    items: [],
    itemCount: 0,
  };
  const subject = { policyId: BREAKER_POLICY, resourceId: guard, discriminator: kind };
  await settle(context, subject, { seen: 'violation', content, isCertain: true });
}

/** Closes the tickets of breakers that let changes pass again. */
export async function reviewBreakerTickets(context: EngineContext, open: readonly Ticket[]): Promise<void> {
  if (open.length === 0) return;
  const tripped = new Set<string>();
  let isComplete = true;
  const statuses = context.breakers.list(context.clock.now(), () => {
    // A damaged row lets nothing pass, and says of no breaker that it is closed.
    isComplete = false;
  });
  for await (const { guard, trip } of statuses) if (trip !== undefined) tripped.add(`${guard} ${trip.kind}`);
  if (!isComplete) return;
  for (const { resourceId, discriminator, policyId } of open) {
    if (tripped.has(`${resourceId} ${discriminator}`)) continue;
    const sighting: Sighting = { seen: 'clean', strength: 3, resolution: 'breaker-closed', isCertain: true };
    await settle(context, { policyId, resourceId, discriminator }, sighting);
  }
}

/** A ticket that cannot be stored keeps no fix from being decided about: the next trip, or the sweep, tries again. */
async function settle(context: EngineContext, subject: Subject, sighting: Sighting): Promise<void> {
  const now = context.clock.now();
  try {
    const stored = await context.tickets.get(ticketKey(subject));
    const blank = (content: TicketContent) => newTicket(subject, content, now.toISOString());
    const step = afterLook(stored?.ticket, sighting, blank, 0, now);
    const written = step === undefined ? undefined : await storeStep(context, stored, step);
    if (written !== undefined && written !== 'dropped') await requestDelivery(context, written);
  } catch (error) {
    if (!isDockwardenError(error, 'STORAGE_UNAVAILABLE') && !isDockwardenError(error, 'INPUT_INVALID_ROW')) throw error;
    context.log.error('the ticket of a breaker cannot be stored', { guard: subject.resourceId, error: error.message });
  }
}
