import { TableClient } from '@azure/data-tables';
import { beforeEach, describe, expect, it } from 'vitest';
import type { BreakerLimits, BreakerRequest, BreakerStatus, Breakers } from '../../src/guards/breaker.ts';
import { createTableBreakers } from '../../src/guards/table-breakers.ts';
import { createTableStore, type TableStore } from '../../src/storage/table-store.ts';
import { MemoryTableStore } from '../support/memory-table-store.ts';
import { claimStorageAccount } from '../support/storage.ts';

const { table: endpoint, credential } = claimStorageAccount();
let tables = 0;

/** Each test has a table of its own; every call of the function is one more instance that opens it. */
const stores: Readonly<Record<string, () => () => TableStore>> = {
  'in memory': () => {
    const table = new MemoryTableStore('guards');
    return () => table;
  },
  'in Azurite': () => {
    tables += 1;
    const name = `guards${tables}`;
    return () => createTableStore(new TableClient(endpoint, name, credential));
  },
};

const NOW = new Date('2026-11-23T10:00:00.000Z');
const SUBSCRIPTION = '00000000-0000-4000-8000-00000000000A';
const REMEDIATION_GUARD = 'remediation/acr-disable-admin-user';
const SUBSCRIPTION_GUARD = 'subscription/00000000-0000-4000-8000-00000000000a';
const OFF: BreakerLimits = {
  windowMs: 600_000,
  cap: undefined,
  sharePercent: undefined,
  failurePercent: undefined,
  failureMinimum: 10,
};

function request(key: string, change: Partial<BreakerLimits> = {}, now = NOW): BreakerRequest {
  const limits = { ...OFF, ...change };
  return {
    key,
    remediationId: 'acr-disable-admin-user',
    subscriptionId: SUBSCRIPTION,
    limits: { remediation: limits, subscription: limits },
    now,
  };
}

function keyOf(index: number): string {
  return index.toString(16).padStart(16, '0');
}

function minutes(count: number): Date {
  return new Date(NOW.getTime() + count * 60_000);
}

/** Counts the calls of a table. */
function counted(table: TableStore) {
  const calls = { get: 0, replaceAll: 0, refused: 0, other: 0 };
  const proxy = new Proxy(table, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property, target);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]): unknown => {
        if (property === 'get' || property === 'replaceAll') calls[property] += 1;
        else calls.other += 1;
        const answer: unknown = value.apply(target, args);
        if (property !== 'replaceAll' || !(answer instanceof Promise)) return answer;
        return answer.then((written: unknown) => {
          if (written === false) calls.refused += 1;
          return written;
        });
      };
    },
  });
  return { calls, table: proxy };
}

const noPause = async (): Promise<void> => await Promise.resolve();
const noInvalid = (error: Error): never => {
  throw error;
};

async function list(breakers: Breakers, now = NOW): Promise<readonly BreakerStatus[]> {
  return await Array.fromAsync(breakers.list(now, noInvalid));
}

