import { randomUUID } from 'node:crypto';
import type { QueueClient } from '@azure/storage-queue';
import * as z from 'zod';
import { type DeliverySchema, type EventGridEvent, renderEvent } from './event.ts';
import { type DeliveryResult, readFailure, readStatus } from './retry.ts';

/** One attempt to hand over a batch. */
interface Delivery {
  readonly subscriptionName: string;
  readonly events: readonly EventGridEvent[];
  readonly schema: DeliverySchema;
  /** Attempts before this one. */
  readonly attempts: number;
}

export interface Destination {
  readonly kind: 'azureResource' | 'webhook';
  /** Largest batch it can take. */
  readonly maxEventsPerBatch: number;
  /** What Event Grid does once, when the subscription is made; rejects when it would be refused. */
  validate(schema: DeliverySchema): Promise<void>;
  deliver(delivery: Delivery): Promise<DeliveryResult>;
}

/** A storage queue message holds 64 KiB, which is 48 KiB before base64. */
const maxMessageBytes = 64 * 1024;
const defaultMessageTimeToLiveSeconds = 604_800;

export interface QueueDestinationOptions {
  readonly queue: QueueClient;
  /** Seconds; -1 = never expires. Default: 7 days. */
  readonly messageTimeToLiveSeconds?: number;
}

/** Storage queue: one event per message, base64 of its JSON. */
export function createQueueDestination(options: QueueDestinationOptions): Destination {
  const { queue, messageTimeToLiveSeconds = defaultMessageTimeToLiveSeconds } = options;
  return {
    kind: 'azureResource',
    maxEventsPerBatch: 1,
    async validate() {
      if (!(await queue.exists())) throw new Error(`The queue '${queue.name}' does not exist.`);
    },
    async deliver({ events, schema }) {
      const [event] = events;
      if (event === undefined) return readStatus(204);
      const text = Buffer.from(JSON.stringify(renderEvent(event, schema))).toString('base64');
      if (text.length > maxMessageBytes) return readStatus(413);
      try {
        await queue.sendMessage(text, { messageTimeToLive: messageTimeToLiveSeconds });
        return readStatus(201);
      } catch (error) {
        const status = error instanceof Error && 'statusCode' in error ? error.statusCode : undefined;
        return typeof status === 'number' ? readStatus(status) : readFailure(error);
      }
    },
  };
}

export interface WebhookDestinationOptions {
  readonly url: string;
  /** Up to ten of them, 4096 bytes each. */
  readonly headers?: Readonly<Record<string, string>>;
  /** 1–5000, default 1: batching is off. A batch is delivered as a whole or not at all. */
  readonly maxEventsPerBatch?: number;
  /** Milliseconds to wait for an answer. Azure and default: 30 s. */
  readonly responseTimeoutMs?: number;
}

const ValidationResponse = z.object({ validationResponse: z.string() });

export function createWebhookDestination(options: WebhookDestinationOptions): Destination {
  const { url, maxEventsPerBatch = 1, responseTimeoutMs = 30_000 } = options;

  async function post(headers: Record<string, string>, body: unknown): Promise<Response> {
    return await fetch(url, {
      method: 'POST',
      headers: { ...options.headers, ...headers },
      body: JSON.stringify(body),
      redirect: 'manual', // a redirect is no success code
      signal: AbortSignal.timeout(responseTimeoutMs),
    });
  }

  return {
    kind: 'webhook',
    maxEventsPerBatch,
    async validate(schema) {
      const valid = schema === 'EventGridSchema' ? await shakeHands(post) : await askOptions(url, responseTimeoutMs);
      if (!valid) throw new Error('The webhook did not answer the validation handshake (Url validation).');
    },
    async deliver(delivery) {
      const { events, schema } = delivery;
      const rendered = events.map((event) => renderEvent(event, schema));
      const isCloudEvent = schema === 'CloudEventSchemaV1_0';
      const single = isCloudEvent && maxEventsPerBatch === 1;
      try {
        const response = await post(createHeaders(delivery, single), single ? rendered[0] : rendered);
        await response.arrayBuffer();
        return readStatus(response.status);
      } catch (error) {
        return readFailure(error);
      }
    },
  };
}

function createHeaders({ subscriptionName, events, schema, attempts }: Delivery, single: boolean) {
  const [event] = events;
  const cloudType = single ? 'application/cloudevents+json' : 'application/cloudevents-batch+json';
  const type = schema === 'EventGridSchema' ? 'application/json' : cloudType;
  return {
    'content-type': `${type}; charset=utf-8`,
    'aeg-event-type': 'Notification',
    'aeg-subscription-name': subscriptionName.toUpperCase(),
    'aeg-delivery-count': String(attempts),
    'aeg-metadata-version': event?.metadataVersion ?? '1',
    'aeg-data-version': event?.dataVersion ?? '',
    'aeg-output-event-id': randomUUID(),
  };
}

/** Event Grid schema: the code sent must come back, and with 200; 202 is not accepted. */
async function shakeHands(
  post: (headers: Record<string, string>, body: unknown) => Promise<Response>,
): Promise<boolean> {
  const validationCode = randomUUID();
  const event = {
    id: randomUUID(),
    topic: '/subscriptions/00000000-0000-0000-0000-000000000000',
    subject: '',
    eventType: 'Microsoft.EventGrid.SubscriptionValidationEvent',
    eventTime: new Date().toISOString(),
    data: { validationCode },
    dataVersion: '2',
    metadataVersion: '1',
  };
  const headers = { 'content-type': 'application/json; charset=utf-8', 'aeg-event-type': 'SubscriptionValidation' };
  const response = await post(headers, [event]);
  if (response.status !== 200) return false;
  const answer = ValidationResponse.safeParse(await response.json());
  return answer.success && answer.data.validationResponse === validationCode;
}

/** CloudEvents: the endpoint must allow the origin. */
async function askOptions(url: string, timeoutMs: number): Promise<boolean> {
  const response = await fetch(url, {
    method: 'OPTIONS',
    headers: { 'WebHook-Request-Origin': 'eventgrid.azure.net' },
    signal: AbortSignal.timeout(timeoutMs),
  });
  const allowed = response.headers.get('webhook-allowed-origin');
  return response.status === 200 && (allowed === '*' || allowed === 'eventgrid.azure.net');
}
