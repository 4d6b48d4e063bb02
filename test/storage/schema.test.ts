import { TableClient } from '@azure/data-tables';
import { beforeEach, describe, expect, it } from 'vitest';
import { DockwardenError } from '../../src/errors.ts';
import { type ChangeRow, type Migration, type MigrationTables, migratedTables } from '../../src/storage/migrations.ts';
import type { OnInvalidRow } from '../../src/storage/parse-row.ts';
import {
  createSchema,
  migrateAsFarAsPossible,
  SCHEMA_REFRESH,
  SCHEMA_VERSION,
  type SchemaOptions,
  SETTLE,
} from '../../src/storage/schema.ts';
import { createTableStore, type TableStore } from '../../src/storage/table-store.ts';
import { claimStorageAccount } from '../support/storage.ts';

const { table: endpoint, credential } = claimStorageAccount();
const START = Date.parse('2026-05-01T00:00:00Z');
const KEY = { partitionKey: 'schema', rowKey: 'current' };

let sets = 0;
let tables: MigrationTables;
let time = START;
let owners = 0;

function createTables(): MigrationTables {
  sets += 1;
  const of = (name: string) => createTableStore(new TableClient(endpoint, `${name}${sets}`, credential));
  return {
    findings: of('findings'),
    work: of('work'),
    tickets: of('tickets'),
    alerts: of('alerts'),
    nodes: of('nodes'),
    guards: of('guards'),
  };
}

beforeEach(() => {
  tables = createTables();
  time = START;
});

/** A step that would show if it were done twice: the number is raised with the name that it gets. */
function raise(to: number, from: string, name: string): ChangeRow {
  return ({ columns: { [from]: value, ...others } }) =>
    typeof value === 'number' ? { ...others, [name]: value + to } : undefined;
}

/** Two steps that build on each other, over two tables. */
const steps: readonly Migration[] = [
  { to: 3, change: { findings: raise(3, 'second', 'third'), guards: raise(3, 'second', 'third') } },
  { to: 2, change: { findings: raise(2, 'first', 'second'), guards: raise(2, 'first', 'second') } },
];
const version3 = { version: 3, migrations: steps };

function refuse(error: Error): never {
  throw error;
}

/** A process of an app of some version; by default one that knows all three. */
function start({
  onInvalid = refuse,
  ...options
}: Partial<SchemaOptions> & { readonly onInvalid?: OnInvalidRow } = {}) {
  owners += 1;
  const schema = createSchema({
    tables,
    now: () => new Date(time),
    owner: `owner-${owners}`,
    ...version3,
    ...options,
  });
  return { look: async () => await schema.look(), migrate: async () => await schema.migrate(onInvalid) };
}

/** The app before there was any migration. */
function startOld() {
  return start({ version: 1, migrations: [] });
}

async function fill(count: number, column = 'first'): Promise<void> {
  for (const table of [tables.findings, tables.guards]) {
    const rows = Array.from({ length: count }, (_, index) => ({
      rowKey: `it's ${String(index).padStart(4, '0')}`,
      columns: { [column]: index, kept: `kept ${index}` },
    }));
    await table.putAll("p'1", rows.slice(0, count / 2));
    await table.putAll('p2', rows.slice(count / 2));
  }
}

async function readAll(table: TableStore): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const rows = await Array.fromAsync(table.all());
  return rows
    .filter(({ partitionKey }) => partitionKey !== 'schema')
    .map(({ columns }) => columns)
    .toSorted((one, other) => Number(one['third'] ?? one['first']) - Number(other['third'] ?? other['first']));
}

function migrated(count: number) {
  return Array.from({ length: count }, (_, index) => ({ kept: `kept ${index}`, third: index + 5 }));
}

async function readRow() {
  return (await tables.guards.get(KEY))?.columns;
}

/** Migrates to the end: both passes, with the time between them. */
async function migrateAll(): Promise<void> {
  await start().migrate();
  time += SETTLE;
  expect(await start().migrate()).toMatchObject({ state: 'current' });
}

function failByDefect(): never {
  throw new TypeError('a defect');
}

/** A process that dies at its nth write, whatever it writes; false when it came through. */
async function crashAt(point: number, isApplied: boolean): Promise<boolean> {
  let writes = 0;
  const mortal = (table: TableStore): TableStore => ({
    ...table,
    replace: async (...args) => {
      writes += 1;
      if (writes < point) return await table.replace(...args);
      if (isApplied && writes === point) await table.replace(...args);
      throw new Error('killed');
    },
  });
  const dying = { ...tables, findings: mortal(tables.findings), guards: mortal(tables.guards) };
  try {
    await start({ tables: dying }).migrate();
    return false;
  } catch (error) {
    if (!(error instanceof Error && error.message === 'killed')) throw error;
    return true;
  }
}

