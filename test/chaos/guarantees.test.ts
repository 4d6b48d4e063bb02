import { describe, expect, it } from 'vitest';
import { type Evidence, findBroken, guaranteeNames } from '../../local/chaos/guarantees.ts';
import { type AuditRecord, runCorrelationId } from '../../src/audit/audit-log.ts';
import type { Finding } from '../../src/findings/findings.ts';
import type { WorkItem } from '../../src/work/work-items.ts';

const subscription = '/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/rg/providers';
const registry = `${subscription}/Microsoft.ContainerRegistry/registries/one`;
const ADMIN_USER = 'acr-admin-user-disabled';
const RUN = '01JDC0000000000000000000A1';
const OTHER_RUN = '01JDC0000000000000000000B2';
const AGAIN = { remediationRunId: OTHER_RUN };

/** A row of a run, at a second of one minute. */
function row(stage: 'intent' | 'outcome', second: number, change: Partial<AuditRecord> = {}): AuditRecord {
  return {
    stage,
    time: timeOf(second).toISOString(),
    remediationRunId: RUN,
    resourceId: registry,
    ...(stage === 'outcome' && { outcome: 'fixed' as const }),
    ...change,
  };
}

function decided(reason: string): AuditRecord {
  return { stage: 'decision', time: timeOf(9).toISOString(), resourceId: registry, decision: 'defer', reason };
}

function request(second: number, change: Partial<Evidence['requests'][number]> = {}): Evidence['requests'][number] {
  return {
    method: 'PATCH',
    path: registry,
    status: 200,
    time: timeOf(second),
    correlationId: runCorrelationId(RUN),
    ...change,
  };
}

function read(second: number, change: Partial<Evidence['requests'][number]> = {}): Evidence['requests'][number] {
  return request(second, { method: 'GET', correlationId: 'any', ...change });
}

function timeOf(second: number): Date {
  return new Date(Date.UTC(2026, 10, 23, 8, 0, second));
}

function finding(change: Partial<Finding> = {}): Finding {
  return {
    resourceId: registry,
    subscriptionId: '00000000-0000-4000-8000-000000000001',
    policyId: ADMIN_USER,
    severity: 'high',
    status: 'open',
    verdict: 'violation',
    decision: 'ticket',
    reason: 'dependants-found',
    since: '2026-11-23T08:00:00.000Z',
    updated: '2026-11-23T08:00:00.000Z',
    attempts: 0,
    ...change,
  };
}

function workItem(change: Partial<WorkItem> = {}): WorkItem {
  return { resourceId: registry, pending: [], knownCauses: ['event-1'], attempt: 0, ...change };
}

/** A run of ten resources after which nothing is wrong. */
function evidence(change: Partial<Evidence> = {}): Evidence {
  return {
    isDrained: true,
    judged: [ADMIN_USER],
    violations: [{ resourceId: registry, policyId: ADMIN_USER }],
    findings: [finding()],
    audit: [row('intent', 1), row('outcome', 3)],
    changes: [{ resourceId: registry, time: timeOf(0) }],
    requests: [read(0), request(2)],
    work: [workItem()],
    queues: { work: 0, 'resource-events': 0 },
    evaluations: { total: 15, fresh: 12, waited: 1, takenOver: 1, again: 0, asked: 1 },
    changed: 10,
    places: 0,
    robbed: [],
    stranded: [],
    crashes: [],
    ...change,
  };
}

function brokenBy(change: Partial<Evidence>): readonly string[] {
  return findBroken(evidence(change)).map(({ guarantee }) => guarantee);
}

