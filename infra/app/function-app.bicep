// The Functions app on Flex Consumption: plan, app, settings. The code comes later, as a zip.

@description('Name of the app.')
@minLength(2)
@maxLength(60)
param name string

@description('Name of the plan.')
param planName string

@description('Location: one that has Flex Consumption.')
param location string

@description('Tags.')
param tags object

@description('Id of the identity that the app acts with.')
param identityId string

@description('Container for the code, as an address.')
param packageContainer string

@description('The most instances that each function may have.')
@minValue(1)
@maxValue(1000)
param maximumInstanceCount int

@description('Application settings that are given. No secrets: what is one is a reference to a key vault. An empty text means not set.')
param settings object

@description('Application settings that follow from what is deployed. One without a name is left out.')
param derivedSettings { name: string, value: string }[]

@description('Defaults of settings that are not given, where they depend on the cloud.')
param cloudDefaults object

var appSettings = concat(
  map(filter(items(settings), setting => !empty(setting.value)), setting => { name: setting.key, value: setting.value }),
  map(filter(objectKeys(cloudDefaults), name => empty(settings[?name] ?? '')), name => {
    name: name
    value: cloudDefaults[name]
  }),
  filter(derivedSettings, setting => !empty(setting.name))
)

resource plan 'Microsoft.Web/serverfarms@2024-04-01' = {
  name: planName
  location: location
  tags: tags
  kind: 'functionapp'
  sku: { name: 'FC1', tier: 'FlexConsumption' }
  properties: { reserved: true }
}

resource app 'Microsoft.Web/sites@2024-04-01' = {
  name: name
  location: location
  // azd finds the app by this tag.
  tags: union(tags, { 'azd-service-name': 'app' })
  kind: 'functionapp,linux'
  identity: { type: 'UserAssigned', userAssignedIdentities: { '${identityId}': {} } }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    clientAffinityEnabled: false
    publicNetworkAccess: 'Enabled'
    // References to a key vault are read with this identity, and not with one of the system's that does not exist.
    keyVaultReferenceIdentity: identityId
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: packageContainer
          authentication: { type: 'UserAssignedIdentity', userAssignedIdentityResourceId: identityId }
        }
      }
      runtime: { name: 'node', version: '24' }
      scaleAndConcurrency: { instanceMemoryMB: 2048, maximumInstanceCount: maximumInstanceCount }
    }
    // Flex Consumption refuses ftpsState here, and has no FTP; publishing by password is off below.
    siteConfig: {
      alwaysOn: false
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
      // Together with the app: it never runs a moment without them.
      appSettings: [
        for index in range(0, length(appSettings)): { name: appSettings[index].name, value: appSettings[index].value }
      ]
    }
  }

  // Deployment by identity only, never by a password of the site.
  resource noFtpPassword 'basicPublishingCredentialsPolicies' = {
    name: 'ftp'
    properties: { allow: false }
  }

  resource noScmPassword 'basicPublishingCredentialsPolicies' = {
    name: 'scm'
    properties: { allow: false }
  }
}

@description('Name of the app.')
output name string = app.name

@description('Id of the app.')
output id string = app.id

@description('Host name of the app.')
output hostName string = app.properties.defaultHostName
