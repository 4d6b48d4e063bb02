import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import { keepPoison } from '../../src/engine/poison.ts';
import type { EngineContext } from '../../src/engine/ports.ts';
import { review } from '../../src/engine/review.ts';
import { DockwardenError } from '../../src/errors.ts';
import { formatOutboundMessage } from '../../src/events/outbound-message.ts';
import { formatTicketMessage } from '../../src/events/ticket-message.ts';
import { formatWorkMessage } from '../../src/events/work-message.ts';
import { parseResourceId } from '../../src/resources/resource-id.ts';
import { ALICE, ask, runsWith, seedOf } from '../acceptance/operator-requests.ts';
import { disableAdminUser, startScene } from '../acceptance/remediation-scenes.ts';
import { KEY } from '../outbound/audit-rows.ts';
import { expectRecordedMutations, expectSettled } from '../support/audit-invariants.ts';
import type { EngineHarness } from '../support/engine-harness.ts';

const scene = disableAdminUser;
const target = parseResourceId(scene.resourceId);
const reason = 'mended';

let engine: EngineHarness;
/** What goes wrong at the store of messages. */
let broken: Partial<EngineContext['poison']> = {};

beforeEach(async () => {
  broken = {};
  engine = await startScene(scene, {
    seed: seedOf(scene),
    wrapContext: (context) => ({ ...context, poison: { ...context.poison, ...broken } }),
  });
});

afterEach(async () => {
  await engine.stop();
});

/** Gives a message up; returns how lists name it. */
async function giveUp(queue: string, message: unknown): Promise<string> {
  return `poison/${await keepPoison(engine.context(), queue, message, 'every delivery failed')}`;
}

/** As Event Grid writes it: an array of events with more members. */
function deadLetter(...events: readonly unknown[]): string {
  const name = `TOPIC/SUBSCRIPTION/2026/11/23/10/${engine.deadLetters.length}.json`;
  engine.deadLetters.push({ name, body: JSON.stringify(events) });
  return `dead-letter/${name}`;
}

/** An event about a violation, that nobody has taken in yet. */
function raise(): object {
  scene.violate(engine);
  return { ...engine.events.splice(0)[0], deadLetterReason: 'MaxDeliveryAttemptsExceeded', deliveryAttempts: 30 };
}

function alert(): object {
  return {
    SystemAlertId: '2517538088322968242_1',
    AlertType: 'ACR_Example',
    AlertDisplayName: 'Example',
    Severity: 'High',
    Status: 'New',
    TimeGenerated: engine.clock.now().toISOString(),
    ResourceIdentifiers: [{ $id: '1', AzureResourceId: scene.resourceId, Type: 'AzureResource' }],
    AzureResourceId: scene.resourceId,
  };
}

function hashOf(body: string): string {
  return createHash('sha256').update(body).digest('hex');
}

const nobodyKnows = { hello: 'world' };

