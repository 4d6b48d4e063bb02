// A role of the app's identity at one AKS cluster.
@description('Name of the AKS cluster.')
param name string

@description('Object id of the app\'s identity.')
param principalId string

@description('Id of the role definition.')
param roleDefinitionId string

resource cluster 'Microsoft.ContainerService/managedClusters@2024-09-01' existing = {
  name: name
}

resource assignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(cluster.id, principalId, roleDefinitionId)
  scope: cluster
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: roleDefinitionId
  }
}
