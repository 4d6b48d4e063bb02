import { TableClient } from '@azure/data-tables';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type AuditStage, auditKey } from '../../src/audit/audit-log.ts';
import { createTableAuditLog } from '../../src/audit/table-audit-log.ts';
import type { Finding } from '../../src/findings/findings.ts';
import { createTableFindings } from '../../src/findings/table-findings.ts';
import { parseResourceId } from '../../src/resources/resource-id.ts';
import { SCHEMA_VERSION } from '../../src/storage/schema.ts';
import { createTableStore, type PrunableTableStore } from '../../src/storage/table-store.ts';
import { createTableTickets } from '../../src/tickets/table-tickets.ts';
import type { Ticket } from '../../src/tickets/ticket.ts';
import { createTableWorkItems } from '../../src/work/table-work-items.ts';
import { newWorkItem } from '../../src/work/work-items.ts';
import { listImports } from '../architecture/layers.ts';
import { readSources } from '../architecture/sources.ts';
import { type ReviewApp, startReviewApp } from '../support/review-app.ts';
import { createLocalRun } from './local-run.ts';

const DAY = 86_400_000;
const SUBSCRIPTION = '11111111-2222-3333-4444-555555555555';
const GROUP = `/subscriptions/${SUBSCRIPTION}/resourceGroups/rg-1/providers/Microsoft.ContainerRegistry/registries`;
const POLICY = 'acr-admin-user-disabled';

let app: ReviewApp;
const localRun = createLocalRun(() => app);

beforeAll(async () => {
  app = await startReviewApp();
});
afterAll(async () => {
  await app.stop();
  await localRun.remove();
});
beforeEach(async () => {
  await app.reset();
  await localRun.renew();
});
afterEach(() => {
  vi.unstubAllEnvs();
});

function table(name: string): PrunableTableStore {
  const { credential, table: endpoint } = app.storage();
  return createTableStore(new TableClient(endpoint, name, credential));
}

function daysAgo(days: number): string {
  return new Date(Date.now() - days * DAY).toISOString();
}

async function prune(...args: readonly string[]) {
  return await localRun.run(['prune', ...args], { work: async () => await Promise.resolve() });
}

async function keysOf(name: string): Promise<readonly string[]> {
  return (await Array.fromAsync(table(name).all())).map(({ partitionKey, rowKey }) => `${partitionKey} ${rowKey}`);
}

/** Rows that this test wrote, without the one by which the command tells of itself. */
async function idsInAudit(): Promise<readonly string[]> {
  const rows = await Array.fromAsync(table('audit').all());
  return rows
    .filter(({ columns }) => columns['reason'] !== 'pruned')
    .map(({ columns }) => String(columns['causeId']))
    .toSorted();
}

async function addRow(days: number, id: string, stage: AuditStage, runId?: string): Promise<void> {
  const start = new Date(Date.now() - days * DAY);
  await createTableAuditLog(table('audit')).append(auditKey(start, id, stage), {
    time: start.toISOString(),
    stage,
    causeId: id,
    ...(runId !== undefined && { remediationRunId: runId }),
  });
}

/** A run that is under way since so many days, as its row of work says. */
async function addOpenRun(name: string, runId: string, days = 500): Promise<void> {
  const resource = parseResourceId(`${GROUP}/${name}`);
  await createTableWorkItems(table('work')).insert(resource, {
    ...newWorkItem(resource.id),
    run: {
      runId,
      policyId: POLICY,
      remediationId: 'acr-disable-admin-user',
      startedAt: daysAgo(days),
      touches: [],
      before: {},
      operations: [],
      resumed: 0,
    },
  });
}

