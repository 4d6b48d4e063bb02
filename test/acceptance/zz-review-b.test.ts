import { afterEach, describe, expect, it } from 'vitest';
import { ulid } from 'ulid';
import { reconcile } from '../../src/engine/reconcile.ts';
import { sweepResources } from '../../src/engine/sweep.ts';
import { parseWorkMessage } from '../../src/events/work-message.ts';
import type { EngineContext } from '../../src/engine/ports.ts';
import { ENFORCING, type EngineHarness, startEngine } from '../support/engine-harness.ts';
import { ask, ALICE, DAY, HOUR, findingOf, seedOf, sweep, runsWith, answersOf } from './operator-requests.ts';
import { disableAdminUser, rotateSecondPassword, startScene } from './remediation-scenes.ts';
import { fleetSeed, fleetId, breakFleet, openDoors, workUntilDone, workTogether } from './registry-fleet.ts';

let engine: EngineHarness;
afterEach(async () => { await engine?.stop(); });
const ACR = disableAdminUser.resourceId;
const TAG = 'dockwarden-exempt-acr-admin-user-disabled';

function tagAt(port: 'breakers' | 'append') {
  let done = false;
  return (context: EngineContext): EngineContext => {
    const put = () => { if (!done) { done = true; engine.simulator.state.patch(ACR, { tags: { [TAG]: '2026-12-20;planned;CHG1' } }); } };
    return {
      ...context,
      breakers: { ...context.breakers, admit: async (r) => { put(); return await context.breakers.admit(r); } },
    };
  };
}
describe('H: tag in the last moment', () => {
  it('written between the read and the breaker', async () => {
    engine = await startScene(disableAdminUser, { seed: seedOf(disableAdminUser), wrapContext: tagAt('breakers') });
    disableAdminUser.violate(engine);
    await engine.settle();
    console.log('H', engine.simulator.state.get(ACR)?.tags, engine.simulator.state.get(ACR)?.properties?.['adminUserEnabled'], engine.mutations());
  });
});

describe('I: damaged cells', () => {
  it.each([['quarantinedUntil', 'soon'], ['undoneUntil', 'soon'], ['announcedAt', 'soon'], ['notBefore', 'soon'], ['exemptionInvalidSince', 'soon'], ['lastFixedAt', 'soon'], ['othersActedAt', 'soon'], ['backoffUntil', 'soon']])('%s=%s', async (column, value) => {
    engine = await startScene(disableAdminUser, { seed: seedOf(disableAdminUser) });
    engine.setEnvironment({ GRACE_ACR_DISABLE_ADMIN_USER: '1h' });
    disableAdminUser.violate(engine);
    await engine.settle(1000);
    const row = engine.tables.findings.rows[0];
    if (row === undefined) throw new Error('no row');
    await engine.tables.findings.replace(row, { ...row.columns, [column]: value }, row.etag);
    engine.clock.advance(2 * HOUR);
    engine.queue.splice(0);
    const before = engine.queue.length;
    await sweepResources(engine.context());
    const queued = engine.queue.length - before;
    let error: unknown;
    try { await engine.drain(); } catch (e) { error = e; }
    const f = (() => { try { return findingOf(engine, disableAdminUser); } catch (e) { return String(e).slice(0, 80); } })();
    console.log('I', column, 'queued', queued, 'error', error instanceof Error ? `${error.name} ${error.message}` : error, typeof f === 'object' ? `${f.status} ${f.decision} ${f.reason} ${f.notBefore}` : f, 'fixed', disableAdminUser.isFixed(engine));
  });
});

describe('J: one policy waits, the next is never judged', () => {
  it('breaker row of one remediation damaged', async () => {
    engine = await startEngine({ seed: seedOf(disableAdminUser) });
    await engine.tables.guards.insert({ partitionKey: 'breaker', rowKey: 'remediation:acr-disable-admin-user' }, { slots: 'x' });
    engine.setEnvironment({ ACR_PASSWORD_MAX_AGE_DAYS: '1' });
    engine.simulator.state.patch(ACR, { properties: { adminUserEnabled: true, creationDate: '2020-01-01T00:00:00Z' } });
    for (let i = 0; i < 72; i += 1) await sweep(engine);
    console.log('J', engine.findings().map((f) => `${f.policyId} ${f.status} ${f.decision} ${f.reason}`), engine.mutations(), engine.audit('decision').map(({ time, policyId, reason }) => `${time} ${policyId} ${reason}`));
  }, 60_000);
});

describe('K: bookings of resources that are gone', () => {
  it('keep their places', async () => {
    engine = await startScene(disableAdminUser, { seed: fleetSeed(60, 0) });
    engine.setEnvironment({ BREAKER_REMEDIATION_CAP: '5', BREAKER_SUBSCRIPTION_CAP: 'off', BREAKER_FLEET_SHARE: 'off' });
    breakFleet(engine, 50);
    await workTogether(engine);
    // the attacker puts 45 right again
    for (let i = 0; i < 50; i += 1) engine.simulator.as('operator').patch(fleetId(i), { properties: { adminUserEnabled: false } });
    await engine.settle(1000);
    breakFleet(engine, 1, 55);
    const start = engine.clock.now().getTime();
    await engine.settle(3 * HOUR);
    const fixed = engine.audit('outcome').find(({ resourceId }) => resourceId?.toLowerCase() === fleetId(55).toLowerCase());
    console.log('K minutes until the victim was fixed', fixed === undefined ? 'never' : (Date.parse(fixed.time) - start) / 60_000);
  }, 60_000);
});

describe('L: operator request while a wake-up is scheduled', () => {
  it('waits', async () => {
    engine = await startScene(disableAdminUser, { seed: seedOf(disableAdminUser) });
    disableAdminUser.violate(engine);
    await engine.settle();
    const run = runsWith(engine, 'fixed').at(-1) ?? '';
    engine.simulator.faults.add({ method: 'GET', path: /registries\/contosoacr(\?|$)/, caller: 'dockwarden', times: 1, effect: { kind: 'answer', status: 429, headers: { 'retry-after': '86400' }, body: { error: { code: 'TooManyRequests', message: 'x' } } } });
    engine.clock.advance(HOUR);
    engine.simulator.as('operator').patch(ACR, { tags: { a: 'b' } });
    await engine.settle(1000);
    const asked = engine.clock.now().getTime();
    await ask(engine, 'undo', { runId: run });
    await engine.settle(2 * DAY);
    const answer = answersOf(engine)[0];
    console.log('L', answer?.reason, answer && (Date.parse(answer.time) - asked) / HOUR, 'hours');
  });
});
