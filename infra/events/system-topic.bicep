// The system topic of one source: made, or the one that is there already.

@description('Name of the system topic.')
@minLength(3)
@maxLength(50)
param name string

@description('Is it there already?')
param isExisting bool

@description('Type of the topic, for example Microsoft.Resources.Subscriptions.')
param topicType string

@description('Resource id of what the events are about.')
param source string

@description('Location of the source; global for a subscription.')
param location string

@description('Tags.')
param tags object

resource made 'Microsoft.EventGrid/systemTopics@2025-02-15' = if (!isExisting) {
  name: name
  location: location
  tags: tags
  identity: { type: 'SystemAssigned' }
  properties: {
    source: source
    topicType: topicType
  }
}

resource found 'Microsoft.EventGrid/systemTopics@2025-02-15' existing = if (isExisting) {
  name: name
}

@description('Object id of the identity with which the topic delivers.')
output principalId string = isExisting
  ? (found.?identity.?principalId ?? fail('The system topic ${name} has no system-assigned identity. Give it one: az eventgrid system-topic update --name ${name} --resource-group ${resourceGroup().name} --identity systemassigned'))
  : made!.identity.principalId
