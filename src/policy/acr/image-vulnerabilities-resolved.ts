import { isSettled, isUnhealthy } from '../../resources/image-findings.ts';
import { compliant, definePolicy, type Evidence, notApplicable, unknown, violation } from '../define-policy.ts';

export const acrImageVulnerabilitiesResolved = definePolicy({
  id: 'acr-image-vulnerabilities-resolved',
  title: 'Images in the registry have no open vulnerability findings',
  severity: 'high',
  resource: 'Microsoft.ContainerRegistry/registries',
  needs: ['imageFindings'],
  rationale:
    'What is in an image runs wherever the image is pulled. Defender scans images on push and again every day; one ticket per registry says how many findings are open, and closes when none is.',
  references: ['https://learn.microsoft.com/azure/defender-for-cloud/agentless-vulnerability-assessment-azure'],
  frameworks: {
    azurePolicy: [{ id: '090c7b07-b4ed-4561-ad20-e9075f3ccaff', effect: 'auditIfNotExists', match: 'same' }],
    mcsb: ['PV-6', 'DS-6'],
    cisAks: ['5.1.1'],
  },
  evaluate(_registry, { related: { imageFindings } }) {
    const { counts, status } = imageFindings;
    if (status === undefined && counts.size === 0)
      return notApplicable('Defender has scanned no image of the registry');
    // Resource Graph shows only what the identity may read: that proves no end of what was found.
    if (status === undefined || status === '') return unknown('the status of the recommendation about images');
    if (isSettled(status)) return compliant;
    if (!isUnhealthy(status)) return unknown('a known status of the recommendation about images');
    const sorted = [...counts].toSorted(([one], [other]) => (one < other ? -1 : 1));
    const evidence: Evidence = Object.fromEntries(sorted.map(([severity, count]) => [`findings${severity}`, count]));
    return violation({ status, ...evidence });
  },
});
