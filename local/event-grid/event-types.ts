/**
 * What the app listens to, by the service that tells it: the event subscriptions of a deployment include these types and no others.
 * In Azure each source has a topic of its own.
 */
const EVENT_TYPES_BY_SOURCE: Readonly<Record<string, readonly string[]>> = {
  'Microsoft.Resources': ['ResourceWriteSuccess', 'ResourceActionSuccess', 'ResourceDeleteSuccess'],
  'Microsoft.KeyVault': ['KeyNewVersionCreated', 'KeyNearExpiry', 'KeyExpired'],
  'Microsoft.ContainerService': [
    'NodePoolRollingStarted',
    'NodePoolRollingSucceeded',
    'NodePoolRollingFailed',
    'NewKubernetesVersionAvailable',
    'ClusterSupportEnding',
    'ClusterSupportEnded',
  ],
  'Microsoft.ResourceNotifications.ContainerServiceEventResources': ['ScheduledEventEmitted'],
  'Microsoft.ResourceNotifications.Resources': ['CreatedOrUpdated', 'Deleted'],
  'Microsoft.PolicyInsights': ['PolicyStateCreated', 'PolicyStateChanged'],
  'Microsoft.ContainerRegistry': ['ImagePushed', 'ImageDeleted', 'ChartPushed', 'ChartDeleted'],
};

/** The same as a filter takes them. */
export const EVENT_TYPES: readonly string[] = Object.entries(EVENT_TYPES_BY_SOURCE).flatMap(([source, types]) =>
  types.map((type) => `${source}.${type}`),
);
