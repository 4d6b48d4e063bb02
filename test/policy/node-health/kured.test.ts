import { describe, expect, test } from 'vitest';
import { kured, node } from '../../../src/policy/aks/node-example.ts';
import { findKured } from '../../../src/policy/node-health/kured.ts';
import { readOption, readSwitch } from '../../../src/policy/node-health/kured-options.ts';
import { allowedPendingMs, viewKured } from '../../../src/policy/node-health/kured-view.ts';
import { toThresholds } from '../../../src/policy/node-health/parameters.ts';
import { canRunOn } from '../../../src/policy/node-health/scheduling.ts';
import { DaemonSet } from '../../../src/resources/kubernetes.ts';

const hour = 3_600_000;

/** A DaemonSet as the API server sends it. */
function daemonSet(
  container: Readonly<Record<string, unknown>>,
  pod: Readonly<Record<string, unknown>> = {},
): DaemonSet {
  return DaemonSet.parse({
    metadata: { name: 'my-release-kured', namespace: 'kured', annotations: { mine: '{"nodeID":"manual"}' } },
    spec: {
      template: {
        spec: {
          ...pod,
          containers: [
            { name: 'proxy', image: 'envoy:1' },
            { image: 'kubereboot/kured:1.23.0', ...container },
          ],
        },
      },
    },
    status: { desiredNumberScheduled: 7, numberReady: 7 },
  });
}

function containerOf(change: Readonly<Record<string, unknown>>) {
  const container = daemonSet(change).spec.template.spec.containers[1];
  if (container === undefined) throw new Error('no container');
  return container;
}

const isReady = (desired: number, running: number) => findKured([kured({ desired, ready: running })])?.[0]?.isReady;

describe('kured', () => {
  test.each([
    'ghcr.io/kubereboot/kured:1.23.0',
    'docker.io/weaveworks/kured:1.9',
    'kubereboot/kured@sha256:abc',
    'contoso.azurecr.io/mirror/kubereboot/kured:1.23.0',
    'kubereboot/kured',
  ])('is told by its image %s', (image) => {
    expect(findKured([daemonSet({ image })])?.map(({ name }) => name)).toEqual(['my-release-kured']);
  });

  test.each(['nginx', 'kured:1', 'evil/kured:1', 'mykubereboot/kured:1', 'kubereboot/kured-helper:1', undefined, 7])(
    'is not told by the image %s',
    (image) => {
      expect(findKured([daemonSet({ image })])).toEqual([]);
    },
  );

  test('is not told by an image of absurd length', () => {
    expect(findKured([daemonSet({ image: `${'x/'.repeat(10_000)}kubereboot/kured:1` })])).toEqual([]);
  });

  test('is ready when it runs on every node that it should run on, and on one at least', () => {
    expect([isReady(7, 7), isReady(7, 4), isReady(0, 0)]).toEqual([true, false, false]);
    const { status: _, ...untold } = daemonSet({});
    expect(findKured([DaemonSet.parse(untold)])?.[0]?.isReady).toBe(false);
  });

  test.each([
    [{ generation: 2 }, { observedGeneration: 2, updatedNumberScheduled: 7 }, true],
    [{ generation: 2 }, { observedGeneration: 3 }, true],
    [{ generation: 2 }, { observedGeneration: 1, updatedNumberScheduled: 7 }, false],
    [{ generation: 2 }, { updatedNumberScheduled: 6 }, false],
    [{ generation: 2 }, {}, true],
    [{}, { observedGeneration: 1 }, true],
  ])('with %j and %j has been rolled out as it is specified: %j', (metadata, status, expected) => {
    const installed = daemonSet({});
    const changed = {
      ...installed,
      metadata: { ...installed.metadata, ...metadata },
      status: { ...installed.status, ...status },
    };

    expect(findKured([DaemonSet.parse(changed)])?.[0]?.isReady).toBe(expected);
  });

  test.each([
    [[], 60],
    [['--period=1h30m'], 90],
    [['--period=1.5h', '--period', '90s'], 1.5],
    [['--period=100ms'], 100 / 60_000],
    [['--period=1us1µs1ns'], 0.002_001 / 60_000],
    [['--period='], 8 * 24 * 60],
    [['--period=-1h'], 8 * 24 * 60],
    [['--period=1d'], 8 * 24 * 60],
    [['--period=$(PERIOD)'], 8 * 24 * 60],
    [[`--period=${'9'.repeat(400)}h`], 8 * 24 * 60],
  ])('with %j looks every %d minutes', (args, minutes) => {
    expect((findKured([daemonSet({ args })])?.[0]?.period ?? 0) / 60_000).toBeCloseTo(minutes, 9);
  });

  test('is not told where there are more than ten', () => {
    expect(findKured(Array.from({ length: 11 }, () => daemonSet({})))).toBeUndefined();
    expect(findKured(Array.from({ length: 10 }, () => daemonSet({})))).toHaveLength(10);
  });

  test('has its lock where its option says', () => {
    const manual = [{ holder: 'manual', created: undefined, ttl: 0 }];

    expect(findKured([daemonSet({ args: ['--lock-annotation=mine'] })])?.[0]?.locks).toEqual(manual);
    expect(findKured([daemonSet({ args: ['--lock-annotation=constructor'] })])?.[0]?.locks).toEqual([]);
    expect(findKured([daemonSet({})])?.[0]?.locks).toEqual([]);
    expect(findKured([daemonSet({ args: ['--lock-annotation=$(KEY)'] })])?.[0]?.locks).toBe('unreadable');
  });
});

