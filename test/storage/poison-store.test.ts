import { BlobServiceClient } from '@azure/storage-blob';
import { describe, expect, it } from 'vitest';
import { createPoisonStore } from '../../src/poison/poison-store.ts';
import { claimStorageAccount } from '../support/storage.ts';

const { blob: endpoint, credential } = claimStorageAccount();

describe('poison', () => {
  it('is kept whole, in a container that is created with the first of it', async () => {
    const container = new BlobServiceClient(endpoint, credential).getContainerClient('poison');
    const store = createPoisonStore(container);
    const body = `{"ü":"${'x'.repeat(100_000)}"}`;

    expect(await store.save('work', 'abc', body)).toBe('work/abc');
    expect(await store.save('work', 'abc', body)).toBe('work/abc');

    const kept = await container.getBlobClient('work/abc').downloadToBuffer();
    expect(kept.toString()).toBe(body);
    expect(await Array.fromAsync(container.listBlobsFlat(), ({ name }) => name)).toEqual(['work/abc']);
  });

  it('that cannot be kept is an error', async () => {
    const away = new BlobServiceClient('https://localhost:1/account', credential, { retryOptions: { maxTries: 1 } });

    const saving = createPoisonStore(away.getContainerClient('poison')).save('work', 'abc', 'x');

    await expect(saving).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
  });
});
