import { parseResourceId, type ResourceId } from '../../resources/resource-id.ts';
import type { Ticket } from '../../tickets/ticket.ts';

/** The resource that a ticket is about; undefined for a breaker, and for a summary of many. */
export function targetOf({ resourceId }: Pick<Ticket, 'resourceId'>): ResourceId | undefined {
  try {
    return parseResourceId(resourceId);
  } catch {
    return undefined;
  }
}
