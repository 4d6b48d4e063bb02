import type { EventGridEvent, PublishedEvent } from './event.ts';
import { matchesFilter } from './filter.ts';
import { defaultRetryPolicy } from './retry.ts';
import { realScheduler, type Scheduler } from './scheduler.ts';
import {
  createSubscription,
  type DeliveryCounts,
  type Disturbance,
  type Subscription,
  type SubscriptionOptions,
} from './subscription.ts';

export interface EventGridOptions {
  /** Default: real time. */
  readonly clock?: Scheduler;
  /** In [0, 1). Default: Math.random. */
  readonly random?: () => number;
}

/** A system topic with its subscriptions: at-least-once delivery, retries, dead letters. */
export interface EventGrid {
  /** Makes a subscription, after the validation Azure does first. Rejects when that fails. */
  subscribe(options: SubscriptionOptions): Promise<void>;
  unsubscribe(name: string): void;
  /** Hands events to every subscription whose filter they fit; delivery goes on in the background. */
  publish(...events: readonly PublishedEvent[]): void;
  /** From now on; `{}` ends it. */
  disturb(name: string, disturbance: Disturbance): void;
  /** Settles when nothing is being delivered and nothing is due; a retry in the future does not count. */
  idle(): Promise<void>;
  /** Attempts everything that waits, without waiting, until each event is delivered, dead-lettered or dropped. */
  flush(): Promise<void>;
  counts(name: string): DeliveryCounts;
  /** Forgets what waits, in all subscriptions. */
  close(): void;
}

/** Event Grid refuses larger events with 413. */
const maxEventBytes = 1024 * 1024;
/** A flush of a dead-letter place that never answers must end: 4 hours at one attempt per 5 minutes, and the deliveries before. */
const maxFlushRounds = 100;

export function createEventGrid(options: EventGridOptions = {}): EventGrid {
  const { clock = realScheduler, random = Math.random } = options;
  const subscriptions = new Map<string, Subscription>();

  function find(name: string): Subscription {
    const subscription = subscriptions.get(name);
    if (subscription === undefined) throw new Error(`There is no event subscription '${name}'.`);
    return subscription;
  }

  async function idle(): Promise<void> {
    await Promise.all([...subscriptions.values()].map(async (subscription) => await subscription.idle()));
  }

  return {
    async subscribe(wanted) {
      const retryPolicy = { ...defaultRetryPolicy, ...wanted.retryPolicy };
      const subscription = createSubscription({ ...wanted, retryPolicy }, clock, random);
      await wanted.destination.validate(wanted.schema ?? 'EventGridSchema');
      subscriptions.get(wanted.name)?.close();
      subscriptions.set(wanted.name, subscription);
    },
    unsubscribe(name) {
      find(name).close();
      subscriptions.delete(name);
    },
    publish(...events) {
      for (const published of events) {
        const event: EventGridEvent = { ...published, metadataVersion: published.metadataVersion ?? '1' };
        if (Buffer.byteLength(JSON.stringify(event)) > maxEventBytes) {
          throw new Error(`The event '${event.id}' is larger than 1 MB.`);
        }
        for (const subscription of subscriptions.values()) {
          if (matchesFilter(event, subscription.filter)) subscription.accept(event);
        }
      }
    },
    disturb: (name, disturbance) => find(name).disturb(disturbance),
    idle,
    async flush() {
      for (let round = 0; round < maxFlushRounds; round += 1) {
        await idle();
        const waiting = [...subscriptions.values()].filter((subscription) => subscription.counts().waiting > 0);
        if (waiting.length === 0) return;
        for (const subscription of waiting) subscription.hasten();
      }
      await idle();
    },
    counts: (name) => find(name).counts(),
    close() {
      for (const subscription of subscriptions.values()) subscription.close();
    },
  };
}
