import type { Outcome } from '../audit/audit-log.ts';
import type { ResourceId } from '../resources/resource-id.ts';

/** What is to be done about a violation. */
export type DecisionName = 'fix' | 'observe' | 'exempt' | 'await-approval' | 'defer' | 'quarantine' | 'ticket';

/** Why a finding is closed. */
export type ClosedBecause = 'compliant' | 'not-applicable' | 'gone' | 'policy-off';

/** Current state of one (resource, policy). Rows exist only for pairs that were not plainly compliant at some time. */
export interface Finding {
  readonly resourceId: string;
  readonly subscriptionId: string;
  readonly policyId: string;
  readonly severity: string;
  readonly status: 'open' | 'closed';
  readonly closedBecause?: ClosedBecause;
  readonly verdict: 'compliant' | 'violation' | 'not-applicable' | 'unknown';
  /** Evidence of a violation (JSON), or why it does not apply or cannot be known. */
  readonly evidence?: string;
  /** First moment of the present open period, ISO 8601. */
  readonly since: string;
  readonly updated: string;
  readonly mode?: string;
  readonly decision?: DecisionName;
  readonly reason?: string;
  /** For people: the dependants found, the tags without default, … */
  readonly because?: string;
  /** A deferred decision is looked at again from here on. */
  readonly notBefore?: string;
  /** Somebody else performed the action that the remediation yields to: leave it alone until then. */
  readonly yieldUntil?: string;
  readonly lastOutcome?: Outcome;
  readonly lastRunId?: string;
  /** Unsuccessful runs since the finding was opened. */
  readonly attempts: number;
  /** When Dockwarden itself last fixed this violation (verified). */
  readonly lastFixedAt?: string;
  /** Object id of whoever last changed the resource. */
  readonly actor?: string;
}

/** Store of findings: one range query and one batch per resource. */
export interface Findings {
  ofResource(resource: ResourceId): Promise<readonly Finding[]>;
  /** All belong to one resource. */
  save(resource: ResourceId, findings: readonly Finding[]): Promise<void>;
  ofSubscription(subscriptionId: string): AsyncIterable<Finding>;
  all(): AsyncIterable<Finding>;
}
