import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import type { Actor } from '../../src/events/cause.ts';
import { parseMessage } from '../../src/events/parse-message.ts';
import { describeInput } from './read-samples.ts';

const folder = resolve(import.meta.dirname, '../../../shared/fixtures/events');
const SUBSCRIPTION = '11111111-2222-3333-4444-555555555555';
const GROUP = `/subscriptions/${SUBSCRIPTION}/resourceGroups/rg1`;
const REGISTRY = `${GROUP}/providers/Microsoft.ContainerRegistry/registries/acr1`;
const ACR = 'Microsoft.ContainerRegistry/registries';
const ARN = 'Microsoft.ResourceNotifications';
const EVENTS = 'ContainerServiceEventResources.ScheduledEventEmitted';

/** What each sample does as it is printed; a sample with placeholders for ids is not an id of anything. */
const PRINTED: Readonly<Record<string, string>> = {
  activitylog_diag_AKS_Managed_Cluster_ClusterRoleBinding_Created_Case_Insensitive: 'invalid unknown-envelope',
  activitylog_diag_AKS_Managed_Cluster_RoleBinding_Created: 'invalid unknown-envelope',
  activitylog_diag_Different_Operation: 'invalid unknown-envelope',
  'eg_SubscriptionValidationEvent.eventgrid': 'ignored event-type-not-covered',
  eg_SubscriptionValidationResponse: 'invalid unknown-envelope',
  'eg_acr_ImageDeleted.eventgrid': 'invalid invalid-resource-id',
  'eg_acr_ImagePushed.cloudevents': 'notification jolovcr Microsoft.ContainerRegistry.ImagePushed',
  'eg_acr_ImagePushed.eventgrid': 'invalid invalid-resource-id',
  'eg_aks_ClusterSupportEnding.eventgrid': 'invalid invalid-resource-id',
  'eg_aks_NewKubernetesVersionAvailable.cloudevents': 'invalid invalid-resource-id',
  'eg_aks_NewKubernetesVersionAvailable.eventgrid': 'invalid invalid-resource-id',
  'eg_aks_NodePoolRollingFailed.cloudevents': 'invalid invalid-resource-id',
  'eg_arm_ResourceActionSuccess.eventgrid': 'ignored resource-type-not-covered',
  'eg_arm_ResourceActionSuccess_resourceGroupTopic.eventgrid': 'ignored resource-type-not-covered',
  'eg_arm_ResourceDeleteSuccess.eventgrid': 'ignored resource-type-not-covered',
  'eg_arm_ResourceWriteSuccess.cloudevents': 'ignored resource-type-not-covered',
  'eg_arm_ResourceWriteSuccess.eventgrid': 'ignored resource-type-not-covered',
  'eg_arm_ResourceWriteSuccess_resourceGroup_custodian.eventgrid': 'ignored resource-type-not-covered',
  'eg_arn_AksResources_FleetGateCreated.eventgrid': 'ignored event-type-not-covered',
  'eg_arn_ContainerServiceEventResources_ScheduledEventEmitted.cloudevents': 'invalid invalid-resource-id',
  'eg_arn_ContainerServiceEventResources_ScheduledEventEmitted.eventgrid': 'invalid invalid-resource-id',
  'eg_arn_Resources_CreatedOrUpdated.cloudevents': 'ignored resource-type-not-covered',
  'eg_arn_Resources_CreatedOrUpdated.eventgrid': 'ignored resource-type-not-covered',
  'eg_arn_Resources_Deleted.cloudevents': 'ignored resource-type-not-covered',
  'eg_arn_Resources_Deleted.eventgrid': 'ignored resource-type-not-covered',
  'eg_deadletter_BlobCreated.eventgrid': 'ignored event-type-not-covered',
  'eg_kv_SecretNewVersionCreated.cloudevents': 'ignored event-type-not-covered',
  'eg_kv_SecretNewVersionCreated.eventgrid': 'ignored event-type-not-covered',
  'eg_policy_PolicyStateChanged_managementGroup.cloudevents': 'ignored resource-type-not-covered',
  'eg_policy_PolicyStateChanged_subscription.cloudevents': 'ignored resource-type-not-covered',
  'eg_policy_PolicyStateChanged_subscription.eventgrid': 'ignored resource-type-not-covered',
  'eg_policy_PolicyStateCreated_managementGroup.eventgrid': 'ignored resource-type-not-covered',
  'eg_policy_PolicyStateCreated_subscription.cloudevents': 'ignored resource-type-not-covered',
  'eg_policy_PolicyStateCreated_subscription.eventgrid': 'ignored resource-type-not-covered',
  'eg_unrelated_BlobCreated.eventgrid': 'ignored event-type-not-covered',
  'eg_unrelated_fooEventType.cloudevents': 'invalid unknown-envelope',
  fragment_arn_ScheduledEvent_EOLNotification_properties: 'invalid unknown-envelope',
  mdc_actiongroup_webhook_Administrative: 'ignored event-type-not-covered',
  mdc_actiongroup_webhook_Security: 'ignored no-covered-resource',
  mdc_activitylog_alert_DoubleExtension: 'ignored no-covered-resource',
  mdc_activitylog_alert_K8S_ClusterAdminBinding: 'ignored no-covered-resource',
  mdc_eventhub_alert_ARM_AnomalousServiceOperation_allEntities_elastic: 'ignored sample-alert',
  mdc_eventhub_alert_K8S_AdmissionController: 'invalid invalid-resource-id',
  mdc_eventhub_recommendation_Delete_Healthy_elastic: 'ignored assessment-deleted',
  mdc_eventhub_recommendation_NotApplicable_vm: 'ignored not-unhealthy',
  mdc_eventhub_regulatory_AKSDefenderProfile_Failed: 'ignored not-resource-level',
  mdc_eventhub_regulatory_Skipped_elastic: 'ignored not-resource-level',
  mdc_eventhub_secureScoreControl_elastic: 'ignored not-resource-level',
  mdc_eventhub_subassessment_PascalCase_elastic: 'ignored assessment-deleted',
  mdc_rest_alert_VM_EICAR: 'ignored test-alert',
};

