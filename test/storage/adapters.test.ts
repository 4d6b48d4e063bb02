import { TableClient } from '@azure/data-tables';
import { ContainerClient } from '@azure/storage-blob';
import { QueueClient } from '@azure/storage-queue';
import { describe, expect, it } from 'vitest';
import { auditKey } from '../../src/audit/audit-log.ts';
import { createTableAuditLog } from '../../src/audit/table-audit-log.ts';
import type { Finding } from '../../src/findings/findings.ts';
import { createTableFindings } from '../../src/findings/table-findings.ts';
import { createTableSweepRecords } from '../../src/guards/sweep-record.ts';
import { createPoisonStore } from '../../src/poison/poison-store.ts';
import { parseResourceId } from '../../src/resources/resource-id.ts';
import { createTableStore, type TableStore } from '../../src/storage/table-store.ts';
import { createTableWorkItems } from '../../src/work/table-work-items.ts';
import { newWorkItem, type OpenRun } from '../../src/work/work-items.ts';
import { createWorkQueue } from '../../src/work/work-queue.ts';
import { MemoryTableStore } from '../support/memory-table-store.ts';
import { claimStorageAccount } from '../support/storage.ts';

const SUBSCRIPTION = '00000000-0000-4000-8000-000000000001';
const target = parseResourceId(
  `/subscriptions/${SUBSCRIPTION}/resourceGroups/rg1/providers/Microsoft.ContainerRegistry/registries/contosoacr`,
);
const other = parseResourceId(`${target.id}2`);
const NOBODY = 'https://localhost:9/devstoreaccount1';
const retryOptions = { maxRetries: 0 };

/** The same tests for the table in memory that most suites use and for the real protocol. */
const stores: readonly (readonly [string, (name: string) => TableStore])[] = [
  ['in memory', (name) => new MemoryTableStore(name)],
  [
    'in Azurite',
    (name) => {
      const { table, credential } = claimStorageAccount();
      return createTableStore(new TableClient(table, name, credential));
    },
  ],
];

function finding(change: Partial<Finding> = {}): Finding {
  return {
    resourceId: target.id,
    subscriptionId: SUBSCRIPTION,
    policyId: 'acr-admin-user-disabled',
    severity: 'high',
    status: 'open',
    verdict: 'violation',
    since: '2026-11-23T10:00:00.000Z',
    updated: '2026-11-23T10:00:00.000Z',
    attempts: 0,
    ...change,
  };
}

const run: OpenRun = {
  runId: '01ARZ3NDEKTSV4RRFFQ69G5FAV',
  policyId: 'acr-admin-user-disabled',
  remediationId: 'acr-disable-admin-user',
  startedAt: '2026-11-23T10:00:00.000Z',
  touches: ['/properties/adminUserEnabled'],
  before: { '/properties/adminUserEnabled': true },
  operations: [],
  resumed: 0,
};

function refuse(error: Error): void {
  throw error;
}

