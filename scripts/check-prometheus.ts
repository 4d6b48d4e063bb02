/**
 * `npm run check:prometheus`: a real Prometheus scrapes the simulated kured, and both queries of the product must give there what the simulated
 * query endpoint gives for the same moment. The program is named by PROMETHEUS or found on the PATH; skipped, and said so, where it is missing.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import * as z from 'zod';
import { createSampleSubscription, sampleId } from '../local/azure/sample-subscription.ts';
import type { Seed } from '../local/azure/simulator.ts';
import { findFreePorts } from '../local/free-ports.ts';
import { type Check, type CheckedAzure, runChecks, withSimulatedAzure } from './checks/run-checks.ts';
import { isInstalled } from './is-installed.ts';

const PROGRAM = process.env['PROMETHEUS'] ?? 'prometheus';
const START_TIMEOUT_MS = 30_000;
const SCRAPE_TIMEOUT_MS = 15_000;
const POLL_MS = 100;

const SELECTOR = 'kured_reboot_required{cluster="aks-prod"}';
/** Short enough for a check; the product asks for hours. */
const SPAN_SECONDS = 5;
const NOW = `max by (cluster, node) (${SELECTOR})`;
const OVERDUE = `min by (cluster, node) (min_over_time(${SELECTOR}[${SPAN_SECONDS}s])) == 1 and on (cluster, node) max by (cluster, node) (${SELECTOR} offset ${SPAN_SECONDS}s) == 1`;
/** Milliseconds after a change at which both must have seen it, while the span still reaches back before it, and when it does not any more. */
const SOON = 3_000;
const LATER = 9_000;

const Vector = z.object({
  status: z.literal('success'),
  data: z.object({
    resultType: z.literal('vector'),
    result: z.array(z.object({ metric: z.record(z.string(), z.string()), value: z.tuple([z.number(), z.string()]) })),
  }),
});
type Elements = z.infer<typeof Vector>['data']['result'];

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

type Ask = (parameters: Readonly<Record<string, string>>) => Promise<Answer>;

async function main(): Promise<number> {
  if (!(await isInstalled(PROGRAM, '--version'))) {
    console.log(
      'skipped: there is no Prometheus (Debian: apt-get download prometheus && dpkg-deb -x prometheus_*.deb DIR, then PROMETHEUS=DIR/usr/bin/prometheus)',
    );
    return 0;
  }
  return await withSimulatedAzure(createSilentSubscription(), async (azure) => {
    const [port = 0] = await findFreePorts(1);
    const child = await startPrometheus(azure, port);
    try {
      const real = `http://127.0.0.1:${port}/api/v1/query`;
      await waitUntil(START_TIMEOUT_MS, 'Prometheus did not come up', async () => (await isUp(real)) > 0);
      return await runChecks(listChecks(azure, real));
    } finally {
      await stop(child);
    }
  });
}

/** The sample with a kured that nobody scrapes yet: the series has to begin while both are looking. */
function createSilentSubscription(): Seed {
  const seed = createSampleSubscription();
  const kubernetes = seed.kubernetes?.map((cluster) =>
    cluster.kured === undefined ? cluster : { ...cluster, kured: { ...cluster.kured, exposesMetrics: false } },
  );
  return { ...seed, ...(kubernetes && { kubernetes }) };
}

