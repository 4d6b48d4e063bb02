import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type ParsedInput, parseMessage } from '../../src/events/parse-message.ts';
import { describeInput } from './read-samples.ts';

const FOLDER = new URL('../fixtures/events/', import.meta.url);
const OWN = { ownPrincipalId: 'aaaaaaaa-0000-4000-8000-000000000003' };
const ACR = 'Microsoft.ContainerRegistry/registries';
const AKS = 'Microsoft.ContainerService/managedClusters';
const ARN = 'Microsoft.ResourceNotifications';
const IMAGES = 'Microsoft.Security/assessments/c0b7cfc6-3172-465a-b378-53c7ff2cc0d5';

/** What each of our samples leads to while a policy judges images. */
const EXPECTED: Readonly<Record<string, string>> = {
  'action-group-administrative': 'ignored event-type-not-covered',
  'action-group-security': 'ignored no-covered-resource',
  'activity-log-alert': 'ignored no-covered-resource',
  'activity-log-diagnostic': 'invalid unknown-envelope',
  'activity-log-write': 'ignored event-type-not-covered',
  'arm-agent-pool-write-by-managed-identity.cloudevents': 'ignored own-write',
  'arm-cluster-list-admin-credential.eventgrid': `notification shop-cluster ${AKS}/listClusterAdminCredential/action`,
  'arm-cluster-list-user-credential.eventgrid': 'ignored operation-not-relevant',
  'arm-cluster-write-through-group.eventgrid': `event shop-cluster ${AKS}/write`,
  'arm-container-group-write.eventgrid': 'event shop-group Microsoft.ContainerInstance/containerGroups/write',
  'arm-registry-delete.eventgrid': `event shopregistry ${ACR}/delete deleted`,
  'arm-registry-list-credentials.eventgrid': `notification shopregistry ${ACR}/listCredentials/action`,
  'arm-registry-regenerate-by-own-identity.eventgrid': 'ignored own-write',
  'arm-registry-regenerate-by-service-principal.eventgrid': `event shopregistry ${ACR}/regenerateCredential/action`,
  'arm-registry-write-by-user.cloudevents': `event shopregistry ${ACR}/write`,
  'arm-registry-write-by-user.eventgrid': `event shopregistry ${ACR}/write`,
  'arm-registry-write-dead-lettered.eventgrid': `event shopregistry ${ACR}/write`,
  'arm-registry-write-failure.eventgrid': 'ignored operation-not-effective',
  'arm-registry-write-minimal.eventgrid': `event shopregistry ${ACR}/write`,
  'arm-role-assignment-write.eventgrid': 'event shopregistry Microsoft.Authorization/roleAssignments/write',
  'arm-storage-list-keys.eventgrid': 'ignored resource-type-not-covered',
  'arm-storage-write.eventgrid': 'ignored resource-type-not-covered',
  'arm-tags-write.eventgrid': 'event shop-cluster Microsoft.Resources/tags/write',
  'arm-token-delete.eventgrid': `event shopregistry ${ACR}/tokens/delete`,
  'arm-vault-write.cloudevents': 'event shop-vault Microsoft.KeyVault/vaults/write',
  'blob-created.eventgrid': 'ignored event-type-not-covered',
  'certificate-near-expiry.cloudevents': 'ignored event-type-not-covered',
  'cluster-support-ended.cloudevents': 'notification shop-cluster Microsoft.ContainerService.ClusterSupportEnded',
  'cluster-support-ending.eventgrid': 'notification shop-cluster Microsoft.ContainerService.ClusterSupportEnding',
  'defender-alert': 'alert shop-cluster K8S_ExposedDashboard High active',
  'defender-alert-dismissed': 'notification shop-cluster Microsoft.Security/alerts/closed High closed',
  'defender-alert-eicar': 'ignored test-alert',
  'defender-alert-foreign': 'ignored no-covered-resource',
  'defender-alert-key': 'alert shop-vault Arm_Suspicious_Vault_Recovering High active',
  'defender-alert-logic-app': 'alert shop-cluster K8S.NODE_DriftDetection High active',
  'defender-alert-node': 'alert shop-cluster K8S.NODE_DriftDetection High active',
  'defender-alert-registry-credentials': 'alert shopregistry ARM_AnomalousOperation.CredentialAccess Medium active',
  'defender-alert-resolved': 'notification shop-cluster Microsoft.Security/alerts/closed High closed',
  'defender-alert-resource-graph': 'alert shop-cluster K8S.NODE_DriftDetection High active',
  'defender-alert-rest': 'alert shop-cluster K8S.NODE_DriftDetection High active',
  'defender-alert-sample': 'ignored sample-alert',
  'defender-alert-upper-case': 'alert SHOP-CLUSTER K8S.NODE_DriftDetection High active',
  'defender-assessment': `notification shopregistry ${IMAGES}`,
  'defender-assessment-cluster':
    'notification shop-cluster Microsoft.Security/assessments/56a83a6e-c417-42ec-b567-1e6fcb3d09a9',
  'defender-assessment-cluster-deleted': 'ignored assessment-deleted',
  'defender-assessment-cluster-healthy': 'ignored not-unhealthy',
  'defender-assessment-cluster-snapshot': 'ignored snapshot',
  'defender-assessment-images-healthy': `notification shopregistry ${IMAGES}`,
  'defender-assessment-vm': 'ignored resource-type-not-covered',
  'defender-regulatory-compliance': 'ignored not-resource-level',
  'defender-secure-score': 'ignored not-resource-level',
  'defender-sub-assessment-image': `notification shopregistry ${IMAGES}`,
  'defender-sub-assessment-image-deleted': 'ignored assessment-deleted',
  'fleet-gate-created.eventgrid': 'ignored event-type-not-covered',
  'image-deleted-bare.eventgrid': 'notification shopregistry ImageDeleted',
  'image-pushed-bare.eventgrid': 'notification shopregistry ImagePushed',
  'image-pushed.cloudevents': 'notification shopregistry Microsoft.ContainerRegistry.ImagePushed',
  'key-expired.eventgrid': 'notification shop-vault/shop-key Microsoft.KeyVault.KeyExpired',
  'key-near-expiry.eventgrid': 'notification shop-vault/shop-key Microsoft.KeyVault.KeyNearExpiry',
  'key-new-version-created.cloudevents': 'notification shop-vault/shop-key Microsoft.KeyVault.KeyNewVersionCreated',
  'kubernetes-version-available-malformed.cloudevents': 'invalid invalid-resource-id',
  'kubernetes-version-available.eventgrid':
    'notification shop-cluster Microsoft.ContainerService.NewKubernetesVersionAvailable',
  'node-pool-rolling-failed.cloudevents': 'notification shop-cluster Microsoft.ContainerService.NodePoolRollingFailed',
  'node-pool-rolling-started.eventgrid': 'notification shop-cluster Microsoft.ContainerService.NodePoolRollingStarted',
  'node-pool-rolling-succeeded.cloudevents':
    'notification shop-cluster Microsoft.ContainerService.NodePoolRollingSucceeded',
  'policy-state-changed-registry.eventgrid': 'notification shopregistry Microsoft.PolicyInsights.PolicyStateChanged',
  'policy-state-changed-storage.cloudevents': 'ignored resource-type-not-covered',
  'policy-state-created-management-group.cloudevents':
    'notification shop-cluster Microsoft.PolicyInsights.PolicyStateCreated',
  'resource-notification-cluster-deleted.eventgrid': `notification shop-cluster ${ARN}.Resources.Deleted deleted`,
  'resource-notification-cluster.cloudevents': `notification shop-cluster ${ARN}.Resources.CreatedOrUpdated`,
  'resource-notification-registry.eventgrid': `notification shopregistry ${ARN}.Resources.CreatedOrUpdated`,
  'resource-notification-storage.cloudevents': 'ignored resource-type-not-covered',
  'scheduled-event-end-of-life.cloudevents': `notification shop-cluster ${ARN}.ContainerServiceEventResources.ScheduledEventEmitted`,
  'scheduled-event-upgrade.eventgrid': `notification shop-cluster ${ARN}.ContainerServiceEventResources.ScheduledEventEmitted`,
  'secret-new-version-created.eventgrid': 'ignored event-type-not-covered',
  'subscription-validation-response': 'invalid unknown-envelope',
  'subscription-validation.eventgrid': 'ignored event-type-not-covered',
  'vault-access-policy-changed.eventgrid': 'ignored event-type-not-covered',
};

