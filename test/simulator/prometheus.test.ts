import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { KubernetesCluster } from '../../local/azure/kubernetes/kubernetes-cluster.ts';
import { assignProductRole, createSampleIdentities, sampleId } from '../../local/azure/sample-subscription.ts';
import { FixedClock, type Harness, isRecord, startHarness } from './harness.ts';

const HOUR = 3_600_000;
const AUDIENCE = 'https://prometheus.monitor.azure.com';
const METRICS = 'Microsoft.Monitor/accounts/data/metrics/read';
const NOW = 'max by (cluster, node) (kured_reboot_required{cluster="aks-prod"})';
const overdue = (span: string, cluster = 'aks-prod') =>
  `min by (cluster, node) (min_over_time(kured_reboot_required{cluster="${cluster}"}[${span}])) == 1 and on (cluster, node) max by (cluster, node) (kured_reboot_required{cluster="${cluster}"} offset ${span}) == 1`;

let harness: Harness;
let clock: FixedClock;
let prod: KubernetesCluster;
beforeEach(async () => {
  clock = new FixedClock();
  harness = await startHarness({ clock, identities: createSampleIdentities([], [METRICS]) });
  prod = harness.simulator.kubernetes(sampleId('aks-prod'));
});
afterEach(async () => {
  await harness.stop();
});

type Options = Parameters<Harness['send']>[2];
async function ask(query: string, options: Options = {}) {
  const url = `${harness.simulator.prometheus.endpoint}/api/v1/query?${new URLSearchParams({ query }).toString()}`;
  return await harness.send('GET', url, { as: 'dockwarden', audience: AUDIENCE, ...options });
}
/** Node names with their values; throws for an answer that is no vector. */
async function run(query: string): Promise<Record<string, string>> {
  const { body, text } = await ask(query);
  const data = isRecord(body['data']) ? body['data'] : {};
  if (!Array.isArray(data['result'])) throw new Error(text);
  const elements: unknown[] = data['result'];
  return Object.fromEntries(
    elements.filter(isRecord).map(({ metric, value }) => {
      const node = isRecord(metric) ? metric['node'] : undefined;
      return [String(node), Array.isArray(value) ? String(value[1]) : ''];
    }),
  );
}
async function askAt(time: string) {
  const parameters = new URLSearchParams({ query: NOW, time });
  const url = `${harness.simulator.prometheus.endpoint}/api/v1/query?${parameters.toString()}`;
  return await harness.send('GET', url, { as: 'dockwarden', audience: AUDIENCE });
}
const names = (pool?: string) => prod.nodes(pool).map(({ name }) => name);