describe('an option of kured', () => {
  test('is read from the command, the arguments and the environment, which wins', () => {
    const written = containerOf({
      command: ['/usr/bin/kured', '--start-time', '1:00'],
      args: ['--start-time=2:00', '--end-time', '5:00', '--', '--time-zone=UTC'],
      env: [
        { name: 'KURED_END_TIME', value: '6:00' },
        { name: 'KURED_END_TIME', value: '7:00' },
        { name: 'KURED_LOCK_ANNOTATION' },
      ],
    });

    expect(readOption(written, 'start-time')).toEqual(['1:00', '2:00']);
    expect(readOption(written, 'end-time')).toEqual(['7:00']);
    expect(readOption(written, 'time-zone')).toEqual([]);
    expect(readOption(written, 'lock-annotation')).toEqual(['']);
    expect(readOption(containerOf({ args: ['--start-time'] }), 'start-time')).toEqual(['']);
  });

  test('is unreadable where its value comes from elsewhere', () => {
    const elsewhere = { name: 'KURED_START_TIME', valueFrom: { configMapKeyRef: { name: 'x', key: 'y' } } };

    expect(readOption(containerOf({ env: [elsewhere] }), 'start-time')).toBe('unreadable');
    expect(readOption(containerOf({ envFrom: [{ configMapRef: { name: 'x' } }] }), 'start-time')).toBe('unreadable');
    expect(readOption(containerOf({ args: ['--start-time=$(START)'] }), 'start-time')).toBe('unreadable');
    expect(readOption(containerOf({ command: ['/bin/sh', '-c', 'kured'] }), 'start-time')).toBe('unreadable');
    const named = { env: [{ name: 'KURED_START_TIME', value: '2:00' }], envFrom: [{ configMapRef: { name: 'x' } }] };
    expect(readOption(containerOf(named), 'start-time')).toEqual(['2:00']);
  });

  test.each([
    [['--annotate-nodes'], undefined, true],
    [['--annotate-nodes=true'], undefined, true],
    [['--annotate-nodes=T'], undefined, true],
    [['--annotate-nodes', 'false'], undefined, true],
    [['--annotate-nodes=false'], undefined, false],
    [['--annotate-nodes=yes'], undefined, false],
    [[], undefined, false],
    [[], '1', true],
    [['--annotate-nodes=true'], 'FALSE', false],
    [['--annotate-nodes=true'], '', false],
    [['--annotate-nodes=true'], '$(SWITCH)', false],
  ])('as a switch: arguments %j and variable %j are %j', (args, value, expected) => {
    const env = value === undefined ? [] : [{ name: 'KURED_ANNOTATE_NODES', value }];

    expect(readSwitch(containerOf({ args, env }), 'annotate-nodes')).toBe(expected);
  });
});

