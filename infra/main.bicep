// Brings up Dockwarden: the app, its storage, monitoring, and what connects it to the subscriptions that it looks after.
//   azd up
// or: az deployment sub create --location <location> --template-file infra/main.bicep --parameters infra/main.bicepparam
// Two resource groups: rg-<environmentName> can be removed at any time; rg-<environmentName>-records holds the audit and is locked against deletion.
// There is no key vault of the app itself: it has no secret of its own. Vaults in parameters belong to others.
targetScope = 'subscription'

import {
  appSettings
  cloudDefaults
  nodePolicySettings
  secretSettings
  settingDefaults
  vaultSettings
} from 'generated/settings.bicep'
import { inspectsNodes } from 'roles/wanted.bicep'
import { connectedSubscription, reader, storageReference } from 'types.bicep'

@description('Name of this environment: part of the names of resource groups and roles. Two environments in one subscription need two names.')
@minLength(1)
@maxLength(40)
param environmentName string

@description('Location of everything that has one. It has to offer Flex Consumption: `dockwarden doctor --before-deploy` checks that.')
@minLength(1)
param location string

@description('Tags of everything that is deployed, besides azd-env-name.')
param tags object = {}

@description('Object id of who deploys, who then may read what is stored. azd sets it. Empty = nobody besides `readers`.')
@maxLength(36)
param deployerPrincipalId string = ''

@description('What deployerPrincipalId stands for.')
@allowed(['User', 'Group', 'ServicePrincipal'])
param deployerPrincipalType string = 'User'

@description('Who else may read tables, queues and kept messages, for the command line.')
param readers reader[] = []

@description('Subscriptions that Dockwarden looks after: roles, events and the sweep. Default: the one that it is deployed to. Azure allows 100 here; the rest by connect/subscription.bicep.')
@minLength(1)
@maxLength(100)
param subscriptions connectedSubscription[] = [{ id: subscription().subscriptionId }]

@description('Ids of further subscriptions for the sweep, which are connected by connect/management-group.bicep or connect/subscription.bicep.')
@maxLength(1000)
param sweptSubscriptions string[] = []

@description('Application settings. All have defaults; every remediation starts in `observe`. The modes also choose the roles, and the policies that are on choose the events.')
param settings appSettings = {}

@description('The most instances that each function may have. It bounds how fast Azure is called.')
@minValue(1)
@maxValue(1000)
param maximumInstanceCount int = 40

@description('Redundancy of the storage account. Zones are not to be had in every region.')
@allowed(['Standard_LRS', 'Standard_ZRS', 'Standard_GRS', 'Standard_GZRS'])
param storageSku string = 'Standard_LRS'

@description('How the app is told of its storage: by name, which means the public cloud to the Functions host, or by its three addresses, for sovereign clouds.')
@allowed(['name', 'addresses'])
param storageSettings string = 'name'

@description('Whose writes and deletions on the storage account are logged: all = tables, blobs and queues; records = tables and blobs, which is cheaper where there are millions of events. From all to records, delete the diagnostic setting of the queues yourself: docs/deploying.md says how.')
@allowed(['all', 'records'])
param storageWriteLogs string = 'all'

@description('How many days messages that nobody could handle are kept.')
@minValue(7)
@maxValue(3650)
param keptMessageDays int = 90

@description('How many days deleted blobs and containers can be brought back.')
@minValue(7)
@maxValue(365)
param softDeleteDays int = 14

@description('How many days nobody can change or delete a seal of the audit.')
@minValue(1)
@maxValue(146000)
param sealDays int = 365

@description('Did you lock the immutability policy of container seals? Then say so, and it is left alone. Locking cannot be undone; the template never does it.')
param isSealPolicyLocked bool = false

@description('How many days logs are kept. 30 days are included in the price of taking them in.')
@minValue(30)
@maxValue(730)
param logRetentionDays int = 30

@description('How many GB of logs are taken in a day at most; the rest of that day is lost. 0 = no limit. It bounds what somebody can cost who asks the public health endpoint without end, and it also blinds alerts until midnight.')
@minValue(0)
@maxValue(4000)
param logDailyCapGigabytes int = 0

