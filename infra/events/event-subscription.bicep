// Events of one system topic go to queue resource-events, with the topic's identity. What cannot be delivered goes to container dead-letter.

@description('Name of the system topic.')
param topicName string

@description('Name of the event subscription.')
@minLength(3)
@maxLength(64)
param name string

@description('Id of the storage account.')
param storageAccountId string

@description('Types of events.')
@minLength(1)
param eventTypes string[]

@description('Further filters. Event Grid allows 25 values in all of them together.')
param advancedFilters object[]

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' existing = {
  name: topicName
}

resource eventSubscription 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15' = {
  parent: topic
  name: name
  properties: {
    eventDeliverySchema: 'EventGridSchema'
    deliveryWithResourceIdentity: {
      identity: { type: 'SystemAssigned' }
      destination: {
        endpointType: 'StorageQueue'
        properties: {
          resourceId: storageAccountId
          queueName: 'resource-events'
          // Never: what waits for the app is not lost, however long it is switched off.
          queueMessageTimeToLiveInSeconds: -1
        }
      }
    }
    deadLetterWithResourceIdentity: {
      identity: { type: 'SystemAssigned' }
      deadLetterDestination: {
        endpointType: 'StorageBlob'
        properties: { resourceId: storageAccountId, blobContainerName: 'dead-letter' }
      }
    }
    retryPolicy: { maxDeliveryAttempts: 30, eventTimeToLiveInMinutes: 1440 }
    filter: {
      includedEventTypes: eventTypes
      advancedFilters: advancedFilters
    }
  }
}
