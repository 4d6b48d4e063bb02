import { compliant, notApplicable, unknown, violation } from '../define-policy.ts';
import { policyCases } from '../policy-cases.ts';
import { key } from './key-example.ts';
import { kvKeyNotNearExpiry } from './key-not-near-expiry.ts';

/** An enabled key that expires at this moment. */
const expiring = (time: string) => key({ attributes: { enabled: true, exp: Date.parse(time) / 1000 } });

export default policyCases(kvKeyNotNearExpiry, {
  'the key expires in years': { resource: key(), verdict: compliant },
  'the key expires in exactly 30 days': { resource: expiring('2026-12-02T12:00:00Z'), verdict: compliant },
  'the key expires in 29 days': {
    resource: expiring('2026-12-01T12:00:00Z'),
    verdict: violation({ expires: '2026-12-01T12:00:00.000Z', isExpired: false, warningDays: 30 }),
  },
  'the key has expired': {
    resource: expiring('2026-11-02T11:59:59Z'),
    verdict: violation({ expires: '2026-11-02T11:59:59.000Z', isExpired: true, warningDays: 30 }),
  },
  'the warning comes earlier': {
    resource: expiring('2026-12-20T12:00:00Z'),
    parameters: { warningDays: 60 },
    verdict: violation({ expires: '2026-12-20T12:00:00.000Z', isExpired: false, warningDays: 60 }),
  },
  'the key has no expiry date': {
    resource: key({ attributes: { enabled: true } }),
    verdict: notApplicable('the key has no expiry date'),
  },
  'the key is disabled': {
    resource: key({ attributes: { enabled: false, exp: 1_700_000_000 } }),
    verdict: notApplicable('the key is disabled'),
  },
  'it does not show whether the key is enabled': {
    resource: key({ attributes: { exp: 1_700_000_000 } }),
    verdict: unknown('properties.attributes.enabled'),
  },
  'the key shows null instead of an expiry date': {
    resource: key({ attributes: { enabled: true, exp: null } }),
    verdict: notApplicable('the key has no expiry date'),
  },
  'the expiry date is text': {
    resource: key({ attributes: { enabled: true, exp: '1600000000' } }),
    verdict: unknown('a readable properties.attributes.exp'),
  },
  'the expiry date is no date': {
    resource: key({ attributes: { enabled: true, exp: 1e15 } }),
    verdict: unknown('a readable properties.attributes.exp'),
  },
});
