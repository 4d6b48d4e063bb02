import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { AKS_AUDIENCE } from '../../local/azure/kubernetes/kubernetes-api.ts';
import type { KubernetesCluster } from '../../local/azure/kubernetes/kubernetes-cluster.ts';
import { isInWindow } from '../../local/azure/kubernetes/kured-window.ts';
import { sampleId } from '../../local/azure/sample-subscription.ts';
import { FixedClock, type Harness, isRecord, startHarness } from './harness.ts';

const HOUR = 3_600_000;
const IN_PROGRESS = 'weave.works/kured-reboot-in-progress';
const MOST_RECENT = 'weave.works/kured-most-recent-reboot-needed';

let harness: Harness;
let clock: FixedClock;
let prod: KubernetesCluster;
beforeEach(async () => {
  clock = new FixedClock();
  harness = await startHarness({ clock });
  prod = harness.simulator.kubernetes(sampleId('aks-prod'));
});
afterEach(async () => {
  await harness.stop();
});

const systemNode = (index = 0) => prod.nodes('system')[index]?.name ?? '';
const pendingNames = () =>
  prod
    .nodes()
    .filter(({ rebootRequiredSince }) => rebootRequiredSince !== undefined)
    .map(({ name }) => name);
const count = async () => (await harness.clusters().agentPools.get('rg-platform-prod', 'aks-prod', 'apps')).count;
/** The Node object as a client reads it. */
async function readNode(name: string): Promise<Readonly<Record<string, unknown>>> {
  const { body } = await harness.send('GET', `${prod.server}/api/v1/nodes/${name}`, { audience: AKS_AUDIENCE });
  return body;
}
async function readKured(): Promise<Readonly<Record<string, unknown>> | undefined> {
  const url = `${prod.server}/apis/apps/v1/daemonsets`;
  const { body } = await harness.send('GET', url, { audience: AKS_AUDIENCE });
  const items = Array.isArray(body['items']) ? body['items'].filter(isRecord) : [];
  return items.find(({ metadata }) => isRecord(metadata) && metadata['name'] === 'kured');
}

describe('the sample', () => {
  test('three nodes of apps have needed a reboot for four days, with unchanged boots, and the others are fine', () => {
    const pending = prod.nodes().filter(({ rebootRequiredSince }) => rebootRequiredSince !== undefined);

    expect(prod.nodes('apps')).toHaveLength(5);
    expect(pending.map(({ name }) => name)).toEqual(
      prod
        .nodes('apps')
        .slice(0, 3)
        .map(({ name }) => name),
    );
    for (const node of pending) {
      expect(node.annotations[IN_PROGRESS]).toBe('2026-11-19T10:00:00Z');
      expect(node.readySince.toISOString()).toBe('2026-10-24T10:00:00.000Z');
    }
  });

  test('aks-dev has the newest images on all nodes, and a Windows pool of aks-data has not', async () => {
    const { agentPools } = harness.clusters();
    const dev = harness.simulator.kubernetes(sampleId('aks-dev')).nodes();

    const current = await agentPools.getUpgradeProfile('rg-platform-dev', 'aks-dev', 'system');
    const stale = await agentPools.getUpgradeProfile('rg-platform-prod', 'aks-data', 'win');

    expect(dev.map(({ imageVersion }) => imageVersion)).toEqual(dev.map(() => current.latestNodeImageVersion));
    expect(stale.latestNodeImageVersion).toBe('AKSWindows-2022-containerd-20348.4405.261110');
    expect(harness.simulator.kubernetes(sampleId('aks-data')).nodes('win')).toMatchObject([
      { name: 'akswin000000', bootId: '', imageVersion: 'AKSWindows-2022-containerd-20348.3932.250710' },
      { name: 'akswin000001' },
    ]);
  });

  test('two simulators with the same clock have the same nodes', async () => {
    const other = await startHarness({ clock });

    expect(other.simulator.kubernetes(sampleId('aks-prod')).nodes()).toEqual(prod.nodes());
    await other.stop();
  });
});

