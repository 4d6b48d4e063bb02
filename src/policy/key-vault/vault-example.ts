/** A vault as ARM returns it. */
export function vault(): Readonly<Record<string, unknown>> {
  return {
    id: '/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg1/providers/Microsoft.KeyVault/vaults/contoso-kv',
    name: 'contoso-kv',
    type: 'Microsoft.KeyVault/vaults',
    location: 'westeurope',
    properties: {
      enableSoftDelete: true,
      enablePurgeProtection: true,
      vaultUri: 'https://contoso-kv.vault.azure.net/',
    },
  };
}
