import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type AuditKey, AuditRecord } from '../../src/audit/audit-log.ts';
import { createTableAuditLog } from '../../src/audit/table-audit-log.ts';
import { type PublishingContext, publishRecord } from '../../src/engine/publish.ts';
import { DockwardenError } from '../../src/errors.ts';
import { parseOutboundMessage } from '../../src/events/outbound-message.ts';
import { createPublishingAuditLog } from '../../src/outbound/publishing-audit-log.ts';
import type { SendEvent } from '../../src/outbound/topic.ts';
import { parseSettings } from '../../src/settings/settings.ts';
import type { TableStore } from '../../src/storage/table-store.ts';
import { KEY, otherRecord, outcomeRecord, REGISTRY } from '../outbound/audit-rows.ts';
import { startTopicRig, type TopicRig } from '../outbound/topic-rig.ts';
import { ManualClock } from '../support/engine-harness.ts';
import { MemoryTableStore } from '../support/memory-table-store.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

let rig: TopicRig;
let clock: ManualClock;
let table: MemoryTableStore;
let queue: { readonly text: string; readonly dueAt: number; readonly delayMs: number }[];
let logged: string[];
let topic: string;
let isTableDown: boolean;
let isQueueDown: boolean;
let publish: SendEvent | undefined;

beforeEach(async () => {
  clock = new ManualClock();
  rig = await startTopicRig(() => clock.now());
  table = new MemoryTableStore('audit');
  queue = [];
  logged = [];
  topic = rig.topic.endpoint;
  isTableDown = false;
  isQueueDown = false;
  publish = rig.connect({ timeoutMs: 5000 });
});
afterEach(async () => {
  await rig.topic.stop();
});

function context(): PublishingContext {
  const store: TableStore = new Proxy(table, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]): unknown => {
        if (isTableDown) throw new DockwardenError('STORAGE_UNAVAILABLE', 'table audit cannot be used');
        return Reflect.apply(value, target, args);
      };
    },
  });
  const eventQueue = {
    async send(text: string, delayMs: number) {
      if (isQueueDown) throw new DockwardenError('STORAGE_UNAVAILABLE', 'queue events cannot be used');
      queue.push({ text, delayMs, dueAt: clock.now().getTime() + delayMs });
      await Promise.resolve();
    },
  };
  return {
    clock,
    log: { debug: note, info: note, warn: note, error: note },
    settings: parseSettings({ EVENTS_TOPIC_ENDPOINT: topic }, { policies: [], remediations: [] }),
    version: '0.0.0-test',
    audit: createPublishingAuditLog(createTableAuditLog(store), eventQueue),
    eventQueue,
    publish,
  };
}

async function record(row = outcomeRecord(), key: AuditKey = KEY): Promise<void> {
  await context().audit.append(key, row);
}

/** Handles the next message at its time; the delay of the one that it left, if any. */
async function next(): Promise<number | undefined> {
  const message = queue.shift();
  if (message === undefined) throw new Error('no message waits');
  clock.advance(Math.max(0, message.dueAt - clock.now().getTime()));
  await publishRecord(context(), parseOutboundMessage(message.text));
  return queue.at(-1)?.delayMs;
}

async function nextFor(milliseconds: number): Promise<number[]> {
  const delays: number[] = [];
  const end = clock.now().getTime() + milliseconds;
  while ((queue[0]?.dueAt ?? Infinity) <= end) {
    const delay = await next();
    if (delay !== undefined) delays.push(delay);
  }
  return delays;
}

function note(message: string): void {
  logged.push(message);
}

function notices(): readonly AuditRecord[] {
  return table.rows
    .filter(({ columns }) => columns['stage'] === 'notice')
    .map(({ columns }) => AuditRecord.parse(columns));
}

function fail(status: number, times = 1, headers: Readonly<Record<string, string>> = {}): void {
  rig.topic.faults.add({
    times,
    effect: { kind: 'answer', status, headers, body: { error: { code: 'SomeCode', message: 'canary' } } },
  });
}

