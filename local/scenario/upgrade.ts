import { sampleId } from '../azure/sample-ids.ts';
import type { Expectation } from './expectation.ts';
import { printTicket } from './print-ticket.ts';
import { readFinding } from './read-tables.ts';
import type { Scenario } from './scenario.ts';

const clusterId = sampleId('aks-dev');
const POOL = 'system';
const POLICY = 'aks-node-image-current';
/** What AKS offers from today on. */
const NEWEST_IMAGE = 'AKSUbuntu-2204gen2containerd-202611.24.0';

const CALM: readonly Expectation[] = [
  { resource: 'contosolegacy', policy: 'acr-second-password-fresh', stage: 'outcome', says: 'fixed' },
  { resource: 'aks-prod', policy: 'aks-node-reboot-completed', stage: 'ticket', says: 'ticket-opened' },
];
const FAILED: readonly Expectation[] = [
  { resource: 'aks-dev', policy: POLICY, stage: 'decision', says: 'ticket' },
  { resource: 'aks-dev', policy: POLICY, stage: 'ticket', says: 'ticket-opened' },
];
const SUCCEEDED: readonly Expectation[] = [
  { resource: 'aks-dev', policy: POLICY, stage: 'ticket', says: 'ticket-resolved' },
];

/** AKS tells how it gets on with new node images. */
export const upgrade: Scenario = {
  summary: 'AKS fails to roll a new node image: the nodes are looked at at once, a ticket; then it succeeds',
  async play({ environment, rows, waitFor, waitUntil }) {
    const { simulator } = environment;

    console.log('\n1. An ordinary day: a sweep looks at everything, and the node images of aks-dev are the newest');
    await environment.sweep();
    await waitFor(CALM);

    console.log(`\n2. AKS rolls ${NEWEST_IMAGE} out to pool ${POOL} of aks-dev, and fails`);
    const before = simulator.events.length;
    simulator.upgradeNodes({ clusterId, pool: POOL, imageVersion: NEWEST_IMAGE, fails: true });
    const told = new Set(simulator.events.slice(before).map(({ id }) => id));
    await waitFor(FAILED);
    await printTicket(environment, { policyId: POLICY, resourceId: clusterId, part: POOL });

    console.log('\n3. AKS tries again, and succeeds');
    simulator.upgradeNodes({ clusterId, pool: POOL, imageVersion: NEWEST_IMAGE });
    await waitFor(SUCCEEDED);
    await waitUntil(async () => {
      const { closedBecause, status } = (await readFinding(environment, clusterId, POLICY)) ?? {};
      return status === 'closed' && closedBecause === 'compliant';
    }, 'aks-dev: the app says that the images of its nodes are current');

    return [
      {
        what: 'aks-dev was looked at because AKS told of the failure, not because of a sweep',
        holds: rows.some(({ causeId = '', policyId }) => policyId === POLICY && told.has(causeId)),
      },
    ];
  },
};
