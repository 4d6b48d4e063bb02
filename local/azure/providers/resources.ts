import { ArmError, subscriptionNotFound } from '../errors.ts';
import { getOperationResult, pageOf, requireGroup } from '../generic-resource.ts';
import type { Json } from '../json.ts';
import { LOCATIONS } from '../locations.ts';
import type { Call, Handler, Provider } from '../provider.ts';
import { isWithin } from '../resource-path.ts';
import type { RawResource } from '../resource-store.ts';
import { registrationState } from './registration.ts';
import { tags } from './tags.ts';

/** Type under which the store keeps resource groups. */
export const GROUP_TYPE = 'Microsoft.Resources/resourceGroups';
/** Type under which the store keeps subscriptions. */
export const SUBSCRIPTION_TYPE = 'Microsoft.Resources/subscriptions';
const VERSIONS = ['2022-09-01', '2022-12-01', '2021-04-01', '2021-01-01', '2020-10-01', '2019-11-01', '2019-06-01'];
/** Type under which the store keeps deployments; nothing is ever deployed, a seed or test says what was. */
const DEPLOYMENT_TYPE = 'Microsoft.Resources/deployments';

function viewSubscription(resource: RawResource): Json {
  const subscriptionId = resource.name;
  return {
    id: resource.id,
    authorizationSource: 'RoleBased',
    managedByTenants: [],
    subscriptionId,
    tenantId: resource.properties?.['tenantId'],
    displayName: resource.properties?.['displayName'],
    state: resource.properties?.['state'] ?? 'Enabled',
    subscriptionPolicies: {
      locationPlacementId: 'Public_2014-09-01',
      quotaId: 'EnterpriseAgreement_2014-09-01',
      spendingLimit: 'Off',
    },
    ...(resource.tags ? { tags: resource.tags } : {}),
  };
}

function viewGroup(resource: RawResource): Json {
  const { id, location, name, tags: groupTags } = resource;
  return {
    id,
    name,
    type: GROUP_TYPE,
    location,
    tags: groupTags ?? {},
    properties: { provisioningState: 'Succeeded' },
  };
}

/** The generic list shows no properties. */
function viewGeneric({ id, identity, location, name, sku, tags: resourceTags, type }: RawResource): Json {
  return {
    id,
    name,
    type,
    location,
    ...(sku ? { sku } : {}),
    ...(identity ? { identity } : {}),
    tags: resourceTags ?? {},
  };
}

/** Subscriptions in which the caller holds any role. */
const listSubscriptions: Handler = (call) => {
  const { roleAssignments } = call.caller.identity;
  const all = call.world.store.list('', SUBSCRIPTION_TYPE);
  const seen = all.filter(({ id }) => roleAssignments.some(({ scope }) => isWithin(id, scope) || isWithin(scope, id)));
  return { status: 200, body: { value: seen.map(viewSubscription), count: { type: 'Total', value: seen.length } } };
};

const getSubscription: Handler = (call) => {
  const subscription = call.world.store.find(call.id);
  const isSeen = call.caller.identity.roleAssignments.some(
    ({ scope }) => isWithin(scope, call.id) || isWithin(call.id, scope),
  );
  if (!subscription || !isSeen) throw subscriptionNotFound(call.target.subscriptionId ?? '');
  return { status: 200, body: viewSubscription(subscription) };
};

const getGroup: Handler = (call) => {
  const group = call.world.store.find(call.id);
  if (group) return { status: 200, body: viewGroup(group) };
  throw new ArmError(404, 'ResourceGroupNotFound', `Resource group '${call.target.resourceGroup}' could not be found.`);
};

const listGroups: Handler = (call) => {
  const groups = call.world.store.list(`/subscriptions/${call.target.subscriptionId}`, GROUP_TYPE);
  return pageOf(call, groups.map(viewGroup));
};

/** `$filter` knows what the Azure CLI sends: equality of resourceType, name and resourceGroup, joined by `and`. */
const listAll: Handler = (call) => {
  const { request, target, world } = call;
  const scope = target.path.replace(/\/resources$/i, '');
  const conditions = parseFilter(request.query.get('$filter') ?? '');
  const found = world.store
    .list(scope)
    .filter(({ id, type }) => /\/providers\//i.test(id) && type.split('/').length === 2)
    .filter((resource) => conditions.every(([field, value]) => fieldOf(resource, field) === value.toLowerCase()));
  return pageOf(call, found.map(viewGeneric));
};

function parseFilter(filter: string): (readonly [string, string])[] {
  if (filter.trim() === '') return [];
  return filter.split(/\s+and\s+/i).map((condition) => {
    const [, field, value] =
      /^\(?\s*(resourceType|name|resourceGroup)\s+eq\s+'([^']*)'\s*\)?$/i.exec(condition.trim()) ?? [];
    if (field && value !== undefined) return [field.toLowerCase(), value] as const;
    throw new ArmError(400, 'InvalidFilterInQueryString', `Invalid $filter '${filter}' specified in the query string.`);
  });
}

function fieldOf({ id, name, type }: RawResource, field: string): string {
  if (field === 'resourcetype') return type.toLowerCase();
  if (field === 'name') return name.toLowerCase();
  return id.split('/')[4]?.toLowerCase() ?? '';
}

