import type { AuditKey, AuditLog, AuditRecord } from '../audit/audit-log.ts';
import type { Finding, Findings } from '../findings/findings.ts';
import type { OnInvalidRow } from '../storage/parse-row.ts';

export interface AuditFilter {
  readonly since: Date;
  /** Resource id or name, compared case-insensitively. */
  readonly resource?: string;
  readonly policy?: string;
  readonly outcome?: string;
}

/** Records as they are, and as rows of a table. */
export interface Listing<T> {
  readonly records: readonly T[];
  readonly headings: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** Audit rows of a period, newest first. */
export async function listAudit(
  audit: AuditLog,
  filter: AuditFilter,
  until: Date,
  onInvalid: OnInvalidRow,
): Promise<Listing<AuditRecord & AuditKey>> {
  const records: (AuditRecord & AuditKey)[] = [];
  for await (const record of audit.list(filter.since, until, onInvalid))
    if (isWanted(record, filter)) records.push(record);
  return {
    records,
    headings: ['TIME', 'STAGE', 'RESOURCE', 'POLICY', 'RESULT', 'REASON', 'LAST CHANGED BY'],
    rows: records.map((record) => [
      record.time,
      record.stage,
      record.resourceName ?? '-',
      record.policyId ?? '-',
      record.outcome ?? record.decision ?? '-',
      record.reason ?? '-',
      record.actor ?? '-',
    ]),
  };
}

function isWanted(record: AuditRecord, { resource, policy, outcome }: AuditFilter): boolean {
  if (policy !== undefined && record.policyId !== policy) return false;
  if (outcome !== undefined && record.outcome !== outcome) return false;
  if (resource === undefined) return true;
  const wanted = resource.toLowerCase();
  return record.resourceId?.toLowerCase() === wanted || record.resourceName?.toLowerCase() === wanted;
}

/** Findings by status. */
export async function listFindings(
  findings: Findings,
  status: string,
  onInvalid: OnInvalidRow,
): Promise<Listing<Finding>> {
  const records: Finding[] = [];
  for await (const finding of findings.all(onInvalid))
    if (status === 'all' || finding.status === status) records.push(finding);
  return {
    records,
    headings: ['RESOURCE', 'POLICY', 'STATUS', 'VERDICT', 'DECISION', 'REASON', 'SINCE', 'LAST OUTCOME'],
    rows: records.map((finding) => [
      finding.resourceId.split('/').at(-1) ?? '-',
      finding.policyId,
      finding.status,
      finding.verdict,
      finding.decision ?? '-',
      finding.reason ?? finding.closedBecause ?? '-',
      finding.since,
      finding.lastOutcome ?? '-',
    ]),
  };
}