describe('the version of the tables', () => {
  it('is written at the first look, and read once in five minutes afterwards', async () => {
    let reads = 0;
    const counting: MigrationTables = {
      ...tables,
      guards: {
        ...tables.guards,
        get: async (key) => {
          reads += 1;
          return await tables.guards.get(key);
        },
      },
    };
    const schema = start({ tables: counting, version: SCHEMA_VERSION, migrations: [] });

    expect(await schema.look()).toEqual({ state: 'current', createdAt: '2026-05-01T00:00:00.000Z' });
    expect(await readRow()).toEqual({ version: 1, createdAt: '2026-05-01T00:00:00.000Z' });
    expect(reads).toBe(1);
    time += SCHEMA_REFRESH - 1;
    await Promise.all([schema.look(), schema.migrate()]);
    expect(reads).toBe(1);
    time += 1;
    await Promise.all([schema.look(), schema.look(), schema.migrate()]);
    expect(reads).toBe(2);
  });

  it('of empty tables is that of the app; of rows without a version it is 1', async () => {
    expect(await start().look()).toMatchObject({ state: 'current' });
    expect(await readRow()).toMatchObject({ version: 3 });

    tables = createTables();
    await tables.nodes.insert({ partitionKey: 'a', rowKey: 'b' }, { x: 1 });
    expect(await start().look()).toMatchObject({ state: 'behind', version: 1 });
    expect(await readRow()).toMatchObject({ version: 1 });
  });

  it('is written once, however many look first', async () => {
    const states = await Promise.all(Array.from({ length: 8 }, async () => await start().look()));

    expect(new Set(states.map((state) => JSON.stringify(state))).size).toBe(1);
  });

  it.each([{ version: 'two' }, { version: 0 }, { version: 1.5 }, { createdAt: 'yesterday' }, { olderSeenAt: 7 }])(
    'that somebody has damaged (%o) is no version, and is left alone',
    async (damage) => {
      await start().look();
      const row = await tables.guards.get(KEY);
      await tables.guards.replace(KEY, { ...row?.columns, ...damage }, row?.etag ?? '');

      expect(await start().migrate()).toEqual({ state: 'unreadable' });
      expect(await readRow()).toMatchObject(damage);
    },
  );

  it('cannot be known while the table cannot be read', async () => {
    const guards = {
      ...tables.guards,
      get: async () => await Promise.reject(new DockwardenError('STORAGE_UNAVAILABLE', 'gone')),
    };

    const schema = start({ tables: { ...tables, guards } });

    await expect(schema.look()).rejects.toThrow('gone');
    await expect(migrateAsFarAsPossible(schema, console)).rejects.toThrow('gone');
  });
});

