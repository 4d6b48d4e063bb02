import { tagValue } from '../../resources/tags.ts';
import { compliant, definePolicy, notApplicable, violation } from '../define-policy.ts';
import { requiredTags } from './required-tags.ts';

export const aksRequiredTagsPresent = definePolicy({
  id: 'aks-required-tags-present',
  title: 'Required tags are present on the cluster',
  severity: 'low',
  resource: 'Microsoft.ContainerService/managedClusters',
  parameters: { requiredTags },
  rationale:
    'Without an owner and a cost centre nobody answers for a cluster, and nobody can be asked before it is changed.',
  references: ['https://learn.microsoft.com/azure/aks/use-tags'],
  frameworks: {
    // Each is about one tag, which its assignment names.
    azurePolicy: [
      { id: '871b6d14-10aa-478d-b590-94f262ecfa99', effect: 'deny', match: 'related' },
      { id: '4f9dc7db-30c1-420c-b61a-e1d640128d26', effect: 'modify', match: 'related' },
    ],
  },
  evaluate({ tags }, { parameters }) {
    if (parameters.requiredTags.length === 0) return notApplicable('AKS_REQUIRED_TAGS names no tags');
    const missing: string[] = [];
    const notAllowed: string[] = [];
    for (const { name, allowed } of parameters.requiredTags) {
      const value = tagValue(tags, name);
      if (value === undefined) missing.push(name);
      else if (allowed !== undefined && !allowed.includes(value)) notAllowed.push(name);
    }
    if (missing.length + notAllowed.length === 0) return compliant;
    return violation({
      ...(missing.length > 0 && { missing: missing.join(', ') }),
      ...(notAllowed.length > 0 && { notAllowed: notAllowed.join(', ') }),
    });
  },
});
