import type { JsonObject } from '../../local/azure/json.ts';
import { DEPLOYED, tableId } from '../../local/azure/sample-deployment-ids.ts';
import { SAMPLE_SUBSCRIPTION_ID } from '../../local/azure/sample-subscription.ts';
import type { AzureSimulator } from '../../local/azure/simulator.ts';
import { acrAdminUserDisabled } from '../../src/policy/acr/admin-user-disabled.ts';
import { policies } from '../../src/policy/catalogue.ts';
import type { Policy } from '../../src/policy/define-policy.ts';
import type { Fault } from './deployed-harness.ts';

export interface PlantedFault extends Fault {
  /** Which check has to find it. */
  readonly check: string;
  readonly severity: 'error' | 'warning' | 'info';
  readonly code: string;
  /** What the finding has to be about, or a part of it. */
  readonly subject: string;
  /** What its command has to hold. */
  readonly command: string | RegExp;
  /** Codes of what is wrong besides, and cannot be right with such a fault. Default none. */
  readonly besides?: readonly string[];
  /** How often it is reported. Default 1. */
  readonly times?: number;
}

export const SUBSCRIPTION = `/subscriptions/${SAMPLE_SUBSCRIPTION_ID}`;
const EVENT_SUBSCRIPTION = `${DEPLOYED.systemTopic}/eventSubscriptions`;
const GUID = '99999999-0000-4000-8000-000000000001';
const ADMIN_USER_FIX = '/providers/Microsoft.Authorization/policyDefinitions/79fdfe03-ffcb-4e55-b4d0-b925b8241759';
/** An account of somebody else, whose name begins as that of the app. */
const OTHER_ACCOUNT = `${DEPLOYED.storage}x`;
export const OTHER_SUBSCRIPTION = '/subscriptions/00000000-0000-4000-8000-0000000000e1';
const HOUR = 3_600_000;

/** Another one that the operator may see. */
export function addSubscription(simulator: AzureSimulator): void {
  const subscriptionId = OTHER_SUBSCRIPTION.split('/').at(-1) ?? '';
  simulator.state.put({
    id: OTHER_SUBSCRIPTION,
    name: subscriptionId,
    type: 'Microsoft.Resources/subscriptions',
    properties: { displayName: 'Other', subscriptionId, managementGroups: [] },
  });
  const operator = simulator.identity('operator');
  operator.roleAssignments = [
    ...operator.roleAssignments,
    { scope: OTHER_SUBSCRIPTION, actions: ['*/read'], roleName: 'Reader' },
  ];
}

/** Changes properties of a resource of the set-up. */
function change(id: string, properties: JsonObject) {
  return (simulator: AzureSimulator): void => simulator.state.patch(id, { properties });
}

/** Changes the event subscription of the topic of the subscription. */
function changeSubscription(properties: JsonObject) {
  return ({ state }: AzureSimulator): void => {
    const [found] = state.list(DEPLOYED.systemTopic, 'Microsoft.EventGrid/systemTopics/eventSubscriptions');
    if (found === undefined) throw new Error('the sample has no event subscription');
    state.patch(found.id, { properties });
  };
}

function remove(type: string, scope: string) {
  return ({ state }: AzureSimulator): void => {
    const found = state.list(scope, type);
    if (found.length === 0) throw new Error(`the sample has no ${type}`);
    for (const { id } of found) state.remove(id);
  };
}

export function assignPolicy(properties: JsonObject, scope = SUBSCRIPTION, name = 'fixes-admin-user') {
  return ({ state }: AzureSimulator): void =>
    state.put({
      id: `${scope}/providers/Microsoft.Authorization/policyAssignments/${name}`,
      name,
      type: 'Microsoft.Authorization/policyAssignments',
      properties: { enforcementMode: 'Default', parameters: {}, scope, ...properties },
    });
}

const app: readonly PlantedFault[] = [
  {
    check: 'app',
    severity: 'error',
    code: 'app-not-running',
    subject: DEPLOYED.site,
    plant: change(DEPLOYED.site, { state: 'Stopped' }),
    command: 'az functionapp start --subscription',
  },
  {
    check: 'app',
    severity: 'error',
    code: 'app-runtime',
    subject: DEPLOYED.site,
    plant: change(DEPLOYED.site, { functionAppConfig: { runtime: { name: 'node', version: '20' } } }),
    command: '--runtime-version 24',
  },
  {
    check: 'app',
    severity: 'warning',
    code: 'app-runtime',
    subject: DEPLOYED.site,
    plant: change(DEPLOYED.site, { functionAppConfig: { runtime: { name: 'node', version: '22' } } }),
    command: '--runtime-version 24',
  },
  {
    check: 'app',
    severity: 'error',
    code: 'app-plain-http',
    subject: DEPLOYED.site,
    plant: change(DEPLOYED.site, { httpsOnly: false }),
    command: '--set httpsOnly=true',
  },
  {
    check: 'app',
    severity: 'error',
    code: 'app-identity-missing',
    subject: DEPLOYED.site,
    plant: ({ state }) => state.patch(DEPLOYED.site, { identity: null }),
    command: 'az functionapp identity assign',
  },
  {
    check: 'app',
    severity: 'error',
    code: 'app-identity-mismatch',
    subject: 'DOCKWARDEN_PRINCIPAL_ID',
    settings: { DOCKWARDEN_PRINCIPAL_ID: GUID },
    command: /appsettings set .*'DOCKWARDEN_PRINCIPAL_ID=00000000-0000-4000-8000-0000000000d1'/,
  },
  {
    check: 'app',
    severity: 'error',
    code: 'app-identity-mismatch',
    subject: 'DOCKWARDEN_CLIENT_ID',
    settings: { DOCKWARDEN_CLIENT_ID: GUID },
    command: /'DOCKWARDEN_CLIENT_ID=00000000-0000-4000-8000-0000000000d2'/,
  },
];

