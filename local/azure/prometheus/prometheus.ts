import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { findDataGrant } from '../access.ts';
import { Faults } from '../faults.ts';
import type { Caller } from '../identities.ts';
import type { Json } from '../json.ts';
import type { Authority } from '../kubernetes/authority.ts';
import { listen } from '../listen.ts';
import type { Outcome } from '../pipeline.ts';
import type { ArmRequest, Reply, World } from '../provider.ts';
import { createServiceListener } from '../service-server.ts';
import { type Element, evaluatePromql, type RecordedCluster } from './evaluate.ts';
import { PromqlError, parsePromql } from './promql.ts';

/** The simulated Azure Monitor workspace that scrapes kured on every served cluster. */
export interface Prometheus {
  /** `https://localhost:{port}`: the query endpoint; append `/api/v1/query`. */
  readonly endpoint: string;
  /** ARM id at which the data action `Microsoft.Monitor/accounts/data/metrics/read` is needed. */
  readonly workspaceId: string;
  /** `http://127.0.0.1:{port}`: append `/metrics/{cluster name}` for what kured exposes now, for a real Prometheus to scrape. */
  readonly metricsEndpoint: string;
  /** Faults of the query endpoint only; path `/api/v1/query`. */
  readonly faults: Faults;
}

/** Audience of tokens for the query endpoint of any workspace. */
const AUDIENCE = 'https://prometheus.monitor.azure.com';
const ACTION = 'Microsoft.Monitor/accounts/data/metrics/read';

interface PrometheusOptions {
  readonly world: World;
  readonly authority: Authority;
  readonly workspaceId: string;
  readonly log: (request: ArmRequest, outcome: Outcome) => void;
}

/** Starts the query endpoint (HTTPS) and what kured exposes (plain http), each on a free port of loopback. */
export async function startPrometheus(
  options: PrometheusOptions,
): Promise<Prometheus & { readonly stop: () => Promise<void> }> {
  const { authority, log, workspaceId, world } = options;
  const faults = new Faults();
  const identify = (request: ArmRequest) => world.issuer.identify(request.headers['authorization'], AUDIENCE);
  const listener = createServiceListener({
    faults,
    nameCaller: (request) => identify(request)?.identity.name,
    handle: (request) => handleQuery(world, workspaceId, request, identify(request)),
    log: (request, outcome) => log({ ...request, path: `/prometheus${request.path}` }, outcome),
  });
  const stopQueries = await listen(
    createServer({ cert: authority.cert, key: authority.key }, listener),
    0,
    '127.0.0.1',
  );
  const exposition = createHttpServer((request, response) => expose(world, request, response));
  const stopExposition = await listen(exposition, 0, '127.0.0.1');
  return {
    endpoint: `https://localhost:${stopQueries.port}`,
    metricsEndpoint: `http://127.0.0.1:${stopExposition.port}`,
    workspaceId,
    faults,
    async stop() {
      await Promise.all([stopQueries(), stopExposition()]);
    },
  };
}

function handleQuery(world: World, workspaceId: string, request: ArmRequest, caller: Caller | undefined): Outcome {
  const finish = (reply: Reply): Outcome => ({ reply, action: ACTION, caller, events: [] });
  if (!caller)
    return finish(refuse(401, 'Unauthorized', 'The access token is missing, expired or for another audience.'));
  if (!findDataGrant(caller.identity, ACTION, workspaceId)) {
    return finish(refuse(403, 'Forbidden', `The data action '${ACTION}' is needed on '${workspaceId}'.`));
  }
  if (request.path !== '/api/v1/query') return finish(refuse(404, 'NotFound', 'Only /api/v1/query is served.'));
  const parameters = readParameters(request);
  if (parameters === undefined) return finish(refuse(405, 'MethodNotAllowed', 'Ask with GET, or POST a form.'));
  const at = readTime(parameters.get('time'), world.clock.now().getTime());
  if (at === undefined) {
    const text = parameters.get('time') ?? '';
    return finish(badData(`invalid parameter "time": cannot parse "${text}" to a valid timestamp`));
  }
  try {
    const expression = parsePromql(parameters.get('query') ?? '');
    const clusters = world.kubernetes.list().map(({ name, state }) => ({ name, series: state.series }));
    return finish(toVector(evaluatePromql(expression, clusters, at), at));
  } catch (error) {
    if (error instanceof PromqlError) return finish(badData(`invalid parameter "query": ${error.message}`));
    throw error;
  }
}

/** Of the query string, or of a posted form as well; undefined = asked another way. */
function readParameters({ body, headers, method, query }: ArmRequest): URLSearchParams | undefined {
  if (method === 'GET') return query;
  const isForm = headers['content-type']?.startsWith('application/x-www-form-urlencoded') === true;
  if (method !== 'POST' || !isForm) return undefined;
  return new URLSearchParams([...new URLSearchParams(typeof body === 'string' ? body : ''), ...query]);
}

/** Unix seconds or RFC 3339, as milliseconds; undefined = neither. */
function readTime(text: string | null, now: number): number | undefined {
  if (text === null) return now;
  const time = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1_000 : Date.parse(text);
  return Number.isNaN(time) ? undefined : time;
}

function toVector(elements: readonly Element[], at: number): Reply {
  const result: Json = elements.map(({ labels, value }) => ({ metric: labels, value: [at / 1_000, String(value)] }));
  return { status: 200, body: { status: 'success', data: { resultType: 'vector', result } } };
}

function badData(error: string): Reply {
  return { status: 400, body: { status: 'error', errorType: 'bad_data', error } };
}

/** What Azure's gate in front of Prometheus answers; its texts are not documented. */
function refuse(status: number, code: string, message: string): Reply {
  return { status, body: { error: { code, message } } };
}

/** The text format that Prometheus scrapes. https://prometheus.io/docs/instrumenting/exposition_formats/ */
function expose(world: World, request: IncomingMessage, response: ServerResponse): void {
  const name = /^\/metrics\/([^/?]+)$/.exec(request.url ?? '')?.[1];
  const clusters: readonly RecordedCluster[] = world.kubernetes
    .list()
    .filter((cluster) => cluster.name === name)
    .map((cluster) => ({ name: cluster.name, series: cluster.state.series }));
  if (clusters.length === 0) {
    response.writeHead(404, { 'content-type': 'text/plain' }).end('no such cluster\n');
    return;
  }
  const now = world.clock.now().getTime();
  const lines = clusters.flatMap(({ series }) =>
    series.nodes().flatMap((node) => {
      const value = series.valueAt(node, now);
      return value === undefined ? [] : [`kured_reboot_required{node="${node}"} ${value}`];
    }),
  );
  const help =
    '# HELP kured_reboot_required OS requires reboot due to software updates.\n# TYPE kured_reboot_required gauge';
  response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' }).end(`${[help, ...lines].join('\n')}\n`);
}
