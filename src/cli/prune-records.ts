import type { Finding } from '../findings/findings.ts';
import { FindingRow } from '../findings/table-findings.ts';
import { parseRow, tryRow } from '../storage/parse-row.ts';
import type { PrunableTableStore, StoredRow } from '../storage/table-store.ts';
import { TicketRow } from '../tickets/table-tickets.ts';
import type { Ticket } from '../tickets/ticket.ts';
import { type PrunedPart, type PruneRequest, type RunInProgress, resourceKey } from './prune-request.ts';

/** Rows that are looked at in one go: a list may not take for ever. */
const BATCH = 1000;
/** Rows between two lines about the progress. */
const STEP = 5000;

/** What is to be done with a row: `undefined` = it is not old, or not over. */
type Judgement = 'old' | 'kept' | undefined;

/** Findings that are closed because all is well or the resource is gone, nothing has been written to since, and nothing goes by any more. */
export async function pruneFindings(
  table: PrunableTableStore,
  request: PruneRequest,
  runs: readonly RunInProgress[],
): Promise<readonly PrunedPart[]> {
  const inProgress = new Set(runs.map(({ policyId, resourceId }) => `${resourceKey(resourceId)} ${policyId}`));
  return await pruneRows(table, request, (row) => {
    const finding: Finding = parseRow(FindingRow, row);
    const isInProgress = inProgress.has(`${resourceKey(finding.resourceId)} ${finding.policyId}`);
    const judgement = judgeFinding(finding, request);
    return { part: finding.subscriptionId, judgement: judgement === 'old' && isInProgress ? 'kept' : judgement };
  });
}

function judgeFinding(finding: Finding, { before, now }: PruneRequest): Judgement {
  const isOver = finding.closedBecause === 'compliant' || finding.closedBecause === 'gone';
  if (finding.status !== 'closed' || !isOver || new Date(finding.updated) >= before) return undefined;
  const { backoffUntil, exemption, notBefore, quarantinedUntil, ticketParts = [], undoneUntil } = finding;
  // An exemption without an end holds for ever.
  const ends = [backoffUntil, notBefore, undoneUntil];
  const isExempt = exemption !== undefined && (exemption.expires === undefined || new Date(exemption.expires) > now);
  // After its end the next one would be longer, for as long as `WAR_WINDOW`; that is never longer than what is kept.
  const isRemembered = quarantinedUntil !== undefined && new Date(quarantinedUntil) >= before;
  const isEffective = isExempt || isRemembered || ends.some((time) => time !== undefined && new Date(time) > now);
  return isEffective || ticketParts.length > 0 ? 'kept' : 'old';
}

/** Tickets that are resolved, or whose subject is gone, and that the ticket system knows to be closed. */
export async function pruneTickets(table: PrunableTableStore, request: PruneRequest): Promise<readonly PrunedPart[]> {
  return await pruneRows(table, request, (row) => {
    const ticket: Ticket = parseRow(TicketRow, row);
    return { part: ticket.policyId, judgement: judgeTicket(ticket, request) };
  });
}

function judgeTicket(ticket: Ticket, { before }: PruneRequest): Judgement {
  const { appliedSequence, lastSeenAt, remoteId, remoteState, resolvedAt = lastSeenAt, sequence, state } = ticket;
  if (state !== 'resolved' && state !== 'obsolete') return undefined;
  if ([lastSeenAt, resolvedAt].some((time) => new Date(time) >= before)) return undefined;
  const isOpenThere = remoteId !== undefined && (appliedSequence < sequence || remoteState === 'open');
  // Without its row nobody would close it there, or know it again.
  return isOpenThere || ticket.seenAgainAt !== undefined || ticket.leaseOwner !== undefined ? 'kept' : 'old';
}

async function pruneRows(
  table: PrunableTableStore,
  { isForReal, onInvalid, tell }: PruneRequest,
  judge: (row: StoredRow) => { readonly part: string; readonly judgement: Judgement },
): Promise<readonly PrunedPart[]> {
  const parts = new Map<string, { rows: number; kept: number }>();
  let seen = 0;
  for await (const row of inBatches(table)) {
    seen += 1;
    if (seen % STEP === 0) tell(`${seen} rows are looked at`);
    const judged = tryRow(() => judge(row), onInvalid);
    if (judged?.judgement === undefined) continue;
    const count = parts.get(judged.part) ?? { rows: 0, kept: 0 };
    parts.set(judged.part, count);
    // Whoever wrote it since then needs it.
    const goes = judged.judgement === 'old' && (!isForReal || (await table.remove(keyOf(row), row.etag)));
    if (goes) count.rows += 1;
    else count.kept += 1;
  }
  return [...parts].map(([part, count]) => ({ part, ...count }));
}

function keyOf({ partitionKey, rowKey }: StoredRow) {
  return { partitionKey, rowKey };
}

/** All rows; each list is short, however long the work on its rows takes. */
async function* inBatches(table: PrunableTableStore): AsyncIterable<StoredRow> {
  for (let last: StoredRow | undefined; ; ) {
    const rows: StoredRow[] = [];
    for await (const row of last === undefined ? table.all() : table.where(behind(last))) {
      rows.push(row);
      if (rows.length === BATCH) break;
    }
    yield* rows;
    last = rows.at(-1);
    if (rows.length < BATCH || last === undefined) return;
  }
}

function behind({ partitionKey, rowKey }: StoredRow): string {
  const [partition, row] = [partitionKey, rowKey].map((key) => key.replaceAll("'", "''"));
  return `PartitionKey gt '${partition}' or (PartitionKey eq '${partition}' and RowKey gt '${row}')`;
}
