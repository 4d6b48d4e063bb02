import { randomUUID } from 'node:crypto';
import type { ContainerClient } from '@azure/storage-blob';
import { type DeliverySchema, type EventGridEvent, renderEvent } from './event.ts';

/** An event that Event Grid gave up. */
export interface DeadLetter {
  readonly event: EventGridEvent;
  /** `MaxDeliveryAttemptsExceeded`, `TimeToLiveExceeded`, or the outcome that forbids another attempt. */
  readonly deadLetterReason: string;
  readonly deliveryAttempts: number;
  readonly lastDeliveryOutcome: string;
  readonly publishTime: Date;
  readonly lastDeliveryAttemptTime: Date | undefined;
}

/** Where dead letters go; rejecting means that the place is unavailable. */
export type DeadLetterWriter = (subscriptionName: string, letter: DeadLetter, at: Date) => Promise<void>;

/** One blob per event: `<subscription>/<year>/<month>/<day>/<hour>/<guid>.json`, an array of one. */
export function createBlobDeadLetter(container: ContainerClient, schema: DeliverySchema): DeadLetterWriter {
  return async (subscriptionName, letter, at) => {
    const hour = [at.getUTCFullYear(), at.getUTCMonth() + 1, at.getUTCDate(), at.getUTCHours()].join('/');
    const blob = container.getBlockBlobClient(`${subscriptionName}/${hour}/${randomUUID()}.json`);
    const text = JSON.stringify([renderDeadLetter(letter, schema)]);
    await blob.upload(text, Buffer.byteLength(text), {
      blobHTTPHeaders: { blobContentType: 'application/json' },
    });
  };
}

/** The event with Event Grid's reasons; their names are in lower case in CloudEvents form. */
export function renderDeadLetter(letter: DeadLetter, schema: DeliverySchema): Record<string, unknown> {
  const reasons = {
    deadLetterReason: letter.deadLetterReason,
    deliveryAttempts: letter.deliveryAttempts,
    lastDeliveryOutcome: letter.lastDeliveryOutcome,
    publishTime: letter.publishTime.toISOString(),
    lastDeliveryAttemptTime: letter.lastDeliveryAttemptTime?.toISOString(),
  };
  const named = Object.entries(reasons).map(([name, value]): [string, unknown] => [
    schema === 'EventGridSchema' ? name : name.toLowerCase(),
    value,
  ]);
  return { ...renderEvent(letter.event, schema), ...Object.fromEntries(named) };
}