describe('tables of an older version', () => {
  it('are changed step by step, in order, and once more when older apps must be gone', async () => {
    await startOld().look();
    await fill(6);

    expect(await start().look()).toMatchObject({ state: 'behind', version: 1 });
    expect(await readAll(tables.findings)).toMatchObject([{ first: 0 }, {}, {}, {}, {}, {}]);
    expect(await start().migrate()).toMatchObject({ state: 'behind', version: 1 });
    expect(await readAll(tables.findings)).toEqual(migrated(6));
    expect(await readAll(tables.guards)).toEqual(migrated(6));
    expect(await readRow()).toMatchObject({ version: 3, olderVersion: 1 });
    // An instance of the older app has been at work since.
    await tables.findings.insert({ partitionKey: 'late', rowKey: 'row' }, { first: 6, kept: 'kept 6' });
    time += SETTLE - 1;
    expect(await start().migrate()).toMatchObject({ state: 'behind' });
    time += 1;
    expect(await start().migrate()).toEqual({ state: 'current', createdAt: '2026-05-01T00:00:00.000Z' });
    expect(await readAll(tables.findings)).toEqual(migrated(7));
    expect(await readRow()).toEqual({ version: 3, createdAt: '2026-05-01T00:00:00.000Z' });
  });

  it('are changed in batches, and another process goes on where one was stopped', async () => {
    await startOld().look();
    await fill(1200);
    let writes = 0;
    const findings = {
      ...tables.findings,
      replace: async (...args: Parameters<TableStore['replace']>) => {
        writes += 1;
        // Each takes its time: the first call has to stop before it is through.
        time += 60;
        return await tables.findings.replace(...args);
      },
    };

    const first = start({ tables: { ...tables, findings } });
    expect(await first.migrate()).toMatchObject({ state: 'behind' });
    const done = writes;
    expect(await readRow()).toMatchObject({ passTable: 'findings', passReached: 1 });
    expect(await readRow()).not.toHaveProperty('leaseOwner');
    expect(await start({ tables: { ...tables, findings } }).migrate()).toMatchObject({ state: 'behind' });

    expect(done).toBeGreaterThanOrEqual(500);
    expect(done).toBeLessThan(1200);
    for (let call = 0; call < 10 && (await readRow())?.['passStartedAt'] !== undefined; call += 1)
      await start({ tables: { ...tables, findings } }).migrate();
    expect(await readAll(tables.findings)).toEqual(migrated(1200));
    expect(writes).toBe(2400);
  });

  it('are changed by one process at a time', async () => {
    await startOld().look();
    await fill(40);
    const writers = new Map<string, number>();
    const counted = (name: string): MigrationTables => ({
      ...tables,
      findings: {
        ...tables.findings,
        replace: async (...args) => {
          writers.set(name, (writers.get(name) ?? 0) + 1);
          return await tables.findings.replace(...args);
        },
      },
    });

    const states = await Promise.all(
      ['a', 'b', 'c', 'd'].map(async (name) => await start({ tables: counted(name) }).migrate()),
    );

    expect(states.map(({ state }) => state)).toEqual(['behind', 'behind', 'behind', 'behind']);
    expect([...writers.values()]).toEqual([80]);
    expect(await readAll(tables.findings)).toEqual(migrated(40));
  });

  it('are named "behind" at once to who only looks, while the same process changes them', async () => {
    await startOld().look();
    await fill(4);
    const seen: unknown[] = [];
    const findings: TableStore = {
      ...tables.findings,
      replace: async (...args) => {
        seen.push(await schema.look());
        return await tables.findings.replace(...args);
      },
    };
    const schema = start({ tables: { ...tables, findings } });

    await schema.migrate();

    expect(new Set(seen)).toEqual(new Set([{ state: 'behind', createdAt: '2026-05-01T00:00:00.000Z', version: 1 }]));
  });

  it('are left to the process that has the lease, until that has run out', async () => {
    await startOld().look();
    await fill(4);
    const others: unknown[] = [];
    const findings: TableStore = {
      ...tables.findings,
      replace: async (...args) => {
        if (others.length === 0) others.push(await start().migrate(), await readRow());
        return await tables.findings.replace(...args);
      },
    };

    await start({ tables: { ...tables, findings }, owner: 'the first' }).migrate();

    expect(others).toMatchObject([{ state: 'behind' }, { leaseOwner: 'the first', passReached: 1 }]);
    expect(await readAll(tables.findings)).toEqual(migrated(4));
  });

  it('are the same after a crash at any write, before or after it was done', async () => {
    let crashes = 0;
    for (const isApplied of [false, true]) {
      for (let point = 1; ; point += 1) {
        tables = createTables();
        time = START;
        await startOld().look();
        await fill(4);
        if (!(await crashAt(point, isApplied))) break;
        crashes += 1;
        // Twice, and with rows that came meanwhile.
        time += 200_000;
        await crashAt(2, isApplied);
        await tables.guards.insert({ partitionKey: 'late', rowKey: 'row' }, { first: 4, kept: 'kept 4' });
        time += 200_000;
        await migrateAll();
        time += SETTLE;
        await start().migrate();

        expect(await readAll(tables.findings)).toEqual(migrated(4));
        expect(await readAll(tables.guards)).toEqual(migrated(5));
        expect(await readRow()).toEqual({ version: 3, createdAt: '2026-05-01T00:00:00.000Z' });
      }
    }
    // Eight rows twice, and the notes about it.
    expect(crashes).toBeGreaterThan(2 * 16);
  });

  it('keep a row that cannot be read as it is, and name it', async () => {
    await startOld().look();
    await fill(4);
    const damaged = new DockwardenError('INPUT_INVALID_ROW', 'row p2/x cannot be read');
    const change = (row: Parameters<ChangeRow>[0]) => {
      if (row.columns['first'] === 2) throw damaged;
      return raise(2, 'first', 'third')(row);
    };
    const named: unknown[] = [];

    await start({
      version: 2,
      migrations: [{ to: 2, change: { findings: change } }],
      onInvalid: (error) => named.push(error),
    }).migrate();

    expect(named).toEqual([damaged]);
    expect(await readAll(tables.findings)).toContainEqual({ first: 2, kept: 'kept 2' });
    expect((await readAll(tables.findings)).filter(({ third }) => third !== undefined)).toHaveLength(3);
  });

  it('stay as they are when a migration has a defect, and nothing is called current', async () => {
    await startOld().look();
    await fill(2);
    const broken = start({ version: 2, migrations: [{ to: 2, change: { findings: failByDefect } }] });

    await expect(broken.migrate()).rejects.toThrow('a defect');
    await expect(broken.migrate()).rejects.toThrow('a defect');
    expect(await broken.look()).toMatchObject({ state: 'behind' });
    const logged: unknown[] = [];
    const log = { error: (message: string, details: object) => logged.push([message, details]) };
    expect(await migrateAsFarAsPossible(broken, log)).toMatchObject({ state: 'behind' });
    expect(logged).toEqual([['the tables cannot be migrated', { error: 'TypeError: a defect' }]]);
  });

  it('change a row that others write meanwhile in the form that it has then', async () => {
    await startOld().look();
    await tables.findings.insert({ partitionKey: 'p', rowKey: 'r' }, { first: 1 });
    let isFirst = true;
    const findings: TableStore = {
      ...tables.findings,
      replace: async (key, columns, etag) => {
        if (isFirst) {
          isFirst = false;
          await tables.findings.putAll('p', [{ rowKey: 'r', columns: { first: 41, kept: 'theirs' } }]);
        }
        return await tables.findings.replace(key, columns, etag);
      },
    };

    await start({ tables: { ...tables, findings } }).migrate();

    expect(await readAll(tables.findings)).toEqual([{ third: 46, kept: 'theirs' }]);
  });
});

