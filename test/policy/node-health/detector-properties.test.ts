import { assert, constantFrom, dictionary, integer, jsonValue, oneof, property, record, string } from 'fast-check';
import { describe, expect, test } from 'vitest';
import { clusterOn, nodeHealth } from '../../../src/policy/aks/node-example.ts';
import { policies } from '../../../src/policy/catalogue.ts';
import { type CollectedHealth, detect } from '../../../src/policy/node-health/detect.ts';
import { recordNodes } from '../../../src/policy/node-health/history.ts';
import { toThresholds } from '../../../src/policy/node-health/parameters.ts';
import { DaemonSet, KubernetesNode } from '../../../src/resources/kubernetes.ts';
import { isPlainObject } from '../../../src/resources/lenient.ts';
import { AgentPool, ManagedCluster } from '../../../src/resources/managed-cluster.ts';
import { NodeOsMaintenance } from '../../../src/resources/node-os-maintenance.ts';
import { factsOf } from '../evaluate-case.ts';
import { nodeName, now } from './inspecting.ts';

type Path = readonly string[];
const thresholds = toThresholds();
const channels = ['Unmanaged', 'NodeImage', 'SecurityPatch', 'None', 'anything'];

/** A healthy node as the API server sends it. */
const rawNode = {
  metadata: {
    name: nodeName,
    uid: 'uid-1',
    creationTimestamp: '2026-09-12T06:00:00Z',
    annotations: { 'node.alpha.kubernetes.io/ttl': '0' },
    labels: {
      agentpool: 'system',
      'kubernetes.azure.com/agentpool': 'system',
      'kubernetes.azure.com/node-image-version': 'AKSUbuntu-2204gen2containerd-202610.25.0',
      'kubernetes.azure.com/os-sku': 'Ubuntu',
      'kubernetes.io/os': 'linux',
    },
  },
  spec: { providerID: 'azure:///x', taints: [{ key: 'sku', value: 'gpu', effect: 'NoSchedule' }] },
  status: {
    nodeInfo: { bootID: 'boot-2', kernelVersion: '5.15.0-1094-azure', architecture: 'amd64' },
    conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: '2026-09-12T06:01:00Z' }],
  },
};

/** kured with a weekly window as the API server sends it. */
const rawKured = {
  metadata: {
    name: 'kured',
    namespace: 'kube-system',
    annotations: {},
    creationTimestamp: '2026-02-01T08:00:00Z',
    generation: 3,
  },
  spec: {
    template: {
      spec: {
        nodeSelector: { 'kubernetes.io/os': 'linux' },
        tolerations: [{ key: 'sku', operator: 'Exists' }],
        containers: [
          {
            name: 'kured',
            image: 'ghcr.io/kubereboot/kured:1.23.0',
            command: ['/usr/bin/kured'],
            args: ['--reboot-days=sun'],
            env: [{ name: 'KURED_ANNOTATE_NODES', value: 'true' }],
          },
        ],
      },
    },
  },
  status: { desiredNumberScheduled: 1, numberReady: 1, observedGeneration: 3, updatedNumberScheduled: 1 },
};

function collect(node: unknown, daemonSet: unknown, change: Partial<CollectedHealth> = {}): CollectedHealth {
  const nodes = KubernetesNode.safeParse(node);
  const daemonSets = DaemonSet.safeParse(daemonSet);
  return nodeHealth({
    access: {
      state: 'read',
      nodes: nodes.success ? [nodes.data] : [],
      daemonSets: daemonSets.success ? [daemonSets.data] : [],
    },
    ...change,
  });
}

function run(health: CollectedHealth, channel = 'Unmanaged') {
  return detect(ManagedCluster.parse(clusterOn(channel)), health, thresholds, now);
}

