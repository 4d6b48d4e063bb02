import { isDockwardenError } from '../errors.ts';
import type { OnInvalidRow } from './parse-row.ts';
import { SCHEMA_KEY, SchemaRow, type VersionedSchema } from './schema-row.ts';
import type { StoredRow, TableStore } from './table-store.ts';

/** Tables whose rows a migration may change. `audit` is none of them: the app may only append to it, and old rows stay as they were written. */
export const migratedTables = ['findings', 'work', 'tickets', 'alerts', 'nodes', 'guards'] as const;
export type MigratedTable = (typeof migratedTables)[number];
export type MigrationTables = Readonly<Record<MigratedTable, TableStore>>;

/**
 * All columns of a row in the new form; undefined = there is nothing to change. Pure. It may be asked again about a row that it has changed, and
 * then has to answer undefined. May throw `INPUT_INVALID_ROW`: the row stays as it is, and is reported.
 */
export type ChangeRow = (row: StoredRow) => Readonly<Record<string, unknown>> | undefined;

/** One step from the version before to this one. */
export interface Migration {
  readonly to: number;
  readonly change: Readonly<Partial<Record<MigratedTable, ChangeRow>>>;
}

interface Pass {
  readonly row: VersionedSchema;
  readonly own: number;
  readonly migrations: readonly Migration[];
  readonly tables: MigrationTables;
  readonly now: () => Date;
  readonly owner: string;
  readonly onInvalid: OnInvalidRow;
  /** Milliseconds in which an older app that was seen may still write. */
  readonly settle: number;
}

/** How long one call goes on, and how long no other process may, in milliseconds. A batch takes far less than what is left of the lease. */
const BUDGET = 60_000;
const LEASE = 180_000;
/** Rows between two notes of how far it is: what is done twice after a crash. */
const BATCH = 500;
/** Writes of one row that may collide in a row; then the whole pass is left to the next call. */
const MAX_COLLISIONS = 10;

/**
 * Goes on with a migration where it was left. One process at a time has the lease; whoever loses it stops at the next note, and what both did
 * meanwhile is the same. Returns the row as it is then; undefined when somebody else has the lease.
 */
export async function runPass(pass: Pass): Promise<VersionedSchema | undefined> {
  const { now, own, row, tables } = pass;
  const startedAt = now().getTime();
  if (row.leaseOwner !== pass.owner && Date.parse(row.leaseUntil ?? '') > startedAt) return undefined;
  let current = await note(pass, row, beginning(pass));
  while (current !== undefined) {
    const step = pass.migrations
      .toSorted((one, other) => one.to - other.to)
      .find(({ to }) => to > (current?.passReached ?? own) && to <= own);
    if (step === undefined) return await finish(pass, current);
    if (now().getTime() - startedAt >= BUDGET)
      return await note(pass, current, { leaseOwner: undefined, leaseUntil: undefined });
    current = await note(pass, current, await changeBatch(pass, current, step, tables));
  }
  return undefined;
}

/**
 * Where it starts: with what is left of the pass before, if there is one. From here on rows of the new form may be there, and an older app has to
 * know; and the app that wrote the older rows may still be at work: it counts as seen.
 */
function beginning({ now, own, row }: Pass): Change {
  const from = Math.min(row.version, row.olderVersion ?? row.version);
  const moment = now().toISOString();
  const isNews = row.version < own || row.olderSeenAt === undefined;
  const older = isNews ? { version: own, olderVersion: from, olderSeenAt: moment } : {};
  const isUnderWay = row.passStartedAt !== undefined && row.passReached !== undefined;
  return { ...older, ...(!isUnderWay && { passStartedAt: moment, passReached: from }) };
}

/** Columns of the row of the schema that are to be written; undefined = to be removed. */
type Change = { readonly [Name in keyof SchemaRow]?: SchemaRow[Name] | undefined };

