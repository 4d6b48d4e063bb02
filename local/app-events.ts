import { ContainerClient } from '@azure/storage-blob';
import { QueueServiceClient } from '@azure/storage-queue';
import type { AppSettings, StorageEndpoints } from './app-settings.ts';
import type { RoleAssignment } from './azure/identities.ts';
import { EVENT_GRID } from './azure/sample-app-roles.ts';
import { DEFENDER_HUB, DEPLOYED, EVENT_QUEUE, EVENT_SUBSCRIPTION } from './azure/sample-deployment-ids.ts';
import { changesFilter } from './azure/sample-topics.ts';
import type { AzureSimulator } from './azure/simulator.ts';
import type { Certificates } from './certificates.ts';
import { type CustomTopic, SEND_ACTION, startCustomTopic } from './event-grid/custom-topic.ts';
import { createQueueDestination, createWebhookDestination } from './event-grid/destinations.ts';
import type { EventGrid } from './event-grid/event-grid.ts';
import { EVENT_TYPES } from './event-grid/event-types.ts';
import type { EventHub } from './event-hub/event-hub.ts';
import { type EventHubNamespace, RECEIVE_ACTION, startEventHubNamespace } from './event-hub/namespace.ts';

/** What the app's identity holds besides the role of the product: it reads the export and publishes its own events. */
export const APP_EVENT_ROLES: readonly RoleAssignment[] = [
  { scope: DEPLOYED.hub, actions: [], dataActions: [RECEIVE_ACTION], roleName: 'Azure Event Hubs Data Receiver' },
  { scope: DEPLOYED.ownTopic, actions: [], dataActions: [SEND_ACTION], roleName: 'EventGrid Data Sender' },
];

/** Where the app hears of Defender, and where it publishes its own events. */
export interface AppEventServices {
  readonly namespace: EventHubNamespace;
  readonly topic: CustomTopic;
  /** What tells the app of them. */
  readonly settings: AppSettings;
}

/** Serves the Event Hub and the app's own topic. Whatever was started is in `stops`. */
export async function startAppEventServices(
  simulator: AzureSimulator,
  certificates: Certificates,
  defenderHub: EventHub,
  stops: (() => Promise<void>)[],
): Promise<AppEventServices> {
  const { issuer } = simulator.world;
  const namespace = await startEventHubNamespace({
    certificates,
    issuer,
    namespaceId: DEPLOYED.namespace,
    hubs: [defenderHub],
  });
  stops.push(async () => await namespace.stop());
  const topic = await startCustomTopic({ certificates, issuer, resourceId: DEPLOYED.ownTopic });
  stops.push(async () => await topic.stop());
  const settings = {
    DefenderEventHub__fullyQualifiedNamespace: namespace.fullyQualifiedNamespace,
    DefenderEventHub__credential: 'managedidentity',
    DefenderEventHub__clientId: simulator.identity('dockwarden').clientId,
    DEFENDER_EVENT_HUB: DEFENDER_HUB,
    EVENTS_TOPIC_ENDPOINT: topic.endpoint,
  };
  return { namespace, topic, settings };
}

/** In Azure every other topic has an event subscription of its own; here one hears them all. */
const SERVICE_SUBSCRIPTION = `${EVENT_SUBSCRIPTION}-of-services`;

/**
 * Lets Event Grid tell the app what it listens to: through the queue, or by a webhook where an address is given. Of the changes of resources only
 * those come that the filter of a deployment lets through.
 */
export async function subscribeApp(
  eventGrid: EventGrid,
  simulator: AzureSimulator,
  storage: StorageEndpoints,
  webhook: string | undefined,
): Promise<void> {
  const queue = new QueueServiceClient(storage.queue, simulator.credential(EVENT_GRID.name)).getQueueClient(
    EVENT_QUEUE,
  );
  // Event Grid accepts no subscription whose identity may not write there, so a deployment has it from the start.
  const deadLetters = `${storage.blob}/${DEPLOYED.deadLetters.split('/').at(-1) ?? ''}`;
  await new ContainerClient(deadLetters, simulator.credential(EVENT_GRID.name)).createIfNotExists();
  const destination =
    webhook === undefined
      ? createQueueDestination({ queue, messageTimeToLiveSeconds: -1 })
      : createWebhookDestination({ url: webhook });
  const changes = changesFilter();
  const others = EVENT_TYPES.filter((type) => !changes.includedEventTypes.includes(type));
  await eventGrid.subscribe({ name: EVENT_SUBSCRIPTION, destination, filter: changes });
  await eventGrid.subscribe({ name: SERVICE_SUBSCRIPTION, destination, filter: { includedEventTypes: others } });
}
