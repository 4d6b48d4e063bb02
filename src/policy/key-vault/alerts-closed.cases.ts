import { alert, known } from '../defender/alert-example.ts';
import { compliant } from '../define-policy.ts';
import { policyCases } from '../policy-cases.ts';
import { kvAlertsClosed } from './alerts-closed.ts';
import { vault } from './vault-example.ts';

const open = alert({
  id: 'alert-1',
  type: 'Arm_Suspicious_Vault_Recovering',
  title: 'Suspicious recovery of a vault',
  severity: 'Low',
});

export default policyCases(kvAlertsClosed, {
  'no alert was ever raised': { resource: vault(), verdict: compliant },
  'an alert is open': {
    resource: vault(),
    related: { defender: known([open]) },
    verdict: {
      verdict: 'violation',
      evidence: { activeAlerts: 1, types: 'Arm_Suspicious_Vault_Recovering' },
      parts: [
        {
          name: 'alert-1',
          title: 'Defender alert: Suspicious recovery of a vault',
          severity: 'low',
          verdict: 'violation',
          isCertain: true,
          evidence: {
            alertType: 'Arm_Suspicious_Vault_Recovering',
            alertId: 'alert-1',
            alertSeverity: 'Low',
            raised: '2026-11-01T12:00:00.000Z',
            response: 're-evaluate: Whoever got in may have changed the resource.',
          },
        },
      ],
    },
  },
  'the alert was closed in Defender': {
    resource: vault(),
    related: { defender: known([{ ...open, status: 'closed' }]) },
    verdict: {
      verdict: 'compliant',
      parts: [{ name: 'alert-1', verdict: 'compliant', evidence: {}, isCertain: true }],
    },
  },
});
