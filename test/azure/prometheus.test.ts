import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { queryRebootMetrics } from '../../src/azure/prometheus.ts';
import { failureOf } from './azure-harness.ts';
import {
  type CanaryClients,
  createCanaryClients,
  type LoopbackServer,
  startLoopbackServer,
  TOKEN_CANARY,
} from './loopback-server.ts';

let server: LoopbackServer;
let azure: CanaryClients;

beforeEach(async () => {
  server = await startLoopbackServer(({ query }) =>
    query.get('query')?.startsWith('min') === true
      ? { body: vector([sample('n0', '1')]) }
      : { body: vector([sample('n0', '1'), sample('n1', '0')]) },
  );
  azure = createCanaryClients(server);
});

afterEach(async () => {
  await server.stop();
});

const DAY = 24 * 3_600_000;

function sample(node: unknown, value: unknown, cluster: unknown = 'aks-prod') {
  return { metric: { cluster, node }, value: [1_787_227_200.123, value] };
}

function vector(result: readonly unknown[]) {
  return { status: 'success', data: { resultType: 'vector', result } };
}

async function ask(change: { readonly endpoint?: string; readonly name?: string; readonly overdueMs?: number } = {}) {
  const { endpoint = server.origin, name = 'aks-prod', overdueMs = DAY } = change;
  return await queryRebootMetrics.run(azure.context(), endpoint, name, overdueMs);
}

describe('the metric of kured', () => {
  it('tells which nodes need a reboot, and which have needed one the whole time', async () => {
    expect(await ask()).toEqual({
      now: new Map([
        ['n0', 1],
        ['n1', 0],
      ]),
      overdue: new Set(['n0']),
    });
    expect(azure.scopes).toEqual([
      'https://prometheus.monitor.azure.com/.default',
      'https://prometheus.monitor.azure.com/.default',
    ]);
    expect(server.requests.map(({ method, path, query: { size } }) => [method, path, size])).toEqual([
      ['GET', '/api/v1/query', 1],
      ['GET', '/api/v1/query', 1],
    ]);
    expect(server.requests.map((request) => request.query.get('query'))).toEqual([
      'max by (cluster, node) (kured_reboot_required{cluster="aks-prod"})',
      'min by (cluster, node) (min_over_time(kured_reboot_required{cluster="aks-prod"}[24h])) == 1 ' +
        'and on (cluster, node) max by (cluster, node) (kured_reboot_required{cluster="aks-prod"} offset 24h) == 1',
    ]);
  });

  it('is asked for a span of any length, never a shorter one', async () => {
    await ask({ overdueMs: 90_000_001 });

    expect(server.requests[1]?.query.get('query')).toContain('[90001s]');
  });

  it('is asked for no other cluster, whatever the name holds', async () => {
    await ask({ name: 'a"} or up{x="\\\n' });

    expect(server.requests[0]?.query.get('query')).toBe(
      String.raw`max by (cluster, node) (kured_reboot_required{cluster="a\"} or up{x=\"\\\n"})`,
    );
  });

  it('that is not there is no data, and no zero', async () => {
    server.answer = () => ({ body: vector([]) });

    expect(await ask()).toBeUndefined();
    expect(server.requests).toHaveLength(1);
  });

  it('counts for its own cluster only, and only as 0 or 1', async () => {
    const odd = [
      sample('n0', '1', 'other'),
      sample('n0', '1', null),
      sample('n1', '2'),
      sample('n2', 'NaN'),
      sample('n3', 1),
      sample('', '1'),
      sample(undefined, '1'),
      { metric: { cluster: 'aks-prod', node: 'n4' } },
      { value: [0, '1'] },
      null,
      'n5',
    ];
    server.answer = () => ({ body: vector([...odd, sample('n9', '0')]) });

    expect(await ask()).toEqual({ now: new Map([['n9', 0]]), overdue: new Set() });
    server.answer = () => ({ body: vector(odd) });
    expect(await ask()).toBeUndefined();
  });
});

