import type { TableStore } from '../storage/table-store.ts';

/** How the last sweep went (table `guards`, row `sweep`/`last`). */
export interface SweepRecord {
  /** ISO 8601. */
  readonly startedAt: string;
  readonly finishedAt: string;
  /** False when a page could not be read: then nothing was concluded from absence. */
  readonly complete: boolean;
  /** Resources of covered types that were seen. */
  readonly resources: number;
  /** Resources that were put into the work queue. */
  readonly queued: number;
}

export interface SweepRecords {
  save(record: SweepRecord): Promise<void>;
  last(): Promise<SweepRecord | undefined>;
}

const KEY = { partitionKey: 'sweep', rowKey: 'last' } as const;

export function createTableSweepRecords(table: TableStore): SweepRecords {
  return {
    async save(record) {
      await table.putAll(KEY.partitionKey, [{ rowKey: KEY.rowKey, columns: { ...record } }]);
    },
    async last() {
      return (await table.get(KEY))?.columns as SweepRecord | undefined;
    },
  };
}
