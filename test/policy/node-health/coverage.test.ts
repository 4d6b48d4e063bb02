import { describe, expect, test } from 'vitest';
import {
  kured,
  linuxPool,
  node,
  readNodes,
  rebootNeeded,
  remembered,
  windowsPool,
} from '../../../src/policy/aks/node-example.ts';
import type { DaemonSet, KubernetesNode } from '../../../src/resources/kubernetes.ts';
import type { AccessProblem } from '../../../src/resources/node-health.ts';
import { inspect, nodeName } from './inspecting.ts';

const second = node({ name: 'aks-system-25481572-vmss000001' });
const tainted = node({
  name: 'aks-gpu-25481572-vmss000000',
  pool: 'gpu',
  taints: [{ key: 'sku', value: 'gpu', effect: 'NoSchedule' }],
});
const pools = [linuxPool(), linuxPool({ name: 'gpu' })];

function gaps(
  daemonSets: readonly DaemonSet[],
  nodes: readonly KubernetesNode[] = [node()],
  metricsOf?: readonly string[],
) {
  const metrics =
    metricsOf === undefined
      ? undefined
      : { now: new Map(metricsOf.map((name) => [name, 0 as const])), overdue: new Set<string>() };
  return inspect({ access: readNodes(nodes, daemonSets), pools, metrics });
}

function lockedBy(holder: string) {
  return { 'weave.works/kured-node-lock': JSON.stringify({ nodeID: holder }) };
}

function locked(value: unknown) {
  const annotations = { 'weave.works/kured-node-lock': typeof value === 'string' ? value : JSON.stringify(value) };
  return gaps([kured({ annotations })]);
}

describe('what cannot be seen', () => {
  test.each<[AccessProblem, boolean, readonly string[]]>([
    ['not-entra-integrated', false, ['not-entra-integrated']],
    ['no-permission', false, ['no-permission']],
    ['unreachable', false, []],
    ['unreachable', true, ['unreachable']],
    ['unauthorized', false, []],
    ['unauthorized', true, ['unauthorized']],
    ['refused', false, []],
    ['refused', true, ['refused']],
    ['unreadable-answer', false, []],
    ['unreadable-answer', true, ['unreadable-answer']],
  ])('access problem %s, lasting %j, gives %j', (reason, isLasting, coverage) => {
    const found = inspect({ access: { state: 'unreadable', reason, isLasting, because: 'as it is' } });

    expect(found.coverage).toEqual(coverage);
    expect(found.blindSpot).toMatch(/\w/);
    expect(found.nodes.size).toBe(0);
    expect(found.pools.get('system')).toMatchObject({ verdict: 'unknown' });
  });

  test('everything is seen where kured writes on every node', () => {
    expect(gaps([kured()])).toMatchObject({ coverage: [] });
  });

  test('the DaemonSets were not read', () => {
    const found = inspect({ access: { state: 'read', nodes: [node()], daemonSets: undefined } });

    expect(found.coverage).toEqual([]);
    expect(found.blindSpot).toBe('the DaemonSets of the cluster');
  });

  test('a pool has no nodes that were read', () => {
    expect(gaps([kured()]).blindSpot).toBe('the nodes of pool gpu');
    expect(inspect({ pools: [linuxPool(), windowsPool()] })).not.toHaveProperty('blindSpot');
    expect(inspect({ pools: [linuxPool(), linuxPool({ name: 'gpu', count: 0 })] })).not.toHaveProperty('blindSpot');
    expect(
      inspect({ pools: [linuxPool(), linuxPool({ name: 'gpu', powerState: { code: 'Stopped' } })] }),
    ).not.toHaveProperty('blindSpot');
  });
});

const stray = (example: Parameters<typeof node>[0]) =>
  inspect({
    access: readNodes([node(), node({ name: 'other', pool: 'gone', ...example })], [kured({ desired: 2 })]),
  });