describe('a row of the audit', () => {
  test('is published once, and its message is done', async () => {
    await record();
    await next();

    expect(rig.topic.received).toMatchObject([
      { id: `${KEY.partitionKey}/${KEY.rowKey}`, type: 'dockwarden.remediation.fixed.v1', subject: REGISTRY },
    ]);
    expect(queue).toEqual([]);
    expect(table.rows).toHaveLength(1);
  });

  test('is the same event when its message comes twice', async () => {
    await record();
    const [message] = queue;
    await next();
    await publishRecord(context(), parseOutboundMessage(message?.text));

    expect(rig.topic.received).toHaveLength(2);
    expect(new Set(rig.topic.received.map(({ id }) => id)).size).toBe(1);
  });

  test.each([
    ['408', () => fail(408)],
    ['429', () => fail(429)],
    ['500', () => fail(500)],
    ['503', () => fail(503)],
    ['404', () => fail(404)],
    ['a reset connection', () => void rig.topic.faults.add({ effect: { kind: 'drop' } })],
    [
      'a token that is refused',
      () => {
        const roles = rig.identity.roleAssignments;
        rig.identity.roleAssignments = [];
        rig.topic.faults.add({
          skip: 1,
          effect: { kind: 'before', run: () => void (rig.identity.roleAssignments = roles) },
        });
      },
    ],
  ])('waits a minute after %s, and is published then', async (_what, arrange) => {
    arrange();
    await record();

    expect(await next()).toBe(MINUTE);
    expect(rig.topic.received).toEqual([]);
    await next();
    expect(rig.topic.received).toHaveLength(1);
    expect(notices()).toEqual([]);
  });

  test('waits for nobody who does not answer', async () => {
    publish = rig.connect({ timeoutMs: 50 });
    rig.topic.faults.add({ effect: { kind: 'hang' } });
    await record();

    expect(await next()).toBe(MINUTE);
  });

  test('waits as long as the topic asks, but never longer than a day', async () => {
    fail(429, 1, { 'retry-after': '5400' });
    fail(503, 1, { 'retry-after': '999999' });
    await record();

    expect(await next()).toBe(90 * MINUTE);
    expect(await next()).toBe(DAY);
  });

  test('waits longer and longer during an outage, is given up after seven days, and that is on record', async () => {
    fail(500, Infinity);
    await record();

    const delays = await nextFor(30 * DAY);

    expect(delays.slice(0, 6)).toEqual([MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR]);
    expect(new Set(delays.slice(6))).toEqual(new Set([6 * HOUR]));
    const [notice, ...others] = notices();
    expect(others).toEqual([]);
    expect(notice).toMatchObject({
      reason: 'event-not-published',
      causeId: `${KEY.partitionKey}/${KEY.rowKey}`,
      resourceId: REGISTRY,
      policyId: 'acr-admin-user-disabled',
      error: 'Event Grid answered 500 (SomeCode)',
      version: '0.0.0-test',
    });
    const age = Date.parse(notice?.time ?? '') - Date.parse(outcomeRecord().time);
    expect(age).toBeGreaterThanOrEqual(7 * DAY);
    expect(age).toBeLessThan(7 * DAY + 6 * HOUR + MINUTE);
    expect(queue).toEqual([]);
  });

  test.each([400, 413, 307])('is given up at once when the topic refuses it for good with %d', async (status) => {
    fail(status);
    await record();
    await next();

    expect(queue).toEqual([]);
    expect(notices()).toMatchObject([
      { reason: 'event-not-published', error: expect.stringContaining(String(status)) },
    ]);
    expect(JSON.stringify(notices())).not.toContain('canary');
  });

  test('leaves one notice even if its message comes twice', async () => {
    fail(400, 2);
    await record();
    const [message] = queue;
    await next();
    clock.advance(MINUTE);
    await publishRecord(context(), parseOutboundMessage(message?.text));

    expect(notices()).toHaveLength(1);
  });

  test('about no resource is given up without one', async () => {
    fail(400);
    await record(otherRecord({ stage: 'notice', reason: 'breaker-cap', remediationId: 'acr-disable-admin-user' }));
    await next();

    const notice = notices().find(({ reason }) => reason === 'event-not-published');
    expect(notice).not.toHaveProperty('resourceId');
    expect(notice).not.toHaveProperty('policyId');
  });

  test('that is not there yet is waited for', async () => {
    await record();
    const [row] = table.rows;
    await table.removeAll(KEY.partitionKey, [KEY.rowKey]);
    expect(await next()).toBe(MINUTE);
    await table.insert(KEY, row?.columns ?? {});
    await next();

    expect(rig.topic.received).toHaveLength(1);
  });

  test('that was never written is dropped after an hour, with a line in the log', async () => {
    await record();
    await table.removeAll(KEY.partitionKey, [KEY.rowKey]);
    const delays = await nextFor(DAY);

    expect(delays).toEqual([MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR]);
    expect(queue).toEqual([]);
    expect(rig.topic.requests()).toBe(0);
    expect(notices()).toEqual([]);
    expect(logged.at(-1)).toBe('event dropped: its row was never written');
  });

  test('that somebody has damaged is given up', async () => {
    await record();
    await table.putAll(KEY.partitionKey, [{ rowKey: KEY.rowKey, columns: { stage: 'nonsense' } }]);
    await next();

    expect(queue).toEqual([]);
    expect(notices()).toMatchObject([
      { reason: 'event-not-published', error: expect.stringContaining('cannot be read') },
    ]);
  });

  test('that lacks what its event needs is given up', async () => {
    await record(otherRecord({ stage: 'ticket', reason: 'ticket-opened', resourceId: REGISTRY }));
    await next();

    expect(rig.topic.requests()).toBe(0);
    expect(notices()).toMatchObject([{ error: expect.stringContaining('check ticketKey') }]);
  });

  test('that is no event is left alone', async () => {
    await record();
    await table.putAll(KEY.partitionKey, [{ rowKey: KEY.rowKey, columns: { ...otherRecord({ stage: 'input' }) } }]);
    await next();

    expect(rig.topic.requests()).toBe(0);
    expect(queue).toEqual([]);
    expect(logged.at(-1)).toBe('event dropped: its row is none');
  });

  test('waits while the table cannot be read, however long', async () => {
    await record();
    isTableDown = true;
    await nextFor(8 * DAY);
    expect(queue).toHaveLength(1);
    isTableDown = false;
    await next();

    expect(rig.topic.received).toHaveLength(1);
  });

  test('waits while the notice that it is given up cannot be written', async () => {
    fail(400, 2);
    rig.topic.faults.add({ effect: { kind: 'after', run: () => void (isTableDown = true) } });
    await record();
    expect(await next()).toBe(MINUTE);
    isTableDown = false;
    await next();

    expect(notices()).toHaveLength(1);
  });

  test('comes again by the host when it cannot be put off', async () => {
    fail(500);
    await record();
    isQueueDown = true;

    await expect(next()).rejects.toThrow('queue events cannot be used');
  });

  test('comes again by the host after a defect', async () => {
    publish = async () => await Promise.reject(new TypeError('a defect'));
    await record();

    await expect(next()).rejects.toThrow('a defect');
  });

  test('is dropped once publishing is switched off', async () => {
    await record();
    publish = undefined;
    topic = '';
    const settings = parseSettings({}, { policies: [], remediations: [] });
    const [message] = queue.splice(0);
    await publishRecord({ ...context(), settings }, parseOutboundMessage(message?.text));

    expect(queue).toEqual([]);
    expect(logged.at(-1)).toBe('event dropped: publishing is switched off');
  });

  test('is kept while the address of the topic has a slip in it, for as long as during an outage', async () => {
    await record();
    publish = undefined;
    topic = 'https://dockwarden.example/api/events';
    expect(await next()).toBe(MINUTE);
    const connected = rig.connect();
    publish = connected;
    topic = rig.topic.endpoint;
    await next();
    expect(rig.topic.received).toHaveLength(1);

    await record(outcomeRecord(), { ...KEY, rowKey: 'another' });
    publish = undefined;
    topic = 'https://dockwarden.example/api/events';
    await nextFor(9 * DAY);
    expect(queue).toEqual([]);
    expect(notices()).toMatchObject([{ error: 'EVENTS_TOPIC_ENDPOINT cannot be read' }]);
  });
});