@description('Export alerts and recommendations of Defender for Cloud to an Event Hub, from every subscription of `subscriptions`? An Event Hub is billed by the hour. Without it the sweep asks for alerts.')
param enableDefenderExport bool = false

@description('Object id of the service principal with which Defender sends. It differs from tenant to tenant: az ad sp list --display-name "Windows Azure Security Resource Provider" --query "[0].id" --output tsv')
@maxLength(36)
param defenderSenderPrincipalId string = ''

@description('Tier of the Event Hub namespace: Basic keeps one day, Standard seven.')
@allowed(['Basic', 'Standard'])
param defenderEventHubSku string = 'Basic'

@description('Which recommendations are exported besides the alerts. all = also what they consist of, for example each vulnerability of an image.')
@allowed(['none', 'assessments', 'all'])
param defenderRecommendations string = 'all'

@description('Ids of the Azure Monitor workspaces behind AKS_METRICS_ENDPOINTS.')
@maxLength(50)
param azureMonitorWorkspaceIds string[] = []

@description('Ids of the private clusters in which AKS_RUN_COMMAND may run commands. Whoever may do that may start pods there.')
@maxLength(50)
param runCommandClusterIds string[] = []

@description('Id of the key vault that ACR_ROTATED_PASSWORD_VAULT names. The vault is yours; it has to go by Azure RBAC.')
param rotationVaultId string = ''

@description('Ids of what settings refer to in key vaults (@Microsoft.KeyVault(…)): …/vaults/<vault>/secrets/<name>. The app may read these and no others. The vaults are yours; they have to go by Azure RBAC.')
@maxLength(10)
param keyVaultReferenceIds string[] = []

@description('Ids of the custom topics of Event Grid that EVENTS_TOPIC_ENDPOINT and TICKETS_WEBHOOK_URL name, if any.')
@maxLength(2)
param publishingTopicIds string[] = []

@description('E-mail addresses that are told when something is wrong. The alert rules cost money per month, so there are none without a receiver.')
@maxLength(20)
param alertEmails string[] = []

@description('Ids of action groups that are told instead or as well. An alert rule takes five, and one is made for alertEmails.')
@maxLength(4)
param actionGroupIds string[] = []

@description('Deploy the workbook "what was changed last night, why, and what waits for me"? It costs nothing by itself.')
param deployWorkbook bool = true

var resourceToken = toLower(uniqueString(subscription().id, environmentName, location))
var appGroupName = 'rg-${environmentName}'
var recordsGroupName = 'rg-${environmentName}-records'
var storageAccountName = 'st${resourceToken}'

// What makes no sense together. Each says what to do.
var effective = union(settingDefaults, settings)
var plainSecrets = filter(
  secretSettings,
  name => !empty(effective[?name] ?? '') && !startsWith(effective[?name] ?? '', '@Microsoft.KeyVault(')
)
var vaultsNamed = filter(vaultSettings, name => !empty(effective[?name] ?? ''))
var nodesInspected = inspectsNodes(effective, nodePolicySettings)
var needsMetrics = nodesInspected && !empty(effective.?AKS_METRICS_ENDPOINTS ?? '')
var needsRunCommand = nodesInspected && (effective.?AKS_RUN_COMMAND ?? 'off') != 'off'
var needsVault = !empty(vaultsNamed)
var referring = filter(secretSettings, name => !empty(effective[?name] ?? ''))
var ids = map(subscriptions, one => toLower(one.id))
var problems = concat(
  length(union(ids, [])) == length(ids) ? [] : ['subscriptions: name each only once.'],
  empty(referring) || !empty(keyVaultReferenceIds)
    ? []
    : [
        '${join(referring, ', ')}: give the ids of these entries of the key vault in keyVaultReferenceIds, or the app may not read them.'
      ],
  empty(plainSecrets)
    ? []
    : [
        '${join(plainSecrets, ', ')}: store the secret in a key vault and give a reference, @Microsoft.KeyVault(SecretUri=https://…).'
      ],
  enableDefenderExport && empty(defenderSenderPrincipalId)
    ? ['enableDefenderExport: give defenderSenderPrincipalId as well; its description has the command that finds it.']
    : [],
  needsMetrics && empty(azureMonitorWorkspaceIds)
    ? [
        'AKS_METRICS_ENDPOINTS: give the ids of these workspaces in azureMonitorWorkspaceIds, or they may not be queried.'
      ]
    : [],
  needsRunCommand && empty(runCommandClusterIds)
    ? ['AKS_RUN_COMMAND: give the ids of the clusters in runCommandClusterIds, or no command may run in any.']
    : [],
  needsVault && empty(rotationVaultId)
    ? [
        '${join(vaultsNamed, ', ')}: give the id of that vault in rotationVaultId, or nothing may be stored there.'
      ]
    : []
)

