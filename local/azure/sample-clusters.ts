import { newETag } from './generic-resource.ts';
import type { JsonObject } from './json.ts';
import type { KubernetesSeed } from './kubernetes/kubernetes-seed.ts';
import type { RawResource } from './resource-store.ts';
import { SAMPLE_SUBSCRIPTION_ID, type SampleName, sampleBase, sampleId } from './sample-ids.ts';

interface ClusterSample {
  readonly dns: string;
  readonly version: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly pools: readonly {
    readonly name: string;
    readonly mode: 'System' | 'User';
    readonly count: number;
    readonly vmSize: string;
    /** Default Ubuntu with the image of the day. */
    readonly os?: { readonly osType: string; readonly osSKU: string; readonly nodeImageVersion: string };
  }[];
  /** Default NodeImage. */
  readonly nodeOsChannel?: string;
  /** Default true. */
  readonly hasAzureRbac?: boolean;
}

/** An image that nobody has replaced for a long time. */
const WINDOWS = {
  osType: 'Windows',
  osSKU: 'Windows2022',
  nodeImageVersion: 'AKSWindows-2022-containerd-20348.3932.250710',
};
const NEWEST_WINDOWS_IMAGE = 'AKSWindows-2022-containerd-20348.4405.261110';
/** The sample's API servers listen on loopback. */
const HOST = 'localhost';

const SAMPLES: readonly (readonly [SampleName, ClusterSample])[] = [
  [
    'aks-prod',
    {
      dns: 'aks-prod-4f21c9',
      version: '1.33.4',
      tags: { env: 'prod' },
      nodeOsChannel: 'Unmanaged',
      pools: [
        { name: 'system', mode: 'System', count: 3, vmSize: 'Standard_D4ds_v5' },
        { name: 'apps', mode: 'User', count: 5, vmSize: 'Standard_D8ds_v5' },
      ],
    },
  ],
  [
    'aks-dev',
    {
      dns: 'aks-dev-90ab17',
      version: '1.34.1',
      tags: { owner: 'platform-team', costCenter: 'CC-1042', env: 'dev' },
      pools: [{ name: 'system', mode: 'System', count: 2, vmSize: 'Standard_D2ds_v5' }],
    },
  ],
  [
    'aks-data',
    {
      dns: 'aks-data-7d03e2',
      version: '1.33.4',
      tags: { owner: 'data-team', env: 'staging' },
      hasAzureRbac: false,
      pools: [
        { name: 'system', mode: 'System', count: 3, vmSize: 'Standard_E8ds_v5' },
        { name: 'win', mode: 'User', count: 2, vmSize: 'Standard_D4ds_v5', os: WINDOWS },
      ],
    },
  ],
];

/** Clusters of the sample subscription, as a GET at 2026-04-01 answers them. */
export function sampleClusters(): RawResource[] {
  return SAMPLES.map(([name, sample]) => toCluster(name, sample));
}

/**
 * The Kubernetes side of the sample. `aks-prod`: kured has noticed four days ago that three nodes of `apps` need a reboot, and cannot drain them.
 * `aks-dev`: all is as it should be. `aks-data`: Kubernetes RBAC decides who may read, and lets nobody of the sample.
 */
export function sampleKubernetes(): KubernetesSeed[] {
  return [
    {
      clusterId: sampleId('aks-prod'),
      kured: { annotateNodes: true, exposesMetrics: true, isBlocked: true },
      pendingReboots: [{ pool: 'apps', nodes: 3, hoursAgo: 96 }],
    },
    { clusterId: sampleId('aks-dev'), nodeAgeHours: 72 },
    { clusterId: sampleId('aks-data'), latestImages: { win: NEWEST_WINDOWS_IMAGE } },
  ];
}

