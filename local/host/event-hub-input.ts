import type { Binding } from './core-module.ts';
import type { TriggerInput } from './invocation.ts';

/** An event as the extension hands it on. */
export interface ReceivedEvent {
  readonly body: string;
  readonly sequenceNumber: number;
  readonly offset: string;
  /** ISO 8601. */
  readonly enqueuedTimeUtc: string;
  readonly partitionKey?: string | undefined;
  readonly properties: Readonly<Record<string, unknown>>;
}

/** Where events come from. */
export interface EventHubPartition {
  readonly fullyQualifiedNamespace: string;
  readonly eventHubName: string;
  readonly consumerGroup: string;
  readonly partitionId: string;
}

/** Whether the function gets arrays. What the library registers without a cardinality is `one`. */
export function isBatched(trigger: Binding): boolean {
  return String(trigger['cardinality']).toLowerCase() === 'many';
}

/** Input of a function with cardinality `many`: all bodies as text, and one array per kind of metadata. */
export function createEventHubBatch(partition: EventHubPartition, events: readonly ReceivedEvent[]): TriggerInput {
  return {
    data: { collectionString: { string: events.map(({ body }) => body) } },
    metadata: {
      PartitionContext: describePartition(partition),
      PartitionKeyArray: events.map(({ partitionKey }) => partitionKey ?? null),
      OffsetArray: events.map(({ offset }) => offset),
      SequenceNumberArray: events.map(({ sequenceNumber }) => sequenceNumber),
      EnqueuedTimeUtcArray: events.map(({ enqueuedTimeUtc }) => enqueuedTimeUtc),
      PropertiesArray: events.map(({ properties }) => properties),
      SystemPropertiesArray: events.map(describeSystemProperties),
    },
  };
}

/** Input of a function with cardinality `one`. */
export function createEventHubSingle(partition: EventHubPartition, event: ReceivedEvent): TriggerInput {
  return {
    data: { string: event.body },
    metadata: {
      PartitionContext: describePartition(partition),
      PartitionKey: event.partitionKey,
      Offset: event.offset,
      SequenceNumber: event.sequenceNumber,
      EnqueuedTimeUtc: event.enqueuedTimeUtc,
      Properties: event.properties,
      SystemProperties: describeSystemProperties(event),
    },
  };
}

function describePartition(partition: EventHubPartition) {
  return {
    FullyQualifiedNamespace: partition.fullyQualifiedNamespace,
    EventHubName: partition.eventHubName,
    ConsumerGroup: partition.consumerGroup,
    PartitionId: partition.partitionId,
  };
}

function describeSystemProperties({ enqueuedTimeUtc, offset, partitionKey, sequenceNumber }: ReceivedEvent) {
  return {
    SequenceNumber: sequenceNumber,
    Offset: offset,
    PartitionKey: partitionKey ?? null,
    EnqueuedTimeUtc: enqueuedTimeUtc,
  };
}