describe.each(Object.entries(stores))('breakers %s', (_name, create) => {
  let open: () => TableStore;
  let breakers: Breakers;

  beforeEach(() => {
    open = create();
    breakers = createTableBreakers(open(), noPause);
  });

  it('let exactly the cap through when 64 ask at once at four instances, and book the rest', async () => {
    // Without pauses an instance may lose against the three others until it gives up; and the first to ask makes the table.
    const instances = Array.from({ length: 4 }, () => createTableBreakers(open()));
    await list(breakers);
    const asked = Array.from({ length: 64 }, (_, index) => ({ key: keyOf(index), instance: instances[index % 4] }));

    const answers = await Promise.all(
      asked.map(async ({ key, instance }) => await instance?.admit(request(key, { cap: 20 }))),
    );

    expect(answers.filter((answer) => answer?.result === 'admitted')).toHaveLength(20);
    const times = answers.flatMap((answer) => (answer?.result === 'later' ? [answer.at.toISOString()] : []));
    const perTime = [10, 20, 30].map((later) => times.filter((time) => time === minutes(later).toISOString()).length);
    expect(perTime).toEqual([20, 20, 4]);
    expect(await list(breakers)).toMatchObject([
      { guard: REMEDIATION_GUARD, admitted: 20, booked: 44 },
      { guard: SUBSCRIPTION_GUARD, admitted: 20, booked: 44 },
    ]);
  });

  it('tell what they would answer, and are the same afterwards', async () => {
    expect(await breakers.peek(request(keyOf(0)))).toEqual({ result: 'admitted' });
    expect(await breakers.peek(request(keyOf(0), { cap: 1 }))).toEqual({ result: 'admitted' });
    await breakers.admit(request(keyOf(0), { cap: 1 }));
    const before = await Array.fromAsync(breakers.list(NOW, noInvalid));

    expect(await breakers.peek(request(keyOf(1), { cap: 1 }))).toEqual({ result: 'later', at: minutes(10) });

    expect(await Array.fromAsync(breakers.list(NOW, noInvalid))).toEqual(before);
    expect(before.map(({ admitted, booked, trip }) => ({ admitted, booked, trip }))).toEqual([
      { admitted: 1, booked: 0, trip: undefined },
      { admitted: 1, booked: 0, trip: undefined },
    ]);
  });

  it('give back what was booked at both guards at once, and never what was admitted', async () => {
    await breakers.admit(request(keyOf(0), { cap: 1 }));
    await breakers.admit(request(keyOf(1), { cap: 1 }));
    await breakers.admit(request(keyOf(2), { cap: 1 }));

    await breakers.withdraw(request(keyOf(0), { cap: 1 }));
    await breakers.withdraw(request(keyOf(1), { cap: 1 }));
    await breakers.withdraw(request(keyOf(9), { cap: 1 }));

    expect(await list(breakers)).toMatchObject([
      { guard: REMEDIATION_GUARD, admitted: 1, booked: 1 },
      { guard: SUBSCRIPTION_GUARD, admitted: 1, booked: 1 },
    ]);
    expect(await breakers.admit(request(keyOf(3), { cap: 1 }, minutes(1)))).toMatchObject({ at: minutes(10) });
    await breakers.withdraw(request(keyOf(2), { cap: 1 }));
    await breakers.withdraw(request(keyOf(3), { cap: 1 }));
    expect(await list(breakers)).toMatchObject([
      { admitted: 1, booked: 0, trip: undefined },
      { admitted: 1, booked: 0, trip: undefined },
    ]);
  });

  it('read, and write nothing, when there is no place to give back', async () => {
    const { calls, table } = counted(open());
    const counting = createTableBreakers(table, noPause);
    await counting.admit(request(keyOf(0), { cap: 1 }));

    await counting.withdraw(request(keyOf(0), { cap: 1 }));
    await counting.withdraw(request(keyOf(1), { cap: 1 }));
    await counting.withdraw(request(keyOf(1)));

    expect(calls).toEqual({ get: 6, replaceAll: 1, refused: 0, other: 0 });
  });

  it('let a newcomer in at the next free time when 50 bookings before it were given back', async () => {
    const limits = { cap: 5 };
    for (let index = 0; index < 55; index += 1) await breakers.admit(request(keyOf(index), limits));
    expect(await breakers.admit(request(keyOf(99), limits))).toMatchObject({ at: minutes(110) });
    await breakers.withdraw(request(keyOf(99), limits));

    for (let index = 5; index < 55; index += 1) await breakers.withdraw(request(keyOf(index), limits, minutes(1)));

    expect(await breakers.admit(request(keyOf(99), limits, minutes(2)))).toMatchObject({ at: minutes(10) });
  });

  it('count on where an instance before them stopped', async () => {
    for (let index = 0; index < 3; index += 1) await breakers.admit(request(keyOf(index), { cap: 3 }));

    const next = createTableBreakers(open(), noPause);

    expect(await next.admit(request(keyOf(3), { cap: 3 }, minutes(9)))).toMatchObject({
      result: 'later',
      at: minutes(10),
    });
    expect(await next.admit(request(keyOf(2), { cap: 3 }, minutes(9)))).toMatchObject({ result: 'admitted' });
    expect(await next.admit(request(keyOf(3), { cap: 3 }, minutes(10)))).toMatchObject({ result: 'admitted' });
  });

  it('count one remediation over all subscriptions, and one subscription over all remediations', async () => {
    await breakers.admit(request(keyOf(0), { cap: 1 }));

    const elsewhere = { ...request(keyOf(1), { cap: 1 }), subscriptionId: 'other' };
    const otherwise = { ...request(keyOf(2), { cap: 1 }), remediationId: 'other' };
    const sameInCapitals = { ...otherwise, key: keyOf(3), subscriptionId: SUBSCRIPTION.toLowerCase() };
    const free = { ...elsewhere, key: keyOf(4), remediationId: 'another', subscriptionId: 'free' };

    const answers = [];
    for (const one of [elsewhere, otherwise, sameInCapitals, free]) answers.push((await breakers.admit(one)).result);
    expect(answers).toEqual(['later', 'later', 'later', 'admitted']);
  });

  it('read and write nothing when no limit is set, and only the guard that has one', async () => {
    const { calls, table } = counted(open());
    const counting = createTableBreakers(table, noPause);

    expect(await counting.admit(request(keyOf(0)))).toEqual({ result: 'admitted', announce: [] });
    expect(await counting.noteFailure(request(keyOf(0)))).toEqual([]);
    expect(calls).toEqual({ get: 0, replaceAll: 0, refused: 0, other: 0 });
    await counting.admit({ ...request(keyOf(0)), limits: { remediation: { ...OFF, cap: 1 }, subscription: OFF } });
    expect(calls).toEqual({ get: 1, replaceAll: 1, refused: 0, other: 0 });
    expect((await list(breakers)).map(({ guard }) => guard)).toEqual([REMEDIATION_GUARD]);
  });

  it('take two reads and one write for an admission or a booking, and no write for the same booking again', async () => {
    const { calls, table } = counted(open());
    const counting = createTableBreakers(table, noPause);

    await counting.admit(request(keyOf(0), { cap: 1 }));
    await counting.admit(request(keyOf(1), { cap: 1 }));
    expect(calls).toEqual({ get: 4, replaceAll: 2, refused: 0, other: 0 });
    await counting.admit(request(keyOf(1), { cap: 1 }, minutes(1)));
    expect(calls).toEqual({ get: 6, replaceAll: 2, refused: 0, other: 0 });
  });

  it('open at the failure rate for every key, until they are reset', async () => {
    const limits = { failurePercent: 50 };
    for (let index = 0; index < 10; index += 1) await breakers.admit(request(keyOf(index), limits));
    for (let index = 0; index < 4; index += 1)
      expect(await breakers.noteFailure(request(keyOf(index), limits, minutes(1)))).toEqual([]);

    const trips = await breakers.noteFailure(request(keyOf(4), limits, minutes(1)));

    const since = minutes(1).toISOString();
    expect(trips).toEqual([
      { guard: REMEDIATION_GUARD, kind: 'failure-rate', since },
      { guard: SUBSCRIPTION_GUARD, kind: 'failure-rate', since },
    ]);
    const eleventh = request(keyOf(10), limits, minutes(60));
    expect(await breakers.admit(eleventh)).toEqual({ result: 'open', since, announce: trips });
    expect(await breakers.reset(REMEDIATION_GUARD)).toBe(true);
    expect((await breakers.admit(eleventh)).result).toBe('open');
    expect(await breakers.reset(SUBSCRIPTION_GUARD)).toBe(true);
    expect(await breakers.admit(eleventh)).toEqual({ result: 'admitted', announce: [] });
  });

  it('hand out a trip until it was announced, however often, to whoever asks', async () => {
    await breakers.admit(request(keyOf(0), { cap: 1 }));
    const { announce } = await breakers.admit(request(keyOf(1), { cap: 1 }, minutes(1)));
    const other = createTableBreakers(open(), noPause);
    expect(announce).toEqual([
      { guard: REMEDIATION_GUARD, kind: 'cap', since: minutes(1).toISOString() },
      { guard: SUBSCRIPTION_GUARD, kind: 'cap', since: minutes(1).toISOString() },
    ]);
    expect((await other.admit(request(keyOf(2), { cap: 1 }, minutes(2)))).announce).toEqual(announce);

    const [first, second] = announce;
    if (first === undefined || second === undefined) throw new Error('two trips were expected');
    await other.announced(first);
    await breakers.announced(first);

    expect((await breakers.admit(request(keyOf(1), { cap: 1 }, minutes(3)))).announce).toEqual([second]);
    await breakers.announced(second);
    expect((await other.admit(request(keyOf(3), { cap: 1 }, minutes(3)))).announce).toEqual([]);
    expect((await list(breakers)).map(({ trip }) => trip)).toEqual([
      { kind: 'cap', since: minutes(1).toISOString(), announced: true },
      { kind: 'cap', since: minutes(1).toISOString(), announced: true },
    ]);
  });

  it('take an announcement of another trip for none of theirs', async () => {
    await breakers.admit(request(keyOf(0), { cap: 1 }));
    const { announce } = await breakers.admit(request(keyOf(1), { cap: 1 }));

    await breakers.announced({ guard: REMEDIATION_GUARD, kind: 'cap', since: minutes(9).toISOString() });
    await breakers.announced({ guard: REMEDIATION_GUARD, kind: 'failure-rate', since: NOW.toISOString() });
    await breakers.announced({ guard: 'remediation/nobody', kind: 'cap', since: NOW.toISOString() });

    expect((await breakers.admit(request(keyOf(1), { cap: 1 }))).announce).toEqual(announce);
    expect(await list(breakers)).toHaveLength(2);
  });

  it('take the fleet from the sweep, with and without a row, and write it only when it has changed', async () => {
    const { calls, table } = counted(open());
    const counting = createTableBreakers(table, noPause);
    const fleets = new Map([
      [REMEDIATION_GUARD, 30],
      [SUBSCRIPTION_GUARD, 50],
    ]);

    await counting.setFleet(fleets, noInvalid);
    await counting.setFleet(fleets, noInvalid);

    expect(calls.replaceAll).toBe(2);
    const answers = [];
    for (let index = 0; index < 5; index += 1)
      answers.push((await breakers.admit(request(keyOf(index), { cap: 20, sharePercent: 10 }))).result);
    expect(answers).toEqual(['admitted', 'admitted', 'admitted', 'later', 'later']);
    await counting.setFleet(new Map([[REMEDIATION_GUARD, 40]]), noInvalid);
    expect(await list(breakers)).toMatchObject([
      { guard: REMEDIATION_GUARD, admitted: 3, booked: 2, fleet: 40 },
      { guard: SUBSCRIPTION_GUARD, admitted: 3, booked: 2, fleet: 50 },
    ]);
  });

  it('say for people what is in the present window, and nothing of what is older', async () => {
    const limits = { cap: 2, failurePercent: 100 };
    await breakers.admit(request(keyOf(0), limits));
    await breakers.admit(request(keyOf(1), limits, minutes(1)));
    await breakers.admit(request(keyOf(2), limits, minutes(1)));
    await breakers.noteFailure(request(keyOf(1), limits, minutes(2)));

    const status = { guard: REMEDIATION_GUARD, fleet: undefined, trip: { kind: 'cap' } };
    expect((await list(breakers, minutes(3)))[0]).toMatchObject({ ...status, admitted: 2, failed: 1, booked: 1 });
    expect((await list(breakers, minutes(10)))[0]).toMatchObject({ ...status, admitted: 1, failed: 1, booked: 1 });
    expect((await list(breakers, minutes(30)))[0]).toMatchObject({ ...status, admitted: 0, failed: 0, booked: 0 });
  });

  it('cannot reset a guard that does not exist, and do not make it', async () => {
    expect(await breakers.reset('remediation/nobody')).toBe(false);
    expect(await list(breakers)).toEqual([]);
  });

  it('keep as many slots as they may in one row', async () => {
    const rows = open();
    const slots = Array.from({ length: 500 }, (_, index) => [keyOf(index), minutes(index).getTime(), 'admitted']);
    const cell = JSON.stringify(slots);
    await rows.putAll('breaker', [
      { rowKey: 'remediation:acr-disable-admin-user', columns: { slots: cell, windowMs: 1 } },
    ]);

    expect(cell.length).toBeLessThan(30_000);
    expect((await breakers.admit(request(keyOf(0), { cap: 500, windowMs: 86_400_000 }))).result).toBe('admitted');
    expect((await list(breakers))[0]).toMatchObject({ admitted: 500 });
    const columns = (await rows.get({ partitionKey: 'breaker', rowKey: 'remediation:acr-disable-admin-user' }))
      ?.columns;
    expect(String(columns?.['slots'])).toHaveLength(cell.length);
  });

  it.each([
    ['slots that are no JSON', { slots: '[[' }],
    ['slots of another shape', { slots: '[{"key":"a"}]' }],
    ['a time that is none', { slots: '[["a","soon","admitted"]]' }],
    ['no slots', { fleet: 3 }],
    ['more slots than it may', { slots: JSON.stringify(Array.from({ length: 501 }, () => ['a', 1, 'booked'])) }],
    ['a trip of another kind', { slots: '[]', trip: '{"kind":"x","since":"2026-11-23T10:00:00Z","announced":true}' }],
  ])('refuse a row with %s, go on with the others, and put it right when it is reset', async (_damage, columns) => {
    await open().putAll('breaker', [{ rowKey: 'remediation:acr-disable-admin-user', columns }]);
    const invalid: string[] = [];
    const note = (error: Error) => {
      invalid.push(error.message);
    };
    const refused = { code: 'INPUT_INVALID_ROW', message: expect.stringContaining('breaker/remediation:acr-disable') };

    await expect(breakers.admit(request(keyOf(0), { cap: 1 }))).rejects.toMatchObject(refused);
    await expect(breakers.noteFailure(request(keyOf(0), { cap: 1 }))).rejects.toMatchObject(refused);
    await expect(breakers.withdraw(request(keyOf(0), { cap: 1 }))).rejects.toMatchObject(refused);
    const fleets = new Map([
      [REMEDIATION_GUARD, 3],
      [SUBSCRIPTION_GUARD, 4],
    ]);
    await breakers.setFleet(fleets, note);
    const listed = await Array.fromAsync(breakers.list(NOW, note), ({ guard }) => guard);
    expect(listed).toEqual([SUBSCRIPTION_GUARD]);
    expect(invalid).toHaveLength(2);

    expect(await breakers.reset(REMEDIATION_GUARD)).toBe(true);
    expect((await breakers.admit(request(keyOf(0), { cap: 1 }))).result).toBe('admitted');
  });
});

