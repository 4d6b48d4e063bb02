import { setTimeout as sleep } from 'node:timers/promises';
import type { EventHubCheckpoints } from './event-hub-checkpoints.ts';
import {
  createEventHubBatch,
  createEventHubSingle,
  type EventHubPartition,
  type ReceivedEvent,
} from './event-hub-input.ts';
import type { EventHubReader } from './event-hub-reader.ts';
import type { TriggerInput } from './invocation.ts';
import type { Log } from './log.ts';
import type { Listener } from './queue-listener.ts';

export interface EventHubListenerOptions {
  readonly hub: Omit<EventHubPartition, 'partitionId'>;
  readonly reader: EventHubReader;
  readonly checkpoints: EventHubCheckpoints;
  /** Cardinality `many`: one call per batch; else one per event, in order. */
  readonly isBatched: boolean;
  readonly maxEventBatchSize: number;
  readonly invoke: (input: TriggerInput) => Promise<unknown>;
  readonly log: Log;
  /** Waits these milliseconds after a failed read; default: real time. */
  readonly delay?: (milliseconds: number, signal: AbortSignal) => Promise<unknown>;
}

const firstDelayMs = 100;
const longestDelayMs = 10_000;

/**
 * Reads every partition of a hub as the Event Hubs extension does: partitions side by side, the batches of one partition
 * one after the other, each followed by a checkpoint – **also when the function failed**, since there is no poison: what
 * fails is lost unless the function retries or keeps it. Only a stop leaves the checkpoint where it was, so that whoever
 * runs next gets the batch again. Without a checkpoint it starts at the oldest event.
 */
export function listenToEventHub(options: EventHubListenerOptions): Listener {
  const stopping = new AbortController();
  const reading = readHub(options, stopping.signal);
  return {
    async stop() {
      stopping.abort();
      await reading;
    },
  };
}

async function readHub(options: EventHubListenerOptions, stopping: AbortSignal): Promise<void> {
  const ids = await insist(options, stopping, async () => await options.reader.partitionIds(stopping));
  await Promise.all((ids ?? []).map(async (id) => await readPartition(options, id, stopping)));
}

async function readPartition(
  options: EventHubListenerOptions,
  partitionId: string,
  stopping: AbortSignal,
): Promise<void> {
  const { checkpoints, hub, maxEventBatchSize, reader } = options;
  const partition = { ...hub, partitionId };
  let after = await insist(options, stopping, async () => (await checkpoints.read(partition)) ?? -1);
  while (after !== undefined && !stopping.aborted) {
    const place = after;
    const events = await insist(
      options,
      stopping,
      async () => await reader.read(partitionId, place, maxEventBatchSize, stopping),
    );
    const last = events?.at(-1);
    if (events === undefined || last === undefined) continue;
    await dispatch(options, partition, events, stopping);
    if (stopping.aborted) return;
    await insist(options, stopping, async () => await checkpoints.write(partition, last));
    after = last.sequenceNumber;
  }
}

async function dispatch(
  { invoke, isBatched }: EventHubListenerOptions,
  partition: EventHubPartition,
  events: readonly ReceivedEvent[],
  stopping: AbortSignal,
): Promise<void> {
  const inputs = isBatched
    ? [createEventHubBatch(partition, events)]
    : events.map((event) => createEventHubSingle(partition, event));
  for (const input of inputs) {
    if (stopping.aborted) return;
    await invoke(input).catch(() => {}); // the invoker has logged it, and the checkpoint moves on all the same
  }
}

/** Tries until it works, with growing pauses. Undefined: it was stopped before. */
async function insist<T>(
  { delay = wait, hub, log }: EventHubListenerOptions,
  stopping: AbortSignal,
  attempt: () => Promise<T>,
): Promise<T | undefined> {
  for (let pause = firstDelayMs; !stopping.aborted; pause = Math.min(pause * 2, longestDelayMs)) {
    try {
      return await attempt();
    } catch (error) {
      if (stopping.aborted) return undefined;
      const reason = error instanceof Error ? error.message : String(error);
      log('Warning', 'Host.Listener', `Event Hub '${hub.eventHubName}': ${reason}`);
      await delay(pause, stopping);
    }
  }
  return undefined;
}

async function wait(milliseconds: number, signal: AbortSignal): Promise<void> {
  await sleep(milliseconds, undefined, { signal }).catch(() => {}); // an abort only ends the wait
}
