import { describe, expect, test } from 'vitest';
import {
  clusterOn,
  node,
  nodeHealth,
  readNodes,
  rebootNeeded,
  remembered,
} from '../../../src/policy/aks/node-example.ts';
import { type CollectedHealth, detect } from '../../../src/policy/node-health/detect.ts';
import { recordNodes } from '../../../src/policy/node-health/history.ts';
import { toThresholds } from '../../../src/policy/node-health/parameters.ts';
import { ManagedCluster } from '../../../src/resources/managed-cluster.ts';
import type { NodeRecord } from '../../../src/resources/node-health.ts';
import { inspect, nodeName, now } from './inspecting.ts';

const at = now.toISOString();
const cluster = ManagedCluster.parse(clusterOn('Unmanaged'));

function record(health: Partial<CollectedHealth>): readonly NodeRecord[] {
  return recordNodes(nodeHealth(health), inspect(health), now);
}

function row(change: Partial<NodeRecord> = {}): NodeRecord {
  return { name: nodeName, pool: 'system', uid: 'uid-1', lastSeenAt: '2026-11-02T06:00:00.000Z', ...change };
}

describe('what is remembered of a node', () => {
  test('at first sight', () => {
    expect(record({})).toEqual([
      {
        name: nodeName,
        pool: 'system',
        uid: 'uid-1',
        bootId: 'boot-2',
        bootIdFirstSeen: at,
        kernel: '5.15.0-1094-azure',
        lastVerdict: 'ok',
        lastSeenAt: at,
      },
    ]);
  });

  test('while nothing changes: since when its boot id is known, and the one before', () => {
    const before = {
      bootId: 'boot-2',
      bootIdFirstSeen: '2026-10-01T00:00:00.000Z',
      previousBootId: 'boot-1',
      previousSeenAt: '2026-09-30T18:00:00.000Z',
    };

    expect(record({ history: remembered(row(before)) })).toMatchObject([{ ...before, lastSeenAt: at }]);
  });

  test('after a reboot: the old boot id, and when it was last seen', () => {
    const history = remembered(
      row({ bootId: 'boot-1', bootIdFirstSeen: '2026-10-01T00:00:00.000Z', previousBootId: 'boot-0' }),
    );

    expect(record({ history })).toMatchObject([
      {
        bootId: 'boot-2',
        bootIdFirstSeen: at,
        previousBootId: 'boot-1',
        previousSeenAt: '2026-11-02T06:00:00.000Z',
      },
    ]);
  });

  test('when it is another node of the same name: nothing of the old one', () => {
    const history = remembered(
      row({ uid: 'old', bootId: 'boot-1', previousBootId: 'boot-0', kernelSkewSince: '2026-10-01T00:00:00.000Z' }),
    );

    expect(record({ history })).toEqual(record({}));
  });

  test('when its boot id is not told: the one before is not taken as seen', () => {
    const access = readNodes([node({ bootId: '' })]);
    const history = remembered(row({ bootId: 'boot-1', bootIdFirstSeen: '2026-10-01T00:00:00.000Z' }));
    const [blank] = record({ access, history });

    expect(blank).toMatchObject({ previousBootId: 'boot-1', previousSeenAt: '2026-11-02T06:00:00.000Z' });
    expect(blank).not.toHaveProperty('bootId');
    expect(blank).not.toHaveProperty('bootIdFirstSeen');
    expect(record({ history: remembered(blank ?? row()) })).toMatchObject([
      { bootId: 'boot-2', bootIdFirstSeen: at, previousBootId: 'boot-1', previousSeenAt: '2026-11-02T06:00:00.000Z' },
    ]);
    const { status, ...rest } = node();
    const untold = readNodes([{ ...rest, status: { ...status, nodeInfo: {} } }]);
    expect(record({ access: untold, history: remembered(row()) })).toEqual([
      { name: nodeName, pool: 'system', uid: 'uid-1', lastVerdict: 'ok', lastSeenAt: at },
    ]);
  });

  test('also from a row that does not say since when its boot id is known', () => {
    expect(record({ history: remembered(row({ bootId: 'boot-2' })) })).toMatchObject([
      { bootId: 'boot-2', bootIdFirstSeen: at },
    ]);
  });

  test('when its kernel is older than a neighbour’s: since when, until it is not any more', () => {
    const neighbour = node({ name: 'aks-system-25481572-vmss000001', kernel: '5.15.0-1100-azure' });
    const access = readNodes([node(), neighbour]);
    const since = '2026-10-31T00:00:00.000Z';

    expect(record({ access })[0]).toMatchObject({ kernelSkewSince: at });
    expect(record({ access })[1]).not.toHaveProperty('kernelSkewSince');
    expect(record({ access, history: remembered(row({ kernelSkewSince: since })) })[0]).toMatchObject({
      kernelSkewSince: since,
    });
    expect(record({ history: remembered(row({ kernelSkewSince: since })) })[0]).not.toHaveProperty('kernelSkewSince');
  });

  test('when its kernel or boot id is another one: the time of the old one does not count', () => {
    const neighbour = node({ name: 'aks-system-25481572-vmss000001', kernel: '5.15.0-1100-azure' });
    const access = readNodes([node(), neighbour]);
    const since = '2026-10-01T00:00:00.000Z';
    const skewed = (change: Partial<NodeRecord>) =>
      record({ access, history: remembered(row({ kernelSkewSince: since, ...change })) })[0]?.kernelSkewSince;

    expect(skewed({ bootId: 'boot-2', kernel: '5.15.0-1094-azure' })).toBe(since);
    expect(skewed({ bootId: 'boot-2', kernel: '5.15.0-1089-azure' })).toBe(at);
    expect(skewed({ bootId: 'boot-1', kernel: '5.15.0-1094-azure' })).toBe(at);
  });

  test('listed without a uid, as by run command: that of the row', () => {
    const access = { state: 'read', nodes: [node({ uid: '' })], daemonSets: undefined } as const;
    const history = remembered(row({ bootId: 'boot-2', bootIdFirstSeen: '2026-10-01T00:00:00.000Z' }));

    expect(record({ access, history })).toMatchObject([
      { uid: 'uid-1', bootId: 'boot-2', bootIdFirstSeen: '2026-10-01T00:00:00.000Z' },
    ]);
    expect(record({ access })).toMatchObject([{ uid: '' }]);
  });

  test('when it is not there: its row for 30 days', () => {
    const gone = row({ name: 'gone', lastSeenAt: '2026-10-03T12:00:00.000Z' });
    const forgotten = row({ name: 'forgotten', lastSeenAt: '2026-10-03T11:59:59.000Z' });
    const damaged = row({ name: 'damaged', lastSeenAt: 'never' });

    expect(record({ history: remembered(gone, forgotten, damaged) }).map(({ name }) => name)).toEqual([
      nodeName,
      'gone',
    ]);
  });

  test('when the nodes cannot be read: what was known', () => {
    const access = { state: 'unreadable', reason: 'unreachable', isLasting: false, because: 'timeout' } as const;
    const history = remembered(row({ bootId: 'boot-1' }));

    expect(record({ access, history })).toEqual([row({ bootId: 'boot-1' })]);
  });

  test('without a verdict when there is none', () => {
    const empty = { nodes: new Map(), pools: new Map(), coverage: [], coverageWords: new Map(), strays: [] };

    expect(recordNodes(nodeHealth(), empty, now)[0]).toMatchObject({ pool: '' });
    expect(recordNodes(nodeHealth(), empty, now)[0]).not.toHaveProperty('lastVerdict');
  });
});

