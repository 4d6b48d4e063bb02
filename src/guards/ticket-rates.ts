import * as z from 'zod';
import { DockwardenError } from '../errors.ts';
import type { RowKey, StoredRow, TableStore } from '../storage/table-store.ts';

/** Most requests of each kind that one system gets within an hour of the clock. */
export const TICKET_RATES = { create: 20, write: 60 } as const;
export type TicketWrite = keyof typeof TICKET_RATES;

/** How fast tickets go to other systems; shared by all instances. */
export interface TicketRates {
  /** Takes one place. Undefined = go ahead; otherwise the moment to try again. A create takes a place of both kinds. */
  admit(system: string, write: TicketWrite, now: Date): Promise<Date | undefined>;
  /** The answer that `admit` would give now; takes no place. */
  peek(system: string, write: TicketWrite, now: Date): Promise<Date | undefined>;
}

const PARTITION = 'tickets';
const HOUR = 3_600_000;
/** Writes that may collide before the caller is told that the guard cannot be used. */
const MAX_TRIES = 5;

const Row = z.object({ hour: z.iso.datetime(), creates: z.int().min(0), writes: z.int().min(0) });
type Row = z.infer<typeof Row>;

/** One row for each system, about the hour of the last request. */
export function createTableTicketRates(table: TableStore): TicketRates {
  return {
    async peek(system, write, now) {
      const row = await table.get(keyOf(system));
      return withOneMore(row, write, hourOf(now)) === undefined ? endOfHour(now) : undefined;
    },
    async admit(system, write, now) {
      const hour = hourOf(now);
      for (let tries = 0; tries < MAX_TRIES; tries += 1) {
        const row = await table.get(keyOf(system));
        const next = withOneMore(row, write, hour);
        if (next === undefined) return await endHour(system, row, now);
        const written =
          row === undefined
            ? await table.insert(keyOf(system), next)
            : await table.replace(keyOf(system), next, row.etag);
        if (written !== false) return undefined;
      }
      throw new DockwardenError('STORAGE_UNAVAILABLE', `${system}: written by others ${MAX_TRIES} times in a row`);
    },
  };

  /** What was sent in this hour is not known when somebody has damaged the row: it counts as full until the next, and is mended by that. */
  async function endHour(system: string, row: StoredRow | undefined, now: Date): Promise<Date> {
    const hour = hourOf(now);
    const parsed = Row.safeParse(row?.columns);
    const isDamaged = !parsed.success || isFarAhead(parsed.data, hour);
    if (row !== undefined && isDamaged) {
      await table.replace(keyOf(system), { hour, creates: TICKET_RATES.create, writes: TICKET_RATES.write }, row.etag);
    }
    return endOfHour(now);
  }
}

function keyOf(system: string): RowKey {
  return { partitionKey: PARTITION, rowKey: system };
}

function hourOf(now: Date): string {
  return new Date(Math.floor(now.getTime() / HOUR) * HOUR).toISOString();
}

function endOfHour(now: Date): Date {
  return new Date(Date.parse(hourOf(now)) + HOUR);
}

/** Undefined = the hour is full, or what was sent in it is not known. */
function withOneMore(row: StoredRow | undefined, write: TicketWrite, hour: string): Row | undefined {
  const counted = countedIn(row, hour);
  if (counted === undefined) return undefined;
  const next = {
    hour: counted.hour,
    creates: counted.creates + (write === 'create' ? 1 : 0),
    writes: counted.writes + 1,
  };
  return next.creates > TICKET_RATES.create || next.writes > TICKET_RATES.write ? undefined : next;
}

/** No clock is that wrong: somebody has written it. */
function isFarAhead(row: Row, hour: string): boolean {
  return Date.parse(row.hour) - Date.parse(hour) > HOUR;
}

function countedIn(row: StoredRow | undefined, hour: string): Row | undefined {
  const nothing = { hour, creates: 0, writes: 0 };
  if (row === undefined) return nothing;
  const parsed = Row.safeParse(row.columns);
  if (!parsed.success || isFarAhead(parsed.data, hour)) return undefined;
  // Of another instance the clock may be ahead: its hour holds.
  return parsed.data.hour >= hour ? parsed.data : nothing;
}
