import { once } from 'node:events';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import type { QueueClient } from '@azure/storage-queue';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as z from 'zod';
import type { LogLine } from '../../local/host/log.ts';
import { type HostProcess, type StartHostOptions, startHost } from '../../local/host/process.ts';
import { superviseHost } from '../../local/host/supervise.ts';
import { startTestStorage, type TestStorage } from './storage-setup.ts';

const app = fileURLToPath(new URL('./fixtures/app', import.meta.url));
const accounts = ['main', 'poison', 'crash', 'killed', 'timers', 'keys', 'overdue', 'batches', 'supervised'] as const;
type Account = (typeof accounts)[number];

/** For what another process does: its own time, on a busy machine. */
const patient = { timeout: 15_000 };

let storage: TestStorage;
let host: HostProcess;

beforeAll(async () => {
  storage = await startTestStorage(accounts);
  host = await start('main', {
    env: {
      'AzureWebJobs.switchedOff.Disabled': '1',
      // Nobody listens there: functions are started by hand only.
      Alerts__fullyQualifiedNamespace: 'localhost:1',
      ALERT_HUB: 'alerts',
    },
  });
}, 60_000);

afterAll(async () => {
  await host.kill();
  await storage.stop();
});

/** A host of its own account; timers fire at midnight only unless a test says otherwise. */
async function start(account: Account, options: Partial<StartHostOptions> = {}): Promise<HostProcess> {
  const env = {
    ...storage.settings(account),
    WORK_QUEUE: 'work',
    NIGHTLY: '0 0 0 * * *',
    'AzureWebJobs.tick.Disabled': 'true',
    ...options.env,
  };
  return await startHost({ app, caFile: storage.caFile, receiveVisibilitySeconds: 2, ...options, env });
}

async function createQueue(account: Account, name = 'work'): Promise<QueueClient> {
  const queue = storage.queues(account).getQueueClient(name);
  await queue.createIfNotExists();
  return queue;
}

async function send(queue: QueueClient, message: unknown): Promise<void> {
  const text = typeof message === 'string' ? message : JSON.stringify(message);
  await queue.sendMessage(Buffer.from(text).toString('base64'));
}

const Seen = z.record(z.string(), z.unknown());

/** What a fixture function said it saw: the first report of `functionName` that contains `text`. */
async function seen(from: HostProcess, functionName: string, text = ''): Promise<Record<string, unknown>> {
  const line = await from.waitForLog(
    ({ function: name, message }) => name === functionName && message.startsWith('saw ') && message.includes(text),
  );
  return Seen.parse(JSON.parse(line.message.slice('saw '.length)));
}

function countReports(from: HostProcess, functionName: string, text: string): number {
  return from.logs.filter((line) => isReport(line, functionName) && line.message.includes(text)).length;
}

function isReport(line: LogLine, functionName: string): boolean {
  return line.function === functionName && line.message.startsWith('saw ');
}

/** Posts to the Event Grid webhook. */
async function post(type: string | undefined, body: unknown, functionName = 'onEvent'): Promise<Response> {
  return await fetch(`${host.url}/runtime/webhooks/eventgrid?functionName=${functionName}`, {
    method: 'POST',
    headers: type === undefined ? {} : { 'aeg-event-type': type },
    body: JSON.stringify(body),
  });
}

/** Starts a function by hand; answers with the status. */
async function run(name: string, body?: unknown): Promise<number> {
  const init = body === undefined ? {} : { body: JSON.stringify(body) };
  return (await fetch(`${host.url}/admin/functions/${name}`, { method: 'POST', ...init })).status;
}

/** Sends a message to the host of all tests and waits until its first invocation has ended. */
async function runMessage(message: Record<string, unknown>): Promise<LogLine> {
  const queue = await createQueue('main');
  const before = host.logs.length;
  await send(queue, message);
  return await host.waitForLog((line) => {
    const isNew = host.logs.indexOf(line) >= before;
    return isNew && line.function === 'onMessage' && line.message.startsWith("Executed 'Functions.onMessage'");
  });
}

