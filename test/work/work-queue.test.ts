import { QueueServiceClient } from '@azure/storage-queue';
import { describe, expect, it } from 'vitest';
import { createWorkQueue } from '../../src/work/work-queue.ts';
import { claimStorageAccount } from '../support/storage.ts';

const { queue: endpoint, credential } = claimStorageAccount();
const service = new QueueServiceClient(endpoint, credential, { retryOptions: { maxTries: 1 } });

describe('the work queue', () => {
  it('is created with the first message, which is base64 and can be read at once', async () => {
    const client = service.getQueueClient('first');

    await createWorkQueue(client).send('{"text":"ü"}', 0);

    const { receivedMessageItems } = await client.receiveMessages();
    const texts = receivedMessageItems.map(({ messageText }) => Buffer.from(messageText, 'base64').toString());
    expect(texts).toEqual(['{"text":"ü"}']);
  });

  it('keeps a message for ever', async () => {
    const client = service.getQueueClient('forever');

    await createWorkQueue(client).send('x', 0);

    const [message] = (await client.receiveMessages()).receivedMessageItems;
    expect(message?.expiresOn.getUTCFullYear()).toBe(9999);
  });

  it('hides a delayed message, rounding up to whole seconds', async () => {
    const client = service.getQueueClient('delayed');
    const before = Date.now();

    await createWorkQueue(client).send('x', 59_001);

    expect((await client.receiveMessages()).receivedMessageItems).toEqual([]);
    expect((await client.getProperties()).approximateMessagesCount).toBe(1);
    expect(Date.now() - before).toBeLessThan(59_000);
  });

  it.each([0, 1, 999, 1000, 59_001, 86_400_000])('asks for a delay of at least %d ms', async (delayMs) => {
    const asked: number[] = [];
    const client = service.getQueueClient('asked');
    const spy = Object.create(client, {
      sendMessage: {
        value: async (_text: string, options: { visibilityTimeout: number }) => {
          asked.push(options.visibilityTimeout * 1000);
          await Promise.resolve();
        },
      },
    });

    await createWorkQueue(spy).send('x', delayMs);

    expect(asked).toHaveLength(1);
    expect(asked[0]).toBeGreaterThanOrEqual(delayMs);
    expect(asked[0]).toBeLessThan(delayMs + 1000);
  });

  it('that cannot be reached is one error', async () => {
    const away = new QueueServiceClient('https://localhost:1/account', credential, { retryOptions: { maxTries: 1 } });

    await expect(createWorkQueue(away.getQueueClient('work')).send('x', 0)).rejects.toMatchObject({
      code: 'STORAGE_UNAVAILABLE',
      message: expect.stringContaining('queue work cannot be used: no answer'),
    });
  });

  it('that refuses a message is the same error, also right after it was created', async () => {
    const tooLarge = 'x'.repeat(70_000);
    const queue = createWorkQueue(service.getQueueClient('refusing'));

    await expect(queue.send(tooLarge, 0)).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
    await queue.send('x', 0);
    await expect(queue.send(tooLarge, 0)).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
  });
});
