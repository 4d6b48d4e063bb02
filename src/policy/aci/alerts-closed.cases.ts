import { alert, known } from '../defender/alert-example.ts';
import { compliant } from '../define-policy.ts';
import { policyCases } from '../policy-cases.ts';
import { aciAlertsClosed } from './alerts-closed.ts';
import { containerGroup } from './container-group-example.ts';

const open = alert({
  id: 'alert-1',
  type: 'ARM_AnomalousOperation.Execution',
  title: 'Suspicious execution',
  severity: 'Low',
});

export default policyCases(aciAlertsClosed, {
  'no alert was ever raised': { resource: containerGroup(), verdict: compliant },
  'an alert is open': {
    resource: containerGroup(),
    related: { defender: known([open]) },
    verdict: {
      verdict: 'violation',
      evidence: { activeAlerts: 1, types: 'ARM_AnomalousOperation.Execution' },
      parts: [
        {
          name: 'alert-1',
          title: 'Defender alert: Suspicious execution',
          severity: 'low',
          verdict: 'violation',
          isCertain: true,
          evidence: {
            alertType: 'ARM_AnomalousOperation.Execution',
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
    resource: containerGroup(),
    related: { defender: known([{ ...open, status: 'closed' }]) },
    verdict: {
      verdict: 'compliant',
      parts: [{ name: 'alert-1', verdict: 'compliant', evidence: {}, isCertain: true }],
    },
  },
});
