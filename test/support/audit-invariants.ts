import { expect } from 'vitest';
import type { EngineHarness } from './engine-harness.ts';

/** Requests of the product that change something, in order. */
function mutatingRequests({ simulator }: EngineHarness) {
  return simulator.requests.filter(
    // By origin and not by caller: a request that a fault answered was never asked for its token.
    ({ isInProcess, method, path }) =>
      !isInProcess && method !== 'GET' && !path.toLowerCase().includes('/microsoft.resourcegraph/'),
  );
}

/**
 * Every request that may have changed something falls into a run that is on record: its intent is older, and its outcome, where there is
 * one yet, is younger. Exactly one intent and at most one outcome stand for each run.
 */
export function expectRecordedMutations(engine: EngineHarness): void {
  const intents = engine.audit('intent');
  const outcomes = new Map(engine.audit('outcome').map((row) => [row.remediationRunId, row]));
  for (const { path, time, method } of mutatingRequests(engine)) {
    const run = intents.find((intent) => {
      const end = outcomes.get(intent.remediationRunId)?.time;
      const isAboutIt = path.toLowerCase().startsWith((intent.resourceId ?? '').toLowerCase());
      return (
        isAboutIt &&
        Date.parse(intent.time) <= time.getTime() &&
        (end === undefined || Date.parse(end) >= time.getTime())
      );
    });
    expect(run, `${method} ${path} at ${time.toISOString()} has no intent on record`).toBeDefined();
  }
  const intentIds = intents.map(({ remediationRunId }) => remediationRunId);
  const outcomeIds = engine.audit('outcome').map(({ remediationRunId }) => remediationRunId);
  expect(new Set(intentIds).size, 'one intent for each run').toBe(intentIds.length);
  expect(new Set(outcomeIds).size, 'one outcome for each run').toBe(outcomeIds.length);
  for (const id of outcomeIds) expect(intentIds, 'an outcome belongs to an intent').toContain(id);
}

/**
 * The same at the moment of each request, before Azure handles it: the intent of an open run stands in the table. Returns how many
 * requests were looked at, and which of them had no record.
 */
export function watchMutations(engine: EngineHarness): { readonly seen: string[]; readonly unrecorded: string[] } {
  const watched = { seen: [] as string[], unrecorded: [] as string[] };
  engine.simulator.faults.add({
    caller: 'dockwarden',
    times: Infinity,
    when: ({ method, path }) => method !== 'GET' && !path.toLowerCase().includes('/microsoft.resourcegraph/'),
    effect: {
      kind: 'before',
      run: () => {
        const ended = new Set(engine.audit('outcome').map(({ remediationRunId }) => remediationRunId));
        const open = engine.audit('intent').filter(({ remediationRunId }) => !ended.has(remediationRunId));
        watched.seen.push('request');
        if (open.length === 0) watched.unrecorded.push('request');
      },
    },
  });
  return watched;
}

/** Nothing is left to do: no lease, no open run, no waiting cause, no message, and every intent has its outcome. */
export function expectSettled(engine: EngineHarness): void {
  for (const item of engine.work()) {
    expect(Object.keys(item).toSorted(), `work row of ${item.resourceId}`).toEqual([
      'attempt',
      'knownCauses',
      'pending',
      'resourceId',
    ]);
    expect(item).toMatchObject({ pending: [], attempt: 0 });
  }
  expect(engine.queue).toEqual([]);
  const outcomes = engine.audit('outcome').map(({ remediationRunId }) => remediationRunId);
  for (const { remediationRunId } of engine.audit('intent')) {
    expect(outcomes, 'every intent has its outcome').toContain(remediationRunId);
  }
}
