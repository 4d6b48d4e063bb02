import { compliant, notApplicable, unknown, violation } from '../define-policy.ts';
import { policyCases } from '../policy-cases.ts';
import { key } from './key-example.ts';
import { kvKeyRotationEnabled } from './key-rotation-enabled.ts';

const action = (type: unknown) => ({ trigger: { timeBeforeExpiry: 'P30D' }, action: { type } });

export default policyCases(kvKeyRotationEnabled, {
  'the rotation policy rotates the key': { resource: key(), verdict: compliant },
  'the action is spelt as the data plane spells it': {
    resource: key({ rotationPolicy: { lifetimeActions: [action('Notify'), action('Rotate')] } }),
    verdict: compliant,
  },
  'nobody has set a rotation policy, so Azure shows none': {
    resource: key({ rotationPolicy: undefined }),
    verdict: violation({ rotates: false }),
  },
  'the rotation policy only notifies': {
    resource: key({ rotationPolicy: { lifetimeActions: [action('notify')] } }),
    verdict: violation({ rotates: false }),
  },
  'an action cannot be read': {
    resource: key({ rotationPolicy: { lifetimeActions: [action('notify'), action(1)] } }),
    verdict: unknown('readable properties.rotationPolicy.lifetimeActions'),
  },
  'the actions are no list': {
    resource: key({ rotationPolicy: { lifetimeActions: 'rotate' } }),
    verdict: unknown('readable properties.rotationPolicy.lifetimeActions'),
  },
  'the key is disabled': {
    resource: key({ attributes: { enabled: false }, rotationPolicy: undefined }),
    verdict: notApplicable('the key is disabled'),
  },
  'it does not show whether the key is enabled': {
    resource: key({ attributes: {} }),
    verdict: unknown('properties.attributes.enabled'),
  },
});