describe('prune --table audit', () => {
  beforeEach(async () => {
    await addRow(500, 'very-old', 'decision');
    await addRow(401.5, 'old', 'decision');
    await addRow(401.5, 'old-2', 'intent', 'RUN-DONE');
    await addRow(401.5, 'old-3', 'outcome', 'RUN-DONE');
    await addRow(399, 'young', 'decision');
    await addRow(0, 'today', 'decision');
  });

  it('counts by day what would go, and removes nothing without --yes', async () => {
    const { exitCode, out, errors } = await prune('--table', 'audit', '--keep', '400d');

    expect(exitCode).toBe(0);
    expect(out).toMatch(/DAY +WOULD GO +KEPT/);
    expect(out).toMatch(new RegExp(`${daysAgo(500).slice(0, 10)} +1 +0\n.*${daysAgo(401.5).slice(0, 10)} +3 +0`));
    expect(errors).toContain('4 rows would go: nothing was removed, add --yes for that');
    expect((await idsInAudit()).length).toBe(6);
    expect(await keysOf('audit')).toHaveLength(6);
  });

  it('removes whole days with --yes, and puts on record first that it does', async () => {
    const { exitCode, out, errors } = await prune('--table', 'audit', '--keep', '400d', '--yes', '--format', 'json');

    expect(exitCode).toBe(0);
    expect(JSON.parse(out)).toEqual([
      { part: daysAgo(500).slice(0, 10), rows: 1, kept: 0 },
      { part: daysAgo(401.5).slice(0, 10), rows: 3, kept: 0 },
    ]);
    expect(errors).toContain('4 rows are removed');
    expect(await idsInAudit()).toEqual(['today', 'young']);
    const rows = await Array.fromAsync(table('audit').all());
    expect(rows.map(({ columns }) => columns)).toContainEqual(
      expect.objectContaining({ stage: 'operator', reason: 'pruned', error: expect.stringContaining('table audit') }),
    );
    expect((await prune('--table', 'audit', '--keep', '400d', '--yes', '--format', 'json')).out).toBe('[]');
  });

  it('keeps what is left of a day when not all of it is old', async () => {
    const { out } = await prune('--table', 'audit', '--keep', '399d', '--format', 'json');

    expect(JSON.parse(out)).toHaveLength(2);
  });

  it('keeps every row of a run that is not over, and of one without an outcome', async () => {
    await addRow(450, 'intent-open', 'intent', 'RUN-OPEN');
    await addRow(450, 'outcome-open', 'outcome', 'RUN-OPEN');
    await addRow(450, 'intent-lost', 'intent', 'RUN-LOST');
    await addRow(450, 'decision', 'decision');
    await addOpenRun('contosoacr', 'RUN-OPEN');

    const { out } = await prune('--table', 'audit', '--keep', '400d', '--yes', '--format', 'json');

    expect(JSON.parse(out)).toContainEqual({ part: daysAgo(450).slice(0, 10), rows: 1, kept: 3 });
    expect(await idsInAudit()).toEqual(['intent-lost', 'intent-open', 'outcome-open', 'today', 'young']);
  });

  it('leaves partitions alone that are no days, and names them', async () => {
    await table('audit').insert({ partitionKey: "1'day", rowKey: 'x' }, { causeId: 'theirs' });

    const { errors } = await prune('--table', 'audit', '--keep', '400d', '--yes');

    expect(errors).toContain("partition 1'day of table audit is no day");
    expect(await idsInAudit()).toContain('theirs');
  });

  it('removes days with many rows, and tells how far it is', async () => {
    const rows = Array.from({ length: 10_050 }, (_, index) => ({
      rowKey: `row-${index}`,
      columns: { stage: 'input' },
    }));
    await table('audit').putAll('2020-01-01', rows);

    const { errors } = await prune('--table', 'audit', '--keep', '400d', '--yes');

    expect(errors).toContain('10000 rows are removed; at 2020-01-01');
    expect(errors).toContain('10054 rows are removed');
    expect((await idsInAudit()).length).toBe(2);
  });

  it('removes nothing while it cannot be known which runs are open', async () => {
    await table('work').insert({ partitionKey: 'ab', rowKey: 'cd' }, { run: 'damaged', pending: '[]' });

    const { exitCode, errors } = await prune('--table', 'audit', '--keep', '400d', '--yes');

    expect(exitCode).toBe(1);
    expect(errors).toContain('it is not known which runs are open: nothing was removed');
    expect(await keysOf('audit')).toHaveLength(6);
  });
});

