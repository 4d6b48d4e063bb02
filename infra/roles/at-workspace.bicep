// A role of the app's identity at one Azure Monitor workspace.
@description('Name of the Azure Monitor workspace.')
param name string

@description('Object id of the app\'s identity.')
param principalId string

@description('Id of the role definition.')
param roleDefinitionId string

resource workspace 'Microsoft.Monitor/accounts@2023-04-03' existing = {
  name: name
}

resource assignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(workspace.id, principalId, roleDefinitionId)
  scope: workspace
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: roleDefinitionId
  }
}
