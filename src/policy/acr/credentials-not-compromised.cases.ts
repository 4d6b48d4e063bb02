import { MAX_ALERTS } from '../../resources/defender.ts';
import { alert, known } from '../defender/alert-example.ts';
import { compliant, unknown, violation } from '../define-policy.ts';
import { policyCases } from '../policy-cases.ts';
import { acrCredentialsNotCompromised } from './credentials-not-compromised.ts';
import { registry } from './registry-example.ts';

const stolen = alert({ id: 'alert-1', type: 'ARM_AnomalousOperation.CredentialAccess' });
const defender = known([stolen]);
const compromised = violation({ alertType: stolen.type, alertId: 'alert-1', raised: '2026-11-01T12:00:00.000Z' });
const on = registry({ adminUserEnabled: true });

export default policyCases(acrCredentialsNotCompromised, {
  'no alert was ever raised': { resource: on, verdict: compliant },
  'an alert says that the passwords are stolen': { resource: on, related: { defender }, verdict: compromised },
  'the admin user is off, so that nobody can sign in with them': {
    resource: registry(),
    related: { defender },
    verdict: compliant,
  },
  'the passwords were renewed after the alert had come': {
    resource: on,
    related: { defender },
    lastFixedAt: new Date('2026-11-01T12:01:00Z'),
    verdict: compliant,
  },
  'the passwords were renewed before the alert came': {
    resource: on,
    related: { defender },
    lastFixedAt: new Date('2026-11-01T12:00:59Z'),
    verdict: compromised,
  },
  'of two alerts the one that came last counts': {
    resource: on,
    related: { defender: known([alert({ ...stolen, id: 'alert-2', receivedAt: '2026-11-02T09:00:00.000Z' }), stolen]) },
    lastFixedAt: new Date('2026-11-01T13:00:00Z'),
    verdict: violation({ alertType: stolen.type, alertId: 'alert-2', raised: '2026-11-01T12:00:00.000Z' }),
  },
  'the alert was closed in Defender': {
    resource: on,
    related: { defender: known([{ ...stolen, status: 'closed' }]) },
    verdict: compliant,
  },
  'the alert is about something else': {
    resource: on,
    related: { defender: known([alert({ type: 'ARM_AnomalousOperation.Impact' })]) },
    verdict: compliant,
  },
  'what is stored of an alert cannot be read': {
    resource: on,
    related: { defender: known([], { unreadable: ['alert-1'] }) },
    verdict: unknown('stored alerts that can be read'),
  },
  'the passwords were renewed, and what is stored of another alert cannot be read': {
    resource: on,
    related: { defender: known([stolen], { unreadable: ['alert-2'] }) },
    lastFixedAt: new Date('2026-11-01T12:01:00Z'),
    verdict: unknown('stored alerts that can be read'),
  },
  'there are so many other alerts that one about passwords may have given way': {
    resource: on,
    related: {
      defender: known(Array.from({ length: MAX_ALERTS }, (_none, index) => alert({ id: `alert-${index}` }))),
    },
    verdict: unknown('alerts that gave way to others'),
  },
  'the passwords were renewed, and there are so many other alerts that a later one may have given way': {
    resource: on,
    related: {
      defender: known([
        stolen,
        ...Array.from({ length: MAX_ALERTS - 1 }, (_none, index) => alert({ id: `other-${index}` })),
      ]),
    },
    lastFixedAt: new Date('2026-11-01T12:01:00Z'),
    verdict: unknown('alerts that gave way to others'),
  },
  'the flag of the admin user is missing': {
    resource: registry({ adminUserEnabled: undefined }),
    related: { defender },
    verdict: unknown('properties.adminUserEnabled'),
  },
  'the flag of the admin user cannot be read': {
    resource: registry({ adminUserEnabled: 'maybe' }),
    related: { defender },
    verdict: unknown('properties.adminUserEnabled'),
  },
});
