import { expect, test } from 'vitest';
import { describeExpectation, type Expectation, isMet } from '../../local/scenario/expectation.ts';
import type { AuditRecord } from '../../src/audit/audit-log.ts';

const record: AuditRecord = {
  time: '2026-11-23T10:00:00.000Z',
  stage: 'outcome',
  resourceName: 'contosoacr',
  policyId: 'acr-admin-user-disabled',
  remediationId: 'acr-disable-admin-user',
  outcome: 'fixed',
  reason: 'verified',
  causeId: 'alert-1',
  actor: 'id of operator',
};
const objectIdOf = (name: string): string => `id of ${name}`;
const wanted: Expectation = {
  resource: 'contosoacr',
  policy: 'acr-admin-user-disabled',
  stage: 'outcome',
  says: 'fixed',
  reason: 'verified',
  cause: 'alert-1',
  by: 'operator',
};

test('a row meets what it says, and members left out may have any value', () => {
  expect(isMet(wanted, record, objectIdOf)).toBe(true);
  expect(isMet({ stage: 'outcome', says: 'fixed' }, record, objectIdOf)).toBe(true);
});

test.each([
  ['resource', { resource: 'contosobuild' }],
  ['policy', { policy: 'acr-second-password-fresh' }],
  ['outcome', { says: 'failed' }],
  ['stage', { stage: 'decision' }],
  ['reason', { reason: 'dependants-found' }],
  ['cause', { cause: 'alert-2' }],
  ['last writer', { by: 'automation' }],
] as const)('a row with another %s does not', (_what, change) => {
  expect(isMet({ ...wanted, ...change }, record, objectIdOf)).toBe(false);
});

test.each([
  ['input', { reason: 'sample-alert' }, 'sample-alert'],
  ['decision', { decision: 'ticket' }, 'ticket'],
  ['intent', {}, 'acr-disable-admin-user'],
  ['ticket', { reason: 'ticket-opened' }, 'ticket-opened'],
] as const)('what a row of stage %s says', (stage, change, says) => {
  expect(isMet({ stage, says }, { ...record, stage, ...change }, objectIdOf)).toBe(true);
});

test('it is told in words', () => {
  expect(describeExpectation(wanted)).toBe(
    'contosoacr, acr-admin-user-disabled: fixed (verified), because of alert-1, last changed by the operator',
  );
  expect(describeExpectation({ stage: 'input', says: 'sample-alert' })).toBe('input: sample-alert');
  expect(describeExpectation({ resource: 'aks-dev', stage: 'intent', says: 'aks-add-required-tags' })).toBe(
    'aks-dev: aks-add-required-tags begins',
  );
});