describe('HTTP triggers', () => {
  test('a function gets method, parameters, query, headers and body, and answers with status, headers and cookies', async () => {
    const response = await fetch(`${host.url}/api/echo/7/a%20b?x=1`, {
      method: 'POST',
      headers: { 'x-test': 'yes' },
      body: 'hello',
    });

    expect(response.status).toBe(201);
    expect(response.headers.get('x-made-by')).toBe('echo');
    expect(response.headers.get('set-cookie')).toBe('seen=yes; Path=/; HttpOnly');
    expect(await response.json()).toEqual({
      method: 'POST',
      params: { id: '7', rest: 'a b' },
      query: { x: '1' },
      header: 'yes',
      body: 'hello',
    });
  });

  test('a wrong method, a parameter that breaks its constraint, and an unknown route are 404', async () => {
    const answers = await Promise.all([
      fetch(`${host.url}/api/echo/7`, { method: 'DELETE' }),
      fetch(`${host.url}/api/echo/seven`),
      fetch(`${host.url}/api/nobody`),
      fetch(`${host.url}/echo/7`),
    ]);

    expect(answers.map(({ status }) => status)).toEqual([404, 404, 404, 404]);
  });

  test('literal routes win, and a catch-all takes the rest of the path', async () => {
    const special = await fetch(`${host.url}/api/echo/special`);
    const files = await fetch(`${host.url}/api/files/a/b/c`);

    expect(await special.text()).toBe('literal route');
    expect(await files.text()).toBe('a/b/c');
  });

  test('nothing returned is 204; a throw and a wrong return value are 500 without a body', async () => {
    const nothing = await fetch(`${host.url}/api/nothing`);
    const failing = await fetch(`${host.url}/api/failing`);
    const wrongReturn = await fetch(`${host.url}/api/wrongReturn`);

    expect(nothing.status).toBe(204);
    expect([failing.status, await failing.text()]).toEqual([500, '']);
    expect([wrongReturn.status, await wrongReturn.text()]).toEqual([500, '']);
    await host.waitForLog((line) => line.message.includes('The HTTP response must be an object'));
  });

  test('registering after the start fails', async () => {
    expect((await fetch(`${host.url}/api/registerLate`)).status).toBe(500);
    await host.waitForLog((line) => line.message.includes('A function can only be registered during app startup.'));
  });

  test('a disabled function is 404', async () => {
    expect((await fetch(`${host.url}/api/switchedOff`)).status).toBe(404);
  });
});

describe('Event Grid webhook', () => {
  test('both handshakes are answered', async () => {
    const data = { validationCode: 'abc' };
    const array = await post('SubscriptionValidation', [{ id: '1', data }]);
    const cloudEvent = await post('SubscriptionValidation', { id: '1', data: JSON.stringify(data) });
    const options = await fetch(`${host.url}/runtime/webhooks/eventgrid?functionName=onEvent`, {
      method: 'OPTIONS',
      headers: { 'webhook-request-origin': 'eventgrid.azure.net' },
    });

    expect([array.status, await array.json()]).toEqual([200, { validationResponse: 'abc' }]);
    expect([cloudEvent.status, await cloudEvent.json()]).toEqual([200, { validationResponse: 'abc' }]);
    expect([options.status, options.headers.get('webhook-allowed-origin')]).toEqual([200, 'eventgrid.azure.net']);
  });

  test('a notification runs the function once per event, with the event and its properties as metadata', async () => {
    const answer = await post('Notification', [
      { id: 'batch-1', dataVersion: '2', topics: ['left out'], data: { A: 1 } },
      { id: 'batch-2', data: {} },
    ]);

    expect(answer.status).toBe(202);
    const first = await seen(host, 'onEvent', 'batch-1');
    expect(first).toEqual({
      event: { id: 'batch-1', dataVersion: '2', topics: ['left out'], data: { A: 1 } },
      // The library parses strings and changes the case of keys.
      metadata: { id: 'batch-1', dataVersion: 2, data: { a: 1 } },
    });
    await seen(host, 'onEvent', 'batch-2');
  });

  test('one failing event fails the request, after all of its events ran', async () => {
    const events = [
      { id: 'bad-1', data: { fail: true } },
      { id: 'good-1', data: {} },
    ];
    const answer = await post('Notification', events);

    expect(answer.status).toBe(500);
    expect(await answer.text()).toContain('refused bad-1');
    await seen(host, 'onEvent', 'good-1');
  });

  test('unsubscribing is accepted, any other request is refused', async () => {
    const answers = [
      await post('Unsubscribe', {}),
      await post('SubscriptionDeletion', {}),
      await post(undefined, {}),
      await post('Notification', {}, 'nobody'),
      await post('Notification', {}, 'echo'),
    ];

    expect(answers.map(({ status }) => status)).toEqual([202, 400, 400, 404, 404]);
    expect(await answers[3]?.text()).toBe("cannot find function: 'nobody'");
  });
});

