import { TableClient } from '@azure/data-tables';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  createTableTicketRates,
  TICKET_RATES,
  type TicketRates,
  type TicketWrite,
} from '../../src/guards/ticket-rates.ts';
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
    const name = `rates${tables}`;
    return () => createTableStore(new TableClient(endpoint, name, credential));
  },
};

const NOW = new Date('2026-11-23T10:20:00.000Z');
const NEXT_HOUR = new Date('2026-11-23T11:00:00.000Z');

async function take(rates: TicketRates, count: number, write: TicketWrite, system = 'github') {
  const answers: (Date | undefined)[] = [];
  for (let index = 0; index < count; index += 1) answers.push(await rates.admit(system, write, NOW));
  return answers;
}

const admitted = (count: number) => Array.from({ length: count }, () => undefined);

/** A table whose writes are refused so many times, as if others were always faster. */
function contested(refusals: number): { readonly table: TableStore; readonly tries: () => number } {
  let tries = 0;
  const table = new Proxy(new MemoryTableStore('guards'), {
    get(target, property) {
      const value: unknown = Reflect.get(target, property, target);
      if (typeof value !== 'function') return value;
      if (property !== 'insert' && property !== 'replace') return value.bind(target);
      return async (...args: readonly unknown[]) => {
        tries += 1;
        return tries <= refusals ? false : ((await Reflect.apply(value, target, args)) as unknown);
      };
    },
  });
  return { table, tries: () => tries };
}

describe.each(Object.entries(stores))('rates of tickets %s', (_name, create) => {
  let open: () => TableStore;
  let rates: TicketRates;

  beforeEach(() => {
    open = create();
    rates = createTableTicketRates(open());
  });

  it('let twenty tickets be created within an hour of the clock, by whatever instance, and then name the next hour', async () => {
    const other = createTableTicketRates(open());

    expect(await take(rates, 12, 'create')).toEqual(admitted(12));
    expect(await take(other, 9, 'create')).toEqual([...admitted(8), NEXT_HOUR]);
    expect(await rates.admit('github', 'create', new Date(NEXT_HOUR.getTime() - 1))).toEqual(NEXT_HOUR);
    expect(await rates.admit('github', 'create', NEXT_HOUR)).toBeUndefined();
    expect(TICKET_RATES).toEqual({ create: 20, write: 60 });
  });

  it('let sixty writes pass within an hour', async () => {
    expect(await take(rates, 61, 'write')).toEqual([...admitted(60), NEXT_HOUR]);
    expect(await rates.admit('github', 'write', NEXT_HOUR)).toBeUndefined();
  });

  it('count a create as a write, too', async () => {
    await take(rates, 20, 'create');

    expect(await take(rates, 41, 'write')).toEqual([...admitted(40), NEXT_HOUR]);
  });

  it('let nothing be created when no write is left', async () => {
    await take(rates, 60, 'write');

    expect(await rates.admit('github', 'create', NOW)).toEqual(NEXT_HOUR);
  });

  it('leave updates their places when no more may be created', async () => {
    await take(rates, 21, 'create');

    expect(await rates.admit('github', 'write', NOW)).toBeUndefined();
  });

  it('are counted for each system on its own', async () => {
    await take(rates, 20, 'create');

    expect(await rates.admit('azure-devops', 'create', NOW)).toBeUndefined();
    expect(await rates.admit('github', 'create', NOW)).toEqual(NEXT_HOUR);
  });

  it('take a refusal for no place', async () => {
    await take(rates, 25, 'create');

    expect(await Array.fromAsync(open().all(), ({ rowKey, columns }) => ({ rowKey, columns }))).toEqual([
      { rowKey: 'github', columns: { hour: '2026-11-23T10:00:00.000Z', creates: 20, writes: 20 } },
    ]);
  });

  it('count every one of several that come at the same time', async () => {
    const instances = [1, 2, 3, 4, 5].map(() => createTableTicketRates(open()));

    const answers = await Promise.all(instances.map(async (one) => await one.admit('github', 'create', NOW)));

    expect(answers).toEqual(admitted(5));
    expect(await Array.fromAsync(open().all(), ({ columns }) => columns)).toEqual([
      { hour: '2026-11-23T10:00:00.000Z', creates: 5, writes: 5 },
    ]);
  });

  it.each([
    ['is not counted', { hour: '2026-11-23T10:00:00.000Z', creates: 'few', writes: -1 }],
    ['is of a far future', { hour: '9999-01-01T00:00:00.000Z', creates: 0, writes: 0 }],
    ['has nothing', {}],
  ])('let nothing pass within the hour when the row %s, and are mended by that', async (_what, columns) => {
    await open().insert({ partitionKey: 'tickets', rowKey: 'github' }, columns);

    expect(await rates.peek('github', 'write', NOW)).toEqual(NEXT_HOUR);
    expect(await rates.admit('github', 'write', NOW)).toEqual(NEXT_HOUR);
    expect(await rates.admit('github', 'write', NEXT_HOUR)).toBeUndefined();
  });

  it('count in the hour of an instance whose clock is ahead', async () => {
    await rates.admit('github', 'create', NEXT_HOUR);

    expect(await take(rates, 20, 'create')).toEqual([...admitted(19), NEXT_HOUR]);
  });

  it('can be asked without taking a place', async () => {
    await take(rates, 19, 'create');

    expect(await rates.peek('github', 'create', NOW)).toBeUndefined();
    expect(await rates.peek('github', 'create', NOW)).toBeUndefined();
    await take(rates, 1, 'create');
    expect(await rates.peek('github', 'create', NOW)).toEqual(NEXT_HOUR);
    expect(await rates.peek('github', 'write', NOW)).toBeUndefined();
  });
});

describe('rates of tickets that others write to at the same time', () => {
  it('are tried five times', async () => {
    const { table, tries } = contested(4);

    expect(await createTableTicketRates(table).admit('github', 'create', NOW)).toBeUndefined();
    expect(tries()).toBe(5);
  });

  it('let nothing pass when that never ends', async () => {
    const { table, tries } = contested(5);

    await expect(createTableTicketRates(table).admit('github', 'create', NOW)).rejects.toMatchObject({
      code: 'STORAGE_UNAVAILABLE',
      message: 'github: written by others 5 times in a row',
    });
    expect(tries()).toBe(5);
  });

  it('are one error without storage, and let nothing pass', async () => {
    const retryOptions = { maxRetries: 0 };
    const client = new TableClient('https://localhost:1/account', 'guards', credential, { retryOptions });

    await expect(createTableTicketRates(createTableStore(client)).admit('github', 'write', NOW)).rejects.toMatchObject({
      code: 'STORAGE_UNAVAILABLE',
    });
  });
});