/** What breaks each guarantee, and no other. */
const planted: Readonly<Record<(typeof guaranteeNames)[number], readonly Partial<Evidence>[]>> = {
  drained: [{ isDrained: false }],
  'change-read': [
    { requests: [request(2)] },
    { requests: [read(0, { status: 429 }), request(2)] },
    { changes: [{ resourceId: registry, time: timeOf(1) }] },
  ],
  settled: [
    { findings: [] },
    { findings: [finding({ status: 'closed' })] },
    { findings: [finding({ verdict: 'unknown', decision: 'observe', reason: 'verdict-unknown' })] },
    { findings: [finding({ decision: 'fix', reason: 'mode-enforce', lastOutcome: 'fixed' })] },
    { findings: [finding({ decision: 'defer', reason: 'preflight-unavailable' })] },
    { violations: [] },
    { findings: [finding(), finding({ policyId: 'other', verdict: 'unknown', decision: 'observe' })] },
  ],
  'one-outcome': [
    { audit: [row('intent', 1)] },
    { audit: [row('intent', 1), row('outcome', 3), row('outcome', 4)] },
    { audit: [row('intent', 1), row('intent', 1), row('outcome', 3)] },
    { audit: [row('intent', 1), row('outcome', 3), row('outcome', 3, { remediationRunId: OTHER_RUN })] },
  ],
  'intent-first': [
    { requests: [read(0), request(2, { correlationId: runCorrelationId(OTHER_RUN) })] },
    { requests: [read(0), request(2, { correlationId: 'none' })] },
    { requests: [read(0), request(2, { path: `${subscription}/Microsoft.ContainerRegistry/registries/two` })] },
    { requests: [read(0), request(0)] },
  ],
  'inside-run': [{ requests: [read(0), request(2), request(4)] }],
  'rotated-once': [
    {
      audit: [row('intent', 1), row('outcome', 3), row('intent', 4, AGAIN), row('outcome', 5, AGAIN)].map(
        (rotation) => ({
          ...rotation,
          remediationId: 'acr-rotate-second-password',
        }),
      ),
    },
  ],
  'one-worker': [{ robbed: [registry] }],
  'not-stranded': [{ stranded: [registry] }],
  'no-lease': [
    { work: [workItem({ leaseOwner: 'somebody', leaseUntil: '2026-11-23T08:02:00.000Z' })] },
    { work: [workItem({ notBefore: '2026-11-23T08:02:00.000Z' })] },
    {
      work: [
        workItem({
          pending: [
            {
              kind: 'event',
              id: 'event-2',
              time: '2026-11-23T08:00:00.000Z',
              queuedAt: '2026-11-23T08:00:00.000Z',
            },
          ],
        }),
      ],
    },
    {
      work: [
        workItem({
          run: {
            runId: RUN,
            policyId: ADMIN_USER,
            remediationId: 'acr-disable-admin-user',
            startedAt: '2026-11-23T08:00:00.000Z',
            touches: [],
            before: {},
            operations: [],
            resumed: 0,
          },
        }),
      ],
    },
  ],
  'queues-empty': [{ queues: { work: 1, 'resource-events': 0 } }],
  coalesced: [{ evaluations: { total: 16, fresh: 13, waited: 1, takenOver: 1, again: 0, asked: 1 } }],
  'workers-alive': [{ crashes: ['1: out of memory'] }],
};

describe('a chaos run', () => {
  it('breaks nothing when everything is right', () => {
    expect(findBroken(evidence())).toEqual([]);
    expect(brokenBy({ findings: [finding({ decision: 'fix', lastOutcome: 'gave-up' })] })).toEqual([]);
    const deferred = [finding({ decision: 'defer', reason: 'preflight-unavailable' })];
    const audit = [...evidence().audit, decided('gave-up')];
    expect(brokenBy({ findings: deferred, audit })).toEqual([]);
    expect(brokenBy({ requests: [read(0), request(1), request(3)] }), 'at the same moment').toEqual([]);
  });

  it.each(guaranteeNames.flatMap((name) => planted[name].map((change, index) => ({ name, change, index }))))(
    'that breaks $name is caught (case $index)',
    ({ name, change }) => {
      expect(new Set(brokenBy(change))).toEqual(new Set([name]));
    },
  );

  it('allows two early looks for each place', () => {
    const evaluations = { total: 16, fresh: 13, waited: 1, takenOver: 1, again: 0, asked: 1 };

    expect(brokenBy({ evaluations, places: 1 })).toEqual([]);
  });

  it('does not take a Resource Graph query for a change', () => {
    const query = request(0, { method: 'POST', path: '/providers/Microsoft.ResourceGraph/resources' });

    expect(brokenBy({ requests: [read(0), query] })).toEqual([]);
  });
});
