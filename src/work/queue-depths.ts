import type { QueueClient } from '@azure/storage-queue';
import { describeStorageError, storageError } from '../storage/storage-error.ts';

/** The app's queues; each has a `-poison` one, which is empty unless nobody can read what is in it. */
export const appQueues = ['resource-events', 'work', 'tickets', 'events'] as const;

/** How many messages wait. */
export interface QueueDepths {
  /** Roughly, and with those that wait for their time; 0 where there is no such queue. Rejects with `STORAGE_UNAVAILABLE`. */
  of(queue: string): Promise<number>;
}

/** Longest wait for one answer, in milliseconds. */
const CALL_TIMEOUT = 10_000;

export function createQueueDepths(open: (name: string) => Pick<QueueClient, 'getProperties'>): QueueDepths {
  return {
    async of(queue) {
      try {
        const { approximateMessagesCount = 0 } = await open(queue).getProperties({
          abortSignal: AbortSignal.timeout(CALL_TIMEOUT),
        });
        return approximateMessagesCount;
      } catch (error) {
        if (describeStorageError(error).status === 404) return 0;
        throw storageError(`queue ${queue}`, error);
      }
    },
  };
}
