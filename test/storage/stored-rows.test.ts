import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { createTableAuditLog } from '../../src/audit/table-audit-log.ts';
import { createTableAlerts } from '../../src/defender/table-alerts.ts';
import { createTableFindings } from '../../src/findings/table-findings.ts';
import { createTableApprovals } from '../../src/guards/approvals.ts';
import { createTableSweepRecords } from '../../src/guards/sweep-record.ts';
import { createTableBreakers } from '../../src/guards/table-breakers.ts';
import { createTableTicketRates } from '../../src/guards/ticket-rates.ts';
import { createTableNodeHistory } from '../../src/nodes/table-node-history.ts';
import { parseResourceId } from '../../src/resources/resource-id.ts';
import { migratedTables } from '../../src/storage/migrations.ts';
import { createSchema, migrations, SCHEMA_VERSION } from '../../src/storage/schema.ts';
import { createTableTickets } from '../../src/tickets/table-tickets.ts';
import { createTableWorkItems } from '../../src/work/table-work-items.ts';
import { projectRoot } from '../architecture/sources.ts';
import { MemoryTableStore } from '../support/memory-table-store.ts';

/**
 * Rows as an app of each schema has written them, every column in use. They are never edited: tables in Azure are full of their like. Of a new
 * schema the rows are those of the one before, migrated.
 */
const ADVICE =
  'Rows that are stored in Azure cannot be read any more, or would be written in another form: raise SCHEMA_VERSION, write a migration (src/storage/schema.ts, docs/upgrading.md), and add test/fixtures/rows/schema-<n>.json';

const tableNames = ['audit', ...migratedTables] as const;
const StoredRows = z.record(
  z.enum(tableNames),
  z
    .array(z.object({ partitionKey: z.string(), rowKey: z.string(), columns: z.record(z.string(), z.unknown()) }))
    .min(1),
);
type StoredRows = z.infer<typeof StoredRows>;
type Table = keyof StoredRows;
type Row = StoredRows[Table][number];

const path = (version: number) => join(projectRoot, 'test/fixtures/rows', `schema-${version}.json`);

function readRows(version: number): StoredRows {
  return StoredRows.parse(JSON.parse(readFileSync(path(version), 'utf8')));
}

const stored = readRows(SCHEMA_VERSION);

async function fill(rows: StoredRows): Promise<Readonly<Record<Table, MemoryTableStore>>> {
  const tables = {
    audit: new MemoryTableStore('audit'),
    findings: new MemoryTableStore('findings'),
    work: new MemoryTableStore('work'),
    tickets: new MemoryTableStore('tickets'),
    alerts: new MemoryTableStore('alerts'),
    nodes: new MemoryTableStore('nodes'),
    guards: new MemoryTableStore('guards'),
  };
  for (const name of tableNames) for (const { columns, ...key } of rows[name]) await tables[name].insert(key, columns);
  return tables;
}

