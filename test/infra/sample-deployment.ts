import type { JsonObject } from '../../local/azure/json.ts';
import { listPredicted, type Resource } from '../../scripts/infra/resources.ts';
import { deriveRoles, listEngineReads, type Permissions } from '../../src/doctor/roles.ts';
import { listEventNeeds, mergeEventNeeds } from '../../src/events/event-filters.ts';
import { policies } from '../../src/policy/catalogue.ts';
import { remediations, trackers } from '../../src/remediations/catalogue.ts';
import { describeSettings } from '../../src/settings/catalogue.ts';

export const catalogue = { policies, remediations, trackers };
export const roles = deriveRoles(listEngineReads(policies), remediations);

const SUBSCRIPTION = '/subscriptions/99999999-0000-4000-8000-000000000002';
const GROUP = `${SUBSCRIPTION}/resourceGroups/rg-a`;
export const ACCOUNT = `${SUBSCRIPTION}/resourceGroups/rg-a-records/providers/Microsoft.Storage/storageAccounts/sta`;
export const TOPIC = `${GROUP}/providers/Microsoft.EventGrid/systemTopics/evgt-a`;
const APP = `[reference('${GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id', '2023-01-31').principalId]`;
/** Role ids of the template are GUIDs that it makes; these are. */
const guid = (digits: string) => `00000000-0000-4000-8000-${digits.padStart(12, '0')}`;
export const AUDIT_ROLE = guid('a0d1');
const TABLE_CONTRIBUTOR = '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3';

export function defineRole(name: string, { actions, dataActions }: Permissions, scope = SUBSCRIPTION): JsonObject {
  const permissions = [{ actions: [...actions], notActions: [], dataActions: [...dataActions], notDataActions: [] }];
  const type = 'Microsoft.Authorization/roleDefinitions';
  return { id: `${scope}/providers/${type}/${name}`, type, properties: { permissions } };
}

let assigned = 0;

/** At a scope; to the app unless somebody else is named. */
export function assignRole(role: string, scope = SUBSCRIPTION, principalId = APP): JsonObject {
  assigned += 1;
  const type = 'Microsoft.Authorization/roleAssignments';
  const roleDefinitionId = `${SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/${role}`;
  return {
    id: `${scope}/providers/${type}/${guid(String(assigned))}`,
    type,
    properties: { principalId, roleDefinitionId },
  };
}

const defaults: Readonly<Record<string, string>> = Object.fromEntries(
  describeSettings(catalogue).flatMap(({ name, default: text }) => (text === '' ? [] : [[name, text]])),
);

/** Application settings with these changes; undefined takes one away. */
export function siteWith(changes: Readonly<Record<string, string | undefined>> = {}): JsonObject {
  const settings = {
    ...defaults,
    SCOPES: SUBSCRIPTION.split('/')[2],
    SWEEP_SCHEDULE: '0 0 */6 * * *',
    AzureWebJobsStorage__accountName: 'sta',
    AzureWebJobsStorage__credential: 'managedidentity',
    DOCKWARDEN_PRINCIPAL_ID: APP,
    DOCKWARDEN_CLIENT_ID: APP,
    'AzureWebJobs.defenderAlerts.Disabled': 'true',
    ...changes,
  };
  const appSettings = Object.entries(settings).flatMap(([name, value]) =>
    value === undefined ? [] : [{ name, value }],
  );
  return {
    id: `${GROUP}/providers/Microsoft.Web/sites/func-a`,
    type: 'Microsoft.Web/sites',
    properties: { siteConfig: { appSettings } },
  };
}

export const needs = mergeEventNeeds(listEventNeeds(policies));

