// The Event Hub that gets alerts and recommendations of Defender for Cloud, for Dockwarden alone.

@description('Name of the namespace.')
@minLength(6)
@maxLength(50)
param namespaceName string

@description('Location.')
param location string

@description('Tags.')
param tags object

@description('Basic is the cheapest that works: it has the one consumer group that the app reads ($Default), sign-in by identity, and one day of retention. What is older by the time the app reads again comes by polling, alerts at least. Standard keeps seven days.')
@allowed(['Basic', 'Standard'])
param sku string

@description('Object id of the app\'s identity, which receives.')
param principalId string

@description('Object id of the service principal with which Defender sends in this tenant.')
param senderPrincipalId string

var dataReceiver = 'a638d3c7-ab3a-418d-83e6-5f17a39d4fde'
var dataSender = '2b629674-e913-4c01-ae53-ef4638d8f975'

resource namespace 'Microsoft.EventHub/namespaces@2024-01-01' = {
  name: namespaceName
  location: location
  tags: tags
  sku: { name: sku, tier: sku, capacity: 1 }
  properties: {
    disableLocalAuth: true
    minimumTlsVersion: '1.2'
    publicNetworkAccess: 'Enabled'
  }
}

resource hub 'Microsoft.EventHub/namespaces/eventhubs@2024-01-01' = {
  parent: namespace
  name: 'defender'
  properties: {
    partitionCount: 2
    retentionDescription: { cleanupPolicy: 'Delete', retentionTimeInHours: sku == 'Basic' ? 24 : 168 }
  }
}

resource appReceives 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(hub.id, principalId, dataReceiver)
  scope: hub
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', dataReceiver)
  }
}

resource defenderSends 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(hub.id, senderPrincipalId, dataSender)
  scope: hub
  properties: {
    principalId: senderPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', dataSender)
  }
}

@description('Id of the Event Hub.')
output id string = hub.id

@description('Name of the Event Hub.')
output name string = hub.name

@description('Host name of the namespace.')
output hostName string = split(split(namespace.properties.serviceBusEndpoint, '/')[2], ':')[0]
