import { describe, expect, test } from 'vitest';
import {
  kured,
  linuxPool,
  lock,
  node,
  readNodes,
  rebootNeeded,
  remembered,
} from '../../../src/policy/aks/node-example.ts';
import { KubernetesNode } from '../../../src/resources/kubernetes.ts';
import type { NodeRecord } from '../../../src/resources/node-health.ts';
import { inspect, judge, nodeName } from './inspecting.ts';

const since = '2026-10-30T07:14:09Z';
const annotations = rebootNeeded(since);
const waiting = node({ annotations });
const ok = { verdict: 'ok', basis: 'annotation' };
const overdue = { verdict: 'reboot-missing', basis: 'annotation', since };

function record(change: Partial<NodeRecord>): NodeRecord {
  return { name: nodeName, pool: 'system', uid: 'uid-1', lastSeenAt: '2026-11-02T06:00:00.000Z', ...change };
}

const judgeLockedBy = (value: string) =>
  judge({ access: readNodes([waiting], [kured({ annotations: { 'weave.works/kured-node-lock': value } })]) });

const judgeLocked = (created: string, ttl = 0) => {
  const value = JSON.stringify({ nodeID: nodeName, created, TTL: ttl });
  return judge({
    access: readNodes([waiting], [kured({ annotations: { 'weave.works/kured-node-lock': value } })]),
  });
};

describe('kured’s lock', () => {
  test('shields its holder for two hours', () => {
    expect(judgeLocked('2026-11-02T10:00:00Z')).toMatchObject({
      verdict: 'in-progress',
      basis: 'lock',
      reason: 'lock-held',
    });
    expect(judgeLocked('2026-11-02T09:59:59Z')).toMatchObject(overdue);
  });

  test('shields nobody when it has ended, or is of the future', () => {
    expect(judgeLocked('2026-11-02T11:30:00Z', 3_600_000_000_000)).toMatchObject({ verdict: 'in-progress' });
    expect(judgeLocked('2026-11-02T10:30:00Z', 3_600_000_000_000)).toMatchObject(overdue);
    expect(judgeLocked('2026-11-02T12:05:00Z')).toMatchObject({ verdict: 'in-progress' });
    expect(judgeLocked('2026-11-02T12:05:01Z')).toMatchObject(overdue);
  });

  test('shields nobody when it is another’s, does not say since when, or is none', () => {
    expect(judgeLockedBy('{"nodeID":"other","created":"2026-11-02T11:00:00Z"}')).toMatchObject(overdue);
    expect(judgeLockedBy(`{"nodeID":"${nodeName}"}`)).toMatchObject(overdue);
    expect(judgeLockedBy('{')).toMatchObject(overdue);
  });

  test('shields nobody from a kured that is not able to reboot it', () => {
    const held = lock(nodeName, '2026-11-02T11:00:00Z');

    expect(judge({ access: readNodes([waiting], [kured({ annotations: held, desired: 3, ready: 1 })]) })).toMatchObject(
      overdue,
    );
    expect(judge({ access: readNodes([waiting], [kured({ annotations: held, desired: 2, ready: 1 })]) })).toMatchObject(
      {
        verdict: 'in-progress',
        basis: 'lock',
      },
    );
  });

  test('shields for as long as the setting says', () => {
    const access = readNodes([waiting], [kured({ annotations: lock(nodeName, '2026-11-02T07:00:00Z') })]);

    expect(judge({ access }, { thresholds: { drainGraceHours: 5 } })).toMatchObject({ verdict: 'in-progress' });
  });
});

const metricsOf = (value: 0 | 1, isOverdue = false) => ({
  now: new Map([[nodeName, value]]),
  overdue: new Set(isOverdue ? [nodeName] : []),
});

