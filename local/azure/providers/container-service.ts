import { ArmError, invalidContent, preconditionFailed } from '../errors.ts';
import {
  deleteResource,
  getOperationResult,
  getResource,
  listResources,
  newETag,
  patchTags,
  putResource,
  readTags,
  requireOperation,
  requireResource,
  statusDocument,
  type WriteStyle,
} from '../generic-resource.ts';
import { isJsonObject, type Json, type JsonObject, omit, readString } from '../json.ts';
import { poolsOf } from '../kubernetes/agent-pools.ts';
import type { Call, Handler, Provider } from '../provider.ts';
import type { RawResource } from '../resource-store.ts';
import { checkResourceBusy } from './busy.ts';
import {
  CLUSTER_TYPE,
  getMaintenance,
  listMachines,
  listMaintenance,
  requireCluster,
  requirePool,
} from './cluster-children.ts';
import { getCommandResult, runCommand } from './run-command.ts';
import { mergeTags } from './tags.ts';

const TYPE = CLUSTER_TYPE;
/** 2026-06-01 is what the installed SDK asks for when it is told nothing. */
const API_VERSIONS = [
  '2026-04-01',
  '2026-06-01',
  '2024-05-01',
  '2024-02-01',
  '2023-01-01',
  '2022-11-02-preview',
  '2022-11-01',
];
/** Poll URLs carry this version whatever the request had. */
const POLL_API_VERSION = '2017-08-31';
/** From here on clusters and pools answer an eTag and honour If-Match. */
const ETAG_SINCE = '2024-07-01';
const SERVER_OWNED = new Set([
  'azurePortalFQDN',
  'currentKubernetesVersion',
  'fqdn',
  'maxAgentPools',
  'powerState',
  'privateFQDN',
  'provisioningState',
]);
const NO_ETAG: ReadonlySet<string> = new Set(['eTag']);

function viewCluster(resource: RawResource, apiVersion: string): Json {
  if (apiVersion >= ETAG_SINCE) return resource;
  const pools = poolsOf(resource).map((pool) => omit(pool, NO_ETAG));
  return { ...omit(resource, NO_ETAG), properties: { ...resource.properties, agentPoolProfiles: pools } };
}

/** A cluster operation changes the eTag of the cluster and of every pool. */
function stampCluster(resource: RawResource): RawResource {
  const agentPoolProfiles = poolsOf(resource).map((pool) => ({ ...pool, eTag: newETag() }));
  return { ...resource, eTag: newETag(), properties: { ...resource.properties, agentPoolProfiles } };
}

function pollUrl({ target, world }: Call, kind: 'operations' | 'operationresults', id: string): string {
  return `${world.baseUrl()}/subscriptions/${target.subscriptionId}/providers/Microsoft.ContainerService/locations/westeurope/${kind}/${id}?api-version=${POLL_API_VERSION}`;
}

const style: WriteStyle = {
  view: viewCluster,
  asyncStatus: (method) => (method === 'PUT' ? 201 : 202),
  statusUrl: (call, { id }) => pollUrl(call, 'operations', id),
  resultUrl: (call, { id }) => pollUrl(call, 'operationresults', id),
  checkBusy: checkResourceBusy,
  stamp: stampCluster,
};

/** `If-Match` empty or `*` always holds; versions without eTags ignore it. */
function checkETag({ apiVersion, request }: Call, resource: RawResource | undefined): void {
  const wanted = request.headers['if-match'];
  if (!wanted || wanted === '*' || apiVersion < ETAG_SINCE) return;
  if (resource?.['eTag'] !== wanted.replaceAll('"', '')) throw preconditionFailed();
}

function withETagCheck(handler: Handler): Handler {
  return (call) => {
    checkETag(call, call.world.store.find(call.id));
    return handler(call);
  };
}

/** PATCH answers 200 or 202, never 201. AKS drops case variants of a tag name: the last spelling of a value wins. */
const patchCluster: Handler = (call) => {
  call.world.limits.takeAks('other', call.target.subscriptionId ?? '');
  const { request } = call;
  const { body } = request;
  if (!isJsonObject(body) || !isJsonObject(body['tags'])) return patchTags(style)(call);
  const tags = mergeTags({}, readTags(body['tags']));
  return patchTags(style)({ ...call, request: { ...request, body: { ...body, tags } } });
};

const putCluster: Handler = (call) => {
  call.world.limits.takeAks('putCluster', call.id);
  return putResource(style, SERVER_OWNED, checkCluster)(call);
};

