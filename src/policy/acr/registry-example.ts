/** A hardened registry as ARM returns it; a case states its one difference. */
export function registry(change: Readonly<Record<string, unknown>> = {}): Readonly<Record<string, unknown>> {
  return {
    id: '/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg1/providers/Microsoft.ContainerRegistry/registries/contosoacr',
    name: 'contosoacr',
    type: 'Microsoft.ContainerRegistry/registries',
    location: 'westeurope',
    sku: { name: 'Premium', tier: 'Premium' },
    properties: {
      loginServer: 'contosoacr.azurecr.io',
      creationDate: '2025-01-15T08:30:00.0000000Z',
      provisioningState: 'Succeeded',
      adminUserEnabled: false,
      ...change,
    },
  };
}
