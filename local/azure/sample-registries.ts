import { defaultProperties } from './providers/container-registry.ts';
import type { RawResource } from './resource-store.ts';
import { type SampleName, sampleBase } from './sample-ids.ts';

interface RegistrySample {
  readonly created: string;
  readonly sku: 'Basic' | 'Standard' | 'Premium';
  readonly adminUserEnabled: boolean;
  readonly tags: Readonly<Record<string, string>>;
}

const SAMPLES: readonly (readonly [SampleName, RegistrySample])[] = [
  [
    'contosoacr',
    {
      created: '2025-03-04T09:12:44Z',
      sku: 'Premium',
      adminUserEnabled: false,
      tags: { team: 'platform', env: 'prod' },
    },
  ],
  [
    'contosobuild',
    {
      created: '2026-02-17T13:05:09Z',
      sku: 'Standard',
      adminUserEnabled: true,
      tags: { team: 'build', env: 'dev' },
    },
  ],
  [
    'contosolegacy',
    {
      created: '2023-06-21T07:48:30Z',
      sku: 'Basic',
      adminUserEnabled: true,
      tags: { team: 'batch', env: 'dev' },
    },
  ],
  [
    'contosolocked',
    {
      created: '2024-11-11T16:20:01Z',
      sku: 'Premium',
      adminUserEnabled: true,
      tags: { team: 'legal', env: 'prod' },
    },
  ],
  [
    'contosoci',
    {
      created: '2025-09-30T10:33:52Z',
      sku: 'Standard',
      adminUserEnabled: false,
      tags: { team: 'ci', env: 'dev', 'managed-by': 'terraform' },
    },
  ],
  [
    'contosofresh',
    {
      created: '2026-11-02T08:01:17Z',
      sku: 'Premium',
      adminUserEnabled: false,
      tags: { team: 'platform', env: 'prod' },
    },
  ],
];

/** Registries of the sample subscription, as a GET at 2025-11-01 answers them. */
export function sampleRegistries(): RawResource[] {
  return SAMPLES.map(([name, sample]) => toRegistry(name, sample));
}

function toRegistry(name: SampleName, { adminUserEnabled, created, sku, tags }: RegistrySample): RawResource {
  const creation = new Date(created);
  return {
    ...sampleBase(name),
    tags,
    sku: { name: sku, tier: sku },
    systemData: {
      createdBy: 'platform-operator@contoso.example',
      createdByType: 'User',
      createdAt: created,
      lastModifiedBy: 'platform-operator@contoso.example',
      lastModifiedByType: 'User',
      lastModifiedAt: created,
    },
    properties: {
      ...defaultProperties(name, undefined, creation),
      provisioningState: 'Succeeded',
      status: null,
      adminUserEnabled,
      ...(sku === 'Premium'
        ? { publicNetworkAccess: 'Disabled', networkRuleSet: { defaultAction: 'Deny', ipRules: [] } }
        : {}),
    },
  };
}

/** `legacy-batch` pulls with the admin user of `contosolegacy`; `metrics-relay` pulls with a managed identity. */
export function sampleContainerGroups(): RawResource[] {
  const batch = toContainerGroup('legacy-batch', 'contosolegacy.azurecr.io/batch/settlement:4.2', {
    server: 'contosolegacy.azurecr.io',
    username: 'contosolegacy',
  });
  const relay = toContainerGroup('metrics-relay', 'contosoacr.azurecr.io/observability/relay:1.9', {
    server: 'contosoacr.azurecr.io',
    identity:
      '/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/rg-platform-prod/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-metrics-relay',
  });
  return [batch, relay];
}

function toContainerGroup(
  name: 'legacy-batch' | 'metrics-relay',
  image: string,
  credential: { server: string; username?: string; identity?: string },
): RawResource {
  const container = {
    name,
    properties: {
      image,
      ports: [{ port: 8080 }],
      environmentVariables: [{ name: 'LOG_LEVEL', value: 'info' }],
      resources: { requests: { cpu: 1, memoryInGB: 1.5 } },
      instanceView: {
        restartCount: 0,
        currentState: { state: 'Running', startTime: '2026-11-20T03:00:11Z', detailStatus: '' },
      },
    },
  };
  return {
    ...sampleBase(name),
    tags: { team: name === 'legacy-batch' ? 'batch' : 'observability' },
    properties: {
      sku: 'Standard',
      provisioningState: 'Succeeded',
      containers: [container],
      imageRegistryCredentials: [credential],
      restartPolicy: 'Always',
      ipAddress: { ip: '10.20.4.4', ports: [{ port: 8080, protocol: 'TCP' }], type: 'Private' },
      osType: 'Linux',
      instanceView: { state: 'Running', events: [] },
    },
  };
}
