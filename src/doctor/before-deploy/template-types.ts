/**
 * What the template deploys: types whose resources it writes. `always`: every deployment · `operating`: alert rules, where
 * somebody is told of them · `export`: only with `enableDefenderExport`. A test compares this with `infra/`,
 * and `check:infra` refuses every other type: keys, public access and cost of a new one may need a rule of their own.
 */
export const templateTypes = {
  always: [
    'Microsoft.Authorization/locks',
    'Microsoft.Authorization/roleAssignments',
    'Microsoft.Authorization/roleDefinitions',
    'Microsoft.EventGrid/systemTopics',
    'Microsoft.EventGrid/systemTopics/eventSubscriptions',
    'Microsoft.Insights/components',
    'Microsoft.Insights/diagnosticSettings',
    'Microsoft.Insights/workbooks',
    'Microsoft.ManagedIdentity/userAssignedIdentities',
    'Microsoft.OperationalInsights/workspaces',
    'Microsoft.Resources/deployments',
    'Microsoft.Resources/resourceGroups',
    'Microsoft.Storage/storageAccounts',
    'Microsoft.Storage/storageAccounts/blobServices',
    'Microsoft.Storage/storageAccounts/blobServices/containers',
    'Microsoft.Storage/storageAccounts/blobServices/containers/immutabilityPolicies',
    'Microsoft.Storage/storageAccounts/managementPolicies',
    'Microsoft.Storage/storageAccounts/queueServices',
    'Microsoft.Storage/storageAccounts/queueServices/queues',
    'Microsoft.Storage/storageAccounts/tableServices',
    'Microsoft.Storage/storageAccounts/tableServices/tables',
    'Microsoft.Web/serverfarms',
    'Microsoft.Web/sites',
    'Microsoft.Web/sites/basicPublishingCredentialsPolicies',
  ],
  operating: ['Microsoft.Insights/actionGroups', 'Microsoft.Insights/scheduledQueryRules'],
  export: [
    'Microsoft.EventHub/namespaces',
    'Microsoft.EventHub/namespaces/eventhubs',
    'Microsoft.Security/automations',
  ],
} as const;

/** RBAC actions that are not the writing of a type: using the identity for the app, and starting a deployment. */
const FURTHER_ACTIONS = [
  'Microsoft.ManagedIdentity/userAssignedIdentities/assign/action',
  'Microsoft.Resources/deployments/validate/action',
] as const;

/** Its action is spelt differently from its type. */
const ACTION_TYPES: Readonly<Record<string, string>> = {
  'Microsoft.Resources/resourceGroups': 'Microsoft.Resources/subscriptions/resourceGroups',
};

/** Resource providers that have to be registered; these two of ARM itself always are. */
export function listNamespaces(types: readonly string[]): readonly string[] {
  const namespaces = new Set(types.map((type) => type.split('/')[0] ?? ''));
  return [...namespaces].filter((name) => name !== 'Microsoft.Authorization' && name !== 'Microsoft.Resources');
}

/** What whoever deploys has to be allowed to do. */
export function listDeployActions(types: readonly string[]): readonly string[] {
  return [...types.map((type) => `${ACTION_TYPES[type] ?? type}/write`), ...FURTHER_ACTIONS].toSorted();
}
