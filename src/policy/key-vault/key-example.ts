/** A well-kept key as ARM returns it: it renews itself, and does not expire soon. A case states its one difference. */
export function key(change: Readonly<Record<string, unknown>> = {}): Readonly<Record<string, unknown>> {
  const uri = 'https://contoso-kv.vault.azure.net/keys/data';
  return {
    id: '/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg1/providers/Microsoft.KeyVault/vaults/contoso-kv/keys/data',
    name: 'data',
    type: 'Microsoft.KeyVault/vaults/keys',
    location: 'westeurope',
    tags: {},
    properties: {
      attributes: { enabled: true, created: 1_760_000_000, updated: 1_760_000_000, exp: 1_823_000_000 },
      kty: 'RSA',
      keySize: 2048,
      keyUri: uri,
      keyUriWithVersion: `${uri}/0123456789abcdef0123456789abcdef`,
      rotationPolicy: {
        attributes: { expiryTime: 'P2Y' },
        lifetimeActions: [
          { trigger: { timeAfterCreate: 'P18M' }, action: { type: 'rotate' } },
          { trigger: { timeBeforeExpiry: 'P30D' }, action: { type: 'notify' } },
        ],
      },
      ...change,
    },
  };
}
