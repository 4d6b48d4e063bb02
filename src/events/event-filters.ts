import type { RelatedName, ResourceType } from '../resources/resource-map.ts';

/** Types of Event Grid topics whose events policies need; the first tells of every change, the others of what is no change. */
export const topicTypes = [
  'Microsoft.Resources.Subscriptions',
  'Microsoft.ContainerRegistry.Registries',
  'Microsoft.ContainerService.ManagedClusters',
  'Microsoft.ResourceNotifications.ContainerServiceEventResources',
  'Microsoft.KeyVault.vaults',
] as const;
export type TopicType = (typeof topicTypes)[number];

export type EventTypes = Readonly<Partial<Record<TopicType, readonly string[]>>>;

/** What has to reach the queue. */
export interface EventNeeds {
  /** How `data.operationName` begins, of events of the topic of a subscription; compared without regard to case. */
  readonly operationPrefixes: readonly string[];
  readonly eventTypes: EventTypes;
}

export interface PolicyEventNeeds extends EventNeeds {
  readonly policyId: string;
}

/** What of a policy decides which events it needs. */
export interface ListeningPolicy {
  readonly id: string;
  readonly resource: ResourceType;
  readonly needs?: readonly RelatedName[];
  readonly frameworks?: { readonly azurePolicy?: readonly { readonly match: 'same' | 'related' }[] };
}

/** What changed a resource. Failed and cancelled operations changed nothing, and are not subscribed to. */
const CHANGES: EventTypes = {
  'Microsoft.Resources.Subscriptions': [
    'Microsoft.Resources.ResourceWriteSuccess',
    'Microsoft.Resources.ResourceActionSuccess',
    'Microsoft.Resources.ResourceDeleteSuccess',
  ],
};

/** Of a key Azure Resource Manager tells little: most of what happens to it happens in the vault. */
const OPERATIONS: Readonly<Record<ResourceType, string>> = {
  'Microsoft.ContainerRegistry/registries': 'Microsoft.ContainerRegistry/registries/',
  'Microsoft.ContainerService/managedClusters': 'Microsoft.ContainerService/managedClusters/',
  'Microsoft.ContainerInstance/containerGroups': 'Microsoft.ContainerInstance/containerGroups/',
  'Microsoft.KeyVault/vaults': 'Microsoft.KeyVault/vaults/',
  'Microsoft.KeyVault/vaults/keys': 'Microsoft.KeyVault/vaults/',
};

/** Exemptions and scopes go by tags, so every policy has to hear of them. */
const TAGS = 'Microsoft.Resources/tags/';
/** Those at the resource itself; of those above it no event names the resource. */
const POLICY_EXEMPTIONS = 'Microsoft.Authorization/policyExemptions/';

const OF_TYPE: Readonly<Partial<Record<ResourceType, EventTypes>>> = {
  'Microsoft.KeyVault/vaults/keys': {
    'Microsoft.KeyVault.vaults': [
      'Microsoft.KeyVault.KeyNearExpiry',
      'Microsoft.KeyVault.KeyExpired',
      'Microsoft.KeyVault.KeyNewVersionCreated',
    ],
  },
};

/** What a policy needs besides, by the related resource that it asks for. */
const OF_RELATED: Readonly<Record<RelatedName, EventNeeds>> = {
  agentPools: { operationPrefixes: [], eventTypes: {} },
  nodeHealth: {
    operationPrefixes: [],
    eventTypes: {
      'Microsoft.ContainerService.ManagedClusters': [
        'Microsoft.ContainerService.NodePoolRollingStarted',
        'Microsoft.ContainerService.NodePoolRollingSucceeded',
        'Microsoft.ContainerService.NodePoolRollingFailed',
      ],
      'Microsoft.ResourceNotifications.ContainerServiceEventResources': [
        'Microsoft.ResourceNotifications.ContainerServiceEventResources.ScheduledEventEmitted',
      ],
    },
  },
  // A ticket about an alert says who did what with the resource lately: who gave themselves a role, who switched its logs off.
  defender: {
    operationPrefixes: ['Microsoft.Authorization/roleAssignments/', 'Microsoft.Insights/diagnosticSettings/'],
    eventTypes: {},
  },
  imageFindings: {
    operationPrefixes: [],
    eventTypes: {
      'Microsoft.ContainerRegistry.Registries': [
        'Microsoft.ContainerRegistry.ImagePushed',
        'Microsoft.ContainerRegistry.ImageDeleted',
      ],
    },
  },
};

/** Which events each of these policies needs. */
export function listEventNeeds(policies: readonly ListeningPolicy[]): readonly PolicyEventNeeds[] {
  return policies.map(({ frameworks, id, resource, needs = [] }) => ({
    policyId: id,
    ...mergeEventNeeds([
      { operationPrefixes: [OPERATIONS[resource], TAGS], eventTypes: CHANGES },
      { operationPrefixes: [], eventTypes: OF_TYPE[resource] ?? {} },
      { operationPrefixes: isExemptible(frameworks) ? [POLICY_EXEMPTIONS] : [], eventTypes: {} },
      ...needs.map((name) => OF_RELATED[name]),
    ]),
  }));
}

/** Do exemptions of Azure Policy count? */
function isExemptible(frameworks: ListeningPolicy['frameworks']): boolean {
  return frameworks?.azurePolicy?.some(({ match }) => match === 'same') === true;
}

/** All of them together: each prefix and type once, sorted, so that the order of policies changes no filter. */
export function mergeEventNeeds(needs: readonly EventNeeds[]): EventNeeds {
  const byTopic = topicTypes.map((topicType) => {
    const types = needs.flatMap(({ eventTypes }) => eventTypes[topicType] ?? []);
    return [topicType, sortedOnce(types)] as const;
  });
  return {
    operationPrefixes: sortedOnce(needs.flatMap(({ operationPrefixes }) => operationPrefixes)),
    eventTypes: Object.fromEntries(byTopic.filter(([, types]) => types.length > 0)),
  };
}

function sortedOnce(texts: readonly string[]): readonly string[] {
  return [...new Set(texts)].toSorted();
}