type Retarget = (text: string) => string;

/** Real ids instead of the placeholders of the documentation. */
function fillIn(text: string): string {
  return text
    .replaceAll(/(?<=\/subscriptions\/)(?:\{[^}]*\}|<[^>]*>|x{6,}|1{7}-[1-]+)/gi, SUBSCRIPTION)
    .replaceAll(/(?<=\/resourcegroups)(?:\/\{[^}]*\}|\/?<[^>]*>)/gi, '/rg1')
    .replaceAll(/(?<=\/)(?:\{[^}]*\}|<[^>]*>)/g, 'sample1');
}

/** The same event about a registry, by whatever name the sample has it. */
const aboutRegistry: Retarget = (text) =>
  fillIn(text).replaceAll(
    /Microsoft\.(?:Storage\/storageAccounts|EventHub\/namespaces|sample1\/sample1)|(?<=providers\/)sample1\/sample1/gi,
    ACR,
  );

/** What it does once it is about something of ours; those that differ by nothing else are here only once. */
const RETARGETED: readonly (readonly [name: string, retarget: Retarget, expected: string])[] = [
  ['eg_arm_ResourceWriteSuccess.eventgrid', aboutRegistry, `event sample1 ${ACR}/write`],
  ['eg_arm_ResourceWriteSuccess.cloudevents', aboutRegistry, `event sample1 ${ACR}/write`],
  [
    'eg_arm_ResourceWriteSuccess_resourceGroup_custodian.eventgrid',
    (text) =>
      text
        .replaceAll(/\/subscriptions\/[\w-]+\/resourceGroups\/\w+/g, REGISTRY)
        .replace('Microsoft.Resources/subscriptions/resourceGroups/write', `${ACR}/write`),
    `event acr1 ${ACR}/write`,
  ],
  ['eg_arm_ResourceDeleteSuccess.eventgrid', aboutRegistry, `event sample1 ${ACR}/delete deleted`],
  [
    'eg_arm_ResourceActionSuccess.eventgrid',
    (text) => aboutRegistry(text).replaceAll('AuthorizationRules/listKeys/action', 'listCredentials/action'),
    `notification sample1 ${ACR}/listCredentials/action`,
  ],
  [
    'eg_arm_ResourceActionSuccess_resourceGroupTopic.eventgrid',
    (text) => aboutRegistry(text).replaceAll('AuthorizationRules/listKeys/action', 'regenerateCredential/action'),
    `event sample1 ${ACR}/regenerateCredential/action`,
  ],
  [
    'eg_arn_Resources_CreatedOrUpdated.eventgrid',
    aboutRegistry,
    `notification sample1 ${ARN}.Resources.CreatedOrUpdated`,
  ],
  [
    'eg_arn_Resources_CreatedOrUpdated.cloudevents',
    aboutRegistry,
    `notification sample1 ${ARN}.Resources.CreatedOrUpdated`,
  ],
  ['eg_arn_Resources_Deleted.eventgrid', aboutRegistry, `notification sample1 ${ARN}.Resources.Deleted deleted`],
  ['eg_arn_Resources_Deleted.cloudevents', aboutRegistry, `notification sample1 ${ARN}.Resources.Deleted deleted`],
  [
    'eg_arn_ContainerServiceEventResources_ScheduledEventEmitted.eventgrid',
    fillIn,
    `notification sample1 ${ARN}.${EVENTS}`,
  ],
  [
    'eg_arn_ContainerServiceEventResources_ScheduledEventEmitted.cloudevents',
    fillIn,
    `notification sample1 ${ARN}.${EVENTS}`,
  ],
  ['eg_arn_AksResources_FleetGateCreated.eventgrid', fillIn, 'ignored event-type-not-covered'],
  ['eg_acr_ImagePushed.eventgrid', fillIn, 'notification sample1 ImagePushed'],
  ['eg_acr_ImageDeleted.eventgrid', fillIn, 'notification sample1 ImageDeleted'],
  [
    'eg_acr_ImagePushed.eventgrid',
    (text) => fillIn(text).replace(/"topic": "[^"]*"/, `"topic": "/subscriptions/${SUBSCRIPTION}"`),
    'ignored event-type-not-covered',
  ],
  [
    'eg_aks_ClusterSupportEnding.eventgrid',
    fillIn,
    'notification sample1 Microsoft.ContainerService.ClusterSupportEnding',
  ],
  [
    'eg_aks_NewKubernetesVersionAvailable.eventgrid',
    fillIn,
    'notification sample1 Microsoft.ContainerService.NewKubernetesVersionAvailable',
  ],
  [
    'eg_aks_NewKubernetesVersionAvailable.cloudevents',
    fillIn,
    'notification sample1 Microsoft.ContainerService.NewKubernetesVersionAvailable',
  ],
  [
    'eg_aks_NodePoolRollingFailed.cloudevents',
    fillIn,
    'notification sample1 Microsoft.ContainerService.NodePoolRollingFailed',
  ],
  [
    'eg_kv_SecretNewVersionCreated.eventgrid',
    (text) => fillIn(text).replace('SecretNew', 'KeyNew'),
    'notification sample-kv/newsecret Microsoft.KeyVault.KeyNewVersionCreated',
  ],
  [
    'eg_kv_SecretNewVersionCreated.cloudevents',
    (text) => fillIn(text).replace('SecretNew', 'KeyNew'),
    'notification sample-kv/newsecret Microsoft.KeyVault.KeyNewVersionCreated',
  ],
  [
    'eg_policy_PolicyStateChanged_subscription.eventgrid',
    aboutRegistry,
    'notification sample1 Microsoft.PolicyInsights.PolicyStateChanged',
  ],
  [
    'eg_policy_PolicyStateChanged_managementGroup.cloudevents',
    aboutRegistry,
    'notification sample1 Microsoft.PolicyInsights.PolicyStateChanged',
  ],
  [
    'eg_policy_PolicyStateCreated_managementGroup.eventgrid',
    aboutRegistry,
    'notification sample1 Microsoft.PolicyInsights.PolicyStateCreated',
  ],
  [
    'mdc_eventhub_alert_K8S_AdmissionController',
    fillIn,
    'alert k8s--295-aks1-28-otc-dev-v4 K8S_AdmissionController Informational active',
  ],
  [
    'mdc_eventhub_alert_ARM_AnomalousServiceOperation_allEntities_elastic',
    (text) =>
      text
        .replaceAll('[SAMPLE ALERT]', '')
        .replaceAll('THIS IS A SAMPLE ALERT', '')
        .replaceAll('AlertSimulator', 'Microsoft'),
    'ignored no-covered-resource',
  ],
  ['mdc_rest_alert_VM_EICAR', (text) => text.replace('VM_EICAR', 'VM_Other'), 'ignored no-covered-resource'],
  [
    'mdc_eventhub_recommendation_NotApplicable_vm',
    (text) => fillIn(text).replace('NotApplicable', 'Unhealthy'),
    'ignored resource-type-not-covered',
  ],
  [
    'mdc_eventhub_recommendation_Delete_Healthy_elastic',
    (text) =>
      text
        .replaceAll('"Delete"', '"Write"')
        .replaceAll('"Healthy"', '"Unhealthy"')
        .replaceAll(
          /\/subscriptions\/[\w-]+\/resourcegroups\/[\w-]+\/providers\/microsoft\.\w+\/\w+\/[\w-]+/gi,
          REGISTRY,
        ),
    'notification acr1 Microsoft.Security/assessments/7b3d4796-9400-2904-692b-4a5ede7f0a1e',
  ],
  ['mdc_activitylog_alert_K8S_ClusterAdminBinding', fillIn, 'ignored no-covered-resource'],
];

