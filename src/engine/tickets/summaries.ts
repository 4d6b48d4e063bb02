import { isDockwardenError } from '../../errors.ts';
import { MAX_ITEMS, type Ticket, type VersionedTicket } from '../../tickets/ticket.ts';
import { ticketKey } from '../../tickets/ticket-key.ts';
import type { EngineContext } from '../ports.ts';
import type { TicketContent } from './life-cycle.ts';
import { hash } from './sightings.ts';
import { isActive } from './ticket-columns.ts';
import { settleAtOnce } from './ticket-steps.ts';

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
  const [first] = waiting;
  if (first !== undefined && waiting.length > MANY) {
    const content = contentOf(policyId, first, waiting);
    await settleAtOnce(context, subject, stored, { seen: 'violation', content, isCertain: true });
    return 'open';
  }
  if (stored !== undefined && isActive(stored.ticket)) {
    const resolution = 'fewer-waiting';
    await settleAtOnce(context, subject, stored, { seen: 'clean', strength: 3, resolution, isCertain: true });
  }
  return 'none';
}

function contentOf(policyId: string, { remediationId, severity }: Ticket, waiting: readonly Ticket[]): TicketContent {
  const sorted = waiting.toSorted((one, other) => (one.key < other.key ? -1 : 1));
  return {
    ...(remediationId !== undefined && { remediationId }),
    title: `Many resources: not met – ${policyId}`,
    severity,
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
