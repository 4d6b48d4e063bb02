import * as z from 'zod';
import { outcomes } from '../audit/audit-log.ts';
import type { ResourceId } from '../resources/resource-id.ts';
import type { OnInvalidRow } from '../storage/parse-row.ts';
import type { Versioned } from '../versioned.ts';

const text = () => z.exactOptional(z.string());
const moment = () => z.exactOptional(z.iso.datetime());

/** What is to be done about a violation. */
export const decisionNames = ['fix', 'observe', 'exempt', 'await-approval', 'defer', 'quarantine', 'ticket'] as const;
export type DecisionName = (typeof decisionNames)[number];

/** A tag, or an exemption of Azure Policy, that keeps a remediation away. */
export const ExemptionRecord = z.object({
  source: z.enum(['resource', 'resource-group', 'azure-policy']),
  /** When it ends, ISO 8601 (a tag: end of its last day in UTC). Absent = never, which only Azure Policy allows. */
  expires: moment(),
  reason: z.string(),
  /** Of a tag always there. */
  ticket: text(),
  /** Only of Azure Policy: names of the exemption and of the assignment, `Waiver` or `Mitigated`. */
  exemption: text(),
  assignment: text(),
  category: text(),
  /** When it was first seen like this, ISO 8601. */
  seenAt: z.iso.datetime(),
  /** Object id of the last writer of the resource when it was first seen, if an event told; of Azure Policy who last changed it. */
  by: text(),
  /** The same principal changed the resource before: whoever broke it may have exempted it. */
  isOwnViolation: z.exactOptional(z.literal(true)),
  /** How often its end was moved. */
  renewals: z.number(),
  /** Its end has been announced. */
  isEndAnnounced: z.exactOptional(z.literal(true)),
});
export type ExemptionRecord = Readonly<z.infer<typeof ExemptionRecord>>;

/** Somebody brought a violation back that had been fixed. */
export const Revert = z.object({
  /** When it was seen, ISO 8601. */
  at: z.iso.datetime(),
  /** The run whose fix was reversed; one fix can be reversed once. */
  runId: z.string(),
  /** Object id and client application of the last writer; absent when no event told. */
  actor: text(),
  application: text(),
  correlationId: text(),
});
export type Revert = Readonly<z.infer<typeof Revert>>;

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
  since: z.iso.datetime(),
  updated: z.iso.datetime(),
  mode: text(),
  decision: z.exactOptional(z.enum(decisionNames)),
  reason: text(),
  /** For people: the dependants found, the tags without default, … */
  because: text(),
  /** A deferred decision is looked at again from here on. */
  notBefore: moment(),
  /** When somebody else last performed the action that the remediation yields to. */
  othersActedAt: moment(),
  lastOutcome: z.exactOptional(z.enum(outcomes)),
  lastRunId: text(),
  /** The first run about the present violation that ended, however it did; gone when the finding is closed. */
  firstRunId: text(),
  /** When the last unsuccessful run ended. */
  failedAt: moment(),
  /** Unsuccessful runs since the finding was opened. */
  attempts: z.number(),
  /** A sweep does not try again before this, because a run has failed for good. */
  backoffUntil: moment(),
  /** When Dockwarden itself last fixed this violation (verified). */
  lastFixedAt: moment(),
  /** Object id of whoever last changed the resource. */
  actor: text(),
  /** Settings under which it was decided (`configHash` of the audit): after a change the next sweep decides anew. */
  configHash: text(),
  /** Parts of the resource that have, or may have, a ticket of this policy: agent pools; an empty name is the whole resource. */
  ticketParts: z.exactOptional(z.array(z.string()).readonly()),
  /** It has a place booked at the breaker. */
  hasPlace: z.exactOptional(z.literal(true)),
  /** When the fix was first announced (`GRACE_<ID>`), ISO 8601; it acts that much later. */
  announcedAt: moment(),
  /** The exemption that holds, or held when last looked at. */
  exemption: z.exactOptional(ExemptionRecord),
  /** An exemption tag has been there in a form that is not valid since then, ISO 8601. */
  exemptionInvalidSince: moment(),
  /** Until when the policy leaves the resource alone because a fix was undone, the run that was undone, and who asked for it. */
  undoneUntil: moment(),
  undoneRunId: text(),
  undoneBy: text(),
  /** Who reversed fixes of ours, newest last, bounded. */
  reverts: z.exactOptional(z.array(Revert).readonly()),
  /** Quarantines in a row; each is longer than the one before. */
  quarantines: z.exactOptional(z.number()),
  quarantinedUntil: moment(),
});
export type Finding = Readonly<z.infer<typeof Finding>>;

/** A finding to be stored, and the version that it replaces; none = there must be none yet. */
export interface NextFinding {
  readonly item: Finding;
  readonly etag?: string;
}

/** Store of findings: one range query and one batch per resource. */
export interface Findings {
  ofResource(resource: ResourceId): Promise<readonly Versioned<Finding>[]>;
  /** All belong to one resource, and are stored together. Undefined when somebody else wrote one of them since: nothing is stored then. */
  save(resource: ResourceId, findings: readonly NextFinding[]): Promise<readonly Versioned<Finding>[] | undefined>;
  /** Goes on without a row that cannot be read; `ofResource` refuses it. */
  ofSubscription(subscriptionId: string, onInvalid: OnInvalidRow): AsyncIterable<Finding>;
  all(onInvalid: OnInvalidRow): AsyncIterable<Finding>;
}
