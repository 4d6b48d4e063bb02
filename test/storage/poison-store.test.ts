import { BlobServiceClient, type ContainerClient } from '@azure/storage-blob';
import { describe, expect, it, test } from 'vitest';
import { formatMessageId, parseMessageId } from '../../src/poison/message-id.ts';
import { createPoisonStore } from '../../src/poison/poison-store.ts';
import { claimStorageAccount } from '../support/storage.ts';

const { blob: endpoint, credential } = claimStorageAccount();

/** A store whose containers no other test uses. */
function openStore(prefix: string, address = endpoint) {
  const service = new BlobServiceClient(address, credential, { retryOptions: { maxTries: 1 } });
  const containerOf = (kind: string) => service.getContainerClient(`${prefix}-${kind}`);
  return { containerOf, store: createPoisonStore(async (kind) => await Promise.resolve(containerOf(kind))) };
}

describe('messages that were kept', () => {
  it('are listed and read where they lie, and removed one by one', async () => {
    const { containerOf, store } = openStore('kept');
    await store.save('work', 'abc', '{"ü":1}');
    await store.save('work', 'def', '');
    await containerOf('dead-letter').create();
    await containerOf('dead-letter').getBlockBlobClient('T/S/2026/1.json').upload('[]', 2);

    const poison = await Array.fromAsync(store.list('poison'));
    const letters = await Array.fromAsync(store.list('dead-letter'));

    expect(poison).toEqual([
      {
        kind: 'poison',
        name: 'work/abc',
        id: 'poison/work/abc',
        size: 8,
        keptAt: expect.stringMatching(/^\d{4}-.*Z$/),
      },
      { kind: 'poison', name: 'work/def', id: 'poison/work/def', size: 0, keptAt: expect.any(String) },
    ]);
    expect(letters.map(({ id }) => id)).toEqual(['dead-letter/T/S/2026/1.json']);
    for (const message of [...poison, ...letters]) {
      const body = await store.read(message);
      expect(body?.byteLength).toBe(message.size);
      expect(await store.remove(message)).toBe(true);
      expect(await store.remove(message)).toBe(false);
      expect(await store.read(message)).toBeUndefined();
    }
    expect(await Array.fromAsync(store.list('poison'))).toEqual([]);
  });

  it('are none while there is no container', async () => {
    const { store } = openStore('none');
    const place = { kind: 'poison', name: 'work/abc' } as const;

    expect(await Array.fromAsync(store.list('dead-letter'))).toEqual([]);
    expect(await store.read(place)).toBeUndefined();
    expect(await store.remove(place)).toBe(false);
  });

  it('are read up to the size of the largest, and not beyond', async () => {
    const { containerOf, store } = openStore('large');
    const container = containerOf('dead-letter');
    await container.create();
    const largest = 16 * 1024 * 1024;
    /** Never the body itself: nobody could print it. */
    const sizeOf = async (name: string) => (await store.read({ kind: 'dead-letter', name }))?.byteLength;
    await container.getBlockBlobClient('fits.json').upload(Buffer.alloc(largest), largest);
    await container.getBlockBlobClient('more.json').upload(Buffer.alloc(largest + 1), largest + 1);

    expect(await sizeOf('fits.json')).toBe(largest);
    await expect(sizeOf('more.json')).rejects.toMatchObject({ code: 'INPUT_INVALID_MESSAGE' });
  });

  it('are an error while the storage does not answer', async () => {
    const { store } = openStore('away', 'https://localhost:1/account');
    const place = { kind: 'poison', name: 'work/abc' } as const;

    for (const call of [
      async () => await store.read(place),
      async () => await store.remove(place),
      async () => await Array.fromAsync(store.list('poison')),
    ])
      await expect(call()).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
  });
});

describe('the id of a message', () => {
  test.each(['poison/work/0123', 'dead-letter/TOPIC/SUB/2026/11/23/10/a-b.json', 'dead-letter/with space/1.json'])(
    'is %s',
    (id) => {
      const place = parseMessageId(id);

      expect(place && formatMessageId(place)).toBe(id);
    },
  );

  test.each([
    '',
    'poison',
    'poison/',
    'poison//x',
    '/poison/x',
    'poison/x/',
    'audit/x',
    'Poison/x',
    'poison/../dead-letter/x',
    'poison/./x',
    'poison/%2e%2e/x',
    'poison/a?b',
    'poison/a#b',
    'poison/a\\b',
    'poison/a\u0000b',
    'poison/a\u202eb',
    `poison/${'x'.repeat(1025)}`,
  ])('is not %j', (id) => {
    expect(parseMessageId(id)).toBeUndefined();
  });
});

describe('poison', () => {
  it('is kept whole, in a container that is created with the first of it', async () => {
    const container = new BlobServiceClient(endpoint, credential).getContainerClient('poison');
    const store = createPoisonStore(async () => await Promise.resolve(container));
    const body = `{"ü":"${'x'.repeat(100_000)}"}`;

    expect(await store.save('work', 'abc', body)).toBe('work/abc');
    expect(await store.save('work', 'abc', body)).toBe('work/abc');

    const kept = await container.getBlobClient('work/abc').downloadToBuffer();
    expect(kept.toString()).toBe(body);
    expect(await Array.fromAsync(container.listBlobsFlat(), ({ name }) => name)).toEqual(['work/abc']);
  });

  it('that cannot be kept is an error', async () => {
    const away = new BlobServiceClient('https://localhost:1/account', credential, { retryOptions: { maxTries: 1 } });

    const store = createPoisonStore(async () => await Promise.resolve(away.getContainerClient('poison')));

    await expect(store.save('work', 'abc', 'x')).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
  });

  it('opens its container with the first message, once, and tries again when that failed', async () => {
    const container = new BlobServiceClient(endpoint, credential).getContainerClient('opened');
    const opening: (() => Promise<ContainerClient>)[] = [
      async () => await Promise.reject(new Error('not there')),
      async () => await Promise.resolve(container),
    ];
    const store = createPoisonStore(async () => {
      const next = opening.shift();
      if (next === undefined) throw new Error('opened again');
      return await next();
    });
    expect(opening).toHaveLength(2);

    await expect(store.save('work', 'abc', 'x')).rejects.toThrow('not there');
    expect(await store.save('work', 'abc', 'x')).toBe('work/abc');
    expect(await store.save('work', 'def', 'x')).toBe('work/def');
  });
});
