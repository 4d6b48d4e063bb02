import { SAMPLE_SUBSCRIPTION_ID } from './azure/sample-subscription.ts';
import type { AzureSimulator } from './azure/simulator.ts';

/** `https://localhost:<port>/<account>` of each service. */
export interface StorageEndpoints {
  readonly blob: string;
  readonly queue: string;
  readonly table: string;
}

/** Name and value of application settings, as the Functions host gets them. */
export type AppSettings = Readonly<Record<string, string>>;

/** All remediations act and all trackers open tickets. A deployment starts with `observe`; the sample is there to be acted on. */
export const ENFORCE_ALL: AppSettings = {
  REMEDIATE_ACR_ROTATE_COMPROMISED_PASSWORDS: 'enforce',
  REMEDIATE_ACR_DISABLE_ADMIN_USER: 'enforce',
  REMEDIATE_ACR_ROTATE_SECOND_PASSWORD: 'enforce',
  REMEDIATE_AKS_ADD_REQUIRED_TAGS: 'enforce',
  REMEDIATE_KV_SET_KEY_ROTATION_POLICY: 'enforce',
  REMEDIATE_KV_ROTATE_KEY: 'enforce',
  REMEDIATE_AKS_TRACK_NODE_REBOOTS: 'enforce',
  REMEDIATE_AKS_TRACK_NODE_IMAGES: 'enforce',
  REMEDIATE_AKS_TRACK_WINDOWS_NODE_IMAGES: 'enforce',
  REMEDIATE_AKS_TRACK_NODE_REBOOT_COVERAGE: 'enforce',
  REMEDIATE_ACR_TRACK_IMAGE_VULNERABILITIES: 'enforce',
  REMEDIATE_ACR_TRACK_ALERTS: 'enforce',
  REMEDIATE_AKS_TRACK_ALERTS: 'enforce',
  REMEDIATE_ACI_TRACK_ALERTS: 'enforce',
  REMEDIATE_KV_TRACK_ALERTS: 'enforce',
};

/** Tags that the sample asks of its clusters: `aks-prod` lacks two, `aks-dev` has all, `aks-data` holds a value that is not allowed. */
const REQUIRED_TAGS = {
  owner: 'platform-team',
  costCenter: 'CC-1000',
  env: { default: 'prod', allowed: ['prod', 'dev'] },
};

/** The settings that a deployed app has too, with an identity in place of every connection string. */
export function createAppSettings(simulator: AzureSimulator, storage: StorageEndpoints): AppSettings {
  const { clientId, objectId } = simulator.identity('dockwarden');
  const { endpoint, header } = simulator.identityEndpoint('dockwarden');
  return {
    AzureWebJobsStorage__blobServiceUri: storage.blob,
    AzureWebJobsStorage__queueServiceUri: storage.queue,
    AzureWebJobsStorage__tableServiceUri: storage.table,
    AzureWebJobsStorage__credential: 'managedidentity',
    AzureWebJobsStorage__clientId: clientId,
    IDENTITY_ENDPOINT: endpoint,
    IDENTITY_HEADER: header,
    DOCKWARDEN_ARM_ENDPOINT: simulator.armEndpoint,
    // Vaults are served on ports of this machine; their tokens are those of the public cloud.
    DOCKWARDEN_VAULT_DNS_SUFFIX: 'localhost',
    DOCKWARDEN_VAULT_SCOPE: 'https://vault.azure.net/.default',
    DOCKWARDEN_PRINCIPAL_ID: objectId,
    DOCKWARDEN_CLIENT_ID: clientId,
    SCOPES: SAMPLE_SUBSCRIPTION_ID,
    SWEEP_SCHEDULE: '0 */15 * * * *',
    // Shorter than what is shipped: here nobody pays for each look into a queue, and a person is waiting.
    AzureFunctionsJobHost__extensions__queues__maxPollingInterval: '00:00:00.5',
    // For the same reason: any two looks confirm a ticket, and every look is one at the nodes.
    TICKETS_GRACE: '0m',
    AKS_NODE_INSPECTION_INTERVAL: '0m',
    AKS_METRICS_ENDPOINTS: simulator.prometheus.endpoint,
    AKS_REQUIRED_TAGS: JSON.stringify(REQUIRED_TAGS),
  };
}
