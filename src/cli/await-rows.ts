import type { AuditKey, AuditLog, AuditRecord } from '../audit/audit-log.ts';
import type { Time } from './terminal.ts';

export interface Wait {
  readonly requestId: string;
  readonly timeoutMs: number;
  /** Other policies are judged by the way; undefined = all. */
  readonly policyId: string | undefined;
  /** A row after which nothing more comes of the request. */
  isLast(row: AuditRecord): boolean;
  /** Nothing is left to do, and so no row will say so; asked before the rows are read. */
  isOver(): Promise<boolean>;
}

/** What came of a request. */
export interface Awaited {
  /** Oldest first. */
  readonly rows: readonly (AuditRecord & AuditKey)[];
  /** The row that ends it, if one does. */
  readonly last: AuditRecord | undefined;
  /** False when the time was up. */
  readonly isFinished: boolean;
}

/** Pauses between two looks into the table, in milliseconds: a fix takes seconds, and the table is read from one day's start. */
const PAUSES = [1000, 1000, 2000, 2000, 3000];
const LONGEST_PAUSE = 5000;
/** How much the clocks of the app and of this machine may differ. */
const CLOCK_SKEW = 10 * 60_000;

/** Looks for audit rows that a request has caused until the last one of them is there, or the time is up. */
export async function awaitRows(audit: AuditLog, time: Time, wait: Wait): Promise<Awaited> {
  const start = time.now().getTime();
  for (let look = 0; ; look += 1) {
    const isOver = await wait.isOver();
    const rows = await readRows(audit, wait, start, time.now());
    const last = rows.find((row) => wait.isLast(row));
    const isFinished = last !== undefined || isOver;
    const left = start + wait.timeoutMs - time.now().getTime();
    if (isFinished || left <= 0) return { rows, last, isFinished };
    await time.wait(Math.min(PAUSES[look] ?? LONGEST_PAUSE, left));
  }
}

async function readRows(
  audit: AuditLog,
  { requestId, policyId }: Wait,
  start: number,
  now: Date,
): Promise<readonly (AuditRecord & AuditKey)[]> {
  const rows: (AuditRecord & AuditKey)[] = [];
  const [since, until] = [new Date(start - CLOCK_SKEW), new Date(now.getTime() + CLOCK_SKEW)];
  // Rows that cannot be read are not ours: ours are younger than this command.
  for await (const row of audit.list(since, until, () => undefined)) {
    const isOther = policyId !== undefined && row.policyId !== undefined && row.policyId !== policyId;
    if (row.causeId === requestId && !isOther) rows.push(row);
  }
  return rows.toSorted((one, other) => one.time.localeCompare(other.time));
}
