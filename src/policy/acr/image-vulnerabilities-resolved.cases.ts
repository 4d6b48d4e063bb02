import { compliant, notApplicable, unknown, violation } from '../define-policy.ts';
import { policyCases } from '../policy-cases.ts';
import { acrImageVulnerabilitiesResolved } from './image-vulnerabilities-resolved.ts';
import { registry } from './registry-example.ts';

export default policyCases(acrImageVulnerabilitiesResolved, {
  'Defender has scanned no image': {
    resource: registry(),
    related: { imageFindings: { status: undefined, counts: new Map() } },
    verdict: notApplicable('Defender has scanned no image of the registry'),
  },
  'every image is healthy': {
    resource: registry(),
    related: { imageFindings: { status: 'Healthy', counts: new Map() } },
    verdict: compliant,
  },
  'the recommendation does not apply': {
    resource: registry(),
    related: { imageFindings: { status: 'NotApplicable', counts: new Map() } },
    verdict: compliant,
  },
  'images have open findings': {
    resource: registry(),
    related: {
      imageFindings: {
        status: 'Unhealthy',
        counts: new Map([
          ['Medium', 12],
          ['High', 3],
          ['Unknown', 1],
        ]),
      },
    },
    verdict: violation({ status: 'Unhealthy', findingsHigh: 3, findingsMedium: 12, findingsUnknown: 1 }),
  },
  'images have open findings that Defender does not count': {
    resource: registry(),
    related: { imageFindings: { status: 'Unhealthy', counts: new Map() } },
    verdict: violation({ status: 'Unhealthy' }),
  },
  'images have open findings, and the recommendation about them is not to be seen': {
    resource: registry(),
    related: { imageFindings: { status: undefined, counts: new Map([['High', 3]]) } },
    verdict: unknown('the status of the recommendation about images'),
  },
  'the recommendation has no status': {
    resource: registry(),
    related: { imageFindings: { status: '', counts: new Map() } },
    verdict: unknown('the status of the recommendation about images'),
  },
  'the status is one that nobody knows': {
    resource: registry(),
    related: { imageFindings: { status: 'Unscanned', counts: new Map() } },
    verdict: unknown('a known status of the recommendation about images'),
  },
});
