import { TableClient } from '@azure/data-tables';
import { ContainerClient } from '@azure/storage-blob';
import { QueueClient } from '@azure/storage-queue';
import { beforeEach, describe, expect, it, test } from 'vitest';
import { DockwardenError } from '../../src/errors.ts';
import { createTableSweepRecords } from '../../src/guards/sweep-record.ts';
import { checkDependencies, type Dependencies, LONGEST_QUEUE } from '../../src/health/check-health.ts';
import { findFunctionProblems } from '../../src/health/find-function-problems.ts';
import { keepAnswer } from '../../src/health/keep-answer.ts';
import { nameDependencies } from '../../src/health/name-dependencies.ts';
import { createNews } from '../../src/health/news.ts';
import { healthCodes } from '../../src/health/reasons.ts';
import { createPoisonStore } from '../../src/poison/poison-store.ts';
import { createSchema } from '../../src/storage/schema.ts';
import { createTableStore } from '../../src/storage/table-store.ts';
import { claimStorageAccount, type TestStorage } from '../support/storage.ts';

const ONE_TRY = { retryOptions: { maxTries: 1, maxRetries: 0 } };
const MINUTE = 60_000;
let time = 0;
let storage: TestStorage;
/** Which service does not answer. */
let broken: readonly ('table' | 'queue' | 'blob')[] = [];

beforeEach(() => {
  storage = claimStorageAccount();
  broken = [];
  time = Date.now();
});

function address(service: 'table' | 'queue' | 'blob'): string {
  return broken.includes(service) ? `https://localhost:9/${service}` : storage[service];
}

/** The app's dependencies over the emulator, as the app itself has them. */
function dependencies(change: Partial<Dependencies> = {}): Dependencies {
  const { credential } = storage;
  const table = (name: string) => createTableStore(new TableClient(address('table'), name, credential, ONE_TRY));
  return {
    ...nameDependencies({
      table,
      queue: queueOf,
      poison: createPoisonStore(
        async (name) => await Promise.resolve(new ContainerClient(`${address('blob')}/${name}`, credential, ONE_TRY)),
      ),
      sweeps: createTableSweepRecords(table('guards')),
      schema: createSchema({
        tables: {
          findings: table('findings'),
          work: table('work'),
          tickets: table('tickets'),
          alerts: table('alerts'),
          nodes: table('nodes'),
          guards: table('guards'),
        },
        now: () => new Date(time),
        owner: 'test',
      }),
      getToken: async () => await Promise.resolve('token'),
    }),
    ...change,
  };
}

function queueOf(name: string): QueueClient {
  return new QueueClient(`${address('queue')}/${name}`, storage.credential, ONE_TRY);
}

async function check(change: Partial<Dependencies> = {}, timeoutMs = 5000) {
  return await checkDependencies(dependencies(change), {
    now: () => new Date(time),
    sweepSchedule: '0 0 */6 * * *',
    timeoutMs,
  });
}

function codes({ reasons }: Awaited<ReturnType<typeof check>>): readonly string[] {
  return reasons.map(({ code, about }) => (about === undefined ? code : `${code} ${about}`));
}

function failing(failure: DockwardenError | TypeError) {
  return async () => {
    await Promise.resolve();
    throw failure;
  };
}

async function never(): Promise<never> {
  return await Promise.withResolvers<never>().promise;
}

const allTables = ['alerts', 'audit', 'findings', 'guards', 'nodes', 'tickets', 'work'];

