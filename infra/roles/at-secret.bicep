// The app's identity may read one secret of a key vault: the one that a setting refers to.
@description('Name of the key vault.')
param vaultName string

@description('Name in the key vault of what is read.')
param name string

@description('Object id of the app\'s identity.')
param principalId string

var keyVaultSecretsUser = '4633458b-17de-408a-b874-0445c86b69e6'

resource vault 'Microsoft.KeyVault/vaults@2023-07-01' existing = {
  name: vaultName

  resource entry 'secrets' existing = {
    name: name
  }
}

resource assignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(vault::entry.id, principalId, keyVaultSecretsUser)
  scope: vault::entry
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', keyVaultSecretsUser)
  }
}
