import { type AuditRecord, auditKey } from '../audit/audit-log.ts';
import { createTableAuditLog } from '../audit/table-audit-log.ts';
import { DockwardenError } from '../errors.ts';
import { type OnInvalidRow, parseRow } from '../storage/parse-row.ts';
import { SCHEMA_VERSION } from '../storage/schema.ts';
import { SCHEMA_KEY, SchemaRow } from '../storage/schema-row.ts';
import { createTableWorkItems } from '../work/table-work-items.ts';
import type { Listing } from './list-records.ts';
import { pruneAudit } from './prune-audit.ts';
import { pruneFindings, pruneTickets } from './prune-records.ts';
import type { PrunableTables, PrunedPart, PruneRequest, RunInProgress } from './prune-request.ts';

/** Removes rows that are old and not needed any more, or counts them. */
export async function prune(tables: PrunableTables, request: PruneRequest): Promise<Listing<PrunedPart>> {
  await checkSchema(tables);
  const runs = await listRuns(tables, request.onInvalid);
  if (request.isForReal) await record(tables, request);
  const records = await pruneTable(tables, request, runs);
  return {
    records,
    headings: [
      { audit: 'DAY', findings: 'SUBSCRIPTION', tickets: 'POLICY' }[request.table],
      request.isForReal ? 'REMOVED' : 'WOULD GO',
      'KEPT',
    ],
    rows: records.map(({ part, rows, kept }) => [part, String(rows), String(kept)]),
  };
}

async function pruneTable(
  tables: PrunableTables,
  request: PruneRequest,
  runs: readonly RunInProgress[],
): Promise<readonly PrunedPart[]> {
  switch (request.table) {
    case 'audit':
      return await pruneAudit(tables.audit, request, runs);
    case 'findings':
      return await pruneFindings(tables.findings, request, runs);
    case 'tickets':
      return await pruneTickets(tables.tickets, request);
  }
}

/** What a newer version has written may look over and old to this one: then nothing is removed. */
async function checkSchema({ guards }: PrunableTables): Promise<void> {
  const row = await guards.get(SCHEMA_KEY);
  if (row === undefined) return;
  const { version } = parseRow(SchemaRow, row);
  if (version <= SCHEMA_VERSION) return;
  throw new DockwardenError(
    'INPUT_INVALID_ROW',
    `the tables have schema ${version}, of a newer version of Dockwarden, and this one knows ${SCHEMA_VERSION}: nothing was removed; use the newer version`,
  );
}

/** A row of work that cannot be read may hold an open run: then nothing is removed. */
async function listRuns({ work }: PrunableTables, onInvalid: OnInvalidRow): Promise<readonly RunInProgress[]> {
  const damaged: DockwardenError[] = [];
  const runs: RunInProgress[] = [];
  const items = createTableWorkItems(work).leftovers((error) => {
    damaged.push(error);
    onInvalid(error);
  });
  for await (const { resourceId, run } of items) {
    if (run !== undefined)
      runs.push({ runId: run.runId, policyId: run.policyId, resourceId: resourceId.toLowerCase() });
  }
  if (damaged.length === 0) return runs;
  throw new DockwardenError(
    'INPUT_INVALID_ROW',
    `${damaged.length} rows of table work cannot be read, so it is not known which runs are open: nothing was removed`,
  );
}

/** Before anything goes, the audit says so. Who it was is in the log of the storage account: here nobody has verified it. */
async function record({ audit }: PrunableTables, { before, newId, now, table, version }: PruneRequest): Promise<void> {
  const row: AuditRecord = {
    time: now.toISOString(),
    stage: 'operator',
    reason: 'pruned',
    causeKind: 'operator',
    error: `rows of table ${table} from before ${before.toISOString()} are about to be removed`,
    version,
  };
  await createTableAuditLog(audit).append(auditKey(now, newId(now), 'operator'), row);
}
