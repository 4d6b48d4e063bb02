import type { AuditLog } from '../audit/audit-log.ts';
import { formatOutboundMessage } from '../events/outbound-message.ts';
import type { WorkQueue } from '../work/work-queue.ts';
import { isPublished } from './own-event.ts';

/** Until then the row stands in most cases, so that the first look finds it; in milliseconds. */
const HEAD_START = 2000;

/**
 * The audit, with a message in queue `events` for each row that is an event. The message goes first: a row without one would never be
 * published, a message without a row is dropped after a while. Where the message cannot be sent, the row is not written either, and `append`
 * rejects with `STORAGE_UNAVAILABLE` as it does for the table: the caller's own rule for that holds.
 */
export function createPublishingAuditLog(log: AuditLog, outbox: WorkQueue): AuditLog {
  return {
    ...log,
    async append(key, record) {
      if (isPublished(record)) {
        await outbox.send(formatOutboundMessage({ ...key, since: record.time, attempt: 0 }), HEAD_START);
      }
      return await log.append(key, record);
    },
  };
}
