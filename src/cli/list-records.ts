import type { AuditKey, AuditLog, AuditRecord } from '../audit/audit-log.ts';
import { findingId } from '../findings/finding-id.ts';
import type { Finding, Findings } from '../findings/findings.ts';
import { findResourceId } from '../resources/resource-id.ts';
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

/** Longest text of column DETAIL. */
const MAX_DETAIL = 60;

/** Audit rows of a period, newest first, also those of one run. */
export async function listAudit(
  audit: AuditLog,
  filter: AuditFilter,
  until: Date,
  onInvalid: OnInvalidRow,
): Promise<Listing<AuditRecord & AuditKey>> {
  const records: (AuditRecord & AuditKey)[] = [];
  for await (const record of audit.list(filter.since, until, onInvalid))
    if (isWanted(record, filter)) records.push(record);
  // Keys sort by the start of the run. Equal times keep the order of the table, reversed: it has the earlier stage first.
  const sorted = records.toReversed().toSorted((one, other) => Date.parse(other.time) - Date.parse(one.time));
  return tabulateAudit(sorted);
}

/** Audit rows as they stand. */
export function tabulateAudit<T extends AuditRecord>(records: readonly T[]): Listing<T> {
  return {
    records,
    headings: ['TIME', 'STAGE', 'RESOURCE', 'POLICY', 'RESULT', 'REASON', 'BY', 'DETAIL'],
    rows: records.map((record) => [
      record.time,
      record.stage,
      record.resourceName ?? '-',
      record.policyId ?? '-',
      record.outcome ?? record.decision ?? '-',
      record.reason ?? '-',
      record.actor ?? '-',
      shorten(record.error ?? '-'),
    ]),
  };
}

function shorten(text: string): string {
  return text.length > MAX_DETAIL ? `${text.slice(0, MAX_DETAIL - 3)}...` : text;
}

function isWanted(record: AuditRecord, { resource, policy, outcome }: AuditFilter): boolean {
  if (policy !== undefined && record.policyId !== policy) return false;
  if (outcome !== undefined && record.outcome !== outcome) return false;
  if (resource === undefined) return true;
  const wanted = resource.toLowerCase();
  return record.resourceId?.toLowerCase() === wanted || record.resourceName?.toLowerCase() === wanted;
}

/** A finding with the short id that commands take. */
export type IdentifiedFinding = Finding & { readonly id: string };

/** As column RESOURCE of the audit has it; of a type that is not covered any more the last part of its id. */
function nameOf({ resourceId }: Finding): string {
  return findResourceId(resourceId)?.name ?? resourceId.replace(/^.*\//, '');
}

/** Decisions that end by themselves at a known time. */
const PLANNING = new Set<Finding['decision']>(['defer', 'exempt', 'quarantine']);

/** Findings by status. */
export async function listFindings(
  findings: Pick<Findings, 'all'>,
  status: string,
  onInvalid: OnInvalidRow,
): Promise<Listing<IdentifiedFinding>> {
  const records: IdentifiedFinding[] = [];
  for await (const finding of findings.all(onInvalid))
    if (status === 'all' || finding.status === status) records.push({ id: findingId(finding), ...finding });
  return {
    records,
    headings: [
      'ID',
      'RESOURCE',
      'POLICY',
      'STATUS',
      'VERDICT',
      'DECISION',
      'REASON',
      'SINCE',
      'PLANNED',
      'LAST OUTCOME',
    ],
    rows: records.map((finding) => [
      finding.id,
      nameOf(finding),
      finding.policyId,
      finding.status,
      finding.verdict,
      finding.decision ?? '-',
      finding.reason ?? finding.closedBecause ?? '-',
      finding.since,
      (PLANNING.has(finding.decision) ? finding.notBefore : undefined) ?? '-',
      finding.lastOutcome ?? '-',
    ]),
  };
}
