import type { AlertDefinition } from './defender-alert.ts';

/** What a bundle of the alert simulator pretends to have seen, and on what. */
interface SampleBundle {
  readonly alertType: string;
  readonly title: string;
  readonly resource: string;
}

/** Bundles of `simulate`. https://learn.microsoft.com/rest/api/defenderforcloud/alerts/simulate */
export const SAMPLE_BUNDLES: Readonly<Record<string, SampleBundle>> = {
  AppServices: bundle('AppServices_PhishingContent', 'Phishing content hosted', 'Web/sites/Sample-App'),
  DNS: bundle('AzureDNS_PhishingDomain', 'Communication with phishing domain', 'Compute/virtualMachines/Sample-VM'),
  KeyVaults: bundle('KV_TORAccess', 'Access from a TOR exit node to a key vault', 'KeyVault/vaults/Sample-KV'),
  KubernetesService: bundle(
    'K8S_ExposedDashboard',
    'Exposed Kubernetes dashboard detected',
    'ContainerService/managedClusters/Sample-Cluster',
  ),
  ResourceManager: bundle(
    'ARM_MicroBurst.AZStorageKeysREST',
    'MicroBurst exploitation toolkit used to extract keys to your storage accounts',
    'Compute/virtualMachines/Sample-VM',
  ),
  SqlServers: bundle('SQL.DB_BruteForce', 'Suspected brute force attack', 'Sql/servers/Sample-Server'),
  StorageAccounts: bundle('Storage.Blob_TorAnomaly', 'Access from a Tor exit node', 'Storage/storageAccounts/sample'),
  VirtualMachines: bundle('VM_EICAR', 'Test alert (not a threat)', 'Compute/virtualMachines/Sample-VM'),
  CosmosDbs: bundle('CosmosDB_TorAnomaly', 'Access from a Tor exit node', 'DocumentDB/databaseAccounts/sample'),
};

/** Marks that tell a sample from a real alert: both texts, and an entity that the alert simulator has made. */
export function createSampleAlert(
  { alertType, resource, title }: SampleBundle,
  subscriptionId: string,
): AlertDefinition {
  return {
    // Samples write the first segments in capitals, as some real alerts do.
    resourceId: `/SUBSCRIPTIONS/${subscriptionId}/RESOURCEGROUPS/Sample-RG/providers/Microsoft.${resource}`,
    alertType,
    severity: 'High',
    displayName: `[SAMPLE ALERT] ${title}`,
    description: `THIS IS A SAMPLE ALERT: ${title}`,
    intent: 'PreAttack',
    entities: [
      {
        $id: '5',
        Address: '81.2.69.142',
        ThreatIntelligence: [
          {
            ProviderName: 'AlertSimulator',
            ThreatType: 'Sample-Type',
            ThreatName: 'Sample-Threat',
            Confidence: 1,
            ThreatDescription: '',
          },
        ],
        Asset: false,
        Type: 'ip',
      },
    ],
    remediationSteps: ['This is a sample: nothing has to be done.'],
  };
}

function bundle(alertType: string, title: string, resource: string): SampleBundle {
  return { alertType, title, resource };
}