describe('kured’s metric', () => {
  const silent = readNodes([node()], [kured({ options: [] })]);
  test('is certain when it has been 1 for too long', () => {
    expect(judge({ access: silent, metrics: metricsOf(1, true) })).toMatchObject({
      verdict: 'reboot-missing',
      confidence: 'certain',
      basis: 'metric',
    });
  });

  test('is pending while it is 1, and proof when it is 0', () => {
    expect(judge({ access: silent, metrics: metricsOf(1) })).toMatchObject({ verdict: 'in-progress', basis: 'metric' });
    expect(judge({ access: silent, metrics: metricsOf(0) })).toMatchObject({ verdict: 'ok', basis: 'metric' });
  });

  test('is missing for too long whoever holds the lock', () => {
    const access = readNodes([node()], [kured({ annotations: lock(nodeName, '2026-11-02T11:30:00Z') })]);

    expect(judge({ access, metrics: metricsOf(1, true) })).toMatchObject({
      verdict: 'reboot-missing',
      basis: 'metric',
    });
    expect(judge({ access, metrics: metricsOf(1) })).toMatchObject({ verdict: 'in-progress', basis: 'lock' });
  });

  test('was overdue once, and is not any more, or is not measured now', () => {
    expect(judge({ access: silent, metrics: metricsOf(0, true) })).toMatchObject({ verdict: 'ok', basis: 'metric' });
    expect(judge({ access: silent, metrics: { now: new Map(), overdue: new Set([nodeName]) } })).toMatchObject({
      verdict: 'unknown',
    });
  });

  test('says nothing of a node that it does not name', () => {
    const others = { now: new Map([['other', 0 as const]]), overdue: new Set(['other']) };

    expect(judge({ access: silent, metrics: others })).toMatchObject({
      verdict: 'unknown',
      reason: 'no-reboot-signal',
    });
  });
});

const withoutDaemonSets = (text: string) =>
  ({ state: 'read', nodes: [node({ annotations: rebootNeeded(text) })], daemonSets: undefined }) as const;

const judgeAskedWith = (text: string, options: readonly string[]) =>
  judge({ access: readNodes([node({ annotations: rebootNeeded(text) })], [kured({ options })]) });

const judgeRememberedBefore = (previousSeenAt: string, previousBootId = 'boot-1') =>
  judge({
    access: readNodes([waiting]),
    history: remembered(record({ bootId: 'boot-2', previousBootId, previousSeenAt })),
  });

const judgeRemembered = (change: Partial<NodeRecord>) =>
  judge({ access: readNodes([waiting]), history: remembered(record(change)) });

const judgeRestarted = (started: string) => judgeAsked(since, { started });

const judgeAsked = (text: string, example: Parameters<typeof node>[0] = {}) =>
  judge({ access: readNodes([node({ ...example, annotations: rebootNeeded(text) })]) });

const judgeSince = (bootIdFirstSeen: string, channel = 'Unmanaged', daemonSets = [kured()]) =>
  judge(
    {
      access: readNodes([waiting], daemonSets),
      history: remembered(
        record({ bootId: 'boot-2', bootIdFirstSeen, previousBootId: 'boot-1', previousSeenAt: since }),
      ),
    },
    { channel },
  );

