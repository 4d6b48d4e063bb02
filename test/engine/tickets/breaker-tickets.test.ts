import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AZURE_CLI_CLIENT_ID } from '../../../local/azure/identities.ts';
import type { EngineContext } from '../../../src/engine/ports.ts';
import { sweepResources } from '../../../src/engine/sweep.ts';
import { openBreakerTicket, reviewBreakerTickets } from '../../../src/engine/tickets/breaker-tickets.ts';
import { DockwardenError } from '../../../src/errors.ts';
import { tieClocks } from '../../acceptance/node-scene.ts';
import { seedOf } from '../../acceptance/operator-requests.ts';
import { breakFleet, fleetSeed, openDoors, workTogether, workUntilDone } from '../../acceptance/registry-fleet.ts';
import { disableAdminUser, startScene } from '../../acceptance/remediation-scenes.ts';
import type { EngineHarness, EngineHarnessOptions } from '../../support/engine-harness.ts';
import { runHost } from '../../support/host-delivery.ts';
import { createRedmineRig, type RedmineRig } from '../../tickets/redmine-rig.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const GUARD = `remediation/${disableAdminUser.remediationId}`;
const ADMIN_ON = { properties: { adminUserEnabled: true } };

let engine: EngineHarness;
let rig: RedmineRig;
beforeEach(async () => {
  rig = await createRedmineRig();
});
afterEach(async () => {
  await Promise.all([engine.stop(), rig.stop()]);
});

async function start(options: EngineHarnessOptions): Promise<void> {
  engine = await startScene(disableAdminUser, { ticketSystem: rig.system, ...options });
  tieClocks(engine, rig);
  // Its share of the estate would be the smaller limit as soon as a sweep has counted it.
  engine.setEnvironment({ BREAKER_FLEET_SHARE: 'off' });
}

/** The sweep an hour later, with what it means for tickets. */
async function sweep(after = HOUR): Promise<void> {
  engine.clock.advance(after);
  await sweepResources(engine.context());
  await engine.deliverTickets();
}

const reasons = (): readonly (string | undefined)[] =>
  engine
    .audit('ticket')
    .toSorted((one, other) => one.time.localeCompare(other.time))
    .map(({ reason }) => reason);
const states = (): readonly string[] => rig.server.tickets().map(({ state }) => state);

describe('R25: a breaker that has tripped because of its cap', () => {
  it('gets one ticket, whoever of four workers meets it, and that closes when all have had their turn', async () => {
    await start({ seed: fleetSeed(40, 0) });
    breakFleet(engine, 40);
    await workTogether(engine);
    await engine.deliverTickets();

    expect(openDoors(engine)).toBe(20);
    expect(engine.tickets()).toMatchObject([
      { policyId: 'dockwarden-breaker', resourceId: GUARD, discriminator: 'cap', severity: 'low', state: 'open' },
    ]);
    const [ticket] = rig.server.tickets();
    expect(states()).toEqual(['open']);
    expect(ticket?.body).toContain('Find out who changed so many resources at once');

    await sweep(MINUTE);
    expect(states()).toEqual(['open']);
    await workUntilDone(engine, HOUR);
    expect(openDoors(engine)).toBe(0);
    await sweep();

    expect(states()).toEqual(['closed']);
    expect(rig.server.tickets()[0]?.comments.join()).toContain('The breaker lets changes pass again.');
    expect(engine.tickets()).toMatchObject([{ state: 'resolved', resolution: 'breaker-closed' }]);
  });
});

describe('R25: a breaker that has tripped because fixes fail', () => {
  const PATCH = { method: 'PATCH', path: /\/registries\/\w+(\?|$)/, caller: 'dockwarden' };

  /** Enough fixes fail for the breaker to open. */
  async function trip(from = 0): Promise<void> {
    const body = { error: { code: 'AuthorizationFailed', message: 'refused' } };
    const refusal = engine.simulator.faults.add({
      ...PATCH,
      times: Infinity,
      effect: { kind: 'answer', status: 403, body },
    });
    breakFleet(engine, 30, from);
    await workTogether(engine);
    refusal.remove();
    await engine.deliverTickets();
  }

  it('gets one ticket that says what to do, stays while it is open, and closes after the reset; tripped again, it reopens', async () => {
    await start({ seed: fleetSeed(60, 0) });
    await trip();
    const open = engine.tickets().find(({ resourceId }) => resourceId === GUARD);
    expect(open).toMatchObject({ resourceId: GUARD, severity: 'high', state: 'open', reason: 'breaker-open' });
    const remote = () => rig.server.tickets().find(({ id }) => id === open?.remoteId);
    expect(remote()?.body).toContain(`dockwarden breaker reset '${GUARD}'`);
    await sweep();
    await sweep();
    expect(remote()?.state).toBe('open');

    // Both guards have seen the failures.
    for (const { resourceId } of engine.tickets()) expect(await engine.context().breakers.reset(resourceId)).toBe(true);
    await sweep();
    expect(remote()?.state).toBe('closed');
    expect(states()).toEqual(['closed', 'closed']);
    expect(reasons()).toContain('ticket-closed');

    await trip(30);
    const again = engine.tickets().find(({ resourceId }) => resourceId === GUARD);
    expect(again).toMatchObject({ remoteId: open?.remoteId, state: 'open' });
    expect(remote()?.state).toBe('open');
  });

  it('says nothing while a row of a breaker is damaged: no ticket closes by that', async () => {
    await start({ seed: fleetSeed(60, 0) });
    await trip();
    await engine.context().breakers.reset(GUARD);
    await engine.tables.guards.insert({ partitionKey: 'breaker', rowKey: 'remediation:damaged' }, { slots: '{' });
    await sweep();

    expect(engine.tickets().find(({ resourceId }) => resourceId === GUARD)?.state).toBe('open');
  });
});

