import type { AuditRecord } from '../audit/audit-log.ts';
import type { Finding } from '../findings/findings.ts';
import { describeCalls } from './describe-calls.ts';

/** What is known of one policy on one resource, in words. */
export interface PolicyState {
  readonly policyId: string;
  readonly verdict?: string | undefined;
  readonly evidence?: string | undefined;
  readonly decision?: string | undefined;
  readonly reason?: string | undefined;
  readonly outcome?: string | undefined;
  /** Absent where nobody knows of any plan; empty where there is none. */
  readonly calls?: string | undefined;
}

/** One thing that is on record, and as it is now. */
export interface Difference {
  readonly policyId: string;
  readonly what: string;
  readonly onRecord: string;
  readonly now: string;
  readonly isChanged: boolean;
}

const ASPECTS = ['verdict', 'evidence', 'decision', 'reason', 'outcome'] as const;

/** Stages whose rows say what a look found; the others tell of tickets, requests and notices about it. */
const JUDGING = new Set<AuditRecord['stage']>(['decision', 'intent', 'outcome']);

/** What an audit row says; undefined when it judges no policy. The reason of an outcome is not that of a decision. */
export function stateOfRow(row: AuditRecord): PolicyState | undefined {
  const { policyId, verdict, evidence, decision, outcome, reason, operations, stage } = row;
  if (policyId === undefined || !JUDGING.has(stage)) return undefined;
  return {
    policyId,
    verdict,
    evidence,
    decision,
    ...(outcome === undefined ? { reason } : { outcome }),
    calls: operations === undefined ? undefined : joinCalls(operations),
  };
}

/** What a finding says, and the rows that a look has just written about it. */
export function stateOfFinding(
  { policyId, verdict, evidence, decision, reason }: Finding,
  rows: readonly AuditRecord[],
): PolicyState {
  const own = rows.filter((row) => row.policyId === policyId);
  const operations = own.findLast((row) => row.operations !== undefined)?.operations;
  return {
    policyId,
    verdict,
    evidence,
    decision,
    reason,
    outcome: own.findLast((row) => row.outcome !== undefined)?.outcome,
    calls: operations === undefined ? undefined : joinCalls(operations),
  };
}

/** Recorded calls as one text. */
export function joinCalls(operations: string): string {
  return describeCalls(operations).join('; ');
}

/** A look with such a verdict writes nothing, so that nothing is on record about it is no change. */
const UNRECORDED = new Set<string | undefined>(['compliant', 'not-applicable']);

/** Compares what is on record with what is there now, policy by policy. What neither of them says has no line. */
export function compareStates(
  onRecord: readonly PolicyState[],
  present: readonly PolicyState[],
): readonly Difference[] {
  const ids = [...new Set([...onRecord, ...present].map(({ policyId }) => policyId))];
  return ids.flatMap((policyId) => {
    const before = onRecord.find((state) => state.policyId === policyId);
    const now = present.find((state) => state.policyId === policyId);
    const isComparable = before !== undefined || !UNRECORDED.has(now?.verdict);
    const aspects = before?.calls === undefined || now?.calls === undefined ? ASPECTS : [...ASPECTS, 'calls' as const];
    return aspects.flatMap((what): readonly Difference[] => {
      const [old = '', fresh = ''] = [before?.[what], now?.[what]];
      if (old === '' && fresh === '') return [];
      return [{ policyId, what, onRecord: old, now: fresh, isChanged: isComparable && old !== fresh }];
    });
  });
}
