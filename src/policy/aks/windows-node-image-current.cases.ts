import { notApplicable, unknown } from '../define-policy.ts';
import { policyCases } from '../policy-cases.ts';
import { clusterOn, NEWEST_WINDOWS, node, nodeHealth, OLD_WINDOWS, readNodes, windowsPool } from './node-example.ts';
import { aksWindowsNodeImageCurrent } from './windows-node-image-current.ts';

const resource = clusterOn('Unmanaged');
const pools = [windowsPool()];
const stale = 'the node image is of 2026-08-13, and a newer one is offered';

function on(image: string) {
  return nodeHealth({ pools, access: readNodes([node({ name: 'akswin1000000', pool: 'win1', image })], []) });
}

function current(found: string, strength: 1 | 2) {
  return {
    verdict: 'compliant',
    parts: [{ name: 'win1', verdict: 'compliant', evidence: { found }, strength }],
  } as const;
}

export default policyCases(aksWindowsNodeImageCurrent, {
  'the node runs the newest image': {
    resource,
    related: { nodeHealth: on(NEWEST_WINDOWS) },
    verdict: current('the node image is the newest', 2),
  },
  'the image is more than 45 days old, and a newer one is offered': {
    resource,
    related: { nodeHealth: on(OLD_WINDOWS) },
    verdict: {
      verdict: 'violation',
      evidence: { win1: 'reimage-missing, likely: akswin1000000 since 2026-09-27T00:00:00Z (node-label)' },
      parts: [
        {
          name: 'win1',
          verdict: 'violation',
          evidence: { found: 'reimage-missing, likely: akswin1000000 since 2026-09-27T00:00:00Z (node-label)' },
          confidence: 'likely',
          strength: 2,
          items: [{ name: 'akswin1000000', id: 'uid-1', since: '2026-09-27T00:00:00Z', detail: stale }],
        },
      ],
    },
  },
  'the age limit is raised to 90 days': {
    resource,
    parameters: { windowsNodeImageAgeDays: 90 },
    related: { nodeHealth: on(OLD_WINDOWS) },
    verdict: current(stale, 2),
  },
  'the version of the image cannot be read': {
    resource,
    related: { nodeHealth: on('AKSWindows-2022-containerd-20348.4052.260899') },
    verdict: {
      verdict: 'unknown',
      missing: 'win1: the version of the node image cannot be read',
      parts: [
        { name: 'win1', verdict: 'unknown', evidence: { missing: 'the version of the node image cannot be read' } },
      ],
    },
  },
  'there is no Windows pool': {
    resource,
    related: { nodeHealth: nodeHealth() },
    verdict: notApplicable('the cluster has no Windows pool'),
  },
  'Azure did not tell of the agent pools': {
    resource,
    related: { nodeHealth: { state: 'unavailable', because: 'Azure answered 503' } },
    verdict: unknown('Azure answered 503'),
  },
});
