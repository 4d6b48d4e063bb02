import { TableClient } from '@azure/data-tables';
import type { TokenCredential } from '@azure/identity';
import { ContainerClient } from '@azure/storage-blob';
import { QueueServiceClient } from '@azure/storage-queue';
import { describeStorageError, storageError } from './storage-error.ts';

/** A queue as it is now. */
export interface QueueState {
  /** Roughly; those that wait for their time are counted, too. */
  readonly messages: number;
  /** When the message was sent that is next; undefined = nothing can be received now. */
  readonly oldestSentAt: Date | undefined;
}

/** Looks into an app's storage and changes nothing. Everything that fails is `STORAGE_UNAVAILABLE`, with the status of the answer. */
export interface StorageProbe {
  /** Undefined = there is no such queue. */
  readQueue(name: string): Promise<QueueState | undefined>;
  /** How many blobs a container holds, `most` at most; undefined = there is no such container. */
  countBlobs(container: string, most: number): Promise<number | undefined>;
  /** Can rows of this table be read? False = there is no such table. */
  canReadTable(name: string): Promise<boolean>;
  /** One row; undefined = there is none, or no such table. */
  readRow(table: string, partitionKey: string, rowKey: string): Promise<Readonly<Record<string, unknown>> | undefined>;
  /** The clock of the storage account, as the header `Date` tells it. */
  askTime(): Promise<Date | undefined>;
}

export interface ProbeEndpoints {
  readonly queue: string;
  readonly table: string;
  readonly blob: string;
}

/** Longest wait for one answer, and for one whole list, in milliseconds. */
const CALL_TIMEOUT = 15_000;
const LIST_TIMEOUT = 60_000;

export function createStorageProbe(credential: TokenCredential, endpoints: ProbeEndpoints): StorageProbe {
  const retryOptions = { maxTries: 2, retryDelayInMs: 200, tryTimeoutInMs: CALL_TIMEOUT };
  const queues = new QueueServiceClient(endpoints.queue, credential, { retryOptions });
  const tableOf = (name: string) =>
    new TableClient(endpoints.table, name, credential, { retryOptions: { maxRetries: 1, retryDelayInMs: 200 } });
  const deadline = (timeout = CALL_TIMEOUT) => ({ abortSignal: AbortSignal.timeout(timeout) });

  return {
    readQueue: async (name) =>
      await guarded(`queue ${name}`, async () => {
        const queue = queues.getQueueClient(name);
        const { approximateMessagesCount: messages = 0 } = await queue.getProperties(deadline());
        const { peekedMessageItems } = await queue.peekMessages({ numberOfMessages: 1, ...deadline() });
        return { messages, oldestSentAt: peekedMessageItems[0]?.insertedOn };
      }),
    countBlobs: async (container, most) =>
      await guarded(`blob container ${container}`, async () => {
        const client = new ContainerClient(`${endpoints.blob}/${container}`, credential, { retryOptions });
        let count = 0;
        for await (const _ of client.listBlobsFlat(deadline(LIST_TIMEOUT))) {
          count += 1;
          if (count >= most) break;
        }
        return count;
      }),
    canReadTable: async (name) => {
      const read = await guarded(`table ${name}`, async () => {
        // A service that answers for one row answers for all.
        for await (const _ of tableOf(name).listEntities({ queryOptions: { select: ['PartitionKey'] }, ...deadline() }))
          break;
        return true;
      });
      return read ?? false;
    },
    readRow: async (table, partitionKey, rowKey) =>
      await guarded(`table ${table}`, async () => ({
        ...(await tableOf(table).getEntity(partitionKey, rowKey, deadline())),
      })),
    askTime: async () =>
      await guarded('queue service', async () => {
        // The service's own properties come without the date; whether there is such a queue matters to nobody here.
        const { date } = await queues.getQueueClient('resource-events').getProperties(deadline());
        return date;
      }),
  };
}

/** Undefined = what was asked for is not there. */
async function guarded<T>(what: string, look: () => Promise<T>): Promise<T | undefined> {
  try {
    return await look();
  } catch (error) {
    if (describeStorageError(error).status === 404) return undefined;
    throw storageError(what, error);
  }
}
