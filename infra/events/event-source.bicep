// Everything for the events of one source: its system topic, the permission to deliver, the event subscription.
targetScope = 'subscription'

import { existingTopic, storageReference } from '../types.bicep'

@description('Resource id of what the events are about.')
param source string

@description('Type of the topic, for example Microsoft.Resources.Subscriptions.')
param topicType string

@description('Location of the source; global for a subscription.')
param location string

@description('Resource group for a topic that has to be made.')
param resourceGroupName string

@description('Name of a topic that has to be made.')
param topicName string

@description('The topic, where there is one already.')
param existingSystemTopic existingTopic?

@description('Name of the event subscription.')
param eventSubscriptionName string

@description('Tags.')
param tags object

@description('The storage account with the queue.')
param storage storageReference

@description('Types of events.')
param eventTypes string[]

@description('Further filters.')
param advancedFilters object[] = []

var topicGroup = existingSystemTopic.?resourceGroup ?? resourceGroupName
var usedTopicName = existingSystemTopic.?name ?? topicName

module topic 'system-topic.bicep' = {
  name: 'dockwarden-topic-${uniqueString(source, topicType)}'
  scope: resourceGroup(topicGroup)
  params: {
    name: usedTopicName
    isExisting: existingSystemTopic != null
    topicType: topicType
    source: source
    location: location
    tags: tags
  }
}

module access 'delivery-access.bicep' = {
  name: 'dockwarden-delivery-${uniqueString(source, topicType)}'
  scope: resourceGroup(storage.subscriptionId, storage.resourceGroup)
  params: {
    storageAccountName: storage.name
    principalId: topic.outputs.principalId
  }
}

module eventSubscription 'event-subscription.bicep' = {
  name: 'dockwarden-events-${uniqueString(source, topicType)}'
  scope: resourceGroup(topicGroup)
  params: {
    topicName: usedTopicName
    name: eventSubscriptionName
    storageAccountId: resourceId(
      storage.subscriptionId,
      storage.resourceGroup,
      'Microsoft.Storage/storageAccounts',
      storage.name
    )
    eventTypes: eventTypes
    advancedFilters: advancedFilters
  }
  // Event Grid refuses the subscription until the topic's identity may deliver.
  dependsOn: [access]
}
