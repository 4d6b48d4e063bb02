// Who may do what with the storage: the app, and people who read.

import { tableNames } from 'storage.bicep'
import { reader } from '../types.bicep'

@description('Name of the storage account.')
param storageAccountName string

@description('Object id of the app\'s identity.')
param principalId string

@description('Id of the role that reads and adds rows of the audit.')
param auditRoleDefinitionId string

@description('Who may read tables, queues and kept messages besides the app.')
param readers reader[]

var builtIn = {
  blobDataOwner: 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
  blobDataReader: '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1'
  queueDataContributor: '974c5e8b-45b9-4653-ba55-5f855dd0fb88'
  queueDataReader: '19e7f393-937e-4f77-808e-94535e297925'
  tableDataContributor: '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'
  tableDataReader: '76199698-9eea-4c19-bc75-cec21354c6b6'
}

resource account 'Microsoft.Storage/storageAccounts@2024-01-01' existing = {
  name: storageAccountName

  resource tableService 'tableServices' existing = {
    name: 'default'
  }
}

// The Functions host keeps its locks, timers and keys in blobs, and has to be their owner. No role of the whole account for tables: that would
// make the audit one that the app can rewrite. The host's own table of diagnostic events is not written, which it logs and bears.
var accountRoles = [builtIn.blobDataOwner, builtIn.queueDataContributor]

resource appOnAccount 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for role in accountRoles: {
    name: guid(account.id, principalId, role)
    scope: account
    properties: {
      principalId: principalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role)
    }
  }
]

var workingTables = filter(tableNames, tableName => tableName != 'audit')

resource tables 'Microsoft.Storage/storageAccounts/tableServices/tables@2024-01-01' existing = [
  for tableName in workingTables: {
    parent: account::tableService
    name: tableName
  }
]

resource appOnTables 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (tableName, index) in workingTables: {
    name: guid(tables[index].id, principalId, builtIn.tableDataContributor)
    scope: tables[index]
    properties: {
      principalId: principalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', builtIn.tableDataContributor)
    }
  }
]

resource audit 'Microsoft.Storage/storageAccounts/tableServices/tables@2024-01-01' existing = {
  parent: account::tableService
  name: 'audit'
}

resource appOnAudit 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(audit.id, principalId, auditRoleDefinitionId)
  scope: audit
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: auditRoleDefinitionId
  }
}

var readerRoles = [builtIn.tableDataReader, builtIn.queueDataReader, builtIn.blobDataReader]
var readings = flatten(map(readers, who => map(readerRoles, role => { who: who, role: role })))

resource peopleRead 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for reading in readings: {
    name: guid(account.id, reading.who.principalId, reading.role)
    scope: account
    properties: {
      principalId: reading.who.principalId
      principalType: reading.who.principalType
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', reading.role)
    }
  }
]
