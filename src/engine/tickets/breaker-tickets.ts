import { isDockwardenError } from '../../errors.ts';
import type { Trip } from '../../guards/breaker.ts';
import type { Ticket } from '../../tickets/ticket.ts';
import { ticketKey } from '../../tickets/ticket-key.ts';
import type { EngineContext } from '../ports.ts';
import type { Sighting, TicketContent } from './life-cycle.ts';
import { hash } from './sightings.ts';
import { settleAtOnce } from './ticket-steps.ts';

/** Stands in for a policy in tickets about a breaker; their resource is the guard, their part the kind of trip. */
export const BREAKER_POLICY = 'dockwarden-breaker';

type Subject = Pick<Ticket, 'policyId' | 'resourceId' | 'discriminator'>;

/** A breaker has tripped: one ticket for each guard and kind, at once. */
export async function openBreakerTicket(context: EngineContext, trip: Trip): Promise<void> {
  const subject = { policyId: BREAKER_POLICY, resourceId: trip.guard, discriminator: trip.kind };
  await settle(context, subject, { seen: 'violation', content: contentOf(trip), isCertain: true });
}

/** What a trip means, for people. */
export function describeTrip({ guard, kind }: Pick<Trip, 'guard' | 'kind'>): string {
  return kind === 'cap'
    ? `breaker ${guard}: as many resources as allowed were changed within the window; the others follow at the same pace`
    : `breaker ${guard}: too many fixes failed; nothing more is fixed until an operator runs "breaker reset ${guard}"`;
}

function contentOf(trip: Trip): TicketContent {
  const { guard, kind, since } = trip;
  const [type, id = ''] = guard.split('/');
  return {
    ...(type === 'remediation' && { remediationId: id }),
    title: `Breaker ${guard}: ${kind === 'cap' ? 'as many changes as allowed within the window' : 'too many fixes fail'}`,
    severity: kind === 'cap' ? 'low' : 'high',
    strength: 3,
    reason: kind === 'cap' ? 'breaker-cap' : 'breaker-open',
    because: describeTrip(trip),
    evidence: JSON.stringify({ guard, kind, since }),
    evidenceHash: hash([guard, kind]),
    items: [],
    itemCount: 0,
  };
}

/** Once per sweep: a ticket for every breaker that is tripped, whatever became of the first try, and none for those that let changes pass again. */
export async function reviewBreakerTickets(context: EngineContext, active: readonly Ticket[]): Promise<void> {
  const tripped = new Set<string>();
  let isComplete = true;
  const statuses = context.breakers.list(context.clock.now(), () => {
    // A damaged row lets nothing pass, and says of no breaker that it is closed.
    isComplete = false;
  });
  for (const { guard, trip } of await Array.fromAsync(statuses)) {
    if (trip === undefined) continue;
    tripped.add(`${guard} ${trip.kind}`);
    await openBreakerTicket(context, { guard, kind: trip.kind, since: trip.since });
  }
  if (!isComplete) return;
  for (const { resourceId, discriminator, policyId } of active) {
    if (tripped.has(`${resourceId} ${discriminator}`)) continue;
    const sighting: Sighting = { seen: 'clean', strength: 3, resolution: 'breaker-closed', isCertain: true };
    await settle(context, { policyId, resourceId, discriminator }, sighting);
  }
}

/** A ticket that cannot be stored keeps no fix from being decided about: the sweep tries again. */
async function settle(context: EngineContext, subject: Subject, sighting: Sighting): Promise<void> {
  try {
    await settleAtOnce(context, subject, await context.tickets.get(ticketKey(subject)), sighting);
  } catch (error) {
    if (!isDockwardenError(error, 'STORAGE_UNAVAILABLE') && !isDockwardenError(error, 'INPUT_INVALID_ROW')) throw error;
    context.log.error('the ticket of a breaker cannot be stored', { guard: subject.resourceId, error: error.message });
  }
}
