import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest';
import * as z from 'zod';
import { createWebhookSystem } from '../../src/tickets/webhook.ts';
import { type Death, MortalWorker } from './mortal-worker.ts';
import { createRigClock, type ScriptedServer, startScriptedServer } from './scripted-server.ts';
import { DAY, expectOrder, GRACE, HOUR, MINUTE, NODES, node, openDesk, type TicketDesk } from './ticket-desk.ts';
import type { Fault } from './ticket-rig.ts';

/** The parts of the suite that hold for receivers which cannot be asked: cases 3, 4, 9, 14, 15 and 17. */
describe('tickets delivered to a webhook', () => {
  const Event = z.object({ id: z.string(), type: z.string(), data: z.object({ state: z.string() }) });
  let server: ScriptedServer;
  let desk: TicketDesk;
  beforeEach(async () => {
    const clock = createRigClock();
    server = await startScriptedServer(() => ({ status: 204 }), inject('certificates'));
    const system = createWebhookSystem({
      url: `${server.url}/hook`,
      secret: 'canary-signing-secret-0123456789',
      now: () => clock.now(),
    });
    desk = openDesk({ clock, system });
  });
  afterEach(async () => {
    await server.stop();
    expectWebhookOrder();
  });

  function expectWebhookOrder(): void {
    expectOrder(desk);
    // Whoever was told of something had it on record before.
    const opened = desk.audit().flatMap(({ reason, ticketKey: key }) => (reason === 'ticket-opened' ? [key] : []));
    for (const { id } of events()) expect(opened).toContain(id.split(':')[0]);
  }

  /** What arrived, whatever was answered. */
  const events = () => server.requests.map(({ body }) => Event.parse(JSON.parse(body)));
  const told = (): readonly string[] =>
    events().map(({ id, type }) => `${type.split('.')[2]} ${id.slice(id.indexOf(':') + 1)}`);
  const fault = (effect: Fault['effect'], times = 1): void => server.fault({ times, effect });

  test('3: twenty deliveries at the same time tell once', async () => {
    await desk.seeTwice(NODES);
    await Promise.all(Array.from({ length: 20 }, async () => await desk.deliver()));
    await desk.run(HOUR);

    expect(events()).toMatchObject([{ id: `${desk.keyOf()}:1:1`, type: 'dockwarden.ticket.opened.v1' }]);
    expect(desk.ticket()).toMatchObject({
      remoteSystem: expect.stringMatching(/^webhook:127\.0\.0\.1:\d+#[0-9a-f]{8}$/),
      appliedSequence: 1,
      attempts: 0,
    });
  });

  test.each<Death>(['before', 'after'])('4: a worker that dies at any call, %s it: told, by one id', async (death) => {
    let done: MortalWorker | undefined;
    for (let last = 1; done?.isDead !== false; last += 1) {
      const pool = `pool${last}`;
      await desk.seeTwice(NODES, pool);
      const worker = new MortalWorker(last, death);
      desk.wrap = worker.wrap;
      await desk.deliver(pool).catch(() => undefined);
      desk.wrap = (context) => context;
      await desk.run(HOUR);

      const own = events().filter(({ id }) => id.startsWith(desk.keyOf(pool)));
      expect(own.length).toBeGreaterThan(0);
      expect(own.length).toBeLessThan(3);
      expect(new Set(own.map(({ id }) => id)).size).toBe(1);
      done = worker;
    }
    expect(done?.calls).toContain('ticketSystem.notify');
  });

  test.each<readonly [string, Fault['effect']]>([
    ['503', { kind: 'answer', answer: { status: 503 } }],
    ['a reset before it was taken', { kind: 'reset', acts: false }],
    ['a reset after it was taken', { kind: 'reset', acts: true }],
  ])('4: %s: one request for each try, with the same id, and none in between', async (_, effect) => {
    fault(effect, 2);
    await desk.seeTwice(NODES);
    for (const [tries, wait] of [MINUTE, 5 * MINUTE].entries()) {
      await desk.run();
      expect(events()).toHaveLength(tries + 1);
      await desk.run(wait - 1);
      await desk.deliver();
      expect(events()).toHaveLength(tries + 1);
      desk.clock.advance(1);
    }
    await desk.run();

    expect(told()).toEqual(['opened 1:1', 'opened 1:1', 'opened 1:1']);
    expect(desk.ticket().lastError).toBeUndefined();
  });

  test('4: what is over after a notice whose answer was lost is told, too', async () => {
    fault({ kind: 'reset', acts: true });
    await desk.seeTwice(NODES);
    await desk.run();
    desk.queue.length = 0;
    await desk.seeTwice('clean');
    await desk.run(HOUR);

    expect(told()).toEqual(['opened 1:1', 'resolved 1:2']);
  });

  test('9: a receiver that asks us to wait is not told before', async () => {
    fault({ kind: 'answer', answer: { status: 429, headers: { 'retry-after': '900' } } });
    await desk.seeTwice(NODES);
    await desk.run(15 * MINUTE - 1);
    expect(events()).toHaveLength(1);
    await desk.run(1);

    expect(told()).toEqual(['opened 1:1', 'opened 1:1']);
  });

  test('a receiver that is gone for a week is shown as failed; when it is back, all is as before', async () => {
    fault({ kind: 'answer', answer: { status: 410 } }, 34);
    await desk.seeTwice(NODES);
    await desk.run(7 * DAY + 6 * HOUR);
    expect(desk.ticket()).toMatchObject({ remoteState: 'failed', lastError: expect.stringContaining('410') });
    expect(desk.story().filter((reason) => reason === 'ticket-failed')).toHaveLength(1);
    await desk.run(2 * DAY);

    expect(desk.ticket().remoteState).toBeUndefined();
    expect(desk.ticket()).toMatchObject({ attempts: 0, appliedSequence: 1 });
  });

  test('14: the 61st notice of an hour waits for the next one', async () => {
    // Begin a new hour after the first looks.
    desk.clock.advance(HOUR - GRACE - (desk.clock.now().getTime() % HOUR));
    const pools = Array.from({ length: 61 }, (_, index) => `pool${index}`);
    for (const pool of pools) await desk.see(NODES, { pool });
    desk.clock.advance(GRACE);
    for (const pool of pools) await desk.see(NODES, { pool });
    await desk.run(HOUR - 1);
    expect(events()).toHaveLength(60);
    await desk.run(10 * MINUTE);

    expect(new Set(events().map(({ id }) => id)).size).toBe(61);
  });

  test.each([
    { DOCKWARDEN_MODE: 'off' },
    { DOCKWARDEN_MODE: 'observe' },
    { REMEDIATE_AKS_TRACK_NODE_REBOOTS: 'observe' },
  ])('15: %j: nobody is told', async (environment) => {
    desk.setEnvironment(environment);
    await desk.seeTwice(NODES);
    await desk.deliver();
    await desk.sweep();

    expect(events()).toEqual([]);
    expect(desk.ticket().state).toBe('open');
  });

  const open = async (): Promise<void> => {
    await desk.seeTwice(NODES);
    await desk.run();
  };

  describe('17: the life of a ticket', () => {
    test('pending, unchanged and unclear are no news', async () => {
      await desk.see(NODES);
      await desk.run(GRACE);
      expect(events()).toEqual([]);
      await desk.see(NODES);
      await desk.run();
      for (const look of [NODES, 'unclear', NODES, 'clean', 'unclear'] as const) await desk.see(look);
      await desk.run(HOUR);

      expect(told()).toEqual(['opened 1:1']);
    });

    test('changed, resolved, back again, and back much later', async () => {
      await open();
      await desk.see([...NODES, node('aks-apps-2')]);
      await desk.run();
      await desk.seeTwice('clean');
      await desk.run();
      desk.clock.advance(13 * DAY);
      await open();
      await desk.seeTwice('clean');
      await desk.run();
      desk.clock.advance(15 * DAY);
      await open();

      expect(told()).toEqual([
        'opened 1:1',
        'updated 1:2',
        'resolved 1:3',
        'reopened 1:4',
        'resolved 1:5',
        'opened 2:6',
      ]);
      expect(events().map(({ data: { state } }) => state)).toEqual([
        'open',
        'open',
        'resolved',
        'open',
        'resolved',
        'open',
      ]);
    });

    test.each(['gone', 'exempt'] as const)('%s: resolved', async (look) => {
      await open();
      await desk.see(look);
      desk.clock.advance(GRACE);
      if (look === 'exempt') await desk.see(look);
      await desk.run();

      expect(told()).toEqual(['opened 1:1', 'resolved 1:2']);
    });

    test('what was over before the receiver was configured is no news; what is open is told as opened', async () => {
      const { system } = desk;
      desk.system = undefined;
      await desk.seeTwice(NODES, 'over');
      await desk.seeTwice('clean', 'over');
      await desk.seeTwice(NODES);
      await desk.see([...NODES, node('aks-apps-2')]);
      desk.system = system;
      await desk.sweep();

      expect(told()).toEqual(['opened 1:2']);
      const { appliedSequence, sequence } = desk.ticket('over');
      expect(appliedSequence).toBe(sequence);
    });
  });
});
