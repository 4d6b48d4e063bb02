import { findDataGrant } from '../access.ts';
import type { Caller, IdentityDefinition, TokenIssuer } from '../identities.ts';
import { isJsonObject, readString } from '../json.ts';
import type { Outcome } from '../pipeline.ts';
import type { ArmRequest, Reply } from '../provider.ts';
import type { RawResource } from '../resource-store.ts';
import type { ClusterState } from './cluster-state.ts';
import { findDiscovery } from './discovery.ts';
import type { ListPages } from './list-pages.ts';
import { type Addressed, forbidden, methodNotAllowed, objectNotFound, pathNotFound, unauthorized } from './status.ts';

/** Audience of tokens for every AKS cluster: the application id of the "Azure Kubernetes Service AAD Server". */
export const AKS_AUDIENCE = '6dae42f8-4368-4678-94ff-3960e28e3630';
const ACTION_PREFIX = 'Microsoft.ContainerService/managedClusters';
const NO_AZURE_ROLE = 'User does not have access to the resource in Azure. Update role assignment to allow access.';

/** What an API server needs to know to answer. */
export interface ApiContext {
  readonly state: ClusterState;
  readonly pages: ListPages;
  readonly issuer: TokenIssuer;
  readonly server: string;
  /** Object ids that Kubernetes RBAC lets read. */
  readonly subjects: readonly string[];
  /** Tokens of kubeconfigs of a cluster without Entra: whoever holds one is cluster-admin. */
  readonly adminTokens: ReadonlySet<string>;
}

/** Who holds the token of a kubeconfig of a cluster without Entra. */
const CLUSTER_ADMIN: IdentityDefinition = {
  name: 'cluster-admin',
  objectId: 'masterclient',
  clientId: '',
  principalType: 'User',
  roleAssignments: [],
};

interface Profile {
  readonly isEntra: boolean;
  readonly hasAzureRbac: boolean;
}

/** How callers of a cluster are known and judged. */
export function readProfile({ properties }: RawResource): Profile {
  const entra = properties?.['aadProfile'];
  const isEntra = isJsonObject(entra) && entra['managed'] === true;
  return { isEntra, hasAzureRbac: isEntra && entra['enableAzureRBAC'] === true };
}

/** The caller of a request to the cluster's API; undefined = 401. */
export function identifyCaller({ adminTokens, issuer, state }: ApiContext, request: ArmRequest): Caller | undefined {
  const { authorization } = request.headers;
  if (readProfile(state.cluster).isEntra) return issuer.identify(authorization, AKS_AUDIENCE);
  const token = /^Bearer (.+)$/i.exec(authorization ?? '')?.[1] ?? '';
  return adminTokens.has(token) ? { identity: CLUSTER_ADMIN, claims: {} } : undefined;
}

const RESOURCE =
  /^(?:\/api\/v1\/(?<core>nodes)|\/apis\/apps\/v1(?:\/namespaces\/(?<namespace>[^/]+))?\/(?<apps>daemonsets))(?:\/(?<name>[^/]+))?\/?$/;

/** Answers one request as the API server of the cluster. */
export function handleKubernetesRequest(context: ApiContext, request: ArmRequest): Outcome {
  const caller = identifyCaller(context, request);
  if (!caller) return { reply: unauthorized(), action: undefined, caller, events: [] };
  const { core, apps, name, namespace } = RESOURCE.exec(request.path)?.groups ?? {};
  const resource = core ?? apps;
  if (resource === undefined) {
    return { reply: answerOther(context, request), action: undefined, caller, events: [] };
  }
  const addressed = { group: core === undefined ? 'apps' : '', resource, name };
  const verb = verbOf(request, name !== undefined);
  const action = actionFor(addressed, verb);
  const refusal = refuse(context, caller, verb, addressed);
  const reply = refusal ?? answerResource(context, request, { ...addressed, namespace }, verb);
  return { reply, action, caller, events: [] };
}

function answerOther({ server, state }: ApiContext, request: ArmRequest): Reply {
  const version = readString(state.cluster, 'properties.currentKubernetesVersion') ?? '1.33.4';
  const body = findDiscovery(request.path, version, server);
  if (body === undefined) return pathNotFound();
  return request.method === 'GET' ? { status: 200, body } : methodNotAllowed();
}

function verbOf({ method, query }: ArmRequest, isNamed: boolean): string {
  switch (method) {
    case 'GET':
    case 'HEAD':
      if (query.get('watch') === 'true') return 'watch';
      return isNamed ? 'get' : 'list';
    case 'POST':
      return 'create';
    case 'PUT':
      return 'update';
    case 'PATCH':
      return 'patch';
    default:
      return isNamed ? 'delete' : 'deletecollection';
  }
}

/** The data action of Azure RBAC for a verb. https://learn.microsoft.com/azure/role-based-access-control/permissions/containers */
function actionFor({ group, resource }: Addressed, verb: string): string {
  const kind = ['get', 'list', 'watch'].includes(verb) ? 'read' : verb.startsWith('delete') ? 'delete' : 'write';
  return `${ACTION_PREFIX}/${group === '' ? '' : `${group}/`}${resource}/${kind}`;
}

/** The 403 of a caller who may not; undefined = allowed. */
export function refuse(
  { state, subjects }: Pick<ApiContext, 'state' | 'subjects'>,
  { identity }: Caller,
  verb: string,
  addressed: Addressed,
): Reply | undefined {
  const { hasAzureRbac, isEntra } = readProfile(state.cluster);
  if (!isEntra) return undefined;
  if (hasAzureRbac) {
    const isAllowed = findDataGrant(identity, actionFor(addressed, verb), state.clusterId) !== undefined;
    return isAllowed ? undefined : forbidden(identity.objectId, verb, addressed, NO_AZURE_ROLE);
  }
  // The shipped ClusterRole: get and list.
  const isAllowed = subjects.includes(identity.objectId) && (verb === 'get' || verb === 'list');
  return isAllowed ? undefined : forbidden(identity.objectId, verb, addressed, undefined);
}

function answerResource(
  { pages, state }: ApiContext,
  { query }: ArmRequest,
  addressed: Addressed & { readonly namespace: string | undefined },
  verb: string,
): Reply {
  if (verb !== 'get' && verb !== 'list') return methodNotAllowed();
  const { group, name, namespace } = addressed;
  const objects = () =>
    (group === '' ? state.nodeObjects() : state.daemonSetObjects()).filter(
      (object) => namespace === undefined || readString(object, 'metadata.namespace') === namespace,
    );
  if (name !== undefined) {
    const found = objects().find((object) => readString(object, 'metadata.name') === name);
    return found ? { status: 200, body: found } : objectNotFound(addressed);
  }
  const { resourceVersion } = state;
  const types =
    group === '' ? { kind: 'NodeList', apiVersion: 'v1' } : { kind: 'DaemonSetList', apiVersion: 'apps/v1' };
  return pages.answer({ ...types, resourceVersion, items: objects }, query);
}
