import { once } from 'node:events';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import type { QueueClient } from '@azure/storage-queue';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { LogLine } from '../../local/host/log.ts';
import { type HostProcess, type StartHostOptions, startHost } from '../../local/host/process.ts';
import { startTestStorage, type TestStorage } from './storage-setup.ts';

const app = fileURLToPath(new URL('./fixtures/app', import.meta.url));
const accounts = ['main', 'poison', 'crash', 'killed', 'timers', 'keys'] as const;
type Account = (typeof accounts)[number];

let storage: TestStorage;
let host: HostProcess;

beforeAll(async () => {
  storage = await startTestStorage(accounts);
  host = await start('main', {
    env: { 'AzureWebJobs.switchedOff.Disabled': '1', Alerts__fullyQualifiedNamespace: 'x' },
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
