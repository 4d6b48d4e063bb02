import { compliant, notApplicable, violation } from '../define-policy.ts';
import { policyCases } from '../policy-cases.ts';
import { cluster } from './cluster-example.ts';
import { aksRequiredTagsPresent } from './required-tags-present.ts';

const costCenter = { name: 'costCenter', default: '4711', allowed: undefined };
const environment = { name: 'environment', default: 'prod', allowed: ['prod', 'dev'] };
const parameters = { requiredTags: [costCenter, environment] };

export default policyCases(aksRequiredTagsPresent, {
  'no tags are required': { resource: cluster(), verdict: notApplicable('AKS_REQUIRED_TAGS names no tags') },
  'all required tags are there': { resource: cluster(), parameters, verdict: compliant },
  'the tag name is spelt in another case': {
    resource: cluster({ tags: { COSTCENTER: '1', Environment: 'dev' } }),
    parameters,
    verdict: compliant,
  },
  'one required tag is missing': {
    resource: cluster({ tags: { environment: 'prod' } }),
    parameters,
    verdict: violation({ missing: 'costCenter' }),
  },
  'the cluster has no tags at all': {
    resource: cluster({ tags: null }),
    parameters,
    verdict: violation({ missing: 'costCenter, environment' }),
  },
  'a tag has a value that is not allowed (values compare case-sensitively)': {
    resource: cluster({ tags: { costCenter: '4711', environment: 'Prod' } }),
    parameters,
    verdict: violation({ notAllowed: 'environment' }),
  },
});
