import { expect } from 'vitest';
import { runCorrelationId } from '../../src/audit/audit-log.ts';
import { type EngineHarness, READING_POSTS } from './engine-harness.ts';

/** Requests of the product that change something, in order. */
function mutatingRequests({ simulator }: EngineHarness) {
  return simulator.requests.filter(
    // By origin and not by caller: a request that a fault answered was never asked for its token.
    ({ isInProcess, method, path }) => !isInProcess && method !== 'GET' && !READING_POSTS.test(path),
  );
}

/**
 * Every request that may have changed something names its run (`x-ms-correlation-request-id`), and exactly that run is on record: its
 * intent is older and about the same resource, and its outcome, where there is one yet, is younger. Exactly one intent and at most one
 * outcome stand for each run.
 */
export function expectRecordedMutations(engine: EngineHarness): void {
  const intents = engine.audit('intent');
  const outcomes = new Map(engine.audit('outcome').map((row) => [row.remediationRunId, row]));
  const byCorrelation = new Map(
    intents.flatMap((intent) =>
      intent.remediationRunId === undefined ? [] : [[runCorrelationId(intent.remediationRunId), intent]],
    ),
  );
  for (const { path, time, method, correlationId } of mutatingRequests(engine)) {
    const request = `${method} ${path} at ${time.toISOString()} with correlation id ${correlationId}`;
    const intent = byCorrelation.get(correlationId);
    expect(intent, `${request} has no intent of its run on record`).toBeDefined();
    const { resourceId = 'no resource', remediationRunId, time: recorded = '' } = intent ?? {};
    expect(isAbout(path, resourceId), `${request} is about ${resourceId}`).toBe(true);
    expect(Date.parse(recorded), `${request} is older than its intent`).toBeLessThanOrEqual(time.getTime());
    const end = outcomes.get(remediationRunId)?.time;
    if (end !== undefined)
      expect(Date.parse(end), `${request} is younger than its outcome`).toBeGreaterThanOrEqual(time.getTime());
  }
  const intentIds = intents.map(({ remediationRunId }) => remediationRunId);
  const outcomeIds = engine.audit('outcome').map(({ remediationRunId }) => remediationRunId);
  expect(new Set(intentIds).size, 'one intent for each run').toBe(intentIds.length);
  expect(new Set(outcomeIds).size, 'one outcome for each run').toBe(outcomeIds.length);
  for (const id of outcomeIds) expect(intentIds, 'an outcome belongs to an intent').toContain(id);
}

/** Is the request about the resource? What goes to a vault names the key, or the registry whose password is stored. */
function isAbout(path: string, resourceId: string): boolean {
  const [, , vault, collection, name = ''] = path.toLowerCase().split('/');
  const id = resourceId.toLowerCase();
  if (!path.startsWith('/keyvault/')) return path.toLowerCase().startsWith(id);
  if (collection === 'keys') return id.endsWith(`/vaults/${vault}/keys/${name}`);
  return id.endsWith(`/registries/${name.replace(/-password2$/, '')}`);
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
    // What is remembered for alerts is nothing to be done.
    const { changes: _changes, hasAlerts: _flag, knownAlerts: _alerts, ...rest } = item;
    expect(Object.keys(rest).toSorted(), `work row of ${item.resourceId}`).toEqual([
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
