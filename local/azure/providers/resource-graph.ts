import { findGrant } from '../access.ts';
import { ArmError, tooManyRequests } from '../errors.ts';
import { requireBody } from '../generic-resource.ts';
import { isJsonObject, type Json, type JsonObject } from '../json.ts';
import { runQuery } from '../kusto.ts';
import { KustoError, type Row } from '../kusto-stage.ts';
import type { Call, Handler, Provider } from '../provider.ts';
import type { RawResource } from '../resource-store.ts';
import { GROUP_TYPE, SUBSCRIPTION_TYPE } from './resources.ts';

/** https://learn.microsoft.com/azure/governance/resource-graph/concepts/work-with-data#paging-results */
const MAX_PAGE = 1_000;

/** What lies below a cluster or a registry is not in the index. */
const CHILD = /^microsoft\.(?:containerservice\/managedclusters|containerregistry\/registries)\//i;
/** Reading the cluster is enough; Azure documents no action of their own for its events. */
const CLUSTER_READ = 'Microsoft.ContainerService/managedClusters/read';
/** What reading a row of `securityresources` needs, by its type. */
const FINDING_READ: Readonly<Record<string, string>> = {
  'microsoft.security/locations/alerts': 'Microsoft.Security/alerts/read',
  'microsoft.security/assessments': 'Microsoft.Security/assessments/read',
  'microsoft.security/assessments/subassessments': 'Microsoft.Security/assessments/subAssessments/read',
};

/** Length of the quota window. */
const WINDOW = '00:00:05';

function toRow({ id, kind, location, name, properties, sku, tags, type, ...rest }: RawResource, tenantId: string): Row {
  const [, , subscriptionId = '', , resourceGroup = ''] = id.split('/');
  return {
    id,
    name,
    type: type.toLowerCase(),
    tenantId,
    kind: kind ?? '',
    location: location ?? '',
    resourceGroup: resourceGroup.toLowerCase(),
    subscriptionId,
    managedBy: rest['managedBy'] ?? '',
    sku: sku ?? null,
    plan: rest['plan'] ?? null,
    properties: properties ?? {},
    tags: tags ?? null,
    identity: rest['identity'] ?? null,
    zones: rest['zones'] ?? null,
    extendedLocation: rest['extendedLocation'] ?? null,
  };
}

/** What the caller may read, in the subscriptions asked for. Nothing else exists for Resource Graph. */
function readable(call: Call, subscriptions: readonly string[] | undefined, isContainer: boolean): RawResource[] {
  const { caller, request, world } = call;
  const wanted = subscriptions?.map((id) => id.toLowerCase());
  const all = world.store.list('');
  // Resource Graph lags behind writes; a stale read shows each resource as it was before its last one.
  const seen = request.stale ? all.flatMap(({ id }) => world.store.findStale(id) ?? []) : all;
  return seen.filter((resource) => {
    const { id, type } = resource;
    if (CHILD.test(type)) return false;
    if ((type === GROUP_TYPE || type === SUBSCRIPTION_TYPE) !== isContainer) return false;
    if (wanted && !wanted.includes(id.split('/')[2]?.toLowerCase() ?? '')) return false;
    const action = type === GROUP_TYPE ? 'Microsoft.Resources/subscriptions/resourceGroups/read' : `${type}/read`;
    return findGrant(caller.identity, action, id) !== undefined;
  });
}

/** Maintenance events of the clusters that the caller may read. */
function readableEvents({ caller, world }: Call, subscriptions: readonly string[] | undefined): readonly RawResource[] {
  const wanted = subscriptions?.map((id) => id.toLowerCase());
  return world.scheduledEvents.list().filter(({ id }) => {
    if (wanted && !wanted.includes(id.split('/')[2] ?? '')) return false;
    return findGrant(caller.identity, CLUSTER_READ, id.replace(/\/scheduledevents\/.*$/, '')) !== undefined;
  });
}

/** Alerts, recommendations and what lies below them, in the subscriptions where the caller may read them. */
function readableFindings(
  { caller, world }: Call,
  subscriptions: readonly string[] | undefined,
): readonly RawResource[] {
  const wanted = subscriptions?.map((id) => id.toLowerCase());
  return world.defender.resources().filter(({ id, type }) => {
    const subscriptionId = id.split('/')[2] ?? '';
    if (wanted && !wanted.includes(subscriptionId.toLowerCase())) return false;
    const action = FINDING_READ[type];
    return action !== undefined && findGrant(caller.identity, action, `/subscriptions/${subscriptionId}`) !== undefined;
  });
}