describe('kured’s annotation', () => {
  test('counts as pending for a day', () => {
    expect(judgeAsked('2026-11-01T12:00:00Z')).toMatchObject({ verdict: 'in-progress', reason: 'reboot-pending' });
    expect(judgeAsked('2026-11-01T11:59:59Z')).toMatchObject({ verdict: 'reboot-missing' });
  });

  test('may be ahead by five minutes', () => {
    expect(judgeAsked('2026-11-02T12:05:00Z')).toMatchObject({ verdict: 'in-progress' });
    expect(judgeAsked('2026-11-02T12:05:01Z')).toMatchObject({ verdict: 'unknown', reason: 'annotation-unusable' });
  });

  test('older than the node itself is no evidence, and proves nothing either', () => {
    expect(judgeAsked('2026-09-12T06:00:00Z')).toMatchObject({ verdict: 'reboot-missing' });
    expect(judgeAsked('2026-09-12T05:59:59Z')).toMatchObject({ verdict: 'unknown', reason: 'annotation-unusable' });
  });

  test.each(['', 'true', '2026-02-30T00:00:00Z', '<script>alert(1)</script>', 'x'.repeat(10_000_000)])(
    'that is garbage (%#) is no evidence, and hides what kured would write',
    (text) => {
      expect(judgeAsked(text)).toMatchObject({ verdict: 'unknown', reason: 'annotation-unusable' });
    },
  );

  test('counts also where the node does not say when it was created', () => {
    const { metadata, ...rest } = waiting;
    const { creationTimestamp: _, ...nameless } = metadata;

    expect(judge({ access: readNodes([{ metadata: nameless, ...rest }]) })).toMatchObject(overdue);
  });

  test('is certain when the boot id is known since before it', () => {
    const restarted = node({ annotations, started: '2026-11-01T00:00:00Z' });
    const known = (bootIdFirstSeen: string, bootId = 'boot-2') =>
      judge({
        access: readNodes([restarted]),
        history: remembered(record({ bootId, bootIdFirstSeen })),
      });

    expect(known('2026-10-30T07:14:09Z')).toMatchObject({ ...overdue, confidence: 'certain' });
    expect(known('2026-10-30T07:14:10Z')).toMatchObject({ ...overdue, confidence: 'likely' });
    expect(known('yesterday')).toMatchObject({ ...overdue, confidence: 'likely' });
    expect(known('2026-10-01T00:00:00Z', 'boot-3')).toMatchObject({ verdict: 'ok', basis: 'boot-id' });
  });

  test('is certain when the kubelet has not been restarted since before it', () => {
    expect(judgeRestarted('2026-10-30T07:14:08Z')).toMatchObject({ ...overdue, confidence: 'certain' });
    expect(judgeRestarted('2026-10-30T07:14:09Z')).toMatchObject({ ...overdue, confidence: 'likely' });
    expect(judgeRestarted('never')).toMatchObject({ ...overdue, confidence: 'likely' });
  });

  test('is stale when the old boot id was still seen after it', () => {
    expect(judgeRemembered({ bootId: 'boot-1', lastSeenAt: since })).toMatchObject({ verdict: 'ok', basis: 'boot-id' });
    expect(judgeRemembered({ bootId: 'boot-1', lastSeenAt: '2026-10-30T07:14:08Z' })).toMatchObject(overdue);
    expect(judgeRemembered({ bootId: 'boot-1', lastSeenAt: '' })).toMatchObject(overdue);
    expect(judgeRemembered({ bootId: '', lastSeenAt: since })).toMatchObject(overdue);
    expect(judgeRemembered({ bootId: 'boot-1', lastSeenAt: since, uid: 'another' })).toMatchObject(overdue);
  });

  test('is stale also when that was seen at an earlier look', () => {
    expect(judgeRememberedBefore('2026-10-30T08:00:00Z')).toMatchObject({ verdict: 'ok', basis: 'boot-id' });
    expect(judgeRememberedBefore('2026-10-30T06:00:00Z')).toMatchObject(overdue);
    expect(judgeRememberedBefore('2026-10-30T08:00:00Z', 'boot-2')).toMatchObject(overdue);
  });

  test('hides later requests when it stays after a reboot: for a day the reboot is proof, then nothing is', () => {
    const stale = { verdict: 'unknown', reason: 'annotation-stale' };

    expect(judgeSince('2026-11-01T12:00:00Z')).toMatchObject({ verdict: 'ok', basis: 'boot-id' });
    expect(judgeSince('2026-11-01T11:59:59Z')).toMatchObject(stale);
    expect(judgeSince('yesterday')).toMatchObject(stale);
    expect(judgeSince('2026-10-31T12:00:00Z', 'NodeImage')).toMatchObject({ verdict: 'ok', basis: 'node-label' });
    const saturdays = [kured({ options: ['--annotate-nodes', '--reboot-days=sat'] })];
    expect(judgeSince('2026-11-01T12:00:00Z', 'Unmanaged', saturdays)).toMatchObject({ basis: 'boot-id' });
    expect(judgeSince('2026-10-30T12:00:00Z', 'Unmanaged', saturdays)).toMatchObject(stale);
  });

  test('that is stale leaves the kernel to tell', () => {
    const neighbour = node({ name: 'aks-system-25481572-vmss000001', kernel: '5.15.0-1100-azure' });
    const history = remembered(
      record({
        bootId: 'boot-2',
        bootIdFirstSeen: '2026-10-30T12:00:00Z',
        previousBootId: 'boot-1',
        previousSeenAt: since,
        kernelSkewSince: '2026-10-31T00:00:00Z',
      }),
    );

    expect(judge({ access: readNodes([waiting, neighbour]), history })).toMatchObject({
      verdict: 'reboot-missing',
      basis: 'kernel',
    });
  });

  test('is never stale while the boot id is not told', () => {
    const blank = node({ annotations, bootId: '' });
    const { status, ...rest } = blank;
    const untold = { ...rest, status: { ...status, nodeInfo: {} } };
    const history = remembered(record({ bootId: 'boot-1', bootIdFirstSeen: '2026-09-13T00:00:00Z' }));

    expect(judge({ access: readNodes([blank]), history })).toMatchObject(overdue);
    expect(judge({ access: readNodes([untold]), history })).toMatchObject(overdue);
  });

  test('waits for a whole window of kured, where it has one', () => {
    const weekly = ['--annotate-nodes', '--reboot-days=sun', '--start-time=02:00', '--end-time=05:00'];
    expect(judgeAskedWith('2026-10-25T02:10:00Z', weekly)).toMatchObject({ verdict: 'reboot-missing' });
    expect(judgeAskedWith('2026-10-27T02:10:00Z', weekly)).toMatchObject({ verdict: 'reboot-missing' });
    expect(judgeAskedWith('2026-11-01T02:10:00Z', weekly)).toMatchObject({ verdict: 'in-progress' });
    // A window that cannot be read may be on any day of the week.
    expect(judgeAskedWith('2026-10-27T02:10:00Z', ['--annotate-nodes', '--start-time=$(START)'])).toMatchObject({
      verdict: 'in-progress',
    });
    expect(judgeAskedWith('2026-10-25T02:10:00Z', ['--annotate-nodes', '--start-time=$(START)'])).toMatchObject({
      verdict: 'reboot-missing',
    });
    expect(judgeAskedWith('2026-10-31T02:10:00Z', ['--annotate-nodes', '--reboot-days='])).toMatchObject({
      verdict: 'reboot-missing',
    });
  });

  test('waits for the longest window where nothing is known of kured', () => {
    expect(judge({ access: withoutDaemonSets('2026-10-26T12:00:00Z') })).toMatchObject({ verdict: 'in-progress' });
    expect(judge({ access: withoutDaemonSets('2026-10-25T11:59:59Z') })).toMatchObject({ verdict: 'reboot-missing' });
  });

  test('counts on every channel', () => {
    expect(judge({ access: readNodes([waiting]) }, { channel: 'NodeImage' })).toMatchObject(overdue);
  });
});

