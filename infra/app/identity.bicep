// The one identity that the app acts with.

@description('Name of the identity.')
param name string

@description('Location.')
param location string

@description('Tags.')
param tags object

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: name
  location: location
  tags: tags
}

@description('Id of the resource.')
output id string = identity.id

@description('Object id, to which roles are assigned.')
output principalId string = identity.properties.principalId

@description('Client id, with which the app asks for tokens.')
output clientId string = identity.properties.clientId
