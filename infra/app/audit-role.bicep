// The role that makes the audit append-only by permission: rows can be read and added, and neither changed nor removed.
targetScope = 'subscription'

@description('Name of the environment: part of the name of the role, which is unique in the tenant.')
@minLength(1)
@maxLength(40)
param environmentName string

resource auditor 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(subscription().id, environmentName, 'audit')
  properties: {
    roleName: 'Dockwarden audit (${environmentName}, ${substring(subscription().subscriptionId, 0, 8)})'
    description: 'Reads and adds rows of the audit. Changes and deletes none.'
    type: 'CustomRole'
    permissions: [
      {
        actions: []
        notActions: []
        dataActions: [
          'Microsoft.Storage/storageAccounts/tableServices/tables/entities/read'
          'Microsoft.Storage/storageAccounts/tableServices/tables/entities/add/action'
        ]
        notDataActions: []
      }
    ]
    // Where it is defined. With the group alone Azure would not show it under the id by which it is assigned.
    assignableScopes: [subscription().id]
  }
}

@description('Id of the role definition.')
output roleDefinitionId string = auditor.id