describe('the detector', () => {
  test('never throws, and says the same twice, on any node, DaemonSet, pool, schedule and row', () => {
    const seen: unknown[] = [];
    const interesting = oneof(
      jsonValue(),
      string(),
      constantFrom(...listPaths(rawNode).map((path) => valueAt(rawNode, path))),
    );
    assert(
      property(
        constantFrom(...listPaths(rawNode)),
        constantFrom(...listPaths(rawKured)),
        interesting,
        dictionary(string(), string()),
        record({ uid: constantFrom('uid-1', 'x'), bootId: string(), lastSeenAt: string(), kernelSkewSince: string() }),
        constantFrom(...channels),
        ([...nodePath], [...kuredPath], value, texts, row, channel) => {
          const metadata = { ...rawNode.metadata, annotations: texts };
          const failures = [{ at: row.lastSeenAt }];
          const health = collect(
            replace({ ...rawNode, metadata }, nodePath, value),
            replace(rawKured, kuredPath, value),
            {
              pools: [AgentPool.parse(value), ...nodeHealth().pools],
              maintenance: NodeOsMaintenance.parse({ properties: { maintenanceWindow: value } }),
              history: new Map([[nodeName, { name: nodeName, pool: '', ...row }]]),
              metrics: { now: new Map(), overdue: new Set([row.bootId]) },
              failures,
            },
          );
          const detection = run(health, channel);
          seen.push(detection);
          expect(run(health, channel)).toEqual(detection);
          expect(recordNodes(health, detection, now)).toEqual(recordNodes(health, detection, now));
        },
      ),
      { numRuns: 500 },
    );

    expect(seen.length).toBeGreaterThanOrEqual(500);
  });

  test('takes nothing on trust that is written on a node: whatever the annotation says, it is bounded and plain', () => {
    const details: string[] = [];
    assert(
      property(string({ maxLength: 200 }), string(), (text, kernel) => {
        const metadata = {
          ...rawNode.metadata,
          annotations: {
            'weave.works/kured-reboot-in-progress': text,
            'kubernetes.azure.com/live-patching-golden-timestamp': text,
          },
          labels: { ...rawNode.metadata.labels, 'kubernetes.azure.com/node-image-version': `AKS${text}` },
        };
        const status = { ...rawNode.status, nodeInfo: { kernelVersion: kernel, bootID: text } };
        for (const channel of channels) {
          const { nodes, pools } = run(collect({ ...rawNode, metadata, status }, rawKured), channel);
          details.push(...[...nodes.values(), ...pools.values()].map(({ detail }) => detail));
        }
      }),
    );

    expect(details.length).toBeGreaterThan(100);
    expect(details.filter((detail) => !/^[\w ,.;:()'’-]{1,500}$/.test(detail))).toEqual([]);
  });
});

const metricsOf = (value: 0 | 1) => ({ now: new Map([[nodeName, value]]), overdue: new Set<string>() });

describe('what is missing never makes a node look well', () => {
  /** Not read, or not evidence: without them the node is as well proven as before. */
  const harmless = new Set([
    // Told twice, and the node's own name tells it, too.
    'metadata.labels.agentpool',
    'metadata.labels.kubernetes.azure.com/agentpool',
    // Who annotates takes them away after a reboot: none is what a healthy node has.
    'metadata.annotations',
    'metadata.annotations.node.alpha.kubernetes.io/ttl',
    // A node without taints takes any pod.
    'spec',
    'spec.providerID',
    'spec.taints',
    'spec.taints.0',
    'spec.taints.0.effect',
    'spec.taints.0.value',
    // They can only prove that a reboot is missing, or took place.
    'status',
    'status.nodeInfo',
    'status.nodeInfo.bootID',
    'status.nodeInfo.kernelVersion',
    'status.nodeInfo.architecture',
    'status.conditions',
    'status.conditions.0',
    'status.conditions.0.type',
    'status.conditions.0.status',
    'status.conditions.0.lastTransitionTime',
    // Only kernels are compared by it.
    'metadata.labels.kubernetes.azure.com/os-sku',
    // On channel Unmanaged the image is not judged.
    'metadata.labels.kubernetes.azure.com/node-image-version',
  ]);
  const base = run(collect(rawNode, rawKured));

  test('the example is well', () => {
    expect(base.nodes.get(nodeName)).toMatchObject({ verdict: 'ok', basis: 'annotation' });
    expect(base.coverage).toEqual([]);
  });

  test('every property of the node that counts is needed', () => {
    const taken = listPaths(rawNode).filter((path) => isWell(collect(replace(rawNode, path, undefined), rawKured)));

    expect(taken.map((path) => path.join('.')).filter((path) => !harmless.has(path))).toEqual([]);
  });

  test('every property of kured that counts is needed', () => {
    const taken = listPaths(rawKured).filter((path) => isWell(collect(rawNode, replace(rawKured, path, undefined))));

    expect(taken.map((path) => path.join('.'))).toEqual([
      'metadata.namespace',
      'metadata.annotations',
      // They can only tell that a change is not carried out yet.
      'metadata.generation',
      // A selector only restricts.
      'spec.template.spec.nodeSelector',
      'spec.template.spec.nodeSelector.kubernetes.io/os',
      // One without a key tolerates every taint.
      'spec.template.spec.tolerations.0.key',
      'spec.template.spec.containers.0.name',
      // The image's own program is kured; without the argument it may reboot at any time.
      'spec.template.spec.containers.0.command',
      'spec.template.spec.containers.0.command.0',
      'spec.template.spec.containers.0.args',
      'spec.template.spec.containers.0.args.0',
      'status.observedGeneration',
      'status.updatedNumberScheduled',
    ]);
  });

  test('without rows, metrics, DaemonSets, images or access nothing that was not well becomes well', () => {
    const wrong: unknown[] = [];
    const times = constantFrom(
      '2026-10-30T07:14:09Z',
      '2026-11-02T07:14:09Z',
      '2026-11-03T07:14:09Z',
      'garbage',
      undefined,
    );
    const removals = constantFrom<Partial<CollectedHealth>>(
      { history: new Map() },
      { latestImages: new Map() },
      { maintenance: 'unreadable' },
      { failures: 'unreadable' },
      { metrics: 'unreadable' },
      { access: { state: 'unreadable', reason: 'no-permission', isLasting: true, because: '403' } },
      { access: { state: 'unreadable', reason: 'unreachable', isLasting: false, because: 'timeout' } },
    );
    assert(
      property(
        times,
        times,
        constantFrom('boot-1', 'boot-2'),
        constantFrom('202610.25.0', '202609.10.0', 'x'),
        removals,
        integer({ min: 0, max: 1 }),
        (asked, seen, bootId, image, removal, ready) => {
          const metadata = {
            ...rawNode.metadata,
            annotations: asked === undefined ? {} : { 'weave.works/kured-reboot-in-progress': asked },
            labels: {
              ...rawNode.metadata.labels,
              'kubernetes.azure.com/node-image-version': `AKSUbuntu-2204gen2containerd-${image}`,
            },
          };
          const history = {
            name: nodeName,
            pool: '',
            uid: 'uid-1',
            bootId,
            lastSeenAt: seen ?? '',
            kernelSkewSince: seen ?? '',
          };
          const kured = { ...rawKured, status: { desiredNumberScheduled: 1, numberReady: ready } };
          const health = collect({ ...rawNode, metadata }, kured, { history: new Map([[nodeName, history]]) });
          const full = run(health).pools.get('system');
          const less = run({ ...health, ...removal }).pools.get('system');
          const withoutKured = run(collect({ ...rawNode, metadata }, undefined, { history: health.history }));
          if (full?.verdict !== 'ok' && less?.verdict === 'ok') wrong.push([asked, seen, removal]);
          if (full?.verdict !== 'ok' && withoutKured.pools.get('system')?.verdict === 'ok') wrong.push([asked, seen]);
        },
      ),
      { numRuns: 500 },
    );

    expect(wrong).toEqual([]);
  });

  test('a metric that disappears leaves open what it had told', () => {
    const mute = replace(rawKured, ['spec', 'template', 'spec', 'containers', '0', 'env'], []);

    expect(run(collect(rawNode, mute, { metrics: metricsOf(0) })).pools.get('system')).toMatchObject({ verdict: 'ok' });
    expect(run(collect(rawNode, mute, { metrics: metricsOf(1) })).pools.get('system')).toMatchObject({
      verdict: 'in-progress',
    });
    expect(run(collect(rawNode, mute)).pools.get('system')).toMatchObject({ verdict: 'unknown' });
  });
});

test('the policies say the same at a later look while nothing changes', () => {
  const asked = {
    ...rawNode.metadata,
    annotations: { 'weave.works/kured-reboot-in-progress': '2026-10-20T07:14:09Z' },
  };
  const node = replace(
    { ...rawNode, metadata: asked },
    ['metadata', 'labels', 'kubernetes.azure.com/node-image-version'],
    'AKSUbuntu-2204gen2containerd-202608.10.0',
  );
  const health = collect(node, rawKured);
  const judged = policies.filter(({ needs = [] }) => needs.includes('nodeHealth'));
  const verdictsAt = (moment: string, channel: string) =>
    judged.map((policy) =>
      policy.evaluate(
        ManagedCluster.parse(clusterOn(channel)),
        factsOf(policy, { now: new Date(moment), related: { nodeHealth: health } }),
      ),
    );

  expect(judged).toHaveLength(4);
  for (const channel of channels) {
    expect(verdictsAt('2026-11-02T12:00:00Z', channel)).toEqual(verdictsAt('2026-11-09T17:31:07Z', channel));
    expect(verdictsAt('2026-11-02T12:00:00Z', channel).some(({ verdict }) => verdict === 'violation')).toBe(true);
  }
});

function isWell(health: CollectedHealth): boolean {
  return run(health).pools.get('system')?.verdict === 'ok';
}

/** Every path of a JSON value below its root, parents included. */
function listPaths(value: unknown, path: Path = []): Path[] {
  const below =
    typeof value === 'object' && value !== null
      ? Object.entries(value).flatMap(([key, child]) => listPaths(child, [...path, key]))
      : [];
  return path.length === 0 ? below : [path, ...below];
}

function valueAt(value: unknown, [key, ...rest]: Path): unknown {
  if (key === undefined) return value;
  return typeof value === 'object' && value !== null ? valueAt(Reflect.get(value, key), rest) : undefined;
}

/** A copy with another value at one path; `undefined` removes it. */
function replace(value: unknown, [key, ...rest]: Path, change: unknown): unknown {
  if (key === undefined) return change;
  if (Array.isArray(value)) {
    const copy: unknown[] = [...value];
    const child = replace(copy[Number(key)], rest, change);
    copy.splice(Number(key), 1, ...(child === undefined ? [] : [child]));
    return copy;
  }
  const copy: Record<string, unknown> = isPlainObject(value) ? { ...value } : {};
  const child = replace(copy[key], rest, change);
  if (child === undefined) delete copy[key];
  else copy[key] = child;
  return copy;
}