function read(name: string): string {
  return readFileSync(resolve(folder, `${name}.json`), 'utf8');
}

const RestAnswer = z.object({ responses: z.object({ '200': z.object({ body: z.unknown() }) }) });

function parse(text: string) {
  const content: unknown = JSON.parse(text);
  const answer = RestAnswer.safeParse(content);
  const message = answer.success ? answer.data.responses['200'].body : content;
  return parseMessage(message, { actorNames: false, isImageWatched: true });
}

function actorOf(name: string): Actor | undefined {
  const [input] = parse(aboutRegistry(read(name)).replaceAll('{ID}', 'an-id'));
  return input?.result === 'cause' ? input.cause.actor : undefined;
}

describe.skipIf(!existsSync(folder))('the shared samples of events (../shared is absent: skipped)', () => {
  test('are all accounted for', () => {
    const names = readdirSync(folder).filter((name) => name.endsWith('.json'));

    expect(names.map((name) => name.replace(/\.json$/, '')).toSorted()).toEqual(Object.keys(PRINTED).toSorted());
  });

  test.each(Object.entries(PRINTED))('%s as it is printed: %s', (name, expected) => {
    expect(parse(read(name)).map(describeInput)).toEqual([expected]);
  });

  test.each(RETARGETED)('%s with ids of ours (%#)', (name, retarget, expected) => {
    expect(parse(retarget(read(name))).map(describeInput)).toEqual([expected]);
  });

  test('a dead letter with a trailing comma is no JSON, and takes nothing along', () => {
    const file = resolve(folder, 'invalid/eg_deadletter_fooEventType.cloudevents.json.txt');

    expect(parseMessage(readFileSync(file, 'utf8'), { actorNames: false }).map(describeInput)).toEqual([
      'invalid not-json',
    ]);
  });

  test('whoever wrote is read from them', () => {
    expect(actorOf('eg_arm_ResourceWriteSuccess.eventgrid')).toMatchObject({ type: 'User' });
    expect(actorOf('eg_arm_ResourceWriteSuccess.cloudevents')).toEqual(
      actorOf('eg_arm_ResourceWriteSuccess.eventgrid'),
    );
  });

  test('images are of no interest while no policy judges them', () => {
    const content: unknown = JSON.parse(read('eg_acr_ImagePushed.cloudevents'));

    expect(parseMessage(content, { actorNames: false }).map(describeInput)).toEqual(['ignored event-type-not-covered']);
  });

  test('a policy state is as old as Azure Policy says, not as its event', () => {
    const [input] = parse(aboutRegistry(read('eg_policy_PolicyStateChanged_subscription.eventgrid')));

    expect(input).toMatchObject({ cause: { time: '2021-03-27T18:37:42.449Z' } });
  });

  test('an end of life that is told as an object is as good as one that is told as a text', () => {
    const name = 'eg_arn_ContainerServiceEventResources_ScheduledEventEmitted.eventgrid';
    const Sample = z.looseObject({ data: z.looseObject({ resourceInfo: z.looseObject({}) }) });
    const event = Sample.parse(JSON.parse(fillIn(read(name))));
    event.data.resourceInfo['properties'] = JSON.parse(read('fragment_arn_ScheduledEvent_EOLNotification_properties'));

    expect(parse(JSON.stringify(event)).map(describeInput)).toEqual([`notification sample1 ${ARN}.${EVENTS}`]);
  });
});
