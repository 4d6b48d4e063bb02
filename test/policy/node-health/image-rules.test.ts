import { describe, expect, test } from 'vitest';
import {
  linuxPool,
  NEWEST,
  NEWEST_WINDOWS,
  node,
  OLD,
  OLD_WINDOWS,
  readNodes,
  windowsPool,
} from '../../../src/policy/aks/node-example.ts';
import { NodeOsMaintenance } from '../../../src/resources/node-os-maintenance.ts';
import { inspect, judge } from './inspecting.ts';

const channel = 'NodeImage';
const image = (version: string, annotations: Readonly<Record<string, string>> = {}) =>
  readNodes([node({ image: version, annotations })], []);
const made = (day: string) => `AKSUbuntu-2204gen2containerd-${day}`;

function schedule(startDate: string, notAllowedDates: readonly unknown[] = []): NodeOsMaintenance {
  const maintenanceWindow = {
    schedule: { weekly: { intervalWeeks: 1, dayOfWeek: 'Sunday' } },
    durationHours: 4,
    startTime: '01:00',
    startDate,
    notAllowedDates,
  };
  return NodeOsMaintenance.parse({ properties: { maintenanceWindow } });
}

const onNodeImageAt = (text: string) => ({ channel, now: new Date(text) });

const judgeImage = (version: string, latest: string | undefined = NEWEST) =>
  judge(
    { access: image(version), latestImages: new Map(latest === undefined ? [] : [['system', latest]]) },
    { channel },
  ).image;

describe('a node image', () => {
  test('is fine while it is the newest, whatever its age and its security patches', () => {
    expect(judgeImage(OLD, OLD)).toMatchObject({ verdict: 'ok', basis: 'node-label' });
    expect(judgeImage(`${OLD}-2026.09.20`, OLD)).toMatchObject({ verdict: 'ok' });
    expect(judgeImage(OLD, `${OLD}-2026.09.20`)).toMatchObject({ verdict: 'ok' });
  });

  test('is overdue after 30 days, counted to the hour', () => {
    const access = image(made('202610.03.0'));

    expect(judge({ access }, onNodeImageAt('2026-11-02T00:00:00Z')).image).toMatchObject({ verdict: 'ok' });
    expect(judge({ access }, onNodeImageAt('2026-11-02T00:00:01Z')).image).toMatchObject({
      verdict: 'reimage-missing',
      confidence: 'likely',
      since: '2026-11-02T00:00:00Z',
    });
  });

  test('is as young as its latest security patch', () => {
    expect(judgeImage(`${OLD}-2026.10.20`)).toMatchObject({ verdict: 'ok' });
  });

  test.each(['', 'custom', made('202613.10.0'), `${made('202609.10.0')}\n`])(
    'whose version cannot be read (%#) is not judged',
    (version) => {
      expect(judgeImage(version)).toMatchObject({ verdict: 'unknown', reason: 'image-unparsed' });
    },
  );

  test('is not judged where the newest one is not known, or cannot be read', () => {
    const unknown = { verdict: 'unknown', reason: 'latest-image-unknown' };

    expect(judge({ access: image(OLD), latestImages: new Map() }, { channel }).image).toMatchObject(unknown);
    expect(judgeImage(OLD, 'none')).toMatchObject(unknown);
  });

  test('that claims to be of the future is not believed', () => {
    expect(judgeImage(made('202611.03.0'))).toMatchObject({ verdict: 'ok' });
    expect(judgeImage(made('202611.04.0'))).toMatchObject({ verdict: 'unknown', reason: 'image-date-ahead' });
  });

  test('may be of tomorrow: elsewhere it is later', () => {
    const tomorrow = { access: image(made('202611.04.0')) };

    expect(judge(tomorrow, onNodeImageAt('2026-11-03T00:00:00Z')).image).toMatchObject({ verdict: 'ok' });
    expect(judge(tomorrow, onNodeImageAt('2026-11-02T23:59:59Z')).image).toMatchObject({ verdict: 'unknown' });
  });

  test('is not judged without its label, whatever ARM says', () => {
    const { metadata, ...rest } = node();
    const { 'kubernetes.azure.com/node-image-version': _, ...labels } = metadata.labels;

    expect(
      judge({ access: readNodes([{ metadata: { ...metadata, labels }, ...rest }], []) }, { channel }),
    ).toMatchObject({
      verdict: 'unknown',
      reason: 'image-unparsed',
    });
  });
});

const judgeScheduled = (startDate: string, version = OLD) =>
  judge({ access: image(version), maintenance: schedule(startDate) }, { channel }).image;

const judgeBefore = (last: string) =>
  judge({ access: image(OLD), maintenance: schedule('2026-01-01', [{ start: last, end: '2026-12-31' }]) }, { channel })
    .image;

