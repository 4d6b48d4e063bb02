import { definePolicy } from '../define-policy.ts';
import { nodeParameters, toThresholds } from '../node-health/parameters.ts';
import { inspect, judgePools } from './pool-verdict.ts';

const { windowsNodeImageAgeDays } = nodeParameters;

export const aksWindowsNodeImageCurrent = definePolicy({
  id: 'aks-windows-node-image-current',
  title: 'Windows node image is current',
  severity: 'high',
  resource: 'Microsoft.ContainerService/managedClusters',
  needs: ['nodeHealth'],
  parameters: { windowsNodeImageAgeDays },
  rationale:
    'Windows nodes get no updates of the operating system but by a new node image: one that is older than a month and a half lacks at least one round of security updates.',
  references: [
    'https://learn.microsoft.com/azure/aks/node-image-upgrade',
    'https://learn.microsoft.com/azure/aks/windows-faq',
  ],
  frameworks: { mcsb: ['PV-6'] },
  evaluate(cluster, { now, parameters, related: { nodeHealth } }) {
    const found = inspect(cluster, nodeHealth, toThresholds(parameters), now);
    if ('verdict' in found) return found;
    return judgePools(found, { os: 'windows', missing: 'reimage-missing', judge: ({ image }) => image });
  },
});
