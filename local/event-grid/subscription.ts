import type { DeadLetterWriter } from './dead-letter.ts';
import type { Destination } from './destinations.ts';
import type { DeliverySchema, EventGridEvent } from './event.ts';
import { checkFilter, type EventFilter } from './filter.ts';
import { type DeliveryResult, isFinal, type RetryPolicy, retryDelay } from './retry.ts';
import type { Scheduler } from './scheduler.ts';

/** Misbehaviour that Event Grid's guarantees allow (at least once, no order); a test asks for it. */
export interface Disturbance {
  /** Share of events delivered twice, 0–1. */
  readonly duplicates?: number;
  /** Each event waits a random part of this time, so that events overtake each other. */
  readonly reorderWithinMs?: number;
  /** Each event waits this long before its first attempt. */
  readonly delayMs?: number;
}

export interface SubscriptionOptions {
  /** 3–64 of letters, digits and `-`. */
  readonly name: string;
  readonly destination: Destination;
  readonly filter?: EventFilter;
  /** Default `EventGridSchema`. */
  readonly schema?: DeliverySchema;
  readonly retryPolicy?: Partial<RetryPolicy>;
  /** Absent: what cannot be delivered is dropped. */
  readonly deadLetter?: DeadLetterWriter;
  /** Attempts at the same time. Default 1 for a queue (which keeps the order of publishing), 16 for a webhook. */
  readonly concurrency?: number;
}

/** What became of a subscription's events so far. */
export interface DeliveryCounts {
  readonly delivered: number;
  readonly failedAttempts: number;
  readonly deadLettered: number;
  readonly dropped: number;
  /** Events that wait for an attempt or for their dead letter. */
  readonly waiting: number;
}

export interface Subscription {
  readonly name: string;
  readonly filter: EventFilter;
  accept(event: EventGridEvent): void;
  disturb(disturbance: Disturbance): void;
  /** Makes everything due now, retries and dead letters included. */
  hasten(): void;
  /** Settles when nothing is being delivered and nothing is due. */
  idle(): Promise<void>;
  counts(): DeliveryCounts;
  /** Forgets what waits. */
  close(): void;
}

interface Entry {
  readonly event: EventGridEvent;
  readonly publishTime: Date;
  due: number;
  attempts: number;
  lastAttempt: Date | undefined;
  lastResult: DeliveryResult | undefined;
  /** Set once delivery has been given up. */
  reason: string | undefined;
  /** When the dead letter was first tried to be written. */
  deadLetterSince: number | undefined;
}

/** https://learn.microsoft.com/azure/event-grid/delivery-and-retry#dead-letter-events */
const deadLetterDelayMs = 5 * 60_000;
const deadLetterPatienceMs = 4 * 3_600_000;

