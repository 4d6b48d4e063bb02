import { afterEach, describe, expect, it } from 'vitest';
import { sampleId } from '../../local/azure/sample-subscription.ts';
import { acceptEvents } from '../../src/engine/accept.ts';
import { parseResourceId } from '../../src/resources/resource-id.ts';
import { hashOf } from '../../src/storage/resource-key.ts';
import { ENFORCING, type EngineHarness, type EngineHarnessOptions, startEngine } from '../support/engine-harness.ts';
import { runHost } from '../support/host-delivery.ts';

let engine: EngineHarness;

afterEach(async () => {
  await engine.stop();
});

const REGISTRY = sampleId('contosobuild');
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

async function start(options: EngineHarnessOptions = {}, change: Readonly<Record<string, string>> = {}): Promise<void> {
  engine = await startEngine({
    environment: {
      ...ENFORCING,
      REMEDIATE_ACR_TRACK_ALERTS: 'enforce',
      REMEDIATE_ACR_ROTATE_COMPROMISED_PASSWORDS: 'enforce',
      REMEDIATE_ACR_DISABLE_ADMIN_USER: 'observe',
      REMEDIATE_ACR_ROTATE_SECOND_PASSWORD: 'observe',
      ...change,
    },
    ...options,
  });
}

/** Defender says that credentials of a registry are stolen. */
async function tell(id: string, resourceId = REGISTRY): Promise<void> {
  const time = engine.clock.now().toISOString();
  const alert = {
    SystemAlertId: id,
    AlertType: 'ARM_AnomalousOperation.CredentialAccess',
    AlertDisplayName: 'Suspicious',
    Severity: 'High',
    Status: 'New',
    AzureResourceId: resourceId,
    TimeGenerated: time,
    ProcessingEndTime: time,
  };
  await acceptEvents(engine.context(), alert, 'defender-alerts');
}

/** The registry cannot be read any more. */
function refuseReads(): void {
  engine.simulator.faults.add({
    method: 'GET',
    path: /registries\/contosobuild\?/i,
    times: Infinity,
    effect: { kind: 'answer', status: 403, body: { error: { code: 'AuthorizationFailed', message: 'no' } } },
  });
}

const goneRows = () => engine.audit('input').filter(({ reason }) => reason === 'resource-gone');
const findingOf = (policyId: string) =>
  engine.findings().find((finding) => finding.policyId === policyId && finding.resourceId === REGISTRY);
const looks = () => engine.calls().filter((call) => call.endsWith('registries/contosobuild')).length;
const alertTickets = () => engine.tickets().filter(({ policyId }) => policyId === 'acr-alerts-closed');

describe('an alert about a resource that is gone is on record', () => {
  it('each of several in one look', async () => {
    await start();
    for (const id of ['alert-1', 'alert-2', 'alert-3']) await tell(id, REGISTRY.replace('contosobuild', 'goneacr'));

    await engine.settle(DAY);

    const ids = goneRows().map(({ causeId }) => causeId);
    expect(ids).toHaveLength(3);
    expect(new Set(ids)).toEqual(new Set(['alert-1', 'alert-2', 'alert-3']));
  });

  it('where something was known to be wrong with it', async () => {
    await start();
    engine.simulator.as('operator').patch(REGISTRY, { properties: { adminUserEnabled: true } });
    await engine.settle(MINUTE);
    expect(findingOf('acr-admin-user-disabled')).toMatchObject({ status: 'open' });
    engine.simulator.as('operator').delete(REGISTRY);
    await tell('alert-1');

    await engine.settle(DAY);

    expect(goneRows().map(({ causeId }) => causeId)).toEqual(['alert-1']);
    expect(findingOf('acr-admin-user-disabled')).toMatchObject({ status: 'closed', closedBecause: 'gone' });
  });
});

