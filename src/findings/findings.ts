import * as z from 'zod';
import { outcomes } from '../audit/audit-log.ts';
import type { ResourceId } from '../resources/resource-id.ts';
import type { OnInvalidRow } from '../storage/parse-row.ts';

const text = () => z.exactOptional(z.string());

/** What is to be done about a violation. */
export const decisionNames = ['fix', 'observe', 'exempt', 'await-approval', 'defer', 'quarantine', 'ticket'] as const;
export type DecisionName = (typeof decisionNames)[number];

/** Current state of one (resource, policy). Rows exist only for pairs that were not plainly compliant at some time. */
export const Finding = z.object({
  resourceId: z.string(),
  subscriptionId: z.string(),
  policyId: z.string(),
  severity: z.string(),
  status: z.enum(['open', 'closed']),
  closedBecause: z.exactOptional(z.enum(['compliant', 'not-applicable', 'gone', 'policy-off'])),
  verdict: z.enum(['compliant', 'violation', 'not-applicable', 'unknown']),
  /** Evidence of a violation (JSON), or why it does not apply or cannot be known. */
  evidence: text(),
  /** First moment of the present open period, ISO 8601. */
  since: z.string(),
  updated: z.string(),
  mode: text(),
  decision: z.exactOptional(z.enum(decisionNames)),
  reason: text(),
  /** For people: the dependants found, the tags without default, … */
  because: text(),
  /** A deferred decision is looked at again from here on. */
  notBefore: text(),
  /** When somebody else last performed the action that the remediation yields to. */
  othersActedAt: text(),
  lastOutcome: z.exactOptional(z.enum(outcomes)),
  lastRunId: text(),
  /** When the last unsuccessful run ended. */
  failedAt: text(),
  /** Unsuccessful runs since the finding was opened. */
  attempts: z.number(),
  /** When Dockwarden itself last fixed this violation (verified). */
  lastFixedAt: text(),
  /** Object id of whoever last changed the resource. */
  actor: text(),
});
export type Finding = Readonly<z.infer<typeof Finding>>;

/** Store of findings: one range query and one batch per resource. */
export interface Findings {
  ofResource(resource: ResourceId): Promise<readonly Finding[]>;
  /** All belong to one resource. */
  save(resource: ResourceId, findings: readonly Finding[]): Promise<void>;
  /** Goes on without a row that cannot be read; `ofResource` refuses it. */
  ofSubscription(subscriptionId: string, onInvalid: OnInvalidRow): AsyncIterable<Finding>;
  all(onInvalid: OnInvalidRow): AsyncIterable<Finding>;
}
