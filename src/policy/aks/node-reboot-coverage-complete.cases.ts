import { compliant, notApplicable, unknown, violation } from '../define-policy.ts';
import { policyCases } from '../policy-cases.ts';
import { clusterOn, kured, linuxPool, lock, node, nodeHealth, readNodes } from './node-example.ts';
import { aksNodeRebootCoverageComplete } from './node-reboot-coverage-complete.ts';

const name = 'aks-system-25481572-vmss000000';
const resource = clusterOn('Unmanaged');

function unreadable(reason: 'no-permission' | 'unreachable' | 'unauthorized', isLasting: boolean) {
  return nodeHealth({ access: { state: 'unreadable', reason, isLasting, because: 'no answer' } });
}

export default policyCases(aksNodeRebootCoverageComplete, {
  'kured runs on every node and writes down needed reboots': {
    resource,
    related: { nodeHealth: nodeHealth() },
    verdict: compliant,
  },
  'AKS itself replaces the nodes, and they can be read': {
    resource: clusterOn('NodeImage'),
    related: { nodeHealth: nodeHealth({ access: readNodes([node()], []) }) },
    verdict: compliant,
  },
  'kured is not installed': {
    resource,
    related: { nodeHealth: nodeHealth({ access: readNodes([node()], []) }) },
    verdict: violation({
      reasons: 'kured-absent',
      'kured-absent': 'kured is not installed, and nothing else tells of needed reboots',
    }),
  },
  'kured neither writes on nodes nor has its metric collected, and an operator has paused it': {
    resource,
    related: {
      nodeHealth: nodeHealth({
        access: readNodes([node()], [kured({ options: [], annotations: lock('manual', '2026-11-01T00:00:00Z') })]),
      }),
    },
    verdict: violation({
      reasons: 'kured-silent, lock-manual',
      'kured-silent': 'kured does not annotate nodes, and there is no metric of it (pools: system)',
      'lock-manual': 'an operator has paused all reboots with a lock named manual',
    }),
  },
  'a node has held the lock of kured since yesterday': {
    resource,
    related: {
      nodeHealth: nodeHealth({
        access: readNodes([node()], [kured({ annotations: lock(name, '2026-11-01T03:00:00Z') })]),
      }),
    },
    verdict: violation({
      reasons: 'lock-held-too-long',
      'lock-held-too-long': `the lock of kured is held for too long: ${name} since 2026-11-01T03:00:00Z`,
    }),
  },
  'a lock may be held for 48 hours': {
    resource,
    parameters: { lockStuckHours: 48 },
    related: {
      nodeHealth: nodeHealth({
        access: readNodes([node()], [kured({ annotations: lock(name, '2026-11-01T03:00:00Z') })]),
      }),
    },
    verdict: compliant,
  },
  'nothing patches the nodes: the channel is None': {
    resource: clusterOn('None'),
    related: { nodeHealth: nodeHealth() },
    verdict: violation({
      reasons: 'channel-none',
      'channel-none': 'the node OS upgrade channel is None: nothing patches the nodes',
    }),
  },
  'the role that may read nodes is missing': {
    resource,
    related: { nodeHealth: unreadable('no-permission', false) },
    verdict: violation({
      reasons: 'no-permission',
      'no-permission': 'the role that may read nodes and DaemonSets is missing',
    }),
  },
  'the API server does not answer, for the first time': {
    resource,
    related: { nodeHealth: unreadable('unreachable', false) },
    verdict: unknown('the API server of the cluster cannot be reached'),
  },
  'the API server does not answer, again': {
    resource,
    related: { nodeHealth: unreadable('unreachable', true) },
    verdict: violation({
      reasons: 'unreachable',
      unreachable: 'the API server of the cluster cannot be reached',
    }),
  },
  'a pool has no nodes though it should': {
    resource,
    related: { nodeHealth: nodeHealth({ pools: [linuxPool(), linuxPool({ name: 'user' })] }) },
    verdict: unknown('the nodes of pool user'),
  },
  'a pool is scaled to zero': {
    resource,
    related: { nodeHealth: nodeHealth({ pools: [linuxPool(), linuxPool({ name: 'user', count: 0 })] }) },
    verdict: compliant,
  },
  'the cluster is stopped': {
    resource: clusterOn('Unmanaged', { powerState: { code: 'Stopped' } }),
    related: { nodeHealth: nodeHealth() },
    verdict: notApplicable('the cluster is stopped'),
  },
});
