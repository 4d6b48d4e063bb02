import { TableClient } from '@azure/data-tables';
import { draftOf } from '../../src/engine/tickets/draft.ts';
import { policies } from '../../src/policy/catalogue.ts';
import { remediations, trackers } from '../../src/remediations/catalogue.ts';
import { createTableStore } from '../../src/storage/table-store.ts';
import { createTableTickets } from '../../src/tickets/table-tickets.ts';
import { renderText } from '../../src/tickets/text/text.ts';
import { ticketKey } from '../../src/tickets/ticket-key.ts';
import { type SampleName, sampleId } from '../azure/sample-ids.ts';
import type { LocalEnvironment } from '../environment.ts';

/** Prints a ticket of the sample as the person reads it who gets it. Throws when there is none. */
export async function printTicket(
  { simulator, storage }: LocalEnvironment,
  { part, policyId, resource }: { readonly policyId: string; readonly resource: SampleName; readonly part: string },
): Promise<void> {
  const table = new TableClient(storage.table, 'tickets', simulator.credential('operator'));
  const key = ticketKey({ policyId, resourceId: sampleId(resource), discriminator: part });
  const found = await createTableTickets(createTableStore(table)).get(key);
  if (found === undefined) throw new Error(`there is no ticket about ${policyId} of ${resource}`);
  const settings = { armEndpoint: simulator.armEndpoint };
  const { body, title } = draftOf({ policies, remediations, settings, trackers }, found.ticket);
  const lines = [title, '', ...renderText(body).split('\n')];
  console.log(lines.map((line) => `   | ${line}`.trimEnd()).join('\n'));
}