export function createSubscription(
  options: SubscriptionOptions & { readonly retryPolicy: RetryPolicy },
  scheduler: Scheduler,
  random: () => number,
): Subscription {
  const { name, destination, filter = {}, schema = 'EventGridSchema', retryPolicy, deadLetter } = options;
  if (!/^[a-z0-9-]{3,64}$/iu.test(name)) throw new Error(`'${name}' is not a name of an event subscription.`);
  checkFilter(filter);
  const concurrency = options.concurrency ?? (destination.kind === 'webhook' ? 16 : 1);
  /** Due, in order. */
  const ready: Entry[] = [];
  /** Due later, with what cancels the timer. */
  const scheduled = new Map<Entry, () => void>();
  const active = new Set<Promise<void>>();
  const tally = { delivered: 0, failedAttempts: 0, deadLettered: 0, dropped: 0 };
  let attemptsRunning = 0;
  let disturbance: Disturbance = {};

  function enqueue(entry: Entry, delayMs: number): void {
    Object.assign(entry, { due: scheduler.now().getTime() + delayMs });
    if (delayMs > 0)
      scheduled.set(
        entry,
        scheduler.schedule(() => makeReady(entry), delayMs),
      );
    else makeReady(entry);
  }

  function makeReady(entry: Entry): void {
    scheduled.delete(entry);
    ready.push(entry);
    // Only after the current publisher has finished, so that its events can share a batch.
    track(Promise.resolve().then(pump));
  }

  function track(work: Promise<void>): void {
    active.add(work);
    void work.finally(() => active.delete(work));
  }

  function pump(): void {
    while (attemptsRunning < concurrency && ready.length > 0) {
      attemptsRunning += 1;
      const work = process(takeBatch()).finally(() => {
        attemptsRunning -= 1;
        pump();
      });
      track(work);
    }
  }

  /** From the front: events to deliver as one batch, or one dead letter. */
  function takeBatch(): Entry[] {
    const front = ready.slice(0, destination.maxEventsPerBatch);
    const deadLetterAt = front.findIndex(({ reason }) => reason !== undefined);
    const size = deadLetterAt === -1 ? front.length : deadLetterAt;
    return ready.splice(0, Math.max(1, size));
  }

  async function process(batch: readonly Entry[]): Promise<void> {
    const [first] = batch;
    if (first?.reason !== undefined) {
      await bury(first, first.reason);
      return;
    }
    const alive = batch.filter((entry) => !expire(entry));
    const [oldest] = alive;
    if (oldest === undefined) return;
    const events = alive.map(({ event }) => event);
    const result = await destination.deliver({ subscriptionName: name, events, schema, attempts: oldest.attempts });
    for (const entry of alive) settle(entry, result);
  }

  /** The time to live is looked at only here, when an attempt falls due. */
  function expire(entry: Entry): boolean {
    const age = scheduler.now().getTime() - entry.publishTime.getTime();
    if (entry.attempts === 0 || age < retryPolicy.eventTimeToLiveInMinutes * 60_000) return false;
    giveUp(entry, 'TimeToLiveExceeded');
    return true;
  }

  function settle(entry: Entry, result: DeliveryResult): void {
    Object.assign(entry, { attempts: entry.attempts + 1, lastAttempt: scheduler.now(), lastResult: result });
    if (result.delivered) {
      tally.delivered += 1;
      return;
    }
    tally.failedAttempts += 1;
    if (isFinal(result, destination.kind)) giveUp(entry, result.outcome);
    else if (entry.attempts >= retryPolicy.maxDeliveryAttempts) giveUp(entry, 'MaxDeliveryAttemptsExceeded');
    else enqueue(entry, retryDelay(entry.attempts, result, random()));
  }

  function giveUp(entry: Entry, reason: string): void {
    if (deadLetter === undefined) {
      tally.dropped += 1;
      return;
    }
    enqueue(Object.assign(entry, { reason }), deadLetterDelayMs);
  }

  async function bury(entry: Entry, reason: string): Promise<void> {
    const now = scheduler.now();
    try {
      const letter = {
        event: entry.event,
        deadLetterReason: reason,
        deliveryAttempts: entry.attempts,
        lastDeliveryOutcome: entry.lastResult?.outcome ?? 'Delivering',
        publishTime: entry.publishTime,
        lastDeliveryAttemptTime: entry.lastAttempt,
      };
      await deadLetter?.(name, letter, now);
      tally.deadLettered += 1;
    } catch {
      const since = entry.deadLetterSince ?? now.getTime();
      if (now.getTime() - since >= deadLetterPatienceMs) tally.dropped += 1;
      else enqueue(Object.assign(entry, { deadLetterSince: since }), deadLetterDelayMs);
    }
  }

  return {
    name,
    filter,
    accept(event) {
      const { duplicates = 0, reorderWithinMs = 0, delayMs = 0 } = disturbance;
      const copies = random() < duplicates ? 2 : 1;
      for (let copy = 0; copy < copies; copy += 1) {
        const wait = delayMs + Math.floor(reorderWithinMs === 0 ? 0 : random() * reorderWithinMs);
        enqueue(createEntry(event, scheduler.now()), wait);
      }
    },
    disturb(wanted) {
      disturbance = wanted;
    },
    hasten() {
      const later = [...scheduled].toSorted(([one], [other]) => one.due - other.due);
      for (const [entry, cancel] of later) {
        cancel();
        makeReady(entry);
      }
    },
    async idle() {
      while (active.size > 0) await Promise.allSettled(active);
    },
    counts: () => ({ ...tally, waiting: ready.length + scheduled.size }),
    close() {
      for (const cancel of scheduled.values()) cancel();
      scheduled.clear();
      ready.length = 0;
    },
  };
}

function createEntry(event: EventGridEvent, publishTime: Date): Entry {
  return {
    event,
    publishTime,
    due: publishTime.getTime(),
    attempts: 0,
    lastAttempt: undefined,
    lastResult: undefined,
    reason: undefined,
    deadLetterSince: undefined,
  };
}