/** Writes how far it is and renews the lease; undefined when somebody else has written the row, and so may have the lease. */
async function note(
  { now, owner, tables }: Pass,
  row: VersionedSchema,
  change: Change,
): Promise<VersionedSchema | undefined> {
  const lease = { leaseOwner: owner, leaseUntil: new Date(now().getTime() + LEASE).toISOString() };
  const next = Object.entries({ ...row.columns, ...lease, ...change });
  const columns = Object.fromEntries(next.filter(([, value]) => value !== undefined));
  const etag = await tables.guards.replace(SCHEMA_KEY, columns, row.etag);
  return etag === false ? undefined : { ...SchemaRow.parse(columns), columns, etag };
}

async function changeBatch(
  pass: Pass,
  { passPartition, passRow, passTable }: VersionedSchema,
  { change, to }: Migration,
  tables: MigrationTables,
): Promise<Change> {
  const names = migratedTables.filter((name) => change[name] !== undefined);
  const name = names.find((candidate) => candidate === passTable) ?? names[0];
  const changeRow = name && change[name];
  const nowhere = { passTable: undefined, passPartition: undefined, passRow: undefined };
  if (name === undefined || changeRow === undefined) return { ...nowhere, passReached: to };
  const table = tables[name];
  const isBegun = name === passTable && passPartition !== undefined && passRow !== undefined;
  const rows = isBegun ? table.where(after(passPartition, passRow)) : table.all();
  const batch: StoredRow[] = [];
  for await (const row of rows) {
    batch.push(row);
    if (batch.length === BATCH) break;
  }
  for (const row of batch) {
    // The row of the schema is not one of them.
    if (name !== 'guards' || row.partitionKey !== SCHEMA_KEY.partitionKey)
      await replaceRow(pass, table, row, changeRow);
  }
  const end = batch.at(-1);
  if (batch.length === BATCH && end !== undefined)
    return { passTable: name, passPartition: end.partitionKey, passRow: end.rowKey };
  const next = names[names.indexOf(name) + 1];
  return next === undefined ? { ...nowhere, passReached: to } : { ...nowhere, passTable: next };
}

async function replaceRow(
  { onInvalid }: Pass,
  table: TableStore,
  first: StoredRow,
  changeRow: ChangeRow,
): Promise<void> {
  const { partitionKey, rowKey } = first;
  const key = { partitionKey, rowKey };
  let row: StoredRow | undefined = first;
  for (let collision = 0; row !== undefined && collision < MAX_COLLISIONS; collision += 1) {
    const columns = tryChange(row, changeRow, onInvalid);
    if (columns === undefined) return;
    if ((await table.replace(key, columns, row.etag)) !== false) return;
    row = await table.get(key);
  }
  // Still written by others: whoever does so may be an older app, and then the next pass finds the row.
}

function tryChange(row: StoredRow, changeRow: ChangeRow, onInvalid: OnInvalidRow) {
  try {
    return changeRow(row);
  } catch (error) {
    if (!isDockwardenError(error, 'INPUT_INVALID_ROW')) throw error;
    onInvalid(error);
    return undefined;
  }
}

/** Every row has been gone through. Where an older app may have written meanwhile, another pass follows. */
async function finish(pass: Pass, row: VersionedSchema): Promise<VersionedSchema | undefined> {
  const isSettled = Date.parse(row.passStartedAt ?? '') >= Date.parse(row.olderSeenAt ?? '') + pass.settle;
  return await note(pass, row, {
    passStartedAt: undefined,
    passReached: undefined,
    leaseOwner: undefined,
    leaseUntil: undefined,
    ...(isSettled && { olderVersion: undefined, olderSeenAt: undefined }),
  });
}

/** Rows behind this one, in the order of the table. */
function after(partitionKey: string, rowKey: string): string {
  const [partition, row] = [partitionKey, rowKey].map((key) => key.replaceAll("'", "''"));
  return `PartitionKey gt '${partition}' or (PartitionKey eq '${partition}' and RowKey gt '${row}')`;
}
