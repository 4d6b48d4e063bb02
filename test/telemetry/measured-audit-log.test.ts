import { beforeEach, describe, expect, it } from 'vitest';
import type { AuditLog } from '../../src/audit/audit-log.ts';
import { createTableAuditLog } from '../../src/audit/table-audit-log.ts';
import { DockwardenError } from '../../src/errors.ts';
import { createMeasuredAuditLog } from '../../src/telemetry/measured-audit-log.ts';
import type { Measurement } from '../../src/telemetry/metrics.ts';
import { KEY, outcomeRecord, REGISTRY } from '../outbound/audit-rows.ts';
import { MemoryTableStore } from '../support/memory-table-store.ts';

let table: MemoryTableStore;
let measured: Measurement[];
let lines: { readonly message: string; readonly details: Readonly<Record<string, unknown>> }[];

beforeEach(() => {
  table = new MemoryTableStore('audit');
  measured = [];
  lines = [];
});

function open(log: AuditLog = createTableAuditLog(table)): AuditLog {
  return createMeasuredAuditLog(
    log,
    { record: (measurement) => void measured.push(measurement) },
    { info: (message, details) => void lines.push({ message, details }) },
  );
}

function fail(): never {
  throw new Error('no telemetry');
}

describe('an audit that is measured', () => {
  it('tells of a new row what queries need', async () => {
    expect(await open().append(KEY, outcomeRecord({ ticketKey: 'dw-1' }))).toBe(true);

    expect(measured.map(({ metric }) => metric)).toEqual(['outcomes', 'latency']);
    expect(lines).toEqual([
      {
        message: 'audit',
        details: {
          at: '2026-11-23T10:00:00.000Z',
          stage: 'outcome',
          policyId: 'acr-admin-user-disabled',
          remediationId: 'acr-disable-admin-user',
          resourceId: REGISTRY,
          severity: 'high',
          mode: 'enforce',
          verdict: 'violation',
          decision: 'fix',
          reason: 'verified',
          outcome: 'fixed',
          causeKind: 'event',
          runId: '01KAREPZ000000000000000000',
          latencyMs: 5000,
          durationMs: 2500,
          ticketKey: 'dw-1',
        },
      },
    ]);
  });

  it('tells nobody who it was, nor what was there before or after, nor what Azure said', async () => {
    const secret = 'S3CRET';
    await open().append(
      KEY,
      outcomeRecord({
        actor: secret,
        actorName: secret,
        actorApplication: secret,
        approvedBy: secret,
        before: secret,
        after: secret,
        evidence: secret,
        operations: secret,
        error: secret,
      }),
    );

    expect(lines).toHaveLength(1);
    expect(JSON.stringify([lines, measured])).not.toContain(secret);
  });

  it('tells of a row once, however often it is written', async () => {
    const log = open();
    await log.append(KEY, outcomeRecord());

    expect(await log.append(KEY, outcomeRecord({ time: '2026-11-23T10:00:09.000Z' }))).toBe(false);
    expect(await open().append(KEY, outcomeRecord())).toBe(false);
    expect(lines).toHaveLength(1);
    expect(measured).toHaveLength(2);
  });

  it('tells nothing of a row that could not be written', async () => {
    const broken = open({
      ...createTableAuditLog(table),
      append: async () => await Promise.reject(new DockwardenError('STORAGE_UNAVAILABLE', 'down')),
    });

    await expect(broken.append(KEY, outcomeRecord())).rejects.toThrow('down');
    expect([lines, measured]).toEqual([[], []]);
  });

  it('is written, whatever becomes of telling', async () => {
    const log = createMeasuredAuditLog(createTableAuditLog(table), { record: fail }, { info: fail });

    expect(await log.append(KEY, outcomeRecord())).toBe(true);
    expect(table.rows).toHaveLength(1);
  });
});
