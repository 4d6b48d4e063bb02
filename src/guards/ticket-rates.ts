import * as z from 'zod';
import { DockwardenError } from '../errors.ts';
import type { StoredRow, TableStore } from '../storage/table-store.ts';

/** Most requests of each kind that one system gets within an hour of the clock. */
export const TICKET_RATES = { create: 20, write: 60 } as const;
export type TicketWrite = keyof typeof TICKET_RATES;

/** How fast tickets go to other systems; shared by all instances. */
export interface TicketRates {
  /** Takes one place. Undefined = go ahead; otherwise the moment to try again. A create takes a place of both kinds. */
  admit(system: string, write: TicketWrite, now: Date): Promise<Date | undefined>;
}

const PARTITION = 'tickets';
const HOUR = 3_600_000;
/** Writes that may collide before the caller is told that the guard cannot be used. */
const MAX_TRIES = 5;

const Row = z.object({ creates: z.int().min(0), writes: z.int().min(0) });

const NOTHING: z.infer<typeof Row> = { creates: 0, writes: 0 };

function readRow(row: StoredRow): z.infer<typeof Row> | undefined {
  const parsed = Row.safeParse(row.columns);
  return parsed.success ? parsed.data : undefined;
}

/** One row for each system and hour. */
export function createTableTicketRates(table: TableStore): TicketRates {
  return {
    async admit(system, write, now) {
      const hour = new Date(Math.floor(now.getTime() / HOUR) * HOUR);
      const key = { partitionKey: PARTITION, rowKey: `${system}:${hour.toISOString().slice(0, 13)}` };
      for (let tries = 0; tries < MAX_TRIES; tries += 1) {
        const row = await table.get(key);
        const counted = row === undefined ? NOTHING : readRow(row);
        // A row that somebody has damaged lets nothing pass while its hour lasts.
        if (counted === undefined) return new Date(hour.getTime() + HOUR);
        const { creates, writes } = counted;
        const next = { creates: creates + (write === 'create' ? 1 : 0), writes: writes + 1 };
        if (next.creates > TICKET_RATES.create || next.writes > TICKET_RATES.write)
          return new Date(hour.getTime() + HOUR);
        const written = row === undefined ? await table.insert(key, next) : await table.replace(key, next, row.etag);
        if (written !== false) return undefined;
      }
      throw new DockwardenError('STORAGE_UNAVAILABLE', `${system}: written by others ${MAX_TRIES} times in a row`);
    },
  };
}
