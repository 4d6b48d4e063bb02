import * as z from 'zod';
import { JsonCell, parseRow, parseRows } from '../storage/parse-row.ts';
import type { PrunableTableStore, RowKey } from '../storage/table-store.ts';
import { Ticket, type Tickets, type VersionedTicket } from './ticket.ts';

const { items, suppressedEvidence } = Ticket.shape;
/** The row as it is stored: lists as JSON. */
export const TicketRow = z.object({
  ...Ticket.shape,
  items: JsonCell.pipe(items),
  suppressedEvidence: z.exactOptional(JsonCell.pipe(suppressedEvidence.unwrap())),
});

/** Tickets in Table Storage: partition = the first two hex digits of the key, so that they spread. */
export function createTableTickets(table: PrunableTableStore): Tickets {
  return {
    async get(key) {
      const row = await table.get(rowKeyOf(key));
      return row === undefined ? undefined : { ticket: parseRow(TicketRow, row), etag: row.etag };
    },
    async insert(ticket) {
      return versioned(ticket, await table.insert(rowKeyOf(ticket.key), formatTicket(ticket)));
    },
    async replace(ticket, etag) {
      return versioned(ticket, await table.replace(rowKeyOf(ticket.key), formatTicket(ticket), etag));
    },
    remove: async (key, etag) => await table.remove(rowKeyOf(key), etag),
    all: (onInvalid) => parseRows(TicketRow, table.all(), onInvalid),
  };
}

function versioned(ticket: Ticket, etag: string | false): VersionedTicket | undefined {
  return etag === false ? undefined : { ticket, etag };
}

function rowKeyOf(key: string): RowKey {
  return { partitionKey: key.slice(3, 5), rowKey: key };
}

function formatTicket(ticket: Ticket): Readonly<Record<string, unknown>> {
  return {
    ...ticket,
    items: JSON.stringify(ticket.items),
    suppressedEvidence: ticket.suppressedEvidence === undefined ? undefined : JSON.stringify(ticket.suppressedEvidence),
  };
}
