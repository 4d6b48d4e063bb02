import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { JsonObject } from '../azure/json.ts';
import type { Clock } from '../azure/provider.ts';

/** An event as its partition keeps it. */
export interface HubEvent {
  /** Counts from 0 within the partition. */
  readonly sequenceNumber: number;
  /** Bytes of all bodies before this one in the partition. */
  readonly offset: string;
  readonly enqueuedTimeUtc: Date;
  readonly partitionKey: string | undefined;
  readonly properties: JsonObject;
  readonly body: string;
}

export interface SendOptions {
  /** Events of one key share a partition; without one the partitions take turns. */
  readonly partitionKey?: string | undefined;
  /** The application's own properties. */
  readonly properties?: JsonObject;
}

export interface EventHubOptions {
  readonly name: string;
  /** Default 2. */
  readonly partitionCount?: number;
  /** Besides `$Default`. */
  readonly consumerGroups?: readonly string[];
  /** Default: real time. */
  readonly clock?: Clock;
}

const DEFAULT_CONSUMER_GROUP = '$Default';
/** The most that one event, or one request, may hold. https://learn.microsoft.com/azure/event-hubs/event-hubs-quotas */
const MAX_EVENT_BYTES = 1024 * 1024;
/** A hub that lives for days forgets its oldest events, as the real one does after its retention time. */
const MAX_KEPT = 10_000;

interface Partition {
  readonly events: HubEvent[];
  nextSequenceNumber: number;
  nextOffset: number;
  arrival: PromiseWithResolvers<void>;
}

/** A simulated Event Hub: partitions that only grow, each in the order in which its events were sent. */
export class EventHub {
  readonly name: string;
  readonly consumerGroups: readonly string[];
  readonly #clock: Clock;
  readonly #partitions = new Map<string, Partition>();
  #turn = 0;

  constructor({ name, partitionCount = 2, consumerGroups = [], clock }: EventHubOptions) {
    this.name = name;
    this.consumerGroups = [DEFAULT_CONSUMER_GROUP, ...consumerGroups];
    this.#clock = clock ?? { now: () => new Date() };
    for (let index = 0; index < partitionCount; index += 1) {
      const arrival = Promise.withResolvers<void>();
      this.#partitions.set(String(index), { events: [], nextSequenceNumber: 0, nextOffset: 0, arrival });
    }
  }

  get partitionIds(): readonly string[] {
    return [...this.#partitions.keys()];
  }

  /** Appends one event (an object as JSON) and returns the id of its partition. Throws a RangeError over 1 MB. */
  send(body: string | object, options: SendOptions = {}): string {
    const [partitionId = ''] = this.sendBatch([{ body, ...options }]);
    return partitionId;
  }

  /** Appends all events or none; those without a key go to one partition together. Returns the partition of each. */
  sendBatch(events: readonly (SendOptions & { readonly body: string | object })[]): readonly string[] {
    const texts = events.map(({ body }) => (typeof body === 'string' ? body : JSON.stringify(body)));
    const tooLarge = texts.find((text) => Buffer.byteLength(text) > MAX_EVENT_BYTES);
    if (tooLarge !== undefined) throw new RangeError(`an event may hold ${MAX_EVENT_BYTES} bytes at most`);
    const shared = this.#takeTurn();
    return events.map(({ partitionKey, properties = {} }, index) => {
      const partitionId = partitionKey === undefined ? shared : this.#partitionOf(partitionKey);
      this.#append(partitionId, { partitionKey, properties, body: texts[index] ?? '' });
      return partitionId;
    });
  }

  /** Events behind a sequence number (-1 = from the start), oldest first. Undefined: there is no such partition. */
  read(partitionId: string, after: number, max: number): readonly HubEvent[] | undefined {
    return this.#partitions
      .get(partitionId)
      ?.events.filter(({ sequenceNumber }) => sequenceNumber > after)
      .slice(0, max);
  }

  /** As `read`, but waits up to `waitMs` of real time until there is something. */
  async receive(
    partitionId: string,
    after: number,
    max: number,
    waitMs: number,
  ): Promise<readonly HubEvent[] | undefined> {
    const arrival = this.#partitions.get(partitionId)?.arrival;
    const found = this.read(partitionId, after, max);
    if (arrival === undefined || found === undefined || found.length > 0) return found;
    await Promise.race([arrival.promise, sleep(waitMs, undefined, { ref: false })]);
    return this.read(partitionId, after, max);
  }

  #takeTurn(): string {
    const partitionId = String(this.#turn % this.#partitions.size);
    this.#turn += 1;
    return partitionId;
  }

  #partitionOf(key: string): string {
    return String(createHash('sha256').update(key).digest().readUInt32BE() % this.#partitions.size);
  }

  #append(partitionId: string, event: Pick<HubEvent, 'partitionKey' | 'properties' | 'body'>): void {
    const partition = this.#partitions.get(partitionId);
    if (!partition) throw new Error(`the hub '${this.name}' has no partition ${partitionId}`);
    const { events, nextOffset, nextSequenceNumber } = partition;
    const place = { sequenceNumber: nextSequenceNumber, offset: String(nextOffset) };
    events.push({ ...place, enqueuedTimeUtc: this.#clock.now(), ...event });
    if (events.length > MAX_KEPT) events.shift();
    partition.nextSequenceNumber += 1;
    partition.nextOffset += Buffer.byteLength(event.body);
    partition.arrival.resolve();
    partition.arrival = Promise.withResolvers<void>();
  }
}
