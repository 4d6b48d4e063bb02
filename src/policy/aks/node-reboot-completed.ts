import { definePolicy } from '../define-policy.ts';
import { nodeParameters, toThresholds } from '../node-health/parameters.ts';
import { inspect, judgePools } from './pool-verdict.ts';

const { drainGraceHours, kernelSkewHours, livePatchLagHours, nodeImageAgeDays, rebootPendingHours } = nodeParameters;

export const aksNodeRebootCompleted = definePolicy({
  id: 'aks-node-reboot-completed',
  title: 'No node waits for a reboot',
  severity: 'high',
  resource: 'Microsoft.ContainerService/managedClusters',
  needs: ['nodeHealth'],
  parameters: { rebootPendingHours, drainGraceHours, kernelSkewHours, nodeImageAgeDays, livePatchLagHours },
  rationale:
    'A security update of the kernel protects nothing until the node is rebooted, and neither AKS nor kured reports a node whose reboot never comes.',
  references: [
    'https://learn.microsoft.com/azure/aks/node-updates-kured',
    'https://learn.microsoft.com/azure/aks/auto-upgrade-node-os-image',
  ],
  frameworks: { mcsb: ['PV-6'] },
  evaluate(cluster, { now, parameters, related: { nodeHealth } }) {
    const found = inspect(cluster, nodeHealth, toThresholds(parameters), now);
    if ('verdict' in found) return found;
    return judgePools(found, { os: 'linux', missing: 'reboot-missing', judge: (pool) => pool });
  },
});
