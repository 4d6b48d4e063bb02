import type { AuditRecord } from '../audit/audit-log.ts';
import type { Measurement } from './metrics.ts';

/** The stages of a run in their order, as column `timings` names their ends. */
const STAGES = ['event', 'queued', 'started', 'read', 'decided', 'fixed', 'verified'] as const;

/** What one new row of the audit adds to the metrics. Never throws: a row that says less adds less. */
export function measureRow(record: AuditRecord): readonly Measurement[] {
  const { stage, reason = 'other' } = record;
  switch (stage) {
    case 'decision':
      return [decisionOf(record)];
    case 'outcome':
      return [outcomeOf(record), ...latenciesOf(record)];
    case 'input':
      return [inputOf(record)];
    case 'notice':
      return [noticeOf(reason)];
    case 'approval':
    case 'operator':
    case 'undo':
      return [{ metric: 'requests', value: 1, attributes: { stage, reason } }];
    case 'ticket':
      return [{ metric: 'tickets', value: 1, attributes: { step: reason } }];
    case 'configuration':
      return [{ metric: 'configurationFindings', value: 1, attributes: { problem: reason } }];
    case 'intent':
      // To fix is recorded with what is about to be done; an undo is nothing that we decided.
      return record.decision === undefined ? [] : [decisionOf(record)];
  }
}

function decisionOf({ decision = 'other', reason = 'other', policyId = 'other' }: AuditRecord): Measurement {
  return { metric: 'decisions', value: 1, attributes: { decision, reason, policy: policyId } };
}

function outcomeOf({ outcome, remediationId = 'other' }: AuditRecord): Measurement {
  return { metric: 'outcomes', value: 1, attributes: { outcome: outcome ?? 'other', remediation: remediationId } };
}

function inputOf({ reason = 'other', causeId = '' }: AuditRecord): Measurement {
  if (reason !== 'poison') return { metric: 'inputs', value: 1, attributes: { reason } };
  const queue = /^poison\/([a-z-]{1,63})\//.exec(causeId)?.[1] ?? 'unknown';
  return { metric: 'messagesGivenUp', value: 1, attributes: { queue } };
}

function noticeOf(reason: string): Measurement {
  return reason === 'breaker-cap' || reason === 'breaker-open'
    ? { metric: 'breakerTrips', value: 1, attributes: { kind: reason } }
    : { metric: 'notices', value: 1, attributes: { reason } };
}

/** How long each stage took: from the last moment that is known before it. Only of fixes that worked: others say nothing of how fast fixes are. */
function latenciesOf({ outcome, causeKind: cause = 'other', timings, latencyMs }: AuditRecord): readonly Measurement[] {
  if (outcome !== 'fixed') return [];
  const moments = readMoments(timings);
  const measurements: Measurement[] = [];
  let before: number | undefined;
  for (const stage of STAGES) {
    const at = moments[stage];
    if (at === undefined) continue;
    // Clocks differ, and an event may be stamped later than we got it.
    if (before !== undefined)
      measurements.push({ metric: 'latency', value: Math.max(0, at - before), attributes: { stage, cause } });
    before = at;
  }
  if (latencyMs !== undefined)
    measurements.push({ metric: 'latency', value: latencyMs, attributes: { stage: 'total', cause } });
  return measurements;
}

/** Milliseconds since 1970 of each moment that can be read. */
function readMoments(timings: string | undefined): Readonly<Record<string, number>> {
  if (timings === undefined) return {};
  let parsed: unknown;
  try {
    parsed = JSON.parse(timings);
  } catch {
    return {};
  }
  const moments = Object.entries(parsed ?? {}).map(([name, time]) => [name, Date.parse(String(time))] as const);
  return Object.fromEntries(moments.filter(([, time]) => !Number.isNaN(time)));
}
