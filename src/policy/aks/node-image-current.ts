import { definePolicy } from '../define-policy.ts';
import { nodeParameters, toThresholds } from '../node-health/parameters.ts';
import { inspect, judgePools } from './pool-verdict.ts';

const { livePatchLagHours, nodeImageAgeDays } = nodeParameters;

export const aksNodeImageCurrent = definePolicy({
  id: 'aks-node-image-current',
  title: 'Linux node image is current',
  severity: 'medium',
  resource: 'Microsoft.ContainerService/managedClusters',
  needs: ['nodeHealth'],
  parameters: { nodeImageAgeDays, livePatchLagHours },
  rationale:
    'Where AKS patches nodes by new images, an image that stays is a node without security updates. A newer image alone is no reason to worry: images are weekly, and a rollout takes up to two weeks.',
  references: [
    'https://learn.microsoft.com/azure/aks/node-image-upgrade',
    'https://learn.microsoft.com/azure/aks/auto-upgrade-node-os-image',
  ],
  frameworks: {
    // They are about the channel that would upgrade nodes. Whoever upgrades them another way may waive that, and still needs current images.
    azurePolicy: [
      { id: '04408ca5-aa10-42ce-8536-98955cdddd4c', effect: 'audit', match: 'related' },
      { id: '40f1aee2-4db4-4b74-acb1-c6972e24cca8', effect: 'deployIfNotExists', match: 'related' },
    ],
    mcsb: ['PV-6'],
  },
  evaluate(cluster, { now, parameters, related: { nodeHealth } }) {
    const found = inspect(cluster, nodeHealth, toThresholds(parameters), now);
    if ('verdict' in found) return found;
    return judgePools(found, { os: 'linux', missing: 'reimage-missing', judge: ({ image }) => image });
  },
});
