import type { IdentityDefinition } from './identities.ts';
import { AZURE_CLI_CLIENT_ID } from './identities.ts';
import { sampleClusters } from './sample-clusters.ts';
import { SAMPLE_GROUPS, SAMPLE_SUBSCRIPTION_ID, sampleId } from './sample-ids.ts';
import { sampleContainerGroups, sampleRegistries } from './sample-registries.ts';
import type { Seed } from './simulator.ts';

export { SAMPLE_SUBSCRIPTION_ID, sampleId } from './sample-ids.ts';

export const SAMPLE_TENANT_ID = '00000000-0000-4000-8000-00000000000a';

/**
 * The sample estate that `npm start` shows. Registries: `contosoacr` and `contosofresh` are clean, `contosobuild` has an
 * admin user that nobody needs, `contosolegacy` one that a container group signs in with, `contosolocked` one under a
 * ReadOnly lock, and `contosoci` is the one that an automation keeps changing back. Clusters: `aks-prod` lacks tags,
 * `aks-dev` has all of them, `aks-data` has another value for one and lacks another.
 */
export function createSampleSubscription(): Seed {
  return {
    tenantId: SAMPLE_TENANT_ID,
    subscriptions: [{ subscriptionId: SAMPLE_SUBSCRIPTION_ID, displayName: 'Contoso Platform' }],
    resourceGroups: Object.values(SAMPLE_GROUPS).map((name) => ({
      subscriptionId: SAMPLE_SUBSCRIPTION_ID,
      name,
      location: 'westeurope',
    })),
    resources: [...sampleRegistries(), ...sampleContainerGroups(), ...sampleClusters()],
    locks: [
      {
        scope: sampleId('contosolocked'),
        name: 'under-litigation-hold',
        level: 'ReadOnly',
        notes: 'Legal hold 2026-04: nothing may change here.',
      },
    ],
  };
}

/** Who acts in the sample: the product, a person with the Azure CLI, and a pipeline that owns `contosoci`. */
export function createSampleIdentities(
  productActions: readonly string[] = [
    '*/read',
    'Microsoft.ContainerRegistry/registries/*',
    'Microsoft.Resources/tags/*',
  ],
): IdentityDefinition[] {
  const scope = `/subscriptions/${SAMPLE_SUBSCRIPTION_ID}`;
  return [
    {
      name: 'dockwarden',
      objectId: '00000000-0000-4000-8000-0000000000d1',
      clientId: '00000000-0000-4000-8000-0000000000d2',
      principalType: 'ServicePrincipal',
      displayName: 'id-dockwarden',
      roleAssignments: [{ scope, actions: productActions, roleName: 'Dockwarden Remediator' }],
    },
    {
      name: 'operator',
      objectId: '00000000-0000-4000-8000-0000000000e1',
      clientId: AZURE_CLI_CLIENT_ID,
      principalType: 'User',
      upn: 'platform-operator@contoso.example',
      displayName: 'Platform operator',
      roleAssignments: [{ scope, actions: ['*'], roleName: 'Owner' }],
    },
    {
      name: 'automation',
      objectId: '00000000-0000-4000-8000-0000000000f1',
      clientId: '00000000-0000-4000-8000-0000000000f2',
      principalType: 'ServicePrincipal',
      displayName: 'sp-platform-pipeline',
      roleAssignments: [{ scope, actions: ['*'], roleName: 'Contributor' }],
    },
  ];
}
