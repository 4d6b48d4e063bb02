import { describe, expect, it } from 'vitest';
import { windowsPool } from '../../../src/policy/aks/node-example.ts';
import type { CollectedHealth } from '../../../src/policy/node-health/detect.ts';
import { AgentPool } from '../../../src/resources/managed-cluster.ts';
import { inspect, now } from './inspecting.ts';

const FIRST = 'aks-system-25481572-vmss000000';
const THIRD = 'aks-system-25481572-vmss000002';
const SECOND = 'aks-system-25481572-vmss000001';
const POOL = {
  name: 'system',
  osType: 'Linux',
  count: 2,
  nodeImageVersion: 'AKSUbuntu-2204gen2containerd-202610.20.0',
};
const OUT_OF_REACH = { state: 'unreadable', reason: 'unreachable', isLasting: true, because: 'no answer' } as const;

function healthOf(values: Readonly<Record<string, 0 | 1>>, overdue: readonly string[] = []): Partial<CollectedHealth> {
  return {
    pools: [{ ...POOL, osSKU: 'Ubuntu', provisioningState: 'Succeeded', powerState: { code: 'Running' } }],
    access: OUT_OF_REACH,
    metrics: { now: new Map(Object.entries(values)), overdue: new Set(overdue) },
    machines: new Map([['system', [FIRST, SECOND]]]),
  };
}

function judgePool(health: Partial<CollectedHealth>, channel = 'Unmanaged') {
  const { pools, coverage, blindSpot } = inspect(health, { channel, now });
  return { pool: pools.get('system'), coverage, blindSpot };
}

describe('a cluster that cannot be read, with a metric of kured', () => {
  it('is judged by the metric alone where it knows every node', () => {
    expect(judgePool(healthOf({ [FIRST]: 0, [SECOND]: 0 }))).toMatchObject({
      pool: { verdict: 'ok', strength: 3 },
      coverage: [],
      blindSpot: undefined,
    });
    expect(judgePool(healthOf({ [FIRST]: 0, [SECOND]: 1 })).pool).toMatchObject({ verdict: 'in-progress' });
  });

  it('has a violation that names the overdue nodes', () => {
    const { pool } = judgePool(healthOf({ [FIRST]: 1, [SECOND]: 0 }, [FIRST]));

    expect(pool).toMatchObject({ verdict: 'reboot-missing', confidence: 'certain', strength: 3 });
    expect(pool?.missing.map(({ name, uid }) => [name, uid])).toEqual([[FIRST, FIRST]]);
  });

  it('is never fine while the metric of a node is missing', () => {
    expect(judgePool(healthOf({ [FIRST]: 0 }))).toMatchObject({
      pool: { verdict: 'unknown' },
      coverage: ['unreachable'],
      blindSpot: expect.stringContaining('API server'),
    });
    expect(judgePool(healthOf({ [FIRST]: 1 }, [FIRST])).pool?.missing.map(({ name }) => name)).toEqual([FIRST]);
  });

  it('takes no node of the past for one that is there', () => {
    expect(judgePool(healthOf({ [SECOND]: 0 }, [FIRST])).pool).toMatchObject({ verdict: 'unknown' });
    expect(judgePool(healthOf({}, [FIRST])).pool).toMatchObject({ verdict: 'unknown' });
  });

  it.each([
    ['of another pool', { 'aks-apps-25481572-vmss000000': 0, 'aks-apps-25481572-vmss000001': 0 }],
    ['that no node of AKS has', { system: 0, 'aks-system': 0, '': 0 }],
  ] as const)('is not judged by names %s', (_what, values) => {
    expect(judgePool(healthOf(values))).toMatchObject({ pool: { verdict: 'unknown' }, coverage: ['unreachable'] });
  });

  it('has no proof without the names of its machines, however many samples there are', () => {
    const full = healthOf({ [FIRST]: 0, [SECOND]: 0, [THIRD]: 0 });
    const open = { pool: { verdict: 'unknown' }, coverage: ['unreachable'], blindSpot: expect.any(String) };

    const uncounted = (full.pools ?? []).map((pool) => AgentPool.parse({ ...pool, count: undefined }));
    expect(judgePool({ ...full, pools: uncounted }).pool).toMatchObject({ verdict: 'ok' });
    expect(judgePool({ ...full, machines: undefined })).toMatchObject(open);
    expect(judgePool({ ...full, machines: new Map() })).toMatchObject(open);
    expect(judgePool({ ...full, machines: new Map([['system', []]]) })).toMatchObject(open);
    // ARM counts one more than it lists.
    expect(judgePool({ ...full, machines: new Map([['system', [FIRST]]]) })).toMatchObject(open);
  });

  it('is not proven by samples of other names: nodes of the past make up for none that is there', () => {
    expect(judgePool(healthOf({ [FIRST]: 0, [THIRD]: 0 }))).toMatchObject({
      pool: { verdict: 'unknown' },
      coverage: ['unreachable'],
    });
    expect(judgePool(healthOf({ [FIRST]: 0, [SECOND]: 0, [THIRD]: 1 }, [THIRD])).pool).toMatchObject({ verdict: 'ok' });
  });

  it('has a violation also without the names of its machines, and of no other pool', () => {
    const machines = undefined;
    const other = 'aks-apps-25481572-vmss000000';

    expect(
      judgePool({ ...healthOf({ [FIRST]: 1, [other]: 1 }, [FIRST, other]), machines }).pool?.missing,
    ).toMatchObject([{ name: FIRST }]);
  });

  it('is told by the names that the machines have, whatever they look like', () => {
    const machines = new Map([['system', ['byo-1', 'byo-2']]]);

    expect(judgePool({ ...healthOf({ 'byo-1': 0, 'byo-2': 0 }), machines }).pool).toMatchObject({ verdict: 'ok' });
  });

  it('names a node by the uid that is remembered of it', () => {
    const history = new Map([
      [FIRST, { name: FIRST, pool: 'system', uid: 'uid-1', lastSeenAt: '2026-11-01T00:00:00Z' }],
    ]);
    const { pool } = judgePool({ ...healthOf({ [FIRST]: 1, [SECOND]: 1 }, [FIRST, SECOND]), history });

    expect(pool?.missing.map(({ uid }) => uid)).toEqual(['uid-1', SECOND]);
  });

  it('is as blind as before without Linux pools, or while the workspace does not tell', () => {
    const full = healthOf({ [FIRST]: 0, [SECOND]: 0 });

    expect(judgePool({ ...full, pools: [windowsPool()] }).coverage).toEqual(['unreachable']);
    expect(judgePool({ ...full, metrics: 'unreadable' })).toMatchObject({
      pool: { verdict: 'unknown' },
      coverage: ['unreachable'],
    });
    expect(judgePool({ ...full, metrics: undefined }).pool).toMatchObject({ verdict: 'unknown' });
    expect(judgePool({ ...full, metrics: undefined, machines: undefined }).pool).toMatchObject({ verdict: 'unknown' });
  });

  it('is judged by its image on other channels', () => {
    expect(judgePool(healthOf({ [FIRST]: 1, [SECOND]: 1 }, [FIRST]), 'NodeImage').pool).not.toMatchObject({
      verdict: 'reboot-missing',
    });
  });
});