describe('prune removes nothing', () => {
  const schema = { partitionKey: 'schema', rowKey: 'current' };

  it.each([
    ['where a newer version has written the tables', SCHEMA_VERSION + 1, 'of a newer version of Dockwarden'],
    ['where the version of the tables cannot be read', 'x', 'row schema/current cannot be read'],
  ])('%s', async (_where, version, problem) => {
    await table('guards').insert(schema, { version, createdAt: daysAgo(1) });
    await addRow(401, 'old', 'notice');

    for (const name of ['audit', 'findings', 'tickets']) {
      const { exitCode, errors } = await prune('--table', name, '--keep', '400d', '--yes');
      expect(exitCode).toBe(1);
      expect(errors).toContain(problem);
    }
    expect(await keysOf('audit')).toHaveLength(1);
  });

  it('but what is old where this version has written the tables', async () => {
    await table('guards').insert(schema, { version: SCHEMA_VERSION, createdAt: daysAgo(1) });
    await addRow(401, 'old', 'notice');

    expect(await prune('--table', 'audit', '--keep', '400d', '--yes')).toMatchObject({ exitCode: 0 });
    expect(await idsInAudit()).toEqual([]);
  });
});

async function namesInFindings(): Promise<readonly string[]> {
  const rows = await Array.fromAsync(table('findings').all());
  return rows.map(({ columns }) => String(columns['resourceId']).split('/').at(-1) ?? '').toSorted();
}

describe('prune --table findings', () => {
  const old = daysAgo(401);

  async function add(name: string, change: Partial<Finding> = {}): Promise<void> {
    const resource = parseResourceId(`${GROUP}/${name}`);
    const item: Finding = {
      resourceId: resource.id,
      subscriptionId: SUBSCRIPTION,
      policyId: POLICY,
      severity: 'high',
      status: 'closed',
      closedBecause: 'compliant',
      verdict: 'compliant',
      since: old,
      updated: old,
      attempts: 0,
      ...change,
    };
    await createTableFindings(table('findings')).save(resource, [{ item }]);
  }

  it('removes those that are over and old, and none that anything still goes by', async () => {
    const later = new Date(Date.now() + DAY).toISOString();
    const exemption = { source: 'resource', reason: 'x', ticket: 'T-1', seenAt: old, renewals: 0 } as const;
    await add('compliantold');
    await add('goneold', { closedBecause: 'gone' });
    await add('exemptionover', { exemption: { ...exemption, expires: old } });
    await add('young', { updated: daysAgo(399) });
    await add('open', { status: 'open', verdict: 'violation' });
    await add('policyoff', { closedBecause: 'policy-off' });
    await add('notapplicable', { closedBecause: 'not-applicable' });
    await add('hastickets', { ticketParts: [''] });
    await add('undone', { undoneUntil: later });
    await add('quarantined', { quarantinedUntil: later });
    await add('probation', { quarantinedUntil: daysAgo(399) });
    await add('warover', { quarantinedUntil: old });
    await add('exempt', { exemption: { ...exemption, expires: later } });
    await add('running');
    await addOpenRun('running', 'RUN-OPEN');
    const stay = [
      'exempt',
      'hastickets',
      'notapplicable',
      'open',
      'policyoff',
      'probation',
      'quarantined',
      'running',
      'undone',
      'young',
    ];

    const counted = await prune('--table', 'findings', '--keep', '400d', '--format', 'json');
    expect(JSON.parse(counted.out)).toEqual([{ part: SUBSCRIPTION, rows: 4, kept: 6 }]);
    expect(await namesInFindings()).toHaveLength(14);
    const { exitCode, out } = await prune('--table', 'findings', '--keep', '400d', '--yes', '--format', 'json');

    expect(exitCode).toBe(0);
    expect(JSON.parse(out)).toEqual([{ part: SUBSCRIPTION, rows: 4, kept: 6 }]);
    expect(await namesInFindings()).toEqual(stay);
  });

  it('leaves a row out that cannot be read, and names it', async () => {
    await add('compliantold');
    await table('findings').insert({ partitionKey: 'a', rowKey: 'b' }, { status: 7 });

    const { errors } = await prune('--table', 'findings', '--keep', '400d', '--yes');

    expect(errors).toContain('left out: row a/b cannot be read');
    expect(await keysOf('findings')).toEqual(['a b']);
  });

  it('looks through more rows than one list holds', async () => {
    await add('compliantold');
    const [row] = await Array.fromAsync(table('findings').all());
    const rows = Array.from({ length: 5100 }, (_, index) => ({
      rowKey: `it's ${index}`,
      columns: { ...row?.columns },
    }));
    await table('findings').putAll("p'1", rows);

    const { errors } = await prune('--table', 'findings', '--keep', '400d');

    expect(errors).toContain('5000 rows are looked at');
    expect(errors).toContain('5101 rows would go');
  });
});

