import type { ResourceTypeDefinition } from '../provider.ts';
import { policyAssignments } from './assignments.ts';
import { policyDefinitions, policySetDefinitions } from './definitions.ts';
import { policyExemptions } from './exemptions.ts';

/** What Azure Policy keeps. Nothing is evaluated: neither does an assignment change or deny anything, nor is there compliance. */
export const policyTypes: readonly ResourceTypeDefinition[] = [
  policyDefinitions,
  policySetDefinitions,
  policyAssignments,
  policyExemptions,
];
