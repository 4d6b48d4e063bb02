import * as z from 'zod';
import { lenient } from '../resources/lenient.ts';

/** Longest event id that is kept; Event Grid's are GUIDs. */
const MAX_EVENT_ID = 256;
const EventId = z
  .string()
  .min(1)
  .max(MAX_EVENT_ID)
  .regex(/^[^\p{C}]+$/u);

const optional = { id: lenient(EventId), subject: lenient(z.string()), data: z.unknown().optional() };

/** Event Grid's own schema, as far as it is read: everything but type and topic may be missing in real events. */
const EventGridEvent = z
  .object({ ...optional, eventType: z.string().min(1), topic: z.string(), eventTime: lenient(z.string()) })
  .transform(({ eventType, topic, eventTime, ...rest }) => ({
    ...rest,
    type: eventType,
    source: topic,
    time: eventTime,
  }));

/** CloudEvents 1.0 in JSON; the version is judged by the caller so that another one is named as such. */
const CloudEvent = z.object({
  ...optional,
  specversion: z.unknown().optional(),
  type: z.string().min(1),
  source: z.string(),
  time: lenient(z.string()),
});

/** Both envelopes in the words of CloudEvents. */
export interface Envelope {
  readonly id?: string | undefined;
  readonly type: string;
  /** The topic: a subscription, resource group or resource. */
  readonly source: string;
  readonly subject?: string | undefined;
  readonly time?: string | undefined;
  readonly data?: unknown;
}

export type ReadEnvelope =
  | { readonly ok: true; readonly envelope: Envelope }
  | { readonly ok: false; readonly reason: 'unknown-envelope' | 'unsupported-specversion' };

/** Tells the two schemas apart and reads either; extra fields, for example those of a dead-lettered event, are dropped. */
export function readEnvelope(element: unknown): ReadEnvelope {
  const cloud = CloudEvent.safeParse(element);
  if (cloud.success && cloud.data.specversion !== undefined) {
    if (cloud.data.specversion !== '1.0') return { ok: false, reason: 'unsupported-specversion' };
    return { ok: true, envelope: cloud.data };
  }
  const grid = EventGridEvent.safeParse(element);
  if (grid.success) return { ok: true, envelope: grid.data };
  return { ok: false, reason: 'unknown-envelope' };
}
