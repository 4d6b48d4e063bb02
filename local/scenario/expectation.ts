import type { AuditRecord } from '../../src/audit/audit-log.ts';

/** One thing that the audit must say at some time. Members left out may have any value. */
export interface Expectation {
  readonly resource?: string;
  readonly policy?: string;
  readonly stage: 'input' | 'decision' | 'intent' | 'outcome' | 'ticket';
  /** Why something was left aside, the decision, the remediation that is about to act, the outcome, or what became of a ticket. */
  readonly says: string;
  readonly reason?: string;
  /** Id of the cause. */
  readonly cause?: string;
  /** Name of the identity that the row must name as the last writer. */
  readonly by?: 'operator' | 'automation';
}

export function isMet(
  { by, cause, policy, reason, resource, says, stage }: Expectation,
  record: AuditRecord,
  objectIdOf: (name: string) => string,
): boolean {
  return (
    record.stage === stage &&
    saysOf(record, stage) === says &&
    (resource === undefined || record.resourceName === resource) &&
    (policy === undefined || record.policyId === policy) &&
    (reason === undefined || record.reason === reason) &&
    (cause === undefined || record.causeId === cause) &&
    (by === undefined || record.actor === objectIdOf(by))
  );
}

function saysOf(record: AuditRecord, stage: Expectation['stage']): string | undefined {
  const { decision, outcome, reason, remediationId } = record;
  return { input: reason, decision, intent: remediationId, outcome, ticket: reason }[stage];
}

export function describeExpectation({ by, cause, policy, reason, resource, says, stage }: Expectation): string {
  const about = [resource, policy].filter((part) => part !== undefined).join(', ');
  const what = stage === 'intent' ? `${says} begins` : says;
  const why = reason === undefined ? '' : ` (${reason})`;
  const because = cause === undefined ? '' : `, because of ${cause}`;
  return `${about === '' ? stage : about}: ${what}${why}${because}${by === undefined ? '' : `, last changed by the ${by}`}`;
}
