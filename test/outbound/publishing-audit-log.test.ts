import { beforeEach, describe, expect, test } from 'vitest';
import type { AuditRecord } from '../../src/audit/audit-log.ts';
import { createTableAuditLog } from '../../src/audit/table-audit-log.ts';
import { DockwardenError, isDockwardenError } from '../../src/errors.ts';
import { parseOutboundMessage } from '../../src/events/outbound-message.ts';
import { createPublishingAuditLog } from '../../src/outbound/publishing-audit-log.ts';
import { MemoryTableStore } from '../support/memory-table-store.ts';
import { KEY, otherRecord, outcomeRecord } from './audit-rows.ts';

/** What happened, in order. */
let steps: string[];
let sent: { readonly text: string; readonly delayMs: number }[];
let isQueueDown: boolean;
let table: MemoryTableStore;
beforeEach(() => {
  steps = [];
  sent = [];
  isQueueDown = false;
  table = new MemoryTableStore('audit');
});

function open() {
  const log = createTableAuditLog(table);
  return createPublishingAuditLog(
    {
      ...log,
      async append(key, record) {
        const isNew = await log.append(key, record);
        steps.push('row');
        return isNew;
      },
    },
    {
      async send(text, delayMs) {
        if (isQueueDown) throw new DockwardenError('STORAGE_UNAVAILABLE', 'queue events cannot be used');
        sent.push({ text, delayMs });
        steps.push('message');
        await Promise.resolve();
      },
    },
  );
}

describe('an audit that is published', () => {
  test('sends a message before the row that it is about', async () => {
    await open().append(KEY, outcomeRecord());

    expect(steps).toEqual(['message', 'row']);
    expect(parseOutboundMessage(sent[0]?.text)).toEqual({ ...KEY, since: '2026-11-23T10:00:00.000Z', attempt: 0 });
    expect(sent[0]?.delayMs).toBe(2000);
  });

  test.each<AuditRecord>([otherRecord({ stage: 'input' }), outcomeRecord({ outcome: 'retry' })])(
    'sends none for a row that is no event',
    async (record) => {
      isQueueDown = true;

      await open().append(KEY, record);

      expect(steps).toEqual(['row']);
    },
  );

  test('writes no row while no message can be sent, as if the table were out of reach', async () => {
    isQueueDown = true;

    const error: unknown = await open()
      .append(KEY, outcomeRecord())
      .catch((thrown: unknown) => thrown);

    expect(isDockwardenError(error, 'STORAGE_UNAVAILABLE')).toBe(true);
    expect(table.rows).toEqual([]);
  });

  test('sends again with a row that is written again: it is the same event', async () => {
    const log = open();
    await log.append(KEY, outcomeRecord());
    await log.append(KEY, outcomeRecord({ time: '2026-11-23T10:00:09.000Z' }));

    expect(sent.map(({ text }) => parseOutboundMessage(text).rowKey)).toEqual([KEY.rowKey, KEY.rowKey]);
    expect(table.rows).toHaveLength(1);
  });

  test('can be read like any other', async () => {
    const log = open();
    await log.append(KEY, outcomeRecord());
    const since = new Date('2026-11-23T00:00:00Z');

    expect(await log.find(KEY)).toEqual(outcomeRecord());
    expect(await Array.fromAsync(log.list(since, new Date('2026-11-24T00:00:00Z'), () => undefined))).toHaveLength(1);
  });
});
