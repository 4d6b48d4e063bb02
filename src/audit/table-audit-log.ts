import { DockwardenError } from '../errors.ts';
import { parseRow, parseRows } from '../storage/parse-row.ts';
import type { TableStore } from '../storage/table-store.ts';
import { type AuditLog, AuditRecord } from './audit-log.ts';

const DAY = 86_400_000;

/** The audit trail in Table Storage. */
export function createTableAuditLog(table: TableStore): AuditLog {
  return {
    async append(key, record) {
      if ((await table.insert(key, { ...record })) !== false) return true;
      const existing = await table.get(key);
      if (
        existing?.columns['remediationRunId'] === record.remediationRunId &&
        existing?.columns['stage'] === record.stage
      )
        return false;
      throw new DockwardenError(
        'INTERNAL_INVARIANT',
        `audit row ${key.partitionKey}/${key.rowKey} belongs to another run`,
      );
    },
    async find(key) {
      const row = await table.get(key);
      return row === undefined ? undefined : parseRow(AuditRecord, row);
    },
    async *list(since, until, onInvalid) {
      // A row stands in the day on which its run began; a run may end on the next.
      for (let day = startOfDay(until); day >= startOfDay(since) - DAY; day -= DAY) {
        const rows = table.range(new Date(day).toISOString().slice(0, 10));
        for await (const record of parseRows(AuditRecord, rows, onInvalid)) {
          if (record.time >= since.toISOString() && record.time <= until.toISOString()) yield record;
        }
      }
    },
  };
}

function startOfDay(date: Date): number {
  return Math.floor(date.getTime() / DAY) * DAY;
}
