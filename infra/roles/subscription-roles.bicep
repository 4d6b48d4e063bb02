// Custom roles of the app's identity in one subscription: defined there, and assigned at the whole subscription.
targetScope = 'subscription'

import { customRole } from 'wanted.bicep'

@description('Name of the environment: part of the names of the roles, which are unique in the tenant.')
@minLength(1)
@maxLength(40)
param environmentName string

@description('Object id of the app\'s identity.')
@minLength(36)
@maxLength(36)
param principalId string

@description('The roles.')
param roles customRole[]

resource definitions 'Microsoft.Authorization/roleDefinitions@2022-04-01' = [
  for role in roles: {
    name: guid(subscription().id, environmentName, role.key)
    properties: {
      roleName: 'Dockwarden ${role.key} (${environmentName}, ${substring(subscription().subscriptionId, 0, 8)})'
      description: role.description
      type: 'CustomRole'
      permissions: [
        {
          actions: role.actions
          notActions: []
          dataActions: role.dataActions
          notDataActions: []
        }
      ]
      assignableScopes: [subscription().id]
    }
  }
]

resource assignments 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (role, index) in roles: {
    name: guid(subscription().id, environmentName, role.key, principalId)
    properties: {
      principalId: principalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: definitions[index].id
    }
  }
]
