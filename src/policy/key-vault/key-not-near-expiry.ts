import { compliant, definePolicy, notApplicable, unknown, violation } from '../define-policy.ts';
import { days } from '../parameters.ts';

const DAY = 86_400_000;
/** Latest moment that a date can hold, in milliseconds. */
const MAX_DATE = 8.64e15;

export const kvKeyNotNearExpiry = definePolicy({
  id: 'kv-key-not-near-expiry',
  title: 'Key of the vault does not expire soon',
  severity: 'high',
  resource: 'Microsoft.KeyVault/vaults/keys',
  parameters: {
    warningDays: days(
      'KV_KEY_EXPIRY_WARNING_DAYS',
      30,
      'How long before its expiry a key of a vault counts as expiring soon, in days.',
    ),
  },
  rationale:
    'When a key expires, what it encrypts can no longer be opened with it: registries refuse pulls, disks of nodes do not attach, clusters cannot read their secrets.',
  references: ['https://learn.microsoft.com/azure/key-vault/keys/about-keys-details#key-attributes'],
  frameworks: { azurePolicy: [{ id: '5ff38825-c5d8-47c5-b70e-069a21955146', effect: 'audit', match: 'same' }] },
  evaluate({ properties: { attributes } }, { now, parameters: { warningDays } }) {
    if (attributes.enabled === undefined) return unknown('properties.attributes.enabled');
    if (!attributes.enabled) return notApplicable('the key is disabled');
    const { exp } = attributes;
    if (exp === undefined) return notApplicable('the key has no expiry date');
    if (exp === 'unreadable' || Math.abs(exp * 1000) > MAX_DATE) return unknown('a readable properties.attributes.exp');
    const expires = exp * 1000;
    if (expires >= now.getTime() + warningDays * DAY) return compliant;
    const isExpired = expires <= now.getTime();
    return violation({ expires: new Date(expires).toISOString(), isExpired, warningDays });
  },
});
