// A role of the app's identity at one custom topic of Event Grid.
@description('Name of the custom topic of Event Grid.')
param name string

@description('Object id of the app\'s identity.')
param principalId string

@description('Id of the role definition.')
param roleDefinitionId string

resource topic 'Microsoft.EventGrid/topics@2025-02-15' existing = {
  name: name
}

resource assignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(topic.id, principalId, roleDefinitionId)
  scope: topic
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: roleDefinitionId
  }
}
