import { DaemonSet, KubernetesNode } from '../resources/kubernetes.ts';
import { isPlainObject } from '../resources/lenient.ts';
import type { ManagedCluster } from '../resources/managed-cluster.ts';
import type { AccessProblem } from '../resources/node-health.ts';
import {
  type ClusterCredentials,
  isCertificateAuthority,
  isEntraIntegrated,
  isServerOf,
  parseServer,
} from './cluster-credentials.ts';
import { type DataPlaneAnswer, quoteForeign } from './data-plane.ts';
import { type CallContext, defineRead } from './operation.ts';

/** Why there is no list; `because` is for people and never holds a token. */
interface Unreadable {
  readonly state: 'unreadable';
  readonly reason: AccessProblem;
  readonly because: string;
}

/** No trusted connection: the authority may have been replaced, so credentials that were kept are to be read again, once. */
interface Untrusted {
  readonly state: 'untrusted';
  readonly because: string;
}

/** What the API server of a cluster told. */
export type ClusterAnswer =
  | { readonly state: 'read'; readonly nodes: readonly KubernetesNode[]; readonly daemonSets: readonly DaemonSet[] }
  | Unreadable
  | Untrusted;

/** One kind of object, all namespaces together. */
interface Kind<T> {
  readonly path: string;
  readonly list: string;
  readonly apiVersion: string;
  readonly reader: { safeParse(raw: unknown): { success: true; data: T } | { success: false } };
}

const NODES: Kind<KubernetesNode> = {
  path: '/api/v1/nodes',
  list: 'NodeList',
  apiVersion: 'v1',
  reader: KubernetesNode,
};
const DAEMON_SETS: Kind<DaemonSet> = {
  path: '/apis/apps/v1/daemonsets',
  list: 'DaemonSetList',
  apiVersion: 'apps/v1',
  reader: DaemonSet,
};

/** Objects per page; a node has about 10 kB. */
const PAGE_SIZE = 200;
const MAX_PAGES = 100;
const MAX_PAGE_BYTES = 16 * 1024 * 1024;

export const readClusterNodes = defineRead({
  id: 'kubernetes.list',
  actions: [],
  dataActions: [
    'Microsoft.ContainerService/managedClusters/nodes/read',
    'Microsoft.ContainerService/managedClusters/apps/daemonsets/read',
  ],
  /**
   * Nodes and DaemonSets as the API server lists them, all or nothing. Whatever stands in the way is told as a value and not thrown. Before a
   * token is even asked for, the cluster must use Entra and itself name the server's host.
   */
  async run(context: CallContext, cluster: ManagedCluster, credentials: ClusterCredentials): Promise<ClusterAnswer> {
    if (!isEntraIntegrated(cluster)) return unreadable('not-entra-integrated', 'the cluster does not use Entra');
    const server = parseServer(credentials.server);
    if (server === undefined || !isServerOf(cluster, server)) {
      return unreadable('refused', 'the server of the credentials is not the one that Azure Resource Manager names');
    }
    if (!isCertificateAuthority(credentials.certificateAuthority)) {
      return unreadable('refused', 'the credentials hold no certificate authority');
    }
    const trust = credentials.certificateAuthority;
    const nodes = await listAll(context, server, trust, NODES);
    if (nodes.state !== 'listed') return nodes;
    const daemonSets = await listAll(context, server, trust, DAEMON_SETS);
    if (daemonSets.state !== 'listed') return daemonSets;
    return { state: 'read', nodes: nodes.items, daemonSets: daemonSets.items };
  },
});

interface Listed<T> {
  readonly state: 'listed';
  readonly items: readonly T[];
}

/** The token of a page lives for about five minutes; when it has expired (410) the list is begun once more. */
async function listAll<T>(
  context: CallContext,
  server: URL,
  trust: string,
  kind: Kind<T>,
): Promise<Listed<T> | Unreadable | Untrusted> {
  const first = await listPages(context, server, trust, kind);
  if (first !== 'expired') return first;
  const second = await listPages(context, server, trust, kind);
  return second === 'expired'
    ? unreadable('unreachable', `${kind.list}: the list expired twice while it was read`)
    : second;
}

async function listPages<T>(
  context: CallContext,
  server: URL,
  trust: string,
  kind: Kind<T>,
): Promise<Listed<T> | Unreadable | Untrusted | 'expired'> {
  const items: T[] = [];
  let next = '';
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const url = new URL(kind.path, server);
    url.searchParams.set('limit', String(PAGE_SIZE));
    if (next !== '') url.searchParams.set('continue', next);
    // Each request has a limit of its own; all pages together have this one.
    const signal = context.operationSignal;
    const answer = await context.clients.dataPlane.get({
      url,
      audience: 'kubernetes',
      trust,
      maxBytes: MAX_PAGE_BYTES,
      signal,
    });
    if (answer.kind === 'answered' && answer.status === 410) return 'expired';
    const read = readPage(answer, kind);
    if (read.state !== 'page') return read;
    items.push(...read.items);
    if (read.next === '') return { state: 'listed', items };
    next = read.next;
  }
  return unreadable('unreadable-answer', `${kind.list}: more than ${MAX_PAGES} pages`);
}

interface Page<T> {
  readonly state: 'page';
  readonly items: readonly T[];
  /** Empty on the last page. */
  readonly next: string;
}

function readPage<T>(answer: DataPlaneAnswer, kind: Kind<T>): Page<T> | Unreadable | Untrusted {
  if (answer.kind === 'untrusted') return { state: 'untrusted', because: answer.because };
  if (answer.kind === 'no-answer') return unreadable('unreachable', answer.because);
  if (answer.kind === 'too-large') return unreadable('unreadable-answer', answer.because);
  const { status, body } = answer;
  if (status !== 200) return explain(status, body, kind.list);
  if (!isPlainObject(body) || body['kind'] !== kind.list || body['apiVersion'] !== kind.apiVersion) {
    return unreadable('unreadable-answer', `the answer is no ${kind.list}`);
  }
  const { items, metadata } = body;
  if (!Array.isArray(items)) return unreadable('unreadable-answer', `the ${kind.list} has no items`);
  const next = isPlainObject(metadata) ? (metadata['continue'] ?? '') : '';
  if (typeof next !== 'string') return unreadable('unreadable-answer', `the ${kind.list} cannot be continued`);
  const parsed: T[] = [];
  for (const item of items) {
    const result = kind.reader.safeParse(item);
    // One that is left out would look like one that is not there.
    if (!result.success) return unreadable('unreadable-answer', `an object in the ${kind.list} cannot be read`);
    parsed.push(result.data);
  }
  return { state: 'page', items: parsed, next };
}

/** What a refusal means; `message` of a Kubernetes `Status` says more. */
function explain(status: number, body: unknown, list: string): Unreadable {
  const message = quoteForeign(isPlainObject(body) ? body['message'] : undefined);
  return unreadable(reasonOf(status), `${list}: ${status}, ${message}`);
}

function reasonOf(status: number): AccessProblem {
  if (status === 401) return 'unauthorized';
  if (status === 403) return 'no-permission';
  return status === 408 || status === 429 || status >= 500 ? 'unreachable' : 'unreadable-answer';
}

function unreadable(reason: AccessProblem, because: string): Unreadable {
  return { state: 'unreadable', reason, because };
}
