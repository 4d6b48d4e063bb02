import { type EventTypes, listEventNeeds, mergeEventNeeds, type TopicType } from '../../src/events/event-filters.ts';
import { policies } from '../../src/policy/catalogue.ts';
import type { JsonObject } from './json.ts';
import type { RawResource } from './resource-store.ts';
import { EVENT_GRID } from './sample-app-roles.ts';
import { DEPLOYED, deployedId, ENVIRONMENT, EVENT_QUEUE, EVENT_SUBSCRIPTION } from './sample-deployment-ids.ts';
import { SAMPLE_SUBSCRIPTION_ID } from './sample-ids.ts';

/** Something that raises events of its own. */
export interface EventSource {
  readonly id: string;
  readonly location: string;
}

/** Which resources have a topic each; the other topics are those of the whole subscription. */
const TOPIC_OF: Readonly<Record<string, TopicType>> = {
  'Microsoft.ContainerRegistry/registries': 'Microsoft.ContainerRegistry.Registries',
  'Microsoft.ContainerService/managedClusters': 'Microsoft.ContainerService.ManagedClusters',
  'Microsoft.KeyVault/vaults': 'Microsoft.KeyVault.vaults',
};
const SCHEDULED: TopicType = 'Microsoft.ResourceNotifications.ContainerServiceEventResources';
const CHANGES: TopicType = 'Microsoft.Resources.Subscriptions';

/** What the event subscription at the topic of the subscription lets through, while all policies are on. */
export function changesFilter() {
  const { eventTypes, operationPrefixes } = mergeEventNeeds(listEventNeeds(policies));
  const prefixes = {
    operatorType: 'StringBeginsWith' as const,
    key: 'data.operationName',
    values: [...operationPrefixes],
  };
  return { includedEventTypes: [...(eventTypes[CHANGES] ?? [])], advancedFilters: [prefixes] };
}

/** The topics and event subscriptions of a deployment whose policies are all on: what they need, and no more. */
export function sampleTopics(resources: readonly RawResource[]): RawResource[] {
  const { eventTypes } = mergeEventNeeds(listEventNeeds(policies));
  const subscription = { id: `/subscriptions/${SAMPLE_SUBSCRIPTION_ID}`, location: 'global' };
  const filters = changesFilter().advancedFilters;
  const ofResources = resources.flatMap((resource) => {
    const topicType = TOPIC_OF[resource.type];
    if (topicType === undefined) return [];
    const id = deployedId('Microsoft.EventGrid/systemTopics', `evgt-dockwarden-${resource.name}`);
    return topic(id, topicType, { id: resource.id, location: resource.location ?? '' }, eventTypes);
  });
  const scheduledId = deployedId('Microsoft.EventGrid/systemTopics', 'evgt-dockwarden-scheduled-events');
  return [
    ...topic(DEPLOYED.systemTopic, CHANGES, subscription, eventTypes, filters),
    ...topic(scheduledId, SCHEDULED, subscription, eventTypes),
    ...ofResources,
  ];
}

function topic(
  id: string,
  topicType: TopicType,
  source: EventSource,
  eventTypes: EventTypes,
  advancedFilters: readonly JsonObject[] = [],
): RawResource[] {
  const includedEventTypes = eventTypes[topicType] ?? [];
  if (includedEventTypes.length === 0) return [];
  return [
    {
      id,
      name: id.split('/').at(-1) ?? '',
      type: 'Microsoft.EventGrid/systemTopics',
      location: source.location,
      tags: { 'azd-env-name': ENVIRONMENT },
      identity: { type: 'SystemAssigned', principalId: EVENT_GRID.objectId },
      properties: {
        provisioningState: 'Succeeded',
        source: source.id,
        topicType,
        metricResourceId: EVENT_GRID.clientId,
      },
    },
    {
      id: `${id}/eventSubscriptions/${EVENT_SUBSCRIPTION}`,
      name: EVENT_SUBSCRIPTION,
      type: 'Microsoft.EventGrid/systemTopics/eventSubscriptions',
      properties: {
        provisioningState: 'Succeeded',
        topic: id,
        eventDeliverySchema: 'EventGridSchema',
        ...delivery(),
        retryPolicy: { maxDeliveryAttempts: 30, eventTimeToLiveInMinutes: 1440 },
        filter: { includedEventTypes: [...includedEventTypes], advancedFilters: [...advancedFilters] },
        labels: [],
      },
    },
  ];
}

/** With the topic's identity: into the queue, and what cannot be delivered into the container for dead letters. */
function delivery(): JsonObject {
  const identity = { type: 'SystemAssigned' };
  return {
    deliveryWithResourceIdentity: {
      identity,
      destination: {
        endpointType: 'StorageQueue',
        properties: { resourceId: DEPLOYED.storage, queueName: EVENT_QUEUE, queueMessageTimeToLiveInSeconds: -1 },
      },
    },
    deadLetterWithResourceIdentity: {
      identity,
      deadLetterDestination: {
        endpointType: 'StorageBlob',
        properties: { resourceId: DEPLOYED.storage, blobContainerName: 'dead-letter' },
      },
    },
  };
}