describe('an alert about a resource that cannot be read', () => {
  it('leads to a ticket and to no decision to fix what nobody sees', async () => {
    let isFirst = true;
    await start({
      wrapContext: (context) => ({
        ...context,
        breakers: {
          ...context.breakers,
          // Deciding takes so long that the resource is read once more before anything is changed.
          async admit(request) {
            const admission = await context.breakers.admit(request);
            if (isFirst) {
              isFirst = false;
              engine.clock.advance(6000);
              refuseReads();
            }
            return admission;
          },
        },
      }),
    });
    engine.simulator.as('operator').patch(REGISTRY, { properties: { adminUserEnabled: true } });
    await tell('alert-1');

    await engine.settle(60 * MINUTE);

    expect(engine.mutations()).toEqual([]);
    expect(findingOf('acr-credentials-not-compromised')).toMatchObject({
      verdict: 'unknown',
      decision: 'observe',
      reason: 'verdict-unknown',
    });
    expect(alertTickets()).toMatchObject([{ discriminator: 'alert-1', state: 'open' }]);
  });

  it('stays exempt, while nobody can see whether that holds', async () => {
    await start();
    const raw = engine.simulator.state.get(REGISTRY);
    if (raw === undefined) throw new Error('the sample has no such registry');
    const tags = { ...raw.tags, 'dockwarden-exempt-acr-alerts-closed': '2026-12-20;planned;CHG1' };
    engine.simulator.state.put({ ...raw, tags });
    await tell('alert-1');
    await engine.settle(MINUTE);
    expect(findingOf('acr-alerts-closed')).toMatchObject({ decision: 'exempt', reason: 'exempt-resource' });
    refuseReads();

    await tell('alert-2');
    await engine.settle(60 * MINUTE);

    expect(findingOf('acr-alerts-closed')).toMatchObject({ decision: 'exempt', reason: 'exempt-resource' });
    expect(alertTickets()).toEqual([]);
    expect(findingOf('acr-credentials-not-compromised')).toMatchObject({ verdict: 'unknown' });
  });
});

describe('an alert that no finding tells of', () => {
  const OFF = {
    POLICY_ACR_ALERTS_CLOSED: 'off',
    POLICY_ACR_CREDENTIALS_NOT_COMPROMISED: 'off',
    POLICY_ACR_ADMIN_USER_DISABLED: 'off',
    POLICY_ACR_SECOND_PASSWORD_FRESH: 'off',
    POLICY_ACR_IMAGE_VULNERABILITIES_RESOLVED: 'off',
  };

  it('because its policy was off has its ticket after the next sweep', async () => {
    await start({}, OFF);
    await tell('alert-1');
    await engine.settle(MINUTE);
    expect(alertTickets()).toEqual([]);
    await runHost(engine, { sweep: true });
    expect(looks()).toBe(1);

    engine.setEnvironment({ POLICY_ACR_ALERTS_CLOSED: 'on' });
    await runHost(engine, { sweep: true });

    expect(alertTickets()).toMatchObject([{ discriminator: 'alert-1', state: 'open' }]);
  });

  it('because the resource was not there has its ticket when it is there again', async () => {
    await start();
    const raw = engine.simulator.state.get(REGISTRY);
    if (raw === undefined) throw new Error('the sample has no such registry');
    engine.simulator.as('operator').delete(REGISTRY);
    await tell('alert-1');
    await engine.settle(DAY);
    expect(goneRows()).toHaveLength(1);
    expect(alertTickets()).toEqual([]);
    engine.simulator.state.put(raw);

    await runHost(engine, { sweep: true });

    expect(alertTickets()).toMatchObject([{ discriminator: 'alert-1', state: 'open' }]);
  });

  it('because the row of its resource was damaged, and deleted by somebody, has its ticket as well', async () => {
    await start();
    const hash = hashOf(parseResourceId(REGISTRY));
    const row = { partitionKey: hash.slice(0, 2), rowKey: hash };
    await engine.tables.work.insert(row, { pending: 'not JSON' });
    await expect(tell('alert-1')).rejects.toMatchObject({ code: 'INPUT_INVALID_ROW' });
    await engine.tables.work.removeAll(row.partitionKey, [row.rowKey]);

    await runHost(engine, { sweep: true });

    expect(alertTickets()).toMatchObject([{ discriminator: 'alert-1', state: 'open' }]);
  });

  it('any more, because it is too old, leads to no look', async () => {
    await start({}, OFF);
    await tell('alert-1');
    await engine.settle(MINUTE);
    engine.clock.advance(91 * DAY);
    engine.setEnvironment({ POLICY_ACR_ALERTS_CLOSED: 'on' });

    await runHost(engine, { sweep: true });

    expect(looks()).toBe(1);
  });
});