describe.each(stores)('a table %s', (_name, open) => {
  const key = { partitionKey: "o'clock", rowKey: 'r1' };

  it('is made by its first use, whether that reads, writes or lists', async () => {
    expect(await open('first').get(key)).toBeUndefined();
    expect(await Array.fromAsync(open('second').all())).toEqual([]);
    expect(await open('third').insert(key, { n: 1 })).toEqual(expect.any(String));
  });

  it('takes a key once, and keeps what came first', async () => {
    const table = open('once');

    expect(await table.insert(key, { text: 'first', absent: undefined })).toEqual(expect.any(String));
    expect(await table.insert(key, { text: 'second' })).toBe(false);

    expect(await table.get(key)).toMatchObject({ ...key, columns: { text: 'first' } });
  });

  it('replaces a row only while it has the version that was read', async () => {
    const table = open('versions');
    const first = await table.insert(key, { n: 1, gone: 'yes' });

    const second = await table.replace(key, { n: 2 }, String(first));

    expect(second).toEqual(expect.any(String));
    expect(await table.replace(key, { n: 3 }, String(first))).toBe(false);
    expect(await table.get(key)).toMatchObject({ etag: second, columns: { n: 2 } });
    expect((await table.get(key))?.columns).not.toHaveProperty('gone');
  });

  it('says no to replacing a row that is not there', async () => {
    const table = open('missing');
    await table.insert(key, {});

    expect(await table.replace({ ...key, rowKey: 'r2' }, {}, 'W/"1"')).toBe(false);
  });

  it('writes more rows than one transaction takes, and lists ranges in key order', async () => {
    const table = open('many');
    const rows = Array.from({ length: 120 }, (_, index) => ({
      rowKey: String(index).padStart(3, '0'),
      columns: { index },
    }));

    await table.putAll('p', rows.toReversed());
    await table.putAll('p', [{ rowKey: '007', columns: { index: 700 } }]);
    await table.putAll('q', [{ rowKey: '050', columns: {} }]);

    const listed = await Array.fromAsync(table.range('p', '005', '010'), ({ rowKey, columns }) => [
      rowKey,
      columns['index'],
    ]);
    expect(listed).toEqual([
      ['005', 5],
      ['006', 6],
      ['007', 700],
      ['008', 8],
      ['009', 9],
    ]);
    expect(await Array.fromAsync(table.range('p'))).toHaveLength(120);
    expect(await Array.fromAsync(table.all())).toHaveLength(121);
  });

  it('refuses a cell that is too long, and the same row twice in one transaction', async () => {
    const table = open('limits');

    await expect(table.insert(key, { text: 'x'.repeat(32_769) })).rejects.toMatchObject({
      code: 'STORAGE_UNAVAILABLE',
    });
    await table.insert(key, { text: 'x'.repeat(32_000) });
    await expect(
      table.putAll('p', [
        { rowKey: 'r', columns: {} },
        { rowKey: 'r', columns: {} },
      ]),
    ).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
  });

  it('holds audit rows that are written once, however often the insert is repeated', async () => {
    const audit = createTableAuditLog(open('audit'));
    const start = new Date('2026-11-23T23:59:59.900Z');
    const outcome = auditKey(start, run.runId, 'outcome');
    const record = {
      time: '2026-11-24T00:00:01.000Z',
      stage: 'outcome',
      remediationRunId: run.runId,
      outcome: 'fixed',
    } as const;

    await audit.append(outcome, record);
    await audit.append(outcome, { ...record, error: 'the repeated insert' });
    await audit.append(auditKey(start, run.runId, 'intent'), {
      time: start.toISOString(),
      stage: 'intent',
      remediationRunId: run.runId,
    });

    expect(await audit.find(outcome)).toEqual(record);
    expect(await audit.find(auditKey(start, 'other', 'outcome'))).toBeUndefined();
    await expect(audit.append(outcome, { ...record, remediationRunId: 'other' })).rejects.toMatchObject({
      code: 'INTERNAL_INVARIANT',
    });
    const after = new Date('2026-11-24T00:00:00.500Z');
    const listed = await Array.fromAsync(audit.list(after, new Date('2026-11-24T12:00:00Z'), refuse));
    expect(listed.map(({ stage, rowKey }) => [stage, rowKey])).toEqual([['outcome', outcome.rowKey]]);
  });

  it('sorts audit rows newest first', async () => {
    const audit = createTableAuditLog(open('order'));
    for (const time of [
      '2026-11-22T10:00:00.000Z',
      '2026-11-23T09:00:00.000Z',
      '2026-11-23T10:00:00.001Z',
      '2026-11-23T10:00:00.000Z',
    ]) {
      await audit.append(auditKey(new Date(time), 'id', 'decision'), { time, stage: 'decision' });
    }

    const listed = await Array.fromAsync(
      audit.list(new Date('2026-11-22T00:00:00Z'), new Date('2026-11-23T23:00:00Z'), refuse),
    );

    expect(listed.map(({ time }) => time)).toEqual([
      '2026-11-23T10:00:00.001Z',
      '2026-11-23T10:00:00.000Z',
      '2026-11-23T09:00:00.000Z',
      '2026-11-22T10:00:00.000Z',
    ]);
  });

  it('holds findings by resource and by subscription', async () => {
    const findings = createTableFindings(open('findings'));
    await findings.save(target, [
      finding(),
      finding({ policyId: 'acr-second-password-fresh', evidence: '{"lastRotated":null}' }),
    ]);
    await findings.save(other, [finding({ resourceId: other.id })]);
    await findings.save(target, [finding({ status: 'closed', closedBecause: 'compliant', verdict: 'compliant' })]);

    expect(await findings.ofResource(target)).toEqual([
      finding({ status: 'closed', closedBecause: 'compliant', verdict: 'compliant' }),
      finding({ policyId: 'acr-second-password-fresh', evidence: '{"lastRotated":null}' }),
    ]);
    expect(await Array.fromAsync(findings.ofSubscription(SUBSCRIPTION.toUpperCase(), refuse))).toHaveLength(3);
    expect(await Array.fromAsync(findings.all(refuse))).toHaveLength(3);
  });

  it('goes on without a finding that somebody has damaged, but never decides on it', async () => {
    const table = open('damaged');
    const findings = createTableFindings(table);
    await findings.save(target, [finding()]);
    await findings.save(other, [finding({ resourceId: other.id })]);
    const [row] = await Array.fromAsync(table.all());
    await table.putAll(SUBSCRIPTION, [{ rowKey: row?.rowKey ?? '', columns: { ...row?.columns, attempts: 'many' } }]);

    const refused: string[] = [];
    const listed = await Array.fromAsync(findings.all(({ message }) => refused.push(message)));

    expect(listed).toHaveLength(1);
    expect(refused).toEqual([expect.stringContaining('attempts')]);
    const damaged = row?.columns['resourceId'] === target.id ? target : other;
    await expect(findings.ofResource(damaged)).rejects.toMatchObject({ code: 'INPUT_INVALID_ROW' });
  });

  it('holds work items exactly, and finds those on which something is left to do', async () => {
    const work = createTableWorkItems(open('work'));
    const cause = {
      kind: 'event',
      id: 'e1',
      time: '2026-11-23T10:00:00.000Z',
      queuedAt: '2026-11-23T10:00:01.000Z',
      actor: { id: 'a', type: 'User' },
    } as const;
    const item = { ...newWorkItem(target.id), pending: [cause], knownCauses: ['e1'] };

    const inserted = await work.insert(target, item);
    expect(await work.insert(target, item)).toBeUndefined();
    expect(await work.get(target)).toEqual(inserted);
    const withRun = { ...newWorkItem(target.id), run, leaseOwner: 'w', leaseUntil: '2026-11-23T10:02:00.000Z' };
    const replaced = await work.replace(target, withRun, inserted?.etag ?? '');
    expect(replaced?.item).toEqual(withRun);
    expect((await work.get(target))?.item).toEqual(withRun);
    expect(await work.replace(target, item, inserted?.etag ?? '')).toBeUndefined();
    await work.insert(other, newWorkItem(other.id));

    const left = await Array.fromAsync(work.leftovers(refuse));
    expect(left.map(({ resourceId }) => resourceId)).toEqual([target.id]);
  });

  it('refuses a work row that does not hold JSON where JSON belongs', async () => {
    const table = open('broken');
    const work = createTableWorkItems(table);
    await work.insert(target, newWorkItem(target.id));
    const [row] = await Array.fromAsync(table.all());
    await table.putAll(row?.partitionKey ?? '', [
      { rowKey: row?.rowKey ?? '', columns: { ...row?.columns, pending: '[{' } },
    ]);

    await expect(work.get(target)).rejects.toMatchObject({
      code: 'INPUT_INVALID_ROW',
      message: expect.stringContaining('pending'),
    });
  });

  it('remembers the last sweep', async () => {
    const sweeps = createTableSweepRecords(open('guards'));
    const record = { startedAt: 'a', finishedAt: 'b', complete: false, resources: 3, queued: 1 };

    expect(await sweeps.last()).toBeUndefined();
    await sweeps.save({ ...record, resources: 1 });
    await sweeps.save(record);

    expect(await sweeps.last()).toEqual(record);
  });
});

