import { describe, expect, test } from 'vitest';
import {
  kured,
  linuxPool,
  node,
  OLD,
  readNodes,
  rebootNeeded,
  windowsPool,
} from '../../../src/policy/aks/node-example.ts';
import { judgePool } from '../../../src/policy/node-health/pool-rules.ts';
import { inspect, nodeName } from './inspecting.ts';

const second = 'aks-system-25481572-vmss000001';
const third = 'aks-system-25481572-vmss000002';
const waiting = node({ annotations: rebootNeeded('2026-10-30T07:14:09Z') });

describe('a pool', () => {
  test('is judged by the worst of its nodes', () => {
    const access = readNodes(
      [node({ name: third, annotations: rebootNeeded('2026-11-02T07:14:09Z') }), node({ name: second }), waiting],
      [kured({ desired: 3 })],
    );

    expect(inspect({ access }).pools.get('system')).toMatchObject({
      verdict: 'reboot-missing',
      confidence: 'certain',
      strength: 3,
      missing: [{ name: nodeName, uid: 'uid-1' }],
      image: { verdict: 'ok' },
    });
  });

  test('is likely to miss a reboot when none of its nodes certainly does', () => {
    const restarted = node({ annotations: rebootNeeded('2026-10-30T07:14:09Z'), started: '2026-11-01T00:00:00Z' });

    expect(inspect({ access: readNodes([restarted]) }).pools.get('system')).toMatchObject({ confidence: 'likely' });
    const { metadata, ...rest } = waiting;
    const both = readNodes([restarted, { metadata: { ...metadata, name: second }, ...rest }], [kured({ desired: 2 })]);
    expect(inspect({ access: both }).pools.get('system')).toMatchObject({ confidence: 'certain' });
  });

  test('prefers what cannot be told to what is in progress', () => {
    const access = readNodes(
      [node({ annotations: rebootNeeded('2026-11-02T07:14:09Z') }), node({ name: second })],
      [kured({ desired: 2, options: [] })],
    );

    expect(inspect({ access }).pools.get('system')).toMatchObject({ verdict: 'unknown', missing: [] });
  });

  test('is as well proven as the least proven of its nodes, and in violation as the best', () => {
    const metrics = { now: new Map([[nodeName, 0 as const]]), overdue: new Set<string>() };
    const pair = readNodes([node(), node({ name: second })], []);

    expect(inspect({ access: pair, metrics }, { channel: 'NodeImage' }).pools.get('system')).toMatchObject({
      verdict: 'ok',
      strength: 2,
    });
    const failures = [{ at: '2026-11-01T00:00:00Z' }];
    const old = readNodes([node({ image: 'AKSUbuntu-2204gen2containerd-202610.18.0' })], []);
    expect(inspect({ access: old, failures }, { channel: 'NodeImage' }).pools.get('system')).toMatchObject({
      verdict: 'reimage-missing',
      strength: 1,
    });
  });

  test('of no nodes is not known to be well', () => {
    expect(judgePool([], (verdict) => verdict)).toMatchObject({ verdict: 'unknown' });
  });

  test('says why in at most five reasons', () => {
    const nodes = Array.from({ length: 7 }, (_, index) =>
      node({ name: `aks-system-25481572-vmss00000${index}`, annotations: rebootNeeded(`2026-11-02T0${index}:00:00Z`) }),
    );

    const detail = inspect({ access: readNodes(nodes, [kured({ desired: 7 })]) }).pools.get('system')?.detail;

    expect(detail?.split('; ')).toHaveLength(6);
    expect(detail).toMatch(/; and more$/);
  });

  test.each([
    [{ powerState: { code: 'Stopped' } }, 'the pool is stopped'],
    [{ provisioningState: 'Creating' }, 'the pool is being created'],
    [{ provisioningState: 'deleting' }, 'the pool is being deleted'],
  ])('with %j is not judged', (state, detail) => {
    const { coverage, nodes, pools } = inspect({ access: readNodes([waiting], []), pools: [linuxPool(state)] });

    expect(pools.get('system')).toMatchObject({ verdict: 'not-applicable', detail });
    expect(nodes.get(nodeName)).toMatchObject({ verdict: 'unknown', reason: 'not-running' });
    expect(coverage).toEqual(['kured-absent']);
  });

  test.each(['Updating', 'Upgrading', 'UpgradingNodeImageVersion', 'Scaling'])(
    'keeps its last verdict while it is %s',
    (provisioningState) => {
      const { nodes, pools } = inspect({ access: readNodes([waiting]), pools: [linuxPool({ provisioningState })] });

      expect(pools.get('system')).toMatchObject({ verdict: 'unknown', detail: 'the pool is being changed' });
      expect(nodes.get(nodeName)).toMatchObject({ verdict: 'unknown', reason: 'being-changed' });
    },
  );

  test.each(['Failed', 'Canceled', undefined])('is judged in state %s', (provisioningState) => {
    const { provisioningState: _, ...pool } = linuxPool();
    const pools = [provisioningState === undefined ? pool : { ...pool, provisioningState }];

    expect(inspect({ access: readNodes([waiting]), pools }).pools.get('system')).toMatchObject({
      verdict: 'reboot-missing',
    });
  });

  test.each([
    [{ osType: 'BeOS' }, 'system'],
    [{ osType: undefined }, 'system'],
    [{ name: undefined }, '(unnamed)'],
  ])('with %j cannot be judged', (change, name) => {
    const { pools } = inspect({ pools: [{ ...linuxPool(), ...change }] });

    expect(pools.get(name)).toMatchObject({ verdict: 'unknown', image: { verdict: 'unknown' } });
  });
});

describe('a cluster', () => {
  test.each([
    [{ provisioningState: 'Upgrading' }, 'the cluster is being changed'],
    [{ provisioningState: undefined }, 'properties.provisioningState'],
    [{ powerState: {} }, 'properties.powerState.code'],
  ])('with %j keeps the verdicts on all pools', (cluster, detail) => {
    const { coverage, nodes, pools } = inspect(
      { access: readNodes([waiting], []), pools: [linuxPool(), windowsPool()] },
      { cluster },
    );

    expect([...pools.values()]).toMatchObject([
      { verdict: 'unknown', detail },
      { verdict: 'unknown', detail },
    ]);
    expect([...nodes.values()]).toMatchObject([{ verdict: 'unknown', detail }]);
    expect(coverage).toEqual([]);
  });

  test.each([
    [{ powerState: { code: 'Stopped' } }],
    [{ provisioningState: 'Deleting' }],
    [{ provisioningState: 'Creating' }],
  ])('with %j is not judged', (cluster) => {
    expect([...inspect({}, { cluster }).pools.values()]).toMatchObject([{ verdict: 'not-applicable' }]);
  });

  test('without a channel is on None: the image tells', () => {
    const cluster = { autoUpgradeProfile: null };
    const { coverage, pools } = inspect({ access: readNodes([node({ image: OLD })]) }, { cluster });

    expect(coverage).toEqual(['channel-none']);
    expect(pools.get('system')).toMatchObject({ verdict: 'reimage-missing' });
  });
});
