import { expect } from 'vitest';
import { PASSWORD_CANARY } from '../../local/azure/providers/container-registry.ts';
import type { AuditRecord } from '../../src/audit/audit-log.ts';
import { expectRecordedMutations } from '../support/audit-invariants.ts';
import type { EngineHarness } from '../support/engine-harness.ts';

/** One run as the audit tells it. */
interface AuditedRun {
  readonly runId: string;
  readonly policyId: string | undefined;
  readonly outcome: string | undefined;
  readonly reason: string | undefined;
  readonly previousRunId: string | undefined;
  readonly record: AuditRecord;
}

/** Runs in the order in which they started. */
export function runsOf(engine: EngineHarness): readonly AuditedRun[] {
  return engine
    .audit('outcome')
    .map((record) => ({
      runId: record.remediationRunId ?? '',
      policyId: record.policyId,
      outcome: record.outcome,
      reason: record.reason,
      previousRunId: record.previousRunId,
      record,
    }))
    .toSorted((a, b) => a.runId.localeCompare(b.runId));
}

export function outcomesOf(engine: EngineHarness): readonly (string | undefined)[] {
  return runsOf(engine).map(({ outcome }) => outcome);
}

/**
 * What must hold whatever went wrong, once everything has settled: one intent and one outcome per run, no mutation without an intent,
 * each retry named by its successor, nothing left in queue or work table, no password anywhere.
 */
export function expectGuarantees(engine: EngineHarness): void {
  const intents = engine.audit('intent').map(({ remediationRunId = '' }) => remediationRunId);
  const outcomes = engine.audit('outcome').map(({ remediationRunId = '' }) => remediationRunId);
  expect(outcomes).toHaveLength(intents.length);
  expect(new Set(outcomes)).toEqual(new Set(intents));
  expect(new Set(intents).size).toBe(intents.length);
  expectRecordedMutations(engine);
  const runs = runsOf(engine);
  for (const { previousRunId } of runs) {
    if (previousRunId !== undefined) expect(runs.map(({ runId }) => runId)).toContain(previousRunId);
  }
  expect(engine.queue).toEqual([]);
  expect(engine.poison).toEqual([]);
  for (const item of engine.work()) {
    expect(item).toMatchObject({ pending: [], attempt: 0 });
    const { changes: _changes, ...rest } = item;
    expect(Object.keys(rest).toSorted()).toEqual(['attempt', 'knownCauses', 'pending', 'resourceId']);
  }
  const stored = Object.values(engine.tables).flatMap(({ rows }) => rows);
  expect(JSON.stringify(stored)).not.toContain(PASSWORD_CANARY);
}
