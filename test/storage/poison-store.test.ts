import { BlobServiceClient, type ContainerClient } from '@azure/storage-blob';
import { describe, expect, it } from 'vitest';
import { createPoisonStore } from '../../src/poison/poison-store.ts';
import { claimStorageAccount } from '../support/storage.ts';

const { blob: endpoint, credential } = claimStorageAccount();

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
