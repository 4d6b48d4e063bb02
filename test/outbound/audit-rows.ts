import type { AuditKey, AuditRecord } from '../../src/audit/audit-log.ts';

const SUBSCRIPTION = '00000000-0000-4000-8000-000000000001';
export const REGISTRY = `/subscriptions/${SUBSCRIPTION}/resourceGroups/rg-containers/providers/Microsoft.ContainerRegistry/registries/contosoacr`;

export const KEY: AuditKey = { partitionKey: '2026-11-23', rowKey: '0651234567890123456_01KB_outcome' };

/** A fix that worked. */
export function outcomeRecord(change: Partial<AuditRecord> = {}): AuditRecord {
  return {
    time: '2026-11-23T10:00:00.000Z',
    stage: 'outcome',
    remediationRunId: '01KAREPZ000000000000000000',
    resourceId: REGISTRY,
    resourceType: 'Microsoft.ContainerRegistry/registries',
    resourceName: 'contosoacr',
    subscriptionId: SUBSCRIPTION,
    resourceGroup: 'rg-containers',
    policyId: 'acr-admin-user-disabled',
    remediationId: 'acr-disable-admin-user',
    severity: 'high',
    mode: 'enforce',
    verdict: 'violation',
    decision: 'fix',
    reason: 'verified',
    outcome: 'fixed',
    causeKind: 'event',
    causeTime: '2026-11-23T09:59:55.000Z',
    latencyMs: 5000,
    durationMs: 2500,
    configHash: '0123456789ab',
    version: '0.1.0',
    ...change,
  };
}

/** A row without a run: only what all rows have, and what is given. */
export function otherRecord(change: Partial<AuditRecord> & Pick<AuditRecord, 'stage'>): AuditRecord {
  return { time: '2026-11-23T10:00:00.000Z', configHash: '0123456789ab', version: '0.1.0', ...change };
}