const settings: PlantedFault[] = [
  {
    check: 'settings',
    severity: 'error',
    code: 'setting-invalid',
    subject: 'DOCKWARDEN_MODE',
    settings: { DOCKWARDEN_MODE: 'enforced' },
    command: /appsettings set .*'DOCKWARDEN_MODE='"\$\{VALUE:\?set it to off, observe, approve or enforce\}"/,
  },
  {
    check: 'settings',
    severity: 'warning',
    code: 'setting-missing',
    subject: 'SCOPES',
    settings: { SCOPES: undefined },
    command: "'SCOPES='",
  },
  {
    check: 'settings',
    severity: 'warning',
    code: 'setting-unknown',
    subject: 'REMEDIATE_ACR_DISABLE_ADMIN_USR',
    settings: { REMEDIATE_ACR_DISABLE_ADMIN_USR: 'off' },
    command: "appsettings delete --subscription '00000000-0000-4000-8000-000000000001'",
  },
  {
    check: 'settings',
    severity: 'error',
    code: 'setting-plain-secret',
    subject: 'TICKETS_GITHUB_TOKEN',
    settings: { TICKETS_GITHUB_TOKEN: 'canary-of-a-secret-0123456789' },
    command: '@Microsoft.KeyVault(SecretUri=<uri of the secret>)',
  },
  {
    check: 'settings',
    severity: 'error',
    code: 'setting-plain-secret',
    subject: 'AzureWebJobsStorage',
    settings: { AzureWebJobsStorage: 'DefaultEndpointsProtocol=https;AccountName=a;AccountKey=canary-of-a-secret' },
    command: /^az functionapp config appsettings delete .*--setting-names 'AzureWebJobsStorage'$/,
  },
  {
    // Whoever only takes it away has an app without storage.
    check: 'settings',
    severity: 'error',
    code: 'setting-plain-secret',
    subject: 'AzureWebJobsStorage',
    settings: {
      AzureWebJobsStorage: 'DefaultEndpointsProtocol=https;AccountName=a;AccountKey=canary-of-a-secret',
      AzureWebJobsStorage__accountName: undefined,
      AzureWebJobsStorage__blobServiceUri: undefined,
    },
    command: /AzureWebJobsStorage__accountName='?.* && az functionapp config appsettings delete /,
    besides: ['setting-missing'],
  },
  {
    check: 'settings',
    severity: 'error',
    code: 'setting-plain-secret',
    subject: 'PACKAGE_LINK',
    settings: { PACKAGE_LINK: 'https://a.blob.core.windows.net/p/x.zip?sv=2024-11-04&sig=canary' },
    command: "--setting-names 'PACKAGE_LINK'",
  },
  {
    check: 'settings',
    severity: 'error',
    code: 'setting-plain-secret',
    subject: 'WEBSITE_RUN_FROM_PACKAGE',
    settings: { WEBSITE_RUN_FROM_PACKAGE: 'https://a.blob.core.windows.net/p/x.zip?sv=2024-11-04&sig=canary' },
    // Without this setting the app has no code.
    command: 'appsettings set --subscription',
  },
  {
    check: 'settings',
    severity: 'error',
    code: 'setting-reference-unresolved',
    subject: 'TICKETS_GITHUB_TOKEN',
    settings: { TICKETS_GITHUB_TOKEN: '@Microsoft.KeyVault(SecretUri=https://kv.vault.azure.net/secrets/token)' },
    plant: ({ faults }) => {
      faults.add({
        path: /\/config\/configreferences\/appsettings/i,
        effect: {
          kind: 'answer',
          status: 200,
          headers: { 'content-type': 'application/json' },
          body: {
            value: [{ name: 'TICKETS_GITHUB_TOKEN', properties: { status: 'AccessToKeyVaultDenied' } }],
          },
        },
      });
    },
    command: "'TICKETS_GITHUB_TOKEN='",
  },
];