function readCell(value: unknown): unknown {
  return typeof value === 'string' && /^[[{]/.test(value) ? JSON.parse(value) : value;
}

function columnsOf(name: Table): ReadonlySet<string> {
  return new Set(stored[name].flatMap(({ columns }) => Object.keys(columns)));
}

/** Rows by key, JSON in them as what it says: the order of its members is no matter. */
function shown(rows: readonly Row[]) {
  return Object.fromEntries(
    rows.map(({ partitionKey, rowKey, columns }) => [
      `${partitionKey}/${rowKey}`,
      Object.fromEntries(Object.entries(columns).map(([name, value]) => [name, readCell(value)])),
    ]),
  );
}

/** Empty when it is as it was stored; otherwise what is to be done, and both. */
function adviseOn(now: unknown, before: unknown): string {
  return isDeepStrictEqual(now, before)
    ? ''
    : `${ADVICE}\nbefore: ${JSON.stringify(before)}\nnow: ${JSON.stringify(now)}`;
}

function refuse(error: Error): never {
  throw new Error(`${ADVICE}: ${error.message}`, { cause: error });
}

function textOf(row: Row | undefined, column: string): string {
  const value = row?.columns[column];
  if (typeof value !== 'string') throw new Error(`the stored row has no ${column}`);
  return value;
}

const resource = parseResourceId(textOf(stored.work[0], 'resourceId'));
const cluster = parseResourceId(textOf(stored.tickets[0], 'resourceId'));
type Tables = Awaited<ReturnType<typeof fill>>;

/** Reads what is stored, and stores it again where nothing is yet, or over itself. Returns where. */
const passages: Readonly<Record<Exclude<Table, 'guards'>, (tables: Tables) => Promise<MemoryTableStore>>> = {
  async audit({ audit }) {
    const target = new MemoryTableStore('audit');
    for (const { partitionKey, rowKey } of stored.audit) {
      const record = await createTableAuditLog(audit).find({ partitionKey, rowKey });
      if (record !== undefined) await createTableAuditLog(target).append({ partitionKey, rowKey }, record);
    }
    return target;
  },
  async findings({ findings }) {
    const target = new MemoryTableStore('findings');
    const all = await createTableFindings(findings).ofResource(resource);
    await createTableFindings(target).save(
      resource,
      all.map(({ item }) => ({ item })),
    );
    return target;
  },
  async work({ work }) {
    const target = new MemoryTableStore('work');
    const found = await createTableWorkItems(work).get(resource);
    if (found !== undefined) await createTableWorkItems(target).insert(resource, found.item);
    return target;
  },
  async tickets({ tickets }) {
    const target = new MemoryTableStore('tickets');
    for (const { rowKey } of stored.tickets) {
      const found = await createTableTickets(tickets).get(rowKey);
      if (found !== undefined) await createTableTickets(target).insert(found.ticket);
    }
    return target;
  },
  async alerts({ alerts }) {
    const target = new MemoryTableStore('alerts');
    for (const alert of await createTableAlerts(alerts).ofResource(resource, refuse))
      await createTableAlerts(target).save(resource, alert, async () => await Promise.resolve());
    return target;
  },
  async nodes({ nodes }) {
    const target = new MemoryTableStore('nodes');
    const history = await createTableNodeHistory(nodes).load(cluster, refuse);
    if (history.inspection !== undefined)
      await createTableNodeHistory(target).save(cluster, history.inspection, [...history.nodes.values()], new Map());
    return target;
  },
};

const passed = ['audit', 'findings', 'work', 'tickets', 'alerts', 'nodes'] as const;

describe(`rows of schema ${SCHEMA_VERSION}`, () => {
  test.each(passed)('of table %s are read and written as they are', async (name) => {
    const target = await passages[name](await fill(stored)).catch(refuse);

    expect(adviseOn(shown(target.rows), shown(stored[name]))).toBe('');
  });

  test('of table guards are read as they are', async () => {
    const { guards, ...others } = await fill(stored);
    const approval = stored.guards.find(({ partitionKey }) => partitionKey === 'approval');
    const rates = stored.guards.find(({ partitionKey }) => partitionKey === 'tickets');
    const hour = new Date(textOf(rates, 'hour'));

    const sweep = stored.guards.find(({ partitionKey }) => partitionKey === 'sweep');
    expect(adviseOn(await createTableSweepRecords(guards).last(), sweep?.columns)).toBe('');
    const found = await createTableApprovals(guards).get(resource, textOf(approval, 'policyId'));
    expect(adviseOn(found?.approval, approval?.columns)).toBe('');
    // One create is stored, and 20 are allowed: the row counts.
    const counts = createTableTicketRates(guards);
    for (let create = 1; create < 20; create += 1) expect(await counts.admit('github', 'create', hour)).toBeUndefined();
    expect(await counts.admit('github', 'create', hour)).toBeInstanceOf(Date);
    const state = await createSchema({
      tables: { guards, ...others },
      now: () => hour,
      owner: 'test',
    }).look();
    expect(state).toMatchObject({ state: 'current' });
  });

  test('of breakers are read and written as they are', async () => {
    const { guards } = await fill(stored);
    const breakers = createTableBreakers(guards);
    const before = stored.guards.filter(({ partitionKey }) => partitionKey === 'breaker');

    const at = new Date('2026-05-24T10:07:00Z');
    const listed = await Array.fromAsync(breakers.list(at, refuse));
    expect(listed).toMatchObject([
      { guard: 'remediation/acr-disable-admin-user', admitted: 1, booked: 1, fleet: 12, trip: { kind: 'cap' } },
      { admitted: 1, booked: 1, trip: { kind: 'cap' } },
    ]);
    for (const { guard, trip } of listed) if (trip !== undefined) await breakers.announced({ guard, ...trip });
    const announced = before.map(({ columns, ...key }) => ({
      ...key,
      columns: {
        ...columns,
        trip: textOf({ ...key, columns }, 'trip').replace('"announced":false', '"announced":true'),
      },
    }));
    const rows = guards.rows.filter(({ partitionKey }) => partitionKey === 'breaker');
    expect(adviseOn(shown(rows), shown(announced))).toBe('');
  });

  test('hold every column that there was when they were written, and are not trimmed', () => {
    expect(Object.fromEntries(tableNames.map((name) => [name, columnsOf(name).size]))).toEqual({
      audit: 39,
      findings: 36,
      work: 15,
      tickets: 50,
      alerts: 15,
      nodes: 17,
      guards: 26,
    });
  });
});

test.each(Array.from({ length: SCHEMA_VERSION - 1 }, (_, index) => index + 1))(
  'rows of schema %i become those of the next by its migration',
  (version) => {
    const step = migrations.find(({ to }) => to === version + 1);
    const before = readRows(version);

    const migrated = migratedTables.map((name) => [
      name,
      before[name].map((row) => ({ ...row, columns: step?.change[name]?.({ ...row, etag: '' }) ?? row.columns })),
    ]);
    expect({ audit: before.audit, ...Object.fromEntries(migrated) }).toEqual(readRows(version + 1));
  },
);

test('there is a file of rows for every schema, and a migration to each but the first', () => {
  const versions = Array.from({ length: SCHEMA_VERSION }, (_, index) => index + 1);

  expect(versions.filter((version) => !existsSync(path(version)))).toEqual([]);
  expect(migrations.map(({ to }) => to)).toEqual(versions.slice(1));
  expect(existsSync(path(SCHEMA_VERSION + 1))).toBe(false);
});
