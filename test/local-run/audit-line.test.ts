import { expect, test } from 'vitest';
import { formatAuditLine } from '../../local/audit-line.ts';
import type { AuditRecord } from '../../src/audit/audit-log.ts';

const PERSON = '00000000-0000-4000-8000-0000000000e1';

function row(change: Partial<AuditRecord>): AuditRecord {
  return {
    time: '2026-11-23T10:00:00.000Z',
    stage: 'outcome',
    resourceName: 'contosoacr',
    policyId: 'acr-admin-user-disabled',
    causeKind: 'event',
    ...change,
  };
}

test.each([
  [
    'a fix with its time and the last writer',
    row({ outcome: 'fixed', latencyMs: 812, actor: PERSON, actorType: 'User' }),
    `fixed in 0.8 s  (last changed by ${PERSON}, user)`,
  ],
  [
    'an outcome that is no fix, with the reason',
    row({ outcome: 'denied', error: 'no role', actor: PERSON, actorType: 'ServicePrincipal' }),
    `denied: no role  (last changed by ${PERSON}, service principal)`,
  ],
  [
    'a decision in words',
    row({ stage: 'decision', decision: 'observe', reason: 'mode-observe', causeKind: 'sweep' }),
    'observe: the remediation only observes  (found by the sweep)',
  ],
  [
    'what stands behind a decision, with names for ids',
    row({
      stage: 'decision',
      decision: 'ticket',
      reason: 'dependants-found',
      error: 'used by /subscriptions/1/resourceGroups/g/providers/Microsoft.ContainerInstance/containerGroups/batch',
    }),
    'ticket: dependants-found, used by batch',
  ],
  [
    'an id that could not be read, whole',
    row({
      stage: 'input',
      error: "'/subscriptions/x/resourceGroups/g/providers/a/b/c': the subscription id is not a GUID",
    }),
    "input: '/subscriptions/x/resourceGroups/g/providers/a/b/c': the subscription id is not a GUID",
  ],
  [
    'the alert behind it',
    row({ outcome: 'fixed', latencyMs: 99, causeKind: 'alert', causeId: '732014f0' }),
    'fixed in 0.1 s  (because of alert 732014f0)',
  ],
  [
    'an alert without an id',
    row({ stage: 'input', reason: 'sample-alert', causeKind: 'alert' }),
    'input: sample-alert  (because of alert without an id)',
  ],
  [
    'what a service told',
    row({ outcome: 'fixed', latencyMs: 99, causeKind: 'notification' }),
    'fixed in 0.1 s  (a service has told of news)',
  ],
  ['a message that could not be read', row({ stage: 'input', reason: 'poison' }), 'input: poison'],
  [
    'a message that is no alert, and where it is kept',
    row({ stage: 'input', error: 'no alert', causeKind: 'alert', causeId: 'poison/defender-alerts/4413' }),
    'input: no alert  (kept as poison/defender-alerts/4413)',
  ],
  [
    'what somebody asked for, and the text that goes with it',
    row({ stage: 'operator', reason: 'replay-observed', error: 'event 1', causeKind: 'operator', actor: 'key:ops' }),
    'operator: replay-observed, event 1  (asked for by key:ops)',
  ],
  ['a notice without a text', row({ stage: 'notice', reason: 'breaker-open' }), 'notice: breaker-open'],
])('%s', (_what, record, expected) => {
  const line = formatAuditLine(record);

  expect(line).toMatch(/^\d\d:\d\d:00 {2}contosoacr {7}acr-admin-user-disabled {12}/);
  expect(line?.endsWith(`  ${expected}`)).toBe(true);
});

test('a lock is called a lock, with the end of the text that names it', () => {
  const error = `The scope cannot perform write operation because ${'x'.repeat(200)} scope(s) are locked: 'rg-lock'.`;
  const line = formatAuditLine(row({ outcome: 'locked', error }));

  expect(line).toContain('locked: a management lock forbids it');
  expect(line).toContain("'rg-lock'");
});

test('a key goes by its own name', () => {
  const line = formatAuditLine(row({ outcome: 'fixed', latencyMs: 0, resourceName: 'kv-platform/disk-encryption' }));

  expect(line).toMatch(/^\d\d:\d\d:00 {2}disk-encryption {2}acr-/);
});

test('an intent is told by its outcome', () => {
  expect(formatAuditLine(row({ stage: 'intent', decision: 'fix' }))).toBeUndefined();
});

test('a very long reason is cut', () => {
  expect(formatAuditLine(row({ outcome: 'failed', error: 'x'.repeat(500) }))?.length).toBeLessThan(200);
});
