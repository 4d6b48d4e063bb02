import type { JsonObject } from './json.ts';
import type { RawResource } from './resource-store.ts';
import { APP_GROUPS, DEPLOYED, type DeployedType, ENVIRONMENT, STORED } from './sample-deployment-ids.ts';
import { SAMPLE_SUBSCRIPTION_ID } from './sample-ids.ts';
import { sampleTopics } from './sample-topics.ts';
import type { AzureSimulator } from './simulator.ts';

/** A function as the Functions host tells of it. */
export interface SampleFunction {
  readonly name: string;
  readonly isDisabled: boolean;
}

/** What of a running set-up is not the same each time. */
export interface DeploymentOptions {
  /** Addresses of the storage account's services, without a slash at the end. */
  readonly storage: { readonly blob: string; readonly queue: string; readonly table: string };
  /** Host (and port) of the Event Hubs namespace. */
  readonly eventHub: string;
}

const LOCATION = 'westeurope';
const TAGS = { 'azd-env-name': ENVIRONMENT };

/**
 * Adds what a deployment of the template with its defaults leaves behind in the sample subscription, in good order: the app, its identity, storage,
 * topics, event subscriptions, and the export of Defender for Cloud. Nobody is told. The roles are those of `sample-app-roles.ts`.
 */
export function addSampleDeployment(simulator: AzureSimulator, options: DeploymentOptions): void {
  const { state, tenantId } = simulator;
  const app = simulator.identity('dockwarden');
  for (const name of Object.values(APP_GROUPS)) {
    const id = `/subscriptions/${SAMPLE_SUBSCRIPTION_ID}/resourceGroups/${name}`;
    state.put({ id, name, type: 'Microsoft.Resources/resourceGroups', location: LOCATION, tags: TAGS });
  }
  const identityOf = { principalId: app.objectId, clientId: app.clientId };
  const resources = [
    create('Microsoft.ManagedIdentity/userAssignedIdentities', DEPLOYED.identity, { tenantId, ...identityOf }),
    {
      ...create('Microsoft.Web/serverfarms', DEPLOYED.plan, { reserved: true, status: 'Ready' }),
      sku: FLEX,
      kind: 'functionapp',
    },
    site(identityOf, options),
    ...storageResources(options),
    ...exportResources(options),
    create('Microsoft.EventGrid/topics', DEPLOYED.ownTopic, {
      inputSchema: 'CloudEventSchemaV1_0',
      disableLocalAuth: true,
    }),
    create('Microsoft.OperationalInsights/workspaces', DEPLOYED.workspace, { retentionInDays: 30 }),
    create('Microsoft.Insights/components', DEPLOYED.insights, { Application_Type: 'web', DisableLocalAuth: true }),
    deployment(),
    // A resource has a topic in its own location.
    ...sampleTopics(state.list(`/subscriptions/${SAMPLE_SUBSCRIPTION_ID}`)),
  ];
  for (const resource of resources) state.put(resource);
}

/** Tells the simulated Azure what runs in the app: what a start of the host changes. `settings` are those that the owner of the app has set. */
export function showApp(
  { state }: AzureSimulator,
  settings: Readonly<Record<string, string>>,
  functions: readonly SampleFunction[],
): void {
  state.setAppSettings(DEPLOYED.site, settings);
  for (const { id } of state.list(DEPLOYED.site, 'Microsoft.Web/sites/functions')) state.remove(id);
  for (const { isDisabled, name } of functions) {
    const properties = { name, function_app_id: DEPLOYED.site, isDisabled, language: 'node' };
    state.put({ id: `${DEPLOYED.site}/functions/${name}`, name, type: 'Microsoft.Web/sites/functions', properties });
  }
}

const FLEX = { name: 'FC1', tier: 'FlexConsumption', size: 'FC1', family: 'FC', capacity: 0 };

function create(type: DeployedType, id: string, properties: JsonObject): RawResource {
  const name = id.split('/').at(-1) ?? '';
  return {
    id,
    name,
    type,
    location: LOCATION,
    tags: TAGS,
    properties: { provisioningState: 'Succeeded', ...properties },
  };
}

function child(id: string, type: string, properties: JsonObject = {}): RawResource {
  return { id, name: id.split('/').at(-1) ?? '', type, properties };
}

