// A management group: the roles hold in everything below it; what Azure does not allow there comes with each subscription.
using '../connect/management-group.bicep'

param environmentName = 'enforce'
param location = 'westeurope'
param principalId = '99999999-8888-7777-6666-222222222222'
param storage = {
  subscriptionId: '99999999-0000-4000-8000-000000000002'
  resourceGroup: 'rg-enforce-records'
  name: 'stdockwardensample'
}
param settings = {
  REMEDIATE_ACR_DISABLE_ADMIN_USER: 'enforce'
  REMEDIATE_KV_ROTATE_KEY: 'approve'
}
param subscriptions = [
  { id: '77777777-8888-9999-aaaa-000000000000' }
  {
    id: '88888888-9999-aaaa-bbbb-000000000000'
    existingSystemTopic: { name: 'evgt-platform', resourceGroup: 'rg-platform' }
  }
]
