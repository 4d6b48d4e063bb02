import { afterEach, describe, expect, it } from 'vitest';
import { acceptEvents } from '../../src/engine/accept.ts';
import { reconcile } from '../../src/engine/reconcile.ts';
import { sweepResources } from '../../src/engine/sweep.ts';
import { parseWorkMessage } from '../../src/events/work-message.ts';
import { policies } from '../../src/policy/catalogue.ts';
import { remediations } from '../../src/remediations/catalogue.ts';
import { parseSettings } from '../../src/settings/settings.ts';
import { newWorkItem, withCause } from '../../src/work/work-items.ts';
import { ENFORCING, type EngineHarness, startEngine } from '../support/engine-harness.ts';
import { ALICE, answersOf, ask, DAY, findingOf, HOUR, runsWith, seedOf, sweep } from './operator-requests.ts';
import { breakFleet, fleetId, fleetSeed, openDoors, workUntilDone } from './registry-fleet.ts';
import { disableAdminUser, rotateSecondPassword, startScene } from './remediation-scenes.ts';

let engine: EngineHarness;
afterEach(async () => {
  await engine?.stop();
});
const ACR = disableAdminUser.resourceId;
const ADMIN_ON = { properties: { adminUserEnabled: true } };
const TAG = 'dockwarden-exempt-acr-admin-user-disabled';
function refuse(times: number) {
  engine.simulator.faults.add({
    method: 'POST',
    path: /regenerateCredential/,
    caller: 'dockwarden',
    times,
    effect: { kind: 'answer', status: 400, body: { error: { code: 'BadRequest', message: 'refused' } } },
  });
}
function show(label: string) {
  const f = findingOf(engine, disableAdminUser);
  console.log(
    label,
    JSON.stringify({
      now: engine.clock.now().toISOString(),
      status: f?.status,
      decision: f?.decision,
      reason: f?.reason,
      notBefore: f?.notBefore,
      failedAt: f?.failedAt,
      because: f?.because,
    }),
  );
}

describe('A: moment of another decision becomes the back-off', () => {
  it('exempt 60 days after one failure, tag removed unseen', async () => {
    engine = await startScene(disableAdminUser, { seed: seedOf(disableAdminUser) });
    refuse(1);
    disableAdminUser.violate(engine);
    await engine.settle(1000);
    show('failed');
    engine.simulator.state.patch(ACR, { tags: { [TAG]: '2027-01-22;planned;CHG1' } });
    await sweep(engine);
    await sweep(engine);
    show('exempt');
    engine.simulator.state.patch(ACR, { tags: { env: 'x' } });
    for (let i = 0; i < 72; i += 1) await sweep(engine);
    show('3 days of sweeps after the tag is gone');
    expect(engine.simulator.state.get(ACR)?.properties?.['adminUserEnabled']).toBe(true);
  });
  it('window removed after one failure', async () => {
    engine = await startScene(disableAdminUser, { seed: seedOf(disableAdminUser) });
    refuse(1);
    disableAdminUser.violate(engine);
    await engine.settle(1000);
    engine.setEnvironment({ FREEZE_DATES: '2026-11-01/2027-01-31' });
    await sweep(engine);
    await sweep(engine);
    show('frozen');
    engine.setEnvironment({ FREEZE_DATES: undefined });
    for (let i = 0; i < 72; i += 1) await sweep(engine);
    show('3 days after the freeze was lifted');
  });
});

describe('B: forged work message', () => {
  it('undoes without a request on record, in a name of its choice', async () => {
    engine = await startScene(disableAdminUser, { seed: seedOf(disableAdminUser) });
    disableAdminUser.violate(engine);
    await engine.settle();
    const run = runsWith(engine, 'fixed').at(-1) ?? '';
    engine.clock.advance(60_000);
    const message = {
      version: 1,
      resourceId: ACR,
      cause: {
        kind: 'operator',
        id: 'forged',
        time: engine.clock.now().toISOString(),
        actor: { id: ALICE.id, type: 'User' },
        request: { action: 'undo', runId: run },
      },
    };
    await reconcile(engine.context(), parseWorkMessage(JSON.stringify(message)), 'w');
    await engine.settle();
    console.log(
      'B',
      engine.simulator.state.get(ACR)?.properties?.['adminUserEnabled'],
      'operator rows',
      engine.audit('operator').length,
      engine.audit('outcome').map(({ outcome, approvedBy }) => `${outcome} ${approvedBy}`),
    );
  });
});

describe('C: misspelt', () => {
  it.each([
    ['DOCKWARDEN_MOD', 'observe'],
    ['dockwarden_mode', 'observe'],
    ['DOCKWARDEN_MODES', 'off'],
    ['UNDO_EXEMPTON', '90d'],
    ['FREEZES_DATES', '2026-01-01/2027-01-01'],
    ['REMEDIATION_ACR_DISABLE_ADMIN_USER_SCOPE', 'x=y'],
    ['ACR_ROTATION_GRACES', '9d'],
  ])('%s=%s', (name, value) => {
    const s = parseSettings(
      { ...ENFORCING, DOCKWARDEN_CLIENT_ID: '11111111-2222-3333-4444-555555555555', [name]: value },
      { policies, remediations },
    );
    console.log(
      'C',
      name,
      s.modeOf('acr-disable-admin-user'),
      s.findings.map(({ message }) => message),
    );
  });
});