describe('the two queries of the product', () => {
  test('now: every node that exposes the metric, with 0 or 1', async () => {
    const values = await run(NOW);

    expect(Object.keys(values).toSorted()).toEqual(names());
    expect(Object.entries(values).flatMap(([name, value]) => (value === '1' ? [name] : []))).toEqual(
      names('apps').slice(0, 3),
    );
  });

  test('the answer is shaped as Prometheus shapes it', async () => {
    clock.advance(123);

    const { body, status } = await ask(NOW);

    expect(status).toBe(200);
    expect(body).toMatchObject({ status: 'success', data: { resultType: 'vector' } });
    expect(body).toHaveProperty(['data', 'result', 0], {
      metric: { cluster: 'aks-prod', node: names()[0] },
      value: [1_795_428_000.123, '1'],
    });
  });

  test('overdue: 1 for the whole time, and there the whole time', async () => {
    const late = names('apps').slice(0, 3);
    expect(Object.keys(await run(overdue('24h')))).toEqual(late);
    expect(Object.keys(await run(overdue('345600s')))).toEqual(late);
    // The sentinels are four days old.
    expect(await run(overdue('96h1s'))).toEqual({});
  });

  test('a node becomes overdue when the time is over, by the clock alone', async () => {
    const [name = ''] = names('system');
    prod.requireReboot(name);

    clock.advance(24 * HOUR - 1);
    const early = await run(overdue('24h'));
    clock.advance(1);
    const late = await run(overdue('24h'));

    expect([Object.keys(early).includes(name), late[name]]).toEqual([false, '1']);
  });

  test('a reboot ends it at once, and the time starts again', async () => {
    const [name = ''] = names('apps');
    prod.reboot(name);
    clock.advance(1_000);

    expect((await run(NOW))[name]).toBe('0');
    expect(await run(overdue('24h'))).not.toHaveProperty([name]);
    prod.requireReboot(name);
    clock.advance(23 * HOUR);
    expect((await run(NOW))[name]).toBe('1');
    expect(await run(overdue('24h'))).not.toHaveProperty([name]);
    clock.advance(2 * HOUR);
    expect(await run(overdue('24h'))).toHaveProperty([name], '1');
  });

  test('a series that is fresh is not overdue, however long it has been 1', async () => {
    prod.setKured({ exposesMetrics: false });
    clock.advance(HOUR);
    const silent = await run(NOW);
    prod.setKured({ exposesMetrics: true });
    clock.advance(23 * HOUR);

    expect(silent).toEqual({});
    expect((await run(NOW))[names('apps')[0] ?? '']).toBe('1');
    expect(await run(overdue('23h30m'))).toEqual({});
    expect(Object.keys(await run(overdue('23h')))).toEqual(names('apps').slice(0, 3));
  });

  test('a gap in a series does not interrupt it, as in Prometheus: what was seen was 1', async () => {
    prod.setKured({ exposesMetrics: false });
    clock.advance(HOUR);
    prod.setKured({ exposesMetrics: true });
    clock.advance(HOUR);

    expect(Object.keys(await run(overdue('24h')))).toEqual(names('apps').slice(0, 3));
  });

  test('nodes without a pod of kured have no metric', async () => {
    const [name = ''] = names('apps');
    prod.setTaints(name, [{ key: 'CriticalAddonsOnly', effect: 'NoSchedule' }]);

    expect(Object.keys(await run(NOW)).toSorted()).toEqual(names().filter((other) => other !== name));
  });

  test('a cluster without the metric has no data, and one that is unknown neither', async () => {
    expect(await run(NOW.replace('aks-prod', 'aks-dev'))).toEqual({});
    expect(await run(overdue('24h', 'nobody'))).toEqual({});
  });

  test('a new image makes a new node, whose series goes on under the same name', async () => {
    prod.reimage('apps', 'AKSUbuntu-2204gen2containerd-202611.17.0');

    expect((await run(NOW))[names('apps')[0] ?? '']).toBe('0');
  });

  test('a time can be asked for, and one that is none is refused', async () => {
    const before = await askAt('2026-11-19T09:59:59Z');
    const seconds = await askAt(String(Date.parse('2026-11-19T10:00:00Z') / 1000));
    const wrong = await askAt('yesterday');

    expect(before.text).not.toContain(',"1"]');
    expect(seconds.text).toContain(',"1"]');
    expect([wrong.status, wrong.body['errorType']]).toEqual([400, 'bad_data']);
  });
});

describe('the subset', () => {
  test.for([
    ['kured_reboot_required', 8],
    ['kured_reboot_required{cluster!="aks-prod"}', 0],
    ['kured_reboot_required{cluster=~"aks-.*", node=~"aks-apps.*"}', 5],
    ['kured_reboot_required{node!~"aks-apps.*"}', 3],
    ['max(kured_reboot_required) by (cluster)', 1],
    ['min (kured_reboot_required)', 1],
    ["max_over_time(kured_reboot_required{cluster='aks-prod'}[5m]) > 0", 3],
    ['(kured_reboot_required) != 1', 5],
    ['kured_reboot_required >= 0 <= 0', 5],
    ['kured_reboot_required < 1', 5],
    ['other_metric', 0],
  ] as const)('%s has %i elements', async ([query, count]) => {
    const { body } = await ask(query);

    expect(body).toHaveProperty(['data', 'result', 'length'], count);
  });

  test.for([
    ['', 'no expression found in input'],
    ['max by (cluster, node) (kured_reboot_required', 'unexpected end of input'],
    ['kured_reboot_required{cluster="a"', 'unexpected end of input'],
    ['kured_reboot_required{cluster=a}', 'unexpected "a"'],
    ['kured_reboot_required{cluster<"a"}', 'unexpected "<"'],
    ['kured_reboot_required{node=~"("}', 'error parsing regexp'],
    ['kured_reboot_required[5m]', 'range vector'],
    ['min_over_time(kured_reboot_required)', 'range vector'],
    ['rate(kured_reboot_required[5m])', 'unknown function'],
    ['kured_reboot_required[soon]', 'unexpected "soon"'],
    ['kured_reboot_required offset 0s', 'greater than 0'],
    ['kured_reboot_required == ', 'unexpected end of input'],
    ['kured_reboot_required and kured_reboot_required', 'unexpected "kured_reboot_required"'],
    ['kured_reboot_required kured_reboot_required', 'unexpected "kured_reboot_required"'],
    ['kured_reboot_required # x', 'unexpected character'],
    ['1', 'unexpected "1"'],
    [') or 1', 'unexpected ")"'],
  ] as const)('anything else is refused as Prometheus refuses it: %s', async ([query, message]) => {
    const { body, status } = await ask(query);

    expect(status).toBe(400);
    expect(body).toEqual({ status: 'error', errorType: 'bad_data', error: expect.stringContaining(message) });
    expect(body['error']).toMatch(/^invalid parameter "query": (\d+:\d+|unknown position): parse error: /);
  });
});