/** Each look sees one boot id of a node that kured asks to reboot. */
function inspectAll(looks: readonly { readonly bootId: string; readonly annotated: boolean; readonly uid?: string }[]) {
  let history: CollectedHealth['history'] = new Map();
  return looks.map(({ annotated, bootId, uid = 'uid-1' }, index) => {
    const annotations = annotated ? rebootNeeded('2026-10-30T07:14:09Z') : {};
    const access = readNodes([node({ annotations, bootId, uid, started: '2026-10-30T12:00:00Z' })]);
    const moment = new Date(Date.parse('2026-10-30T06:00:00Z') + index * 6 * 3_600_000);
    const health = nodeHealth({ access, history });
    const detection = detect(cluster, health, toThresholds(), moment);
    history = remembered(...recordNodes(health, detection, moment));
    const verdict = detection.nodes.get(nodeName);
    return verdict?.verdict === 'ok' ? verdict.basis : `${verdict?.verdict} ${verdict?.confidence ?? ''}`.trim();
  });
}

describe('over several inspections, six hours apart', () => {
  const before = { bootId: 'a', annotated: false };
  const asked = { bootId: 'a', annotated: true };
  const rebooted = { bootId: 'b', annotated: true };

  test('a reboot that was proven stays proven for a day; a request that is still there then hides later ones', () => {
    expect(inspectAll([before, asked, rebooted, rebooted, rebooted, rebooted, rebooted, rebooted])).toEqual([
      'annotation',
      'in-progress',
      'boot-id',
      'boot-id',
      'boot-id',
      'boot-id',
      'boot-id',
      'unknown',
    ]);
  });

  test('a second reboot does not unprove the first', () => {
    expect(
      inspectAll([before, asked, rebooted, { bootId: 'c', annotated: true }, { bootId: 'c', annotated: true }]),
    ).toEqual(['annotation', 'in-progress', 'boot-id', 'boot-id', 'boot-id']);
  });

  test('a boot id that is not told for once neither proves nor loses anything', () => {
    const untold = { bootId: '', annotated: true };

    expect(inspectAll([before, asked, untold, rebooted, rebooted]).slice(2)).toEqual([
      'in-progress',
      'boot-id',
      'boot-id',
    ]);
    expect(inspectAll([before, untold, rebooted, asked]).slice(1)).toEqual(['in-progress', 'in-progress', 'boot-id']);
  });

  test('a boot id that changed between the last look and the request proves nothing, however often one looks', () => {
    expect(inspectAll([before, rebooted, rebooted, rebooted, rebooted, rebooted, rebooted])).toEqual([
      'annotation',
      'in-progress',
      'in-progress',
      'in-progress',
      'in-progress',
      'reboot-missing likely',
      'reboot-missing likely',
    ]);
  });

  test('a node that never reboots is certain to miss it, as its boot id is known since before the request', () => {
    expect(inspectAll([before, asked, asked, asked, asked, asked]).at(-1)).toBe('reboot-missing certain');
  });

  test('another node of the same name starts anew', () => {
    const other = { ...rebooted, uid: 'uid-2' };

    expect(inspectAll([before, asked, other, other]).slice(1)).toEqual(['in-progress', 'in-progress', 'in-progress']);
  });
});
