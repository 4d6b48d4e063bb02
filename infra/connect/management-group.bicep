// Connects a management group: the roles of the app's identity at the group, so that they hold in every subscription below it, and for each subscription
// that is listed the rest – roles with dataActions, which Azure does not allow at a group, events, and the export of Defender.
//   az deployment mg create --management-group-id <id> --location <location> --template-file infra/connect/management-group.bicep --parameters …
// A subscription that is not listed can be looked after by its owner with subscription.bicep and `roles` = withDataActions.
targetScope = 'managementGroup'

import { appSettings, modeSettings, nodePolicySettings, settingDefaults } from '../generated/settings.bicep'
import { subscriptionRoles, unusedKeys } from '../roles/wanted.bicep'
import { connectedSubscription, storageReference } from '../types.bicep'

@description('Name of the environment of Dockwarden, the one of main.bicep.')
@minLength(1)
@maxLength(40)
param environmentName string

@description('Location of what is deployed in the subscriptions.')
param location string

@description('Object id of the app\'s identity: output AZURE_IDENTITY_PRINCIPAL_ID of main.bicep.')
@minLength(36)
@maxLength(36)
param principalId string

@description('The app\'s storage account: output AZURE_STORAGE of main.bicep.')
param storage storageReference

@description('The settings of the app, the same as for main.bicep.')
param settings appSettings = {}

@description('Subscriptions below the group that are connected. They have to be in SCOPES of the app as well: parameter `sweptSubscriptions` of main.bicep.')
param subscriptions connectedSubscription[]

@description('Event Hub that gets the continuous export of Defender for Cloud: output DEFENDER_EVENT_HUB_ID of main.bicep. Empty = no export.')
param defenderEventHubId string = ''

@description('Which recommendations are exported besides the alerts.')
@allowed(['none', 'assessments', 'all'])
param defenderRecommendations string = 'all'

var wanted = subscriptionRoles(
  loadJsonContent('../generated/roles.json'),
  union(settingDefaults, settings),
  modeSettings,
  nodePolicySettings
)

module groupRoles '../roles/management-group-roles.bicep' = {
  name: 'dockwarden-roles-${uniqueString(environmentName)}'
  params: {
    environmentName: environmentName
    principalId: principalId
    roles: wanted
  }
}

module connect 'subscription.bicep' = [
  for one in subscriptions: {
    name: 'dockwarden-connect-${uniqueString(one.id, environmentName)}'
    scope: subscription(one.id)
    params: {
      environmentName: environmentName
      location: location
      principalId: principalId
      storage: storage
      settings: settings
      roles: 'withDataActions'
      resourceGroupName: one.?resourceGroup ?? 'rg-${environmentName}'
      // One that is named belongs to somebody, and in the app's subscription rg-<environmentName> is the app's: writing it would replace its tags.
      createResourceGroup: one.?resourceGroup == null && toLower(one.id) != toLower(storage.subscriptionId)
      existingSystemTopic: one.?existingSystemTopic
      events: one.?events ?? {}
      defenderEventHubId: defenderEventHubId
      defenderRecommendations: defenderRecommendations
    }
  }
]

// Azure deletes nothing that is missing in a template: roles of remediations that may act no more have to be taken away by themselves.
@description('Role assignments that an earlier deployment may have made at the group and these settings do not call for: az role assignment delete --ids …')
output UNUSED_ROLE_ASSIGNMENT_IDS string[] = map(
  unusedKeys(wanted, modeSettings),
  key =>
    '${managementGroup().id}/providers/Microsoft.Authorization/roleAssignments/${guid(managementGroup().id, environmentName, key, principalId)}'
)

@description('The same in each of the subscriptions.')
output UNUSED_ROLE_ASSIGNMENT_IDS_IN_SUBSCRIPTIONS string[][] = [
  for (one, index) in subscriptions: connect[index].outputs.UNUSED_ROLE_ASSIGNMENT_IDS
]
