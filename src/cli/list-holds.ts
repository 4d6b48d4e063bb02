import { findingId } from '../findings/finding-id.ts';
import type { Finding, Findings } from '../findings/findings.ts';
import type { BreakerStatus, Breakers } from '../guards/breaker.ts';
import type { OnInvalidRow } from '../storage/parse-row.ts';
import type { IdentifiedFinding, Listing } from './list-records.ts';

/** One exemption as `exemptions list` shows it. */
interface ShownExemption {
  readonly id: string;
  readonly resourceId: string;
  readonly policyId: string;
  readonly source: 'resource' | 'resource-group' | 'azure-policy' | 'undo';
  /** Absent = never. */
  readonly expires?: string;
  readonly reason: string;
  readonly ticket?: string;
  /** Of Azure Policy: the names of the exemption and of the assignment, and its category. */
  readonly exemption?: string;
  readonly assignment?: string;
  readonly category?: string;
  readonly by?: string;
  readonly renewals?: number;
  readonly isOwnViolation?: true;
}

/** What keeps Dockwarden away: exemption tags, exemptions of Azure Policy, and fixes that were undone. Those that are over are left out. */
export async function listExemptions(
  findings: Findings,
  now: Date,
  onInvalid: OnInvalidRow,
): Promise<Listing<ShownExemption>> {
  const records: ShownExemption[] = [];
  for await (const finding of findings.all(onInvalid))
    records.push(...exemptionsOf(finding).filter((shown) => holds(shown, finding, now)));
  return {
    records,
    headings: ['ID', 'RESOURCE', 'POLICY', 'SOURCE', 'EXPIRES', 'TICKET', 'RENEWALS', 'BY', 'REASON'],
    rows: records.map((record) => [
      record.id,
      nameOf(record),
      record.policyId,
      record.exemption === undefined ? record.source : `${record.source}: ${record.exemption}`,
      record.expires ?? 'never',
      record.ticket ?? '-',
      String(record.renewals ?? '-'),
      record.by ?? '-',
      record.reason,
    ]),
  };
}

/** What had no end is over when the finding goes by something else: it is remembered for as long as the finding is open. */
function holds({ expires }: ShownExemption, { decision, status }: Finding, now: Date): boolean {
  return expires === undefined ? status === 'open' && decision === 'exempt' : new Date(expires) > now;
}

function exemptionsOf(finding: Finding): readonly ShownExemption[] {
  const { resourceId, policyId, exemption, undoneUntil, undoneRunId, undoneBy } = finding;
  const subject = { id: findingId(finding), resourceId, policyId };
  const shown: ShownExemption[] = [];
  if (exemption !== undefined) {
    const { seenAt: _seen, isEndAnnounced: _announced, ...record } = exemption;
    shown.push({ ...subject, ...record });
  }
  if (undoneUntil !== undefined) {
    const reason = `run ${undoneRunId ?? ''} was undone`;
    shown.push({
      ...subject,
      source: 'undo',
      expires: undoneUntil,
      reason,
      ...(undoneBy !== undefined && { by: undoneBy }),
    });
  }
  return shown;
}

/** Findings that Dockwarden has stopped fixing because somebody keeps undoing the fixes. */
export async function listQuarantine(findings: Findings, onInvalid: OnInvalidRow): Promise<Listing<IdentifiedFinding>> {
  const records: IdentifiedFinding[] = [];
  for await (const finding of findings.all(onInvalid))
    if (isQuarantined(finding)) records.push({ id: findingId(finding), ...finding });
  return {
    records,
    headings: ['ID', 'RESOURCE', 'POLICY', 'REASON', 'UNTIL', 'TIMES', 'REVERTS', 'LAST REVERTED BY'],
    rows: records.map((finding) => [
      finding.id,
      nameOf(finding),
      finding.policyId,
      finding.reason ?? '-',
      finding.quarantinedUntil ?? finding.notBefore ?? '-',
      String(finding.quarantines ?? '-'),
      String(finding.reverts?.length ?? '-'),
      finding.reverts?.at(-1)?.actor ?? '-',
    ]),
  };
}

/** Breakers, those that hold something back first. */
export async function listBreakers(
  breakers: Pick<Breakers, 'list'>,
  now: Date,
  onInvalid: OnInvalidRow,
): Promise<Listing<BreakerStatus>> {
  const all = await Array.fromAsync(breakers.list(now, onInvalid));
  const records = all.toSorted((one, other) => Number(other.trip !== undefined) - Number(one.trip !== undefined));
  return {
    records,
    headings: ['NAME', 'STATE', 'SINCE', 'CHANGED', 'FAILED', 'WAITING', 'KNOWN RESOURCES'],
    rows: records.map(({ guard, trip, admitted, failed, booked, fleet }) => [
      guard,
      describeTrip(trip?.kind),
      trip?.since ?? '-',
      String(admitted),
      String(failed),
      String(booked),
      String(fleet ?? '-'),
    ]),
  };
}

function describeTrip(kind: 'cap' | 'failure-rate' | undefined): string {
  if (kind === undefined) return 'closed';
  return kind === 'cap' ? 'at its cap' : 'open until reset';
}

export function isQuarantined({ status, decision }: Finding): boolean {
  return status === 'open' && decision === 'quarantine';
}

function nameOf({ resourceId }: Pick<Finding, 'resourceId'>): string {
  return resourceId.split('/').at(-1) ?? '-';
}
