import type { QueueServiceClient } from '@azure/storage-queue';

/** How many messages wait, by queue; those count too that are in work or wait for their time. */
export class QueueGauge {
  readonly #queues: QueueServiceClient;
  readonly #names: readonly string[];
  #counts: Readonly<Record<string, number>> = {};
  #longest = 0;

  constructor(queues: QueueServiceClient, names: readonly string[]) {
    this.#queues = queues;
    this.#names = names;
  }

  /** As last read. */
  get depth(): number {
    return Object.values(this.#counts).reduce((sum, count) => sum + count, 0);
  }

  /** Most messages of all queues together. */
  get longest(): number {
    return this.#longest;
  }

  async read(): Promise<Readonly<Record<string, number>>> {
    const read = this.#names.map(async (name): Promise<[string, number]> => {
      const { approximateMessagesCount = 0 } = await this.#queues.getQueueClient(name).getProperties();
      return [name, approximateMessagesCount];
    });
    this.#counts = Object.fromEntries(await Promise.all(read));
    this.#longest = Math.max(this.#longest, this.depth);
    return this.#counts;
  }
}