describe('the health of what the app depends on', () => {
  it('is good when everything answers, and tells how much waits', async () => {
    await queueOf('resource-events').create();
    await queueOf('work').create();
    await queueOf('work').sendMessage('a');
    await queueOf('work').sendMessage('later', { visibilityTimeout: 3600 });

    expect(await check()).toEqual({
      reasons: [],
      queues: { 'resource-events': 0, work: 2 },
      kept: { poison: 0, 'dead-letter': 0 },
      lastSweep: undefined,
    });
  });

  it('counts what waits for a person, and does not call that a fault', async () => {
    await queueOf('resource-events').create();
    const container = new ContainerClient(`${storage.blob}/dead-letter`, storage.credential);
    await container.create();
    for (let index = 0; index < 102; index += 1) await container.getBlockBlobClient(`a/${index}`).upload('{}', 2);

    expect(await check()).toMatchObject({ reasons: [], kept: { poison: 0, 'dead-letter': 100 } });
  });

  it.each([
    ['table', [...allTables.map((name) => `table-unavailable ${name}`), 'schema-unknown', 'sweep-unknown']],
    [
      'queue',
      ['resource-events', 'work', 'tickets', 'events'].flatMap((name) => [
        `queue-unavailable ${name}`,
        `queue-unavailable ${name}-poison`,
      ]),
    ],
    ['blob', ['blob-unavailable dead-letter', 'blob-unavailable poison']],
  ] as const)(
    'names everything of the %s service that does not answer, and nothing else',
    async (service, expected) => {
      await queueOf('resource-events').create();
      broken = [service];

      const found = await check();

      expect(codes(found).toSorted((one, other) => one.localeCompare(other))).toEqual(
        [...expected].toSorted((one, other) => one.localeCompare(other)),
      );
      for (const { message } of found.reasons) expect(message).toContain("Check the app's roles");
    },
  );

  it('shows what answers although something else hangs', async () => {
    await queueOf('resource-events').create();
    const { tables, queues, kept } = dependencies();

    const found = await check(
      {
        tables: { ...tables, audit: never },
        queues: { ...queues, work: never },
        kept: { ...kept, poison: never },
        getToken: never,
        lastSweep: never,
        schema: never,
      },
      300,
    );

    expect(codes(found)).toEqual([
      'blob-unavailable poison',
      'identity-unavailable',
      'queue-unavailable work',
      'schema-unknown',
      'sweep-unknown',
      'table-unavailable audit',
    ]);
    expect(found).toMatchObject({ queues: { 'resource-events': 0 }, kept: { 'dead-letter': 0 } });
    for (const { message } of found.reasons) expect(message).toMatch(/^There was no answer within 0.3 seconds\. /);
  });

  it('tells of an identity without a token what it says, if that is ours to repeat', async () => {
    await queueOf('resource-events').create();
    const ours = await check({ getToken: failing(new DockwardenError('CONFIG_MISSING', 'there is no token for x')) });
    const theirs = await check({ getToken: failing(new TypeError('secret-in-a-message')) });

    expect(ours.reasons).toMatchObject([
      {
        code: 'identity-unavailable',
        message: expect.stringMatching(/^there is no token for x\. Check DOCKWARDEN_CLIENT_ID/),
      },
    ]);
    expect(theirs.reasons).toMatchObject([
      { code: 'identity-unavailable', message: expect.stringMatching(/^It failed with TypeError\. Check/) },
    ]);
  });

  it('misses the queue that Event Grid fills; the others are made when they are needed', async () => {
    expect(codes(await check())).toEqual(['queue-missing resource-events']);
  });

  it.each(['resource-events', 'work', 'tickets', 'events'])(
    'finds queue %s too long, and not a moment before',
    async (name) => {
      await queueOf('resource-events').create();
      const { queues } = dependencies();
      const holding = (messages: number) => ({
        queues: { ...queues, [name]: async () => await Promise.resolve({ messages, oldestSentAt: undefined }) },
      });

      expect(codes(await check(holding(LONGEST_QUEUE)))).toEqual([]);
      expect(codes(await check(holding(LONGEST_QUEUE + 1)))).toEqual([`queue-too-long ${name}`]);
    },
  );

  it('finds what stays in a poison queue, once a function would have taken it', async () => {
    await queueOf('resource-events').create();
    await queueOf('work-poison').create();
    await queueOf('work-poison').sendMessage('not base64!');

    time += 14 * MINUTE;
    expect(codes(await check())).toEqual([]);
    time += 2 * MINUTE;
    const found = await check();
    expect(codes(found)).toEqual(['poison-not-taken work-poison']);
    expect(found.queues).toMatchObject({ 'work-poison': 1 });
  });

  it('says what is wrong with the form of the tables', async () => {
    await queueOf('resource-events').create();
    const guards = createTableStore(new TableClient(storage.table, 'guards', storage.credential));
    const key = { partitionKey: 'schema', rowKey: 'current' };
    const createdAt = new Date(time).toISOString();
    await guards.insert(key, { version: 2, createdAt });
    expect(codes(await check())).toEqual(['schema-newer']);

    const row = await guards.get(key);
    await guards.replace(key, { version: 1, createdAt, olderVersion: 0 }, row?.etag ?? '');
    expect(codes(await check())).toEqual(['schema-unreadable']);

    const state = { state: 'behind', createdAt, version: 0 } as const;
    expect(codes(await check({ schema: async () => await Promise.resolve(state) }))).toEqual(['schema-behind']);
  });

  it('goes by the record of the last sweep, and names one that cannot be read', async () => {
    await queueOf('resource-events').create();
    const guards = createTableStore(new TableClient(storage.table, 'guards', storage.credential));
    const sweeps = createTableSweepRecords(guards);
    const startedAt = new Date(time - 24 * 60 * MINUTE).toISOString();
    await sweeps.save({ startedAt, finishedAt: startedAt, complete: false, resources: 1, queued: 0 });

    const found = await check();
    expect(codes(found)).toEqual(['sweep-incomplete', 'sweep-overdue']);
    expect(found.lastSweep).toMatchObject({ startedAt, complete: false });

    for (const change of [{ startedAt: 7 }, { startedAt: 'yesterday' }, { finishedAt: 'today' }]) {
      const columns = { startedAt, finishedAt: startedAt, complete: true, resources: 1, queued: 0, ...change };
      await guards.putAll('sweep', [{ rowKey: 'last', columns }]);
      const damaged = await check();
      expect(codes(damaged)).toEqual(['sweep-unknown']);
      expect(damaged.reasons[0]?.message).toContain('row sweep/last cannot be read');
    }
  });

  it('waits for a first sweep from when the tables were first used', async () => {
    await queueOf('resource-events').create();
    const all = dependencies();
    const options = { now: () => new Date(time), sweepSchedule: '0 0 */6 * * *', timeoutMs: 5000 };

    expect(codes(await checkDependencies(all, options))).toEqual([]);
    time += 6 * 60 * MINUTE + 16 * MINUTE;
    expect(codes(await checkDependencies(all, options))).toEqual(['sweep-overdue']);
  });
});

