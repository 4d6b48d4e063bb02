import { notApplicable, unknown } from '../define-policy.ts';
import { policyCases } from '../policy-cases.ts';
import { clusterOn, linuxPool, node, nodeHealth, OLD, readNodes, windowsPool } from './node-example.ts';
import { aksNodeImageCurrent } from './node-image-current.ts';

const resource = clusterOn('NodeImage');
const old = readNodes([node({ image: OLD })]);
const stale = 'the node image is of 2026-09-10, and a newer one is offered';
const forbidden = { state: 'unreadable', reason: 'no-permission', isLasting: true, because: '403' } as const;

function current(found: string, strength: 1 | 2 | 3) {
  return {
    verdict: 'compliant',
    parts: [{ name: 'system', verdict: 'compliant', evidence: { found }, strength }],
  } as const;
}

function open(missing: string) {
  const part = { name: 'system', verdict: 'unknown', evidence: { missing } } as const;
  return { verdict: 'unknown', missing: `system: ${missing}`, parts: [part] } as const;
}

function overdue(strength: 1 | 2, basis: string, since: string, detail: string) {
  const name = 'aks-system-25481572-vmss000000';
  const found = `reimage-missing, likely: ${name} since ${since} (${basis})`;
  const items = [{ name, id: 'uid-1', since, detail }];
  const part = {
    name: 'system',
    verdict: 'violation',
    evidence: { found },
    confidence: 'likely',
    strength,
    items,
  } as const;
  return { verdict: 'violation', evidence: { system: found }, parts: [part] } as const;
}

export default policyCases(aksNodeImageCurrent, {
  'the node runs the newest image': {
    resource,
    related: { nodeHealth: nodeHealth() },
    verdict: current('the node image is the newest', 2),
  },
  'the image is more than 30 days old, and a newer one is offered': {
    resource,
    related: { nodeHealth: nodeHealth({ access: old }) },
    verdict: overdue(2, 'node-label', '2026-10-10T00:00:00Z', stale),
  },
  'the age limit is raised to 60 days': {
    resource,
    parameters: { nodeImageAgeDays: 60 },
    related: { nodeHealth: nodeHealth({ access: old }) },
    verdict: current(stale, 2),
  },
  'a live patch has been missing for three days': {
    resource: clusterOn('SecurityPatch'),
    related: {
      nodeHealth: nodeHealth({
        access: readNodes([
          node({ annotations: { 'kubernetes.azure.com/live-patching-golden-timestamp': '20261030T000000Z' } }),
        ]),
      }),
    },
    verdict: overdue(2, 'live-patch', '2026-11-01T00:00:00Z', 'the live patch of 2026-10-30T00:00:00Z is not applied'),
  },
  'an upgrade of the node image failed': {
    resource,
    related: {
      nodeHealth: nodeHealth({
        access: readNodes([node({ image: 'AKSUbuntu-2204gen2containerd-202610.18.0' })]),
        failures: [{ pool: 'system', at: '2026-11-01T03:20:00Z' }],
      }),
    },
    verdict: overdue(
      1,
      'event',
      '2026-11-01T03:20:00Z',
      'an upgrade of the node image failed, and the image is not the newest',
    ),
  },
  'the nodes cannot be read, and Azure says that the pool runs an old image': {
    resource,
    related: { nodeHealth: nodeHealth({ access: forbidden, pools: [linuxPool({ nodeImageVersion: OLD })] }) },
    verdict: {
      verdict: 'violation',
      evidence: { system: `reimage-missing, likely: ${stale}` },
      parts: [
        {
          name: 'system',
          verdict: 'violation',
          evidence: { found: `reimage-missing, likely: ${stale}` },
          confidence: 'likely',
          strength: 1,
        },
      ],
    },
  },
  'the nodes cannot be read, and Azure says that the pool runs the newest image': {
    resource,
    related: { nodeHealth: nodeHealth({ access: forbidden }) },
    verdict: current('the node image is the newest', 1),
  },
  'nodes are patched in place: the channel is Unmanaged': {
    resource: clusterOn('Unmanaged'),
    related: { nodeHealth: nodeHealth({ access: old }) },
    verdict: current('on channel Unmanaged the age of the node image is not judged', 3),
  },
  'the maintenance schedule cannot be read': {
    resource,
    related: { nodeHealth: nodeHealth({ access: old, maintenance: 'unreadable' }) },
    verdict: open(`${stale}; the maintenance schedule cannot be read`),
  },
  'the version of the image cannot be read': {
    resource,
    related: { nodeHealth: nodeHealth({ access: readNodes([node({ image: 'custom' })]) }) },
    verdict: open('the version of the node image cannot be read'),
  },
  'there is no Linux pool': {
    resource,
    related: { nodeHealth: nodeHealth({ pools: [windowsPool()] }) },
    verdict: notApplicable('the cluster has no Linux pool'),
  },
  'Azure listed no agent pools': {
    resource,
    related: { nodeHealth: nodeHealth({ pools: [] }) },
    verdict: unknown('the agent pools of the cluster'),
  },
});
