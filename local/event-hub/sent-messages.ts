import * as z from 'zod';
import type { ArmRequest } from '../azure/provider.ts';
import type { SendOptions } from './event-hub.ts';

/** Content type of a batch. https://learn.microsoft.com/rest/api/eventhub/send-batch-events */
const BATCH = 'application/vnd.microsoft.servicebus.json';
/** Headers that belong to HTTP, or to the service; any other is a property of the event. */
const OWN_HEADER =
  /^(?:accept(?:-.*)?|authorization|brokerproperties|cache-control|connection|content-.*|expect|host|pragma|sec-.*|te|trace(?:parent|state)|transfer-encoding|user-agent|x-ms-.*)$/;

const BrokerProperties = z.object({ PartitionKey: z.string().optional() });
const Batch = z
  .array(
    z.object({
      Body: z.string(),
      BrokerProperties: BrokerProperties.optional(),
      UserProperties: z.record(z.string(), z.json()).optional(),
    }),
  )
  .min(1);

export type SentMessage = SendOptions & { readonly body: string };

/** The events that a request to `/{hub}/messages` sends. Undefined: it is malformed. */
export function readSentMessages({ body, headers }: ArmRequest): readonly SentMessage[] | undefined {
  const text = typeof body === 'string' ? body : '';
  if (headers['content-type']?.split(';')[0]?.trim().toLowerCase() === BATCH) return readBatch(text);
  const broker = BrokerProperties.safeParse(parseJson(headers['brokerproperties'] ?? '{}'));
  if (!broker.success) return undefined;
  const properties = Object.fromEntries(Object.entries(headers).filter(([name]) => !OWN_HEADER.test(name)));
  return [{ body: text, partitionKey: broker.data.PartitionKey, properties }];
}

function readBatch(text: string): readonly SentMessage[] | undefined {
  const batch = Batch.safeParse(parseJson(text));
  if (!batch.success) return undefined;
  return batch.data.map((message) => ({
    body: message.Body,
    partitionKey: message.BrokerProperties?.PartitionKey,
    properties: message.UserProperties ?? {},
  }));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
