import { sampleId } from '../azure/sample-ids.ts';
import type { Expectation } from './expectation.ts';
import { printTicket } from './print-ticket.ts';
import type { Scenario } from './scenario.ts';

const clusterId = sampleId('aks-dev');
const POOL = 'system';
/** What AKS offers from today on. */
const NEWEST_IMAGE = 'AKSUbuntu-2204gen2containerd-202611.24.0';

const FAILED: readonly Expectation[] = [
  { resource: 'aks-dev', policy: 'aks-node-image-current', stage: 'decision', says: 'ticket' },
  { resource: 'aks-dev', policy: 'aks-node-image-current', stage: 'ticket', says: 'ticket-opened' },
];
const SUCCEEDED: readonly Expectation[] = [
  { resource: 'aks-dev', policy: 'aks-node-image-current', stage: 'ticket', says: 'ticket-resolved' },
];

/** AKS tells how it gets on with new node images. */
export const upgrade: Scenario = {
  summary: 'AKS fails to roll a new node image: the nodes are looked at at once, a ticket; then it succeeds',
  async play({ environment, rows, waitFor }) {
    const { simulator } = environment;

    console.log('\n1. An ordinary day: a sweep looks at everything, and the node images of aks-dev are the newest');
    await environment.sweep();
    await waitFor([
      { resource: 'aks-prod', policy: 'aks-node-reboot-completed', stage: 'ticket', says: 'ticket-opened' },
    ]);
    const before = rows.length;

    console.log(`\n2. AKS rolls ${NEWEST_IMAGE} out to pool ${POOL} of aks-dev, and fails`);
    simulator.upgradeNodes({ clusterId, pool: POOL, imageVersion: NEWEST_IMAGE, fails: true });
    const failed = await waitFor(FAILED);
    const isTold = rows
      .slice(before)
      .some(({ causeKind, resourceName }) => resourceName === 'aks-dev' && causeKind !== 'sweep');
    await printTicket(environment, { policyId: 'aks-node-image-current', resourceId: clusterId, part: POOL });

    console.log('\n3. AKS tries again, and succeeds');
    simulator.upgradeNodes({ clusterId, pool: POOL, imageVersion: NEWEST_IMAGE });
    const succeeded = await waitFor(SUCCEEDED);

    const images = simulator
      .kubernetes(clusterId)
      .nodes(POOL)
      .map(({ imageVersion }) => imageVersion);
    return [
      ...failed,
      { what: 'aks-dev was looked at because AKS told of the failure, not because of a sweep', holds: isTold },
      ...succeeded,
      { what: 'aks-dev: every node has the newest image', holds: images.every((image) => image === NEWEST_IMAGE) },
    ];
  },
};
