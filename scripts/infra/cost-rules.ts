import { type Judgement, ofType, type Resource, readPath, textAt } from './resources.ts';

/** Types that cost money while they are there, whatever happens, and how they are billed. Lower case; what is below a type counts with it. */
export const billedTypes: Readonly<Record<string, string>> = {
  'microsoft.eventhub/namespaces': 'per hour and throughput unit',
  'microsoft.eventhub/clusters': 'per hour and capacity unit',
  'microsoft.servicebus/namespaces': 'per hour, from Standard on',
  'microsoft.eventgrid/namespaces': 'per hour and throughput unit',
  'microsoft.relay/namespaces': 'per hour and listener',
  'microsoft.signalrservice/signalr': 'per day and unit',
  'microsoft.apimanagement/service': 'per hour and unit',
  'microsoft.web/hostingenvironments': 'per hour, an isolated environment',
  'microsoft.web/certificates': 'per year',
  'microsoft.app/managedenvironments': 'per hour, with dedicated profiles',
  'microsoft.containerservice/managedclusters': 'per hour and node',
  'microsoft.containerinstance/containergroups': 'per second while it runs',
  'microsoft.containerregistry/registries': 'per day',
  'microsoft.compute/virtualmachines': 'per second while it is allocated',
  'microsoft.compute/virtualmachinescalesets': 'per second and instance',
  'microsoft.compute/disks': 'per month and size',
  'microsoft.network/privateendpoints': 'per hour',
  'microsoft.network/privatednszones': 'per month and zone',
  'microsoft.network/dnszones': 'per month and zone',
  'microsoft.network/natgateways': 'per hour',
  'microsoft.network/azurefirewalls': 'per hour',
  'microsoft.network/applicationgateways': 'per hour',
  'microsoft.network/loadbalancers': 'per hour and rule',
  'microsoft.network/publicipaddresses': 'per hour',
  'microsoft.network/virtualnetworkgateways': 'per hour',
  'microsoft.network/bastionhosts': 'per hour',
  'microsoft.network/frontdoors': 'per hour',
  'microsoft.network/ddosprotectionplans': 'per month',
  'microsoft.cdn/profiles': 'per month, from Front Door Standard on',
  'microsoft.keyvault/managedhsms': 'per hour',
  'microsoft.cache/redis': 'per hour',
  'microsoft.documentdb/databaseaccounts': 'per hour, unless serverless',
  'microsoft.sql/servers': 'per hour',
  'microsoft.dbforpostgresql/flexibleservers': 'per hour',
  'microsoft.appconfiguration/configurationstores': 'per day, from Developer on',
  'microsoft.insights/metricalerts': 'per month and time series',
  'microsoft.insights/scheduledqueryrules': 'per month',
  'microsoft.insights/webtests': 'per run, all the time',
  'microsoft.monitor/accounts': 'per sample while something is scraped',
  'microsoft.dashboard/grafana': 'per hour',
  'microsoft.operationalinsights/clusters': 'per day, a commitment',
  'microsoft.security/pricings': 'per resource and month: a plan of Defender for Cloud is the owner’s decision',
  'microsoft.recoveryservices/vaults': 'per protected item and month',
};

/** Nothing is paid for while nothing happens (R59): what is not used costs storage alone. For the profile with all defaults. */
export function judgeFixedCost(resources: readonly Resource[]): Judgement {
  const problems = resources.flatMap(({ type, where }) => {
    const billed = Object.keys(billedTypes).find((name) => type === name || type.startsWith(`${name}/`));
    return billed === undefined ? [] : [`${where}: ${billed} is billed ${billedTypes[billed] ?? ''}`];
  });
  return { seen: resources.length, problems: [...problems, ...judgePlans(resources), ...judgeTiers(resources)] };
}

/** The plan is the one that is paid per execution, and keeps no instance waiting. */
function judgePlans(resources: readonly Resource[]): readonly string[] {
  const plans = ofType(resources, 'Microsoft.Web/serverfarms');
  if (plans.length === 0) return ['there is no plan to look at'];
  const dear = plans.filter(({ body }) => readPath(body, 'sku.name') !== 'FC1');
  const ready = ofType(resources, 'Microsoft.Web/sites').filter(({ body }) => {
    const instances = readPath(body, 'properties.functionAppConfig.scaleAndConcurrency.alwaysReady');
    return instances !== undefined && !(Array.isArray(instances) && instances.length === 0);
  });
  return [
    ...dear.map(({ where }) => `${where}: the plan has to be FC1 (Flex Consumption)`),
    ...ready.map(({ where }) => `${where}: instances that are always ready are billed per hour`),
  ];
}

/** Types that are free of fixed cost in one tier only. */
function judgeTiers(resources: readonly Resource[]): readonly string[] {
  const premium = ofType(resources, 'Microsoft.KeyVault/vaults').filter(
    ({ body }) => textAt(body, 'properties.sku.name').toLowerCase() !== 'standard',
  );
  const committed = ofType(resources, 'Microsoft.OperationalInsights/workspaces').filter(
    ({ body }) => textAt(body, 'properties.sku.name').toLowerCase() !== 'pergb2018',
  );
  return [
    ...premium.map(({ where }) => `${where}: keys of a vault that is not Standard are billed per month`),
    ...committed.map(({ where }) => `${where}: a workspace that is not PerGB2018 is billed per day`),
  ];
}