const judgeYoung = (created: string, options: readonly string[] = []) =>
  judge({ access: readNodes([node()], [kured({ created, options: ['--annotate-nodes', ...options] })]) });

const judgeBeside = (created: string) => judge({ access: readNodes([node()], [kured(), kured({ created })]) });

describe('kured’s silence', () => {
  test('is proof where it is ready and writes on nodes', () => {
    expect(judge()).toMatchObject(ok);
  });

  test.each([
    ['is not installed', []],
    ['does not annotate', [kured({ options: [] })]],
    ['is not ready', [kured({ desired: 2, ready: 1 })]],
    ['should not run anywhere', [kured({ desired: 0 })]],
  ])('is none where kured %s', (_what, daemonSets) => {
    expect(judge({ access: readNodes([node()], daemonSets) })).toMatchObject({
      verdict: 'unknown',
      basis: 'none',
      reason: 'no-reboot-signal',
    });
  });

  test('is none on a node with a taint that kured does not tolerate', () => {
    const tainted = node({ taints: [{ key: 'sku', value: 'gpu', effect: 'NoSchedule' }] });

    expect(judge({ access: readNodes([tainted]) })).toMatchObject({ verdict: 'unknown' });
  });

  test('is none before the node has been through a whole window', () => {
    const weekly = kured({ options: ['--annotate-nodes', '--reboot-days=sun'] });
    const created = (creationTimestamp: string) => {
      const { metadata, ...rest } = node();
      return judge({ access: readNodes([{ metadata: { ...metadata, creationTimestamp }, ...rest }], [weekly]) });
    };

    expect(created('2026-10-31T23:59:59Z')).toMatchObject(ok);
    expect(created('2026-11-01T00:00:00Z')).toMatchObject({ verdict: 'unknown' });
    expect(created('long ago')).toMatchObject({ verdict: 'unknown' });
    const never = kured({ options: ['--annotate-nodes', '--reboot-days='] });
    expect(judge({ access: readNodes([node()], [never]) })).toMatchObject({ verdict: 'unknown' });
  });

  test('is none before kured and the node have been there for a whole period', () => {
    const silent = { verdict: 'unknown', reason: 'no-reboot-signal' };

    expect(judgeYoung('2026-11-02T10:59:59Z')).toMatchObject(ok);
    expect(judgeYoung('2026-11-02T11:00:00Z')).toMatchObject(silent);
    expect(judgeYoung('2026-11-02T10:59:59Z', ['--period=2h'])).toMatchObject(silent);
    expect(judgeYoung('2026-11-02T11:50:00Z', ['--period=5m'])).toMatchObject(ok);
    expect(judgeYoung('never')).toMatchObject(silent);
    const { metadata, ...rest } = node();
    const fresh = { ...rest, metadata: { ...metadata, creationTimestamp: '2026-11-02T11:30:00Z' } };
    expect(judge({ access: readNodes([fresh]) })).toMatchObject(silent);
  });

  test('is none before kured has been through a whole window', () => {
    expect(judgeYoung('2026-10-31T23:59:59Z', ['--reboot-days=sun'])).toMatchObject(ok);
    expect(judgeYoung('2026-11-01T00:00:00Z', ['--reboot-days=sun'])).toMatchObject({ verdict: 'unknown' });
  });

  test('is none where one of several kureds could not have spoken', () => {
    expect(judgeBeside('2026-11-01T00:00:00Z')).toMatchObject(ok);
    expect(judgeBeside('2026-11-02T11:59:00Z')).toMatchObject({ verdict: 'unknown' });
  });

  test('makes the newest image better proof on other channels', () => {
    expect(judge({}, { channel: 'NodeImage' })).toMatchObject(ok);
    expect(judge({ access: readNodes([node()], []) }, { channel: 'NodeImage' })).toMatchObject({
      verdict: 'ok',
      basis: 'node-label',
    });
  });

  test('does not make up for what nobody removes: the annotation of the most recent need', () => {
    const recent = node({ annotations: { 'weave.works/kured-most-recent-reboot-needed': since } });

    expect(judge({ access: readNodes([recent]) })).toMatchObject(ok);
    expect(judge({ access: readNodes([recent], []) })).toMatchObject({ verdict: 'unknown' });
  });
});

