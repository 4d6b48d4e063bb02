/** A well-kept cluster as ARM returns it; a case states its one difference. */
export function cluster(change: Readonly<Record<string, unknown>> = {}): Readonly<Record<string, unknown>> {
  return {
    id: '/subscriptions/00000000-0000-0000-0000-000000000001/resourcegroups/rg1/providers/Microsoft.ContainerService/managedClusters/aks1',
    name: 'aks1',
    type: 'Microsoft.ContainerService/ManagedClusters',
    location: 'westeurope',
    tags: { costCenter: '4711', environment: 'prod' },
    sku: { name: 'Base', tier: 'Standard' },
    properties: { provisioningState: 'Succeeded', powerState: { code: 'Running' }, agentPoolProfiles: [] },
    ...change,
  };
}