function checkCluster(body: JsonObject, { target, world, id }: Call): JsonObject {
  const { properties } = body;
  if (!isJsonObject(properties)) throw invalidContent("'properties' is required.");
  const pools = properties['agentPoolProfiles'];
  if (!Array.isArray(pools) || pools.length === 0) {
    throw new ArmError(400, 'InvalidParameter', 'Required parameter agentPoolProfiles is missing (null).', {
      unwrapped: {
        code: 'InvalidParameter',
        details: null,
        message: 'Required parameter agentPoolProfiles is missing (null).',
        subcode: '',
        target: 'agentPoolProfiles',
      },
    });
  }
  if (world.store.find(id)) return body;
  const name = target.names.at(-1) ?? '';
  // Nothing that is created here may lead off this machine.
  const fqdn = 'localhost';
  const nodeResourceGroup = `MC_${target.resourceGroup ?? ''}_${name}_westeurope`;
  return {
    ...body,
    properties: { nodeResourceGroup, enableRBAC: true, dnsPrefix: name, fqdnSubdomain: undefined, ...properties, fqdn },
  };
}

const getCluster: Handler = (call) => {
  call.world.limits.takeAks('getCluster', call.id);
  return getResource(viewCluster)(call);
};

const listClusters: Handler = (call) => {
  const { limits } = call.world;
  if (call.target.resourceGroup === undefined) limits.takeAks('listInSubscription', call.target.scope);
  else limits.takeAks('listInGroup', call.target.scope);
  return listResources(viewCluster)(call);
};

function viewPool(cluster: RawResource, pool: JsonObject, apiVersion: string): Json {
  const { name, ...properties } = apiVersion >= ETAG_SINCE ? pool : omit(pool, NO_ETAG);
  return { id: `${cluster.id}/agentPools/${readString(pool, 'name')}`, name, type: `${TYPE}/agentPools`, properties };
}

const listPools: Handler = (call) => {
  const cluster = requireCluster(call);
  return { status: 200, body: { value: poolsOf(cluster).map((pool) => viewPool(cluster, pool, call.apiVersion)) } };
};

const getPool: Handler = (call) => {
  const cluster = requireCluster(call);
  return { status: 200, body: viewPool(cluster, requirePool(call, cluster), call.apiVersion) };
};

/** What the pool could be upgraded to: what is stored under this id, else the served cluster's newest image, else that it is current. */
const getPoolUpgradeProfile: Handler = (call) => {
  const stored = call.world.store.find(call.id);
  if (stored) return { status: 200, body: stored };
  const cluster = requireCluster(call);
  const pool = requirePool(call, cluster);
  const name = readString(pool, 'name') ?? '';
  const { nodeImageVersion, orchestratorVersion, osType } = pool;
  const latestNodeImageVersion = call.world.kubernetes.find(cluster.id)?.latestImages.get(name) ?? nodeImageVersion;
  const properties = { kubernetesVersion: orchestratorVersion, osType, latestNodeImageVersion };
  const id = `${cluster.id}/agentPools/${name}/upgradeProfiles/default`;
  return { status: 200, body: { id, name: 'default', type: `${TYPE}/agentPools/upgradeProfiles`, properties } };
};

/** A kubeconfig. Where it holds a token, that is a canary: no test may find it anywhere. */
function answerKubeconfig(role: string): Handler {
  return (call) => {
    call.world.limits.takeAks('other', call.target.subscriptionId ?? '');
    const cluster = requireResource(call);
    const value = Buffer.from(call.world.kubernetes.kubeconfigOf(cluster, role)).toString('base64');
    return { status: 200, body: { kubeconfigs: [{ name: role, value }] }, raises: cluster.id };
  };
}

const getStatus: Handler = (call) => {
  call.world.limits.takeAks('getOperation', call.target.subscriptionId ?? '');
  return statusDocument(requireOperation(call), true);
};

const pollVersions = [POLL_API_VERSION, ...API_VERSIONS];

export const containerService: Provider = {
  namespace: 'Microsoft.ContainerService',
  types: [
    {
      type: TYPE,
      apiVersions: API_VERSIONS,
      get: getCluster,
      list: listClusters,
      put: withETagCheck(putCluster),
      patch: withETagCheck(patchCluster),
      delete: withETagCheck(deleteResource(style)),
      actions: {
        listClusterUserCredential: answerKubeconfig('clusterUser'),
        listClusterAdminCredential: answerKubeconfig('clusterAdmin'),
        runCommand,
      },
    },
    { type: `${TYPE}/agentPools`, apiVersions: API_VERSIONS, get: getPool, list: listPools },
    { type: `${TYPE}/agentPools/upgradeProfiles`, apiVersions: API_VERSIONS, get: getPoolUpgradeProfile },
    { type: `${TYPE}/agentPools/machines`, apiVersions: API_VERSIONS, list: listMachines },
    {
      type: `${TYPE}/maintenanceConfigurations`,
      apiVersions: API_VERSIONS,
      get: getMaintenance,
      list: listMaintenance,
    },
    { type: `${TYPE}/commandResults`, apiVersions: API_VERSIONS, get: getCommandResult },
    { type: 'Microsoft.ContainerService/locations/operations', apiVersions: pollVersions, get: getStatus },
    {
      type: 'Microsoft.ContainerService/locations/operationresults',
      apiVersions: pollVersions,
      get: getOperationResult,
    },
  ],
};
