import type { AuditRecord } from '../../src/audit/audit-log.ts';
import { formatTable } from '../../src/cli/format-table.ts';

/** Longest cause that is shown whole. */
const MAX_CAUSE = 44;

/** Prints rows of the audit one after the other, with the cause that ties them together. */
export function printStory(rows: readonly AuditRecord[]): void {
  const cells = rows.map((row) => [
    row.time.slice(11, 19),
    row.stage,
    row.resourceName ?? '',
    row.remediationId ?? row.policyId ?? '',
    row.outcome ?? row.decision ?? row.reason ?? '',
    describeCause(row),
  ]);
  const table = formatTable(['TIME (UTC)', 'STAGE', 'RESOURCE', 'REMEDIATION', 'WHAT', 'CAUSE'], cells);
  console.log(table.replaceAll(/^/gm, '   '));
}

function describeCause({ causeId = '', causeKind = '' }: AuditRecord): string {
  const id = causeId.length > MAX_CAUSE ? `${causeId.slice(0, MAX_CAUSE)}...` : causeId;
  return `${causeKind} ${id}`.trim();
}
