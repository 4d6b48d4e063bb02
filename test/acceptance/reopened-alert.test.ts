import { afterEach, expect, it } from 'vitest';
import { sampleId } from '../../local/azure/sample-subscription.ts';
import { acceptEvents } from '../../src/engine/accept.ts';
import { pollAlerts } from '../../src/engine/poll-alerts.ts';
import { expectRecordedMutations, expectSettled } from '../support/audit-invariants.ts';
import { ENFORCING, type EngineHarness, startEngine } from '../support/engine-harness.ts';

const REGISTRY = sampleId('contosobuild');
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const RAISED = '2026-11-23T09:00:00Z';

let engine: EngineHarness;

afterEach(async () => {
  await engine.stop();
});

const isAdminOn = () => engine.simulator.state.get(REGISTRY)?.properties?.['adminUserEnabled'];
const passwords = () => ({ ...engine.simulator.state.passwordsOf(REGISTRY) });
const fixes = () =>
  engine
    .audit('outcome')
    .filter(({ outcome, remediationId }) => outcome === 'fixed' && remediationId?.endsWith('-compromised-passwords'));

/** The alert as it stands now. */
function alert(Status: string) {
  return {
    SystemAlertId: 'alert-1',
    AlertType: 'ARM_AnomalousOperation.CredentialAccess',
    AlertDisplayName: 'Suspicious',
    Severity: 'High',
    Status,
    AzureResourceId: REGISTRY,
    TimeGenerated: RAISED,
    ProcessingEndTime: engine.clock.now().toISOString(),
  };
}

async function tell(message: object): Promise<void> {
  await acceptEvents(engine.context(), message, 'defender-alerts');
  await engine.settle(MINUTE);
}

/** Resource Graph answers with this alert. */
async function poll(properties: ReturnType<typeof alert>): Promise<void> {
  const data = [{ id: 'alert-1', name: 'alert-1', type: 'microsoft.security/locations/alerts', properties }];
  const body = { totalRecords: 1, count: 1, resultTruncated: 'false', facets: [], data };
  engine.simulator.faults.add({
    method: 'POST',
    path: /ResourceGraph/i,
    effect: { kind: 'answer', status: 200, body },
  });
  await pollAlerts(engine.context());
  await engine.settle(MINUTE);
}

/** Its owner needs the admin user again. */
async function enableAdmin(): Promise<void> {
  engine.clock.advance(HOUR);
  engine.simulator.as('operator').patch(REGISTRY, { properties: { adminUserEnabled: true } });
  await engine.settle(MINUTE);
}

it('An alert that is closed and active again renews the passwords again, once, and disables the admin user', async () => {
  engine = await startEngine({
    environment: {
      ...ENFORCING,
      DEFENDER_ALERTS_POLLING: 'on',
      REMEDIATE_ACR_DISABLE_ADMIN_USER: 'observe',
      REMEDIATE_ACR_ROTATE_SECOND_PASSWORD: 'observe',
      REMEDIATE_ACR_ROTATE_COMPROMISED_PASSWORDS: 'enforce',
      REMEDIATE_ACR_TRACK_ALERTS: 'enforce',
    },
  });
  await tell(alert('New'));
  expect([fixes().length, isAdminOn()]).toEqual([1, false]);
  engine.clock.advance(HOUR);
  await tell(alert('Resolved'));
  await enableAdmin();
  const before = passwords();
  expect([fixes().length, isAdminOn()]).toEqual([1, true]);

  engine.clock.advance(HOUR);
  const again = alert('New');
  await tell(again);

  expect([fixes().length, isAdminOn()]).toEqual([2, false]);
  for (const name of ['password', 'password2']) expect(passwords()[name]).not.toBe(before[name]);

  // The passwords that its owner has from now on were stolen by nobody, however often that is told, and whatever else changes in the alert.
  await enableAdmin();
  const renewed = passwords();
  for (const polled of [again, again, alert('InProgress'), again]) {
    engine.clock.advance(HOUR);
    await poll(polled);
  }
  expect([fixes().length, isAdminOn()]).toEqual([2, true]);
  expect(passwords()).toEqual(renewed);
  expect(engine.tickets()).toMatchObject([{ discriminator: 'alert-1', state: 'open' }]);
  // Every poll was answered.
  expect(engine.audit('input')).toMatchObject([{ reason: 'alert-closed' }]);
  expectRecordedMutations(engine);
  expectSettled(engine);
});
