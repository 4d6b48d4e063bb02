// Much of what there is: fixes that are enforced, two subscriptions, Defender's export, events of single resources, own events.
using '../main.bicep'

param environmentName = 'enforce'
param location = 'westeurope'
param tags = { costCenter: '4711' }
param storageSku = 'Standard_ZRS'
param deployerPrincipalId = '99999999-8888-7777-6666-555555555555'
param deployerPrincipalType = 'ServicePrincipal'
param readers = [{ principalId: '99999999-8888-7777-6666-444444444444', principalType: 'Group' }]

param settings = {
  REMEDIATE_ACR_DISABLE_ADMIN_USER: 'enforce'
  REMEDIATE_ACR_DISABLE_ADMIN_USER_SCOPE: 'dockwarden-pilot=yes'
  REMEDIATE_ACR_ROTATE_SECOND_PASSWORD: 'approve'
  REMEDIATE_AKS_ADD_REQUIRED_TAGS: 'enforce'
  REMEDIATE_KV_SET_KEY_ROTATION_POLICY: 'enforce'
  AKS_REQUIRED_TAGS: '{"costCenter":"4711"}'
  AKS_METRICS_ENDPOINTS: 'https://contoso-abcd.westeurope.prometheus.monitor.azure.com'
  AKS_RUN_COMMAND: 'private-clusters'
  ACR_ROTATED_PASSWORD_VAULT: 'https://contoso-rotated.vault.azure.net'
  EVENTS_TOPIC_ENDPOINT: 'https://dockwarden.westeurope-1.eventgrid.azure.net/api/events'
  TICKETS_SYSTEM: 'github'
  TICKETS_GITHUB_REPOSITORY: 'contoso/operations'
  TICKETS_GITHUB_TOKEN: '@Microsoft.KeyVault(SecretUri=https://contoso-secrets.vault.azure.net/secrets/github-token)'
  POLICY_ACI_ALERTS_CLOSED: 'off'
}

param subscriptions = [
  {
    id: '11111111-2222-3333-4444-555555555555'
    // Somebody else has made the topic of this subscription: it is used.
    existingSystemTopic: { name: 'evgt-platform', resourceGroup: 'rg-platform' }
    events: {
      keyVaults: [
        {
          id: '/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/rg-keys/providers/Microsoft.KeyVault/vaults/contoso-keys'
          location: 'westeurope'
        }
      ]
      clusters: [
        {
          id: '/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/rg-aks/providers/Microsoft.ContainerService/managedClusters/contoso'
          location: 'westeurope'
        }
      ]
      registries: [
        {
          id: '/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/rg-acr/providers/Microsoft.ContainerRegistry/registries/contosoacr'
          location: 'westeurope'
          existingSystemTopic: { name: 'evgt-contosoacr', resourceGroup: 'rg-acr' }
        }
      ]
      scheduledEvents: { enabled: true }
      policyStates: { enabled: true }
    }
  }
  // Into a group that is there already.
  { id: '66666666-7777-8888-9999-000000000000', resourceGroup: 'rg-security' }
]
param sweptSubscriptions = ['77777777-8888-9999-aaaa-000000000000']

param enableDefenderExport = true
param defenderSenderPrincipalId = '99999999-8888-7777-6666-333333333333'

param azureMonitorWorkspaceIds = [
  '/subscriptions/88888888-9999-aaaa-bbbb-000000000000/resourceGroups/rg-monitoring/providers/Microsoft.Monitor/accounts/contoso'
]
param runCommandClusterIds = [
  '/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/rg-aks/providers/Microsoft.ContainerService/managedClusters/contoso'
]
param rotationVaultId = '/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/rg-keys/providers/Microsoft.KeyVault/vaults/contoso-rotated'
param keyVaultReferenceIds = [
  '/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/rg-keys/providers/Microsoft.KeyVault/vaults/contoso-secrets/secrets/github-token'
]
param publishingTopicIds = [
  '/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/rg-events/providers/Microsoft.EventGrid/topics/dockwarden'
]

param alertEmails = ['platform@contoso.com']
param actionGroupIds = [
  '/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/rg-operations/providers/Microsoft.Insights/actionGroups/on-call'
]
