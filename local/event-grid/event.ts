/** Event in Event Grid's own schema. */
export interface EventGridEvent {
  readonly id: string;
  readonly topic: string;
  readonly subject: string;
  readonly eventType: string;
  /** ISO 8601. */
  readonly eventTime: string;
  readonly data: unknown;
  readonly dataVersion: string;
  readonly metadataVersion: string;
}

/** What a publisher gives; Event Grid itself adds the metadata version. */
export type PublishedEvent = Omit<EventGridEvent, 'metadataVersion'> & { readonly metadataVersion?: string };

export interface CloudEvent {
  readonly specversion: '1.0';
  readonly id: string;
  readonly source: string;
  readonly subject: string;
  readonly type: string;
  readonly time: string;
  readonly data: unknown;
}

export type DeliverySchema = 'EventGridSchema' | 'CloudEventSchemaV1_0';

/** The same event in the schema a subscription asks for. */
export function renderEvent(event: EventGridEvent, schema: DeliverySchema): EventGridEvent | CloudEvent {
  if (schema === 'EventGridSchema') return event;
  const { id, topic, subject, eventType, eventTime, data } = event;
  return { specversion: '1.0', id, source: topic, subject, type: eventType, time: eventTime, data };
}
