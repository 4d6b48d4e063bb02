import { SAMPLE_SUBSCRIPTION_ID } from './sample-ids.ts';

/** Name of the environment that is deployed in the sample: what the parameter `environmentName` of the template says. */
export const ENVIRONMENT = 'dockwarden';
/** In place of what the template derives from the subscription, so that names are unique in all of Azure. */
const TOKEN = 'q3k7wz5xmvt2a';

const subscription = `/subscriptions/${SAMPLE_SUBSCRIPTION_ID}`;

/** Resource groups: one for the app, and one that stays when the app is removed. */
export const APP_GROUPS = { app: `rg-${ENVIRONMENT}`, records: `rg-${ENVIRONMENT}-records` } as const;

export type DeployedType =
  | 'Microsoft.Web/sites'
  | 'Microsoft.Web/serverfarms'
  | 'Microsoft.ManagedIdentity/userAssignedIdentities'
  | 'Microsoft.Storage/storageAccounts'
  | 'Microsoft.EventGrid/systemTopics'
  | 'Microsoft.EventGrid/topics'
  | 'Microsoft.EventHub/namespaces'
  | 'Microsoft.Security/automations'
  | 'Microsoft.OperationalInsights/workspaces'
  | 'Microsoft.Insights/components';

/** Id of a resource of the deployment. */
export function deployedId(type: DeployedType, name: string, group: string = APP_GROUPS.app): string {
  return `${subscription}/resourceGroups/${group}/providers/${type}/${name}`;
}

const storage = deployedId('Microsoft.Storage/storageAccounts', `st${TOKEN}`, APP_GROUPS.records);
const namespace = deployedId('Microsoft.EventHub/namespaces', `evhns-${TOKEN}`);

/** Event Hub that the continuous export of Defender for Cloud feeds. */
export const DEFENDER_HUB = 'defender';
/** Queue that Event Grid feeds. */
export const EVENT_QUEUE = 'resource-events';
/** Name of the event subscription that feeds the app, at every topic. */
export const EVENT_SUBSCRIPTION = 'dockwarden-resource-events';

/** What the deployment consists of. */
export const DEPLOYED = {
  site: deployedId('Microsoft.Web/sites', `func-${TOKEN}`),
  plan: deployedId('Microsoft.Web/serverfarms', `plan-${TOKEN}`),
  identity: deployedId('Microsoft.ManagedIdentity/userAssignedIdentities', `id-${TOKEN}`),
  storage,
  queue: `${storage}/queueServices/default/queues/${EVENT_QUEUE}`,
  deadLetters: `${storage}/blobServices/default/containers/dead-letter`,
  systemTopic: deployedId('Microsoft.EventGrid/systemTopics', 'evgt-dockwarden-subscription'),
  /** Takes the events that the app publishes about itself. */
  ownTopic: deployedId('Microsoft.EventGrid/topics', 'evgt-own-events'),
  namespace,
  hub: `${namespace}/eventhubs/${DEFENDER_HUB}`,
  automation: deployedId('Microsoft.Security/automations', `dockwarden-${TOKEN}`),
  workspace: deployedId('Microsoft.OperationalInsights/workspaces', `log-${TOKEN}`),
  insights: deployedId('Microsoft.Insights/components', `appi-${TOKEN}`),
} as const;

/** Queues, tables and containers that the template makes. */
export const STORED = {
  queues: [EVENT_QUEUE, 'work', 'tickets', 'events'],
  tables: ['audit', 'findings', 'work', 'guards', 'alerts', 'nodes', 'tickets'],
  containers: ['poison', 'dead-letter', 'app-package', 'seals'],
} as const;

export function tableId(name: string): string {
  return `${storage}/tableServices/default/tables/${name}`;
}
