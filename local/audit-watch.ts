import { TableClient } from '@azure/data-tables';
import { type AuditKey, type AuditLog, type AuditRecord, auditKey } from '../src/audit/audit-log.ts';
import { createTableAuditLog } from '../src/audit/table-audit-log.ts';
import { createTableStore } from '../src/storage/table-store.ts';
import type { LocalEnvironment } from './environment.ts';

const POLL_MS = 400;
/** Rows of a run have keys of its start: nothing is expected of a run that started longer ago. */
const LONGEST_RUN_MS = 30 * 60_000;

/** The audit table of a running environment, read as the operator. */
export function openAudit({ simulator, storage }: Pick<LocalEnvironment, 'simulator' | 'storage'>): AuditLog {
  const credential = simulator.credential('operator');
  return createTableAuditLog(createTableStore(new TableClient(storage.table, 'audit', credential)));
}

/** Tells every new audit row, in the order in which they were written. */
export interface AuditWatch {
  /** Reads what is there by now and tells it. */
  look(): Promise<void>;
  /** Ends after one last look. */
  stop(): Promise<void>;
}

export function watchAudit(audit: AuditLog, tell: (record: AuditRecord) => void): AuditWatch {
  const since = new Date();
  const told = new Set<string>();
  let isStopped = false;
  let timer: NodeJS.Timeout | undefined;
  let looking = look();
  scheduleLook();

  async function look(): Promise<void> {
    const now = Date.now();
    const oldest = auditKey(new Date(now - LONGEST_RUN_MS), '', 'decision');
    const news: AuditRecord[] = [];
    for await (const { partitionKey, rowKey, ...record } of audit.list(since, new Date(now), () => undefined)) {
      if (isBefore({ partitionKey, rowKey }, oldest)) break;
      const key = `${partitionKey}/${rowKey}`;
      if (!told.has(key)) news.push(record);
      told.add(key);
    }
    for (const record of news.toSorted((a, b) => a.time.localeCompare(b.time))) tell(record);
  }

  function scheduleLook(): void {
    if (isStopped) return;
    timer = setTimeout(() => {
      // An emulator that does not answer is reported by whoever started it; the next look tries again.
      looking = look()
        .catch(() => undefined)
        .finally(scheduleLook);
    }, POLL_MS);
  }

  return {
    look,
    async stop() {
      isStopped = true;
      clearTimeout(timer);
      await looking.catch(() => undefined);
      await look().catch(() => undefined);
    },
  };
}

/** Days in descending order, and within a day the newest first: keys of one day rise with age. */
function isBefore(key: AuditKey, other: AuditKey): boolean {
  if (key.partitionKey !== other.partitionKey) return key.partitionKey < other.partitionKey;
  return key.rowKey > other.rowKey;
}