describe('an answer that is kept', () => {
  it('is asked for once in its time, also by those who come while it is asked for', async () => {
    let asked = 0;
    const ask = keepAnswer(
      async () => await Promise.resolve((asked += 1)),
      10_000,
      () => new Date(time),
    );

    expect(await Promise.all([ask(), ask(), ask()])).toEqual([1, 1, 1]);
    time += 9999;
    expect(await ask()).toBe(1);
    time += 1;
    expect(await ask()).toBe(2);
  });

  it('is not kept when it is a failure', async () => {
    let asked = 0;
    const ask = keepAnswer(
      async () => {
        asked += 1;
        if (asked === 1) throw new Error('failed');
        return await Promise.resolve(asked);
      },
      10_000,
      () => new Date(time),
    );

    await expect(ask()).rejects.toThrow('failed');
    expect(await ask()).toBe(2);
  });
});

test('a text is news when it is another one, or was told some time ago', () => {
  const isNews = createNews(60_000, () => new Date(time));

  expect(['a', 'a', 'b', 'b', 'a'].map(isNews)).toEqual([true, false, true, false, true]);
  time += 59_999;
  expect(isNews('a')).toBe(false);
  time += 1;
  expect(isNews('a')).toBe(true);
});

describe('functions', () => {
  const names = ['a', 'b'];

  it.each(['true', 'True', '1'])('that are switched off by %s are named, but for those that need not run', (text) => {
    const registered = new Set(names);
    const environment = { 'AzureWebJobs.a.Disabled': text, 'AzureWebJobs.b.Disabled': text };

    const found = findFunctionProblems({ names, registered, optional: new Set(['b']) }, environment);
    expect(found).toMatchObject([{ code: 'function-disabled', about: 'a' }]);
    expect(findFunctionProblems({ names, registered, optional: new Set() }, {})).toEqual([]);
  });

  it('that were never registered are named, switched off or not', () => {
    const functions = { names, registered: new Set(['a']), optional: new Set(['b']) };

    expect(findFunctionProblems(functions, { 'AzureWebJobs.b.Disabled': 'true' })).toMatchObject([
      { code: 'function-missing', about: 'b' },
    ]);
  });
});

it('no code of a reason is listed twice', () => {
  expect(new Set(healthCodes).size).toBe(healthCodes.length);
});