/** The table of tickets does not answer, or holds something else, while it is so. */
function breaking(failure: () => DockwardenError | undefined): (context: EngineContext) => EngineContext {
  return (context) => ({
    ...context,
    tickets: {
      ...context.tickets,
      async get(key) {
        const error = failure();
        if (error !== undefined) throw error;
        return await context.tickets.get(key);
      },
    },
  });
}

describe('a ticket of a breaker', () => {
  const since = '2026-11-23T10:00:00.000Z';

  it.each(['STORAGE_UNAVAILABLE', 'INPUT_INVALID_ROW'] as const)(
    'that cannot be stored (%s) keeps no fix up; the sweep makes up for it',
    async (code) => {
      let failure: DockwardenError | undefined = new DockwardenError(code, 'no');
      await start({ seed: fleetSeed(40, 0), wrapContext: breaking(() => failure) });
      breakFleet(engine, 40);
      await workTogether(engine);
      expect(openDoors(engine)).toBe(20);
      expect(engine.tickets()).toEqual([]);

      failure = undefined;
      await sweep(MINUTE);
      expect(engine.tickets()).toMatchObject([{ resourceId: GUARD, state: 'open' }]);
      expect(states()).toEqual(['open']);
    },
  );

  it('that meets a defect shows it', async () => {
    await start({
      seed: fleetSeed(1, 0),
      wrapContext: breaking(() => new DockwardenError('INTERNAL_INVARIANT', 'a defect')),
    });

    await expect(openBreakerTicket(engine.context(), { guard: GUARD, kind: 'cap', since })).rejects.toThrow('a defect');
  });

  it('that is over is left alone, and one that somebody has set back to pending is dropped', async () => {
    await start({ seed: fleetSeed(1, 0) });
    await openBreakerTicket(engine.context(), { guard: GUARD, kind: 'cap', since });
    await reviewBreakerTickets(engine.context(), engine.tickets());
    expect(engine.tickets()).toMatchObject([{ state: 'resolved' }]);
    const before = engine.tickets();
    await reviewBreakerTickets(engine.context(), before);
    expect(engine.tickets()).toEqual(before);

    const { tickets } = engine.context();
    const stored = await tickets.get(before[0]?.key ?? '');
    if (stored === undefined) throw new Error('there is no row');
    await tickets.replace({ ...stored.ticket, state: 'pending' }, stored.etag);
    await reviewBreakerTickets(engine.context(), engine.tickets());
    expect(engine.tickets()).toEqual([]);
  });

  it('that somebody else writes at the same moment is theirs', async () => {
    await start({
      seed: fleetSeed(1, 0),
      wrapContext: (context) => ({
        ...context,
        tickets: { ...context.tickets, insert: async () => await Promise.resolve(undefined) },
      }),
    });
    await openBreakerTicket(engine.context(), { guard: GUARD, kind: 'cap', since });

    expect(engine.tickets()).toEqual([]);
    expect(engine.ticketQueue).toEqual([]);
  });

  it('of a subscription goes by the mode of all', async () => {
    await start({ seed: fleetSeed(1, 0) });
    engine.setEnvironment({ REMEDIATE_ACR_DISABLE_ADMIN_USER: 'observe' });
    const guard = 'subscription/00000000-0000-4000-8000-000000000001';
    await openBreakerTicket(engine.context(), { guard, kind: 'failure-rate', since });
    await openBreakerTicket(engine.context(), { guard: GUARD, kind: 'failure-rate', since });
    await engine.deliverTickets();

    expect(rig.server.tickets().map(({ title }) => title)).toEqual([expect.stringContaining('subscription')]);
  });
});

describe('R28: a fix that keeps being reversed', () => {
  it('gets one ticket that names the principal, its client application, a correlation id and the property', async () => {
    await start({ seed: seedOf(disableAdminUser) });
    for (let time = 0; time < 10; time += 1) {
      engine.clock.advance(MINUTE);
      engine.simulator.as('operator').patch(disableAdminUser.resourceId, ADMIN_ON);
      await runHost(engine, { untilMs: 1000 });
    }
    await runHost(engine, { untilMs: 20 * MINUTE });
    await engine.deliverTickets();

    const { objectId } = engine.simulator.identity('operator');
    expect(engine.tickets()).toMatchObject([
      { policyId: disableAdminUser.policyId, state: 'open', reason: 'war-with-writer', actor: objectId },
    ]);
    const [ticket, ...others] = rig.server.tickets();
    expect(others).toEqual([]);
    const text = `${ticket?.title} ${ticket?.body}`.replaceAll(/&#(\d+);/g, (_, code: string) =>
      String.fromCodePoint(Number(code)),
    );
    const decision = engine.audit('decision').find((row) => row.decision === 'quarantine');
    expect(decision?.correlationId).toMatch(/^[0-9a-f-]{36}$/);
    for (const part of [
      'the fix keeps being reversed',
      objectId,
      AZURE_CLI_CLIENT_ID,
      decision?.correlationId,
      '/properties/adminUserEnabled',
    ])
      expect(text).toContain(part);
    expect(reasons()).toEqual(['ticket-pending', 'ticket-opened', 'ticket-created']);
  });
});
