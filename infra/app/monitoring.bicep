// Log Analytics workspace and Application Insights. Data is accepted by identity only.

@description('Name of the Log Analytics workspace.')
param workspaceName string

@description('Name of the Application Insights component.')
param applicationInsightsName string

@description('Location.')
param location string

@description('Tags.')
param tags object

@description('How many days logs are kept. 30 days are included in the price of taking them in.')
@minValue(30)
@maxValue(730)
param retentionDays int

@description('How many GB of logs are taken in a day at most. 0 = no limit.')
@minValue(0)
@maxValue(4000)
param dailyCapGigabytes int

@description('Object id of the app\'s identity, which sends the data.')
param principalId string

var metricsPublisher = '3913510d-42f4-4e42-8a64-420c390055eb'

resource workspace 'Microsoft.OperationalInsights/workspaces@2023-09-01' = {
  name: workspaceName
  location: location
  tags: tags
  properties: {
    sku: { name: 'PerGB2018' }
    retentionInDays: retentionDays
    workspaceCapping: { dailyQuotaGb: dailyCapGigabytes == 0 ? -1 : dailyCapGigabytes }
    // Reading needs a permission for the resource that a log is about, or for the workspace.
    features: { enableLogAccessUsingOnlyResourcePermissions: true, disableLocalAuth: true }
  }
}

resource applicationInsights 'Microsoft.Insights/components@2020-02-02' = {
  name: applicationInsightsName
  location: location
  tags: tags
  kind: 'web'
  properties: {
    Application_Type: 'web'
    WorkspaceResourceId: workspace.id
    DisableLocalAuth: true
  }
}

resource appPublishes 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(applicationInsights.id, principalId, metricsPublisher)
  scope: applicationInsights
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', metricsPublisher)
  }
}

@description('Id of the workspace.')
output workspaceId string = workspace.id

@description('Id of the Application Insights component.')
output applicationInsightsId string = applicationInsights.id

@description('Where the app sends its telemetry. No secret: without a token of the identity nothing is accepted.')
output connectionString string = applicationInsights.properties.ConnectionString
