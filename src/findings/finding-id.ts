import { createHash } from 'node:crypto';
import type { Finding } from './findings.ts';

/** Short name of a finding for people and command lines: 12 hex digits that stand for the resource and the policy. */
export function findingId({ resourceId, policyId }: Pick<Finding, 'resourceId' | 'policyId'>): string {
  return digest(`${resourceId.toLowerCase()}\n${policyId}`).slice(0, 12);
}

/**
 * What an approval is bound to besides resource and policy: 16 hex digits of the evidence and of the moment since when the finding is open.
 * The same violation that comes back later is another one.
 */
export function evidenceHash({ evidence = '', since }: Pick<Finding, 'evidence' | 'since'>): string {
  return digest(`${since}\n${evidence}`).slice(0, 16);
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