describe('a workspace that does not answer as it should', () => {
  it.each([
    [400, 'AZURE_INVALID'],
    [401, 'AZURE_DENIED'],
    [403, 'AZURE_DENIED'],
    [404, 'AZURE_INVALID'],
    [429, 'AZURE_TRANSIENT'],
    [500, 'AZURE_TRANSIENT'],
    [503, 'AZURE_TRANSIENT'],
  ])('is an error that says so: %i', async (status, code) => {
    server.answer = () => ({
      status,
      headers: { 'retry-after': '7' },
      body: { status: 'error', errorType: 'bad_data', error: 'parse error: unexpected end of input' },
    });

    const failure = await failureOf(queryRebootMetrics, ask());

    expect(failure).toMatchObject({
      code,
      message: `the metrics cannot be read: ${status}, parse error: unexpected end of input`,
      details: { status, retryAfterMs: 7000 },
    });
    expect(server.requests).toHaveLength(status === 401 ? 2 : 1);
  });

  it.each([
    ['an HTML page', '<html></html>'],
    ['an error with status 200', { status: 'error', error: 'x' }],
    ['a scalar', { status: 'success', data: { resultType: 'scalar', result: [1, '1'] } }],
    ['no result', { status: 'success', data: { resultType: 'vector' } }],
    ['nothing', ''],
  ])('is an error, and no empty answer, when it sends %s', async (_name, body) => {
    server.answer = () => ({ body });

    expect((await failureOf(queryRebootMetrics, ask()))?.code).toBe('AZURE_INVALID');
  });

  it('is an error when it sends more than 4 MB', async () => {
    server.answer = () => ({ body: vector([sample('n'.repeat(5_000_000), '1')]) });

    expect((await failureOf(queryRebootMetrics, ask()))?.code).toBe('AZURE_INVALID');
  });

  it('is not followed to another host', async () => {
    const other = await startLoopbackServer(() => ({ body: vector([sample('n0', '0')]) }));
    server.answer = () => ({ status: 302, headers: { location: `${other.origin}/api/v1/query` } });

    expect((await failureOf(queryRebootMetrics, ask()))?.code).toBe('AZURE_INVALID');
    expect(other.requests).toEqual([]);
    await other.stop();
  });

  it('is a passing fault when it hangs up, is not there, or is not who it should be', async () => {
    server.answer = (_request, response) => {
      response.destroy();
      return undefined;
    };
    const hungUp = await failureOf(queryRebootMetrics, ask());
    const distrusting = createCanaryClients({
      ...server,
      ca: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n',
    });
    const untrusted = await failureOf(
      queryRebootMetrics,
      queryRebootMetrics.run(distrusting.context(), server.origin, 'aks-prod', DAY),
    );
    await server.stop();
    const gone = await failureOf(queryRebootMetrics, ask());

    expect([hungUp?.code, untrusted?.code, gone?.code]).toEqual(Array(3).fill('AZURE_TRANSIENT'));
  });

  it('is a passing fault when it says nothing until the deadline', async () => {
    const deadline = new AbortController();
    server.answer = () => {
      setImmediate(() => deadline.abort());
      return undefined;
    };

    const failure = await failureOf(
      queryRebootMetrics,
      queryRebootMetrics.run(azure.context({ signal: deadline.signal }), server.origin, 'aks-prod', DAY),
    );

    expect(failure?.code).toBe('AZURE_TRANSIENT');
  });

  it('never gets the token into an error, not even by quoting it', async () => {
    server.answer = ({ headers }) => ({ status: 400, body: { error: `bad ${headers.authorization ?? ''}` } });

    const failure = await failureOf(queryRebootMetrics, ask());

    expect(failure?.message).toBe('the metrics cannot be read: 400, bad Bearer (token)');
    expect(inspect(failure, { depth: 10, showHidden: true })).not.toContain(TOKEN_CANARY);
  });

  it.each([
    'http://localhost',
    'https://localhost/path',
    'https://a@localhost',
    'https://localhost?x',
    'localhost',
    '',
  ])('is not asked at all at %j', async (endpoint) => {
    expect((await failureOf(queryRebootMetrics, ask({ endpoint })))?.code).toBe('AZURE_INVALID');
    expect(azure.scopes).toEqual([]);
  });
});