const canRun = (pod: Readonly<Record<string, unknown>>, example: Parameters<typeof node>[0] = {}) =>
  canRunOn(daemonSet({}, pod).spec.template.spec, node(example));

describe('whether a pod can run on a node', () => {
  const gpu = { key: 'sku', value: 'gpu', effect: 'NoSchedule' };
  test.each([
    [{ key: 'sku', operator: 'Equal', value: 'gpu', effect: 'NoSchedule' }, true],
    [{ key: 'sku', value: 'gpu' }, true],
    [{ key: 'sku', operator: 'Exists' }, true],
    [{ operator: 'Exists' }, true],
    [{ key: 'sku', operator: 'Exists', effect: 'NoExecute' }, false],
    [{ key: 'sku', value: 'cpu' }, false],
    [{ key: 'other', operator: 'Exists' }, false],
    [{ key: 'sku', operator: 'Gt', value: 'gpu' }, false],
    [{}, false],
  ])('depends on the toleration %j of its taint', (toleration, expected) => {
    expect(canRun({ tolerations: [toleration] }, { taints: [gpu] })).toBe(expected);
  });

  test('does not depend on taints that pass, or that only advise', () => {
    const passing = [
      'not-ready',
      'unreachable',
      'memory-pressure',
      'disk-pressure',
      'pid-pressure',
      'unschedulable',
      'network-unavailable',
    ];
    const taints = passing.map((name) => ({ key: `node.kubernetes.io/${name}`, effect: 'NoSchedule' }));

    expect(canRun({}, { taints: [...taints, { ...gpu, effect: 'PreferNoSchedule' }] })).toBe(true);
    expect(canRun({}, { taints: [{ key: 'node.kubernetes.io/out-of-service', effect: 'NoExecute' }] })).toBe(false);
    expect(canRun({}, { taints: [{}] })).toBe(false);
    expect(
      canRun(
        { tolerations: [{ key: 'CriticalAddonsOnly' }] },
        { taints: [{ key: 'CriticalAddonsOnly', effect: 'NoSchedule' }] },
      ),
    ).toBe(true);
  });

  test('depends on its node selector', () => {
    expect(canRun({ nodeSelector: { 'kubernetes.io/os': 'linux' } })).toBe(true);
    expect(canRun({ nodeSelector: { 'kubernetes.io/os': 'windows' } })).toBe(false);
    expect(canRun({ nodeSelector: { constructor: 'x' } })).toBe(false);
    expect(canRun({ nodeSelector: 'linux' })).toBe(false);
    expect(canRun({ nodeSelector: null })).toBe(true);
  });

  test.each([
    [[{ key: 'kubernetes.io/os', operator: 'In', values: ['linux', 'bsd'] }], true],
    [[{ key: 'kubernetes.io/os', operator: 'In', values: ['windows'] }], false],
    [[{ key: 'zone', operator: 'In', values: ['1'] }], false],
    [[{ key: 'type', operator: 'NotIn', values: ['virtual-kubelet'] }], true],
    [[{ key: 'kubernetes.io/os', operator: 'NotIn', values: ['linux'] }], false],
    [[{ key: 'kubernetes.io/os', operator: 'NotIn', values: ['windows'] }], true],
    [
      [
        { key: 'kubernetes.io/os', operator: 'Exists' },
        { key: 'zone', operator: 'Exists' },
      ],
      false,
    ],
    [[{ key: 'kubernetes.io/os', operator: 'Exists' }], true],
    [[{ key: 'zone', operator: 'Exists' }], false],
    [[{ key: 'zone', operator: 'DoesNotExist' }], true],
    [[{ key: 'kubernetes.io/os', operator: 'DoesNotExist' }], false],
    [[{ key: 'kubernetes.io/os', operator: 'Gt', values: ['1'] }], false],
    [[{ operator: 'Exists' }], false],
    ['all', false],
    [[], false],
  ])('depends on its required affinity %j', (matchExpressions, expected) => {
    const required = { nodeSelectorTerms: [{ matchExpressions: [] }, { matchExpressions }] };

    expect(canRun({ affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: required } } })).toBe(
      expected,
    );
  });

  test.each([
    [{ nodeSelectorTerms: [] }, false],
    [{ nodeSelectorTerms: 'all' }, false],
    ['all', false],
    [{ nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['x'] }] }] }, false],
    [null, true],
    [undefined, true],
  ])('with required affinity %j is %j', (required, expected) => {
    expect(canRun({ affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: required } } })).toBe(
      expected,
    );
  });
});

