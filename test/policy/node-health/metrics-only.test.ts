import { describe, expect, it } from 'vitest';
import type { CollectedHealth } from '../../../src/policy/node-health/detect.ts';
import { inspect, now } from './inspecting.ts';

const FIRST = 'aks-system-25481572-vmss000000';
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

  it('has no proof in a pool of unknown size', () => {
    const { pools = [], ...rest } = healthOf({ [FIRST]: 0, [SECOND]: 0 });
    const sizes = [undefined, 0];

    for (const count of sizes) {
      const health = { ...rest, pools: pools.map((pool) => ({ ...pool, count })) };
      expect(judgePool(health).pool).toMatchObject({ verdict: 'unknown' });
    }
  });

  it('is judged by its image on other channels', () => {
    expect(judgePool(healthOf({ [FIRST]: 1, [SECOND]: 1 }, [FIRST]), 'NodeImage').pool).not.toMatchObject({
      verdict: 'reboot-missing',
    });
  });
});
