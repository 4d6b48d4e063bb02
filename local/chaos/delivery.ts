import { setTimeout as wait } from 'node:timers/promises';
import type { QueueClient } from '@azure/storage-queue';
import type { Clock } from '../../src/engine/ports.ts';
import type { ResourceEvent } from '../azure/events.ts';
import type { AzureSimulator } from '../azure/simulator.ts';
import type { Plan } from './plan.ts';

export interface DeliveryOptions {
  readonly simulator: Pick<AzureSimulator, 'state'>;
  readonly clock: Clock;
  readonly queue: QueueClient;
  /** Messages in all queues; the emulator gets slow when they are many, so nothing is sent while there are. */
  readonly depth: () => number;
  readonly ended: AbortSignal;
}

const DEEPEST = 500;
const POLL_MS = 50;
/** Messages sent side by side: they arrive in any order. */
const LANES = 8;

/** Puts events into the queue as Event Grid does: at least once, in no certain order, one or several in a message. */
export class Delivery {
  readonly #options: DeliveryOptions;
  /** Events of the plan's writes, by the number of the write. */
  readonly #raised: ResourceEvent[] = [];
  /** Events of everybody else: the product's own writes. */
  readonly #others: ResourceEvent[] = [];
  readonly #changes = new Map<string, Date>();
  #isWriting = false;
  #sent = 0;
  #othersSent = 0;
  #isDone = false;

  constructor(options: DeliveryOptions) {
    this.#options = options;
  }

  /** When each resource was last changed. */
  get changes(): readonly { readonly resourceId: string; readonly time: Date }[] {
    return [...this.#changes].map(([resourceId, time]) => ({ resourceId, time }));
  }

  /** Events of the plan that were sent, duplicates included. */
  get sent(): number {
    return this.#sent;
  }

  /** Events of the product's own writes that were sent. */
  get othersSent(): number {
    return this.#othersSent;
  }

  /** Is everything sent that has happened? */
  get isDone(): boolean {
    return this.#isDone && this.#others.length === 0;
  }

  /** For `onEvent` of the simulated Azure. */
  take(event: ResourceEvent): void {
    (this.#isWriting ? this.#raised : this.#others).push(event);
  }

  /** Makes the plan's writes and sends their events, message by message. */
  async perform({ writes, messages }: Pick<Plan, 'writes' | 'messages'>): Promise<void> {
    const { simulator, clock, depth, ended } = this.#options;
    const underWay = new Set<Promise<void>>();
    for (const message of messages) {
      while (depth() > DEEPEST) await wait(POLL_MS, undefined, { signal: ended });
      // Whatever an event tells has happened before it.
      for (const { id, change, by } of writes.slice(this.#raised.length, Math.max(...message) + 1)) {
        this.#isWriting = true;
        simulator.state.patch(id, change, { by });
        this.#isWriting = false;
        this.#changes.set(id, clock.now());
      }
      const events = message.flatMap((write) => this.#raised[write] ?? []);
      const sending: Promise<void> = this.#send(events).finally(() => underWay.delete(sending));
      underWay.add(sending);
      while (underWay.size >= LANES) await Promise.race(underWay);
      this.#sent += events.length;
    }
    await Promise.all(underWay);
    this.#isDone = true;
  }

  /** Sends the events of others that have come up. */
  async sendOthers(): Promise<void> {
    const events = this.#others.slice();
    for (const event of events) await this.#send([event]);
    this.#others.splice(0, events.length);
    this.#othersSent += events.length;
  }

  async #send(events: readonly ResourceEvent[]): Promise<void> {
    const body = JSON.stringify(events.length === 1 ? events[0] : events);
    await this.#options.queue.sendMessage(Buffer.from(body).toString('base64'), { messageTimeToLive: -1 });
  }
}
