import { draftOf } from '../../src/engine/tickets/draft.ts';
import { policies } from '../../src/policy/catalogue.ts';
import { remediations, trackers } from '../../src/remediations/catalogue.ts';
import { createTableTickets } from '../../src/tickets/table-tickets.ts';
import { renderText } from '../../src/tickets/text/text.ts';
import { ticketKey } from '../../src/tickets/ticket-key.ts';
import type { LocalEnvironment } from '../environment.ts';
import { openTable } from './read-tables.ts';

/** Which ticket: about a policy, a resource, and the part of it that is judged on its own (default: the whole). */
interface TicketOf {
  readonly policyId: string;
  readonly resourceId: string;
  readonly part?: string;
}

/** Prints a ticket of the sample as the person reads it who gets it, and returns that text. Throws when there is none. */
export async function printTicket(environment: LocalEnvironment, of: TicketOf): Promise<string> {
  const { part = '', policyId, resourceId } = of;
  const key = ticketKey({ policyId, resourceId, discriminator: part });
  const found = await createTableTickets(openTable(environment, 'tickets')).get(key);
  if (found === undefined) throw new Error(`there is no ticket about ${policyId} of ${resourceId}`);
  const settings = { armEndpoint: environment.simulator.armEndpoint };
  const { body, title } = draftOf({ policies, remediations, settings, trackers }, found.ticket);
  const lines = [title, '', ...renderText(body).split('\n')];
  console.log(lines.map((line) => `   | ${line}`.trimEnd()).join('\n'));
  return lines.join('\n');
}
