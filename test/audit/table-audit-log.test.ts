import { TableClient } from '@azure/data-tables';
import { describe, expect, it } from 'vitest';
import { type AuditRecord, auditKey, findAuditKey } from '../../src/audit/audit-log.ts';
import { createTableAuditLog } from '../../src/audit/table-audit-log.ts';
import { createTableStore, type TableStore } from '../../src/storage/table-store.ts';
import { MemoryTableStore } from '../support/memory-table-store.ts';
import { claimStorageAccount } from '../support/storage.ts';

const { table: endpoint, credential } = claimStorageAccount();
let tables = 0;
const stores: Readonly<Record<string, () => TableStore>> = {
  'in memory': () => new MemoryTableStore('audit'),
  'in Azurite': () => {
    tables += 1;
    return createTableStore(new TableClient(endpoint, `audit${tables}`, credential));
  },
};

const START = new Date('2026-11-23T10:00:00.000Z');
const INTENT: AuditRecord = {
  time: START.toISOString(),
  stage: 'intent',
  remediationRunId: 'run-1',
  decision: 'fix',
  before: '{"/properties/adminUserEnabled":true}',
};

function rowAt(time: string, id: string): [ReturnType<typeof auditKey>, AuditRecord] {
  return [auditKey(new Date(time), id, 'decision'), { time, stage: 'decision', causeId: id }];
}

const noInvalid = (error: Error): never => {
  throw error;
};

describe('the key of an audit row', () => {
  it('is told by the row key', () => {
    for (const id of ['01KB0000000000000000000000', '01KB0000000000000000000000-asked', 'breaker-cap-remediation-x']) {
      const key = auditKey(new Date('2026-11-23T23:59:59.999Z'), id, 'operator');
      expect(findAuditKey(key.rowKey)).toEqual(key);
    }
    for (const text of ['', 'nonsense', '01KB0000000000000000000000', '2516000000000000000__x', 'x'.repeat(500)])
      expect(findAuditKey(text)).toBeUndefined();
  });

  it('is the day and the inverted ticks of the start, so that the newest row comes first', () => {
    const key = auditKey(START, 'run-1', 'outcome');

    // .NET: DateTime.MaxValue.Ticks - new DateTime(2026, 11, 23, 10, 0, 0, DateTimeKind.Utc).Ticks
    expect(key).toEqual({ partitionKey: '2026-11-23', rowKey: '2516068727999999999_run-1_outcome' });
  });

  it.each([
    ['2026-11-23T10:00:00.000Z', '2026-11-23T10:00:00.001Z'],
    ['2026-11-23T00:00:00.000Z', '2026-11-23T23:59:59.999Z'],
    ['1970-01-01T00:00:00.000Z', '9999-12-31T23:59:59.999Z'],
  ])('of %s comes after that of %s, in 19 digits', (earlier, later) => {
    const [first, second] = [earlier, later].map((time) => auditKey(new Date(time), 'x', 'intent').rowKey);

    expect(String(second) < String(first)).toBe(true);
    expect(first).toMatch(/^\d{19}_/);
    expect(second).toMatch(/^\d{19}_/);
  });
});

describe.each(Object.entries(stores))('the audit %s', (_name, create) => {
  it('gives back a row as it was written, and nothing for a row that was not', async () => {
    const audit = createTableAuditLog(create());
    const key = auditKey(START, 'run-1', 'intent');

    await audit.append(key, INTENT);

    expect(await audit.find(key)).toEqual(INTENT);
    expect(await audit.find(auditKey(START, 'run-1', 'outcome'))).toBeUndefined();
  });

  it('takes the same row twice and keeps what it has', async () => {
    const audit = createTableAuditLog(create());
    const key = auditKey(START, 'run-1', 'intent');
    await audit.append(key, INTENT);

    await audit.append(key, { ...INTENT, decision: 'other' });

    expect(await audit.find(key)).toEqual(INTENT);
  });

  it.each([{ remediationRunId: 'run-2' }, { stage: 'outcome' as const }])(
    'refuses a row in the place of another one: %j',
    async (change) => {
      const audit = createTableAuditLog(create());
      const key = auditKey(START, 'run-1', 'intent');
      await audit.append(key, INTENT);

      await expect(audit.append(key, { ...INTENT, ...change })).rejects.toMatchObject({ code: 'INTERNAL_INVARIANT' });
      expect(await audit.find(key)).toEqual(INTENT);
    },
  );

  it('lists the rows of a span, the newest first, over days', async () => {
    const audit = createTableAuditLog(create());
    const times = [
      '2026-11-21T23:00:00.000Z',
      '2026-11-22T00:00:00.000Z',
      '2026-11-22T12:00:00.000Z',
      '2026-11-23T09:00:00.000Z',
      '2026-11-23T11:00:00.000Z',
    ];
    for (const [index, time] of times.entries()) await audit.append(...rowAt(time, String(index)));

    const listed = await Array.fromAsync(
      audit.list(new Date('2026-11-22T00:00:00.000Z'), new Date('2026-11-23T10:00:00.000Z'), noInvalid),
      ({ causeId }) => causeId,
    );

    expect(listed).toEqual(['3', '2', '1']);
  });

  it('lists a row of today whose run began yesterday', async () => {
    const audit = createTableAuditLog(create());
    const key = auditKey(new Date('2026-11-22T23:59:00.000Z'), 'run-9', 'outcome');
    await audit.append(key, {
      time: '2026-11-23T00:01:00.000Z',
      stage: 'outcome',
      remediationRunId: 'run-9',
      outcome: 'fixed',
    });

    const listed = await Array.fromAsync(audit.list(new Date('2026-11-23T00:00:00.000Z'), START, noInvalid));

    expect(listed).toMatchObject([{ ...key, remediationRunId: 'run-9' }]);
  });

  it('goes on without a row that somebody has damaged, and reports it', async () => {
    const table = create();
    const audit = createTableAuditLog(table);
    await audit.append(...rowAt('2026-11-23T09:00:00.000Z', 'good'));
    const { rowKey, partitionKey } = auditKey(START, 'bad', 'decision');
    await table.putAll(partitionKey, [{ rowKey, columns: { time: 'x', stage: 'no such stage' } }]);
    const reported: string[] = [];

    const listed = await Array.fromAsync(
      audit.list(new Date('2026-11-23T00:00:00.000Z'), START, ({ message }) => reported.push(message)),
    );

    expect(listed.map(({ causeId }) => causeId)).toEqual(['good']);
    expect(reported).toEqual([expect.stringContaining('check stage')]);
  });
});
