import { ContainerRegistryManagementClient } from '@azure/arm-containerregistry';
import { ContainerServiceClient } from '@azure/arm-containerservice';
import { SAMPLE_GROUPS, SAMPLE_SUBSCRIPTION_ID, sampleId } from '../../azure/sample-ids.ts';
import type { AzureSimulator } from '../../azure/simulator.ts';

/** What people and automations do to the sample: the real SDKs over HTTPS, each as somebody. */
export interface Changes {
  /** Whoever rotates a password is in the middle of a rollover. */
  rotatePassword(): Promise<void>;
  /** The admin user of three registries, one by a person, one by an automation, one by both at once; and a cluster's tags. */
  breakThings(): Promise<void>;
  /** The operator exempts `contosoacr` for a month, and then switches its admin user on. */
  exempt(): Promise<void>;
  /** Somebody clears what kept kured from draining the nodes of `aks-prod`, and kured does its part. Returns the nodes that it rebooted. */
  unblockReboots(): readonly string[];
  /** The automation switches the admin user of `contosoci` on again. */
  reverseFix(): Promise<void>;
}

export function createChanges(simulator: AzureSimulator): Changes {
  const connect = (name: string) => {
    const options = {
      endpoint: simulator.armEndpoint,
      credentials: { scopes: ['https://management.azure.com/.default'] },
    };
    const credential = simulator.credential(name);
    return {
      registries: new ContainerRegistryManagementClient(credential, SAMPLE_SUBSCRIPTION_ID, options).registries,
      clusters: new ContainerServiceClient(credential, SAMPLE_SUBSCRIPTION_ID, options).managedClusters,
    };
  };
  const operator = connect('operator');
  const automation = connect('automation');
  const { development, production } = SAMPLE_GROUPS;
  return {
    async rotatePassword() {
      await operator.registries.regenerateCredential(development, 'contosobuild', { name: 'password' });
    },
    async breakThings() {
      const admin = { adminUserEnabled: true };
      await operator.registries.update(production, 'contosoacr', admin);
      await automation.registries.update(development, 'contosoci', admin);
      await Promise.all([
        operator.registries.update(production, 'contosofresh', admin),
        automation.registries.update(production, 'contosofresh', {
          tags: { team: 'platform', env: 'prod', release: '42' },
        }),
      ]);
      // Writes all tags anew and so drops costCenter.
      await operator.clusters.updateTags(development, 'aks-dev', {
        tags: { owner: 'web-team', env: 'dev', temporary: 'yes' },
      });
    },
    async exempt() {
      const day = new Date(Date.now() + 30 * 86_400_000).toISOString().slice(0, 10);
      await operator.registries.update(production, 'contosoacr', {
        tags: { 'dockwarden-exempt-acr-admin-user-disabled': `${day};migration of the build farm;OPS-1234` },
      });
      await operator.registries.update(production, 'contosoacr', { adminUserEnabled: true });
    },
    unblockReboots() {
      const cluster = simulator.kubernetes(sampleId('aks-prod'));
      cluster.setKured({ isBlocked: false });
      const rebooted: string[] = [];
      // One round gives the lock back, the next takes it for another node.
      for (let round = 0; round < 4 * cluster.nodes().length; round += 1) {
        const name = cluster.kuredTick();
        if (name !== undefined) rebooted.push(name);
      }
      return rebooted;
    },
    async reverseFix() {
      await automation.registries.update(development, 'contosoci', { adminUserEnabled: true });
    },
  };
}
