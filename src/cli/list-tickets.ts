import type { OnInvalidRow } from '../storage/parse-row.ts';
import type { Ticket, Tickets } from '../tickets/ticket.ts';
import type { Listing } from './list-records.ts';

export interface TicketFilter {
  /** A state, or `active` = neither resolved nor obsolete, or `all`. */
  readonly state: string;
  /** Resource id or name, compared case-insensitively. */
  readonly resource?: string;
  readonly policy?: string;
}

const OVER = new Set<Ticket['state']>(['resolved', 'obsolete']);

/** Tickets as their rows say, those that were seen last first. */
export async function listTickets(
  tickets: Tickets,
  filter: TicketFilter,
  onInvalid: OnInvalidRow,
): Promise<Listing<Ticket>> {
  const found: Ticket[] = [];
  for await (const ticket of tickets.all(onInvalid)) if (isWanted(ticket, filter)) found.push(ticket);
  const records = found.toSorted((one, other) => Date.parse(other.lastSeenAt) - Date.parse(one.lastSeenAt));
  return {
    records,
    headings: ['KEY', 'STATE', 'SEVERITY', 'TITLE', 'ITEMS', 'SINCE', 'SYSTEM', 'URL', 'PROBLEM'],
    rows: records.map((ticket) => [
      ticket.key,
      ticket.remoteState === 'failed' ? `${ticket.state} (not delivered)` : ticket.state,
      ticket.severity,
      ticket.title,
      String(ticket.itemCount),
      ticket.firstSeenAt,
      ticket.remoteSystem ?? 'table',
      ticket.remoteUrl ?? '-',
      ticket.lastError ?? '-',
    ]),
  };
}

function isWanted(ticket: Ticket, { state, resource, policy }: TicketFilter): boolean {
  if (policy !== undefined && ticket.policyId !== policy) return false;
  if (state === 'active' ? OVER.has(ticket.state) : state !== 'all' && ticket.state !== state) return false;
  if (resource === undefined) return true;
  const wanted = resource.toLowerCase();
  const id = ticket.resourceId.toLowerCase();
  return id === wanted || id.endsWith(`/${wanted}`);
}