describe('tables of a newer version', () => {
  it('are named as such; the older app leaves the note that it is at work', async () => {
    await start().look();
    const row = await tables.guards.get(KEY);
    await tables.guards.replace(KEY, { ...row?.columns, addedLater: 'stays' }, row?.etag ?? '');
    const old = startOld();

    expect(await old.migrate()).toMatchObject({ state: 'newer', version: 3 });
    expect(await readRow()).toEqual({
      version: 3,
      createdAt: '2026-05-01T00:00:00.000Z',
      addedLater: 'stays',
      olderVersion: 1,
      olderSeenAt: '2026-05-01T00:00:00.000Z',
    });
    time += SCHEMA_REFRESH;
    await start({ version: 2, migrations: steps.filter(({ to }) => to === 2) }).look();
    expect(await readRow()).toMatchObject({ olderVersion: 1, olderSeenAt: '2026-05-01T00:05:00.000Z' });
  });

  it('hear of the older app also while they write the row themselves: else nobody would look for what it writes', async () => {
    await start().look();
    let writes = 0;
    const guards: TableStore = {
      ...tables.guards,
      replace: async (key, columns, etag) => {
        writes += 1;
        if (writes <= 3) {
          const row = await tables.guards.get(KEY);
          await tables.guards.replace(KEY, { ...row?.columns, passTable: `table ${writes}` }, row?.etag ?? '');
        }
        return await tables.guards.replace(key, columns, etag);
      },
    };

    const old = start({ version: 1, migrations: [], tables: { ...tables, guards } });
    expect(await old.migrate()).toMatchObject({ state: 'newer' });
    expect(await readRow()).toMatchObject({ olderVersion: 1, passTable: 'table 3' });
    expect(writes).toBe(4);
  });

  it('let an older app that cannot leave its note do nothing', async () => {
    await start().look();
    const guards: TableStore = { ...tables.guards, replace: async () => await Promise.resolve(false) };

    const old = start({ version: 1, migrations: [], tables: { ...tables, guards } });
    await expect(old.migrate()).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
  });

  it('are so for an older app as soon as the first row may have the newer form', async () => {
    await startOld().look();
    await fill(2);
    const findings: TableStore = {
      ...tables.findings,
      replace: async (...args) => {
        await tables.findings.replace(...args);
        throw new Error('killed');
      },
    };
    await expect(start({ tables: { ...tables, findings } }).migrate()).rejects.toThrow('killed');

    expect(await startOld().look()).toMatchObject({ state: 'newer', version: 3 });
  });

  it('are gone through again when the newer app is back: what the older one wrote has the older form', async () => {
    await start().look();
    await startOld().look();
    await fill(2);
    time += SETTLE - 1;

    expect(await start().migrate()).toMatchObject({ state: 'behind', version: 1 });
    expect(await readAll(tables.findings)).toMatchObject([{ first: 0 }, { first: 1 }]);
    time += 1;
    expect(await start().migrate()).toMatchObject({ state: 'current' });
    expect(await readAll(tables.findings)).toEqual(migrated(2));
  });

  it('stay "behind" for as long as an older app is at work beside the newer one', async () => {
    await start().look();
    for (let round = 0; round < 4; round += 1) {
      await startOld().look();
      time += SETTLE - 1;
      expect(await start().migrate()).toMatchObject({ state: 'behind' });
    }
    time += 1;
    expect(await start().migrate()).toMatchObject({ state: 'current' });
  });
});

it('no migration can name the audit: the app may only append to it', () => {
  // @ts-expect-error There is no such table for a migration.
  const forbidden: Migration = { to: 2, change: { audit: () => undefined } };

  expect(Object.keys(forbidden.change).filter((name) => migratedTables.some((known) => known === name))).toEqual([]);
});
