import type { PublishedEvent } from '../../local/event-grid/event.ts';

/** A resource write; a test says what differs. */
export function createEvent(change: Partial<PublishedEvent> = {}) {
  return {
    id: 'event-1',
    topic: '/subscriptions/s',
    subject: '/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/r',
    eventType: 'Microsoft.Resources.ResourceWriteSuccess',
    eventTime: '2026-11-01T10:00:00.0000000Z',
    data: { operationName: 'Microsoft.ContainerRegistry/registries/write' },
    dataVersion: '2',
    metadataVersion: '1',
    ...change,
  };
}
