import { compliant, definePolicy, notApplicable, unknown, violation } from '../define-policy.ts';
import { days } from '../parameters.ts';

const DAY = 86_400_000;

export const acrSecondPasswordFresh = definePolicy({
  id: 'acr-second-password-fresh',
  title: 'Second admin password was rotated recently',
  severity: 'medium',
  resource: 'Microsoft.ContainerRegistry/registries',
  parameters: {
    maxAgeDays: days(
      'ACR_PASSWORD_MAX_AGE_DAYS',
      90,
      'Oldest allowed age of the registry password `password2`, in days.',
    ),
  },
  rationale:
    'While the admin user has to stay on, its spare password must not outlive a quarter. Azure shows no age, so it counts from the last rotation that Dockwarden itself recorded, and never further back than the creation of the registry.',
  references: ['https://learn.microsoft.com/azure/container-registry/container-registry-authentication#admin-account'],
  evaluate({ properties: { adminUserEnabled, creationDate } }, { now, lastFixedAt, parameters: { maxAgeDays } }) {
    if (adminUserEnabled === undefined || adminUserEnabled === 'unreadable') {
      return unknown('properties.adminUserEnabled');
    }
    if (!adminUserEnabled) return notApplicable('the admin user is off');
    const created = creationDate === undefined ? Number.NaN : Date.parse(creationDate);
    const since = Math.max(
      lastFixedAt?.getTime() ?? Number.NEGATIVE_INFINITY,
      Number.isNaN(created) ? -Infinity : created,
    );
    if (now.getTime() - since <= maxAgeDays * DAY) return compliant;
    return violation({ lastRotated: lastFixedAt?.toISOString() ?? null, maxAgeDays });
  },
});