describe('D: pending', () => {
  it('drops a request', () => {
    let item = newWorkItem(ACR);
    const t = '2026-11-23T10:00:00.000Z';
    item =
      withCause(item, {
        kind: 'operator',
        id: 'req',
        time: t,
        queuedAt: t,
        request: { action: 'undo', runId: '0'.repeat(26) },
      }) ?? item;
    for (let i = 0; i < 16; i += 1)
      item =
        withCause(item, {
          kind: 'event',
          id: `e${i}`,
          time: t,
          queuedAt: t,
          operation: 'Microsoft.ContainerRegistry/registries/regenerateCredential/action',
        }) ?? item;
    console.log(
      'D',
      item.pending.some(({ id }) => id === 'req'),
    );
  });
  it('end to end: undo while the resource is busy', async () => {
    engine = await startScene(disableAdminUser, { seed: seedOf(disableAdminUser) });
    disableAdminUser.violate(engine);
    await engine.settle();
    const run = runsWith(engine, 'fixed').at(-1) ?? '';
    engine.simulator.state.patch(ACR, { properties: { provisioningState: 'Updating' } });
    console.log('D2', await ask(engine, 'undo', { runId: run }));
    await engine.drain();
    for (let i = 0; i < 17; i += 1)
      await acceptEvents(engine.context(), {
        id: `ev-${i}`,
        topic: '/subscriptions/x',
        subject: ACR,
        eventType: 'Microsoft.Resources.ResourceActionSuccess',
        eventTime: engine.clock.now().toISOString(),
        data: { resourceUri: ACR, operationName: 'Microsoft.ContainerRegistry/registries/regenerateCredential/action' },
      });
    engine.simulator.state.patch(ACR, { properties: { provisioningState: 'Succeeded' } });
    await engine.settle();
    for (let i = 0; i < 3; i += 1) await sweep(engine);
    console.log(
      'D2 answers',
      answersOf(engine).length,
      'asked',
      engine.audit('operator').map(({ reason }) => reason),
    );
  });
});

describe('E: event from the future', () => {
  it('keeps the rotation away for ever', async () => {
    engine = await startScene(rotateSecondPassword, { seed: seedOf(rotateSecondPassword) });
    await acceptEvents(engine.context(), {
      id: 'future',
      topic: '/subscriptions/x',
      subject: ACR,
      eventType: 'Microsoft.Resources.ResourceActionSuccess',
      eventTime: '2099-01-01T00:00:00Z',
      data: { resourceUri: ACR, operationName: 'Microsoft.ContainerRegistry/registries/regenerateCredential/action' },
    });
    rotateSecondPassword.violate(engine);
    await engine.settle();
    for (let i = 0; i < 48; i += 1) await sweep(engine);
    const f = findingOf(engine, rotateSecondPassword);
    console.log('E', f?.decision, f?.reason, f?.notBefore, f?.othersActedAt, engine.mutations().length);
  });
});

describe('F: ageing counts as a reversal', () => {
  it('quarantines a rotation', async () => {
    engine = await startScene(rotateSecondPassword, { seed: seedOf(rotateSecondPassword) });
    engine.setEnvironment({ WAR_WINDOW: '30d', ACR_PASSWORD_MAX_AGE_DAYS: '7' });
    rotateSecondPassword.violate(engine);
    await engine.settle();
    for (let i = 0; i < 24 * 30; i += 1) await sweep(engine);
    const f = findingOf(engine, rotateSecondPassword);
    console.log(
      'F',
      engine.audit('outcome').length,
      f?.decision,
      f?.reason,
      f?.because,
      f?.quarantines,
      engine
        .audit('decision')
        .map(({ time, reason }) => `${time} ${reason}`)
        .slice(0, 8),
    );
  }, 120_000);
});

describe('G: locks of one team stop all', () => {
  it('opens the breaker', async () => {
    engine = await startScene(disableAdminUser, { seed: fleetSeed(30, 0) });
    engine.simulator.faults.add({
      method: 'POST',
      path: /fleet0000\d\/regenerateCredential/,
      caller: 'dockwarden',
      times: 1000,
      effect: { kind: 'answer', status: 409, body: { error: { code: 'ScopeLocked', message: 'locked' } } },
    });
    breakFleet(engine, 10);
    await engine.settle(1000);
    breakFleet(engine, 5, 20);
    await engine.settle();
    console.log(
      'G',
      openDoors(engine),
      engine
        .audit('outcome')
        .map(({ outcome }) => outcome)
        .join(),
      engine
        .audit('decision')
        .map(({ reason }) => reason)
        .join(),
      engine.audit('notice').map(({ error }) => error),
    );
  });
});