const judgeSkewed = (example: Parameters<typeof node>[0], kernelSkewSince: string | undefined) =>
  judge({
    access: readNodes(
      [
        node({ kernel: '5.15.0-1089-azure' }),
        node({ name: 'aks-system-25481572-vmss000001', ...example }),
        node({ name: 'aks-system-25481572-vmss000002', kernel: '?' }),
      ],
      [],
    ),
    history: remembered(record(kernelSkewSince === undefined ? {} : { kernelSkewSince })),
  });

describe('a kernel older than a neighbour’s', () => {
  test('is a likely sign after two days', () => {
    expect(judgeSkewed({}, '2026-10-31T11:59:59Z')).toMatchObject({
      verdict: 'reboot-missing',
      confidence: 'likely',
      basis: 'kernel',
      since: '2026-10-31T11:59:59Z',
      detail: 'runs kernel 5.15.0-1089-azure, while a node of the same kind in its pool runs 5.15.0-1094-azure',
    });
    expect(judgeSkewed({}, '2026-10-31T12:00:00Z')).toMatchObject({ verdict: 'unknown' });
    expect(judgeSkewed({}, undefined)).toMatchObject({ verdict: 'unknown' });
  });

  test('does not count from before a reboot, or another kernel', () => {
    const skewedSince = '2026-10-01T00:00:00Z';
    const skewed = (change: Partial<NodeRecord>) =>
      judge({
        access: readNodes(
          [node({ kernel: '5.15.0-1089-azure' }), node({ name: 'aks-system-25481572-vmss000001' })],
          [],
        ),
        history: remembered(record({ kernelSkewSince: skewedSince, ...change })),
      });

    expect(skewed({ bootId: 'boot-2', kernel: '5.15.0-1089-azure' })).toMatchObject({ basis: 'kernel' });
    expect(skewed({ bootId: 'boot-1', kernel: '5.15.0-1089-azure' })).toMatchObject({ verdict: 'unknown' });
    expect(skewed({ bootId: 'boot-2', kernel: '5.15.0-1080-azure' })).toMatchObject({ verdict: 'unknown' });
  });

  test.each([
    ['of another OS SKU', { labels: { 'kubernetes.azure.com/os-sku': 'AzureLinux' } }],
    ['with a kernel that cannot be read', { kernel: '<b>6.0</b>' }],
    ['with a kernel of absurd numbers', { kernel: '5.15.0-99999999999999999999' }],
    ['with the same kernel', { kernel: '5.15.0-1089-azure' }],
    ['with an older kernel', { kernel: '5.4.0-9999-azure' }],
  ])('does not count beside a node %s', (_what, example) => {
    expect(judgeSkewed(example, '2026-10-01T00:00:00Z')).toMatchObject({ verdict: 'unknown' });
  });

  test('is told by number, segment by segment', () => {
    expect(judgeSkewed({ kernel: '5.15.0-1089.1-azure' }, '2026-10-01T00:00:00Z')).toMatchObject({ basis: 'kernel' });
    expect(judgeSkewed({ kernel: '5.15' }, '2026-10-01T00:00:00Z')).toMatchObject({ verdict: 'unknown' });
  });

  test('does not count beside a node of another architecture or pool', () => {
    const neighbour = node({ name: 'aks-system-25481572-vmss000001' });
    const { status, ...rest } = neighbour;
    const arm = { ...rest, status: { ...status, nodeInfo: { ...status.nodeInfo, architecture: 'arm64' } } };
    const unlabelled = { ...rest, status: { ...status, nodeInfo: { kernelVersion: '6.0.0' } } };
    const beside = (other: typeof neighbour) =>
      judge({
        access: readNodes([node({ kernel: '5.15.0-1089-azure' }), other], []),
        history: remembered(record({ kernelSkewSince: '2026-10-01T00:00:00Z' })),
      });

    expect(beside(neighbour)).toMatchObject({ basis: 'kernel' });
    expect(beside(arm)).toMatchObject({ verdict: 'unknown' });
    expect(beside(unlabelled)).toMatchObject({ verdict: 'unknown' });
  });
});

