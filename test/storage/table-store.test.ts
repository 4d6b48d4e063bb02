import { createHttpHeaders, type HttpClient, type PipelineRequest } from '@azure/core-rest-pipeline';
import { TableClient } from '@azure/data-tables';
import { describe, expect, it } from 'vitest';
import { createTableStore, type PrunableTableStore } from '../../src/storage/table-store.ts';
import { MemoryTableStore } from '../support/memory-table-store.ts';
import { claimStorageAccount } from '../support/storage.ts';

const { table: endpoint, credential } = claimStorageAccount();
let tables = 0;

/** Each test has a table of its own, which does not exist yet. */
const stores: Readonly<Record<string, () => PrunableTableStore>> = {
  'in memory': () => new MemoryTableStore('test'),
  'of Azurite': () => {
    tables += 1;
    return createTableStore(new TableClient(endpoint, `test${tables}`, credential));
  },
};

const KEY = { partitionKey: 'p', rowKey: 'r1' };

async function keysOf(rows: AsyncIterable<{ partitionKey: string; rowKey: string }>): Promise<readonly string[]> {
  return await Array.fromAsync(rows, ({ partitionKey, rowKey }) => `${partitionKey}/${rowKey}`);
}

describe.each(Object.entries(stores))('a table %s', (_name, create) => {
  it('that does not exist yet is empty, whoever asks first', async () => {
    expect(await create().get(KEY)).toBeUndefined();
    expect(await keysOf(create().all())).toEqual([]);
    expect(await keysOf(create().range('p'))).toEqual([]);
    expect(await keysOf(create().where("a ne ''"))).toEqual([]);
    expect(await create().replace(KEY, { a: 1 }, 'W/"1"')).toBe(false);
    expect(await create().replaceAll('p', [{ rowKey: 'r1', columns: { a: 1 }, etag: 'W/"1"' }])).toBe(false);
  });

  it('comes into being with the first write of whatever kind', async () => {
    const inserted = create();
    const put = create();
    const together = create();

    expect(await inserted.insert(KEY, { a: 1 })).toEqual(expect.any(String));
    await put.putAll('p', [{ rowKey: 'r1', columns: { a: 1 } }]);
    expect(await together.replaceAll('p', [{ rowKey: 'r1', columns: { a: 1 }, etag: undefined }])).toHaveLength(1);

    expect((await inserted.get(KEY))?.columns).toEqual({ a: 1 });
    expect((await together.get(KEY))?.columns).toEqual({ a: 1 });
    expect((await put.get(KEY))?.columns).toEqual({ a: 1 });
  });

  it('gives back texts, numbers and truth values as they were, and leaves out what is undefined', async () => {
    const store = create();
    const columns = {
      text: 'ü "quoted" \'single\' {"json":[1]}',
      number: 12.5,
      whole: 7,
      yes: true,
      no: false,
      empty: '',
    };

    await store.insert(KEY, { ...columns, missing: undefined });

    expect(await store.get(KEY)).toEqual({ ...KEY, columns, etag: expect.any(String) });
  });

  it('refuses a second row with the same key, and keeps the first', async () => {
    const store = create();
    await store.insert(KEY, { a: 1 });

    expect(await store.insert(KEY, { a: 2 })).toBe(false);
    expect((await store.get(KEY))?.columns).toEqual({ a: 1 });
  });

  it('replaces a whole row when its version is the present one, and hands out the next version', async () => {
    const store = create();
    const first = await store.insert(KEY, { a: 1, old: 'x' });

    const second = await store.replace(KEY, { a: 2 }, String(first));

    expect(second).toEqual(expect.any(String));
    expect(second).not.toBe(first);
    expect(await store.get(KEY)).toEqual({ ...KEY, etag: second, columns: { a: 2 } });
  });

  it('refuses to replace a row that somebody else has written since', async () => {
    const store = create();
    const first = await store.insert(KEY, { a: 1 });
    await store.replace(KEY, { a: 2 }, String(first));

    expect(await store.replace(KEY, { a: 3 }, String(first))).toBe(false);
    expect((await store.get(KEY))?.columns).toEqual({ a: 2 });
  });

  it('refuses to replace a row that is not there', async () => {
    const store = create();
    const version = await store.insert(KEY, { a: 1 });

    expect(await store.replace({ partitionKey: 'p', rowKey: 'other' }, { a: 3 }, String(version))).toBe(false);
  });

  it('refuses a cell that is too long, and the same row twice in one transaction', async () => {
    const store = create();
    const twice = [
      { rowKey: 'r', columns: {} },
      { rowKey: 'r', columns: {} },
    ];

    await store.insert(KEY, { text: 'x'.repeat(32_000) });
    const long = store.insert({ ...KEY, rowKey: 'long' }, { text: 'x'.repeat(32_769) });
    await expect(long).rejects.toMatchObject({ code: 'INTERNAL_INVARIANT' });
    await expect(store.putAll('p', twice)).rejects.toMatchObject({ code: 'INTERNAL_INVARIANT' });
    const together = twice.map((row) => ({ ...row, etag: undefined }));
    await expect(store.replaceAll('p', together)).rejects.toMatchObject({ code: 'INTERNAL_INVARIANT' });
  });

  it('lets exactly one of several replace the same version', async () => {
    const store = create();
    const version = String(await store.insert(KEY, { a: 0 }));

    const answers = await Promise.all([1, 2, 3, 4, 5].map(async (a) => await store.replace(KEY, { a }, version)));

    expect(answers.filter((answer) => answer !== false)).toHaveLength(1);
  });

  it('puts rows whatever was there, replacing each of them whole', async () => {
    const store = create();
    await store.insert(KEY, { a: 1, old: 'x' });

    await store.putAll('p', [
      { rowKey: 'r1', columns: { a: 2 } },
      { rowKey: 'r2', columns: { a: 3, gone: undefined } },
    ]);
    await store.putAll('p', []);

    expect((await store.get(KEY))?.columns).toEqual({ a: 2 });
    expect((await store.get({ partitionKey: 'p', rowKey: 'r2' }))?.columns).toEqual({ a: 3 });
  });

  it('writes rows together when each has its version, a new one among them, each replaced whole', async () => {
    const store = create();
    const version = String(await store.insert(KEY, { a: 1, old: 'x' }));

    const written = await store.replaceAll('p', [
      { rowKey: 'r1', columns: { a: 2, gone: undefined }, etag: version },
      { rowKey: 'r2', columns: { a: 3 }, etag: undefined },
    ]);

    expect(written).toHaveLength(2);
    const [first, second] = await Array.fromAsync(store.all());
    expect([first?.columns, second?.columns]).toEqual([{ a: 2 }, { a: 3 }]);
    expect(first?.etag).not.toBe(version);
    expect(await store.replaceAll('p', [])).toHaveLength(0);
  });

  it('hands out with a list the versions that replacing together takes', async () => {
    const store = create();
    await store.putAll('p', [
      { rowKey: 'r1', columns: { a: 1 } },
      { rowKey: 'r2', columns: { a: 1 } },
    ]);
    const rows = await Array.fromAsync(store.range('p'), ({ rowKey, etag }) => ({ rowKey, etag, columns: { a: 2 } }));

    expect(await store.replaceAll('p', rows)).toHaveLength(rows.length);
    expect(await store.replaceAll('p', rows)).toBe(false);
  });

  it.each([
    ['was written since', { rowKey: 'changed', stale: true }],
    ['exists already', { rowKey: 'changed', stale: false }],
    ['is gone', { rowKey: 'gone', stale: true }],
  ])('writes none of several rows when one of them %s, wherever it stands', async (_reason, { rowKey, stale }) => {
    const store = create();
    const version = String(await store.insert(KEY, { a: 1 }));
    const old = String(await store.insert({ ...KEY, rowKey: 'changed' }, { b: 1 }));
    await store.replace({ ...KEY, rowKey: 'changed' }, { b: 2 }, old);
    const good = { rowKey: 'r1', columns: { a: 2 }, etag: version };
    const fresh = { rowKey: 'r2', columns: { a: 2 }, etag: undefined };
    const bad = { rowKey, columns: { b: 3 }, etag: stale ? old : undefined };

    expect(await store.replaceAll('p', [good, fresh, bad])).toBe(false);
    expect(await store.replaceAll('p', [bad, fresh, good])).toBe(false);

    expect(await Array.fromAsync(store.all(), ({ columns }) => columns)).toEqual([{ b: 2 }, { a: 1 }]);
    expect(await store.replaceAll('p', [good, fresh])).toHaveLength(2);
  });

  it('lets exactly one of several replace the same two versions', async () => {
    const store = create();
    await store.putAll('p', [
      { rowKey: 'r1', columns: { a: 0 } },
      { rowKey: 'r2', columns: { a: 0 } },
    ]);
    const rows = await Array.fromAsync(store.all());

    const answers = await Promise.all(
      [1, 2, 3, 4, 5].map(
        async (a) =>
          await store.replaceAll(
            'p',
            rows.map(({ rowKey, etag }) => ({ rowKey, etag, columns: { a } })),
          ),
      ),
    );

    const [etags, ...others] = answers.filter((answer) => answer !== false);
    expect(others).toEqual([]);
    expect(etags).toEqual(await Array.fromAsync(store.all(), ({ etag }) => etag));
    const [one, other] = await Array.fromAsync(store.all(), ({ columns }) => columns['a']);
    expect(one).toBe(other);
  });

  it('puts and lists more rows than one transaction takes, in key order', async () => {
    const store = create();
    const rowKeys = Array.from({ length: 250 }, (_, index) => `r${String(index).padStart(4, '0')}`);

    await store.putAll(
      'p',
      rowKeys.toReversed().map((rowKey) => ({ rowKey, columns: { a: 1 } })),
    );

    expect(await keysOf(store.range('p'))).toEqual(rowKeys.map((rowKey) => `p/${rowKey}`));
    expect(await keysOf(store.all())).toHaveLength(250);
  });

  it('deletes rows of one partition, more than one transaction takes, and those that are gone are no error', async () => {
    const store = create();
    const rowKeys = Array.from({ length: 150 }, (_, index) => `r${String(index).padStart(4, '0')}`);
    await store.putAll(
      'p',
      rowKeys.map((rowKey) => ({ rowKey, columns: { a: 1 } })),
    );
    await store.putAll('other', [{ rowKey: 'r0001', columns: { a: 1 } }]);

    await store.removeAll('p', rowKeys.slice(0, 120));
    await store.removeAll('p', ['r0140', 'nobody', 'r0001', 'r0141']);
    await store.removeAll('p', []);

    expect(await keysOf(store.range('p'))).toHaveLength(28);
    expect(await keysOf(store.range('p', 'r0139', 'r0143'))).toEqual(['p/r0139', 'p/r0142']);
    expect(await keysOf(store.range('other'))).toEqual(['other/r0001']);
  });

  it('deletes a row only in the version that was read', async () => {
    const store = create();
    const first = String(await store.insert(KEY, { a: 1 }));
    const second = String(await store.replace(KEY, { a: 2 }, first));

    expect(await store.remove(KEY, first)).toBe(false);
    expect((await store.get(KEY))?.columns).toEqual({ a: 2 });
    expect(await store.remove(KEY, second)).toBe(true);
    expect(await store.get(KEY)).toBeUndefined();
    expect(await store.remove(KEY, second)).toBe(false);
    expect(await create().remove(KEY, second)).toBe(false);
  });

  it('has nothing to delete while it does not exist', async () => {
    await expect(create().removeAll('p', ['r1'])).resolves.toBeUndefined();
  });

  it('lists the rows of one partition between two keys, the first included and the last not', async () => {
    const store = create();
    await store.putAll(
      'p',
      ['a', 'b_1', 'b_2', 'b`', 'c'].map((rowKey) => ({ rowKey, columns: { a: 1 } })),
    );
    await store.putAll("it's", [{ rowKey: "b'_1", columns: { a: 1 } }]);

    expect(await keysOf(store.range('p', 'b_', 'b`'))).toEqual(['p/b_1', 'p/b_2']);
    expect(await keysOf(store.range('p', 'b`'))).toEqual(['p/b`', 'p/c']);
    expect(await keysOf(store.range("it's", "b'", "b'`"))).toEqual(["it's/b'_1"]);
    expect(await keysOf(store.range('nobody'))).toEqual([]);
    expect(await keysOf(store.all())).toHaveLength(6);
  });

  it('selects by a column that differs from a text; a row without that column does not', async () => {
    const store = create();
    await store.putAll('p', [
      { rowKey: '1', columns: { pending: '[]' } },
      { rowKey: '2', columns: { pending: '[1]' } },
      { rowKey: '3', columns: { pending: '[]', run: '{}' } },
      { rowKey: '4', columns: { other: 'x' } },
    ]);

    expect(await keysOf(store.where("pending ne '[]' or run ne ''"))).toEqual(['p/2', 'p/3']);
  });
});