describe('a node that belongs to no listed pool', () => {
  test('is a blind spot', () => {
    expect(stray({})).toMatchObject({
      coverage: [],
      strays: ['other'],
      blindSpot: 'nodes that belong to no agent pool that Azure lists: other',
    });
  });

  test('is none when it is a virtual one', () => {
    for (const example of [{ labels: { type: 'virtual-kubelet' } }, { name: 'virtual-node-aci-linux' }]) {
      expect(stray(example)).toMatchObject({ strays: [] });
      expect(stray(example)).not.toHaveProperty('blindSpot');
    }
    expect(stray({ labels: { type: 'kubelet' } })).toMatchObject({ strays: ['other'] });
  });
});

const inspectMany = (count: number) =>
  inspect({
    access: readNodes(
      [node()],
      Array.from({ length: count }, () => kured()),
    ),
  });

const cleanOf = (told: readonly string[]) => new Map(told.map((name) => [name, 0 as const]));

describe('kured', () => {
  test('is absent', () => {
    expect(gaps([]).coverage).toEqual(['kured-absent']);
  });

  test('is not ready', () => {
    expect(gaps([kured({ desired: 2, ready: 1 })]).coverage).toEqual(['kured-not-ready']);
  });

  test('is silent: it does not annotate, and has no metric at all', () => {
    expect(gaps([kured({ options: [] })]).coverage).toEqual(['kured-silent']);
    expect(gaps([kured({ options: [] })], [node()], ['other']).coverage).toEqual(['kured-silent']);
  });

  test('has a metric for some nodes only', () => {
    const nodes = [node(), second];
    const mute = [kured({ options: [], desired: 2 })];

    expect(gaps(mute, nodes, [nodeName]).coverage).toEqual(['metric-incomplete']);
    expect(gaps(mute, nodes, [nodeName, second.metadata.name]).coverage).toEqual([]);
    expect(gaps([kured({ desired: 2 })], nodes, [nodeName]).coverage).toEqual([]);
  });

  test('cannot run on some nodes', () => {
    const found = gaps([kured()], [node(), tainted]);

    expect([...found.coverageWords]).toEqual([
      ['kured-not-on-all-nodes', 'kured cannot run on nodes of the pools: gpu'],
    ]);
  });

  test('need not run on Windows nodes, nor on those of a pool that is not judged', () => {
    const windows = node({ name: 'akswin1000000', pool: 'win1', labels: { 'kubernetes.io/os': 'windows' } });
    const found = inspect({
      pools: [linuxPool(), windowsPool(), linuxPool({ name: 'gpu', provisioningState: 'Updating' })],
      access: readNodes([node(), windows, tainted]),
    });

    expect(found.coverage).toEqual([]);
  });

  test('is not absent where every node has a metric, or may have one', () => {
    const access = readNodes([node(), second], []);
    const names = [nodeName, second.metadata.name];

    expect(gaps([], [node(), second], names).coverage).toEqual([]);
    expect(gaps([], [node(), second], [nodeName]).coverage).toEqual(['kured-absent']);
    const past = { now: cleanOf([nodeName]), overdue: new Set(names) };
    expect(inspect({ access, metrics: past }).coverage).toEqual(['kured-absent']);
    expect(inspect({ access, metrics: 'unreadable' })).toMatchObject({
      coverage: [],
      blindSpot: 'the metric of kured: a workspace that is configured does not tell',
    });
  });

  test('is not called silent while a metrics workspace does not tell', () => {
    const access = readNodes([node()], [kured({ options: [], annotations: lockedBy('manual') })]);

    expect(inspect({ access, metrics: 'unreadable' })).toMatchObject({
      coverage: ['lock-manual'],
      blindSpot: 'the metric of kured: a workspace that is configured does not tell',
    });
    expect(inspect({ access, metrics: 'unreadable' }, { channel: 'NodeImage' })).not.toHaveProperty('blindSpot');
    expect(inspect({ metrics: 'unreadable' })).not.toHaveProperty('blindSpot');
    expect(inspect({ metrics: 'unreadable' }).nodes.get(nodeName)).toMatchObject({ verdict: 'ok' });
  });

  test('is more than can be told apart', () => {
    expect(inspectMany(10)).not.toHaveProperty('blindSpot');
    expect(inspectMany(10).nodes.get(nodeName)).toMatchObject({ verdict: 'ok' });
    expect(inspectMany(11)).toMatchObject({ coverage: [], blindSpot: 'kured: too many DaemonSets run it' });
    expect(inspectMany(11).nodes.get(nodeName)).toMatchObject({ verdict: 'unknown' });
  });

  test('left its request on nodes that were rebooted in another way', () => {
    const since = '2026-10-28T07:14:09Z';
    const history = remembered({
      name: nodeName,
      pool: 'system',
      uid: 'uid-1',
      bootId: 'boot-2',
      bootIdFirstSeen: '2026-10-29T12:00:00Z',
      previousBootId: 'boot-1',
      previousSeenAt: '2026-10-29T06:00:00Z',
      lastSeenAt: '2026-11-02T06:00:00Z',
    });
    const access = readNodes([node({ annotations: rebootNeeded(since) })]);

    expect([...inspect({ access, history }).coverageWords]).toEqual([
      ['annotation-stale', `nodes were rebooted, and kured's request for it has stayed: ${nodeName}`],
    ]);
    expect(inspect({ access, history }, { channel: 'NodeImage' }).coverage).toEqual([]);
  });

  test('annotates on some nodes only', () => {
    const tolerant: DaemonSet = kured({ options: [], desired: 2 });
    const pod = { ...tolerant.spec.template.spec, tolerations: [{ operator: 'Exists' }] };
    const everywhere = { ...tolerant, spec: { template: { spec: pod } } };

    expect([...gaps([kured(), everywhere], [node(), tainted]).coverageWords]).toEqual([
      ['kured-silent', 'kured does not annotate nodes, and there is no metric of it (pools: gpu, system)'],
    ]);
  });

  test('is wanted on fewer nodes than it could run on', () => {
    expect(gaps([kured({ desired: 1 })], [node(), second]).coverage).toEqual(['kured-not-on-all-nodes']);
  });

  test('does not matter where AKS itself replaces the nodes', () => {
    expect(inspect({ access: readNodes([node()], []) }, { channel: 'NodeImage' }).coverage).toEqual([]);
  });
});

