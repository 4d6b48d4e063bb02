import { alert, exposure, known } from '../defender/alert-example.ts';
import { compliant, type Part } from '../define-policy.ts';
import { policyCases } from '../policy-cases.ts';
import { acrAlertsClosed } from './alerts-closed.ts';
import { registry } from './registry-example.ts';

const stolen = alert({
  id: 'alert-1',
  type: 'ARM_AnomalousOperation.CredentialAccess',
  title: 'Suspicious credential access',
  severity: 'Medium',
});
const ticket: Part = {
  name: 'alert-1',
  title: 'Defender alert: Suspicious credential access',
  severity: 'medium',
  verdict: 'violation',
  isCertain: true,
  evidence: {
    alertType: 'ARM_AnomalousOperation.CredentialAccess',
    alertId: 'alert-1',
    alertSeverity: 'Medium',
    raised: '2026-11-01T12:00:00.000Z',
    response:
      're-evaluate, credentials-compromised: Somebody who does not usually do so has read credentials of the registry.',
  },
  items: [],
};
const activeAlerts = 1;
const types = stolen.type;

export default policyCases(acrAlertsClosed, {
  'no alert was ever raised': { resource: registry(), verdict: compliant },
  'an alert says that credentials are stolen': {
    resource: registry(),
    related: { defender: known([stolen]) },
    verdict: { verdict: 'violation', evidence: { activeAlerts, types }, parts: [ticket] },
  },
  'the registry has tokens, and somebody read its passwords before the alert': {
    resource: registry(),
    related: {
      defender: known([stolen], {
        tokens: ['ci'],
        changes: [
          exposure({ application: '00000000-0000-4000-8000-0000000000bb', correlationId: 'c-1' }),
          { time: '2026-11-01T11:58:00.000Z', operation: 'Microsoft.ContainerRegistry/registries/write' },
        ],
      }),
    },
    verdict: {
      verdict: 'violation',
      evidence: { activeAlerts, types },
      parts: [
        {
          ...ticket,
          evidence: {
            ...ticket.evidence,
            recentChanges: [
              '2026-11-01T11:58:00.000Z Microsoft.ContainerRegistry/registries/write by somebody unknown',
              '2026-11-01T11:55:00.000Z Microsoft.ContainerRegistry/registries/listCredentials/action by 00000000-0000-4000-8000-0000000000aa through application 00000000-0000-4000-8000-0000000000bb (correlation id c-1)',
            ].join('\n'),
          },
          items: [
            {
              name: 'ci',
              id: 'ci',
              detail: 'a token of the registry: its passwords are as old as before, renew them',
            },
          ],
        },
      ],
    },
  },
  'the tokens of the registry cannot be listed': {
    resource: registry(),
    related: { defender: known([stolen], { tokens: 'unreadable' }) },
    verdict: {
      verdict: 'violation',
      evidence: { activeAlerts, types },
      parts: [{ ...ticket, evidence: { ...ticket.evidence, tokens: 'could not be listed' } }],
    },
  },
  'what is stored of the only alert cannot be read': {
    resource: registry(),
    related: { defender: known([], { unreadable: ['alert-1', ''] }) },
    verdict: {
      verdict: 'unknown',
      missing: 'stored alerts that can be read',
      parts: [{ name: 'alert-1', verdict: 'unknown', evidence: {} }],
      isPartial: true,
    },
  },
  'the alert was closed in Defender': {
    resource: registry(),
    related: { defender: known([{ ...stolen, status: 'closed' }]) },
    verdict: {
      verdict: 'compliant',
      parts: [{ name: 'alert-1', verdict: 'compliant', evidence: {}, isCertain: true }],
    },
  },
});
