import * as z from 'zod';
import type { EventHubConnection } from './connections.ts';
import type { ReceivedEvent } from './event-hub-input.ts';

/** Reads the partitions of one hub for one consumer group. */
export interface EventHubReader {
  partitionIds(signal: AbortSignal): Promise<readonly string[]>;
  /** Events behind a sequence number (-1 = from the start); waits for a while when there are none. */
  read(partitionId: string, after: number, max: number, signal: AbortSignal): Promise<readonly ReceivedEvent[]>;
}

const SCOPE = 'https://eventhubs.azure.net/.default';
/** Milliseconds that a read waits for an event. */
const WAIT_MS = 20_000;

const Partitions = z.object({ partitionIds: z.array(z.string()) });
const Events = z.object({
  events: z.array(
    z.object({
      body: z.string(),
      sequenceNumber: z.number(),
      offset: z.string(),
      enqueuedTimeUtc: z.string(),
      partitionKey: z.string().optional(),
      properties: z.record(z.string(), z.unknown()),
    }),
  ),
});

/** Reads from the local namespace: Azure has AMQP for this, and the local one an endpoint of its own. */
export function createEventHubReader(
  { credential, fullyQualifiedNamespace }: EventHubConnection,
  eventHubName: string,
  consumerGroup: string,
): EventHubReader {
  const [hub, group] = [encodeURIComponent(eventHubName), encodeURIComponent(consumerGroup)];
  const base = `https://${fullyQualifiedNamespace}/local/${hub}/consumergroups/${group}/partitions`;

  async function get(url: string, signal: AbortSignal): Promise<unknown> {
    const token = await credential.getToken(SCOPE);
    const response = await fetch(url, { signal, headers: { authorization: `Bearer ${token?.token ?? ''}` } });
    if (response.ok) return await response.json();
    const [, detail = 'no details'] = /<Detail>(.*?)<\/Detail>/su.exec(await response.text()) ?? [];
    throw new Error(`${response.status}: ${detail}`);
  }

  return {
    partitionIds: async (signal) => Partitions.parse(await get(base, signal)).partitionIds,
    async read(partitionId, after, max, signal) {
      const url = `${base}/${encodeURIComponent(partitionId)}/events?after=${after}&max=${max}&wait=${WAIT_MS}`;
      return Events.parse(await get(url, signal)).events;
    },
  };
}
