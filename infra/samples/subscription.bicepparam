// One more subscription, by its owner: as management-group.bicepparam leaves it, roles with dataActions and events.
using '../connect/subscription.bicep'

param environmentName = 'enforce'
param location = 'westeurope'
param principalId = '99999999-8888-7777-6666-222222222222'
param storage = {
  subscriptionId: '99999999-0000-4000-8000-000000000002'
  resourceGroup: 'rg-enforce-records'
  name: 'stdockwardensample'
}
param roles = 'withDataActions'
param resourceGroupName = 'rg-security'
param createResourceGroup = false