const query: Handler = (call) => {
  const { world, caller } = call;
  const quota = world.limits.take(`arg|${caller.identity.objectId}`, world.limits.resourceGraph);
  if (quota.waitSeconds > 0) {
    const refused = tooManyRequests(
      'RateLimiting',
      'Please provide below info when asking for support: timestamp and correlation id.',
      quota.waitSeconds,
    );
    const headers = { ...refused.headers, 'x-ms-user-quota-remaining': '0', 'x-ms-user-quota-resets-after': WINDOW };
    throw new ArmError(429, refused.code, refused.message, { headers });
  }
  const headers = { 'x-ms-user-quota-remaining': String(quota.remaining), 'x-ms-user-quota-resets-after': WINDOW };
  return { status: 200, headers, body: answer(call, requireBody(call)) };
};

function answer(call: Call, body: JsonObject): Json {
  const text = body['query'];
  const { options, subscriptions } = body;
  if (typeof text !== 'string' || text.trim() === '') throw badRequest('InvalidQuery', 'The query is missing.');
  if (subscriptions !== undefined && !isTextList(subscriptions)) {
    throw badRequest('InvalidSubscriptions', "'subscriptions' must be an array of subscription ids.");
  }
  const { $skip, $skipToken, $top, resultFormat } = isJsonObject(options) ? options : ({} as JsonObject);
  if (resultFormat === 'table') throw badRequest('NotSupported', 'The result format table is not simulated.');
  const top = $top ?? MAX_PAGE;
  if (typeof top !== 'number' || !Number.isInteger(top) || top < 1 || top > MAX_PAGE) {
    throw badRequest('InvalidTop', `'$top' must be a whole number from 1 to ${MAX_PAGE}.`);
  }
  const start = typeof $skipToken === 'string' ? readToken($skipToken) : typeof $skip === 'number' ? $skip : 0;
  const { tenantId } = call.world.issuer;
  const rows = run(text, call.world.clock.now(), {
    resources: () => readable(call, subscriptions, false).map((resource) => toRow(resource, tenantId)),
    containerserviceeventresources: () =>
      readableEvents(call, subscriptions).map((resource) => toRow(resource, tenantId)),
    securityresources: () => readableFindings(call, subscriptions).map((resource) => toRow(resource, tenantId)),
    resourcecontainers: () =>
      readable(call, subscriptions, true).map((resource) => ({
        ...toRow(resource, tenantId),
        type:
          resource.type === GROUP_TYPE
            ? 'microsoft.resources/subscriptions/resourcegroups'
            : resource.type.toLowerCase(),
      })),
  });
  const data = rows.slice(start, start + top);
  const end = start + data.length;
  const hasMore = end < rows.length;
  return {
    totalRecords: rows.length,
    count: data.length,
    // Truncated = there is more, but without ids in the rows there is no token to fetch it.
    resultTruncated: hasMore && !canPage(data) ? 'true' : 'false',
    facets: [],
    data,
    ...(hasMore && canPage(data) ? { $skipToken: Buffer.from(JSON.stringify({ skip: end })).toString('base64') } : {}),
  };
}

/** Azure pages only results that carry the id. */
function canPage(data: readonly Row[]): boolean {
  return data.every((row) => typeof row['id'] === 'string');
}

function run(text: string, now: Date, tables: Readonly<Record<string, () => readonly Row[]>>): readonly Row[] {
  try {
    return runQuery(text, tables, now);
  } catch (error) {
    if (error instanceof KustoError) throw badRequest('InvalidQuery', `Query is invalid: ${error.message}.`);
    throw error;
  }
}

function readToken(token: string): number {
  try {
    const value: Json = JSON.parse(Buffer.from(token, 'base64').toString());
    if (isJsonObject(value) && typeof value['skip'] === 'number') return value['skip'];
  } catch {
    // Falls through to the refusal below.
  }
  throw badRequest('InvalidSkipToken', "The '$skipToken' is not valid.");
}

function isTextList(value: Json): value is string[] {
  return Array.isArray(value) && value.every((entry) => typeof entry === 'string');
}

function badRequest(code: string, message: string): ArmError {
  const text = 'Please provide below info when asking for support: timestamp and correlation id.';
  return new ArmError(400, 'BadRequest', text, { error: { details: [{ code, message }] } });
}

export const resourceGraph: Provider = {
  namespace: 'Microsoft.ResourceGraph',
  types: [
    {
      // The path is `POST /providers/Microsoft.ResourceGraph/resources`: a verb without a type.
      type: 'Microsoft.ResourceGraph',
      apiVersions: ['2024-04-01', '2022-10-01', '2021-03-01'],
      access: 'caller',
      action: 'Microsoft.ResourceGraph/resources/read',
      actions: { resources: query },
    },
  ],
};
