import type { IdentityDefinition, RoleAssignment } from './identities.ts';
import { AZURE_CLI_CLIENT_ID } from './identities.ts';
import { sampleClusters, sampleKubernetes } from './sample-clusters.ts';
import { SAMPLE_GROUPS, SAMPLE_SUBSCRIPTION_ID, sampleId } from './sample-ids.ts';
import { sampleContainerGroups, sampleRegistries } from './sample-registries.ts';
import type { Seed } from './simulator.ts';

export { SAMPLE_SUBSCRIPTION_ID, sampleId } from './sample-ids.ts';

export const SAMPLE_TENANT_ID = '00000000-0000-4000-8000-00000000000a';

/**
 * The sample estate that `npm start` shows. Registries: `contosoacr` and `contosofresh` are clean, `contosobuild` has an
 * admin user that nobody needs, `contosolegacy` one that a container group signs in with, `contosolocked` one under a
 * ReadOnly lock, and `contosoci` is the one that an automation keeps changing back. Clusters: `aks-prod` lacks tags,
 * `aks-dev` has all of them, `aks-data` has another value for one and lacks another; `sampleKubernetes` says how their nodes are.
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
    kubernetes: sampleKubernetes(),
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

const SUBSCRIPTION_SCOPE = `/subscriptions/${SAMPLE_SUBSCRIPTION_ID}`;

/** What a deployment assigns to the product's identity. Refuses wildcards: whatever runs with one proves nothing about the generated roles. */
export function assignProductRole(
  actions: readonly string[],
  dataActions: readonly string[] = [],
): readonly RoleAssignment[] {
  const wildcard = [...actions, ...dataActions].find((action) => action.includes('*'));
  if (wildcard !== undefined) throw new Error(`the role of the product may not hold a wildcard: ${wildcard}`);
  return [{ scope: SUBSCRIPTION_SCOPE, actions, dataActions, roleName: 'Dockwarden Remediator' }];
}

/** An owner may change everything and read no data; these are what a person who looks at nodes and metrics holds besides. */
const DATA_ROLES: readonly RoleAssignment[] = [
  {
    scope: SUBSCRIPTION_SCOPE,
    actions: [],
    dataActions: ['Microsoft.ContainerService/managedClusters/*'],
    roleName: 'Azure Kubernetes Service RBAC Cluster Admin',
  },
  {
    scope: SUBSCRIPTION_SCOPE,
    actions: [],
    dataActions: ['Microsoft.Monitor/accounts/data/metrics/read'],
    roleName: 'Monitoring Data Reader',
  },
];

/**
 * Who acts in the sample: the product with exactly these actions and data actions, a person with the Azure CLI, and a pipeline that owns `contosoci`.
 */
export function createSampleIdentities(
  productActions: readonly string[],
  productDataActions: readonly string[] = [],
): IdentityDefinition[] {
  return [
    {
      name: 'dockwarden',
      objectId: '00000000-0000-4000-8000-0000000000d1',
      clientId: '00000000-0000-4000-8000-0000000000d2',
      principalType: 'ServicePrincipal',
      displayName: 'id-dockwarden',
      roleAssignments: assignProductRole(productActions, productDataActions),
    },
    {
      name: 'operator',
      objectId: '00000000-0000-4000-8000-0000000000e1',
      clientId: AZURE_CLI_CLIENT_ID,
      principalType: 'User',
      upn: 'platform-operator@contoso.example',
      displayName: 'Platform operator',
      roleAssignments: [{ scope: SUBSCRIPTION_SCOPE, actions: ['*'], roleName: 'Owner' }, ...DATA_ROLES],
    },
    {
      name: 'automation',
      objectId: '00000000-0000-4000-8000-0000000000f1',
      clientId: '00000000-0000-4000-8000-0000000000f2',
      principalType: 'ServicePrincipal',
      displayName: 'sp-platform-pipeline',
      roleAssignments: [{ scope: SUBSCRIPTION_SCOPE, actions: ['*'], roleName: 'Contributor' }],
    },
  ];
}