function read(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`${name}.json`, FOLDER), 'utf8'));
}

function parse(message: unknown, isImageWatched = true): readonly ParsedInput[] {
  return parseMessage(message, { ...OWN, actorNames: false, isImageWatched });
}

test('every sample is accounted for', () => {
  const names = readdirSync(FOLDER).map((name) => name.replace(/\.json$/, ''));

  expect(names.toSorted()).toEqual(Object.keys(EXPECTED).toSorted());
});

describe.each(Object.entries(EXPECTED))('the sample %s', (name, expected) => {
  test(`is: ${expected}`, () => {
    expect(parse(read(name)).map(describeInput)).toEqual([expected]);
  });

  test('is the same as text, as base64, in an array, and among records', () => {
    const content = read(name);
    const elements = [content].flat();
    const text = JSON.stringify(content);

    for (const message of [text, Buffer.from(text).toString('base64'), elements, { records: elements }])
      expect(parse(message)).toEqual(parse(content));
  });
});

test('no sample leads to an id that is not in it, and every cause can be traced', () => {
  for (const name of Object.keys(EXPECTED)) {
    const content = read(name);
    const text = JSON.stringify(content).toLowerCase();
    for (const input of parse(content)) {
      if (input.result !== 'cause') continue;
      const { cause, resourceId } = input;
      const found = text.includes(resourceId.key) || text.includes(resourceId.key.replace(/\/keys\/[^/]+$/, ''));
      expect({ name, found }).toEqual({ name, found: true });
      expect(cause.id).not.toBe('');
      expect(cause.time).toMatch(/^2026-11-0\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    }
  }
});

test('what is pushed to a registry and deleted from it is of no interest while no policy judges images', () => {
  for (const name of ['image-pushed.cloudevents', 'image-pushed-bare.eventgrid', 'image-deleted-bare.eventgrid'])
    expect(parse(read(name), false).map(describeInput)).toEqual(['ignored event-type-not-covered']);
});