interface Answer {
  readonly status: number;
  readonly code?: string;
}

/** A table behind the real client, whose every request is answered by this function. */
function answering(answer: (request: PipelineRequest) => Answer | Promise<Answer>): PrunableTableStore {
  const httpClient: HttpClient = {
    async sendRequest(request) {
      const { status, code } = await answer(request);
      const headers = createHttpHeaders({ 'content-type': 'application/json' });
      const error = { 'odata.error': { code, message: { lang: 'en-US', value: 'refused' } } };
      return { request, status, headers, bodyAsText: code === undefined ? '' : JSON.stringify(error) };
    },
  };
  const options = { httpClient, retryOptions: { maxRetries: 0 } };
  return createTableStore(new TableClient('https://localhost:1/account', 'test', credential, options));
}

function unreachable(): PrunableTableStore {
  const retryOptions = { maxRetries: 0 };
  return createTableStore(new TableClient('https://localhost:1/account', 'test', credential, { retryOptions }));
}

describe('Table Storage that cannot be used', () => {
  const uses: Readonly<Record<string, (store: PrunableTableStore) => Promise<unknown>>> = {
    get: async (store) => await store.get(KEY),
    insert: async (store) => await store.insert(KEY, { a: 1 }),
    replace: async (store) => await store.replace(KEY, { a: 1 }, 'W/"1"'),
    putAll: async (store) => await store.putAll('p', [{ rowKey: 'r', columns: { a: 1 } }]),
    replaceAll: async (store) => await store.replaceAll('p', [{ rowKey: 'r', columns: { a: 1 }, etag: undefined }]),
    remove: async (store) => await store.remove(KEY, 'W/"1"'),
    removeAll: async (store) => await store.removeAll('p', ['r']),
    range: async (store) => await keysOf(store.range('p')),
    where: async (store) => await keysOf(store.where("a ne ''")),
    all: async (store) => await keysOf(store.all()),
  };

  it.each(Object.entries(uses))('is one error, whatever was asked: %s', async (_name, use) => {
    await expect(use(unreachable())).rejects.toMatchObject({
      code: 'STORAGE_UNAVAILABLE',
      message: expect.stringMatching(/^table test cannot be used: no answer /),
    });
  });

  it('is a defect of ours when the service refuses for good, and names the status and the code', async () => {
    const store = createTableStore(new TableClient(endpoint, 'refused', credential));

    const invalid = store.insert({ partitionKey: 'a/b', rowKey: 'r' }, { a: 'x'.repeat(40_000) });

    await expect(invalid).rejects.toMatchObject({ code: 'INTERNAL_INVARIANT', details: { status: 400 } });
  });

  it('never takes a missing table for a missing row when it cannot be created', async () => {
    const store = createTableStore(new TableClient(endpoint, 'a_name_that_is_not_allowed', credential));

    await expect(store.get(KEY)).rejects.toMatchObject({ code: 'INTERNAL_INVARIANT', details: { status: 400 } });
  });

  it.each([
    [400, 'PropertyValueTooLarge', 'INTERNAL_INVARIANT'],
    [413, 'RequestBodyTooLarge', 'INTERNAL_INVARIANT'],
    [401, 'InvalidAuthenticationInfo', 'STORAGE_UNAVAILABLE'],
    [403, 'AuthorizationPermissionMismatch', 'STORAGE_UNAVAILABLE'],
    [409, 'TableBeingDeleted', 'STORAGE_UNAVAILABLE'],
    [429, 'TooManyRequests', 'STORAGE_UNAVAILABLE'],
    [500, 'InternalError', 'STORAGE_UNAVAILABLE'],
    [503, 'ServerBusy', 'STORAGE_UNAVAILABLE'],
  ] as const)('says whether another try may help: %i %s', async (status, code, expected) => {
    for (const use of Object.values(uses)) {
      const store = answering(() => ({ status, code }));
      await expect(use(store)).rejects.toMatchObject({ code: expected, message: expect.stringContaining(code) });
    }
  });

  it('takes a row for one that exists already only when the service says so of the row', async () => {
    const exists = answering(() => ({ status: 409, code: 'EntityAlreadyExists' }));

    expect(await uses['insert']?.(exists)).toBe(false);
    expect(await uses['replaceAll']?.(exists)).toBe(false);
    for (const name of ['replace', 'putAll'])
      await expect(uses[name]?.(exists)).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
  });

  it('is created once, and also serves who asked before it was there and is answered after', async () => {
    const used = Promise.withResolvers<void>();
    const asked: string[] = [];
    const store = answering(async ({ method }) => {
      asked.push(method);
      if (method === 'POST') return { status: 204 };
      if (asked.length > 2) return { status: 404, code: 'ResourceNotFound' };
      if (asked.length === 1) await used.promise;
      return { status: 404, code: 'TableNotFound' };
    });

    const late = store.get(KEY);
    expect(await store.get(KEY)).toBeUndefined();
    expect(asked).toEqual(['GET', 'GET', 'POST', 'GET']);
    used.resolve();

    await expect(late).resolves.toBeUndefined();
  });
});
