/** A container group as ARM returns it. */
export function containerGroup(): Readonly<Record<string, unknown>> {
  return {
    id: '/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg1/providers/Microsoft.ContainerInstance/containerGroups/jobs',
    name: 'jobs',
    type: 'Microsoft.ContainerInstance/containerGroups',
    location: 'westeurope',
    properties: { provisioningState: 'Succeeded', osType: 'Linux', sku: 'Standard' },
  };
}
