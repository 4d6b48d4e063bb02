// "What was changed last night, why, and what waits for me": its content is in workbook.data.json.

@description('Region of the Log Analytics workspace.')
param location string

param tags object

@description('Name of the azd environment; part of the name that is shown.')
param environmentName string

@description('Log Analytics workspace that Application Insights writes to.')
param workspaceId string

@description('Application Insights of the app. Not given: all that the workspace holds of any Dockwarden.')
param applicationInsightsId string = ''

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  // The name has to be a GUID.
  name: guid(resourceGroup().id, 'dockwarden', environmentName)
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: 'Dockwarden ${environmentName}'
    category: 'workbook'
    sourceId: workspaceId
    version: '1.0'
    serializedData: replace(
      replace(loadTextContent('workbook.data.json'), '__WORKSPACE_ID__', workspaceId),
      '__APPLICATION_INSIGHTS_ID__',
      applicationInsightsId
    )
  }
}