describe('queue triggers', () => {
  test('a message arrives parsed, with its metadata, and is deleted after success', async () => {
    const queue = await createQueue('main');

    await send(queue, { order: 1, id: 'body-wins' });

    const { message, metadata } = await seen(host, 'onMessage', 'body-wins');
    expect(message).toEqual({ order: 1, id: 'body-wins' });
    expect(metadata).toMatchObject({ dequeueCount: 1, order: 1, id: 'body-wins', popReceipt: expect.any(String) });
    await expect.poll(async () => (await queue.getProperties()).approximateMessagesCount, patient).toBe(0);
  });

  test('text that is not JSON arrives as text', async () => {
    await send(await createQueue('main'), 'not json');

    expect(await seen(host, 'onMessage', 'not json')).toMatchObject({ message: 'not json' });
  });

  test('an output binding creates its queue and writes one message per element, encoded', async () => {
    await send(await createQueue('main'), { output: [{ a: 1 }, 'text'] });
    const results = storage.queues('main').getQueueClient('results');

    await expect.poll(async () => await results.exists(), patient).toBe(true);
    await expect.poll(async () => (await results.getProperties()).approximateMessagesCount, patient).toBe(2);
    const { receivedMessageItems } = await results.receiveMessages({ numberOfMessages: 2 });
    const texts = receivedMessageItems.map((item) => Buffer.from(item.messageText, 'base64').toString());
    expect(texts.toSorted()).toEqual(['text', '{"a":1}']);
  });

  test('a message is held while its function runs longer than its visibility time', async () => {
    const gate = createServer();
    gate.listen(0, '127.0.0.1');
    await once(gate, 'listening');
    const address = gate.address();
    const port = typeof address === 'object' ? address?.port : undefined;

    await send(await createQueue('main'), { name: 'slow', release: `http://127.0.0.1:${String(port)}/` });
    const [, response] = await once(gate, 'request');
    // A message held for 2 s and renewed at 1 s would be back after 2 s; a later one tells that this time is over.
    const later = await createQueue('main', 'clock');
    await later.sendMessage('tick', { visibilityTimeout: 3 });
    await expect.poll(async () => (await later.peekMessages()).peekedMessageItems.length, patient).toBe(1);
    response.end();
    await host.waitForLog(({ message }) => message.startsWith('after onMessage') && message.includes('ok'));
    gate.close();

    expect(countReports(host, 'onMessage', '"slow"')).toBe(1);
  });

  test('a failing message is tried maxDequeueCount times and then moved, as it was, to the poison queue', async () => {
    const queue = await createQueue('poison');
    const failing = await start('poison');
    await send(queue, { fail: true });
    await queue.sendMessage('is {not} base64');

    const poison = storage.queues('poison').getQueueClient('work-poison');
    await expect.poll(async () => await poison.exists(), patient).toBe(true);
    await expect.poll(async () => (await poison.getProperties()).approximateMessagesCount, patient).toBe(2);
    const { peekedMessageItems } = await poison.peekMessages({ numberOfMessages: 2 });
    const texts = peekedMessageItems.map(({ messageText }) => messageText).toSorted();
    await failing.kill();

    expect(texts).toEqual([Buffer.from('{"fail":true}').toString('base64'), 'is {not} base64'].toSorted());
    expect(countReports(failing, 'onMessage', 'fail')).toBe(3);
    expect(failing.logs.some(({ message }) => message === 'after onMessage: true, failed on request')).toBe(true);
  });

  test('a failed message waits for visibilityTimeout, and its last attempt moves it at once', async () => {
    const queue = await createQueue('poison', 'retried');
    const settings = { WORK_QUEUE: 'retried', AzureFunctionsJobHost__extensions__queues__maxDequeueCount: '2' };
    const first = await start('poison', {
      env: { ...settings, AzureFunctionsJobHost__extensions__queues__visibilityTimeout: '00:00:01' },
      receiveVisibilitySeconds: 600,
    });
    await send(queue, { fail: 'twice' });
    await first.waitForLog(({ message }) => message.includes('(Failed, Id='));
    await first.stop();
    await expect.poll(async () => (await queue.peekMessages()).peekedMessageItems.length, patient).toBe(1);

    const second = await start('poison', {
      env: { ...settings, AzureFunctionsJobHost__extensions__queues__visibilityTimeout: '01:00:00' },
      receiveVisibilitySeconds: 600,
    });
    const poison = storage.queues('poison').getQueueClient('retried-poison');
    await expect.poll(async () => await poison.exists(), patient).toBe(true);
    await expect.poll(async () => (await poison.peekMessages()).peekedMessageItems.length, patient).toBe(1);
    await second.kill();

    expect(countReports(first, 'onMessage', 'twice') + countReports(second, 'onMessage', 'twice')).toBe(2);
  });

  test('a message received too often goes to the poison queue without being run', async () => {
    const queue = await createQueue('overdue');
    await send(queue, { seen: 'too often' });
    for (let time = 0; time < 3; time += 1) {
      const { receivedMessageItems } = await queue.receiveMessages({ visibilityTimeout: 600 });
      const [message] = receivedMessageItems;
      await queue.updateMessage(message?.messageId ?? '', message?.popReceipt ?? '', undefined, 0);
    }
    const overdue = await start('overdue');

    const poison = storage.queues('overdue').getQueueClient('work-poison');
    await expect.poll(async () => await poison.exists(), patient).toBe(true);
    await expect.poll(async () => (await poison.peekMessages()).peekedMessageItems.length, patient).toBe(1);
    await overdue.kill();

    expect(countReports(overdue, 'onMessage', 'too often')).toBe(0);
  });

  test('a queue of poison has no poison queue: a failing message just stays invisible', async () => {
    const queue = await createQueue('overdue', 'other-poison');
    const reading = await start('overdue', { env: { WORK_QUEUE: 'other-poison' }, receiveVisibilitySeconds: 600 });
    await send(queue, { fail: 'poison' });
    await reading.waitForLog(({ message }) => message.includes('(Failed, Id='));
    await reading.stop();

    expect(await storage.queues('overdue').getQueueClient('other-poison-poison').exists()).toBe(false);
    expect((await queue.peekMessages()).peekedMessageItems).toEqual([]);
    expect((await queue.getProperties()).approximateMessagesCount).toBe(1);
  });

  test('no new batch is taken while more than newBatchThreshold messages are in work', async () => {
    const queue = await createQueue('batches');
    for (let count = 0; count < 6; count += 1) await send(queue, { hang: `message ${count}` });
    const busy = await start('batches');

    await expect.poll(() => countReports(busy, 'onMessage', 'hang'), patient).toBe(4);
    // The front answers, and polls would have come and gone: the second batch is not taken.
    await busy.functions();
    const { peekedMessageItems } = await queue.peekMessages({ numberOfMessages: 10 });
    await busy.kill();

    expect(peekedMessageItems).toHaveLength(2);
    expect(countReports(busy, 'onMessage', 'hang')).toBe(4);
  });

  test('messageEncoding none takes messages as they are', async () => {
    const queue = await createQueue('batches', 'plain');
    const env = { WORK_QUEUE: 'plain', AzureFunctionsJobHost__extensions__queues__messageEncoding: 'none' };
    const plain = await start('batches', { env });
    await queue.sendMessage('{"plain":"text"}');

    expect(await seen(plain, 'onMessage', 'plain')).toMatchObject({ message: { plain: 'text' } });
    await plain.kill();
  });

  test('a missing queue is polled, and neither created nor complained about', async () => {
    const answer = await storage.queues('keys').getQueueClient('work').exists();
    const polling = await start('keys');
    const queue = storage.queues('keys').getQueueClient('work');
    expect([answer, await queue.exists()]).toEqual([false, false]);

    await send(await createQueue('keys'), { late: 'queue' });

    await seen(polling, 'onMessage', 'late');
    expect(polling.logs.filter(({ level, category }) => level === 'Warning' && category === 'Host.Listener')).toEqual(
      [],
    );
    await polling.kill();
  });
});