describe('access', () => {
  test('only a token for the metrics is accepted', async () => {
    const expired = harness.simulator.issueToken('dockwarden', AUDIENCE, { lifetimeSeconds: -1 }).token;
    const answers = [
      await ask(NOW, { authorization: null }),
      await ask(NOW, { audience: 'https://management.azure.com' }),
      await ask(NOW, { authorization: `Bearer ${expired}` }),
      await ask(NOW, { audience: `${AUDIENCE}/` }),
    ];

    expect(answers.map(({ status }) => status)).toEqual([401, 401, 401, 200]);
  });

  test('the data action is needed at the workspace or above it', async () => {
    const { prometheus } = harness.simulator;
    const withRole = async (scope: string, actions: string[], dataActions: string[]) => {
      harness.simulator.identity('dockwarden').roleAssignments = [{ scope, actions, dataActions, roleName: 'x' }];
      return (await ask(NOW)).status;
    };

    expect(await withRole(prometheus.workspaceId, [], [METRICS])).toBe(200);
    expect(await withRole(sampleId('aks-prod'), [], [METRICS])).toBe(403);
    expect(await withRole(prometheus.workspaceId, [METRICS, '*'], [])).toBe(403);
    expect((await ask(NOW, { as: 'operator' })).status).toBe(200);
    expect(() => assignProductRole([], ['*'])).toThrow(/wildcard/);
  });

  test('a form can be posted, and nothing else', async () => {
    const url = `${harness.simulator.prometheus.endpoint}/api/v1/query`;
    const options = { as: 'dockwarden', audience: AUDIENCE };
    const form = await harness.send('POST', url, {
      ...options,
      body: new URLSearchParams({ query: NOW }).toString(),
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    });
    const json = await harness.send('POST', url, { ...options, body: { query: NOW } });
    const elsewhere = await harness.send('GET', url.replace('/query', '/labels'), options);

    expect(form.text).toBe((await ask(NOW)).text);
    expect([json.status, elsewhere.status]).toEqual([405, 404]);
  });

  test('faults and the request log work as they do for clusters', async () => {
    harness.simulator.prometheus.faults.add({ effect: { kind: 'answer', status: 503, body: 'busy' } });

    expect([(await ask(NOW)).status, (await ask(NOW)).status, (await ask('x{')).status]).toEqual([503, 200, 400]);
    expect(harness.simulator.requests).toMatchObject([
      { path: '/prometheus/api/v1/query', status: 503 },
      { path: '/prometheus/api/v1/query', status: 200, caller: 'dockwarden', action: METRICS },
      { path: '/prometheus/api/v1/query', status: 400, errorCode: 'bad_data' },
    ]);
    expect(new URLSearchParams(harness.simulator.requests[1]?.query).get('query')).toBe(NOW);
  });
});

test('what kured exposes now can be scraped', async () => {
  const { metricsEndpoint } = harness.simulator.prometheus;
  const scrape = async (path: string) => {
    const response = await fetch(`${metricsEndpoint}${path}`);
    return { status: response.status, lines: (await response.text()).split('\n') };
  };

  const { lines, status } = await scrape('/metrics/aks-prod');

  expect(status).toBe(200);
  expect(lines).toContain(`kured_reboot_required{node="${names('apps')[0]}"} 1`);
  expect(lines).toContain(`kured_reboot_required{node="${names('system')[0]}"} 0`);
  expect((await scrape('/metrics/nobody')).status).toBe(404);
});
