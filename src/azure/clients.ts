import { ContainerRegistryManagementClient } from '@azure/arm-containerregistry';
import { ResourceGraphClient } from '@azure/arm-resourcegraph';
import type { TokenCredential } from '@azure/identity';
import { type Client, getClient } from '@azure-rest/core-client';
import { createDataPlane, type DataPlane } from './data-plane.ts';
import { refuseOtherHosts } from './refuse-other-hosts.ts';
import { createVaultClients, type VaultAudience, type VaultClients } from './vault-clients.ts';

/** The clients that operations call through. Built once per process; they hold no state but tokens and connections. */
export interface AzureClients {
  /** Raw ARM JSON through the official pipeline. */
  readonly arm: Client;
  readonly resourceGraph: ResourceGraphClient;
  registries(subscriptionId: string): ContainerRegistryManagementClient['registries'];
  /** The API servers of clusters, and Prometheus. */
  readonly dataPlane: DataPlane;
  readonly vaults: VaultClients;
}

export interface AzureClientOptions {
  readonly credential: TokenCredential;
  /** Base address of Azure Resource Manager, https. */
  readonly endpoint: string;
  /** Scope of the tokens, for example `https://management.azure.com/.default`. */
  readonly scope: string;
  readonly vaults: VaultAudience;
  /** Extra certificate authority, for an endpoint that is not publicly trusted. */
  readonly ca?: string;
}

/**
 * No client retries by itself: the SDKs obey any `Retry-After` while the worker sleeps and repeat POSTs that were already applied.
 * Retrying is the work queue's job, where a wait costs nothing and survives a crash.
 */
export function createAzureClients(options: AzureClientOptions): AzureClients {
  const { credential, endpoint, scope, ca } = options;
  const clientOptions = {
    endpoint,
    credentials: { scopes: [scope] },
    retryOptions: { maxRetries: 0 },
    userAgentOptions: { userAgentPrefix: 'dockwarden' },
    additionalPolicies: [
      { policy: refuseOtherHosts(endpoint, 'Azure Resource Manager'), position: 'perRetry' as const },
    ],
    ...(ca !== undefined && { tlsOptions: { ca } }),
  };
  const registries = new Map<string, ContainerRegistryManagementClient['registries']>();
  return {
    arm: getClient(endpoint, credential, clientOptions),
    resourceGraph: new ResourceGraphClient(credential, clientOptions),
    dataPlane: createDataPlane({ credential, ...(ca !== undefined && { ca }) }),
    vaults: createVaultClients({ credential, audience: options.vaults, ...(ca !== undefined && { ca }) }),
    registries(subscriptionId) {
      const known = registries.get(subscriptionId);
      if (known !== undefined) return known;
      const created = new ContainerRegistryManagementClient(credential, subscriptionId, clientOptions).registries;
      registries.set(subscriptionId, created);
      return created;
    },
  };
}
