import { addSampleDeployment } from '../../../local/azure/sample-deployment.ts';
import { createSampleIdentities, SAMPLE_SUBSCRIPTION_ID } from '../../../local/azure/sample-subscription.ts';
import type { AzureSimulator } from '../../../local/azure/simulator.ts';
import { createArmAccess } from '../../../src/azure/arm-access.ts';
import { createAzureClients } from '../../../src/azure/clients.ts';
import { beforeDeployChecks } from '../../../src/doctor/before-deploy/before-deploy-checks.ts';
import type { BeforeDeployContext } from '../../../src/doctor/before-deploy/context.ts';
import { type DoctorReport, runChecks } from '../../../src/doctor/run-checks.ts';
import { startHarness } from '../../simulator/harness.ts';

const STORAGE = { blob: 'https://localhost:1/a', queue: 'https://localhost:2/a', table: 'https://localhost:3/a' };

/** What is about to be deployed, where it is not the environment that the sample has already. */
export type Plan = Partial<Pick<BeforeDeployContext, 'subscriptionId' | 'location' | 'environmentName'>>;

export interface BeforeDeployRig {
  readonly simulator: AzureSimulator;
  /** Every check, as the operator or somebody else. */
  look(plan?: Plan, as?: string): Promise<DoctorReport>;
  stop(): Promise<void>;
}

/** A simulated subscription in which the environment `dockwarden` was deployed to West Europe, and could be deployed again. */
export async function startBeforeDeploy(): Promise<BeforeDeployRig> {
  const harness = await startHarness({ identities: createSampleIdentities([]) });
  const { ca, simulator } = harness;
  addSampleDeployment(simulator, { storage: STORAGE, eventHub: 'localhost:4' });
  return {
    simulator,
    async look(plan = {}, as = 'operator') {
      const clients = createAzureClients({
        credential: simulator.credential(as),
        endpoint: simulator.armEndpoint,
        scope: 'https://management.azure.com/.default',
        vaults: { dnsSuffix: 'localhost', scope: 'https://vault.azure.net/.default' },
        ca,
      });
      const context: BeforeDeployContext = {
        arm: createArmAccess(clients),
        now: () => new Date(),
        subscriptionId: SAMPLE_SUBSCRIPTION_ID,
        location: 'westeurope',
        environmentName: 'dockwarden',
        ...plan,
      };
      return await runChecks(beforeDeployChecks, context, `/subscriptions/${context.subscriptionId}`, () => undefined);
    },
    stop: async () => await harness.stop(),
  };
}