describe('a message that is handled again', () => {
  test.each([
    ['a dead letter', async (event: object) => await Promise.resolve(deadLetter(event))],
    ['an event that was given up', async (event: object) => await giveUp('resource-events', event)],
    ['a batch that was given up', async (event: object) => await giveUp('resource-events', [event, event])],
    [
      'text in base64',
      async (event: object) => await giveUp('resource-events', Buffer.from(JSON.stringify(event)).toString('base64')),
    ],
  ])('as %s leads to the fix, and is on record before it goes', async (_what, keep) => {
    const id = await keep(raise());
    const body = [...engine.poison, ...engine.deadLetters][0]?.body ?? '';

    const answer = await ask(engine, 'message-replay', { id, reason });
    await engine.settle();

    expect(answer).toMatchObject({
      result: 'accepted',
      message: expect.stringMatching(/taken in.*; the message is removed$/),
    });
    expect([...engine.poison, ...engine.deadLetters]).toEqual([]);
    expect(engine.audit('operator')).toMatchObject([
      { reason: 'message-replayed', causeId: id, actor: ALICE.id, error: reason },
    ]);
    expect(JSON.parse(engine.audit('operator')[0]?.evidence ?? '')).toEqual({
      sha256: hashOf(body),
      bytes: Buffer.byteLength(body),
    });
    expect(runsWith(engine, 'fixed')).toHaveLength(1);
    expectRecordedMutations(engine);
    expectSettled(engine);
  });

  it('twice changes nothing twice', async () => {
    const event = raise();
    const [first, second] = [deadLetter(event), deadLetter(event)];

    await ask(engine, 'message-replay', { id: first, reason });
    await engine.settle();
    await ask(engine, 'message-replay', { id: second, reason });
    await engine.settle();

    expect(runsWith(engine, 'fixed')).toHaveLength(1);
  });

  it('is kept as long as a part of it cannot be understood', async () => {
    const ignored = { ...raise(), eventType: 'Microsoft.Resources.ResourceWriteCancel' };
    const id = deadLetter(raise(), nobodyKnows, ignored);

    const answer = await ask(engine, 'message-replay', { id, reason });
    await engine.settle();

    expect(answer).toMatchObject({
      message: 'events taken in: 1, ignored: 1; it is kept, because 1 of its events cannot be understood',
    });
    expect(engine.deadLetters).toHaveLength(1);
    expect(engine.poison).toEqual([]);
    expect(engine.audit('input')).toEqual([]);
    expect(runsWith(engine, 'fixed')).toHaveLength(1);
  });

  it('goes back into the queue of work', async () => {
    scene.violate(engine);
    const cause = { kind: 'event' as const, id: 'e-1', time: engine.clock.now().toISOString() };
    const id = await giveUp('work', formatWorkMessage({ resourceId: target, cause }));

    const answer = await ask(engine, 'message-replay', { id, reason });
    await engine.settle();

    expect(answer).toMatchObject({ message: `${target.name} is looked at again; the message is removed` });
    expect(runsWith(engine, 'fixed')).toHaveLength(1);
    expect(engine.poison).toEqual([]);
  });

  it('goes back into the queue of tickets', async () => {
    const key = `dw-${'0'.repeat(32)}`;
    const id = await giveUp('tickets', JSON.parse(formatTicketMessage({ key })));

    const answer = await ask(engine, 'message-replay', { id, reason });

    expect(answer).toMatchObject({ message: `ticket ${key} is delivered again; the message is removed` });
    expect(engine.ticketQueue.map(({ text }) => text)).toEqual([formatTicketMessage({ key })]);
  });

  it('is an alert that is taken in as one', async () => {
    const id = await giveUp('defender-alerts', alert());

    const answer = await ask(engine, 'message-replay', { id, reason });

    expect(answer).toMatchObject({ message: 'events taken in: 1, ignored: 0; the message is removed' });
    expect(engine.work()).toMatchObject([{ resourceId: scene.resourceId, pending: [{ kind: 'alert' }] }]);
    expect(engine.tables.alerts.rows).toHaveLength(1);
  });

  it('remains a message of the alerts, whatever in it cannot be understood even now', async () => {
    const id = await giveUp('defender-alerts', { records: [alert(), nobodyKnows] });

    const answer = await ask(engine, 'message-replay', { id, reason });

    expect(answer).toMatchObject({ message: expect.stringMatching(/^events taken in: 1, .*; it is kept, /) });
    expect(engine.audit('input').filter(({ reason: why }) => why === 'unknown-envelope')).toMatchObject([
      { causeKind: 'alert', causeId: id },
    ]);
    expect(new Set(engine.poison.map(({ name }) => `poison/${name}`))).toEqual(new Set([id]));
  });

  it('goes back into the queue of own events', async () => {
    const message = { partitionKey: '2026-11-23', rowKey: 'a-row', since: '2026-11-23T10:00:00.000Z', attempt: 3 };
    const id = await giveUp('events', formatOutboundMessage(message));

    const answer = await ask(engine, 'message-replay', { id, reason });

    expect(answer).toMatchObject({ message: 'row a-row is published again; the message is removed' });
    expect(engine.eventQueue.map(({ text }) => text)).toEqual([formatOutboundMessage(message)]);
  });

  test.each([
    ['events', nobodyKnows, 'not a message about an own event'],
    ['resource-events', nobodyKnows, 'neither an event nor an alert'],
    ['resource-events', '{"id": "cut', 'neither JSON nor'],
    ['resource-events', '[]', 'it holds no event'],
    ['work', nobodyKnows, 'not a work message'],
    ['work', { version: 1, resourceId: '/subscriptions/x' }, 'not a'],
    ['tickets', '"', 'not a ticket message'],
  ])('is refused and kept when it cannot be understood: %s %j', async (queue, message, because) => {
    const id = await giveUp(queue, message);

    const answer = await ask(engine, 'message-replay', { id, reason });

    expect(answer).toMatchObject({
      result: 'refused',
      status: 409,
      code: 'not-understood',
      message: expect.stringContaining(because),
    });
    expect(engine.poison).toHaveLength(1);
    expect([engine.queue, engine.ticketQueue]).toEqual([[], []]);
    expect(engine.audit('operator')).toMatchObject([{ reason: 'refused-not-understood' }]);
  });

  it('is refused when nobody reads such messages', async () => {
    const id = await giveUp('letters', 'x');

    expect(await ask(engine, 'message-replay', { id, reason })).toMatchObject({
      result: 'refused',
      code: 'unknown-queue',
      message: 'nothing here reads messages of letters',
    });
    expect(engine.poison).toHaveLength(1);
  });

  it('stays when it cannot be removed, and that is said', async () => {
    const id = deadLetter(raise());
    broken = {
      remove: async () => await Promise.reject(new DockwardenError('STORAGE_UNAVAILABLE', 'not now')),
    };

    const answer = await ask(engine, 'message-replay', { id, reason });
    await engine.settle();

    expect(answer).toMatchObject({ message: expect.stringContaining('could not be removed, and may be dropped') });
    expect(runsWith(engine, 'fixed')).toHaveLength(1);
  });

  it('is not done by halves when something breaks', async () => {
    const id = await giveUp('work', formatWorkMessage({ resourceId: target }));
    const defect = new RangeError('a defect');
    broken = { remove: async () => await Promise.reject(defect) };
    await expect(ask(engine, 'message-replay', { id, reason })).rejects.toThrow(defect);
    broken = { read: async () => await Promise.reject(defect) };

    await expect(ask(engine, 'message-replay', { id, reason })).rejects.toThrow(defect);
    expect(engine.poison).toHaveLength(1);
  });
});

