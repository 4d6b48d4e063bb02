import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { CollectedHealth } from '../../../src/policy/node-health/detect.ts';
import type { Thresholds } from '../../../src/policy/node-health/detection.ts';
import { toThresholds } from '../../../src/policy/node-health/parameters.ts';
import { DaemonSet, KubernetesNode } from '../../../src/resources/kubernetes.ts';
import { isPlainObject } from '../../../src/resources/lenient.ts';
import { AgentPool, ManagedCluster } from '../../../src/resources/managed-cluster.ts';
import type { AccessProblem, ClusterAccess, NodeRecord, RebootMetrics } from '../../../src/resources/node-health.ts';

type Json = Readonly<Record<string, unknown>>;

interface Expected {
  readonly verdict: string;
  readonly confidence?: string;
}

/** One scenario of the agreed samples, ready for the detector. */
export interface Scenario {
  readonly name: string;
  readonly cluster: ManagedCluster;
  readonly health: CollectedHealth;
  readonly thresholds: Thresholds;
  readonly now: Date;
  readonly expected: {
    readonly nodes: Readonly<Record<string, Expected>>;
    readonly pools: Readonly<Record<string, Expected>>;
    readonly coverage: readonly string[];
  };
}

const folder = resolve(import.meta.dirname, '../../../../shared/fixtures/aks');
const index = join(folder, 'expected-verdicts.json');

/** Are the agreed samples there? */
export const hasSamples = existsSync(index);

/** All scenarios; none where the samples are not there. */
export function loadScenarios(): readonly Scenario[] {
  if (!hasSamples) return [];
  const file = objectOf(JSON.parse(readFileSync(index, 'utf8')));
  const thresholds = toThresholds(Object.fromEntries(Object.entries(objectOf(file['thresholds'])).map(toNumber)));
  return listOf(file['scenarios']).map((scenario) => {
    const inputs = objectOf(scenario['inputs']);
    const expected: Scenario['expected'] = JSON.parse(
      JSON.stringify({ nodes: {}, ...objectOf(scenario['expected']) }, (key, value) =>
        key === 'why' ? undefined : value,
      ),
    );
    return {
      name: String(scenario['name']),
      cluster: readCluster(inputs),
      health: readHealth(inputs),
      thresholds,
      now: new Date(String(scenario['asOf'] ?? file['asOf'])),
      expected,
    };
  });
}

function readCluster(inputs: Json): ManagedCluster {
  const raw = read(inputs['cluster']);
  const { channel } = inputs;
  if (channel === undefined) return ManagedCluster.parse(raw);
  const properties = { ...objectOf(raw['properties']), autoUpgradeProfile: { nodeOSUpgradeChannel: channel } };
  return ManagedCluster.parse({ ...raw, properties });
}

function readHealth(inputs: Json): CollectedHealth {
  const images = Object.entries(objectOf(inputs['upgradeProfiles'])).map(([pool, file]) => {
    return [pool, String(objectOf(read(file)['properties'])['latestNodeImageVersion'])] as const;
  });
  return {
    state: 'collected',
    pools: listOf(read(inputs['pools'])['value']).map((pool) =>
      AgentPool.parse({ ...objectOf(pool['properties']), name: pool['name'] }),
    ),
    latestImages: new Map(images),
    maintenance: undefined,
    access: readAccess(inputs),
    metrics: readMetrics(inputs),
    machines: undefined,
    history: new Map(Object.entries(objectOf(inputs['state'] ?? {})).map(([name, row]) => [name, toRecord(name, row)])),
    failures: [],
  };
}

function readAccess(inputs: Json): ClusterAccess {
  const { nodes, daemonsets, nodeOverrides } = inputs;
  if (typeof nodes === 'string') {
    const files = Array.isArray(daemonsets) ? daemonsets : [];
    return {
      state: 'read',
      nodes: listOf(read(nodes)['items']).map((node) =>
        KubernetesNode.parse(override(node, objectOf(nodeOverrides ?? {}))),
      ),
      daemonSets: files.map((file) => DaemonSet.parse(read(file))),
    };
  }
  // A cluster without Entra is not even asked.
  const reason: AccessProblem = JSON.parse(
    JSON.stringify(isPlainObject(nodes) ? nodes['reason'] : 'not-entra-integrated'),
  );
  return { state: 'unreadable', reason, isLasting: true, because: 'as the sample says' };
}

function override(node: Json, overrides: Json): Json {
  const metadata = objectOf(node['metadata']);
  const change = { ...objectOf(overrides['*'] ?? {}), ...objectOf(overrides[String(metadata['name'])] ?? {}) };
  const { annotations, taints } = change;
  return {
    ...node,
    metadata: { ...metadata, ...(annotations !== undefined && { annotations }) },
    spec: { ...objectOf(node['spec']), ...(taints !== undefined && { taints }) },
  };
}

function readMetrics({ metricNow, metricOverdue }: Json): RebootMetrics | undefined {
  if (metricNow === undefined) return undefined;
  return {
    now: new Map(readSamples(metricNow).map(([node, value]) => [node, value === '1' ? 1 : 0])),
    overdue: new Set(readSamples(metricOverdue).map(([node]) => node)),
  };
}

function readSamples(file: unknown): readonly (readonly [string, unknown])[] {
  return listOf(objectOf(read(file)['data'])['result']).map(({ metric, value }) => [
    String(objectOf(metric)['node']),
    Array.isArray(value) ? value[1] : undefined,
  ]);
}

function toRecord(name: string, row: unknown): NodeRecord {
  const columns: Partial<NodeRecord> = JSON.parse(JSON.stringify(row));
  return { name, pool: '', uid: '', lastSeenAt: '', ...columns };
}

function toNumber([name, value]: readonly [string, unknown]): readonly [string, number] {
  return [name, Number(value)];
}

function read(file: unknown): Json {
  return objectOf(JSON.parse(readFileSync(join(folder, String(file)), 'utf8')));
}

function objectOf(value: unknown): Json {
  if (!isPlainObject(value)) throw new Error('a sample is no object where one is expected');
  return value;
}

function listOf(value: unknown): readonly Json[] {
  if (!Array.isArray(value)) throw new Error('a sample is no list where one is expected');
  return value.map(objectOf);
}