test('a node that belongs to no pool is not judged, and is part of no pool', () => {
  const stray = node({ name: 'virtual-node-aci-linux', pool: 'gone' });

  const { nodes, pools } = inspect({ access: readNodes([node(), stray]) });

  expect(nodes.get('virtual-node-aci-linux')).toMatchObject({ verdict: 'unknown', reason: 'no-pool', pool: '' });
  expect([...pools.keys()]).toEqual(['system']);
});

test('a node without the label of its pool is found by its name', () => {
  const { metadata, ...rest } = waiting;
  const { 'kubernetes.azure.com/agentpool': _, ...labels } = metadata.labels;

  expect(judge({ access: readNodes([{ metadata: { ...metadata, labels }, ...rest }]) })).toMatchObject({
    ...overdue,
    pool: 'system',
  });
});

test('a node belongs to the pool that its name tells, whatever its labels say', () => {
  const pools = [linuxPool(), linuxPool({ name: 'user' })];
  const poolOf = (name: string, pool: string) =>
    inspect({ pools, access: readNodes([node({ name, pool })]) }).nodes.get(name)?.pool;

  expect(poolOf('aks-user-31415926-vmss000000', 'system')).toBe('user');
  expect(poolOf('aks-gone-31415926-vmss000000', 'system')).toBe('system');
  expect(poolOf('byo-machine', 'system')).toBe('system');
});

test('a node that is listed without a uid is told apart by that of its row, and else by its name', () => {
  const access = { state: 'read', nodes: [node({ uid: '', annotations })], daemonSets: undefined } as const;
  const history = remembered(record({ uid: 'uid-7', bootId: 'boot-1', lastSeenAt: since }));

  expect(judge({ access, history })).toMatchObject({ uid: 'uid-7', verdict: 'ok', basis: 'boot-id' });
  expect(judge({ access })).toMatchObject({ uid: nodeName, verdict: 'in-progress' });
});

const withText = (value: unknown) =>
  KubernetesNode.safeParse({
    metadata: { name: nodeName, uid: 'uid-1', annotations: value, labels: {} },
    status: {},
  });

test('what is written on a node is read as a whole or not at all', () => {
  expect(withText({ a: 'b', c: 7 }).success).toBe(false);
  expect(withText('none').success).toBe(false);
  expect(withText(null).data?.metadata.annotations).toEqual({});
  expect(withText(undefined).data?.metadata.annotations).toEqual({});
  expect(withText({ a: 'b' }).data?.metadata.annotations).toEqual({ a: 'b' });
});
