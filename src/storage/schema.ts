import { DockwardenError, isDockwardenError } from '../errors.ts';
import { type Migration, type MigrationTables, migratedTables, runPass } from './migrations.ts';
import { type OnInvalidRow, parseRow } from './parse-row.ts';
import { SCHEMA_KEY, SchemaRow, type VersionedSchema } from './schema-row.ts';
import type { StoredRow } from './table-store.ts';

/** The form in which this app writes its rows; docs/upgrading.md says which app has which. Raise it together with a migration. */
export const SCHEMA_VERSION = 1;

/** How rows of older versions become rows of this one, in order. There has been no other version yet. */
export const migrations: readonly Migration[] = [];

/** A row that says `current` is believed for so long, in milliseconds: looking costs no call per event. */
export const SCHEMA_REFRESH = 5 * 60_000;
/** Anything else is looked at again after this. */
const RETRY = 10_000;
/** Writes of the row that may collide before the message is given back. */
const MAX_COLLISIONS = 50;
/**
 * After an older app was last seen, one of its instances may still write: it looks every five minutes, and one function may run for ten. So long
 * nothing is changed in Azure, and then the rows are gone through once more.
 */
export const SETTLE = 2 * SCHEMA_REFRESH + 10 * 60_000;

/**
 * What the tables are, as this app sees them. `behind`: rows in an older form may be there, and are being changed. `newer`: a newer app has
 * written them, and this one may not understand what it reads. `unreadable`: somebody has damaged the row.
 */
export type SchemaState =
  | { readonly state: 'current'; readonly createdAt: string }
  | { readonly state: 'behind'; readonly createdAt: string; readonly version: number }
  | { readonly state: 'newer'; readonly createdAt: string; readonly version: number }
  | { readonly state: 'unreadable' };

/** What is wrong with the tables, for people; undefined = nothing. */
export function describeSchema(state: SchemaState): SchemaProblem | undefined {
  switch (state.state) {
    case 'current':
      return undefined;
    case 'behind':
      return {
        problem: 'schema-behind',
        message: `There are rows of schema ${state.version}, which are brought to ${SCHEMA_VERSION}. Nothing in Azure is changed until that is done, ${SETTLE / 60_000} minutes after the older version was last at work at the earliest. If it stays so, an older version is still running on this storage account: stop it.`,
      };
    case 'newer':
      return {
        problem: 'schema-newer',
        message: `The tables have schema ${state.version}, of a newer version of Dockwarden; this one knows ${SCHEMA_VERSION}. Nothing in Azure is changed. Deploy the newer version again: docs/upgrading.md says how.`,
      };
    case 'unreadable':
      return {
        problem: 'schema-unreadable',
        message:
          'Row schema/current of table guards cannot be read, so the form of the tables is not known. Nothing in Azure is changed. Put its column version right (a whole number), and createdAt (a time, ISO 8601): docs/upgrading.md says how.',
      };
  }
}

export interface SchemaProblem {
  readonly problem: 'schema-behind' | 'schema-newer' | 'schema-unreadable';
  readonly message: string;
}

/** The version of the tables, in table `guards`, row `schema`/`current`. Rejects with `STORAGE_UNAVAILABLE`. */
export interface Schema {
  /** Looks, at most every few minutes, and changes no row but its own. */
  look(): Promise<SchemaState>;
  /**
   * The same; where rows have an older form it changes them first, for a minute at most: the next call goes on from there. Rows that cannot be read
   * are reported, and stay as they are.
   */
  migrate(onInvalid: OnInvalidRow): Promise<SchemaState>;
}

export interface SchemaOptions {
  readonly tables: MigrationTables;
  readonly now: () => Date;
  /** Different for every process: who holds the lease of the migration. */
  readonly owner: string;
  /** Default: those of this app. */
  readonly version?: number;
  readonly migrations?: readonly Migration[];
}