const twoNodes = [node(), node({ name: 'aks-system-25481572-vmss000001' })];
const countWatchers = (desired: number) => viewKured([kured({ desired })], twoNodes)?.watchful(node()).length;

const watching = (...others: readonly DaemonSet[]) =>
  viewKured([kured({ desired: 2 }), ...others], twoNodes)?.watchful(node()).length;

describe('what kured can see', () => {
  test('is nothing that is known where the DaemonSets were not read', () => {
    expect(viewKured(undefined, twoNodes)).toBeUndefined();
  });

  test('counts only if kured is on as many nodes as it could be on', () => {
    expect([countWatchers(2), countWatchers(3), countWatchers(1)]).toEqual([1, 1, 0]);
  });

  test('counts only if kured is ready and writes on nodes', () => {
    const view = viewKured([kured({ desired: 2, ready: 1 }), kured({ desired: 2, options: [] })], twoNodes);

    expect(view?.covering(node())).toHaveLength(2);
    expect(view?.watchful(node())).toEqual([]);
  });

  test('counts only if all that can run on the node are so', () => {
    expect(watching(kured({ desired: 2 }))).toBe(2);
    expect(watching(kured({ desired: 2, options: [] }))).toBe(0);
    expect(watching(kured({ desired: 2, ready: 1 }))).toBe(0);
  });

  test('is a lock that its own kured can act on, on this node', () => {
    const holder = { 'weave.works/kured-node-lock': '{"nodeID":"x"}' };
    const locks = (example: Parameters<typeof kured>[0], on = node()) =>
      viewKured([kured({ annotations: holder, ...example })], twoNodes)?.locksOn(on).length;

    expect(locks({ desired: 2 })).toBe(1);
    // The pod of the node that is being rebooted.
    expect(locks({ desired: 2, ready: 1 })).toBe(1);
    expect(locks({ desired: 3, ready: 1 })).toBe(0);
    expect(locks({ desired: 1, ready: 0 })).toBe(0);
    expect(locks({ desired: 2, annotations: { 'weave.works/kured-node-lock': '{' } })).toBe(0);
    expect(locks({ desired: 2 }, node({ taints: [{ key: 'sku', effect: 'NoSchedule' }] }))).toBe(0);
  });
});

describe('how long the metric may be 1', () => {
  const now = new Date('2026-08-20T12:00:00Z');
  const weekly = ['--reboot-days=sun', '--start-time=02:00', '--end-time=05:00'];
  const allowed = (daemonSets: readonly DaemonSet[] | undefined) =>
    allowedPendingMs(daemonSets, toThresholds(), now) / hour;

  test('is a day, or since the start of the last finished window', () => {
    expect(allowed([])).toBe(24);
    expect(allowed([kured()])).toBe(24);
    expect(allowed([kured({ options: weekly })])).toBe(106);
    expect(allowed([kured(), kured({ options: weekly })])).toBe(106);
    expect(allowed([kured({ options: ['--reboot-days='] })])).toBe(24);
  });

  test('is a day where no window is known', () => {
    expect(allowed(undefined)).toBe(24);
    expect(allowed(Array.from({ length: 11 }, () => kured({ options: weekly })))).toBe(24);
  });

  test('is eight days where a window may be that cannot be read', () => {
    expect(allowed([kured({ options: ['--start-time=late'] })])).toBe(192);
  });
});
