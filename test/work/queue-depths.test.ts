import { QueueClient } from '@azure/storage-queue';
import { describe, expect, it } from 'vitest';
import { DockwardenError } from '../../src/errors.ts';
import { createQueueDepths } from '../../src/work/queue-depths.ts';
import { createWorkQueue } from '../../src/work/work-queue.ts';
import { claimStorageAccount } from '../support/storage.ts';

const { queue: endpoint, credential } = claimStorageAccount();
const open = (name: string) => new QueueClient(`${endpoint}/${name}`, credential, { retryOptions: { maxTries: 1 } });

describe('the depth of a queue', () => {
  it('counts its messages, those that wait for their time included', async () => {
    const work = createWorkQueue(open('work'));
    await work.send('now', 0);
    await work.send('later', 3_600_000);

    expect(await createQueueDepths(open).of('work')).toBe(2);
  });

  it('is nothing where there is no such queue: nobody has sent anything', async () => {
    expect(await createQueueDepths(open).of('nowhere')).toBe(0);
  });

  it('is not told while storage cannot be asked', async () => {
    const elsewhere = createQueueDepths(
      (name) => new QueueClient(`https://localhost:1/${name}`, credential, { retryOptions: { maxTries: 1 } }),
    );

    const error: unknown = await elsewhere.of('work').catch((thrown: unknown) => thrown);

    expect(error).toBeInstanceOf(DockwardenError);
    expect(error).toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
  });
});
