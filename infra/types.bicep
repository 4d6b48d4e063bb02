// Types of parameters that several files share.

@description('Somebody who may read what Dockwarden has stored.')
@export()
@sealed()
type reader = {
  @description('Object id in Microsoft Entra ID.')
  @minLength(36)
  @maxLength(36)
  principalId: string

  @description('What the object id stands for.')
  principalType: ('User' | 'Group' | 'ServicePrincipal')
}

@description('A system topic of Event Grid that is there already. Azure allows one for each source, so it is used and not made again. It needs a system-assigned identity.')
@export()
@sealed()
type existingTopic = {
  @description('Name of the system topic.')
  @minLength(3)
  @maxLength(50)
  name: string

  @description('Resource group of the system topic.')
  @minLength(1)
  @maxLength(90)
  resourceGroup: string
}

@description('A single resource whose own events are subscribed to.')
@export()
@sealed()
type eventSource = {
  @description('Resource id.')
  @minLength(1)
  id: string

  @description('Location of the resource: its topic has to be there.')
  @minLength(1)
  location: string

  @description('Its system topic, where there is one already.')
  existingSystemTopic: existingTopic?
}

@description('A topic of a whole subscription.')
@export()
@sealed()
type subscriptionTopic = {
  @description('Is it subscribed to?')
  enabled: bool

  @description('The system topic, where there is one already.')
  existingSystemTopic: existingTopic?
}

@description('Events besides those of Azure Resource Manager. All are optional; without them the sweep finds the same later.')
@export()
@sealed()
type furtherEvents = {
  @description('Key vaults: keys that expire or have a new version.')
  keyVaults: eventSource[]?

  @description('AKS clusters: node pools that are being renewed.')
  clusters: eventSource[]?

  @description('Container registries: images that were pushed or deleted, which leads to a look at what Defender finds in them.')
  registries: eventSource[]?

  @description('Scheduled events of the nodes of all clusters of the subscription. Whoever deploys this needs the role Azure Resource Notifications System Topics Subscriber.')
  scheduledEvents: subscriptionTopic?

  @description('Azure Policy: resources that have become non-compliant.')
  policyStates: subscriptionTopic?
}

@description('A subscription that Dockwarden looks after.')
@export()
@sealed()
type connectedSubscription = {
  @description('Subscription id.')
  @minLength(36)
  @maxLength(36)
  id: string

  @description('Resource group of that subscription for what is deployed there (system topics, the export of Defender). It has to be there already, and is not changed. Default: rg-<environmentName>, which is created.')
  @minLength(1)
  @maxLength(90)
  resourceGroup: string?

  @description('System topic of the subscription (type Microsoft.Resources.Subscriptions), where there is one already.')
  existingSystemTopic: existingTopic?

  @description('Events besides those of Azure Resource Manager.')
  events: furtherEvents?
}

@description('A storage account and where it is.')
@export()
@sealed()
type storageReference = {
  @description('Subscription id.')
  subscriptionId: string

  @description('Resource group.')
  resourceGroup: string

  @description('Name of the storage account.')
  name: string
}
