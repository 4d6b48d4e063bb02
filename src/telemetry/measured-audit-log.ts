import type { AuditLog } from '../audit/audit-log.ts';
import { AUDIT_LINE, describeRow } from './audit-line.ts';
import { measureRow } from './measure-row.ts';
import type { Metrics } from './metrics.ts';

/** Takes the line of each row; the log of an invocation does. */
export interface LineSink {
  info(message: string, details: Readonly<Record<string, unknown>>): void;
}

/**
 * The audit, with a log line and metrics for each row that is new. A row that is written again is told once, by whoever wrote it first; where the
 * answer to that was lost, it is not told: the audit is the record, and this is a view of it. Neither fails or delays the row.
 */
export function createMeasuredAuditLog(log: AuditLog, metrics: Metrics, lines: LineSink): AuditLog {
  return {
    ...log,
    async append(key, record) {
      const isNew = await log.append(key, record);
      if (!isNew) return false;
      try {
        for (const measurement of measureRow(record)) metrics.record(measurement);
        lines.info(AUDIT_LINE, describeRow(record));
      } catch {
        // The row is there; whoever wrote it must not believe otherwise.
      }
      return true;
    },
  };
}