describe('breakers that others write to at the same time', () => {
  it('try again after a pause that grows, and give up when it never ends', async () => {
    const pauses: number[] = [];
    const busy = new Proxy(new MemoryTableStore('guards'), {
      get(target, property) {
        if (property === 'replaceAll') return async () => await Promise.resolve(false);
        const value: unknown = Reflect.get(target, property, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    const breakers = createTableBreakers(busy, async (ms) => {
      pauses.push(ms);
      await Promise.resolve();
    });

    await expect(breakers.admit(request(keyOf(0), { cap: 1 }))).rejects.toMatchObject({
      code: 'STORAGE_UNAVAILABLE',
      message: `${REMEDIATION_GUARD} and ${SUBSCRIPTION_GUARD}: written by others 50 times in a row`,
    });
    expect(pauses).toHaveLength(50);
    expect(pauses.every((ms, index) => ms >= 0 && ms <= Math.min(100, 4 * (index + 1)))).toBe(true);
  });

  it('wait by themselves', async () => {
    const table = new MemoryTableStore('guards');
    let refusals = 1;
    const once = new Proxy(table, {
      get(target, property) {
        if (property === 'replaceAll' && refusals > 0) {
          refusals -= 1;
          return async () => await Promise.resolve(false);
        }
        const value: unknown = Reflect.get(target, property, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });

    expect((await createTableBreakers(once).admit(request(keyOf(0), { cap: 1 }))).result).toBe('admitted');
  });
});

describe('breakers without storage', () => {
  const retryOptions = { maxRetries: 0 };
  const away = () =>
    createTableBreakers(
      createTableStore(new TableClient('https://localhost:1/account', 'guards', credential, { retryOptions })),
      noPause,
    );

  it.each<[string, (breakers: Breakers) => Promise<unknown>]>([
    ['admit', async (breakers) => await breakers.admit(request(keyOf(0), { cap: 1 }))],
    ['noteFailure', async (breakers) => await breakers.noteFailure(request(keyOf(0), { cap: 1 }))],
    [
      'withdraw',
      async (breakers) => {
        await breakers.withdraw(request(keyOf(0), { cap: 1 }));
      },
    ],
    [
      'announced',
      async (breakers) => {
        await breakers.announced({ guard: 'a', kind: 'cap', since: '' });
      },
    ],
    ['list', async (breakers) => await list(breakers)],
    ['reset', async (breakers) => await breakers.reset('a')],
    [
      'setFleet',
      async (breakers) => {
        await breakers.setFleet(new Map([['a', 1]]), noInvalid);
      },
    ],
  ])('are one error, and let nothing pass: %s', async (_name, use) => {
    await expect(use(away())).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
  });

  it('let the next caller have its turn after an error', async () => {
    const breakers = away();

    const answers = await Promise.allSettled(
      [1, 2, 3].map(async (key) => await breakers.admit(request(keyOf(key), { cap: 1 }))),
    );

    expect(answers.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
  });
});