describe('the work queue', () => {
  it('is made by its first message, which is base64, never expires, and stays hidden as long as it should', async () => {
    const { queue, credential } = claimStorageAccount();
    const client = new QueueClient(`${queue}/work`, credential);
    const work = createWorkQueue(client);

    await work.send('now', 0);
    await work.send('later', 59_001);

    const { receivedMessageItems } = await client.receiveMessages({ numberOfMessages: 10 });
    expect(receivedMessageItems.map(({ messageText }) => Buffer.from(messageText, 'base64').toString())).toEqual([
      'now',
    ]);
    const [message] = receivedMessageItems;
    expect(message?.expiresOn.getFullYear()).toBeGreaterThan(9000);
    expect((await client.getProperties()).approximateMessagesCount).toBe(2);
  });
});

describe('poison messages', () => {
  it('are kept whole, once, in a container that the first one makes', async () => {
    const { blob, credential } = claimStorageAccount();
    const container = new ContainerClient(`${blob}/poison`, credential);
    const store = createPoisonStore(container);
    const body = `{"odd":"${'ä'.repeat(40_000)}"}`;

    expect(await store.save('work', 'id', body)).toBe('work/id');
    await store.save('work', 'id', body);

    const names = await Array.fromAsync(container.listBlobsFlat(), ({ name }) => name);
    expect(names).toEqual(['work/id']);
    expect((await container.getBlobClient('work/id').downloadToBuffer()).toString()).toBe(body);
  });
});

describe('storage that does not answer', () => {
  const { credential } = claimStorageAccount();

  it('is one error, whatever was asked', async () => {
    const table = createTableStore(new TableClient(NOBODY, 'audit', credential, { retryOptions }));
    const queue = createWorkQueue(new QueueClient(`${NOBODY}/work`, credential, { retryOptions: { maxTries: 1 } }));
    const poison = createPoisonStore(
      new ContainerClient(`${NOBODY}/poison`, credential, { retryOptions: { maxTries: 1 } }),
    );
    const key = { partitionKey: 'p', rowKey: 'r' };

    for (const attempt of [
      async () => await table.get(key),
      async () => await table.insert(key, {}),
      async () => await table.replace(key, {}, 'W/"1"'),
      async () => {
        await table.putAll('p', [{ rowKey: 'r', columns: {} }]);
      },
      async () => await Array.fromAsync(table.all()),
      async () => {
        await queue.send('x', 0);
      },
      async () => await poison.save('work', 'id', 'x'),
    ]) {
      await expect(attempt()).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
    }
  });
});
