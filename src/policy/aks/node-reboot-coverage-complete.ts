import { compliant, definePolicy, unknown, violation } from '../define-policy.ts';
import { nodeParameters, toThresholds } from '../node-health/parameters.ts';
import { inspect } from './pool-verdict.ts';

const { lockStuckHours } = nodeParameters;
const MAX_WORDS = 1000;
const MAX_MISSING = 500;

export const aksNodeRebootCoverageComplete = definePolicy({
  id: 'aks-node-reboot-coverage-complete',
  title: 'Missing node reboots would be noticed',
  severity: 'medium',
  resource: 'Microsoft.ContainerService/managedClusters',
  needs: ['nodeHealth'],
  parameters: { lockStuckHours },
  rationale:
    'Silence is no proof: where nobody can tell whether a node needs a reboot, or where nobody would carry it out, missing security updates stay unseen.',
  references: [
    'https://learn.microsoft.com/azure/aks/node-updates-kured',
    'https://learn.microsoft.com/azure/aks/auto-upgrade-node-os-image',
    'https://learn.microsoft.com/azure/aks/manage-azure-rbac',
  ],
  evaluate(cluster, { now, parameters, related: { nodeHealth } }) {
    const found = inspect(cluster, nodeHealth, toThresholds(parameters), now);
    if ('verdict' in found) return found;
    if (found.coverage.length > 0) {
      const words = [...found.coverageWords].map(([reason, text]) => [reason, text.slice(0, MAX_WORDS)]);
      return violation({ reasons: found.coverage.join(', '), ...Object.fromEntries(words) });
    }
    return found.blindSpot === undefined ? compliant : unknown(found.blindSpot.slice(0, MAX_MISSING));
  },
});