describe('operations', () => {
  test('a sentinel keeps the time at which it appeared, and says nothing on the Node object', async () => {
    prod.requireReboot(systemNode());
    const first = prod.node(systemNode()).rebootRequiredSince;
    clock.advance(HOUR);
    prod.requireReboot('all');

    expect(first).toEqual(new Date('2026-11-23T10:00:00Z'));
    expect(prod.node(systemNode()).rebootRequiredSince).toEqual(first);
    expect(prod.nodes().every(({ rebootRequiredSince }) => rebootRequiredSince !== undefined)).toBe(true);
    expect(JSON.stringify(await readNode(systemNode()))).not.toContain('weave.works');
  });

  test('a reboot changes the boot id, moves Ready, starts the new kernel, and leaves the annotations', async () => {
    const name = prod.nodes('apps')[0]?.name ?? '';
    const before = prod.node(name);
    prod.requireReboot(name, { kernel: '5.15.0-1094-azure' });
    clock.advance(HOUR);

    prod.reboot(name);

    const after = prod.node(name);
    expect(after).toMatchObject({ uid: before.uid, kernel: '5.15.0-1094-azure', rebootRequiredSince: undefined });
    expect(after.bootId).not.toBe(before.bootId);
    expect(after.annotations).toEqual(before.annotations);
    expect(await readNode(name)).toMatchObject({
      status: {
        nodeInfo: { bootID: after.bootId, kernelVersion: '5.15.0-1094-azure' },
        conditions: expect.arrayContaining([
          expect.objectContaining({ type: 'Ready', lastTransitionTime: '2026-11-23T11:00:00Z' }),
        ]),
      },
    });
  });

  test('a new image makes new nodes of the same names, and ARM tells it', async () => {
    const before = prod.nodes('apps');

    prod.reimage('apps', 'AKSUbuntu-2204gen2containerd-202611.17.0');

    const after = prod.nodes('apps');
    expect(after.map(({ name }) => name)).toEqual(before.map(({ name }) => name));
    expect(new Set([...before, ...after].map(({ uid }) => uid)).size).toBe(10);
    expect(new Set([...before, ...after].map(({ bootId }) => bootId)).size).toBe(10);
    for (const node of after) {
      expect(node).toMatchObject({ annotations: {}, rebootRequiredSince: undefined, createdAt: clock.now() });
    }
    const pool = await harness.clusters().agentPools.get('rg-platform-prod', 'aks-prod', 'apps');
    expect(pool.nodeImageVersion).toBe('AKSUbuntu-2204gen2containerd-202611.17.0');
    expect(prod.nodes('system')[0]?.imageVersion).toBe('AKSUbuntu-2204gen2containerd-202611.10.0');
  });

  test('one node can be replaced without ARM telling it, and ARM can tell an image that no node has', async () => {
    prod.reimage('system', 'AKSUbuntu-2204gen2containerd-202611.17.0', { node: systemNode(), inArm: false });
    const pool = await harness.clusters().agentPools.get('rg-platform-prod', 'aks-prod', 'system');

    expect(prod.nodes('system').map(({ imageVersion }) => imageVersion)).toEqual([
      'AKSUbuntu-2204gen2containerd-202611.17.0',
      'AKSUbuntu-2204gen2containerd-202611.10.0',
      'AKSUbuntu-2204gen2containerd-202611.10.0',
    ]);
    expect(pool.nodeImageVersion).toBe('AKSUbuntu-2204gen2containerd-202611.10.0');
    expect(() => prod.reimage('none', 'x')).toThrow(/no agent pool 'none'/);
  });

  test('nodes come and go, and the count of the pool follows', async () => {
    const first = prod.nodes('apps')[0]?.name ?? '';

    const added = prod.addNode('apps');
    const more = await count();
    prod.removeNode(first);
    prod.removeNode(added);
    const less = await count();
    const again = prod.addNode('apps');

    expect([more, less]).toEqual([6, 4]);
    expect(added).toMatch(/^aks-apps-\d{8}-vmss000005$/);
    expect(again).toBe(first);
    expect(() => prod.node(added)).toThrow(/no node/);
  });

  test('annotations, labels and taints are seen by clients', async () => {
    const name = systemNode();
    prod.setAnnotations(name, { 'kubernetes.azure.com/live-patching-golden-timestamp': '20261120T000000Z', gone: 'x' });
    prod.setAnnotations(name, { gone: null });
    prod.setLabels(name, { 'kubernetes.azure.com/node-image-version': 'hostile\u202etext', agentpool: null });
    prod.setTaints(name, [{ key: 'CriticalAddonsOnly', value: 'true', effect: 'NoSchedule' }]);

    const node = await readNode(name);

    expect(node).toMatchObject({
      metadata: {
        annotations: { 'kubernetes.azure.com/live-patching-golden-timestamp': '20261120T000000Z' },
        labels: { 'kubernetes.azure.com/node-image-version': 'hostile\u202etext' },
      },
      spec: { taints: [{ key: 'CriticalAddonsOnly', value: 'true', effect: 'NoSchedule' }] },
    });
    expect(node).not.toHaveProperty(['metadata', 'annotations', 'gone']);
    expect(node).not.toHaveProperty(['metadata', 'labels', 'agentpool']);
  });

  test('Windows nodes reboot too, and have neither sentinel nor boot id', () => {
    const data = harness.simulator.kubernetes(sampleId('aks-data'));
    clock.advance(HOUR);

    data.reboot('akswin000000');
    data.requireReboot('all');

    expect(data.node('akswin000000')).toMatchObject({
      bootId: '',
      readySince: clock.now(),
      rebootRequiredSince: undefined,
    });
    expect(() => data.requireReboot('akswin000000')).toThrow(/Windows/);
  });
});

