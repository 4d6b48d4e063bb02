// Continuous export of Defender for Cloud from one subscription to the Event Hub.

@description('Location.')
param location string

@description('Name of the export.')
param name string

@description('Tags.')
param tags object

@description('Id of the Event Hub. It may be in another subscription.')
param eventHubId string

@description('Which recommendations are exported besides the alerts. all = also what they consist of, for example each vulnerability of an image.')
@allowed(['none', 'assessments', 'all'])
param recommendations string

// All four. The policies that Azure has built in for the export leave Informational out, and 15 of 58 alerts about containers are that.
var severities = ['High', 'Medium', 'Low', 'Informational']

resource export 'Microsoft.Security/automations@2023-12-01-preview' = {
  name: name
  location: location
  tags: tags
  properties: {
    description: 'Alerts and recommendations for Dockwarden.'
    isEnabled: true
    scopes: [{ description: 'The whole subscription', scopePath: subscription().id }]
    sources: concat(
      [
        {
          eventSource: 'Alerts'
          // Of several sets any is enough.
          ruleSets: map(severities, severity => {
            rules: [{ propertyJPath: 'Severity', propertyType: 'String', operator: 'Equals', expectedValue: severity }]
          })
        }
      ],
      recommendations == 'none' ? [] : [{ eventSource: 'Assessments' }],
      recommendations == 'all' ? [{ eventSource: 'SubAssessments' }] : []
    )
    // As a service that the namespace trusts: no key of the Event Hub is stored anywhere.
    actions: [{ actionType: 'EventHub', eventHubResourceId: eventHubId, isTrustedServiceEnabled: true }]
  }
}
