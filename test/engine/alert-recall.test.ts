import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sampleId } from '../../local/azure/sample-subscription.ts';
import { acceptEvents } from '../../src/engine/accept.ts';
import { sweepResources } from '../../src/engine/sweep.ts';
import { parseResourceId } from '../../src/resources/resource-id.ts';
import { hashOf } from '../../src/storage/resource-key.ts';
import { ENFORCING, type EngineHarness, startEngine } from '../support/engine-harness.ts';

const REGISTRY = sampleId('contosobuild');
const HOUR = 3_600_000;
const T0 = '2026-11-23T09:00:00.000Z';
const T1 = '2026-11-23T09:10:00.000Z';

let engine: EngineHarness;
/** Resources of which the alerts were asked for. */
let asked: string[] = [];

beforeEach(async () => {
  asked = [];
  engine = await startEngine({
    environment: {
      ...ENFORCING,
      REMEDIATE_ACR_TRACK_ALERTS: 'enforce',
      REMEDIATE_ACR_DISABLE_ADMIN_USER: 'observe',
      REMEDIATE_ACR_ROTATE_SECOND_PASSWORD: 'observe',
    },
    wrapContext: (context) => ({
      ...context,
      alerts: {
        ...context.alerts,
        async ofResource(resource, onInvalid) {
          asked.push(resource.key);
          return await context.alerts.ofResource(resource, onInvalid);
        },
      },
    }),
  });
});

afterEach(async () => {
  await engine.stop();
});

async function tell(Status: string, ProcessingEndTime: string): Promise<void> {
  const alert = {
    SystemAlertId: 'alert-1',
    AlertType: 'ARM_AnomalousOperation.Impact',
    AlertDisplayName: 'Something odd',
    Severity: 'Low',
    Status,
    AzureResourceId: REGISTRY,
    TimeGenerated: T0,
    ProcessingEndTime,
  };
  await acceptEvents(engine.context(), alert, 'defender-alerts');
  await engine.settle(0);
}

/** Somebody deletes the row of the resource, because it could not be read. */
async function deleteWork(): Promise<void> {
  const hash = hashOf(parseResourceId(REGISTRY));
  await engine.tables.work.removeAll(hash.slice(0, 2), [hash]);
}

async function sweep(): Promise<void> {
  await sweepResources(engine.context());
  await engine.settle(HOUR);
}

const ticket = () => engine.tickets().find(({ discriminator }) => discriminator === 'alert-1');
const finding = () => engine.findings().find(({ policyId }) => policyId === 'acr-alerts-closed');

describe('a resource whose row of work was deleted', () => {
  it('keeps the tickets of its alerts, and they end with them', async () => {
    await tell('New', T0);
    await deleteWork();

    for (let time = 0; time < 3; time += 1) await sweep();
    expect(ticket()).toMatchObject({ state: 'open' });
    expect(finding()).toMatchObject({ status: 'open', verdict: 'violation' });
    await deleteWork();
    await tell('Resolved', T1);

    expect(ticket()).toMatchObject({ state: 'resolved', resolution: 'closed-at-source' });
  });

  it('is asked about no longer when nothing is left of them', async () => {
    await tell('New', T0);
    await tell('Resolved', T1);
    await sweep();
    await deleteWork();
    asked = [];

    engine.simulator.as('operator').patch(REGISTRY, { tags: { touched: 'yes' } });
    await engine.settle(0);

    expect(finding()).toMatchObject({ status: 'closed' });
    expect(asked).toEqual([]);
  });
});

it('a resource of which Defender has said nothing is not asked about, whatever else is wrong with it', async () => {
  engine.simulator.as('operator').patch(REGISTRY, { properties: { adminUserEnabled: true } });
  await engine.settle(HOUR);
  await sweep();

  expect(engine.findings().find(({ policyId }) => policyId === 'acr-admin-user-disabled')).toMatchObject({
    status: 'open',
  });
  expect(asked).toEqual([]);
});
