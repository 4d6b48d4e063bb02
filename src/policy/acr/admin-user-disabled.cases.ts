import { compliant, unknown, violation } from '../define-policy.ts';
import { policyCases } from '../policy-cases.ts';
import { acrAdminUserDisabled } from './admin-user-disabled.ts';
import { registry } from './registry-example.ts';

export default policyCases(acrAdminUserDisabled, {
  'the admin user is off': { resource: registry(), verdict: compliant },
  'the admin user is on': {
    resource: registry({ adminUserEnabled: true }),
    verdict: violation({ adminUserEnabled: true }),
  },
  'the flag arrives as text': {
    resource: registry({ adminUserEnabled: 'True' }),
    verdict: violation({ adminUserEnabled: true }),
  },
  'the flag is null, which is the default (off)': {
    resource: registry({ adminUserEnabled: null }),
    verdict: compliant,
  },
  'the flag is neither true nor false': {
    resource: registry({ adminUserEnabled: 1 }),
    verdict: unknown('properties.adminUserEnabled'),
  },
});
