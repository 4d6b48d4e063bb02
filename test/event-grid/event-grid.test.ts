import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { json } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import * as z from 'zod';
import { createBlobDeadLetter, type DeadLetter, renderDeadLetter } from '../../local/event-grid/dead-letter.ts';
import {
  createQueueDestination,
  createWebhookDestination,
  type Destination,
} from '../../local/event-grid/destinations.ts';
import { createEventGrid } from '../../local/event-grid/event-grid.ts';
import { readFailure, readStatus } from '../../local/event-grid/retry.ts';
import { createManualScheduler } from '../../local/event-grid/scheduler.ts';
import { startHost } from '../../local/host/process.ts';
import { startTestStorage, type TestStorage } from '../host/storage-setup.ts';
import { createEvent } from './create-event.ts';

const start = new Date('2026-11-01T10:00:00Z');
const minute = 60_000;

interface Received {
  readonly method: string;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly body: unknown;
}

interface Webhook {
  readonly url: string;
  readonly notifications: Received[];
  /** Statuses of the next answers; then 200. */
  readonly answers: number[];
}

/** A webhook that passes both handshakes and answers notifications as told. */
async function startWebhook(): Promise<Webhook> {
  const notifications: Received[] = [];
  const answers: number[] = [];
  const Validation = z.tuple([z.object({ data: z.object({ validationCode: z.string() }) })]);
  const server: Server = createServer((request, response) => {
    void (async () => {
      const { method = '', headers } = request;
      if (method === 'OPTIONS') {
        response.writeHead(200, { 'WebHook-Allowed-Origin': 'eventgrid.azure.net' }).end();
        return;
      }
      const body = await json(request);
      if (headers['aeg-event-type'] === 'SubscriptionValidation') {
        const [{ data }] = Validation.parse(body);
        response.end(JSON.stringify({ validationResponse: data.validationCode }));
        return;
      }
      notifications.push({ method, headers, body });
      response.writeHead(answers.shift() ?? 200).end();
    })();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { url: `http://127.0.0.1:${address.port}/`, notifications, answers };
}

/** A destination that records ids and answers with the given statuses, then 200. */
function createRecorder(statuses: number[] = [], kind: Destination['kind'] = 'webhook') {
  const deliveries: string[][] = [];
  const destination: Destination = {
    kind,
    maxEventsPerBatch: 1,
    validate: async () => {
      await Promise.resolve();
    },
    deliver: async ({ events }) => {
      await Promise.resolve();
      deliveries.push(events.map(({ id }) => id));
      return readStatus(statuses.shift() ?? 200);
    },
  };
  return { destination, deliveries };
}

async function refuseLetter(): Promise<void> {
  await Promise.reject(new Error('no such container'));
}

function createLetters() {
  const letters: DeadLetter[] = [];
  const write = async (_name: string, letter: DeadLetter): Promise<void> => {
    letters.push(letter);
    await Promise.resolve();
  };
  return { letters, write };
}

describe('webhook delivery', () => {
  test('an event arrives as an array of one, with the headers of Event Grid', async () => {
    const webhook = await startWebhook();
    const grid = createEventGrid();
    const destination = createWebhookDestination({ url: webhook.url, headers: { 'x-own': 'header' } });
    await grid.subscribe({ name: 'resource-events', destination });

    grid.publish(createEvent());
    await grid.idle();

    expect(webhook.notifications).toHaveLength(1);
    expect(webhook.notifications[0]).toMatchObject({
      method: 'POST',
      headers: {
        'content-type': 'application/json; charset=utf-8',
        'aeg-event-type': 'Notification',
        'aeg-subscription-name': 'RESOURCE-EVENTS',
        'aeg-delivery-count': '0',
        'aeg-data-version': '2',
        'aeg-metadata-version': '1',
        'x-own': 'header',
      },
      body: [createEvent()],
    });
    expect(grid.counts('resource-events')).toEqual({
      delivered: 1,
      failedAttempts: 0,
      deadLettered: 0,
      dropped: 0,
      waiting: 0,
    });
  });

  test('a webhook that fails the handshake gets no subscription', async () => {
    const server = createServer((_request, response) => response.writeHead(202).end('{"validationResponse":"x"}'));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    const address = server.address();
    const url = `http://127.0.0.1:${String(typeof address === 'object' ? address?.port : '')}/`;
    const grid = createEventGrid();
    const destination = createWebhookDestination({ url });

    await expect(grid.subscribe({ name: 'refused', destination })).rejects.toThrow('validation');
    await expect(grid.subscribe({ name: 'refused', destination, schema: 'CloudEventSchemaV1_0' })).rejects.toThrow(
      'validation',
    );
    expect(() => grid.counts('refused')).toThrow('no event subscription');
  });

  test('CloudEvents are delivered singly, and as an array only in a batch', async () => {
    const webhook = await startWebhook();
    const grid = createEventGrid();
    const schema = 'CloudEventSchemaV1_0';
    await grid.subscribe({ name: 'one', schema, destination: createWebhookDestination({ url: webhook.url }) });
    await grid.subscribe({
      name: 'two-at-a-time',
      schema,
      filter: { subjectBeginsWith: '/batch' },
      destination: createWebhookDestination({ url: webhook.url, maxEventsPerBatch: 2 }),
    });
    grid.publish(createEvent());
    await grid.idle();
    grid.unsubscribe('one');

    grid.publish(createEvent({ id: '1', subject: '/batch' }), createEvent({ id: '2', subject: '/batch' }));
    await grid.idle();

    const { id, topic, subject, eventType, eventTime, data } = createEvent();
    expect(webhook.notifications[0]?.body).toEqual({
      specversion: '1.0',
      id,
      source: topic,
      subject,
      type: eventType,
      time: eventTime,
      data,
    });
    expect(webhook.notifications[1]).toMatchObject({
      headers: { 'content-type': 'application/cloudevents-batch+json; charset=utf-8' },
      body: [{ id: '1' }, { id: '2' }],
    });
  });

  test('a failed batch is sent again as a whole, with the count of deliveries', async () => {
    const webhook = await startWebhook();
    webhook.answers.push(500);
    const clock = createManualScheduler(start);
    const grid = createEventGrid({ clock, random: () => 0 });
    const destination = createWebhookDestination({ url: webhook.url, maxEventsPerBatch: 10 });
    await grid.subscribe({ name: 'batches', destination });

    grid.publish(createEvent({ id: '1' }), createEvent({ id: '2' }));
    await grid.idle();
    clock.advance(10_000);
    await grid.idle();

    expect(webhook.notifications.map(({ headers }) => headers['aeg-delivery-count'])).toEqual(['0', '1']);
    expect(webhook.notifications[1]?.body).toMatchObject([{ id: '1' }, { id: '2' }]);
  });

  test('an endpoint that does not answer in time, or at all, is a failed attempt', async () => {
    const silent = createServer(() => {});
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const address = silent.address();
    const url = `http://127.0.0.1:${String(typeof address === 'object' ? address?.port : '')}/`;
    const attempt = { subscriptionName: 'x', events: [], schema: 'EventGridSchema', attempts: 0 } as const;

    const late = await createWebhookDestination({ url, responseTimeoutMs: 50 }).deliver(attempt);
    silent.closeAllConnections();
    await once(silent.close(), 'close');
    const gone = await createWebhookDestination({ url }).deliver(attempt);

    expect([late.outcome, gone.outcome]).toEqual(['TimedOut', 'SocketError']);
  });

  test('the local Functions host accepts the subscription and runs the function', async () => {
    const app = fileURLToPath(new URL('../host/fixtures/app', import.meta.url));
    const env = { WORK_QUEUE: 'work', NIGHTLY: '0 0 0 * * *' };
    const host = await startHost({ app, env });
    onTestFinished(async () => {
      await host.kill();
    });
    const url = `${host.url}/runtime/webhooks/eventgrid?functionName=onEvent`;
    const grid = createEventGrid();
    await grid.subscribe({ name: 'functions', destination: createWebhookDestination({ url }) });

    grid.publish(createEvent({ id: 'through the host' }));
    await grid.idle();

    expect(grid.counts('functions').delivered).toBe(1);
    await host.waitForLog(({ message }) => message.startsWith('saw ') && message.includes('through the host'));
  });
});

describe('retries', () => {
  test('an event is tried again along the schedule until it is delivered', async () => {
    const clock = createManualScheduler(start);
    const grid = createEventGrid({ clock, random: () => 0 });
    const { destination, deliveries } = createRecorder([500, 503]);
    await grid.subscribe({ name: 'retried', destination });
    grid.publish(createEvent());
    await grid.idle();

    clock.advance(9_999);
    await grid.idle();
    expect(deliveries).toHaveLength(1);
    clock.advance(1);
    await grid.idle();
    expect(deliveries).toHaveLength(2);
    clock.advance(30_000);
    await grid.idle();
    expect(deliveries).toHaveLength(3);
    expect(grid.counts('retried')).toMatchObject({ delivered: 1, failedAttempts: 2, waiting: 0 });
  });

  test('after the last attempt the event is dead-lettered five minutes later', async () => {
    const clock = createManualScheduler(start);
    const grid = createEventGrid({ clock, random: () => 0 });
    const { letters, write } = createLetters();
    const { destination } = createRecorder([500, 404]);
    await grid.subscribe({ name: 'given-up', destination, retryPolicy: { maxDeliveryAttempts: 2 }, deadLetter: write });
    grid.publish(createEvent());
    await grid.idle();
    clock.advance(10_000);
    await grid.idle();

    clock.advance(5 * minute - 1);
    await grid.idle();
    expect(letters).toEqual([]);
    clock.advance(1);
    await grid.idle();

    expect(letters).toEqual([
      {
        event: createEvent(),
        deadLetterReason: 'MaxDeliveryAttemptsExceeded',
        deliveryAttempts: 2,
        lastDeliveryOutcome: 'NotFound',
        publishTime: start,
        lastDeliveryAttemptTime: new Date(start.getTime() + 10_000),
      },
    ]);
  });

  test('the time to live is looked at when the next attempt falls due', async () => {
    const clock = createManualScheduler(start);
    const grid = createEventGrid({ clock, random: () => 0 });
    const { letters, write } = createLetters();
    const { destination, deliveries } = createRecorder([404, 404, 404]);
    const retryPolicy = { eventTimeToLiveInMinutes: 1 };
    await grid.subscribe({ name: 'expired', destination, retryPolicy, deadLetter: write });
    grid.publish(createEvent());
    await grid.idle();

    clock.advance(4 * minute);
    await grid.idle();
    expect(grid.counts('expired').waiting).toBe(1);
    await grid.flush();

    expect(deliveries).toHaveLength(1);
    expect(letters).toMatchObject([{ deadLetterReason: 'TimeToLiveExceeded', deliveryAttempts: 1 }]);
  });

  test('a code that forbids another attempt drops the event when nowhere takes dead letters', async () => {
    const grid = createEventGrid({ clock: createManualScheduler(start) });
    const { destination } = createRecorder([403]);
    await grid.subscribe({ name: 'dropped', destination });

    grid.publish(createEvent());
    await grid.flush();

    expect(grid.counts('dropped')).toMatchObject({ delivered: 0, failedAttempts: 1, dropped: 1, waiting: 0 });
  });

  test('dead letters that cannot be written for four hours are dropped', async () => {
    const clock = createManualScheduler(start);
    const grid = createEventGrid({ clock, random: () => 0 });
    const { destination } = createRecorder([403]);
    await grid.subscribe({ name: 'unlucky', destination, deadLetter: refuseLetter });
    grid.publish(createEvent());
    await grid.idle();

    for (let minutes = 0; minutes <= 240; minutes += 5) {
      clock.advance(5 * minute);
      await grid.idle();
    }

    expect(grid.counts('unlucky')).toMatchObject({ deadLettered: 0, dropped: 1, waiting: 0 });
  });

  test('flush goes through all attempts without waiting for their time', async () => {
    const clock = createManualScheduler(start);
    const grid = createEventGrid({ clock });
    const { letters, write } = createLetters();
    const { destination, deliveries } = createRecorder(Array.from({ length: 30 }, () => 500));
    await grid.subscribe({ name: 'flushed', destination, deadLetter: write });

    grid.publish(createEvent());
    await grid.flush();

    expect(deliveries).toHaveLength(30);
    expect(letters).toMatchObject([{ deadLetterReason: 'MaxDeliveryAttemptsExceeded', deliveryAttempts: 30 }]);
    expect(clock.now()).toEqual(start);
  });
});

describe('what at-least-once, unordered delivery allows', () => {
  test('duplicates, on request', async () => {
    const grid = createEventGrid({ clock: createManualScheduler(start) });
    const { destination, deliveries } = createRecorder();
    await grid.subscribe({ name: 'twice', destination });
    grid.disturb('twice', { duplicates: 1 });

    grid.publish(createEvent({ id: 'a' }));
    await grid.idle();
    grid.disturb('twice', {});
    grid.publish(createEvent({ id: 'b' }));
    await grid.idle();

    expect(deliveries).toEqual([['a'], ['a'], ['b']]);
  });

  test('reordering and delay, on request', async () => {
    const clock = createManualScheduler(start);
    const draws = [0, 0.9, 0, 0.1];
    const grid = createEventGrid({ clock, random: () => draws.shift() ?? 0 });
    const { destination, deliveries } = createRecorder();
    await grid.subscribe({ name: 'shuffled', destination });
    grid.disturb('shuffled', { reorderWithinMs: 1000, delayMs: 500 });

    grid.publish(createEvent({ id: 'first' }), createEvent({ id: 'second' }));
    await grid.idle();
    expect(deliveries).toEqual([]);
    clock.advance(600);
    await grid.idle();
    expect(deliveries).toEqual([['second']]);
    clock.advance(800);
    await grid.idle();

    expect(deliveries).toEqual([['second'], ['first']]);
  });

  test('only events that fit the filter are delivered, to each subscription they fit', async () => {
    const grid = createEventGrid();
    const registries = createRecorder();
    const everything = createRecorder();
    const advancedFilters = [
      { operatorType: 'StringBeginsWith', key: 'data.operationName', values: ['microsoft.containerregistry/'] },
    ] as const;
    await grid.subscribe({ name: 'registries', destination: registries.destination, filter: { advancedFilters } });
    await grid.subscribe({ name: 'everything', destination: everything.destination });

    grid.publish(
      createEvent({ id: 'a' }),
      createEvent({ id: 'b', data: { operationName: 'Microsoft.Storage/storageAccounts/write' } }),
    );
    await grid.idle();

    expect(registries.deliveries).toEqual([['a']]);
    expect(everything.deliveries).toEqual([['a'], ['b']]);
  });

  test('an event above 1 MB is refused, and so is a bad subscription name', async () => {
    const grid = createEventGrid();

    expect(() => grid.publish(createEvent({ data: 'x'.repeat(1024 * 1024) }))).toThrow('1 MB');
    await expect(grid.subscribe({ name: 'a b', ...createRecorder() })).rejects.toThrow('name');
  });
});

describe('queue delivery', () => {
  let storage: TestStorage;

  beforeAll(async () => {
    storage = await startTestStorage(['events', 'broken']);
  }, 60_000);
  afterAll(async () => await storage.stop());

  test('each event is one message, base64 of its JSON, in the order of publishing', async () => {
    const queue = storage.queues('events').getQueueClient('resource-events');
    await queue.create();
    const grid = createEventGrid();
    await grid.subscribe({ name: 'to-queue', destination: createQueueDestination({ queue }) });

    grid.publish(createEvent({ id: '1' }), createEvent({ id: '2' }));
    await grid.idle();

    const { receivedMessageItems } = await queue.receiveMessages({ numberOfMessages: 5 });
    const events = receivedMessageItems.map((item) => JSON.parse(Buffer.from(item.messageText, 'base64').toString()));
    expect(events).toEqual([createEvent({ id: '1' }), createEvent({ id: '2' })]);
    const [message] = receivedMessageItems;
    const days = ((message?.expiresOn.getTime() ?? 0) - (message?.insertedOn.getTime() ?? 0)) / 86_400_000;
    expect(days).toBe(7);
  });

  test('an event that no message can hold goes to the dead-letter container at once', async () => {
    const queue = storage.queues('events').getQueueClient('small-events');
    const container = storage.blobs('events').getContainerClient('dead-letter');
    await Promise.all([queue.create(), container.create()]);
    const clock = createManualScheduler(start);
    const grid = createEventGrid({ clock });
    const deadLetter = createBlobDeadLetter(container, 'EventGridSchema');
    await grid.subscribe({ name: 'too-large', destination: createQueueDestination({ queue }), deadLetter });
    const fitting = createEvent({ id: 'fits', data: 'x'.repeat(48 * 1024 - 400) });
    const large = createEvent({ id: 'large', data: 'x'.repeat(48 * 1024) });

    grid.publish(fitting, large);
    await grid.flush();

    expect(grid.counts('too-large')).toMatchObject({ delivered: 1, failedAttempts: 1, deadLettered: 1 });
    const blobs = await Array.fromAsync(container.listBlobsFlat());
    expect(blobs.map(({ name }) => name)).toEqual([
      expect.stringMatching(/^too-large\/2026\/11\/1\/10\/[0-9a-f-]+\.json$/u),
    ]);
    const content = await container.getBlobClient(blobs[0]?.name ?? '').downloadToBuffer();
    expect(JSON.parse(content.toString())).toMatchObject([
      { id: 'large', deadLetterReason: 'PayloadTooLarge', lastDeliveryOutcome: 'PayloadTooLarge', deliveryAttempts: 1 },
    ]);
  });

  test('a queue that is missing refuses the subscription; one that goes missing is tried again', async () => {
    const queue = storage.queues('broken').getQueueClient('resource-events');
    const grid = createEventGrid({ clock: createManualScheduler(start), random: () => 0 });
    const destination = createQueueDestination({ queue, messageTimeToLiveSeconds: -1 });
    await expect(grid.subscribe({ name: 'missing', destination })).rejects.toThrow('does not exist');
    await queue.create();
    await grid.subscribe({ name: 'missing', destination });
    await queue.delete();

    grid.publish(createEvent());
    await grid.idle();
    expect(grid.counts('missing')).toMatchObject({ failedAttempts: 1, waiting: 1 });
    await queue.create();
    await grid.flush();

    expect(grid.counts('missing')).toMatchObject({ delivered: 1, waiting: 0 });
  });
});

test('dead letters name their reasons in lower case in CloudEvents form', () => {
  const letter: DeadLetter = {
    event: createEvent(),
    deadLetterReason: 'MaxDeliveryAttemptsExceeded',
    deliveryAttempts: 30,
    lastDeliveryOutcome: readFailure(new Error('x')).outcome,
    publishTime: start,
    lastDeliveryAttemptTime: start,
  };

  const rendered = renderDeadLetter(letter, 'CloudEventSchemaV1_0');

  expect(rendered).toMatchObject({
    specversion: '1.0',
    deadletterreason: 'MaxDeliveryAttemptsExceeded',
    deliveryattempts: 30,
  });
  expect(renderDeadLetter(letter, 'EventGridSchema')).toMatchObject({
    eventType: createEvent().eventType,
    deliveryAttempts: 30,
  });
});