function toCluster(name: SampleName, sample: ClusterSample): RawResource {
  const { dns, hasAzureRbac = true, nodeOsChannel = 'NodeImage', pools, tags, version } = sample;
  const base = sampleBase(name);
  const nodeResourceGroup = `MC_${base.id.split('/')[4]}_${name}_westeurope`;
  return {
    ...base,
    // Azure answers some clusters in this spelling: ids and types must be compared without case.
    ...(name === 'aks-data'
      ? {
          id: base.id.replace('/resourceGroups/', '/resourcegroups/'),
          type: 'Microsoft.ContainerService/ManagedClusters',
        }
      : {}),
    eTag: newETag(),
    tags,
    sku: { name: 'Base', tier: name === 'aks-dev' ? 'Free' : 'Standard' },
    identity: {
      type: 'SystemAssigned',
      principalId: '00000000-0000-4000-8000-0000000000c1',
      tenantId: '00000000-0000-4000-8000-00000000000a',
    },
    properties: {
      provisioningState: 'Succeeded',
      powerState: { code: 'Running' },
      kubernetesVersion: version,
      currentKubernetesVersion: version,
      dnsPrefix: dns,
      fqdn: HOST,
      azurePortalFQDN: `${dns}.portal.hcp.westeurope.azmk8s.io`,
      agentPoolProfiles: pools.map((pool) => toPool(pool, version)),
      servicePrincipalProfile: { clientId: 'msi' },
      addonProfiles: { azurepolicy: { enabled: true, config: { version: 'v2' } } },
      nodeResourceGroup,
      identityProfile: {
        kubeletidentity: {
          resourceId: `/subscriptions/${SAMPLE_SUBSCRIPTION_ID}/resourcegroups/${nodeResourceGroup}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/${name}-agentpool`,
          clientId: '00000000-0000-4000-8000-0000000000c2',
          objectId: '00000000-0000-4000-8000-0000000000c3',
        },
      },
      enableRBAC: true,
      supportPlan: 'KubernetesOfficial',
      networkProfile: {
        networkPlugin: 'azure',
        networkPluginMode: 'overlay',
        networkPolicy: 'cilium',
        networkDataplane: 'cilium',
        loadBalancerSku: 'standard',
        outboundType: 'loadBalancer',
        podCidr: '10.244.0.0/16',
        serviceCidr: '10.0.0.0/16',
        dnsServiceIP: '10.0.0.10',
        ipFamilies: ['IPv4'],
        loadBalancerProfile: {
          managedOutboundIPs: { count: 1 },
          effectiveOutboundIPs: [
            {
              id: `/subscriptions/${SAMPLE_SUBSCRIPTION_ID}/resourceGroups/${nodeResourceGroup}/providers/Microsoft.Network/publicIPAddresses/outbound`,
            },
          ],
        },
      },
      aadProfile: { managed: true, enableAzureRBAC: hasAzureRbac, tenantID: '00000000-0000-4000-8000-00000000000a' },
      maxAgentPools: 100,
      apiServerAccessProfile: {
        enablePrivateCluster: false,
        authorizedIPRanges: ['203.0.113.0/28'],
        disableRunCommand: true,
      },
      autoUpgradeProfile: { upgradeChannel: 'patch', nodeOSUpgradeChannel: nodeOsChannel },
      disableLocalAccounts: true,
      securityProfile: {
        workloadIdentity: { enabled: true },
        imageCleaner: { enabled: true, intervalHours: 168 },
        defender: {
          logAnalyticsWorkspaceResourceId: `/subscriptions/${SAMPLE_SUBSCRIPTION_ID}/resourceGroups/rg-platform-prod/providers/Microsoft.OperationalInsights/workspaces/log-platform`,
          securityMonitoring: { enabled: true },
        },
      },
      storageProfile: {
        diskCSIDriver: { enabled: true },
        fileCSIDriver: { enabled: true },
        snapshotController: { enabled: true },
      },
      oidcIssuerProfile: { enabled: true, issuerURL: `https://westeurope.oic.prod-aks.azure.com/${dns}/` },
    },
  };
}

function toPool({ os, ...pool }: ClusterSample['pools'][number], version: string): JsonObject {
  return {
    ...pool,
    eTag: newETag(),
    type: 'VirtualMachineScaleSets',
    provisioningState: 'Succeeded',
    powerState: { code: 'Running' },
    osType: 'Linux',
    osSKU: 'Ubuntu',
    osDiskSizeGB: 128,
    osDiskType: 'Ephemeral',
    maxPods: 110,
    orchestratorVersion: version,
    currentOrchestratorVersion: version,
    nodeImageVersion: 'AKSUbuntu-2204gen2containerd-202611.10.0',
    ...os,
    enableAutoScaling: false,
    enableNodePublicIP: false,
    enableEncryptionAtHost: true,
    enableFIPS: false,
    availabilityZones: ['1', '2', '3'],
    upgradeSettings: { maxSurge: '33%' },
  };
}