describe('kured’s lock', () => {
  test('is an operator’s pause', () => {
    expect(locked({ nodeID: 'manual' }).coverage).toEqual(['lock-manual']);
  });

  test('is held by what is no node', () => {
    expect([...locked({ nodeID: 'gone', created: '2026-10-01T00:00:00Z' }).coverageWords]).toEqual([
      ['lock-holder-gone', 'the lock of kured is held by what is no node: gone'],
    ]);
  });

  test('is held for more than four hours, unless it ends by itself', () => {
    expect(locked({ nodeID: nodeName, created: '2026-11-02T08:00:00Z' }).coverage).toEqual([]);
    expect(locked({ nodeID: nodeName, created: '2026-11-02T07:59:59Z' }).coverage).toEqual(['lock-held-too-long']);
    expect(locked({ nodeID: nodeName }).coverageWords.get('lock-held-too-long')).toBe(
      `the lock of kured is held for too long: ${nodeName}`,
    );
    expect(locked({ nodeID: nodeName, created: '2026-11-02T07:00:00Z', TTL: 36_000e9 }).coverage).toEqual([]);
    expect(locked({ nodeID: 'gone', created: '2026-11-02T07:00:00Z', TTL: 3600e9 }).coverage).toEqual([]);
  });

  test('cannot be read', () => {
    expect(locked('garbage').coverage).toEqual(['lock-unreadable']);
    const unreadable = kured({ annotations: { 'weave.works/kured-node-lock': 'garbage' } });
    expect(gaps([kured(), unreadable]).coverage).toEqual(['lock-unreadable']);
  });

  test('names at most ten holders', () => {
    const locks = Array.from({ length: 12 }, (_, index) => ({ nodeID: `gone-${index}` }));

    expect(locked({ maxOwners: 12, locks }).coverageWords.get('lock-holder-gone')).toMatch(/gone-7, and more$/);
  });
});