/** No setting has a former name yet: one of a policy that is made up. */
const RENAMED: Policy = {
  ...acrAdminUserDisabled,
  parameters: {
    limit: {
      setting: 'ACR_NEW_NAME',
      formerSettings: ['ACR_OLD_NAME'],
      default: 'a',
      description: 'Made up.',
      format: 'a or b',
      examples: ['a', 'b'],
      parse: (text) => (text === 'a' || text === 'b' ? text : undefined),
    },
  },
};
settings.push({
  check: 'settings',
  severity: 'warning',
  code: 'setting-outdated',
  subject: 'ACR_OLD_NAME',
  settings: { ACR_OLD_NAME: 'b' },
  policies: policies.map((policy) => (policy.id === RENAMED.id ? RENAMED : policy)),
  command: /'ACR_NEW_NAME='.* && az functionapp config appsettings delete .* 'ACR_OLD_NAME'/,
});

const host: readonly PlantedFault[] = [
  {
    check: 'host',
    severity: 'error',
    code: 'host-json-invalid',
    subject: 'host.json',
    hostJson: '{"version":',
    besides: ['host-setting-unsafe'],
    command: 'git checkout -- host.json',
  },
  {
    check: 'host',
    severity: 'error',
    code: 'host-setting-unsafe',
    subject: 'extensions.queues.visibilityTimeout',
    hostJson: '{"version":"2.0","extensions":{"queues":{}}}',
    command: 'npm run build',
  },
  {
    check: 'host',
    severity: 'error',
    code: 'host-setting-overridden',
    subject: 'AzureFunctionsJobHost__extensions__queues__visibilityTimeout',
    settings: { AzureFunctionsJobHost__extensions__queues__visibilityTimeout: '00:00:00' },
    command: "--setting-names 'AzureFunctionsJobHost__extensions__queues__visibilityTimeout'",
  },
  {
    check: 'host',
    severity: 'error',
    code: 'host-setting-overridden',
    subject: 'AzureFunctionsJobHost:extensions:queues:messageEncoding',
    settings: { 'AzureFunctionsJobHost:extensions:queues:messageEncoding': 'none' },
    command: 'appsettings delete',
  },
];

const functions: readonly PlantedFault[] = [
  {
    check: 'functions',
    severity: 'error',
    code: 'function-missing',
    subject: 'sweep',
    functions: (all) => all.filter(({ name }) => name !== 'sweep'),
    command: 'az functionapp deployment source config-zip',
  },
  {
    check: 'functions',
    severity: 'error',
    code: 'function-disabled',
    subject: 'reconcile',
    functions: (all) => all.map((one) => ({ ...one, isDisabled: one.name === 'reconcile' })),
    command: "--setting-names 'AzureWebJobs.reconcile.Disabled'",
  },
  {
    check: 'functions',
    severity: 'error',
    code: 'function-disabled',
    subject: 'reconcile',
    settings: { 'AzureWebJobs.Reconcile.disabled': '1' },
    functions: (all) => all.map((one) => ({ ...one, isDisabled: one.name === 'reconcile' })),
    command: "--setting-names 'AzureWebJobs.Reconcile.disabled'",
  },
];

