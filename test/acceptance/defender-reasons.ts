import { sampleId } from '../../local/azure/sample-subscription.ts';
import { acceptEvents } from '../../src/engine/accept.ts';
import { pollAlerts } from '../../src/engine/poll-alerts.ts';
import { MAX_ALERTS } from '../../src/resources/defender.ts';
import type { EngineHarness } from '../support/engine-harness.ts';
import { refuse, type Scenario } from './reason-scenarios.ts';
import { disableAdminUser } from './remediation-scenes.ts';

const CLUSTER = sampleId('aks-prod');
const ALERT = { resourceId: disableAdminUser.resourceId, alertType: 'ARM_AnomalousOperation.Persistence' } as const;
const RECOMMENDATION = {
  resourceId: CLUSTER,
  key: '56a83a6e-c417-42ec-b567-1e6fcb3d09a9',
  code: 'Unhealthy',
  displayName: 'profile',
} as const;

/** The message that Defender exports, with a change to its members. */
async function acceptAlert(run: EngineHarness, change: Readonly<Record<string, unknown>>): Promise<void> {
  run.simulator.defender.raiseAlert(ALERT);
  for (const message of run.exported.splice(0))
    await acceptEvents(run.context(), { ...message, ...change }, 'defender-alerts');
}

/** Rows of stage `input` about what Defender says. */
export const defenderInputs: Readonly<Record<string, Scenario>> = {
  'alert-closed': {
    scene: disableAdminUser,
    async act(run) {
      const id = run.simulator.defender.raiseAlert(ALERT);
      run.clock.advance(1000);
      run.simulator.defender.setAlertStatus(id, 'Dismissed');
      await run.deliverEvents();
    },
  },
  'alert-forgotten': {
    scene: disableAdminUser,
    async act(run) {
      for (let count = 0; count <= MAX_ALERTS; count += 1) run.simulator.defender.raiseAlert(ALERT);
      await run.deliverEvents();
    },
  },
  'resource-gone': {
    scene: disableAdminUser,
    async act(run) {
      run.simulator.as('operator').delete(ALERT.resourceId);
      run.simulator.defender.raiseAlert(ALERT);
      await run.settle(600_000);
    },
  },
  'alerts-not-polled': {
    scene: disableAdminUser,
    async act(run) {
      run.setEnvironment({ DEFENDER_ALERTS_POLLING: 'on' });
      refuse(run, 'POST', /ResourceGraph/i, 403, Infinity);
      // A sweep would say at the same moment that it is incomplete.
      await pollAlerts(run.context());
    },
  },
};

/** Messages that cannot be understood. */
export const invalidAlerts: Readonly<Record<string, (run: EngineHarness) => Promise<void>>> = {
  'missing-field:systemAlertId': async (run) => await acceptAlert(run, { SystemAlertId: null }),
  'missing-field:timeGenerated': async (run) => await acceptAlert(run, { TimeGenerated: 'soon', StartTimeUtc: 5 }),
  'missing-field:ObjectName': async (run) => {
    const source =
      '/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/rg1/providers/Microsoft.KeyVault/vaults/kv1';
    const event = {
      specversion: '1.0',
      type: 'Microsoft.KeyVault.KeyNearExpiry',
      source,
      id: 'e1',
      time: '2026-11-23T12:00:00Z',
    };
    await acceptEvents(run.context(), { ...event, data: { ObjectName: ' ' } });
  },
  'too-deep': async (run) => {
    let nested: unknown = 'bottom';
    for (let level = 0; level < 100; level += 1) nested = [nested];
    await acceptAlert(run, { Entities: nested });
  },
};

/** Messages that call for nothing. */
export const ignoredAlerts: Readonly<Record<string, (run: EngineHarness) => Promise<void>>> = {
  'sample-alert': async (run) => await acceptAlert(run, { Description: 'THIS IS A SAMPLE ALERT: nothing happened' }),
  'test-alert': async (run) => await acceptAlert(run, { AlertType: 'K8S.NODE_EICAR' }),
  'no-covered-resource': async (run) =>
    await acceptAlert(run, { ExtendedProperties: null, ResourceIdentifiers: [], AzureResourceId: '', Entities: [] }),
  'not-unhealthy': async (run) => {
    run.simulator.defender.raiseAssessment({ ...RECOMMENDATION, code: 'Healthy' });
    await run.deliverEvents();
  },
  snapshot: async (run) => {
    run.simulator.defender.raiseAssessment({ ...RECOMMENDATION, isSnapshot: true });
    await run.deliverEvents();
  },
  'assessment-deleted': async (run) => {
    run.simulator.defender.raiseAssessment({ ...RECOMMENDATION, action: 'Delete' });
    await run.deliverEvents();
  },
  'not-resource-level': async (run) => {
    const type = 'Microsoft.Security/secureScores/secureScoreControls';
    await acceptEvents(run.context(), { id: '/subscriptions/x', type, properties: {} }, 'defender-alerts');
  },
};