/** What the Azure CLI reads to find api-versions and locations of a type. */
function viewProvider(call: Call, namespace: string): Json {
  const provider = call.world.providers.find((known) => known.namespace.toLowerCase() === namespace.toLowerCase());
  if (!provider)
    throw new ArmError(404, 'InvalidResourceNamespace', `The resource namespace '${namespace}' is invalid.`);
  return {
    id: `/subscriptions/${call.target.subscriptionId}/providers/${provider.namespace}`,
    namespace: provider.namespace,
    registrationPolicy: 'RegistrationRequired',
    registrationState: registrationState(call.world, call.target.subscriptionId ?? '', provider.namespace),
    // The provider itself has verbs only.
    resourceTypes: provider.types
      .filter(({ type }) => type !== provider.namespace)
      .map(({ apiVersions, type }) => ({
        resourceType: type.slice(provider.namespace.length + 1),
        locations: LOCATIONS.map(({ displayName }) => displayName),
        apiVersions,
        capabilities: 'CrossResourceGroupResourceMove, SupportsTags, SupportsLocation',
      })),
  };
}

const getProvider: Handler = (call) => ({ status: 200, body: viewProvider(call, call.target.names.at(-1) ?? '') });

const listProviders: Handler = (call) => ({
  status: 200,
  body: { value: call.world.providers.map(({ namespace }) => viewProvider(call, namespace)) },
});

const listLocations: Handler = (call) => {
  const metadata = { regionType: 'Physical', regionCategory: 'Recommended', geographyGroup: 'Europe' };
  const value = LOCATIONS.map(({ displayName, name }) => ({
    id: `/subscriptions/${call.target.subscriptionId}/locations/${name}`,
    name,
    type: 'Region',
    displayName,
    regionalDisplayName: `(Europe) ${displayName}`,
    metadata,
  }));
  return { status: 200, body: { value } };
};

const getDeployment: Handler = (call) => {
  const found = call.world.store.find(call.id);
  if (found) return { status: 200, body: found };
  requireGroup(call);
  const name = call.target.names.at(-1) ?? '';
  throw new ArmError(404, 'DeploymentNotFound', `Deployment '${name}' could not be found.`);
};

/** The history of a scope; that of its groups is their own. */
const listDeployments: Handler = (call) => {
  requireGroup(call);
  const scope = call.target.scope.toLowerCase();
  const found = call.world.store
    .list(scope, DEPLOYMENT_TYPE)
    .filter(({ id }) => id.toLowerCase().split('/providers/')[0] === scope);
  return pageOf(call, found);
};

const listTenants: Handler = (call) => {
  const { tenantId } = call.world.issuer;
  const tenant = {
    id: `/tenants/${tenantId}`,
    tenantId,
    countryCode: 'NL',
    displayName: 'Contoso',
    domains: ['contoso.example'],
    tenantCategory: 'Home',
  };
  return { status: 200, body: { value: [tenant] } };
};

/** What `az cloud register` reads. The login endpoint is never called by a managed identity. */
const getEndpoints: Handler = (call) => {
  const base = call.world.baseUrl();
  const audiences = ['https://management.core.windows.net/', 'https://management.azure.com/'];
  const old = {
    galleryEndpoint: `${base}/gallery`,
    graphEndpoint: 'https://graph.windows.net/',
    portalEndpoint: 'https://portal.azure.com/',
    authentication: { loginEndpoint: 'https://login.microsoftonline.com/', audiences },
  };
  const version = call.request.query.get('api-version') ?? '';
  if (version < '2019') return { status: 200, body: old };
  const cloud = {
    name: 'DockwardenLocal',
    portal: 'https://portal.azure.com',
    authentication: {
      loginEndpoint: 'https://login.microsoftonline.com',
      audiences,
      tenant: 'common',
      identityProvider: 'AAD',
    },
    graphAudience: 'https://graph.windows.net/',
    graph: 'https://graph.windows.net/',
    resourceManager: `${base}/`,
    suffixes: { acrLoginServer: 'azurecr.io', keyVaultDns: 'vault.azure.net', storage: 'core.windows.net' },
  };
  return { status: 200, body: version < '2022' ? [cloud] : cloud };
};

/** ARM's own types: subscriptions, groups, generic lists, tags, and what the Azure CLI asks about the cloud itself. */
export const resources: Provider = {
  namespace: 'Microsoft.Resources',
  types: [
    // Both answer according to what the caller may see, and need no role of their own.
    { type: SUBSCRIPTION_TYPE, apiVersions: VERSIONS, access: 'caller', get: getSubscription, list: listSubscriptions },
    { type: 'Microsoft.Resources/tenants', apiVersions: VERSIONS, access: 'caller', list: listTenants },
    { type: 'Microsoft.Resources/metadata', apiVersions: [], access: 'public', get: getEndpoints },
    {
      type: 'Microsoft.Resources/subscriptions/resourceGroups',
      apiVersions: VERSIONS,
      get: getGroup,
      list: listGroups,
    },
    { type: 'Microsoft.Resources/subscriptions/resources', apiVersions: VERSIONS, list: listAll },
    { type: 'Microsoft.Resources/subscriptions/resourceGroups/resources', apiVersions: VERSIONS, list: listAll },
    {
      type: 'Microsoft.Resources/subscriptions/providers',
      apiVersions: VERSIONS,
      get: getProvider,
      list: listProviders,
    },
    { type: 'Microsoft.Resources/subscriptions/locations', apiVersions: VERSIONS, list: listLocations },
    { type: DEPLOYMENT_TYPE, apiVersions: VERSIONS, get: getDeployment, list: listDeployments },
    { type: 'Microsoft.Resources/subscriptions/operationresults', apiVersions: VERSIONS, get: getOperationResult },
    tags,
  ],
};