// Everything carries tags, so nothing is deployed while something makes no sense.
var allTags = empty(problems) ? union(tags, { 'azd-env-name': environmentName }) : fail(join(problems, ' '))

resource appGroup 'Microsoft.Resources/resourceGroups@2024-03-01' = {
  name: appGroupName
  location: location
  tags: allTags
}

resource recordsGroup 'Microsoft.Resources/resourceGroups@2024-03-01' = {
  name: recordsGroupName
  location: location
  tags: allTags
}

module identity 'app/identity.bicep' = {
  name: 'dockwarden-identity'
  scope: appGroup
  params: { name: 'id-${resourceToken}', location: location, tags: allTags }
}

module monitoring 'app/monitoring.bicep' = {
  name: 'dockwarden-monitoring'
  scope: appGroup
  params: {
    workspaceName: 'log-${resourceToken}'
    applicationInsightsName: 'appi-${resourceToken}'
    location: location
    tags: allTags
    retentionDays: logRetentionDays
    dailyCapGigabytes: logDailyCapGigabytes
    principalId: identity.outputs.principalId
  }
}

module storage 'app/storage.bicep' = {
  name: 'dockwarden-storage'
  scope: recordsGroup
  params: {
    name: storageAccountName
    location: location
    tags: allTags
    sku: storageSku
    workspaceId: monitoring.outputs.workspaceId
    writeLogs: storageWriteLogs
    keptMessageDays: keptMessageDays
    softDeleteDays: softDeleteDays
    sealDays: sealDays
    isSealPolicyLocked: isSealPolicyLocked
  }
}

module auditRole 'app/audit-role.bicep' = {
  name: 'dockwarden-audit-role-${resourceToken}'
  params: { environmentName: environmentName }
  // Nothing is made while something makes no sense: the group says so.
  dependsOn: [recordsGroup]
}

module storageAccess 'app/storage-access.bicep' = {
  name: 'dockwarden-storage-access'
  scope: recordsGroup
  params: {
    storageAccountName: storage.outputs.name
    principalId: identity.outputs.principalId
    auditRoleDefinitionId: auditRole.outputs.roleDefinitionId
    readers: concat(
      filter(readers, who => who.principalId != deployerPrincipalId),
      empty(deployerPrincipalId) ? [] : [{ principalId: deployerPrincipalId, principalType: deployerPrincipalType }]
    )
  }
}

module eventHub 'defender/event-hub.bicep' = if (enableDefenderExport) {
  name: 'dockwarden-event-hub'
  scope: appGroup
  params: {
    namespaceName: 'evhns-${resourceToken}'
    location: location
    tags: allTags
    sku: defenderEventHubSku
    principalId: identity.outputs.principalId
    senderPrincipalId: defenderSenderPrincipalId
  }
}

// Without an Event Hub the function that reads it would fail for ever.
var hubSettings = enableDefenderExport
  ? { DEFENDER_EVENT_HUB: 'defender', DefenderEventHub__credential: 'managedidentity' }
  : { 'AzureWebJobs.defenderAlerts.Disabled': 'true' }

