import { compliant, definePolicy, unknown, violation } from '../define-policy.ts';

export const acrAdminUserDisabled = definePolicy({
  id: 'acr-admin-user-disabled',
  title: 'Admin user of the registry is disabled',
  severity: 'high',
  resource: 'Microsoft.ContainerRegistry/registries',
  rationale:
    'The admin user is one shared account with full push and pull rights: whoever holds its password acts without a name, and no conditional access or role assignment limits it.',
  references: ['https://learn.microsoft.com/azure/container-registry/container-registry-authentication#admin-account'],
  frameworks: {
    azurePolicy: [
      { id: 'dc921057-6b28-4fbe-9b83-f7bec05db6c2', effect: 'audit', match: 'same' },
      { id: '79fdfe03-ffcb-4e55-b4d0-b925b8241759', effect: 'modify', match: 'same' },
    ],
    mcsb: ['IM-1 (v2)'],
    cisAks: ['5.1.2'],
  },
  evaluate({ properties: { adminUserEnabled } }) {
    // Absent is secure: ARM's default is false, and a live GET always returns the flag.
    if (adminUserEnabled === 'unreadable') return unknown('properties.adminUserEnabled');
    return adminUserEnabled === true ? violation({ adminUserEnabled }) : compliant;
  },
});
