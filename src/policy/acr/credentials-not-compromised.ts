import type { DefenderKnowledge } from '../../resources/defender.ts';
import { credentialAlerts, mayBeMore, READABLE_ALERTS } from '../defender/alert-parts.ts';
import { compliant, definePolicy, unknown, type Verdict, violation } from '../define-policy.ts';

export const acrCredentialsNotCompromised = definePolicy({
  id: 'acr-credentials-not-compromised',
  title: 'No password of the registry is known to attackers',
  severity: 'high',
  resource: 'Microsoft.ContainerRegistry/registries',
  needs: ['defender'],
  rationale:
    'When Defender says that credentials of the registry were the aim, both admin passwords count as stolen until they were renewed after the alert, or until nobody can sign in with them. Which alerts say so is in the playbook.',
  references: [
    'https://learn.microsoft.com/azure/container-registry/container-registry-authentication#admin-account',
    'https://learn.microsoft.com/azure/defender-for-cloud/alerts-resource-manager',
  ],
  frameworks: { mcsb: ['IM-8', 'IR-4'] },
  evaluate({ properties }, { lastFixedAt, now, related: { defender } }) {
    const [newest] = credentialAlerts(defender, now).toSorted((one, other) =>
      other.receivedAt.localeCompare(one.receivedAt),
    );
    if (newest === undefined) return unlessHidden(defender, now);
    const { adminUserEnabled } = properties;
    if (adminUserEnabled === undefined || adminUserEnabled === 'unreadable') {
      return unknown('properties.adminUserEnabled');
    }
    // Azure accepts no password while the admin user is off.
    if (!adminUserEnabled) return compliant;
    if (lastFixedAt !== undefined && lastFixedAt >= new Date(newest.receivedAt)) return unlessHidden(defender, now);
    return violation({ alertType: newest.type, alertId: newest.id, raised: newest.raisedAt });
  },
});

/** Compliant, unless there may be an alert about a theft that cannot be seen. */
function unlessHidden(defender: DefenderKnowledge, now: Date): Verdict {
  if (defender.unreadable.length > 0) return unknown(READABLE_ALERTS);
  return mayBeMore(defender, now) ? unknown('alerts that gave way to others') : compliant;
}