const roles: readonly PlantedFault[] = [
  {
    check: 'roles',
    severity: 'error',
    code: 'role-action-missing',
    subject: SUBSCRIPTION,
    roles: (held) => held.filter(({ roleName }) => !roleName.startsWith('Dockwarden read (')),
    command:
      /az role definition create --role-definition '\{"Name":"Dockwarden read".*\naz role assignment create --assignee-object-id '00000000-0000-4000-8000-0000000000d1'/,
  },
  {
    check: 'roles',
    severity: 'warning',
    code: 'role-action-missing',
    subject: SUBSCRIPTION,
    roles: (held) =>
      held.map((role) =>
        role.roleName.includes('kv-rotate-key') ? { ...role, scope: `${SUBSCRIPTION}/resourceGroups/rg-1` } : role,
      ),
    // The role is there already: it is assigned by its id, and not made once more.
    command: /^az role assignment create .* --role '[0-9a-f-]{36}' --scope '\/subscriptions\/[0-9a-f-]{36}'$/,
  },
  {
    check: 'roles',
    severity: 'warning',
    code: 'role-action-missing',
    subject: 'Dockwarden metrics',
    roles: (held) => held.filter(({ roleName }) => !roleName.startsWith('Dockwarden metrics (')),
    command:
      /az role definition create --role-definition '\{"Name":"Dockwarden metrics".*"Microsoft\.Monitor.*"\/subscriptions\/'"\$\{RESOURCE_SUBSCRIPTION:\?.*\}"'"\]\}'\naz role assignment create .* --role 'Dockwarden metrics' --scope "\$\{RESOURCE_ID:\?/,
  },
  {
    check: 'roles',
    severity: 'warning',
    code: 'role-action-missing',
    subject: 'EventGrid Data Sender',
    settings: { EVENTS_TOPIC_ENDPOINT: 'https://x.westeurope-1.eventgrid.azure.net/api/events' },
    roles: (held) => held.filter(({ roleName }) => roleName !== 'EventGrid Data Sender'),
    command: "--role 'EventGrid Data Sender'",
  },
  {
    check: 'roles',
    severity: 'error',
    code: 'role-action-excess',
    subject: SUBSCRIPTION,
    settings: { REMEDIATE_KV_ROTATE_KEY: 'observe' },
    command: /az role assignment delete --ids '\/subscriptions\/.*roleAssignments\/[0-9a-f-]{36}'/,
  },
  {
    check: 'roles',
    severity: 'warning',
    code: 'role-action-excess',
    subject: SUBSCRIPTION,
    roles: (held) => [...held, { scope: SUBSCRIPTION, actions: ['Microsoft.Compute/disks/read'], roleName: 'Disks' }],
    command: 'az role assignment delete',
  },
  {
    check: 'roles',
    severity: 'error',
    code: 'role-wildcard',
    subject: SUBSCRIPTION,
    roles: (held) => [
      ...held,
      { scope: SUBSCRIPTION, actions: ['Microsoft.ContainerRegistry/registries/*'], roleName: 'Registries' },
    ],
    command: 'az role assignment delete',
  },
  {
    check: 'roles',
    severity: 'error',
    code: 'role-too-wide',
    subject: SUBSCRIPTION,
    roles: (held) => [...held, { scope: SUBSCRIPTION, actions: ['*'], roleName: 'Contributor' }],
    command: 'az role assignment delete',
  },
  {
    check: 'roles',
    severity: 'error',
    code: 'role-scope-too-wide',
    subject: SUBSCRIPTION,
    roles: (held) => [
      ...held,
      { scope: SUBSCRIPTION, actions: [], dataActions: ['x'], roleName: 'Storage Queue Data Contributor' },
    ],
    command: 'az role assignment delete',
  },
  {
    // One of an older version is brought up to date.
    check: 'roles',
    severity: 'error',
    code: 'role-action-missing',
    subject: SUBSCRIPTION,
    roles: (held) =>
      held.map((role) =>
        role.roleName.startsWith('Dockwarden read (') ? { ...role, actions: [], dataActions: [] } : role,
      ),
    command:
      /az role definition update --role-definition '\{"Name":"Dockwarden read \(.*\naz role assignment create .*--role 'Dockwarden read \(/,
  },
  {
    // A role of the same kind that is not that of this app is not changed.
    check: 'roles',
    severity: 'error',
    code: 'role-action-missing',
    subject: SUBSCRIPTION,
    roles: (held) => held.filter(({ roleName }) => !roleName.startsWith('Dockwarden read (')),
    plant: (simulator) => {
      const operator = simulator.identity('operator');
      operator.roleAssignments = [
        ...operator.roleAssignments,
        { scope: SUBSCRIPTION, actions: ['x/read'], roleName: 'Dockwarden read (other, 00000000)' },
      ];
    },
    command: 'az role definition create --role-definition \'{"Name":"Dockwarden read",',
  },
  {
    // A subscription that was taken out of SCOPES, and still has the role.
    check: 'roles',
    severity: 'error',
    code: 'role-action-excess',
    subject: OTHER_SUBSCRIPTION,
    plant: addSubscription,
    roles: (held) => [
      ...held,
      ...held
        .filter(({ roleName }) => roleName.startsWith('Dockwarden kv-rotate-key ('))
        .map((role) => ({ ...role, scope: OTHER_SUBSCRIPTION })),
    ],
    command: 'az role assignment delete',
  },
  {
    check: 'roles',
    severity: 'error',
    code: 'role-scope-too-wide',
    subject: OTHER_ACCOUNT,
    roles: (held) => [
      ...held,
      { scope: OTHER_ACCOUNT, actions: [], dataActions: ['x'], roleName: 'Storage Blob Data Owner' },
    ],
    command: 'az role assignment delete',
  },
  {
    check: 'roles',
    severity: 'error',
    code: 'role-action-excess',
    subject: OTHER_ACCOUNT,
    roles: (held) => [
      ...held,
      { scope: OTHER_ACCOUNT, actions: ['Microsoft.Storage/storageAccounts/listKeys/action'], roleName: 'Keys' },
    ],
    command: 'az role assignment delete',
  },
  {
    check: 'roles',
    severity: 'error',
    code: 'role-scope-too-wide',
    subject: SUBSCRIPTION,
    roles: (held) =>
      held.map((role) => (role.roleName.startsWith('Dockwarden metrics (') ? { ...role, scope: SUBSCRIPTION } : role)),
    command: 'az role assignment delete',
  },
];

const ENTITIES = 'Microsoft.Storage/storageAccounts/tableServices/tables/entities';

const tables: readonly PlantedFault[] = [
  {
    check: 'tables',
    severity: 'error',
    code: 'table-missing',
    subject: 'table nodes',
    storage: { canReadTable: async (name) => await Promise.resolve(name !== 'nodes') },
    command: /az storage table create .* --name 'nodes'/,
  },
  {
    check: 'tables',
    severity: 'error',
    code: 'table-rights-missing',
    subject: 'table findings',
    roles: (held) => held.filter(({ scope }) => scope !== tableId('findings')),
    command: `--role 'Storage Table Data Contributor' --scope '${tableId('findings')}'`,
  },
  {
    check: 'tables',
    severity: 'error',
    code: 'table-rights-missing',
    subject: 'table audit',
    roles: (held) => held.filter(({ scope }) => scope !== tableId('audit')),
    command: '${AUDIT_ROLE:?',
  },
  {
    check: 'tables',
    severity: 'error',
    code: 'table-rights-missing',
    subject: 'table work',
    // As of the audit: reading and adding is not enough for a table whose rows change.
    roles: (held) => [
      ...held.filter(({ scope }) => scope !== tableId('work')),
      {
        scope: tableId('work'),
        actions: [],
        dataActions: [`${ENTITIES}/read`, `${ENTITIES}/add/action`],
        roleName: 'Adds',
      },
    ],
    command: `--scope '${tableId('work')}'`,
  },
  {
    check: 'tables',
    severity: 'error',
    code: 'storage-rights-missing',
    subject: DEPLOYED.storage,
    roles: (held) => held.filter(({ roleName }) => roleName !== 'Storage Queue Data Contributor'),
    command: `--role 'Storage Queue Data Contributor' --scope '${DEPLOYED.storage}'`,
  },
  {
    check: 'tables',
    severity: 'error',
    code: 'storage-rights-missing',
    subject: DEPLOYED.storage,
    roles: (held) => held.filter(({ roleName }) => roleName !== 'Storage Blob Data Owner'),
    command: `--role 'Storage Blob Data Owner' --scope '${DEPLOYED.storage}'`,
  },
  {
    check: 'tables',
    severity: 'error',
    code: 'audit-not-append-only',
    subject: 'table audit',
    roles: (held) => [
      ...held,
      {
        scope: DEPLOYED.storage,
        actions: [],
        dataActions: ['read', 'write', 'delete'].map((verb) => `${ENTITIES}/${verb}`),
        roleName: 'Storage Table Data Contributor',
      },
    ],
    command: 'az role assignment delete --ids',
  },
  {
    check: 'tables',
    severity: 'error',
    code: 'audit-not-append-only',
    subject: 'table audit',
    roles: (held) => [
      ...held,
      { scope: SUBSCRIPTION, actions: ['Microsoft.Storage/storageAccounts/listKeys/action'], roleName: 'Keys' },
    ],
    command: 'az role assignment delete --ids',
  },
  {
    check: 'tables',
    severity: 'error',
    code: 'storage-shared-keys',
    subject: DEPLOYED.storage,
    plant: change(DEPLOYED.storage, { allowSharedKeyAccess: null }),
    command: '--allow-shared-key-access false',
  },
  {
    check: 'tables',
    severity: 'warning',
    code: 'storage-public-blobs',
    subject: DEPLOYED.storage,
    plant: change(DEPLOYED.storage, { allowBlobPublicAccess: true }),
    command: '--allow-blob-public-access false',
  },
];

const queues: readonly PlantedFault[] = [
  {
    check: 'queues',
    severity: 'error',
    code: 'queue-missing',
    subject: 'queue resource-events',
    storage: {
      readQueue: async (name) =>
        await Promise.resolve(name === 'resource-events' ? undefined : { messages: 0, oldestSentAt: undefined }),
    },
    command: "az storage queue create --auth-mode login --account-name 'stq3k7wz5xmvt2a' --name 'resource-events'",
  },
  {
    check: 'queues',
    severity: 'error',
    code: 'queue-stuck',
    subject: 'queue work',
    storage: {
      readQueue: async (name) =>
        await Promise.resolve(
          name === 'work'
            ? { messages: 3, oldestSentAt: new Date(Date.now() - HOUR) }
            : { messages: 0, oldestSentAt: undefined },
        ),
    },
    command: 'az monitor app-insights query',
  },
  {
    check: 'queues',
    severity: 'warning',
    code: 'queue-backlog',
    subject: 'queue work',
    storage: {
      readQueue: async (name) =>
        await Promise.resolve({ messages: name === 'work' ? 10_001 : 0, oldestSentAt: undefined }),
    },
    command: 'dockwarden doctor',
  },
  {
    check: 'queues',
    severity: 'error',
    code: 'poison-queue',
    subject: 'queue work-poison',
    storage: {
      readQueue: async (name) =>
        await Promise.resolve({ messages: name === 'work-poison' ? 2 : 0, oldestSentAt: undefined }),
    },
    command: "--queue-name 'work-poison'",
  },
  {
    check: 'queues',
    severity: 'warning',
    code: 'dead-letters',
    subject: 'container dead-letter',
    storage: { countBlobs: async (name) => await Promise.resolve(name === 'dead-letter' ? 3 : 0) },
    command: "dockwarden messages list --kind 'dead-letter' --storage-account 'stq3k7wz5xmvt2a'",
  },
  {
    check: 'queues',
    severity: 'warning',
    code: 'kept-messages',
    subject: 'container poison',
    storage: { countBlobs: async (name) => await Promise.resolve(name === 'poison' ? 1000 : 0) },
    command: "dockwarden messages list --kind 'poison'",
  },
  {
    check: 'queues',
    severity: 'error',
    code: 'container-missing',
    subject: 'container dead-letter',
    storage: { countBlobs: async (name) => await Promise.resolve(name === 'dead-letter' ? undefined : 0) },
    command: "az storage container create --auth-mode login --account-name 'stq3k7wz5xmvt2a' --name 'dead-letter'",
  },
];

const events: readonly PlantedFault[] = [
  {
    check: 'events',
    severity: 'error',
    code: 'topic-missing',
    subject: SUBSCRIPTION,
    plant: ({ state }) => state.remove(DEPLOYED.systemTopic),
    command: "--topic-type 'Microsoft.Resources.Subscriptions'",
  },
  {
    check: 'events',
    severity: 'error',
    code: 'topic-not-ready',
    subject: DEPLOYED.systemTopic,
    plant: change(DEPLOYED.systemTopic, { provisioningState: 'Failed' }),
    command: 'az resource show',
  },
  {
    check: 'events',
    severity: 'error',
    code: 'topic-role-missing',
    subject: DEPLOYED.systemTopic,
    // Somebody has made the topic anew: its identity is another one, without roles.
    plant: ({ state }) => state.patch(DEPLOYED.systemTopic, { identity: { principalId: GUID } }),
    times: 2,
    command: `--role 'Storage Queue Data Message Sender' --scope '${DEPLOYED.queue}'`,
  },
  {
    check: 'events',
    severity: 'error',
    code: 'topic-role-missing',
    subject: DEPLOYED.systemTopic,
    plant: ({ state }) => state.patch(DEPLOYED.systemTopic, { identity: null }),
    command: '--identity systemassigned',
  },
  {
    check: 'events',
    severity: 'info',
    code: 'topic-optional-missing',
    subject: SUBSCRIPTION,
    plant: ({ state }) => {
      for (const { id, properties } of state.list(SUBSCRIPTION, 'Microsoft.EventGrid/systemTopics'))
        if (properties?.['topicType'] === 'Microsoft.KeyVault.vaults') state.remove(id);
    },
    command: '',
  },
  {
    check: 'events',
    severity: 'error',
    code: 'event-subscription-missing',
    subject: DEPLOYED.systemTopic,
    plant: remove('Microsoft.EventGrid/systemTopics/eventSubscriptions', DEPLOYED.systemTopic),
    command:
      /^az rest --method put --url '.*\/eventSubscriptions\/dockwarden\?api-version=2025-02-15' .*"Microsoft\.Resources\/tags\/"/,
  },
  {
    check: 'events',
    severity: 'error',
    code: 'event-subscription-missing',
    subject: DEPLOYED.systemTopic,
    // It feeds the queue of somebody else.
    plant: changeSubscription({
      deliveryWithResourceIdentity: { destination: { properties: { queueName: 'others' } } },
    }),
    command: 'az rest --method put',
  },
  {
    check: 'events',
    severity: 'error',
    code: 'event-subscription-missing',
    subject: DEPLOYED.systemTopic,
    // A queue of the same name in another account.
    plant: changeSubscription({
      deliveryWithResourceIdentity: { destination: { properties: { resourceId: `${DEPLOYED.storage}2` } } },
    }),
    command: 'az rest --method put',
  },
  {
    check: 'events',
    severity: 'error',
    code: 'event-subscription-missing',
    subject: DEPLOYED.systemTopic,
    // It goes somewhere else.
    plant: changeSubscription({
      deliveryWithResourceIdentity: { destination: { endpointType: 'EventHub' } },
    }),
    command: 'az rest --method put',
  },
  {
    check: 'events',
    severity: 'error',
    code: 'topic-missing',
    subject: SUBSCRIPTION,
    // What is left hears of a part of the subscription.
    plant: change(DEPLOYED.systemTopic, { source: `${SUBSCRIPTION}/resourceGroups/rg-1` }),
    command: '--topic-type',
  },
  {
    check: 'events',
    severity: 'error',
    code: 'event-subscription-not-ready',
    subject: EVENT_SUBSCRIPTION,
    plant: changeSubscription({ provisioningState: 'AwaitingManualAction' }),
    command: `az rest --method put --url '${EVENT_SUBSCRIPTION}`,
  },
  {
    check: 'events',
    severity: 'warning',
    code: 'event-subscription-expires',
    subject: EVENT_SUBSCRIPTION,
    plant: changeSubscription({ expirationTimeUtc: '2027-01-01T00:00:00Z' }),
    command: `az rest --method put --url '${EVENT_SUBSCRIPTION}`,
  },
  {
    check: 'events',
    severity: 'error',
    code: 'event-schema',
    subject: EVENT_SUBSCRIPTION,
    plant: changeSubscription({ eventDeliverySchema: 'CustomInputSchema' }),
    command: '"eventDeliverySchema":"EventGridSchema"',
  },
  {
    check: 'events',
    severity: 'error',
    code: 'event-delivery-identity',
    subject: EVENT_SUBSCRIPTION,
    plant: changeSubscription({
      deliveryWithResourceIdentity: null,
      destination: {
        endpointType: 'StorageQueue',
        properties: { resourceId: DEPLOYED.storage, queueName: 'resource-events' },
      },
    }),
    command: '"deliveryWithResourceIdentity":{"identity":{"type":"SystemAssigned"}',
  },
  {
    check: 'events',
    severity: 'warning',
    code: 'event-dead-letter',
    subject: EVENT_SUBSCRIPTION,
    plant: changeSubscription({ deadLetterWithResourceIdentity: null }),
    command: '"blobContainerName":"dead-letter"',
  },
  {
    check: 'events',
    severity: 'error',
    code: 'event-filter-narrow',
    subject: EVENT_SUBSCRIPTION,
    plant: changeSubscription({ filter: { includedEventTypes: ['Microsoft.Resources.ResourceWriteSuccess'] } }),
    command: '"Microsoft.Resources.ResourceDeleteSuccess"',
  },
  {
    check: 'events',
    severity: 'error',
    code: 'event-filter-narrow',
    subject: EVENT_SUBSCRIPTION,
    plant: changeSubscription({
      filter: {
        advancedFilters: [
          {
            operatorType: 'StringBeginsWith',
            key: 'data.operationName',
            values: ['Microsoft.ContainerRegistry/', 'Microsoft.ContainerService/'],
          },
        ],
      },
    }),
    command: '"Microsoft.KeyVault/vaults/"',
  },
  {
    check: 'events',
    severity: 'warning',
    code: 'event-filter-unclear',
    subject: EVENT_SUBSCRIPTION,
    plant: changeSubscription({ filter: { subjectBeginsWith: `${SUBSCRIPTION}/resourceGroups/rg-1` } }),
    command: 'az rest --method put',
  },
];

const HUB_SETTINGS = { DefenderEventHub__fullyQualifiedNamespace: undefined, DEFENDER_EVENT_HUB: undefined };
const HUB_OFF = { ...HUB_SETTINGS, 'AzureWebJobs.defenderAlerts.Disabled': 'true' };

const defender: readonly PlantedFault[] = [
  {
    check: 'defender-export',
    severity: 'warning',
    code: 'defender-function-on',
    subject: 'defenderAlerts',
    settings: HUB_SETTINGS,
    command: "'AzureWebJobs.defenderAlerts.Disabled=true'",
  },
  {
    check: 'defender-export',
    severity: 'warning',
    code: 'defender-function-off',
    subject: 'defenderAlerts',
    settings: { 'AzureWebJobs.DefenderAlerts.disabled': 'true' },
    command: "--setting-names 'AzureWebJobs.DefenderAlerts.disabled'",
  },
  {
    check: 'defender-export',
    severity: 'info',
    code: 'defender-polling-only',
    subject: 'defenderAlerts',
    settings: HUB_OFF,
    command: '',
  },
  {
    check: 'defender-export',
    severity: 'warning',
    code: 'defender-polling-only',
    subject: 'DEFENDER_ALERTS_POLLING',
    settings: { ...HUB_OFF, DEFENDER_ALERTS_POLLING: 'off' },
    command: "'DEFENDER_ALERTS_POLLING=on'",
  },
  {
    check: 'defender-export',
    severity: 'error',
    code: 'event-hub-missing',
    subject: '/security-alerts',
    settings: { DEFENDER_EVENT_HUB: 'security-alerts' },
    command: "--name 'security-alerts'",
  },
  {
    check: 'defender-export',
    severity: 'error',
    code: 'event-hub-missing',
    subject: 'other.servicebus.windows.net/defender',
    settings: { DefenderEventHub__fullyQualifiedNamespace: 'other.servicebus.windows.net' },
    command: "--namespace-name 'other'",
  },
  {
    check: 'defender-export',
    severity: 'error',
    code: 'event-hub-role-missing',
    subject: DEPLOYED.hub,
    roles: (held) => held.filter(({ roleName }) => roleName !== 'Azure Event Hubs Data Receiver'),
    command: `--role 'Azure Event Hubs Data Receiver' --scope '${DEPLOYED.hub}'`,
  },
  {
    check: 'defender-export',
    severity: 'error',
    code: 'export-missing',
    subject: SUBSCRIPTION,
    plant: ({ state }) => state.remove(DEPLOYED.automation),
    command: 'azd provision',
  },
  {
    check: 'defender-export',
    severity: 'error',
    code: 'export-missing',
    subject: SUBSCRIPTION,
    // It is about another subscription.
    plant: change(DEPLOYED.automation, { scopes: [{ scopePath: '/subscriptions/x' }] }),
    command: 'azd provision',
  },
  {
    check: 'defender-export',
    severity: 'error',
    code: 'export-severities',
    subject: DEPLOYED.automation,
    // Of all severities some alerts only.
    plant: change(DEPLOYED.automation, {
      sources: [
        {
          eventSource: 'Alerts',
          ruleSets: ['High', 'Medium', 'Low', 'Informational'].map((expectedValue) => ({
            rules: [
              { propertyJPath: 'Severity', propertyType: 'String', operator: 'Equals', expectedValue },
              { propertyJPath: 'AlertType', propertyType: 'String', operator: 'StartsWith', expectedValue: 'K8S' },
            ],
          })),
        },
      ],
    }),
    command: 'properties.sources[0].ruleSets=',
  },
  {
    check: 'defender-export',
    severity: 'error',
    code: 'export-disabled',
    subject: DEPLOYED.automation,
    plant: change(DEPLOYED.automation, { isEnabled: false }),
    command: '--set properties.isEnabled=true',
  },
  {
    check: 'defender-export',
    severity: 'error',
    code: 'export-severities',
    subject: DEPLOYED.automation,
    // What Azure's own policies make.
    plant: change(DEPLOYED.automation, {
      sources: [
        {
          eventSource: 'Alerts',
          ruleSets: ['High', 'Medium', 'Low'].map((expectedValue) => ({
            rules: [{ propertyJPath: 'Severity', propertyType: 'String', operator: 'Equals', expectedValue }],
          })),
        },
      ],
    }),
    command: /properties\.sources\[0\]\.ruleSets=.*"Informational"/,
  },
];

const rest: readonly PlantedFault[] = [
  {
    check: 'clock',
    severity: 'warning',
    code: 'clock-skew',
    subject: 'Azure Resource Manager',
    context: { now: () => new Date(Date.now() + 60_000) },
    storage: { askTime: async () => await Promise.resolve(new Date(Date.now() + 60_000)) },
    command: 'timedatectl',
  },
  {
    check: 'clock',
    severity: 'error',
    code: 'clock-skew',
    subject: 'storage account',
    storage: { askTime: async () => await Promise.resolve(new Date(Date.now() + HOUR)) },
    command: 'timedatectl',
  },
  {
    check: 'sweep',
    severity: 'warning',
    code: 'sweep-never',
    subject: 'sweep',
    storage: { readRow: async () => await Promise.resolve(undefined) },
    command: 'hostruntime/admin/functions/sweep',
  },
  {
    check: 'sweep',
    severity: 'error',
    code: 'sweep-not-scheduled',
    subject: 'sweep',
    settings: { SWEEP_SCHEDULE: undefined },
    command: "'SWEEP_SCHEDULE='",
  },
  {
    check: 'sweep',
    severity: 'error',
    code: 'sweep-overdue',
    subject: 'sweep',
    // The tables are older than the schedule, and no sweep is on record.
    storage: {
      readRow: async (_table, partitionKey) =>
        await Promise.resolve(
          partitionKey === 'schema' ? { version: 1, createdAt: new Date(Date.now() - HOUR).toISOString() } : undefined,
        ),
    },
    command: 'az functionapp restart',
  },
  {
    check: 'sweep',
    severity: 'error',
    code: 'sweep-overdue',
    subject: 'sweep',
    storage: { readRow: async () => await Promise.resolve(sweepRow({ at: new Date(Date.now() - HOUR) })) },
    command: 'az functionapp restart',
  },
  {
    check: 'sweep',
    severity: 'warning',
    code: 'sweep-incomplete',
    subject: 'sweep',
    storage: { readRow: async () => await Promise.resolve(sweepRow({ complete: false })) },
    command: 'az monitor app-insights query',
  },
  {
    check: 'azure-policy',
    severity: 'warning',
    code: 'policy-assignment-fixes',
    subject: `${SUBSCRIPTION}/providers/Microsoft.Authorization/policyAssignments/fixes-admin-user`,
    plant: assignPolicy({ policyDefinitionId: ADMIN_USER_FIX }),
    command: "'REMEDIATE_ACR_DISABLE_ADMIN_USER=observe'",
  },
  {
    check: 'azure-policy',
    severity: 'info',
    code: 'policy-assignment-fixes',
    subject: 'policyAssignments/fixes-admin-user',
    settings: { REMEDIATE_ACR_DISABLE_ADMIN_USER: 'observe' },
    plant: assignPolicy({ policyDefinitionId: ADMIN_USER_FIX }),
    command: '',
  },
];

function sweepRow({ at = new Date(), complete = true }: { readonly at?: Date; readonly complete?: boolean }) {
  return { startedAt: at.toISOString(), finishedAt: at.toISOString(), complete, resources: 1, queued: 0 };
}

/** One fault or more for each code, each in a set-up that is healthy but for it. */
export const plantedFaults: readonly PlantedFault[] = [
  ...app,
  ...settings,
  ...host,
  ...functions,
  ...roles,
  ...tables,
  ...queues,
  ...events,
  ...defender,
  ...rest,
];
