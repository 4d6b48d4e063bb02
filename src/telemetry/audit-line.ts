import type { AuditRecord } from '../audit/audit-log.ts';

/** The static message of the line. */
export const AUDIT_LINE = 'audit';

/**
 * Columns of a row that its log line tells, by the names that the line gives them; queries read these. Not who did it, not what was there before
 * or after, no evidence and no words of Azure: Application Insights has more readers than the audit.
 */
export const auditLineFields = {
  // Not `time`: that is a keyword of the query language.
  time: 'at',
  stage: 'stage',
  policyId: 'policyId',
  remediationId: 'remediationId',
  resourceId: 'resourceId',
  severity: 'severity',
  mode: 'mode',
  verdict: 'verdict',
  decision: 'decision',
  reason: 'reason',
  outcome: 'outcome',
  causeKind: 'causeKind',
  causeId: 'causeId',
  remediationRunId: 'runId',
  latencyMs: 'latencyMs',
  durationMs: 'durationMs',
  ticketKey: 'ticketKey',
  ticketUrl: 'ticketUrl',
} as const satisfies Partial<Record<keyof AuditRecord, string>>;

/** What the log line of a row says. */
export function describeRow(record: AuditRecord): Readonly<Record<string, unknown>> {
  const told = Object.entries(auditLineFields).flatMap(([column, field]) => {
    const value: unknown = Reflect.get(record, column);
    return value === undefined ? [] : [[field, value] as const];
  });
  return Object.fromEntries(told);
}
