// What somebody has to be told at once. Each rule costs money per month, so there are none without a receiver.
// The rules themselves, and what to do about each, are in alert-rules.data.json.

@description('Region of the Log Analytics workspace.')
param location string

param tags object

@description('Name of the azd environment; part of the names.')
param environmentName string

@description('Log Analytics workspace that Application Insights writes to.')
param workspaceId string

@description('Application Insights of the app; the workspace may hold other applications.')
param applicationInsightsId string

@description('Who gets an e-mail. An action group is made for them.')
param emails string[] = []

@description('Ids of action groups that are there already.')
param actionGroupIds string[] = []

var rules = (empty(emails) && empty(actionGroupIds)) ? [] : loadJsonContent('alert-rules.data.json')

resource group 'Microsoft.Insights/actionGroups@2023-01-01' = if (!empty(emails)) {
  name: 'ag-${environmentName}'
  location: 'global'
  tags: tags
  properties: {
    enabled: true
    groupShortName: 'dockwarden'
    emailReceivers: [
      for email in emails: {
        name: email
        emailAddress: email
        useCommonAlertSchema: true
      }
    ]
  }
}

resource alerts 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [
  for rule in rules: {
    name: 'alert-${environmentName}-${rule.name}'
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: 'Dockwarden ${environmentName}: ${rule.title}'
      description: rule.description
      severity: rule.severity
      enabled: true
      scopes: [workspaceId]
      evaluationFrequency: rule.frequency
      windowSize: rule.windowSize
      autoMitigate: true
      // A new workspace does not know the tables yet.
      skipQueryValidation: true
      criteria: {
        allOf: [
          {
            query: join(concat([rule.table, 'where _ResourceId =~ \'${applicationInsightsId}\''], rule.query), '\n| ')
            timeAggregation: 'Total'
            metricMeasureColumn: 'Value'
            operator: rule.operator
            threshold: rule.threshold
            failingPeriods: {
              numberOfEvaluationPeriods: 1
              minFailingPeriodsToAlert: 1
            }
          }
        ]
      }
      actions: {
        actionGroups: concat(empty(emails) ? [] : [group.id], actionGroupIds)
      }
    }
  }
]