/** The event subscription of the subscription's topic, with changes to its properties. */
export function eventSubscription(changes: JsonObject = {}): JsonObject {
  const identity = { type: 'SystemAssigned' };
  return {
    id: `${TOPIC}/eventSubscriptions/dockwarden`,
    type: 'Microsoft.EventGrid/systemTopics/eventSubscriptions',
    properties: {
      eventDeliverySchema: 'EventGridSchema',
      deliveryWithResourceIdentity: {
        identity,
        destination: {
          endpointType: 'StorageQueue',
          properties: { resourceId: ACCOUNT, queueName: 'resource-events', queueMessageTimeToLiveInSeconds: -1 },
        },
      },
      deadLetterWithResourceIdentity: {
        identity,
        deadLetterDestination: { endpointType: 'StorageBlob', properties: { blobContainerName: 'dead-letter' } },
      },
      retryPolicy: { maxDeliveryAttempts: 30, eventTimeToLiveInMinutes: 1440 },
      filter: filterWith([...needs.operationPrefixes]),
      ...changes,
    },
  };
}

export function filterWith(values: readonly string[], key = 'data.operationName'): JsonObject {
  return {
    includedEventTypes: [...(needs.eventTypes['Microsoft.Resources.Subscriptions'] ?? [])],
    advancedFilters: [{ operatorType: 'StringBeginsWith', key, values }],
  };
}

/** A deployment as it has to be, with all defaults; resources of the same id replace its own. */
export function deployment(...changes: readonly JsonObject[]): readonly Resource[] {
  const tables = `${ACCOUNT}/tableServices/default/tables`;
  const logs = ['StorageWrite', 'StorageDelete'].map((category) => ({ category, enabled: true }));
  const resources: readonly JsonObject[] = [
    siteWith(),
    { id: ACCOUNT, type: 'Microsoft.Storage/storageAccounts' },
    {
      id: `${ACCOUNT}/providers/Microsoft.Authorization/locks/keep`,
      type: 'Microsoft.Authorization/locks',
      properties: { level: 'CanNotDelete' },
    },
    {
      id: `${ACCOUNT}/blobServices/default/containers/seals/immutabilityPolicies/default`,
      type: 'Microsoft.Storage/storageAccounts/blobServices/containers/immutabilityPolicies',
      properties: { immutabilityPeriodSinceCreationInDays: 365 },
    },
    ...['blobServices', 'queueServices', 'tableServices'].map((service) => ({
      id: `${ACCOUNT}/${service}/default/providers/Microsoft.Insights/diagnosticSettings/log`,
      type: 'Microsoft.Insights/diagnosticSettings',
      properties: { workspaceId: '/w', logs },
    })),
    {
      id: TOPIC,
      type: 'Microsoft.EventGrid/systemTopics',
      properties: { topicType: 'Microsoft.Resources.Subscriptions' },
    },
    eventSubscription(),
    defineRole(guid('1'), roles.read),
    { ...assignRole(guid('1')), id: `${SUBSCRIPTION}/providers/Microsoft.Authorization/roleAssignments/${guid('1')}` },
    defineRole(guid('2'), roles.optional.nodes),
    assignRole(guid('2')),
    defineRole(AUDIT_ROLE, { actions: [], dataActions: [`${TABLE_ACTIONS}/read`, `${TABLE_ACTIONS}/add/action`] }),
    assignRole(AUDIT_ROLE, `${tables}/audit`),
    assignRole(TABLE_CONTRIBUTOR, `${tables}/work`),
    assignRole('b7e6dc6d-f1e8-4753-8033-0f276bb0955b', ACCOUNT),
  ];
  const replaced = new Set(changes.map(({ id }) => id));
  return listPredicted({ predictedResources: [...resources.filter(({ id }) => !replaced.has(id)), ...changes] }, 's');
}

export const TABLE_ACTIONS = 'Microsoft.Storage/storageAccounts/tableServices/tables/entities';

/** A role that nothing else in the deployment is, defined and assigned. */
export function extraRole(permissions: Permissions, scope?: string): readonly JsonObject[] {
  return [defineRole(guid('e'), permissions), assignRole(guid('e'), scope)];
}
