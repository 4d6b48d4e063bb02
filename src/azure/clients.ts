import { ContainerRegistryManagementClient } from '@azure/arm-containerregistry';
import { ResourceGraphClient } from '@azure/arm-resourcegraph';
import type { TokenCredential } from '@azure/identity';
import { type Client, getClient } from '@azure-rest/core-client';
import { DockwardenError } from '../errors.ts';
import { createDataPlane, type DataPlane } from './data-plane.ts';

/** The clients that operations call through. Built once per process; they hold no state but tokens and connections. */
export interface AzureClients {
  /** Raw ARM JSON through the official pipeline. */
  readonly arm: Client;
  readonly resourceGraph: ResourceGraphClient;
  registries(subscriptionId: string): ContainerRegistryManagementClient['registries'];
  /** The API servers of clusters, and Prometheus. */
  readonly dataPlane: DataPlane;
}

export interface AzureClientOptions {
  readonly credential: TokenCredential;
  /** Base address of Azure Resource Manager, https. */
  readonly endpoint: string;
  /** Scope of the tokens, for example `https://management.azure.com/.default`. */
  readonly scope: string;
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
    additionalPolicies: [{ policy: refuseOtherHosts(endpoint), position: 'perRetry' as const }],
    ...(ca !== undefined && { tlsOptions: { ca } }),
  };
  const registries = new Map<string, ContainerRegistryManagementClient['registries']>();
  return {
    arm: getClient(endpoint, credential, clientOptions),
    resourceGraph: new ResourceGraphClient(credential, clientOptions),
    dataPlane: createDataPlane({ credential, ...(ca !== undefined && { ca }) }),
    registries(subscriptionId) {
      const known = registries.get(subscriptionId);
      if (known !== undefined) return known;
      const created = new ContainerRegistryManagementClient(credential, subscriptionId, clientOptions).registries;
      registries.set(subscriptionId, created);
      return created;
    },
  };
}

/** Polls of a long-running operation carry the bearer token to whatever host the answer names: only ARM itself may get it. */
function refuseOtherHosts(endpoint: string) {
  const { host } = new URL(endpoint);
  return {
    name: 'refuseOtherHosts',
    async sendRequest<Request extends { url: string }, Response>(
      request: Request,
      next: (request: Request) => Promise<Response>,
    ): Promise<Response> {
      const asked = new URL(request.url);
      if (asked.host !== host || asked.protocol !== 'https:') {
        throw new DockwardenError(
          'AZURE_INVALID',
          `refused to send a token to ${asked.host}, which is not Azure Resource Manager`,
        );
      }
      return await next(request);
    },
  };
}
