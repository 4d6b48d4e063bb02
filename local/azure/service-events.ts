import { createHash, randomUUID } from 'node:crypto';
import { formatEventTime, type ResourceEvent } from './events.ts';
import type { JsonObject } from './json.ts';
import type { RawResource } from './resource-store.ts';

/** What every event is made of. */
interface ServiceEvent {
  readonly topic: string;
  readonly subject: string;
  readonly eventType: string;
  readonly data: JsonObject;
  readonly now: Date;
}

function createEvent({ now, ...event }: ServiceEvent): ResourceEvent {
  return { ...event, id: randomUUID(), eventTime: formatEventTime(now), dataVersion: '1', metadataVersion: '1' };
}

/** How far the replacement of the nodes of a pool has come. */
export type RollingState = 'Started' | 'Succeeded' | 'Failed';

/** The event of a cluster's own topic. https://learn.microsoft.com/azure/event-grid/event-schema-aks */
export function nodePoolRolling(clusterId: string, pool: string, state: RollingState, now: Date): ResourceEvent {
  return createEvent({
    topic: clusterId,
    subject: clusterId.split('/').at(-1) ?? '',
    eventType: `Microsoft.ContainerService.NodePoolRolling${state}`,
    data: { nodePoolName: pool },
    now,
  });
}

/** Time that is not set, as these events write it. */
const NO_TIME = '0001-01-01T00:00:00.0000000Z';

/**
 * The event about a row of table `containerserviceeventresources`, as its topic of resource notifications tells it.
 * https://learn.microsoft.com/azure/event-grid/event-schema-containerservice-resources
 */
export function scheduledEventEmitted(clusterId: string, row: RawResource, now: Date): ResourceEvent {
  const { location, name, properties = {} } = row;
  const subject = `${clusterId.replace('/resourceGroups/', '/resourcegroups/')}/scheduledEvents/${name}`;
  const time = formatEventTime(now);
  return createEvent({
    topic: `/subscriptions/${clusterId.split('/')[2] ?? ''}`,
    subject,
    eventType: 'Microsoft.ResourceNotifications.ContainerServiceEventResources.ScheduledEventEmitted',
    data: {
      resourceInfo: {
        id: subject,
        name,
        type: 'Microsoft.ContainerService/managedClusters/scheduledEvents',
        location,
        properties: {
          description: 'ScheduledEvents',
          eventId: name,
          scheduledTime: NO_TIME,
          startTime: NO_TIME,
          ...properties,
          resourceType: 'ManagedCluster',
        },
      },
      operationalInfo: { resourceEventTime: time.replace('Z', '') },
      apiVersion: '2023-11-02-preview',
    },
    now,
  });
}

/** What Azure Policy has found out about a resource. */
export interface PolicyStateChange {
  readonly resourceId: string;
  readonly complianceState: 'Compliant' | 'NonCompliant';
  /** GUID of a built-in definition. */
  readonly policyDefinition: string;
}

/** The event of the subscription's topic of policy states. https://learn.microsoft.com/azure/event-grid/event-schema-policy */
export function policyStateChanged(change: PolicyStateChange, now: Date): ResourceEvent {
  const { complianceState, policyDefinition, resourceId } = change;
  const subscriptionId = resourceId.split('/')[2] ?? '';
  const topic = `/subscriptions/${subscriptionId}`;
  return createEvent({
    topic,
    subject: resourceId,
    eventType: 'Microsoft.PolicyInsights.PolicyStateChanged',
    data: {
      timestamp: formatEventTime(now),
      policyAssignmentId: `${topic}/providers/microsoft.authorization/policyassignments/baseline`,
      policyDefinitionId: `/providers/microsoft.authorization/policydefinitions/${policyDefinition.toLowerCase()}`,
      policyDefinitionReferenceId: '',
      complianceState,
      subscriptionId,
      complianceReasonCode: '',
    },
    now,
  });
}

/** The event of a registry's own topic. https://learn.microsoft.com/azure/event-grid/event-schema-container-registry */
export function imagePushed(registryId: string, repository: string, tag: string, now: Date): ResourceEvent {
  const digest = createHash('sha256').update(`${registryId} ${repository} ${tag}`).digest('hex');
  const name = registryId.split('/').at(-1) ?? '';
  return createEvent({
    topic: registryId,
    subject: `${repository}:${tag}`,
    eventType: 'Microsoft.ContainerRegistry.ImagePushed',
    data: {
      id: randomUUID(),
      timestamp: formatEventTime(now),
      action: 'push',
      target: {
        mediaType: 'application/vnd.docker.distribution.manifest.v2+json',
        size: 3023,
        digest: `sha256:${digest}`,
        length: 3023,
        repository,
        tag,
      },
      request: { id: randomUUID(), host: `${name.toLowerCase()}.azurecr.io`, method: 'PUT', useragent: 'docker' },
    },
    now,
  });
}