module app 'app/function-app.bicep' = {
  name: 'dockwarden-app'
  scope: appGroup
  params: {
    name: 'func-${resourceToken}'
    planName: 'plan-${resourceToken}'
    location: location
    tags: allTags
    identityId: identity.outputs.id
    packageContainer: '${storage.outputs.endpoints.blob}app-package'
    maximumInstanceCount: maximumInstanceCount
    settings: union(effective, hubSettings, {
      AzureWebJobsStorage__credential: 'managedidentity'
      SCOPES: join(union(ids, map(sweptSubscriptions, id => toLower(id))), ',')
    })
    cloudDefaults: cloudDefaults
    derivedSettings: [
      { name: 'DOCKWARDEN_PRINCIPAL_ID', value: identity.outputs.principalId }
      { name: 'DOCKWARDEN_CLIENT_ID', value: identity.outputs.clientId }
      { name: 'AzureWebJobsStorage__clientId', value: identity.outputs.clientId }
      { name: storageSettings == 'name' ? 'AzureWebJobsStorage__accountName' : '', value: storageAccountName }
      {
        name: storageSettings == 'name' ? '' : 'AzureWebJobsStorage__blobServiceUri'
        value: storage.outputs.endpoints.blob
      }
      {
        name: storageSettings == 'name' ? '' : 'AzureWebJobsStorage__queueServiceUri'
        value: storage.outputs.endpoints.queue
      }
      {
        name: storageSettings == 'name' ? '' : 'AzureWebJobsStorage__tableServiceUri'
        value: storage.outputs.endpoints.table
      }
      { name: 'APPLICATIONINSIGHTS_CONNECTION_STRING', value: monitoring.outputs.connectionString }
      {
        name: 'APPLICATIONINSIGHTS_AUTHENTICATION_STRING'
        value: 'ClientId=${identity.outputs.clientId};Authorization=AAD'
      }
      { name: enableDefenderExport ? 'DefenderEventHub__clientId' : '', value: identity.outputs.clientId }
      {
        name: enableDefenderExport ? 'DefenderEventHub__fullyQualifiedNamespace' : ''
        value: enableDefenderExport ? eventHub!.outputs.hostName : ''
      }
    ]
  }
  // The host needs its storage from the first second.
  dependsOn: [storageAccess]
}

module alertRules 'operating/alert-rules.bicep' = if (!empty(alertEmails) || !empty(actionGroupIds)) {
  name: 'dockwarden-alert-rules'
  scope: appGroup
  params: {
    location: location
    tags: allTags
    environmentName: environmentName
    workspaceId: monitoring.outputs.workspaceId
    applicationInsightsId: monitoring.outputs.applicationInsightsId
    emails: alertEmails
    actionGroupIds: actionGroupIds
  }
}

module workbook 'operating/workbook.bicep' = if (deployWorkbook) {
  name: 'dockwarden-workbook'
  scope: appGroup
  params: {
    location: location
    tags: allTags
    environmentName: environmentName
    workspaceId: monitoring.outputs.workspaceId
    applicationInsightsId: monitoring.outputs.applicationInsightsId
  }
}

var storagePlace = {
  subscriptionId: subscription().subscriptionId
  resourceGroup: recordsGroupName
  name: storageAccountName
}

module connect 'connect/subscription.bicep' = [
  for one in subscriptions: {
    name: 'dockwarden-connect-${uniqueString(toLower(one.id), environmentName)}'
    scope: subscription(toLower(one.id))
    params: {
      environmentName: environmentName
      location: location
      tags: allTags
      principalId: identity.outputs.principalId
      storage: storagePlace
      settings: settings
      resourceGroupName: one.?resourceGroup ?? appGroupName
      // One that is named belongs to somebody: writing it would replace its tags.
      createResourceGroup: one.?resourceGroup == null && toLower(one.id) != toLower(subscription().subscriptionId)
      existingSystemTopic: one.?existingSystemTopic
      events: one.?events ?? {}
      defenderEventHubId: enableDefenderExport ? eventHub!.outputs.id : ''
      defenderRecommendations: defenderRecommendations
    }
    // Its queues and containers have to be there before anything is delivered.
    dependsOn: [storage]
  }
]

