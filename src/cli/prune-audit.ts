import type { PrunableTableStore } from '../storage/table-store.ts';
import type { PrunedPart, PruneRequest, RunInProgress } from './prune-request.ts';

const DAY = 86_400_000;
/** Rows between two lines about the progress. */
const STEP = 10_000;
/** Rows of one deletion. */
const BATCH = 100;

/**
 * Whole days, the oldest first: a day goes when all of it lies before the limit. Of runs that are not over everything stays, and of those that have
 * no outcome, too: they are what somebody would ask about. Partitions that are no days are none of ours.
 */
export async function pruneAudit(
  audit: PrunableTableStore,
  { before, isForReal, tell }: PruneRequest,
  runs: readonly RunInProgress[],
): Promise<readonly PrunedPart[]> {
  const open = new Set(runs.map(({ runId }) => runId));
  const end = new Date(Math.floor(before.getTime() / DAY) * DAY).toISOString().slice(0, 10);
  const parts: PrunedPart[] = [];
  let removed = 0;
  for (let day = await nextPartition(audit, '', end); day !== undefined; day = await nextPartition(audit, day, end)) {
    if (!/^\d{4}-\d{2}-\d{2}$/.test(day)) {
      tell(`partition ${day} of table audit is no day, and stays as it is`);
      continue;
    }
    const { old, kept } = await sortRows(audit, day, open);
    if (isForReal) {
      for (let start = 0; start < old.length; start += BATCH) {
        await audit.removeAll(day, old.slice(start, start + BATCH));
        removed += Math.min(BATCH, old.length - start);
        if (removed % STEP < BATCH) tell(`${removed} rows are removed; at ${day}`);
      }
    }
    parts.push({ part: day, rows: old.length, kept });
  }
  return parts;
}

/** The first partition behind this one and before the end; undefined = there is none. */
async function nextPartition(audit: PrunableTableStore, after: string, end: string): Promise<string | undefined> {
  const filter = `PartitionKey gt '${after.replaceAll("'", "''")}' and PartitionKey lt '${end}'`;
  const first = await audit.where(filter)[Symbol.asyncIterator]().next();
  return first.done === true ? undefined : first.value.partitionKey;
}

async function sortRows(audit: PrunableTableStore, day: string, open: ReadonlySet<string>) {
  const rows: { readonly rowKey: string; readonly runId: unknown; readonly stage: unknown }[] = [];
  for await (const { columns, rowKey } of audit.range(day))
    rows.push({ rowKey, runId: columns['remediationRunId'], stage: columns['stage'] });
  const runsWith = (wanted: string) => new Set(rows.flatMap(({ runId, stage }) => (stage === wanted ? [runId] : [])));
  const [begun, ended] = [runsWith('intent'), runsWith('outcome')];
  const isNeeded = ({ runId }: (typeof rows)[number]): boolean =>
    runId !== undefined && ((typeof runId === 'string' && open.has(runId)) || (begun.has(runId) && !ended.has(runId)));
  const old = rows.filter((row) => !isNeeded(row)).map(({ rowKey }) => rowKey);
  return { old, kept: rows.length - old.length };
}