it('a queue that is not there is no fault of the message', async () => {
  const id = await giveUp('work', formatWorkMessage({ resourceId: target }));
  const context: EngineContext = {
    ...engine.context(),
    get queue(): never {
      throw new DockwardenError('CONFIG_MISSING', 'no queue');
    },
  };

  await expect(review(context, ALICE, 'message-replay', { id, reason })).rejects.toThrow('no queue');
});

describe('a message that is handled again while the audit cannot be written', () => {
  test.each([
    ['resource-events', () => raise()],
    ['work', () => formatWorkMessage({ resourceId: target })],
    ['tickets', () => formatTicketMessage({ key: `dw-${'0'.repeat(32)}` })],
    ['events', () => formatOutboundMessage({ ...KEY, since: '2026-11-23T10:00:00.000Z', attempt: 3 })],
  ])('stays where it is, and goes nowhere: %s', async (queue, make) => {
    const id = await giveUp(queue, make());
    engine.tables.audit.insert = async () => await Promise.reject(new Error('no audit'));

    await expect(ask(engine, 'message-replay', { id, reason })).rejects.toThrow('no audit');

    expect(engine.poison).toHaveLength(1);
    expect([engine.queue, engine.ticketQueue, engine.eventQueue]).toEqual([[], [], []]);
    expect(engine.work()).toEqual([]);
  });
});

describe('a message that is dropped', () => {
  it('leaves its hash', async () => {
    const id = await giveUp('resource-events', nobodyKnows);

    const answer = await ask(engine, 'message-drop', { id, reason: 'a test of somebody' });

    expect(answer).toMatchObject({ result: 'accepted', message: `message ${id} is removed` });
    expect(engine.poison).toEqual([]);
    expect(engine.audit('operator')).toMatchObject([
      {
        reason: 'message-dropped',
        causeId: id,
        evidence: JSON.stringify({ sha256: hashOf('{"hello":"world"}'), bytes: 17 }),
        error: 'a test of somebody',
      },
    ]);
    expect(engine.queue).toEqual([]);
  });

  it('is there until it is on record', async () => {
    const id = await giveUp('resource-events', nobodyKnows);
    engine.tables.audit.insert = async () => await Promise.reject(new Error('no audit'));

    await expect(ask(engine, 'message-drop', { id, reason })).rejects.toThrow('no audit');
    expect(engine.poison).toHaveLength(1);
  });
});

describe.each(['message-replay', 'message-drop'] as const)('%s', (action) => {
  test.each([
    ['poison/work/0123', 404, 'unknown-message'],
    ['dead-letter/x.json', 404, 'unknown-message'],
    ['audit/x', 400, 'invalid-request'],
    ['poison/../secrets/x', 400, 'invalid-request'],
    ['poison', 400, 'invalid-request'],
  ])('of %j is refused', async (id, status, code) => {
    expect(await ask(engine, action, { id, reason })).toMatchObject({ result: 'refused', status, code });
  });

  it('of something larger than any message is refused', async () => {
    broken = { read: async () => await Promise.reject(new DockwardenError('INPUT_INVALID_MESSAGE', 'too much')) };

    expect(await ask(engine, action, { id: 'poison/work/0123', reason })).toMatchObject({
      status: 409,
      code: 'message-too-large',
      message: 'too much',
    });
  });

  it('needs a reason', async () => {
    for (const body of [{ id: 'poison/work/0123' }, { id: 'poison/work/0123', reason: ' ' }])
      expect(await ask(engine, action, body)).toMatchObject({ status: 400, message: 'check reason' });
  });
});