describe('with a maintenance schedule an old image', () => {
  test('is overdue only when a window has passed since it had two weeks to come', () => {
    expect(judgeScheduled('2026-01-01')).toMatchObject({ verdict: 'reimage-missing' });
    expect(judgeScheduled('2026-10-26')).toMatchObject({ verdict: 'reimage-missing' });
    expect(judgeScheduled('2026-11-02')).toMatchObject({ verdict: 'ok', basis: 'deadline' });
  });

  test('is not overdue by windows of its first two weeks', () => {
    expect(judgeBefore('2026-09-21')).toMatchObject({ verdict: 'ok', basis: 'deadline' });
    expect(judgeBefore('2026-09-28')).toMatchObject({ verdict: 'reimage-missing' });
  });

  test('is neither overdue nor fine when the schedule cannot be read', () => {
    const unclear = { verdict: 'unknown', reason: 'maintenance-unreadable' };

    expect(judgeScheduled('2026-02-30')).toMatchObject(unclear);
    expect(judge({ access: image(OLD), maintenance: 'unreadable' }, { channel }).image).toMatchObject(unclear);
  });

  test('is fine while it is young, whatever the schedule', () => {
    expect(judgeScheduled('2026-02-30', made('202610.20.0'))).toMatchObject({ verdict: 'ok' });
  });
});

const judgeFailed = (
  failures: readonly { readonly pool?: string; readonly at: string }[],
  version = made('202610.18.0'),
) => judge({ access: image(version), failures, maintenance: 'unreadable' }, { channel }).image;

const judgeUnfailed = (version: string, on = channel) =>
  judge({ access: image(version), failures: 'unreadable' }, { channel: on }).image;

describe('a failed upgrade', () => {
  test('counts at once, for the pool or the whole cluster, since the first one', () => {
    const missing = { verdict: 'reimage-missing', confidence: 'likely', basis: 'event' };

    expect(judgeFailed([{ at: '2026-11-02T11:00:00Z' }, { at: '2026-11-01T11:00:00Z' }])).toMatchObject({
      ...missing,
      since: '2026-11-01T11:00:00Z',
    });
    expect(judgeFailed([{ pool: 'System', at: 'soon' }])).toMatchObject(missing);
    expect(judgeFailed([{ pool: 'System', at: 'soon' }])).not.toHaveProperty('since');
  });

  test('does not count from before the image was made', () => {
    expect(judgeFailed([{ at: '2026-10-17T23:59:59Z' }])).toMatchObject({ verdict: 'ok' });
    expect(judgeFailed([{ at: '2026-10-17T23:59:59Z' }, { at: '2026-10-18T00:00:00Z' }])).toMatchObject({
      verdict: 'reimage-missing',
      since: '2026-10-18T00:00:00Z',
    });
  });

  test('that cannot be known of leaves open what is not the newest, and is not overdue', () => {
    const failures = 'unreadable';
    const unclear = { verdict: 'unknown', reason: 'failures-unknown' };

    expect(judgeUnfailed(made('202610.18.0'))).toMatchObject(unclear);
    expect(judgeUnfailed(NEWEST)).toMatchObject({ verdict: 'ok' });
    expect(judgeUnfailed(OLD)).toMatchObject({ verdict: 'reimage-missing' });
    expect(judgeUnfailed(OLD, 'Unmanaged')).toMatchObject({ verdict: 'ok', basis: 'channel' });
    expect(
      judge({ access: image(OLD), failures, maintenance: schedule('2026-11-02') }, { channel }).image,
    ).toMatchObject(unclear);
    const access = { state: 'unreadable', reason: 'unreachable', isLasting: true, because: 'no answer' } as const;
    const pools = [linuxPool({ nodeImageVersion: made('202610.18.0') })];
    expect(inspect({ access, failures, pools }, { channel }).pools.get('system')).toMatchObject({ verdict: 'unknown' });
  });

  test('does not count for another pool, or when the image is the newest', () => {
    expect(judgeFailed([{ pool: 'user', at: '2026-11-02T11:00:00Z' }])).toMatchObject({ verdict: 'ok' });
    expect(judgeFailed([{ at: '2026-11-02T11:00:00Z' }], NEWEST)).toMatchObject({ verdict: 'ok' });
  });
});

const judgePatched = (annotations: Readonly<Record<string, string>>, on = 'SecurityPatch') =>
  judge({ access: image(NEWEST, annotations) }, { channel: on });

const judgeListed = (version: string, on = 'SecurityPatch') =>
  judge({ access: { state: 'read', nodes: [node({ image: version })], daemonSets: undefined } }, { channel: on }).image;

