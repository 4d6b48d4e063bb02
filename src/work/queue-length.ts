import type { QueueClient } from '@azure/storage-queue';
import { describeStorageError, storageError } from '../storage/storage-error.ts';

/** How much is in a queue. */
export interface QueueLength {
  /** Roughly, as Azure counts; those that wait for their time as well. */
  readonly messages: number;
  /** When the message was sent that would be received next; undefined = none can be received now. */
  readonly oldestSentAt: Date | undefined;
}

/** Undefined = there is no such queue. Rejects with `STORAGE_UNAVAILABLE`. Takes no message and hides none. */
export async function readQueueLength(queue: QueueClient, abortSignal: AbortSignal): Promise<QueueLength | undefined> {
  try {
    const { approximateMessagesCount: messages = 0 } = await queue.getProperties({ abortSignal });
    const { peekedMessageItems } = await queue.peekMessages({ numberOfMessages: 1, abortSignal });
    return { messages, oldestSentAt: peekedMessageItems[0]?.insertedOn };
  } catch (error) {
    const { code, status } = describeStorageError(error);
    // The answer to a request for properties has no body, and so no code.
    if (code === 'QueueNotFound' || status === 404) return undefined;
    throw storageError(`queue ${queue.name}`, error);
  }
}
