import { describe, expect, test } from 'vitest';
import {
  clusterOn,
  kured,
  linuxPool,
  NEWEST,
  node,
  nodeHealth,
  OLD,
  readNodes,
  rebootNeeded,
  windowsPool,
} from '../../../src/policy/aks/node-example.ts';
import { aksNodeImageCurrent } from '../../../src/policy/aks/node-image-current.ts';
import { aksNodeRebootCompleted } from '../../../src/policy/aks/node-reboot-completed.ts';
import type { Policy } from '../../../src/policy/define-policy.ts';
import type { CollectedHealth } from '../../../src/policy/node-health/detect.ts';
import { ManagedCluster } from '../../../src/resources/managed-cluster.ts';
import { factsOf } from '../evaluate-case.ts';
import { now } from './inspecting.ts';

const since = '2026-10-30T07:14:09Z';
const annotations = rebootNeeded(since);

function evaluate(policy: Policy, health: Partial<CollectedHealth>, channel = 'Unmanaged') {
  const related = { nodeHealth: nodeHealth(health) };
  return policy.evaluate(ManagedCluster.parse(clusterOn(channel)), factsOf(policy, { now, related }));
}

function waitingNodes(count: number, pool = 'system', prefix = '') {
  return Array.from({ length: count }, (_, index) =>
    node({
      annotations,
      pool,
      uid: `uid-${index}`,
      name: `aks-${pool}-25481572-vmss${prefix}${String(index).padStart(6, '0')}`,
    }),
  );
}

describe('the evidence of the node policies', () => {
  test('names ten nodes, and how many there are more', () => {
    const verdict = evaluate(aksNodeRebootCompleted, { access: readNodes(waitingNodes(12).toReversed()) });

    expect(verdict).toMatchObject({ verdict: 'violation' });
    const evidence = verdict.verdict === 'violation' ? verdict.evidence : {};
    expect(evidence['system']).toMatch(
      /^reboot-missing, certain: aks-system-25481572-vmss000000 since 2026-10-30T07:14:09Z \(annotation\), .*vmss000009 since \S+ \(annotation\), and 2 more$/,
    );
    expect('parts' in verdict && verdict.parts?.[0]?.items).toHaveLength(12);
  });

  test('stays within its limits, however many pools and however long the names are', () => {
    const names = Array.from({ length: 30 }, (_, index) => `pool${index}`);
    const nodes = names.flatMap((pool) => waitingNodes(11, pool, 'x'.repeat(200)));
    const pools = names.map((name) => linuxPool({ name }));

    const verdict = evaluate(aksNodeRebootCompleted, { pools, access: readNodes(nodes) });

    const evidence = verdict.verdict === 'violation' ? verdict.evidence : {};
    const texts = Object.values(evidence).map(String);
    expect(Math.max(...texts.map(({ length }) => length))).toBe(2000);
    expect(texts.join('').length).toBeLessThanOrEqual(20_000);
    expect(evidence['(more)']).toBe('21 more pools');
    expect('parts' in verdict && verdict.parts).toHaveLength(30);
  });

  test('tells in at most 500 characters what is missing', () => {
    const pools = Array.from({ length: 30 }, (_, index) => linuxPool({ name: `pool${index}` }));

    const verdict = evaluate(aksNodeRebootCompleted, { pools });

    expect(verdict).toMatchObject({ verdict: 'unknown' });
    expect(verdict.verdict === 'unknown' && verdict.missing).toMatch(/^pool0: the cluster has no node of this pool; /);
    expect(verdict.verdict === 'unknown' && verdict.missing).toHaveLength(500);
  });
});

describe('the cluster as a whole', () => {
  const stopped = linuxPool({ powerState: { code: 'Stopped' } });

  test('is open while its pools rest, with a part for each', () => {
    const pools = [stopped, linuxPool({ name: 'user', provisioningState: 'Creating' }), windowsPool()];

    expect(evaluate(aksNodeRebootCompleted, { pools })).toMatchObject({
      verdict: 'unknown',
      missing: 'system: the pool is stopped; user: the pool is being created',
      parts: [
        { name: 'system', verdict: 'not-applicable' },
        { name: 'user', verdict: 'not-applicable' },
      ],
    });
  });

  test('is judged by the pools that run', () => {
    expect(evaluate(aksNodeRebootCompleted, { pools: [linuxPool(), { ...stopped, name: 'user' }] })).toMatchObject({
      verdict: 'compliant',
      parts: [{ verdict: 'compliant' }, { verdict: 'not-applicable' }],
    });
  });

  test('is open while a node belongs to no listed pool, though every pool is in order', () => {
    const access = readNodes([node(), node({ name: 'other', pool: 'gone' })], [kured({ desired: 2 })]);

    expect(evaluate(aksNodeRebootCompleted, { access })).toMatchObject({
      verdict: 'unknown',
      missing: 'other: belongs to no agent pool that Azure lists',
      parts: [{ name: 'system', verdict: 'compliant' }],
    });
  });
});

describe('each pool is judged on its own', () => {
  const pools = [linuxPool(), linuxPool({ name: 'user' }), linuxPool({ name: 'idle' }), windowsPool()];
  const access = readNodes(
    [
      node({ annotations, image: OLD }),
      node({ name: 'aks-user-31415926-vmss000000', pool: 'user', image: OLD }),
      node({ name: 'akswin1000000', pool: 'win1' }),
    ],
    [kured({ desired: 3 })],
  );

  test('by the reboots that it misses', () => {
    expect(evaluate(aksNodeRebootCompleted, { access, pools })).toMatchObject({
      verdict: 'violation',
      parts: [
        { name: 'system', verdict: 'violation', confidence: 'certain', strength: 3 },
        { name: 'user', verdict: 'compliant', strength: 3 },
        { name: 'idle', verdict: 'unknown' },
      ],
    });
  });

  test('by its image, also where a reboot is missing', () => {
    const latestImages = new Map(pools.map(({ name = '' }) => [name, NEWEST]));
    const health = { access, pools, latestImages };

    expect(evaluate(aksNodeImageCurrent, health, 'NodeImage')).toMatchObject({
      verdict: 'violation',
      evidence: { system: expect.stringContaining('node-label'), user: expect.stringContaining('node-label') },
      parts: [
        { name: 'system', verdict: 'violation', confidence: 'likely', strength: 2 },
        { name: 'user', verdict: 'violation', strength: 2 },
        { name: 'idle', verdict: 'compliant', strength: 1 },
      ],
    });
    expect(evaluate(aksNodeRebootCompleted, health, 'NodeImage')).toMatchObject({
      verdict: 'violation',
      parts: [
        { name: 'system', verdict: 'violation' },
        {
          name: 'user',
          verdict: 'unknown',
          evidence: { missing: 'the node image is overdue: see aks-node-image-current' },
        },
        { name: 'idle', verdict: 'compliant' },
      ],
    });
  });

  test('and is a part of either question when its OS cannot be read', () => {
    const odd = { pools: [linuxPool({ osType: 'BeOS' })] };

    expect(evaluate(aksNodeImageCurrent, odd)).toMatchObject({ verdict: 'unknown', parts: [{ verdict: 'unknown' }] });
  });
});