export function createSchema(options: SchemaOptions): Schema {
  const { tables, now, version: own = SCHEMA_VERSION, migrations: steps = migrations } = options;
  let last: { readonly at: number; readonly mayMigrate: boolean; readonly state: SchemaState } | undefined;
  /** Callers of one process look once … */
  let looking: Promise<SchemaState> | undefined;
  /** … and who only looks does not wait for the one that migrates. */
  let meanwhile: SchemaState | undefined;

  async function read(): Promise<VersionedSchema | undefined> {
    const row = await tables.guards.get(SCHEMA_KEY);
    if (row !== undefined) return tryParse(row);
    const version = own > 1 && (await isAnythingStored(tables)) ? 1 : own;
    const columns = { version, createdAt: now().toISOString() };
    const etag = await tables.guards.insert(SCHEMA_KEY, columns);
    if (etag !== false) return { ...columns, columns, etag };
    // Somebody else was faster.
    const theirs = await tables.guards.get(SCHEMA_KEY);
    return theirs && tryParse(theirs);
  }

  async function find(onInvalid: OnInvalidRow | undefined): Promise<SchemaState> {
    const row = await readNoted();
    if (row === undefined) return { state: 'unreadable' };
    const { createdAt, version } = row;
    if (version > own) return { state: 'newer', createdAt, version };
    if (isCurrent(row, own)) return { state: 'current', createdAt };
    const isResting =
      version === own &&
      row.passStartedAt === undefined &&
      now().getTime() < Date.parse(row.olderSeenAt ?? '') + SETTLE;
    const behind = { state: 'behind', createdAt, version: Math.min(version, row.olderVersion ?? version) } as const;
    if (onInvalid !== undefined && !isResting) {
      meanwhile = behind;
      const after = await runPass({ ...options, onInvalid, row, own, migrations: steps, settle: SETTLE });
      if (after !== undefined && isCurrent(after, own)) return { state: 'current', createdAt };
    }
    return behind;
  }

  /** The row; where a newer app has written it, with the note that this one is at work. Undefined when it cannot be read. */
  async function readNoted(): Promise<VersionedSchema | undefined> {
    // The newer app's migration writes this row all the time. What is not noted it would never look for, so nothing is done before it is.
    for (let collision = 0; collision < MAX_COLLISIONS; collision += 1) {
      const row = await read();
      if (row === undefined || row.version <= own || (await noteOlder(row))) return row;
    }
    throw new DockwardenError(
      'STORAGE_UNAVAILABLE',
      'row schema/current of table guards is written by others all the time',
    );
  }

  /** Tells the newer app that what this one writes has the older form, and is to be migrated afterwards. False when somebody else has just written the row. */
  async function noteOlder({ columns, etag, olderVersion }: VersionedSchema): Promise<boolean> {
    const older = { olderVersion: Math.min(own, olderVersion ?? own), olderSeenAt: now().toISOString() };
    return (await tables.guards.replace(SCHEMA_KEY, { ...columns, ...older }, etag)) !== false;
  }

  async function look(onInvalid?: OnInvalidRow): Promise<SchemaState> {
    const mayMigrate = onInvalid !== undefined;
    if (last !== undefined) {
      const isKnown = last.state.state === 'current' || last.state.state === 'newer';
      const isFresh = now().getTime() - last.at < (isKnown ? SCHEMA_REFRESH : RETRY);
      const isNoMore = !mayMigrate || last.mayMigrate || last.state.state !== 'behind';
      if (isFresh && isNoMore) return last.state;
    }
    const state = await find(onInvalid);
    last = { at: now().getTime(), mayMigrate, state };
    return state;
  }

  async function share(onInvalid?: OnInvalidRow): Promise<SchemaState> {
    if (onInvalid === undefined && meanwhile !== undefined) return meanwhile;
    looking ??= look(onInvalid).finally(() => {
      looking = undefined;
      meanwhile = undefined;
    });
    return await looking;
  }

  return { look: async () => await share(), migrate: share };
}

/** What goes wrong is in the log; only storage that cannot be used is an error: messages that failed for a migration would all end as poison. */
export async function migrateAsFarAsPossible(
  schema: Schema,
  log: { error(message: string, details: Readonly<Record<string, unknown>>): void },
): Promise<SchemaState> {
  try {
    return await schema.migrate((error) => {
      log.error('a row cannot be migrated, and stays as it is', { error: error.message });
    });
  } catch (error) {
    if (isDockwardenError(error, 'STORAGE_UNAVAILABLE')) throw error;
    log.error('the tables cannot be migrated', { error: String(error) });
    return await schema.look();
  }
}

function isCurrent({ version, olderVersion = version }: VersionedSchema, own: number): boolean {
  return version === own && olderVersion >= own;
}

async function isAnythingStored(tables: MigrationTables): Promise<boolean> {
  for (const name of migratedTables) {
    const first = await tables[name].all()[Symbol.asyncIterator]().next();
    if (first.done !== true) return true;
  }
  return false;
}

function tryParse(row: StoredRow): VersionedSchema | undefined {
  try {
    return { ...parseRow(SchemaRow, row), columns: row.columns, etag: row.etag };
  } catch (error) {
    if (!isDockwardenError(error, 'INPUT_INVALID_ROW')) throw error;
    return undefined;
  }
}
