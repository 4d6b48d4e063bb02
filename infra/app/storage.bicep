// The storage account: queues, tables and blobs of the app, its records among them. No shared keys: every access is by identity.
// It lies in a resource group of its own, so that the app can be removed and the records stay.

@description('Name of the storage account.')
@minLength(3)
@maxLength(24)
param name string

@description('Location.')
param location string

@description('Tags of every resource.')
param tags object

@description('Redundancy of the storage account.')
@allowed(['Standard_LRS', 'Standard_ZRS', 'Standard_GRS', 'Standard_GZRS'])
param sku string

@description('Log Analytics workspace that gets the log of who wrote and deleted what.')
param workspaceId string

@description('Whose writes and deletions are logged: all = tables, blobs and queues; records = tables and blobs. Two messages of each event are written and deleted.')
@allowed(['all', 'records'])
param writeLogs string

@description('How many days messages that nobody could handle are kept (containers poison and dead-letter).')
@minValue(7)
@maxValue(3650)
param keptMessageDays int

@description('How many days deleted blobs and containers can be brought back.')
@minValue(7)
@maxValue(365)
param softDeleteDays int

@description('How many days nobody can change or delete a seal of the audit.')
@minValue(1)
@maxValue(146000)
param sealDays int

@description('Was the immutability policy of container seals locked by its owner? Then it is left alone: Azure accepts no change but a longer period.')
param isSealPolicyLocked bool

// What the app uses by name; test/infra/storage-names.test.ts compares it with src.
@export()
var queueNames = ['resource-events', 'work', 'tickets', 'events']
@export()
var tableNames = ['audit', 'findings', 'work', 'guards', 'alerts', 'nodes', 'tickets']
@export()
var containerNames = ['poison', 'dead-letter', 'app-package']
// Nothing writes seals yet. The container is here, because its policy has to be older than what it protects.
var sealContainerName = 'seals'

resource account 'Microsoft.Storage/storageAccounts@2024-01-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: sku }
  properties: {
    accessTier: 'Hot'
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    publicNetworkAccess: 'Enabled'
    supportsHttpsTrafficOnly: true
  }
}

resource blobService 'Microsoft.Storage/storageAccounts/blobServices@2024-01-01' = {
  parent: account
  name: 'default'
  properties: {
    deleteRetentionPolicy: { enabled: true, days: softDeleteDays }
    containerDeleteRetentionPolicy: { enabled: true, days: softDeleteDays }
  }
}

resource containers 'Microsoft.Storage/storageAccounts/blobServices/containers@2024-01-01' = [
  for containerName in containerNames: {
    parent: blobService
    name: containerName
    properties: { publicAccess: 'None' }
  }
]

resource seals 'Microsoft.Storage/storageAccounts/blobServices/containers@2024-01-01' = {
  parent: blobService
  name: sealContainerName
  properties: { publicAccess: 'None' }
}

// Not locked: locking cannot be undone, and is for the owner to decide.
resource sealPolicy 'Microsoft.Storage/storageAccounts/blobServices/containers/immutabilityPolicies@2024-01-01' = if (!isSealPolicyLocked) {
  parent: seals
  name: 'default'
  properties: {
    immutabilityPeriodSinceCreationInDays: sealDays
    allowProtectedAppendWrites: false
  }
}

resource queueService 'Microsoft.Storage/storageAccounts/queueServices@2024-01-01' = {
  parent: account
  name: 'default'
}

resource queues 'Microsoft.Storage/storageAccounts/queueServices/queues@2024-01-01' = [
  for queueName in flatten(map(queueNames, queueName => [queueName, '${queueName}-poison'])): {
    parent: queueService
    name: queueName
  }
]

resource tableService 'Microsoft.Storage/storageAccounts/tableServices@2024-01-01' = {
  parent: account
  name: 'default'
}

resource tables 'Microsoft.Storage/storageAccounts/tableServices/tables@2024-01-01' = [
  for tableName in tableNames: {
    parent: tableService
    name: tableName
  }
]

resource lifecycle 'Microsoft.Storage/storageAccounts/managementPolicies@2024-01-01' = {
  parent: account
  name: 'default'
  properties: {
    policy: {
      rules: [
        {
          name: 'forget-kept-messages'
          type: 'Lifecycle'
          enabled: true
          definition: {
            filters: { blobTypes: ['blockBlob'], prefixMatch: ['poison/', 'dead-letter/'] }
            actions: { baseBlob: { delete: { daysAfterModificationGreaterThan: keptMessageDays } } }
          }
        }
      ]
    }
  }
}

// Writes and deletions prove who touched the records. Reads are not logged: the app polls its queues all day, which would be most of the bill.
var logs = [
  { category: 'StorageWrite', enabled: true }
  { category: 'StorageDelete', enabled: true }
]

resource blobLogs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'dockwarden'
  scope: blobService
  properties: { workspaceId: workspaceId, logs: logs }
}

resource queueLogs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = if (writeLogs == 'all') {
  name: 'dockwarden'
  scope: queueService
  properties: { workspaceId: workspaceId, logs: logs }
}

resource tableLogs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'dockwarden'
  scope: tableService
  properties: { workspaceId: workspaceId, logs: logs }
}

// On the account and not on its group: a lock on a group would also keep Azure from clearing the group's old deployments, of which it allows 800.
resource lock 'Microsoft.Authorization/locks@2020-05-01' = {
  name: 'dockwarden-records'
  scope: account
  properties: {
    level: 'CanNotDelete'
    notes: 'Holds the audit of Dockwarden. Whoever means to delete it removes this lock first.'
  }
  dependsOn: [blobLogs, queueLogs, tableLogs, containers, sealPolicy, queues, tables, lifecycle]
}

@description('Name of the storage account.')
output name string = account.name

@description('Id of the storage account.')
output id string = account.id

@description('Addresses of its services.')
output endpoints {
  blob: string
  queue: string
  table: string
} = {
  blob: account.properties.primaryEndpoints.blob
  queue: account.properties.primaryEndpoints.queue
  table: account.properties.primaryEndpoints.table
}
