import { BlobServiceClient } from '@azure/storage-blob';
import { afterEach, describe, expect, it } from 'vitest';
import { createPoisonStore, type PoisonStore } from '../../src/poison/poison-store.ts';
import { claimStorageAccount } from '../support/storage.ts';
import { type BlobAnswers, type RefusingStorage, startRefusingStorage } from './refusing-storage.ts';

const { credential } = claimStorageAccount();
let storage: RefusingStorage;

afterEach(async () => {
  await storage.stop();
});

async function start(answers: BlobAnswers): Promise<PoisonStore> {
  storage = await startRefusingStorage(answers);
  const service = new BlobServiceClient(storage.endpoint, credential, { retryOptions: { maxTries: 1 } });
  return createPoisonStore(async (kind) => await Promise.resolve(service.getContainerClient(kind)));
}

describe('a body that storage refuses', () => {
  it.each([400, 413])('is refused for good with %i, and the error says so', async (status) => {
    const store = await start({ container: 201, blob: status });

    await expect(store.save('work', 'abc', 'x')).rejects.toMatchObject({
      code: 'INTERNAL_INVARIANT',
      message: `blob container poison cannot be used: ${status} Refused`,
      details: { status },
    });
    expect(storage.uploads).toEqual(['/account/poison/work/abc']);
  });

  it.each([401, 403, 404, 409, 412, 429, 500, 503])('may be kept by another try after %i', async (status) => {
    const store = await start({ container: 201, blob: status });

    await expect(store.save('work', 'abc', 'x')).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
    expect(storage.uploads).toHaveLength(1);
  });

  it.each([400, 403, 413, 500])('is not to blame when there is no container for it: %i', async (status) => {
    const store = await start({ container: status, blob: 201 });

    await expect(store.save('work', 'abc', 'x')).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
    expect(storage.uploads).toEqual([]);
  });

  it.each([400, 413, 403])('says nothing about lists, reads and removals: %i', async (status) => {
    const store = await start({ container: status, blob: status });
    const place = { kind: 'poison', name: 'work/abc' } as const;

    for (const call of [
      async () => await store.read(place),
      async () => await store.remove(place),
      async () => await Array.fromAsync(store.list('poison')),
    ])
      await expect(call()).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
  });
});
