import type { QueueClient } from '@azure/storage-queue';
import { DockwardenError } from '../errors.ts';
import { describeStorageError } from '../storage/storage-error.ts';

/** Sends wake-ups to queue `work`; one message = one resource to reconcile. */
export interface WorkQueue {
  /** `text` becomes visible after `delayMs` (at most 24 h). Rejects with `STORAGE_UNAVAILABLE`. */
  send(text: string, delayMs: number): Promise<void>;
}

/** Longest wait for one answer, in milliseconds. */
const CALL_TIMEOUT = 10_000;

/** Messages never expire (time-to-live −1) and are base64, as the Functions host reads them. */
export function createWorkQueue(client: QueueClient): WorkQueue {
  async function sendOnce(text: string, delayMs: number): Promise<void> {
    await client.sendMessage(Buffer.from(text).toString('base64'), {
      messageTimeToLive: -1,
      visibilityTimeout: Math.ceil(delayMs / 1000),
      abortSignal: AbortSignal.timeout(CALL_TIMEOUT),
    });
  }
  async function sendOrCreate(text: string, delayMs: number): Promise<void> {
    try {
      await sendOnce(text, delayMs);
    } catch (error) {
      if (describeStorageError(error).code !== 'QueueNotFound') throw error;
      await client.createIfNotExists({ abortSignal: AbortSignal.timeout(CALL_TIMEOUT) });
      await sendOnce(text, delayMs);
    }
  }

  return {
    async send(text, delayMs) {
      try {
        await sendOrCreate(text, delayMs);
      } catch (error) {
        throw unavailable(client.name, error);
      }
    },
  };
}

function unavailable(queue: string, error: unknown): DockwardenError {
  const { status, code } = describeStorageError(error);
  return new DockwardenError(
    'STORAGE_UNAVAILABLE',
    `queue ${queue} cannot be used: ${status ?? 'no answer'} ${code ?? ''}`,
    {
      cause: error,
    },
  );
}