describe('prune --table tickets', () => {
  const old = daysAgo(401);

  async function add(key: string, change: Partial<Ticket> = {}): Promise<void> {
    await createTableTickets(table('tickets')).insert({
      key,
      state: 'resolved',
      generation: 1,
      sequence: 2,
      appliedSequence: 2,
      policyId: POLICY,
      resourceId: `${GROUP}/contosoacr`,
      discriminator: '',
      title: 'A ticket',
      severity: 'high',
      strength: 1,
      reason: 'ticket-only',
      evidence: '{}',
      evidenceHash: '',
      items: [],
      itemCount: 0,
      firstSeenAt: old,
      lastSeenAt: old,
      occurrences: 1,
      attempts: 0,
      humanReopens: 0,
      resolvedAt: old,
      ...change,
    });
  }

  it('removes those that are over, old, and closed in the ticket system, too', async () => {
    await add('dw-01resolved');
    await add('dw-02obsolete', { state: 'obsolete' });
    await add('dw-03closedthere', { remoteId: '1', remoteState: 'closed' });
    await add('dw-04nevertold', { appliedSequence: 0 });
    await add('dw-05young', { resolvedAt: daysAgo(399) });
    await add('dw-06open', { state: 'open' });
    await add('dw-07pending', { state: 'pending' });
    await add('dw-08suppressed', { state: 'suppressed' });
    await add('dw-09openthere', { remoteId: '1', remoteState: 'open' });
    await add('dw-10nottold', { remoteId: '1', remoteState: 'closed', appliedSequence: 1 });
    await add('dw-11seenagain', { seenAgainAt: daysAgo(1) });
    await add('dw-12leased', { leaseOwner: 'worker' });

    const { exitCode, out } = await prune('--table', 'tickets', '--keep', '400d', '--yes', '--format', 'json');

    expect(exitCode).toBe(0);
    expect(JSON.parse(out)).toEqual([{ part: POLICY, rows: 4, kept: 4 }]);
    expect((await keysOf('tickets')).map((key) => key.slice(3, 8)).toSorted()).toEqual(
      ['05', '06', '07', '08', '09', '10', '11', '12'].map((number) => `dw-${number}`),
    );
  });
});

describe('the command line of prune', () => {
  it.each([
    [['--table', 'audit', '--keep', '29d'], 'from 30d to 36500d'],
    [['--table', 'audit', '--keep', '400'], 'for example 400d'],
    [['--table', 'audit', '--keep', '-400d'], 'for example 400d'],
    [['--table', 'audit', '--keep', '1y'], 'for example 400d'],
    [['--table', 'work', '--keep', '400d'], 'Allowed choices are audit, findings, tickets'],
    [['--table', 'audit'], "required option '--keep <days>' not specified"],
    [['--keep', '400d'], "required option '--table <table>' not specified"],
  ])('%j is wrong usage', async (args, message) => {
    const { exitCode, errors } = await prune(...args);

    expect(exitCode).toBe(2);
    expect(errors).toContain(message);
  });

  it('fails without storage, and says what to give', async () => {
    await localRun.remove();
    const { exitCode, errors } = await prune('--table', 'audit', '--keep', '400d');

    expect(exitCode).toBe(1);
    expect(errors).toContain('no storage to read');
  });
});

// @ts-expect-error The store of the audit is one that cannot remove.
export type NoSuchMember = Parameters<typeof createTableAuditLog>[0]['removeAll'];

describe('what is deployed', () => {
  it('cannot delete from the audit, by type', () => {
    expect(Object.keys(createTableAuditLog(table('audit'))).toSorted()).toEqual(['append', 'find', 'list']);
  });

  it('holds nothing of the command line', () => {
    const sources = readSources('src');
    const reached = new Set(['src/main.ts']);
    for (const file of reached) {
      for (const { specifier } of listImports({ [file]: sources[file] ?? '' })) {
        const target = new URL(specifier, `file:///${file}`).pathname.slice(1);
        if (specifier.startsWith('.') && target.startsWith('src/')) reached.add(target);
      }
    }

    expect(reached.size).toBeGreaterThan(100);
    expect([...reached].filter((file) => file.startsWith('src/cli/'))).toEqual([]);
  });
});
