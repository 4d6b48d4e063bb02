import { alert, known } from '../defender/alert-example.ts';
import { compliant } from '../define-policy.ts';
import { policyCases } from '../policy-cases.ts';
import { aksAlertsClosed } from './alerts-closed.ts';
import { cluster } from './cluster-example.ts';

const drift = alert({
  id: 'alert-2',
  type: 'K8S.NODE_DriftDetection',
  title: '',
  severity: 'Informational',
  intent: 'Execution',
  description: 'A binary that was not in the image ran.',
  steps: 'Stop the container.',
  links: 'https://portal.azure.com/',
});

export default policyCases(aksAlertsClosed, {
  'no alert was ever raised': { resource: cluster(), verdict: compliant },
  'one alert is open, and one was closed': {
    resource: cluster(),
    related: { defender: known([drift, alert({ id: 'alert-1', status: 'closed' })]) },
    verdict: {
      verdict: 'violation',
      evidence: { activeAlerts: 1, types: 'K8S.NODE_DriftDetection' },
      parts: [
        {
          name: 'alert-2',
          title: 'Defender alert: K8S.NODE_DriftDetection',
          severity: 'info',
          verdict: 'violation',
          isCertain: true,
          evidence: {
            alertType: 'K8S.NODE_DriftDetection',
            alertId: 'alert-2',
            alertSeverity: 'Informational',
            raised: '2026-11-01T12:00:00.000Z',
            mitreIntent: 'Execution',
            description: 'A binary that was not in the image ran.',
            advice: 'Stop the container.',
            links: 'https://portal.azure.com/',
            response: 're-evaluate: Whoever got in may have changed the resource.',
          },
        },
        { name: 'alert-1', verdict: 'compliant', evidence: {}, isCertain: true },
      ],
    },
  },
  'an alert is 90 days old, and nobody closed it': {
    resource: cluster(),
    related: { defender: known([alert({ id: 'alert-1', raisedAt: '2026-08-04T12:00:00.000Z' })]) },
    verdict: {
      verdict: 'compliant',
      parts: [{ name: 'alert-1', verdict: 'compliant', evidence: {}, isCertain: true }],
    },
  },
});