describe('an invocation', () => {
  test('hooks before it may replace its inputs, hooks after it its error', async () => {
    const replaced = await runMessage({ replaceWith: { given: 'by the hook' } });
    const forgiven = await runMessage({ fail: true, forgive: true });

    expect([replaced.message, forgiven.message]).toEqual([
      expect.stringContaining('(Succeeded'),
      expect.stringContaining('(Succeeded'),
    ]);
    expect(await seen(host, 'onMessage', 'by the hook')).toMatchObject({ message: { given: 'by the hook' } });
  });

  test('fails when a hook before it throws, and succeeds when undefined is thrown', async () => {
    const nothing = await runMessage({ throwNothing: true });
    const refused = await runMessage({ hookFails: true });

    expect(nothing.message).toContain('(Succeeded');
    expect(refused.message).toMatch(/\(Failed, .*the hook refuses/u);
    await host.waitForLog(({ message }) => message.includes("Moving message to queue 'work-poison'"));
    expect(countReports(host, 'onMessage', 'hookFails')).toBe(0);
  });

  test('writes lines that carry its function and id', async () => {
    const { function: name, invocationId, category, level } = await runMessage({ any: 'thing' });

    expect({ name, category, level }).toEqual({
      name: 'onMessage',
      category: 'Function.onMessage',
      level: 'Information',
    });
    expect(invocationId).toMatch(/^[0-9a-f-]{36}$/u);
    const user = host.logs.find((line) => line.invocationId === invocationId && line.message.startsWith('saw '));
    expect(user?.category).toBe('Function.onMessage.User');
  });
});

describe('timers', () => {
  test('a timer runs at its time, is retried by its policy, and sees its schedule', async () => {
    const ticking = await start('timers', { env: { 'AzureWebJobs.tick.Disabled': '0', FAIL_TICK: '1' } });

    const first = await seen(ticking, 'tick');
    const retried = await seen(ticking, 'tick', 'retryCount');
    await ticking.kill();

    expect(first).toEqual({
      timer: {
        schedule: { adjustForDST: true },
        scheduleStatus: {
          last: '0001-01-01T00:00:00.000Z',
          lastUpdated: '0001-01-01T00:00:00.000Z',
          next: expect.any(String),
        },
        isPastDue: false,
      },
    });
    expect(retried).toMatchObject({
      retry: { retryCount: 1, maxRetryCount: 1, exception: { message: 'first try fails' } },
    });
  });

  test('a run that was missed while the host was down is made up for once', async () => {
    const container = storage.blobs('timers').getContainerClient('azure-webjobs-hosts');
    await container.createIfNotExists();
    const status = { Last: '2020-01-01T00:00:00Z', Next: '2020-01-02T00:00:00Z', LastUpdated: '2020-01-01T00:00:00Z' };
    const text = JSON.stringify(status);
    const blob = container.getBlockBlobClient('timers/app/Host.Functions.nightly/status');
    await blob.upload(text, text.length);

    const late = await start('timers');
    const { timer } = await seen(late, 'nightly');
    await late.stop();

    expect(timer).toMatchObject({ isPastDue: true, scheduleStatus: { last: '2020-01-01T00:00:00.000Z' } });
    const kept = Seen.parse(JSON.parse((await blob.downloadToBuffer()).toString()));
    expect(Date.parse(String(kept['Next']))).toBeGreaterThan(Date.now());
  });
});

describe('administration', () => {
  test('the list shows every function, which of them are disabled, and why some do not run', async () => {
    const functions = await host.functions();

    expect(functions.filter(({ isDisabled }) => isDisabled).map(({ name }) => name)).toEqual(['switchedOff', 'tick']);
    const errors = Object.fromEntries(functions.filter((info) => info.errors).map((info) => [info.name, info.errors]));
    expect(errors).toEqual({
      unresolved: ["'%NOT_SET%' does not resolve to a value."],
      unconnected: ["Storage account connection string 'NoSuchConnection' does not exist."],
      host: ["'host' is not a valid function name."],
    });
    // The app's own registration keeps the placeholder: the host resolves it.
    const onMessage = functions.find(({ name }) => name === 'onMessage');
    expect(onMessage?.config.bindings[0]).toMatchObject({ type: 'queueTrigger', queueName: '%WORK_QUEUE%' });
  });

  test('the host says that it runs', async () => {
    const response = await fetch(`${host.url}/admin/host/status`);

    expect([response.status, await response.json()]).toEqual([200, expect.objectContaining({ state: 'Running' })]);
  });

  test('any function but an HTTP one can be started by hand', async () => {
    const statuses = [
      await run('nightly'),
      await run('onMessage', { input: '{"by":"hand"}' }),
      await run('onEvent', { input: '{"id":"by hand","data":{}}' }),
      await run('onAlerts', { input: '[{"alert":1},{"alert":2}]' }),
      await run('echo'),
      await run('unresolved'),
      await run('nobody'),
    ];

    expect(statuses).toEqual([202, 202, 202, 202, 400, 500, 404]);
    expect(await seen(host, 'nightly')).toMatchObject({ timer: { isPastDue: false } });
    await seen(host, 'onMessage', '"by":"hand"');
    await seen(host, 'onEvent', 'by hand');
    const { messages, metadata } = await seen(host, 'onAlerts');
    expect(messages).toEqual([{ alert: 1 }, { alert: 2 }]);
    expect(metadata).toMatchObject({ sequenceNumberArray: [0, 1], partitionContext: { partitionId: '0' } });
  });

  test('with keys, each level opens for its own key and for the master key only', async () => {
    const keys = { master: 'm', function: 'f', eventgrid: 'e' };
    const locked = await start('keys', { keys });
    const status = async (path: string, key?: string): Promise<number> => {
      const headers = key === undefined ? {} : { 'x-functions-key': key };
      return (await fetch(`${locked.url}${path}`, { headers })).status;
    };

    expect([
      await status('/api/secured'),
      await status('/api/secured', 'f'),
      await status('/api/secured?code=m'),
    ]).toEqual([401, 200, 200]);
    expect([await status('/api/forAdmins', 'f'), await status('/api/forAdmins', 'm')]).toEqual([401, 200]);
    expect([await status('/admin/functions', 'f'), (await locked.functions()).length]).toEqual([401, 20]);
    expect(await status('/api/echo/1')).toBe(201);
    const webhook = '/runtime/webhooks/eventgrid?functionName=onEvent';
    expect([await status(webhook), await status(webhook, 'f'), await status(`${webhook}&code=e`)]).toEqual([
      401, 401, 400,
    ]);
    await locked.kill();
    expect((await fetch(`${host.url}/api/secured`)).status).toBe(200);
  });
});

describe('the end of the process', () => {
  test('a floating rejection ends it with code 1, and what ran goes back to its queue', async () => {
    const queue = await createQueue('crash');
    const crashing = await start('crash', { receiveVisibilitySeconds: 600 });
    await send(queue, { hang: 'other work' });
    await seen(crashing, 'onMessage', 'other work');
    await send(queue, { reject: true });

    expect(await crashing.exited).toEqual({ code: 1, signal: null });
    const { receivedMessageItems } = await queue.receiveMessages({ numberOfMessages: 5 });
    expect(receivedMessageItems.map(({ dequeueCount }) => dequeueCount)).toEqual([2, 2]);
    await queue.clearMessages();
  });

  test('a function over its time ends it too', async () => {
    const queue = await createQueue('crash');
    const slow = await start('crash', { env: { AzureFunctionsJobHost__functionTimeout: '00:00:00.300' } });
    await send(queue, { hang: 'for ever' });

    expect(await slow.exited).toEqual({ code: 1, signal: null });
    expect(slow.logs.some(({ message }) => message.includes('Timeout value of 300 ms was exceeded'))).toBe(true);
    expect((await queue.peekMessages()).peekedMessageItems).toHaveLength(1);
  });

  test('a supervised host is started again, on the same port, until it is stopped', async () => {
    const queue = await createQueue('supervised');
    const env = { ...storage.settings('supervised'), WORK_QUEUE: 'work', NIGHTLY: '0 0 0 * * *' };
    const restarted = Promise.withResolvers<HostProcess>();
    const supervised = await superviseHost(
      { app, env, caFile: storage.caFile, receiveVisibilitySeconds: 600 },
      restarted.resolve,
    );
    const [url, pid] = [supervised.url, supervised.current().pid];

    process.kill(pid, 'SIGKILL');
    const second = await restarted.promise;
    await send(queue, { after: 'the restart' });
    await seen(second, 'onMessage', 'the restart');
    await supervised.stop();

    expect([second.url, second.pid === pid]).toEqual([url, false]);
    expect(await supervised.finished).toBeUndefined();
    expect(await second.exited).toEqual({ code: 0, signal: null });
  });

  test('SIGTERM lets running functions finish and runs the terminate hooks', async () => {
    const queue = await createQueue('killed');
    const stopping = await start('killed');
    await send(queue, { quick: 1 });
    await seen(stopping, 'onMessage', 'quick');

    expect(await stopping.stop()).toEqual({ code: 0, signal: null });
    expect(stopping.logs.some(({ message }) => message === 'terminate hook ran')).toBe(true);
  });

  test('in hard-kill mode it ends at once, and the message comes back when its visibility time is over', async () => {
    const queue = await createQueue('killed');
    const killed = await start('killed', { hardKill: true, receiveVisibilitySeconds: 1 });
    await send(queue, { hang: 'until killed' });
    await seen(killed, 'onMessage', 'until killed');

    expect(await killed.stop()).toEqual({ code: 137, signal: null });
    expect(killed.logs.some(({ message }) => message === 'terminate hook ran')).toBe(false);
    const again = await start('killed');
    const { metadata } = await seen(again, 'onMessage', 'until killed');
    await again.kill();
    expect(metadata).toMatchObject({ dequeueCount: 2 });
  });
});
