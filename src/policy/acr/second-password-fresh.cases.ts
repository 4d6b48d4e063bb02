import { compliant, notApplicable, unknown, violation } from '../define-policy.ts';
import { policyCases } from '../policy-cases.ts';
import { registry } from './registry-example.ts';
import { acrSecondPasswordFresh } from './second-password-fresh.ts';

const old = { adminUserEnabled: true, creationDate: '2025-01-15T08:30:00.0000000Z' };

export default policyCases(acrSecondPasswordFresh, {
  'the admin user is off': { resource: registry(), verdict: notApplicable('the admin user is off') },
  'no rotation was ever recorded': {
    resource: registry(old),
    verdict: violation({ lastRotated: null, maxAgeDays: 90 }),
  },
  'the last recorded rotation is 91 days old': {
    resource: registry(old),
    lastFixedAt: new Date('2026-08-03T12:00:00Z'),
    verdict: violation({ lastRotated: '2026-08-03T12:00:00.000Z', maxAgeDays: 90 }),
  },
  'the last recorded rotation is 89 days old': {
    resource: registry(old),
    lastFixedAt: new Date('2026-08-05T12:00:00Z'),
    verdict: compliant,
  },
  'no rotation was recorded, but the registry itself is younger than that': {
    resource: registry({ adminUserEnabled: true, creationDate: '2026-10-01T00:00:00.0000000Z' }),
    verdict: compliant,
  },
  'the age limit is lowered to 30 days': {
    resource: registry(old),
    lastFixedAt: new Date('2026-09-20T12:00:00Z'),
    parameters: { maxAgeDays: 30 },
    verdict: violation({ lastRotated: '2026-09-20T12:00:00.000Z', maxAgeDays: 30 }),
  },
  'the creation date cannot be read': {
    resource: registry({ adminUserEnabled: true, creationDate: 'yesterday' }),
    verdict: violation({ lastRotated: null, maxAgeDays: 90 }),
  },
  'the flag of the admin user is missing': {
    resource: registry({ adminUserEnabled: undefined }),
    verdict: unknown('properties.adminUserEnabled'),
  },
});
