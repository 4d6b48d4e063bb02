import { describe, expect, it, test } from 'vitest';
import type { AuditRecord } from '../../src/audit/audit-log.ts';
import { compareStates, stateOfRow } from '../../src/cli/replay-difference.ts';

const POLICY = 'acr-admin-user-disabled';

function row(change: Partial<AuditRecord>): AuditRecord {
  return { time: '2026-11-23T10:00:00.000Z', stage: 'decision', policyId: POLICY, ...change };
}

describe('what a row has on record', () => {
  it('is what was decided, and what came of it', () => {
    expect(stateOfRow(row({ verdict: 'violation', decision: 'ticket', reason: 'ticket-only' }))).toMatchObject({
      policyId: POLICY,
      verdict: 'violation',
      reason: 'ticket-only',
    });
    expect(stateOfRow(row({ stage: 'outcome', outcome: 'fixed', reason: 'verified' }))).not.toHaveProperty('reason');
  });

  test.each(['ticket', 'operator', 'approval', 'undo', 'notice'] as const)(
    'is nothing where the row is of stage %s: it judges nothing',
    (stage) => {
      expect(stateOfRow(row({ stage, reason: 'ticket-opened', evidence: '{"alertId":"1"}' }))).toBeUndefined();
    },
  );
});

describe('the difference', () => {
  it('is a violation that nothing is on record about', () => {
    const [line] = compareStates([], [{ policyId: POLICY, verdict: 'violation' }]);

    expect(line).toMatchObject({ onRecord: '', now: 'violation', isChanged: true });
  });

  it('is none where nothing is on record and nothing is wrong: such a look writes nothing', () => {
    expect(compareStates([], [{ policyId: POLICY, verdict: 'compliant' }])).toEqual([
      { policyId: POLICY, what: 'verdict', onRecord: '', now: 'compliant', isChanged: false },
    ]);
  });

  it('is what is on record, and is not like that any more', () => {
    const before = [{ policyId: POLICY, verdict: 'violation', decision: 'ticket' }];

    expect(compareStates(before, [{ policyId: POLICY, verdict: 'compliant' }])).toEqual([
      { policyId: POLICY, what: 'verdict', onRecord: 'violation', now: 'compliant', isChanged: true },
      { policyId: POLICY, what: 'decision', onRecord: 'ticket', now: '', isChanged: true },
    ]);
  });
});
