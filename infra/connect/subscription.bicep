// Connects one subscription: the roles of the app's identity there, the events, the export of Defender.
// main.bicep does this for each subscription of its parameter `subscriptions`. It can also be deployed by itself, by whoever owns the subscription:
//   az deployment sub create --subscription <id> --location <location> --template-file infra/connect/subscription.bicep --parameters …
targetScope = 'subscription'

import { appSettings, modeSettings, nodePolicySettings, settingDefaults } from '../generated/settings.bicep'
import { subscriptionRoles, unusedKeys } from '../roles/wanted.bicep'
import { existingTopic, furtherEvents, storageReference } from '../types.bicep'

@description('Name of the environment of Dockwarden, the one of main.bicep.')
@minLength(1)
@maxLength(40)
param environmentName string

@description('Location of what is deployed here.')
param location string

@description('Tags of what is deployed here.')
param tags object = { 'azd-env-name': environmentName }

@description('Object id of the app\'s identity: output AZURE_IDENTITY_PRINCIPAL_ID of main.bicep.')
@minLength(36)
@maxLength(36)
param principalId string

@description('The app\'s storage account: output AZURE_STORAGE of main.bicep.')
param storage storageReference

@description('The settings of the app, the same as for main.bicep: modes choose the roles, policies that are on choose the events.')
param settings appSettings = {}

@description('Which roles are assigned here. withDataActions: only those that Azure does not allow at a management group, which has the others. none: roles are assigned elsewhere.')
@allowed(['all', 'withDataActions', 'none'])
param roles string = 'all'

@description('Resource group for what is deployed here.')
@minLength(1)
@maxLength(90)
param resourceGroupName string = 'rg-${environmentName}'

@description('Is the resource group created? false = it is there already.')
param createResourceGroup bool = true

@description('System topic of the subscription, where there is one already.')
param existingSystemTopic existingTopic?

@description('Events besides those of Azure Resource Manager.')
param events furtherEvents = {}

@description('Event Hub that gets the continuous export of Defender for Cloud: output DEFENDER_EVENT_HUB_ID of main.bicep. Empty = no export.')
param defenderEventHubId string = ''

@description('Which recommendations are exported besides the alerts.')
@allowed(['none', 'assessments', 'all'])
param defenderRecommendations string = 'all'

var effective = union(settingDefaults, settings)
var wanted = subscriptionRoles(loadJsonContent('../generated/roles.json'), effective, modeSettings, nodePolicySettings)
var assignedHere = roles == 'all' ? wanted : filter(wanted, role => !empty(role.dataActions))

resource group 'Microsoft.Resources/resourceGroups@2024-03-01' = if (createResourceGroup) {
  name: resourceGroupName
  location: location
  tags: tags
}

module access '../roles/subscription-roles.bicep' = if (roles != 'none') {
  name: 'dockwarden-roles-${uniqueString(environmentName)}'
  params: {
    environmentName: environmentName
    principalId: principalId
    roles: assignedHere
  }
}

module hearing '../events/subscription-events.bicep' = {
  name: 'dockwarden-events-${uniqueString(environmentName)}'
  params: {
    environmentName: environmentName
    resourceGroupName: resourceGroupName
    tags: tags
    storage: storage
    settings: effective
    existingSystemTopic: existingSystemTopic
    events: events
  }
  dependsOn: [group]
}

module export '../defender/continuous-export.bicep' = if (!empty(defenderEventHubId)) {
  name: 'dockwarden-export-${uniqueString(environmentName)}'
  scope: resourceGroup(resourceGroupName)
  params: {
    location: location
    name: 'dockwarden-${uniqueString(environmentName)}'
    tags: tags
    eventHubId: defenderEventHubId
    recommendations: defenderRecommendations
  }
  dependsOn: [group]
}

// Azure deletes nothing that is missing in a template: roles of remediations that may act no more have to be taken away by themselves.
@description('Role assignments that an earlier deployment may have made here and these settings do not call for: az role assignment delete --ids …')
output UNUSED_ROLE_ASSIGNMENT_IDS string[] = roles == 'none'
  ? []
  : map(
      unusedKeys(assignedHere, modeSettings),
      key =>
        '${subscription().id}/providers/Microsoft.Authorization/roleAssignments/${guid(subscription().id, environmentName, key, principalId)}'
    )
