// All events of one subscription: changes by Azure Resource Manager, and what else is asked for. A topic without a policy that needs it is not subscribed to.
targetScope = 'subscription'

import { eventTypesOf, operationPrefixes } from 'filters.bicep'
import { existingTopic, furtherEvents, storageReference } from '../types.bicep'

@description('Name of the environment: part of the names of topics and event subscriptions.')
@minLength(1)
@maxLength(40)
param environmentName string

@description('Resource group for the topics.')
param resourceGroupName string

@description('Tags.')
param tags object

@description('The storage account with the queue.')
param storage storageReference

@description('All settings, with their defaults.')
param settings object

@description('System topic of the subscription, where there is one already.')
param existingSystemTopic existingTopic?

@description('Events besides those of Azure Resource Manager.')
param events furtherEvents = {}

var needs = loadJsonContent('../generated/event-filters.json')
var changes = 'Microsoft.Resources.Subscriptions'
var prefixes = operationPrefixes(needs, settings)
var anyPolicy = !empty(prefixes)

// Names of event subscriptions: letters, digits and hyphens, and one for each environment, because several may share a topic.
var eventSubscriptionName = 'dockwarden-${uniqueString(storage.subscriptionId, storage.name, environmentName)}'

module changed 'event-source.bicep' = if (anyPolicy) {
  name: 'dockwarden-changes-${uniqueString(environmentName)}'
  params: {
    source: subscription().id
    topicType: changes
    location: 'global'
    resourceGroupName: resourceGroupName
    topicName: 'evgt-dockwarden-subscription'
    existingSystemTopic: existingSystemTopic
    eventSubscriptionName: eventSubscriptionName
    tags: tags
    storage: storage
    eventTypes: eventTypesOf(needs, settings, changes)
    advancedFilters: [
      {
        operatorType: 'StringBeginsWith'
        key: 'data.operationName'
        values: prefixes
      }
    ]
  }
}

var ofResources = [
  { topicType: 'Microsoft.KeyVault.vaults', sources: events.?keyVaults ?? [] }
  { topicType: 'Microsoft.ContainerService.ManagedClusters', sources: events.?clusters ?? [] }
  { topicType: 'Microsoft.ContainerRegistry.Registries', sources: events.?registries ?? [] }
]
var wantedSources = flatten(map(
  filter(ofResources, kind => !empty(eventTypesOf(needs, settings, kind.topicType))),
  kind =>
    map(kind.sources, source => {
      topicType: kind.topicType
      id: source.id
      location: source.location
      existingSystemTopic: source.?existingSystemTopic
    })
))

module ofResource 'event-source.bicep' = [
  for source in wantedSources: {
    name: 'dockwarden-source-${uniqueString(source.id, environmentName)}'
    params: {
      source: source.id
      topicType: source.topicType
      location: source.location
      resourceGroupName: resourceGroupName
      topicName: 'evgt-dockwarden-${uniqueString(source.id)}'
      existingSystemTopic: source.?existingSystemTopic
      eventSubscriptionName: eventSubscriptionName
      tags: tags
      storage: storage
      eventTypes: eventTypesOf(needs, settings, source.topicType)
    }
  }
]

var scheduledEvents = 'Microsoft.ResourceNotifications.ContainerServiceEventResources'

module scheduled 'event-source.bicep' = if ((events.?scheduledEvents.?enabled ?? false) && !empty(eventTypesOf(
  needs,
  settings,
  scheduledEvents
))) {
  name: 'dockwarden-scheduled-${uniqueString(environmentName)}'
  params: {
    source: subscription().id
    topicType: scheduledEvents
    location: 'global'
    resourceGroupName: resourceGroupName
    topicName: 'evgt-dockwarden-scheduled-events'
    existingSystemTopic: events.?scheduledEvents.?existingSystemTopic
    eventSubscriptionName: eventSubscriptionName
    tags: tags
    storage: storage
    eventTypes: eventTypesOf(needs, settings, scheduledEvents)
  }
}

module states 'event-source.bicep' = if ((events.?policyStates.?enabled ?? false) && anyPolicy) {
  name: 'dockwarden-policy-states-${uniqueString(environmentName)}'
  params: {
    source: subscription().id
    topicType: 'Microsoft.PolicyInsights.PolicyStates'
    location: 'global'
    resourceGroupName: resourceGroupName
    topicName: 'evgt-dockwarden-policy-states'
    existingSystemTopic: events.?policyStates.?existingSystemTopic
    eventSubscriptionName: eventSubscriptionName
    tags: tags
    storage: storage
    eventTypes: ['Microsoft.PolicyInsights.PolicyStateCreated', 'Microsoft.PolicyInsights.PolicyStateChanged']
    advancedFilters: [
      {
        // The first scan of an assignment tells of every resource of the subscription: the compliant ones are left out.
        operatorType: 'StringIn'
        key: 'data.complianceState'
        values: ['NonCompliant']
      }
    ]
  }
}