// Roles at single resources, wherever these are.
var resourceRoles = concat(
  needsMetrics ? [{ role: 'metrics', ids: azureMonitorWorkspaceIds }] : [],
  needsRunCommand ? [{ role: 'runCommand', ids: runCommandClusterIds }] : [],
  needsVault ? [{ role: 'passwordVault', ids: [rotationVaultId] }] : []
)
var resourceRolePlaces = flatten(map(
  resourceRoles,
  one =>
    map(union(map(one.ids, id => toLower(split(id, '/')[2])), []), subscriptionId => {
      role: one.role
      ids: one.ids
      subscriptionId: subscriptionId
    })
))

module resourceRole 'roles/resource-role.bicep' = [
  for place in resourceRolePlaces: {
    name: 'dockwarden-${place.role}-${uniqueString(place.subscriptionId, environmentName)}'
    scope: subscription(place.subscriptionId)
    params: {
      environmentName: environmentName
      principalId: identity.outputs.principalId
      role: place.role
      resourceIds: place.ids
    }
  }
]

module reference 'roles/at-secret.bicep' = [
  for id in keyVaultReferenceIds: {
    name: 'dockwarden-reference-${uniqueString(id)}'
    scope: resourceGroup(split(id, '/')[2], split(id, '/')[4])
    params: {
      vaultName: split(id, '/')[8]
      name: last(split(id, '/'))
      principalId: identity.outputs.principalId
    }
  }
]

module publishing 'roles/at-topic.bicep' = [
  for id in publishingTopicIds: {
    name: 'dockwarden-publishing-${uniqueString(id)}'
    scope: resourceGroup(split(id, '/')[2], split(id, '/')[4])
    params: {
      name: last(split(id, '/'))
      principalId: identity.outputs.principalId
      // EventGrid Data Sender
      roleDefinitionId: subscriptionResourceId(
        split(id, '/')[2],
        'Microsoft.Authorization/roleDefinitions',
        'd5a91429-5739-47e2-a06b-3470a27159e7'
      )
    }
  }
]

@description('Name of the Functions app.')
output AZURE_FUNCTION_NAME string = app.outputs.name

@description('The same, under the name by which azd knows the service.')
output SERVICE_APP_NAME string = app.outputs.name

@description('Id of the Functions app: `dockwarden doctor --app <id>`.')
output AZURE_FUNCTION_ID string = app.outputs.id

@description('Address of the Functions app.')
output AZURE_FUNCTION_URL string = 'https://${app.outputs.hostName}'

@description('Resource group of the app.')
output AZURE_RESOURCE_GROUP string = appGroup.name

@description('Resource group of the records, which outlives the app.')
output AZURE_RECORDS_RESOURCE_GROUP string = recordsGroup.name

@description('Name of the storage account.')
output AZURE_STORAGE_ACCOUNT_NAME string = storage.outputs.name

@description('Where the storage account is: parameter `storage` of the files in connect/.')
output AZURE_STORAGE storageReference = storagePlace

@description('Object id of the app\'s identity.')
output AZURE_IDENTITY_PRINCIPAL_ID string = identity.outputs.principalId

@description('Client id of the app\'s identity.')
output AZURE_IDENTITY_CLIENT_ID string = identity.outputs.clientId

@description('Id of the Log Analytics workspace.')
output AZURE_LOG_ANALYTICS_WORKSPACE_ID string = monitoring.outputs.workspaceId

@description('Id of the Application Insights component.')
output AZURE_APPLICATION_INSIGHTS_ID string = monitoring.outputs.applicationInsightsId

@description('Azure Resource Manager of this cloud.')
output AZURE_RESOURCE_MANAGER string = environment().resourceManager

@description('Id of the Event Hub; empty without one.')
output DEFENDER_EVENT_HUB_ID string = enableDefenderExport ? eventHub!.outputs.id : ''

// Azure deletes nothing that is missing in a template: roles of remediations that may act no more have to be taken away by themselves.
@description('Role assignments that an earlier deployment may have made and these settings do not call for, for each subscription. The hook of azd deletes them; without azd: az role assignment delete --ids …')
output AZURE_UNUSED_ROLE_ASSIGNMENT_IDS string[][] = [
  for (one, index) in subscriptions: connect[index].outputs.UNUSED_ROLE_ASSIGNMENT_IDS
]
