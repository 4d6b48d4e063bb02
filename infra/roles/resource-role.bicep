// One custom role that holds for single resources: defined in their subscription, assigned at each of them.
targetScope = 'subscription'

import { toRole } from 'wanted.bicep'

@description('Name of the environment: part of the name of the role, which is unique in the tenant.')
@minLength(1)
@maxLength(40)
param environmentName string

@description('Object id of the app\'s identity.')
@minLength(36)
@maxLength(36)
param principalId string

@description('The role: metrics (Azure Monitor workspaces), runCommand (AKS clusters), passwordVault (the key vault for rotated passwords).')
@allowed(['metrics', 'runCommand', 'passwordVault'])
param role string

@description('Resource ids. Those of other subscriptions are left out.')
param resourceIds string[]

var definition = toRole(role, loadJsonContent('../generated/roles.json').optional[role])
var here = filter(resourceIds, id => toLower(split(id, '/')[2]) == toLower(subscription().subscriptionId))

resource roleDefinition 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(subscription().id, environmentName, role)
  properties: {
    roleName: 'Dockwarden ${role} (${environmentName}, ${substring(subscription().subscriptionId, 0, 8)})'
    description: definition.description
    type: 'CustomRole'
    permissions: [
      {
        actions: definition.actions
        notActions: []
        dataActions: definition.dataActions
        notDataActions: []
      }
    ]
    assignableScopes: [subscription().id]
  }
}

module atWorkspace 'at-workspace.bicep' = [
  for id in (role == 'metrics' ? here : []): {
    name: 'dockwarden-${role}-${uniqueString(id)}'
    scope: resourceGroup(split(id, '/')[4])
    params: { name: last(split(id, '/')), principalId: principalId, roleDefinitionId: roleDefinition.id }
  }
]

module atCluster 'at-cluster.bicep' = [
  for id in (role == 'runCommand' ? here : []): {
    name: 'dockwarden-${role}-${uniqueString(id)}'
    scope: resourceGroup(split(id, '/')[4])
    params: { name: last(split(id, '/')), principalId: principalId, roleDefinitionId: roleDefinition.id }
  }
]

module atVault 'at-vault.bicep' = [
  for id in (role == 'passwordVault' ? here : []): {
    name: 'dockwarden-${role}-${uniqueString(id)}'
    scope: resourceGroup(split(id, '/')[4])
    params: { name: last(split(id, '/')), principalId: principalId, roleDefinitionId: roleDefinition.id }
  }
]
