// Custom roles of the app's identity at a management group. Azure allows no role with dataActions there.
targetScope = 'managementGroup'

import { customRole } from 'wanted.bicep'

@description('Name of the environment: part of the names of the roles, which are unique in the tenant.')
@minLength(1)
@maxLength(40)
param environmentName string

@description('Object id of the app\'s identity.')
@minLength(36)
@maxLength(36)
param principalId string

@description('The roles; those with dataActions are left out.')
param roles customRole[]

var withoutData = filter(roles, role => empty(role.dataActions))

resource definitions 'Microsoft.Authorization/roleDefinitions@2022-04-01' = [
  for role in withoutData: {
    name: guid(managementGroup().id, environmentName, role.key)
    properties: {
      roleName: 'Dockwarden ${role.key} (${environmentName}, ${managementGroup().name})'
      description: role.description
      type: 'CustomRole'
      permissions: [
        {
          actions: role.actions
          notActions: []
          dataActions: []
          notDataActions: []
        }
      ]
      assignableScopes: [managementGroup().id]
    }
  }
]

resource assignments 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (role, index) in withoutData: {
    name: guid(managementGroup().id, environmentName, role.key, principalId)
    properties: {
      principalId: principalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: definitions[index].id
    }
  }
]
