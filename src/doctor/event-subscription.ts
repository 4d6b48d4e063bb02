import type { EventNeeds, TopicType } from '../events/event-filters.ts';
import { shellQuote } from '../remediations/advice.ts';
import { doctorVersions } from './api-versions.ts';
import type { StorageAccount } from './storage-account.ts';

/** Queue that Event Grid fills, and container for what it could not deliver. */
export const QUEUE = 'resource-events';
export const DEAD_LETTERS = 'dead-letter';
/** The topic that tells of every change; there is one for each subscription. */
export const CHANGES: TopicType = 'Microsoft.Resources.Subscriptions';
/** Name of that topic where the template makes it (infra/events/subscription-events.bicep). */
export const OWN_TOPIC = 'evgt-dockwarden-subscription';

/** Where events are to go, and which. */
interface Feed {
  readonly account: StorageAccount;
  readonly needs: EventNeeds;
}

/**
 * Makes the event subscription, or makes it anew: a PUT replaces. The options of `az eventgrid` for system topics know no identities, so it is the
 * request itself. `id` = that of the subscription.
 */
export function putSubscription(id: string, topicType: TopicType, { account, needs }: Feed): string {
  const identity = { type: 'SystemAssigned' };
  const operations = { operatorType: 'StringBeginsWith', key: 'data.operationName', values: needs.operationPrefixes };
  const properties = {
    eventDeliverySchema: 'EventGridSchema',
    deliveryWithResourceIdentity: {
      identity,
      destination: {
        endpointType: 'StorageQueue',
        properties: { resourceId: account.id, queueName: QUEUE, queueMessageTimeToLiveInSeconds: -1 },
      },
    },
    deadLetterWithResourceIdentity: {
      identity,
      deadLetterDestination: {
        endpointType: 'StorageBlob',
        properties: { resourceId: account.id, blobContainerName: DEAD_LETTERS },
      },
    },
    retryPolicy: { maxDeliveryAttempts: 30, eventTimeToLiveInMinutes: 1440 },
    filter: {
      includedEventTypes: needs.eventTypes[topicType] ?? [],
      ...(topicType === CHANGES && { advancedFilters: [operations] }),
    },
  };
  return `az rest --method put --url ${shellQuote(`${id}?api-version=${doctorVersions.eventGrid}`)} --body ${shellQuote(JSON.stringify({ properties }))}`;
}