describe('kured', () => {
  test('does its part when nothing blocks it: one node after the other, then no annotation and no lock is left', () => {
    const [a, b, c] = pendingNames();
    prod.setKured({ isBlocked: false });

    const rebooted = [1, 2, 3, 4, 5].map(() => {
      clock.advance(HOUR);
      return prod.kuredTick();
    });

    expect(rebooted).toEqual([a, b, c, undefined, undefined]);
    expect(prod.lock).toBeUndefined();
    for (const node of prod.nodes()) expect(node.annotations).not.toHaveProperty([IN_PROGRESS]);
    expect(prod.node(a ?? '').annotations).toEqual({ [MOST_RECENT]: '2026-11-19T10:00:00Z' });
  });

  test('holds the lock and keeps the annotation until it runs again on the rebooted node', async () => {
    prod.setKured({ isBlocked: false });
    const name = prod.kuredTick() ?? '';

    expect(JSON.parse(prod.lock ?? '')).toEqual({
      nodeID: name,
      metadata: { unschedulable: false },
      created: '2026-11-23T10:00:00.000Z',
      TTL: 0,
    });
    expect(await readKured()).toHaveProperty(['metadata', 'annotations', 'weave.works/kured-node-lock'], prod.lock);
    expect(prod.node(name).annotations).toHaveProperty([IN_PROGRESS]);
    expect(prod.node(name).readySince).toEqual(clock.now());
  });

  test('a blocked kured annotates what is new, and reboots nothing', () => {
    prod.requireReboot(systemNode());

    expect(prod.kuredTick()).toBeUndefined();
    expect(prod.node(systemNode()).annotations).toEqual({
      [IN_PROGRESS]: '2026-11-23T10:00:00Z',
      [MOST_RECENT]: '2026-11-23T10:00:00Z',
    });
    // The first notice counts: later rounds do not move it.
    clock.advance(HOUR);
    prod.kuredTick();
    expect(prod.node(systemNode()).annotations[IN_PROGRESS]).toBe('2026-11-23T10:00:00Z');
  });

  test('an out-of-band reboot leaves the annotation', () => {
    const [name = ''] = pendingNames();
    prod.reboot(name);
    prod.kuredTick();

    expect(prod.node(name).annotations).toHaveProperty([IN_PROGRESS]);
  });

  test('without annotations it still reboots', () => {
    prod.setKured({ annotateNodes: false, isBlocked: false });
    prod.requireReboot(systemNode());
    const names = pendingNames();

    expect(prod.kuredTick()).toBe(names[0]);
    expect(prod.node(systemNode()).annotations).toEqual({});
  });

  test('only inside its window it annotates and reboots', () => {
    // A Monday.
    prod.setKured({ isBlocked: false, window: { days: ['sun'], startTime: '02:00', endTime: '05:00' } });
    prod.requireReboot(systemNode());

    const outside = prod.kuredTick();
    const silent = prod.node(systemNode()).annotations;
    clock.advance(Date.parse('2026-11-29T02:30:00Z') - clock.now().getTime());
    const inside = prod.kuredTick();

    expect([outside, silent]).toEqual([undefined, {}]);
    expect(inside).toBe(prod.nodes('apps')[0]?.name);
    expect(prod.node(systemNode()).annotations[IN_PROGRESS]).toBe('2026-11-29T02:30:00Z');
  });

  test('a lock of somebody else stops it; one that has expired does not', () => {
    prod.setKured({ isBlocked: false });
    const tickWith = (lock: string | undefined) => {
      prod.setLock(lock);
      return prod.kuredTick();
    };
    const created = '2026-11-23T08:00:00.5Z';
    const held = (change: object) => JSON.stringify({ nodeID: 'gone', created, TTL: 0, ...change });

    expect(tickWith('{"nodeID":"manual"}')).toBeUndefined();
    expect(tickWith(held({}))).toBeUndefined();
    expect(tickWith(held({ TTL: 3 * HOUR * 1_000_000 }))).toBeUndefined();
    expect(tickWith('no json')).toBeUndefined();
    expect(tickWith(held({ TTL: HOUR * 1_000_000 }))).toBe(prod.nodes('apps')[0]?.name);
  });

  test('a holder that has not rebooted yet keeps the lock', () => {
    const [name = ''] = pendingNames();
    const lock = JSON.stringify({ nodeID: name, created: '2026-11-23T09:59:00Z', TTL: 0 });
    prod.setKured({ isBlocked: false });
    prod.setLock(lock);

    expect([prod.kuredTick(), prod.lock]).toEqual([undefined, lock]);
    prod.reboot(name);
    prod.kuredTick();
    expect(prod.node(name).annotations).not.toHaveProperty([IN_PROGRESS]);
  });

  test('runs on nodes whose taints it tolerates, and its DaemonSet counts them', async () => {
    prod.setKured({ isBlocked: false });
    const names = pendingNames();
    for (const name of names.slice(0, 2)) {
      prod.setTaints(name, [{ key: 'sku', value: 'gpu', effect: 'NoSchedule' }]);
    }
    prod.setTaints(names[2] ?? '', [
      { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' },
      { key: 'soft', effect: 'PreferNoSchedule' },
    ]);

    expect(await readKured()).toMatchObject({ status: { desiredNumberScheduled: 6, numberReady: 6 } });
    expect(prod.kuredTick()).toBe(names[2]);
    prod.setKured({ tolerations: [{ key: 'sku', operator: 'Equal', value: 'gpu', effect: 'NoSchedule' }] });
    expect(prod.kuredTick()).toBe(names[0]);
    prod.setKured({ tolerations: [{ operator: 'Exists' }] });
    expect(prod.kuredTick()).toBe(names[1]);
    expect(await readKured()).toMatchObject({ status: { desiredNumberScheduled: 8 } });
  });

  test('its options are arguments of its container', async () => {
    prod.setKured({
      annotateNodes: false,
      window: { days: ['sun'], startTime: '02:00', endTime: '05:00', timeZone: 'Europe/Berlin' },
      image: 'docker.io/weaveworks/kured:1.9.0',
      args: ['--concurrency=2'],
      env: { KURED_ANNOTATE_NODES: 'true' },
    });

    const kured = await readKured();

    const path = ['spec', 'template', 'spec', 'containers', 0];
    expect(kured).toHaveProperty([...path, 'image'], 'docker.io/weaveworks/kured:1.9.0');
    expect(kured).toHaveProperty(
      [...path, 'args'],
      expect.arrayContaining([
        '--reboot-days=sun',
        '--start-time=02:00',
        '--end-time=05:00',
        '--time-zone=Europe/Berlin',
        '--concurrency=2',
      ]),
    );
    expect(JSON.stringify(kured)).not.toContain('--annotate-nodes');
    expect(kured).toHaveProperty([...path, 'env', 1], { name: 'KURED_ANNOTATE_NODES', value: 'true' });
  });

  test('one that is not ready, or not there, does nothing', async () => {
    prod.setKured({ isBlocked: false, ready: false });
    const idle = prod.kuredTick();
    const notReady = await readKured();
    prod.setKured({ present: false });

    expect([idle, prod.kuredTick()]).toEqual([undefined, undefined]);
    expect(notReady).toMatchObject({ status: { desiredNumberScheduled: 8, numberReady: 0 } });
    expect(await readKured()).toBeUndefined();
    expect(harness.simulator.kubernetes(sampleId('aks-dev')).kuredTick()).toBeUndefined();
  });
});

test.for([
  [undefined, '2026-11-23T10:00:00Z', true],
  [{}, '2026-11-23T23:59:59Z', true],
  [{ startTime: '09:00', endTime: '17:00' }, '2026-11-23T10:00:00Z', true],
  [{ startTime: '09:00', endTime: '17:00' }, '2026-11-23T08:59:59Z', false],
  [{ startTime: '09:00', endTime: '17:00' }, '2026-11-23T17:00:00Z', true],
  [{ startTime: '09:00', endTime: '17:00' }, '2026-11-23T17:00:01Z', false],
  [{ startTime: '22:00', endTime: '2:00' }, '2026-11-23T23:00:00Z', true],
  [{ startTime: '22:00', endTime: '2:00' }, '2026-11-23T01:59:00Z', true],
  [{ startTime: '22:00', endTime: '2:00' }, '2026-11-23T12:00:00Z', false],
  [{ days: ['mon'] }, '2026-11-23T10:00:00Z', true],
  [{ days: ['Tuesday', '3'] }, '2026-11-23T10:00:00Z', false],
  [{ days: ['tue'], timeZone: 'Asia/Tokyo' }, '2026-11-23T15:30:00Z', true],
  [{ startTime: '11:00', endTime: '11:30', timeZone: 'Europe/Berlin' }, '2026-11-23T10:15:00Z', true],
  [{ startTime: '11:00', endTime: '11:30', timeZone: 'Europe/Berlin' }, '2026-07-20T10:15:00Z', false],
] as const)('window %j at %s: %s', ([window, now, expected]) => {
  expect(isInWindow(window, new Date(now))).toBe(expected);
});

test('a window that makes no sense is told', () => {
  const now = clock.now();

  expect(() => isInWindow({ days: ['someday'] }, now)).toThrow(/someday/);
  expect(() => isInWindow({ startTime: 'noon' }, now)).toThrow(/noon/);
});