function listChecks({ simulator }: CheckedAzure, realUrl: string): readonly Check[] {
  const cluster = simulator.kubernetes(sampleId('aks-prod'));
  const url = `${simulator.prometheus.endpoint}/api/v1/query`;
  const { token } = simulator.issueToken('operator', 'https://prometheus.monitor.azure.com');
  const askSimulated: Ask = async (parameters) => await ask(url, parameters, { authorization: `Bearer ${token}` });
  const askReal: Ask = async (parameters) => await ask(realUrl, parameters, {});
  let changedAt = 0;
  const change = (act: () => void) => {
    act();
    changedAt = Date.now();
  };

  /** Both answers for one moment after the last change, or an error that shows both. */
  async function compare(query: string, milliseconds: number): Promise<Elements> {
    const at = changedAt + milliseconds;
    await waitUntil(SCRAPE_TIMEOUT_MS, 'Prometheus does not scrape', async () => (await isUp(realUrl)) * 1_000 >= at);
    const parameters = { query, time: String(at / 1_000) };
    const [real, simulated] = [await askReal(parameters), await askSimulated(parameters)].map(readElements);
    if (real === undefined || !isDeepStrictEqual(real, simulated)) {
      throw new Error(`Prometheus: ${JSON.stringify(real)}\n  simulated:  ${JSON.stringify(simulated)}`);
    }
    return real;
  }
  const [first = '', second = '', third = ''] = cluster.nodes('apps').map(({ name }) => name);
  const [system = ''] = cluster.nodes('system').map(({ name }) => name);

  return [
    {
      what: 'now: a series that has just begun is there, on every node',
      async holds() {
        change(() => cluster.setKured({ exposesMetrics: true }));
        const elements = await compare(NOW, SOON);
        return elements.length === 8 && isDeepStrictEqual(names(elements), [first, second, third]);
      },
    },
    {
      what: 'overdue: a fresh series is not, although it has never been anything but 1',
      holds: async () => (await compare(OVERDUE, SOON)).length === 0,
    },
    {
      what: 'overdue: the same nodes are, when the series is old enough',
      holds: async () => isDeepStrictEqual(names(await compare(OVERDUE, LATER)), [first, second, third]),
    },
    {
      what: 'now: a reboot and a new sentinel are seen',
      async holds() {
        change(() => {
          cluster.reboot(first);
          cluster.requireReboot(system);
        });
        const elements = await compare(NOW, SOON);
        return isDeepStrictEqual(names(elements), [second, third, system]) && names(elements, '0').includes(first);
      },
    },
    {
      what: 'overdue: no more the node that has rebooted, not yet the new one',
      holds: async () => isDeepStrictEqual(names(await compare(OVERDUE, SOON)), [second, third]),
    },
    {
      what: 'overdue: the new one later',
      holds: async () => isDeepStrictEqual(names(await compare(OVERDUE, LATER)), [second, third, system]),
    },
    {
      what: 'now: a node that is gone has no value',
      async holds() {
        change(() => cluster.removeNode(second));
        const elements = await compare(NOW, SOON);
        return elements.length === 7 && isDeepStrictEqual(names(elements), [third, system]);
      },
    },
    {
      what: 'overdue: it lives on for as long as the span reaches back',
      holds: async () => isDeepStrictEqual(names(await compare(OVERDUE, SOON)), [second, third, system]),
    },
    {
      what: 'overdue: and no longer',
      holds: async () => isDeepStrictEqual(names(await compare(OVERDUE, LATER)), [third, system]),
    },
    {
      what: 'a cluster without data: success, and an empty vector',
      async holds() {
        return (await compare(NOW.replace('aks-prod', 'aks-none'), LATER)).length === 0;
      },
    },
    ...[
      '',
      `max by (cluster, node) (${SELECTOR}`,
      'kured_reboot_required{cluster=a}',
      'kured_reboot_required[soon]',
    ].map(
      (query): Check => ({
        what: `refused alike: ${query === '' ? 'no query' : query}`,
        async holds() {
          const [real, simulated] = [await askReal({ query }), await askSimulated({ query })].map(readRefusal);
          if (!isDeepStrictEqual(real, simulated)) {
            throw new Error(`Prometheus: ${JSON.stringify(real)}\n  simulated:  ${JSON.stringify(simulated)}`);
          }
          return real?.status === 400 && real.errorType === 'bad_data';
        },
      }),
    ),
  ];
}

/** Nodes whose value is this one. */
function names(elements: Elements, value = '1'): readonly string[] {
  return elements.flatMap(({ metric, value: [, text] }) => (text === value ? [metric['node'] ?? ''] : []));
}

/** Sorted: the order of a vector means nothing. */
function readElements({ body }: Answer): Elements {
  const { result } = Vector.parse(body).data;
  return result.toSorted((a, b) => ((a.metric['node'] ?? '') < (b.metric['node'] ?? '') ? -1 : 1));
}

const Refusal = z.object({ status: z.literal('error'), errorType: z.string(), error: z.string() });

/** Status, kind and the part of the text that does not depend on the version of the grammar. */
function readRefusal({ body, status }: Answer) {
  const { error, errorType } = Refusal.parse(body);
  return {
    status,
    errorType,
    error: /^invalid parameter "query": (?:\d+:\d+|unknown position): parse error:/.test(error),
  };
}

async function ask(
  url: string,
  parameters: Readonly<Record<string, string>>,
  headers: Record<string, string>,
): Promise<Answer> {
  const response = await fetch(url, { method: 'POST', body: new URLSearchParams(parameters), headers });
  return { status: response.status, body: await response.json() };
}

/** Unix seconds of the last successful scrape; 0 = none so far. */
async function isUp(url: string): Promise<number> {
  try {
    const answer = await ask(url, { query: 'timestamp(up{job="kured"} == 1)' }, {});
    return Number(readElements(answer)[0]?.value[1] ?? 0);
  } catch {
    return 0;
  }
}

async function startPrometheus({ directory, simulator }: CheckedAzure, port: number): Promise<ChildProcess> {
  const cluster = simulator.kubernetes(sampleId('aks-prod'));
  const target = new URL(simulator.prometheus.metricsEndpoint).host;
  const config = {
    global: { scrape_interval: '1s', scrape_timeout: '1s' },
    scrape_configs: [
      {
        job_name: 'kured',
        metrics_path: `/metrics/${cluster.name}`,
        static_configs: [{ targets: [target], labels: { cluster: cluster.name } }],
      },
    ],
  };
  const configFile = join(directory, 'prometheus.yml');
  // JSON is YAML.
  await writeFile(configFile, JSON.stringify(config));
  const child = spawn(
    PROGRAM,
    [
      `--config.file=${configFile}`,
      `--storage.tsdb.path=${join(directory, 'prometheus')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=error',
    ],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  // Also when this process ends otherwise than by itself.
  process.once('exit', () => child.kill());
  return child;
}

async function waitUntil(timeoutMs: number, problem: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(problem);
    await wait(POLL_MS);
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  await once(child, 'exit');
}

process.exitCode = await main();
