import * as z from 'zod';
import { parseRow } from '../storage/parse-row.ts';
import type { TableStore } from '../storage/table-store.ts';

/** How the last sweep went (table `guards`, row `sweep`/`last`). */
export const SweepRecord = z.object({
  /** ISO 8601. */
  startedAt: z.iso.datetime(),
  finishedAt: z.iso.datetime(),
  /** False when a page could not be read: then nothing was concluded from absence. */
  complete: z.boolean(),
  /** Resources of covered types that were seen. */
  resources: z.number(),
  /** Resources that were put into the work queue. */
  queued: z.number(),
});
export type SweepRecord = Readonly<z.infer<typeof SweepRecord>>;

export interface SweepRecords {
  save(record: SweepRecord): Promise<void>;
  last(): Promise<SweepRecord | undefined>;
}

export const SWEEP_KEY = { partitionKey: 'sweep', rowKey: 'last' } as const;

export function createTableSweepRecords(table: TableStore): SweepRecords {
  return {
    async save(record) {
      await table.putAll(SWEEP_KEY.partitionKey, [{ rowKey: SWEEP_KEY.rowKey, columns: { ...record } }]);
    },
    async last() {
      const row = await table.get(SWEEP_KEY);
      return row === undefined ? undefined : parseRow(SweepRecord, row);
    },
  };
}
