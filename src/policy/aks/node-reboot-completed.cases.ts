import { notApplicable, unknown } from '../define-policy.ts';
import { policyCases } from '../policy-cases.ts';
import {
  clusterOn,
  kured,
  linuxPool,
  lock,
  NEWEST,
  node,
  nodeHealth,
  OLD,
  readNodes,
  rebootNeeded,
  remembered,
  windowsPool,
} from './node-example.ts';
import { aksNodeRebootCompleted } from './node-reboot-completed.ts';

const name = 'aks-system-25481572-vmss000000';
const resource = clusterOn('Unmanaged');
const waiting = node({ annotations: rebootNeeded('2026-10-30T07:14:09Z') });
const weekly = ['--annotate-nodes', '--reboot-days=sun', '--start-time=02:00', '--end-time=05:00'];
const silence = 'kured, which writes down on the node that a reboot is needed, has written nothing';

const clean = { name: 'system', verdict: 'compliant', evidence: { found: silence }, strength: 3 } as const;

function open(missing: string) {
  const part = { name: 'system', verdict: 'unknown', evidence: { missing } } as const;
  return { verdict: 'unknown', missing: `system: ${missing}`, parts: [part] } as const;
}

function overdue(found: string, items: readonly { readonly since?: string; readonly detail: string }[]) {
  return {
    verdict: 'violation',
    evidence: { system: found },
    parts: [
      {
        name: 'system',
        verdict: 'violation',
        evidence: { found },
        confidence: 'certain',
        strength: 3,
        items: items.map((item) => ({ name, id: 'uid-1', ...item })),
      },
    ],
  } as const;
}

export default policyCases(aksNodeRebootCompleted, {
  'kured writes down needed reboots, and has written nothing': {
    resource,
    related: { nodeHealth: nodeHealth() },
    verdict: { verdict: 'compliant', parts: [clean] },
  },
  'kured has asked for a reboot for three days, and the kubelet has not been restarted': {
    resource,
    related: { nodeHealth: nodeHealth({ access: readNodes([waiting]) }) },
    verdict: overdue(`reboot-missing, certain: ${name} since 2026-10-30T07:14:09Z (annotation)`, [
      {
        since: '2026-10-30T07:14:09Z',
        detail:
          'kured asks for a reboot since 2026-10-30T07:14:09Z; its kubelet has not been restarted since before that',
      },
    ]),
  },
  "kured's metric has been 1 for longer than is allowed": {
    resource,
    related: { nodeHealth: nodeHealth({ metrics: { now: new Map([[name, 1]]), overdue: new Set([name]) } }) },
    verdict: overdue(`reboot-missing, certain: ${name} (metric)`, [
      { detail: 'kured reports a needed reboot for longer than is allowed (kured_reboot_required)' },
    ]),
  },
  "kured's metric is 0, whatever is still written on the node": {
    resource,
    related: {
      nodeHealth: nodeHealth({
        access: readNodes([waiting]),
        metrics: { now: new Map([[name, 0]]), overdue: new Set() },
      }),
    },
    verdict: {
      verdict: 'compliant',
      parts: [{ ...clean, evidence: { found: 'kured reports that no reboot is needed' } }],
    },
  },
  'the node was rebooted by hand: its boot id changed after kured had asked': {
    resource,
    related: {
      nodeHealth: nodeHealth({
        access: readNodes([waiting]),
        history: remembered({
          name,
          pool: 'system',
          uid: 'uid-1',
          bootId: 'boot-1',
          lastSeenAt: '2026-11-01T06:00:00.000Z',
        }),
      }),
    },
    verdict: {
      verdict: 'compliant',
      parts: [
        {
          ...clean,
          evidence: {
            found: 'kured asks for a reboot since 2026-10-30T07:14:09Z, and the node was rebooted after that',
          },
        },
      ],
    },
  },
  'the time that is allowed is raised to 120 hours': {
    resource,
    parameters: { rebootPendingHours: 120 },
    related: { nodeHealth: nodeHealth({ access: readNodes([waiting]) }) },
    verdict: open('kured asks for a reboot since 2026-10-30T07:14:09Z, and the time allowed for it is not over'),
  },
  'kured may reboot on Sundays only, and asked last Sunday': {
    resource,
    related: {
      nodeHealth: nodeHealth({
        access: readNodes([node({ annotations: rebootNeeded('2026-11-01T02:10:00Z') })], [kured({ options: weekly })]),
      }),
    },
    verdict: open('kured asks for a reboot since 2026-11-01T02:10:00Z, and the time allowed for it is not over'),
  },
  'the node has just taken the lock of kured': {
    resource,
    related: {
      nodeHealth: nodeHealth({
        access: readNodes([waiting], [kured({ annotations: lock(name, '2026-11-02T11:40:02.123456789Z') })]),
      }),
    },
    verdict: open("holds kured's lock since 2026-11-02T11:40:02Z: it is being drained or rebooted"),
  },
  'kured is not installed': {
    resource,
    related: { nodeHealth: nodeHealth({ access: readNodes([node()], []) }) },
    verdict: open('nothing tells whether a reboot is needed'),
  },
  'the role that may read nodes is missing': {
    resource,
    related: {
      nodeHealth: nodeHealth({
        access: { state: 'unreadable', reason: 'no-permission', isLasting: false, because: '403' },
      }),
    },
    verdict: open('the role that may read nodes and DaemonSets is missing'),
  },
  'AKS replaces nodes by new images, and the node runs the newest': {
    resource: clusterOn('NodeImage'),
    related: { nodeHealth: nodeHealth({ access: readNodes([node()], []) }) },
    verdict: {
      verdict: 'compliant',
      parts: [{ ...clean, evidence: { found: 'the node image is the newest' }, strength: 2 }],
    },
  },
  'AKS replaces nodes by new images, and has not for too long': {
    resource: clusterOn('NodeImage'),
    related: { nodeHealth: nodeHealth({ access: readNodes([node({ image: OLD })], []) }) },
    verdict: open('the node image is overdue: see aks-node-image-current'),
  },
  'the pool is being upgraded': {
    resource,
    related: { nodeHealth: nodeHealth({ pools: [linuxPool({ provisioningState: 'UpgradingNodeImageVersion' })] }) },
    verdict: open('the pool is being changed'),
  },
  'the only Linux pool is stopped': {
    resource,
    related: { nodeHealth: nodeHealth({ pools: [linuxPool({ powerState: { code: 'Stopped' } }), windowsPool()] }) },
    verdict: {
      verdict: 'unknown',
      missing: 'system: the pool is stopped',
      parts: [{ name: 'system', verdict: 'not-applicable', evidence: { because: 'the pool is stopped' } }],
    },
  },
  'the cluster is stopped': {
    resource: clusterOn('Unmanaged', { powerState: { code: 'Stopped' } }),
    related: { nodeHealth: nodeHealth() },
    verdict: notApplicable('the cluster is stopped'),
  },
  'the cluster is being upgraded': {
    resource: clusterOn('Unmanaged', { provisioningState: 'Upgrading' }),
    related: { nodeHealth: nodeHealth() },
    verdict: unknown('the cluster is being changed'),
  },
  'Azure did not tell of the agent pools': {
    resource,
    related: { nodeHealth: { state: 'unavailable', because: 'Azure answered 429' } },
    verdict: unknown('Azure answered 429'),
  },
  'the newest image is not known, on a channel where the image tells': {
    resource: clusterOn('SecurityPatch'),
    related: { nodeHealth: nodeHealth({ access: readNodes([node({ image: NEWEST })], []), latestImages: new Map() }) },
    verdict: open('the newest node image is not known'),
  },
});
