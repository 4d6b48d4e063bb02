import { DockwardenError, type ErrorCode } from '../errors.ts';
import { isPlainObject } from '../resources/lenient.ts';
import type { RebootMetrics } from '../resources/node-health.ts';
import { parseServer } from './cluster-credentials.ts';
import { quoteForeign } from './data-plane.ts';
import { type CallContext, defineRead } from './operation.ts';

const MAX_BYTES = 4 * 1024 * 1024;
const HOUR = 3_600_000;

export const queryRebootMetrics = defineRead({
  id: 'prometheus.queryRebootMetrics',
  actions: [],
  dataActions: ['Microsoft.Monitor/accounts/data/metrics/read'],
  /**
   * What kured's metric says of the nodes of one cluster: `now`, and `overdue` = 1 without a break for `overdueMs` milliseconds. Undefined when
   * there is no data for the cluster, which proves nothing. `endpoint` is the query endpoint of a workspace, an https origin. Throws
   * `AZURE_DENIED` (401, 403), `AZURE_TRANSIENT` (no answer, 429, 5xx) and `AZURE_INVALID` (a refused query, an answer that is none).
   */
  async run(
    context: CallContext,
    endpoint: string,
    clusterName: string,
    overdueMs: number,
  ): Promise<RebootMetrics | undefined> {
    const origin = parseServer(endpoint);
    if (origin === undefined)
      throw new DockwardenError('AZURE_INVALID', 'the query endpoint is no plain https address');
    const { now, overdue } = buildQueries(clusterName, overdueMs);
    const current = new Map((await query(context, origin, now, clusterName)).map(({ node, value }) => [node, value]));
    if (current.size === 0) return undefined;
    const late = await query(context, origin, overdue, clusterName);
    return { now: current, overdue: new Set(late.filter(({ value }) => value === 1).map(({ node }) => node)) };
  },
});

/** The `offset` half proves that the series was there the whole time: one that is new and always 1 is not overdue. */
function buildQueries(clusterName: string, overdueMs: number) {
  const span = overdueMs % HOUR === 0 ? `${overdueMs / HOUR}h` : `${Math.ceil(overdueMs / 1000)}s`;
  const series = `kured_reboot_required{cluster=${JSON.stringify(clusterName)}}`;
  return {
    now: `max by (cluster, node) (${series})`,
    overdue: [
      `min by (cluster, node) (min_over_time(${series}[${span}])) == 1`,
      `and on (cluster, node) max by (cluster, node) (${series} offset ${span}) == 1`,
    ].join(' '),
  };
}

interface Sample {
  readonly node: string;
  readonly value: 0 | 1;
}

async function query(
  { clients, signal }: CallContext,
  origin: URL,
  text: string,
  clusterName: string,
): Promise<readonly Sample[]> {
  const url = new URL('/api/v1/query', origin);
  url.searchParams.set('query', text);
  const answer = await clients.dataPlane.get({
    url,
    audience: 'prometheus',
    trust: 'public',
    maxBytes: MAX_BYTES,
    signal,
  });
  if (answer.kind === 'too-large') throw failure('AZURE_INVALID', answer.because);
  if (answer.kind !== 'answered') throw failure('AZURE_TRANSIENT', answer.because);
  const { status, body, retryAfterMs } = answer;
  if (status !== 200) {
    const error = quoteForeign(isPlainObject(body) ? body['error'] : undefined);
    throw failure(codeOf(status), `${status}, ${error}`, status, retryAfterMs);
  }
  const data = isPlainObject(body) && body['status'] === 'success' ? body['data'] : undefined;
  if (!isPlainObject(data) || data['resultType'] !== 'vector' || !Array.isArray(data['result'])) {
    throw failure('AZURE_INVALID', 'the answer is no vector of samples');
  }
  return data['result'].flatMap((entry: unknown) => readSample(entry, clusterName) ?? []);
}

/** One sample of this cluster; what is neither "0" nor "1" says nothing about its node. */
function readSample(entry: unknown, clusterName: string): Sample | undefined {
  const { metric, value } = isPlainObject(entry) ? entry : {};
  if (!isPlainObject(metric) || !Array.isArray(value)) return undefined;
  const { cluster, node } = metric;
  if (cluster !== clusterName || typeof node !== 'string' || node === '') return undefined;
  const text: unknown = value[1];
  if (text === '1') return { node, value: 1 };
  return text === '0' ? { node, value: 0 } : undefined;
}

function codeOf(status: number): ErrorCode {
  if (status === 401 || status === 403) return 'AZURE_DENIED';
  return status === 408 || status === 429 || status >= 500 ? 'AZURE_TRANSIENT' : 'AZURE_INVALID';
}

function failure(code: ErrorCode, because: string, status?: number, retryAfterMs?: number): DockwardenError {
  return new DockwardenError(code, `the metrics cannot be read: ${because}`, {
    ...(status !== undefined && { status }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  });
}
