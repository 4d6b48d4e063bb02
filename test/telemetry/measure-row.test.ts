import { describe, expect, it } from 'vitest';
import { type AuditRecord, auditStages } from '../../src/audit/audit-log.ts';
import { measureRow } from '../../src/telemetry/measure-row.ts';
import { attributeValue, type Measurement, metrics } from '../../src/telemetry/metrics.ts';
import { otherRecord, outcomeRecord } from '../outbound/audit-rows.ts';

const TIMINGS = {
  event: '2026-11-23T10:00:00.000Z',
  queued: '2026-11-23T10:00:01.000Z',
  started: '2026-11-23T10:00:03.000Z',
  read: '2026-11-23T10:00:03.250Z',
  decided: '2026-11-23T10:00:03.300Z',
  fixed: '2026-11-23T10:00:08.300Z',
  verified: '2026-11-23T10:00:09.000Z',
};

/** Stage → milliseconds. */
function latencies(timings: unknown, change: Partial<AuditRecord> = {}): Readonly<Record<string, number>> {
  const text = typeof timings === 'string' ? timings : JSON.stringify(timings);
  const measured = measureRow(outcomeRecord({ timings: text, latencyMs: 9100, ...change }));
  return Object.fromEntries(
    measured.flatMap(({ metric, value, attributes }) =>
      'stage' in attributes && metric === 'latency' ? [[attributes.stage, value]] : [],
    ),
  );
}

describe('the outcome of a fix', () => {
  it('tells how long each stage took, and all of them', () => {
    expect(latencies(TIMINGS)).toEqual({
      queued: 1000,
      started: 2000,
      read: 250,
      decided: 50,
      fixed: 5000,
      verified: 700,
      total: 9100,
    });
  });

  it('leaves out what is not known, and counts from what is', () => {
    const { event, read, verified } = TIMINGS;

    expect(latencies({ event, read, verified })).toEqual({ read: 3250, verified: 5750, total: 9100 });
  });

  it.each(['', 'null', '[]', '{', '{"event":"yesterday","read":7}', '"x"', '7'])(
    'stands %s in place of moments',
    (timings) => {
      expect(Object.keys(latencies(timings))).toContain('total');
    },
  );

  it('is never faster than nothing, whatever the clocks of others say', () => {
    expect(latencies({ event: TIMINGS.verified, queued: TIMINGS.event })).toMatchObject({ queued: 0 });
  });

  it('says of latency nothing where nothing was fixed', () => {
    for (const outcome of ['failed', 'already-compliant', 'undone', 'retry'] as const)
      expect(latencies(TIMINGS, { outcome })).toEqual({});
  });

  it('is counted by outcome and remediation, and told apart by its cause', () => {
    expect(measureRow(outcomeRecord())).toEqual([
      { metric: 'outcomes', value: 1, attributes: { outcome: 'fixed', remediation: 'acr-disable-admin-user' } },
      { metric: 'latency', value: 5000, attributes: { stage: 'total', cause: 'event' } },
    ]);
  });
});

describe('other rows', () => {
  it.each<[Partial<AuditRecord> & Pick<AuditRecord, 'stage'>, Measurement['metric'], Readonly<Record<string, string>>]>(
    [
      [
        { stage: 'decision', decision: 'quarantine', reason: 'war-with-writer', policyId: 'acr-admin-user-disabled' },
        'decisions',
        { decision: 'quarantine', reason: 'war-with-writer', policy: 'acr-admin-user-disabled' },
      ],
      [{ stage: 'input', reason: 'poison', causeId: 'poison/work/0a1b' }, 'messagesGivenUp', { queue: 'work' }],
      [{ stage: 'input', reason: 'poison' }, 'messagesGivenUp', { queue: 'unknown' }],
      [{ stage: 'input', reason: 'sweep-incomplete' }, 'inputs', { reason: 'sweep-incomplete' }],
      [{ stage: 'notice', reason: 'breaker-open' }, 'breakerTrips', { kind: 'breaker-open' }],
      [{ stage: 'notice', reason: 'breaker-cap' }, 'breakerTrips', { kind: 'breaker-cap' }],
      [{ stage: 'notice', reason: 'exemption-ending' }, 'notices', { reason: 'exemption-ending' }],
      [{ stage: 'approval', reason: 'granted' }, 'requests', { stage: 'approval', reason: 'granted' }],
      [{ stage: 'operator', reason: 'undo-asked' }, 'requests', { stage: 'operator', reason: 'undo-asked' }],
      [{ stage: 'undo', reason: 'undone' }, 'requests', { stage: 'undo', reason: 'undone' }],
      [{ stage: 'ticket', reason: 'ticket-opened' }, 'tickets', { step: 'ticket-opened' }],
      [{ stage: 'configuration', reason: 'unknown-setting' }, 'configurationFindings', { problem: 'unknown-setting' }],
    ],
  )('%j', (row, metric, attributes) => {
    expect(measureRow(otherRecord(row))).toEqual([{ metric, value: 1, attributes }]);
  });

  it('count the decision to fix where a run begins, and no decision where an undo does', () => {
    const [counted, ...others] = measureRow(
      otherRecord({ stage: 'intent', decision: 'fix', reason: 'mode-enforce', policyId: 'acr-admin-user-disabled' }),
    );

    expect(others).toEqual([]);
    expect(counted).toEqual({
      metric: 'decisions',
      value: 1,
      attributes: { decision: 'fix', reason: 'mode-enforce', policy: 'acr-admin-user-disabled' },
    });
    expect(measureRow(otherRecord({ stage: 'intent', reason: 'undo' }))).toEqual([]);
  });

  it('have, however little they say, exactly the attributes that the catalogue declares', () => {
    for (const stage of auditStages) {
      for (const { metric, attributes } of measureRow(otherRecord({ stage }))) {
        expect(Object.keys(attributes).toSorted()).toEqual(Object.keys(metrics[metric].attributes).toSorted());
        expect(Object.values(attributes).every((value) => attributeValue(value) === value)).toBe(true);
      }
    }
  });
});