describe('a live patch', () => {
  const golden = 'kubernetes.azure.com/live-patching-golden-timestamp';
  const current = 'kubernetes.azure.com/live-patching-current-timestamp';
  test('is overdue when it has been wanted for more than two days', () => {
    expect(judgePatched({ [golden]: '20261031T115959Z' })).toMatchObject({
      verdict: 'reimage-missing',
      confidence: 'likely',
      basis: 'live-patch',
      since: '2026-11-02T11:59:59Z',
    });
    expect(judgePatched({ [golden]: '20261031T115959Z', [current]: '20261024T000000Z' })).toMatchObject({
      verdict: 'reimage-missing',
    });
    expect(judgePatched({ [golden]: '20261031T115959Z', [current]: 'garbage' })).toMatchObject({
      verdict: 'reimage-missing',
    });
  });

  test('that is wanted for less is no proof of anything better', () => {
    expect(judgePatched({ [golden]: '20261031T120000Z' })).toMatchObject({ verdict: 'ok', basis: 'deadline' });
  });

  test('that the node has, or that nobody wants, is fine', () => {
    expect(judgePatched({ [golden]: '20261001T000000Z', [current]: '20261001T000000Z' })).toMatchObject({
      verdict: 'ok',
      basis: 'node-label',
    });
    expect(judgePatched({ [current]: '20261001T000000Z' })).toMatchObject({ verdict: 'ok', basis: 'node-label' });
  });

  test('whose time cannot be read leaves it open', () => {
    expect(judgePatched({ [golden]: 'tomorrow' })).toMatchObject({ verdict: 'unknown', reason: 'live-patch-unparsed' });
  });

  test('is not known of nodes that were listed by run command', () => {
    expect(judgeListed(NEWEST)).toMatchObject({ verdict: 'unknown', reason: 'live-patch-unknown' });
    expect(judgeListed(OLD)).toMatchObject({ verdict: 'reimage-missing', basis: 'node-label' });
    expect(judgeListed(NEWEST, 'NodeImage')).toMatchObject({ verdict: 'ok' });
  });

  test('counts on no other channel', () => {
    expect(judgePatched({ [golden]: '20261001T000000Z' }, 'NodeImage')).toMatchObject({ verdict: 'ok' });
    expect(judgePatched({ [golden]: '20261001T000000Z' }, ' securityPATCH ')).toMatchObject({
      verdict: 'reimage-missing',
    });
  });
});

describe('what is known of the image decides for the node', () => {
  const metrics = { now: new Map([['aks-system-25481572-vmss000000', 0 as const]]), overdue: new Set<string>() };

  test('also when no reboot is needed', () => {
    expect(judge({ access: image(OLD), metrics }, { channel })).toMatchObject({
      verdict: 'reimage-missing',
      basis: 'node-label',
    });
    expect(judge({ access: image(NEWEST), metrics }, { channel })).toMatchObject({ verdict: 'ok', basis: 'metric' });
  });

  test('but not on channel Unmanaged', () => {
    expect(judge({ access: image(OLD), metrics })).toMatchObject({ verdict: 'ok', basis: 'metric' });
  });
});

describe('a Windows node', () => {
  const pools = [windowsPool()];
  const judged = (version: string) => {
    const { nodes } = inspect({
      pools,
      access: readNodes([node({ name: 'akswin1000000', pool: '', image: version, bootId: '' })], []),
    });
    return nodes.get('akswin1000000');
  };

  test('is judged by its image alone, on every channel', () => {
    expect(judged(NEWEST_WINDOWS)).toMatchObject({ verdict: 'ok', pool: 'win1', basis: 'node-label' });
    expect(judged(OLD_WINDOWS)).toMatchObject({ verdict: 'reimage-missing', confidence: 'likely' });
    // 40 days old: Windows images are monthly.
    expect(judged('AKSWindows-2022-containerd-20348.4052.260923')).toMatchObject({ verdict: 'ok' });
  });
});

const unreachable = { state: 'unreadable', reason: 'unreachable', isLasting: false, because: 'timeout' } as const;
const oldPools = [linuxPool({ nodeImageVersion: OLD }), windowsPool()];
const poolsOn = (on: string) => [...inspect({ access: unreachable, pools: oldPools }, { channel: on }).pools.values()];

describe('where the nodes cannot be read', () => {
  test('ARM tells of the image, and nothing tells of reboots', () => {
    expect(poolsOn('Unmanaged')).toMatchObject([
      { name: 'system', verdict: 'unknown', image: { verdict: 'ok' } },
      { name: 'win1', verdict: 'ok', strength: 1 },
    ]);
    expect(poolsOn('NodeImage')).toMatchObject([
      { name: 'system', verdict: 'reimage-missing', confidence: 'likely', strength: 1, missing: [] },
      { name: 'win1', verdict: 'ok', strength: 1 },
    ]);
  });

  test('a pool without nodes is treated the same', () => {
    const { pools: found } = inspect({ access: readNodes([]), pools: oldPools }, { channel: 'Unmanaged' });

    expect(found.get('system')).toMatchObject({ verdict: 'unknown', detail: 'the cluster has no node of this pool' });
    expect(found.get('win1')).toMatchObject({ verdict: 'ok', strength: 1 });
  });
});
