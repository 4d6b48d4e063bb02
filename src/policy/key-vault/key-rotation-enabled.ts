import { compliant, definePolicy, notApplicable, unknown, violation } from '../define-policy.ts';

export const kvKeyRotationEnabled = definePolicy({
  id: 'kv-key-rotation-enabled',
  title: 'Key of the vault rotates automatically',
  severity: 'medium',
  resource: 'Microsoft.KeyVault/vaults/keys',
  rationale:
    'A key that nobody renews protects everything that was ever written: whoever gets hold of it once reads all of it. A rotation policy renews it without anybody having to think of it.',
  references: ['https://learn.microsoft.com/azure/key-vault/keys/how-to-configure-key-rotation'],
  frameworks: {
    azurePolicy: [{ id: 'd8cf8476-a2ec-4916-896e-992351803c44', effect: 'audit', match: 'same' }],
    mcsb: ['DP-6 (v2)'],
  },
  evaluate({ properties: { attributes, rotationPolicy } }) {
    if (attributes.enabled === undefined) return unknown('properties.attributes.enabled');
    if (!attributes.enabled) return notApplicable('the key is disabled');
    // Absent while nobody has set one: Azure then notifies, and rotates nothing.
    const { lifetimeActions } = rotationPolicy;
    if (lifetimeActions === 'unreadable') return unknown('readable properties.rotationPolicy.lifetimeActions');
    const types = lifetimeActions.map(({ action }) => action.type.trim().toLowerCase());
    return types.includes('rotate') ? compliant : violation({ rotates: false });
  },
});