function site(identityOf: JsonObject, { storage }: DeploymentOptions): RawResource {
  const properties = {
    state: 'Running',
    enabled: true,
    reserved: true,
    defaultHostName: `${DEPLOYED.site.split('/').at(-1) ?? ''}.azurewebsites.net`,
    serverFarmId: DEPLOYED.plan,
    sku: 'FlexConsumption',
    httpsOnly: true,
    clientAffinityEnabled: false,
    publicNetworkAccess: 'Enabled',
    keyVaultReferenceIdentity: DEPLOYED.identity,
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer',
          value: `${storage.blob}/app-package`,
          authentication: {
            type: 'UserAssignedIdentity',
            userAssignedIdentityResourceId: DEPLOYED.identity,
            storageAccountConnectionStringName: null,
          },
        },
      },
      runtime: { name: 'node', version: '24' },
      scaleAndConcurrency: { instanceMemoryMB: 2048, maximumInstanceCount: 40, alwaysReady: null, triggers: null },
    },
    siteConfig: { alwaysOn: false, minTlsVersion: '1.2', scmMinTlsVersion: '1.2' },
  };
  return {
    ...create('Microsoft.Web/sites', DEPLOYED.site, {}),
    tags: { ...TAGS, 'azd-service-name': 'app' },
    kind: 'functionapp,linux',
    identity: { type: 'UserAssigned', userAssignedIdentities: { [DEPLOYED.identity]: identityOf } },
    properties,
  };
}

function storageResources({ storage }: DeploymentOptions): RawResource[] {
  const account = create('Microsoft.Storage/storageAccounts', DEPLOYED.storage, {
    accessTier: 'Hot',
    allowBlobPublicAccess: false,
    allowCrossTenantReplication: false,
    allowSharedKeyAccess: false,
    defaultToOAuthAuthentication: true,
    minimumTlsVersion: 'TLS1_2',
    publicNetworkAccess: 'Enabled',
    supportsHttpsTrafficOnly: true,
    primaryEndpoints: { blob: `${storage.blob}/`, queue: `${storage.queue}/`, table: `${storage.table}/` },
    primaryLocation: LOCATION,
    statusOfPrimary: 'available',
  });
  const { containers, queues, tables } = STORED;
  const allQueues = queues.flatMap((name) => [name, `${name}-poison`]);
  return [
    { ...account, kind: 'StorageV2', sku: { name: 'Standard_LRS', tier: 'Standard' } },
    ...parts('queueServices', 'queues', allQueues),
    ...parts('tableServices', 'tables', tables),
    ...parts('blobServices', 'containers', containers, { publicAccess: 'None' }),
  ];
}

function parts(service: string, kind: string, names: readonly string[], properties: JsonObject = {}): RawResource[] {
  const type = `Microsoft.Storage/storageAccounts/${service}`;
  const id = `${DEPLOYED.storage}/${service}/default`;
  return [child(id, type), ...names.map((name) => child(`${id}/${kind}/${name}`, `${type}/${kind}`, properties))];
}

/** All four severities: Azure's own policies for the export leave one out. */
function exportResources({ eventHub }: DeploymentOptions): RawResource[] {
  const ruleSets = ['High', 'Medium', 'Low', 'Informational'].map((severity) => ({
    rules: [{ propertyJPath: 'Severity', propertyType: 'String', operator: 'Equals', expectedValue: severity }],
  }));
  const namespace = create('Microsoft.EventHub/namespaces', DEPLOYED.namespace, {
    disableLocalAuth: true,
    minimumTlsVersion: '1.2',
    publicNetworkAccess: 'Enabled',
    serviceBusEndpoint: `https://${eventHub}/`,
    status: 'Active',
  });
  return [
    { ...namespace, sku: { name: 'Basic', tier: 'Basic', capacity: 1 } },
    child(DEPLOYED.hub, 'Microsoft.EventHub/namespaces/eventhubs', { partitionCount: 2, status: 'Active' }),
    child(`${DEPLOYED.hub}/consumergroups/$Default`, 'Microsoft.EventHub/namespaces/eventhubs/consumergroups'),
    create('Microsoft.Security/automations', DEPLOYED.automation, {
      description: 'Alerts and recommendations for Dockwarden.',
      isEnabled: true,
      scopes: [{ description: 'The whole subscription', scopePath: `/subscriptions/${SAMPLE_SUBSCRIPTION_ID}` }],
      sources: [{ eventSource: 'Alerts', ruleSets }, { eventSource: 'Assessments' }, { eventSource: 'SubAssessments' }],
      actions: [{ actionType: 'EventHub', eventHubResourceId: DEPLOYED.hub, isTrustedServiceEnabled: true }],
    }),
  ];
}

/** The deployment itself: Azure remembers where it was started. */
function deployment(): RawResource {
  const name = ENVIRONMENT;
  const id = `/subscriptions/${SAMPLE_SUBSCRIPTION_ID}/providers/Microsoft.Resources/deployments/${name}`;
  const properties = { provisioningState: 'Succeeded', mode: 'Incremental' };
  return { id, name, type: 'Microsoft.Resources/deployments', location: LOCATION, tags: TAGS, properties };
}
