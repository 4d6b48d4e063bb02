import { isDockwardenError } from '../../errors.ts';
import { MAX_ITEMS, type Ticket, type VersionedTicket } from '../../tickets/ticket.ts';
import { ticketKey } from '../../tickets/ticket-key.ts';
import type { EngineContext } from '../ports.ts';
import { afterLook, type Sighting, type TicketContent } from './life-cycle.ts';
import { hash } from './sightings.ts';
import { isActive, without } from './ticket-columns.ts';
import { newTicket, requestDelivery, storeStep } from './ticket-steps.ts';

/** Discriminator and resource of the one ticket that stands for many of a policy. */
export const SUMMARY = 'summary';
const SUMMARY_RESOURCE = '/';
/** More waiting tickets of one policy than this get a summary. */
const MANY = 50;
/** What such a ticket gives as its reason. */
const MANY_WAITING = 'many-waiting';

/** The summary of one policy. A row that somebody has damaged stands for nothing. */
export async function readSummary(
  context: EngineContext,
  policyId: string,
): Promise<VersionedTicket | 'damaged' | undefined> {
  try {
    const subject = { policyId, resourceId: SUMMARY_RESOURCE, discriminator: SUMMARY };
    return await context.tickets.get(ticketKey(subject));
  } catch (error) {
    if (!isDockwardenError(error, 'INPUT_INVALID_ROW')) throw error;
    context.log.error('the summary of many tickets cannot be read', { policyId, error: error.message });
    return 'damaged';
  }
}

/** Opens, refreshes or closes the summary of one policy; `waiting` are its open tickets that the configured system does not have yet. */
export async function reviewSummary(
  context: EngineContext,
  policyId: string,
  waiting: readonly Ticket[],
): Promise<'open' | 'none'> {
  const subject = { policyId, resourceId: SUMMARY_RESOURCE, discriminator: SUMMARY };
  const stored = await readSummary(context, policyId);
  if (stored === 'damaged') return 'none';
  const isNeeded = waiting.length > MANY;
  if (!isNeeded && (stored === undefined || !isActive(stored.ticket))) return 'none';
  const now = context.clock.now();
  const sighting: Sighting = isNeeded
    ? { seen: 'violation', content: contentOf(policyId, waiting), isCertain: true }
    : { seen: 'clean', strength: 3, resolution: 'fewer-waiting', isCertain: true };
  const step = afterLook(stored?.ticket, sighting, (content) => newTicket(subject, content, now.toISOString()), 0, now);
  if (step !== undefined) {
    // Only the text follows: a comment for every change of the number would be noise.
    const quiet = step.ticket === 'dropped' ? step : { ...step, ticket: without(step.ticket, 'pendingComment') };
    const written = await storeStep(context, stored, quiet);
    if (written !== undefined && written !== 'dropped') await requestDelivery(context, written);
  }
  return isNeeded ? 'open' : 'none';
}

function contentOf(policyId: string, waiting: readonly Ticket[]): TicketContent {
  const [first] = waiting;
  const sorted = waiting.toSorted((one, other) => (one.key < other.key ? -1 : 1));
  return {
    ...(first?.remediationId !== undefined && { remediationId: first.remediationId }),
    title: `Many resources: not met – ${policyId}`,
    severity: first?.severity ?? 'medium',
    strength: 3,
    reason: MANY_WAITING,
    because: `more than ${MANY} tickets of this policy wait to be created; this one stands for all of them`,
    evidence: JSON.stringify({ waiting: waiting.length }),
    evidenceHash: hash([policyId, sorted.map(({ key }) => key)]),
    items: sorted.slice(0, MAX_ITEMS).map(({ key, title, firstSeenAt }) => ({
      name: title.slice(0, 200),
      id: key,
      since: firstSeenAt,
      detail: key,
    })),
    itemCount: waiting.length,
  };
}
