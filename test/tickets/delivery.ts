import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { DockwardenError } from '../../src/errors.ts';
import { TicketError, type TrackingSystem } from '../../src/tickets/ticket-system.ts';
import { type Death, MortalWorker, pausing } from './mortal-worker.ts';
import { DAY, expectOrder, GRACE, HOUR, LEASE, MINUTE, NODES, node, openDesk, type TicketDesk } from './ticket-desk.ts';
import type { Fault, RequestPattern, ServerAnswer, StoredTicket, TicketRig } from './ticket-rig.ts';

/** A search that does not show a ticket before so many milliseconds have passed since it was made. */
function forgetful(system: TrackingSystem, rig: TicketRig, milliseconds: number): TrackingSystem {
  const madeAt: number[] = [];
  return {
    ...system,
    async create(...args) {
      madeAt.push(rig.clock.now().getTime());
      return await system.create(...args);
    },
    async findByKey(...args) {
      const now = rig.clock.now().getTime();
      return madeAt.some((at) => now < at + milliseconds) ? [] : await system.findByKey(...args);
    },
  };
}

function slowDown(after: string): ServerAnswer {
  return { status: 429, headers: { 'retry-after': after }, body: {} };
}

/**
 * What the claim and the outbox add to an adapter (facts: tickets §3, §4, §5 and §9): one ticket for each key whatever goes wrong, and every row of
 * the life-cycle, on the system itself.
 */
export function describeDelivery(name: string, createRig: () => Promise<TicketRig>): void {
  describe(`tickets delivered to ${name}`, () => {
    let rig: TicketRig;
    let desk: TicketDesk;
    beforeEach(async () => {
      rig = await createRig();
      desk = openDesk({ clock: rig.clock, system: rig.system });
    });
    afterEach(async () => {
      await rig.stop();
      expectOrder(desk);
      for (const { key } of desk.tickets()) {
        expect(stored(key).filter(({ state }) => state === 'open').length, `open ones of ${key}`).toBeLessThan(2);
      }
    });

    const sent = ({ method, path }: RequestPattern): number =>
      rig.server.requests.filter((request) => request.method === method && path.test(request.path)).length;
    const creates = (): number => sent(rig.patterns.create);
    const stored = (key = desk.keyOf()): readonly StoredTicket[] =>
      rig.server.tickets().filter(({ labels }) => labels.includes(key));
    /** The only one of the pool; throws when there are none or several. */
    const only = (pool?: string): StoredTicket => {
      const [first, ...others] = stored(desk.keyOf(pool));
      if (first === undefined || others.length > 0) throw new Error(`${others.length + 1} tickets, or none`);
      return first;
    };
    const fault = (effect: Fault['effect'], pattern = rig.patterns.create, times = 1): void =>
      rig.server.fault({ ...pattern, times, effect });
    /** How many requests the system got meanwhile. */
    const requestsOf = async (work: () => Promise<void>): Promise<number> => {
      const before = rig.server.requests.length;
      await work();
      return rig.server.requests.length - before;
    };
    /** An open ticket that the system has, too. */
    const open = async (pool?: string): Promise<StoredTicket> => {
      await desk.seeTwice(NODES, pool);
      await desk.run();
      return only(pool);
    };
    /** A sweep after so long, with a look that sees the same as before. */
    const later = async (milliseconds: number, seen = NODES): Promise<void> => {
      rig.clock.advance(milliseconds);
      await desk.see(seen);
      await desk.sweep();
    };

    describe('3: several workers', () => {
      test('twenty at the same time make one ticket', async () => {
        await desk.seeTwice(NODES);
        await Promise.all(Array.from({ length: 20 }, async () => await desk.deliver()));
        await desk.run(HOUR);

        expect(creates()).toBe(1);
        expect(only()).toMatchObject({ state: 'open', comments: [] });
        expect(desk.story()).toEqual(['ticket-pending', 'ticket-opened', 'ticket-created']);
        expect(desk.ticket()).toMatchObject({ remoteId: only().id, remoteState: 'open', attempts: 0 });
      });

      test('twenty at the same time make a change known once', async () => {
        await open();
        await desk.see([...NODES, node('aks-apps-2')]);
        await Promise.all(Array.from({ length: 20 }, async () => await desk.deliver()));
        await desk.run(HOUR);

        expect(only().comments).toHaveLength(1);
        expect(only().body).toContain('apps');
      });

      test('one that was paused in its search for longer than its lease creates nothing', async () => {
        await desk.seeTwice(NODES);
        const { system, reached, resume } = pausing(rig.system, 'findByKey', 'after');
        desk.system = system;
        const first = desk.deliver();
        await reached;
        desk.system = rig.system;
        rig.clock.advance(LEASE);
        await desk.deliver();
        resume();
        await first;

        expect(creates()).toBe(1);
        expect(only().state).toBe('open');
      });

      test('one that takes over because its clock is far ahead makes no second ticket', async () => {
        await desk.seeTwice(NODES);
        const { system, reached, resume } = pausing(rig.system, 'findByKey', 'after');
        desk.system = system;
        const first = desk.deliver();
        await reached;
        desk.system = rig.system;
        const ahead = { now: () => new Date(rig.clock.now().getTime() + 10 * MINUTE) };
        desk.wrap = (context) => ({ ...context, clock: ahead });
        await desk.deliver();
        desk.wrap = (context) => context;
        resume();
        await first;

        expect(creates()).toBe(1);
      });

      test('one that was paused after its create finds that another has adopted the ticket', async () => {
        await desk.seeTwice(NODES);
        const { system, reached, resume } = pausing(rig.system, 'create', 'after');
        desk.system = system;
        const first = desk.deliver();
        await reached;
        desk.system = rig.system;
        rig.clock.advance(LEASE + rig.system.settleMs);
        await desk.deliver();
        resume();
        await first;

        expect(creates()).toBe(1);
        expect(desk.story()).toContain('ticket-adopted');
        expect(desk.story()).not.toContain('ticket-duplicate-closed');
      });

      test('one that was paused after its create closes its ticket when the search has hidden it from another', async () => {
        await desk.seeTwice(NODES);
        const { system, reached, resume } = pausing(rig.system, 'create', 'after');
        desk.system = system;
        const first = desk.deliver();
        await reached;
        desk.system = { ...rig.system, findByKey: async () => await Promise.resolve([]) };
        rig.clock.advance(LEASE + rig.system.settleMs);
        await desk.deliver();
        resume();
        await first;

        expect(creates()).toBe(2);
        const [older, younger] = stored();
        expect(older).toMatchObject({ state: 'closed' });
        expect(older?.comments.join()).toMatch(/Duplicate of/);
        expect(younger).toMatchObject({ state: 'open', id: desk.ticket().remoteId });
        expect(desk.story().filter((reason) => reason === 'ticket-duplicate-closed')).toHaveLength(1);
      });

      test('one that was paused after its create makes it known in time to another that has seen nothing yet', async () => {
        await desk.seeTwice(NODES);
        const creator = pausing(rig.system, 'create', 'after');
        desk.system = creator.system;
        const first = desk.deliver();
        await creator.reached;
        const seeker = pausing(
          { ...rig.system, findByKey: async () => await Promise.resolve([]) },
          'findByKey',
          'after',
        );
        desk.system = seeker.system;
        rig.clock.advance(LEASE + rig.system.settleMs);
        const second = desk.deliver();
        await seeker.reached;
        creator.resume();
        await first;
        seeker.resume();
        await second;
        rig.clock.advance(LEASE);
        desk.system = rig.system;
        await desk.sweep();

        expect(creates()).toBe(1);
        expect(only()).toMatchObject({ id: desk.ticket().remoteId, state: 'open' });
      });

      test('of two that both have created, the ticket of the second is closed', async () => {
        await desk.seeTwice(NODES);
        const blind = { ...rig.system, findByKey: async () => await Promise.resolve([]) };
        const one = pausing(blind, 'create', 'after');
        desk.system = one.system;
        const first = desk.deliver();
        await one.reached;
        const other = pausing(blind, 'create', 'after');
        desk.system = other.system;
        rig.clock.advance(LEASE + rig.system.settleMs);
        const second = desk.deliver();
        await other.reached;
        one.resume();
        await first;
        other.resume();
        await second;
        rig.clock.advance(LEASE + rig.system.settleMs);
        desk.system = rig.system;
        await desk.sweep();

        expect(creates()).toBe(2);
        expect(stored().map(({ state }) => state)).toEqual(['open', 'closed']);
        expect(desk.ticket().remoteId).toBe(stored()[0]?.id);
      });
    });

    /** The worker dies at that call; everything else goes its way. Returns what it still did. */
    const dieAt = async (last: number, death: Death, pool: string): Promise<MortalWorker> => {
      const worker = new MortalWorker(last, death);
      desk.wrap = worker.wrap;
      await desk.deliver(pool).catch(() => undefined);
      desk.wrap = (context) => context;
      return worker;
    };

    describe('4: what breaks in between', () => {
      test.each(['before', 'after'] as const)('a worker that dies at any call, %s it: one ticket', async (death) => {
        let done: MortalWorker | undefined;
        for (let last = 1; done?.isDead !== false; last += 1) {
          const pool = `pool${last}`;
          await desk.seeTwice(NODES, pool);
          done = await dieAt(last, death, pool);
          // The host delivers the message of the dead worker again.
          await desk.run(HOUR);

          expect(only(pool)).toMatchObject({ state: 'open', id: desk.ticket(pool).remoteId });
        }
        expect(done?.calls).toContain('ticketSystem.create');
        expect(done?.calls.length).toBeGreaterThan(8);
      });

      test.each(['before', 'after'] as const)('a worker that dies at any call of a closing, %s it', async (death) => {
        let done: MortalWorker | undefined;
        for (let last = 1; done?.isDead !== false; last += 1) {
          const pool = `pool${last}`;
          await open(pool);
          await desk.seeTwice('clean', pool);
          done = await dieAt(last, death, pool);
          await desk.run(HOUR);

          expect(only(pool).state).toBe('closed');
          expect(only(pool).comments).toHaveLength(1);
          expect(desk.ticket(pool)).toMatchObject({ state: 'resolved' });
        }
        expect(done?.calls).toContain('ticketSystem.close');
      });

      test('a comment whose outcome is not known is not sent again', async () => {
        await open();
        await desk.see([...NODES, node('aks-apps-2')]);
        const system = {
          ...rig.system,
          async comment(...args: Parameters<TrackingSystem['comment']>) {
            await rig.system.comment(...args);
            throw new TicketError('outcome-unknown', 'the answer was lost');
          },
        };
        desk.system = system;
        await desk.run();
        expect(desk.ticket().lastError).toContain('the answer was lost');
        desk.system = rig.system;
        await desk.run(HOUR);

        expect(only().comments).toHaveLength(1);
        expect(desk.ticket().lastError).toBeUndefined();
      });

      test.each<readonly [string, Fault['effect'], number]>([
        ['the answer is lost', { kind: 'reset', acts: true }, 0],
        ['the connection is reset before', { kind: 'reset', acts: false }, 1],
        ['503', { kind: 'answer', answer: { status: 503, body: {} } }, 1],
        ['500 although it was done', { kind: 'answer', acts: true, answer: { status: 500, body: {} } }, 0],
        ['more than 1 MB', { kind: 'oversized' }, 0],
      ])('%s: one request leaves, and no other create before a search that can be trusted', async (_, effect, more) => {
        await desk.seeTwice(NODES);
        fault(effect);
        await desk.run();
        expect(creates()).toBe(1);
        const failedAt = rig.clock.now().getTime();
        expect(desk.ticket()).toMatchObject({ attempts: 1, lastError: expect.stringContaining('outcome-unknown') });
        expect(Date.parse(desk.ticket().nextAttemptAt ?? '')).toBeGreaterThanOrEqual(failedAt + rig.system.settleMs);

        const early = await requestsOf(async () => {
          while (rig.clock.now().getTime() + 10_000 < Date.parse(desk.ticket().nextAttemptAt ?? '')) {
            rig.clock.advance(10_000);
            await desk.deliver();
          }
        });
        expect(early).toBe(0);
        const searches = sent(rig.patterns.find);
        await desk.run(HOUR);

        expect(sent(rig.patterns.find)).toBeGreaterThan(searches);
        expect(creates()).toBe(1 + more);
        expect(only()).toMatchObject({ state: 'open', id: desk.ticket().remoteId });
        expect(desk.story().filter((reason) => reason === 'ticket-not-delivered')).toHaveLength(1);
      });

      test('what was created although its answer was lost is closed when the problem is over before it is found', async () => {
        await desk.seeTwice(NODES);
        fault({ kind: 'reset', acts: true });
        await desk.run();
        await desk.see('clean');
        rig.clock.advance(GRACE);
        await desk.see('clean');
        await desk.run(HOUR);

        expect(only()).toMatchObject({ state: 'closed' });
        expect(desk.ticket()).toMatchObject({ state: 'resolved', remoteState: 'closed' });
        expect(desk.story()).toEqual(expect.arrayContaining(['ticket-adopted', 'ticket-closed']));
      });

      test('what is over before the system has heard of it stays unknown there', async () => {
        await desk.seeTwice(NODES);
        desk.queue.length = 0;
        await desk.see('clean');
        rig.clock.advance(GRACE);
        await desk.see('clean');
        await desk.run(HOUR);

        expect(rig.server.tickets()).toEqual([]);
        expect(creates()).toBe(0);
        const { appliedSequence, sequence } = desk.ticket();
        expect(appliedSequence).toBe(sequence);
      });
    });

    test('5: an eventual search that shows nothing before its time leads to no second create', async () => {
      desk.system = forgetful(rig.system, rig, rig.system.settleMs);
      await desk.seeTwice(NODES, 'lost');
      fault({ kind: 'reset', acts: true });
      await desk.run(HOUR);
      expect(stored(desk.keyOf('lost'))).toHaveLength(1);

      // A worker that dies right after its create leaves nothing but its lease behind; a defect gives that back.
      const system = desk.system;
      const failures = {
        dead: new DockwardenError('STORAGE_UNAVAILABLE', 'the process has ended'),
        wrong: new TypeError('undefined is not a function'),
      };
      for (const [pool, failure] of Object.entries(failures)) {
        await desk.seeTwice(NODES, pool);
        desk.system = {
          ...system,
          async create(...args) {
            rig.clock.advance(30_000);
            await system.create(...args);
            throw failure;
          },
        };
        await desk.deliver(pool).catch(() => undefined);
        desk.system = system;
        await desk.run(HOUR);
        expect(stored(desk.keyOf(pool))).toHaveLength(1);
      }
      expect(creates()).toBe(3);
    });

    describe('2: what is there already', () => {
      test('a lost row is no reason for a second ticket', async () => {
        rig.server.plant({ title: 'made before the row was lost', key: desk.keyOf() });
        await desk.seeTwice(NODES);
        await desk.run();

        expect(creates()).toBe(0);
        expect(only()).toMatchObject({ state: 'open', title: expect.stringContaining('aks') });
        expect(desk.story()).toEqual(['ticket-pending', 'ticket-opened', 'ticket-adopted']);
      });

      test('of several that are open the oldest stays, the others are closed, each on record', async () => {
        const first = rig.server.plant({ title: 'one', key: desk.keyOf() });
        rig.clock.advance(MINUTE);
        for (const title of ['two', 'three']) rig.server.plant({ title, key: desk.keyOf() });
        await desk.seeTwice(NODES);
        // The second closing fails at first.
        fault({ kind: 'answer', answer: { status: 503, body: {} } }, rig.patterns.change);
        await desk.run(HOUR);

        expect(creates()).toBe(0);
        expect(desk.ticket().remoteId).toBe(first);
        expect(stored().map(({ state }) => state)).toEqual(['open', 'closed', 'closed']);
        const closed = desk.audit().filter(({ reason }) => reason === 'ticket-duplicate-closed');
        expect(new Set(closed.map(({ ticketUrl }) => ticketUrl)).size).toBe(2);
      });

      test('of several that are closed the one that was touched last is taken up', async () => {
        const ids = ['one', 'two', 'three'].map((title) => rig.server.plant({ title, key: desk.keyOf() }));
        for (const index of [0, 2, 1]) {
          rig.clock.advance(MINUTE);
          rig.server.closeByHand(ids[index] ?? '', 'fixed');
        }
        await desk.seeTwice(NODES);
        await desk.run();
        expect(desk.ticket()).toMatchObject({ remoteId: ids[1], remoteState: 'closed' });
        await later(DAY);
        await desk.run();

        expect(creates()).toBe(0);
        expect(stored().map(({ state }) => state)).toEqual(['closed', 'open', 'closed']);
      });

      test('what a person has closed as not to be fixed, before we knew that it was there, is not reopened', async () => {
        await desk.seeTwice(NODES);
        fault({ kind: 'reset', acts: true });
        await desk.run();
        rig.clock.advance(10_000);
        rig.server.closeByHand(only().id, 'wont-fix');
        await desk.run(HOUR);

        expect(creates()).toBe(1);
        expect(only().state).toBe('closed');
        expect(desk.ticket()).toMatchObject({ state: 'suppressed', remoteState: 'closed' });
      });
    });

    describe('6 and 8: refusals', () => {
      test('a credential that is not good creates nothing, and is shown', async () => {
        desk.system = rig.connect({ credential: `${rig.secret.slice(0, -4)}0000` });
        await desk.seeTwice(NODES);
        await desk.run(DAY);

        expect(creates()).toBe(0);
        expect(desk.ticket().lastError).toMatch(/: auth: /);
        expect(desk.story()).toEqual(['ticket-pending', 'ticket-opened', 'ticket-not-delivered']);
        desk.system = rig.system;
        await desk.run(DAY);
        expect(only().state).toBe('open');
      });

      test('what is refused is tried again after 1, 5 and 30 minutes, 2 hours, 6 hours, every 6 hours; after 7 days it counts as failed', async () => {
        const [refusal] = rig.refusals;
        if (refusal === undefined) throw new Error('there is no refusal');
        fault({ kind: 'answer', answer: refusal.answer }, rig.patterns.create, 35);
        await desk.seeTwice(NODES);
        const waits: number[] = [];
        for (let tries = 1; tries <= 6; tries += 1) {
          await desk.run();
          expect(creates()).toBe(tries);
          expect(desk.ticket().lastError).toContain(refusal.says);
          const wait = Date.parse(desk.ticket().nextAttemptAt ?? '') - rig.clock.now().getTime();
          waits.push(wait / MINUTE);
          expect(await requestsOf(async () => await desk.run(wait - 1))).toBe(0);
          rig.clock.advance(1);
        }
        expect(waits).toEqual([1, 5, 30, 120, 360, 360]);
        await desk.run(6 * DAY);
        expect(desk.story()).not.toContain('ticket-failed');
        await desk.run(DAY);
        expect(desk.story().filter((reason) => reason === 'ticket-failed')).toHaveLength(1);
        expect(desk.story().filter((reason) => reason === 'ticket-not-delivered')).toHaveLength(1);
        expect(desk.ticket().remoteState).toBe('failed');

        await desk.run(3 * DAY);
        expect(only()).toMatchObject({ id: desk.ticket().remoteId, state: 'open' });
        expect(desk.ticket()).toMatchObject({ remoteState: 'open', attempts: 0 });
        expect(desk.ticket().lastError).toBeUndefined();
        expect(desk.ticket().failingSince).toBeUndefined();
      });

      test('a ticket that we have closed, and cannot reopen for a week, is not taken for one that a person has closed', async () => {
        await open();
        await desk.seeTwice('clean');
        await desk.run();
        rig.clock.advance(DAY);
        fault({ kind: 'answer', answer: { status: 503, body: {} } }, rig.patterns.read, 40);
        await desk.seeTwice(NODES);
        await desk.run(8 * DAY);
        expect(desk.ticket()).toMatchObject({ state: 'open', remoteState: 'closed' });
        await desk.run(8 * DAY);

        expect(only().state).toBe('open');
        expect(desk.ticket()).toMatchObject({ humanReopens: 0, remoteState: 'open' });
      });
    });

    describe('7: a ticket that is gone', () => {
      test('once is no reason for anything', async () => {
        const { id } = await open();
        rig.server.delete(id);
        await later(HOUR);
        expect(desk.ticket()).toMatchObject({ state: 'open', remoteId: id, generation: 1 });
        expect(desk.ticket().missingSince).toBeDefined();

        // Asked again too early, it is the same answer and not a second one.
        await desk.deliver();
        await later(HOUR - 1);
        expect(creates()).toBe(1);
      });

      test('twice an hour apart gets one successor; if that is gone as well, it is put aside', async () => {
        rig.server.delete((await open()).id);
        await later(HOUR);
        await later(HOUR);
        expect(creates()).toBe(2);
        expect(only()).toMatchObject({ state: 'open', id: desk.ticket().remoteId });
        expect(desk.ticket()).toMatchObject({ generation: 2, humanReopens: 1 });

        rig.server.delete(only().id);
        await later(HOUR);
        await later(HOUR);
        expect(creates()).toBe(2);
        expect(desk.ticket().state).toBe('suppressed');
        expect(desk.ticket().remoteId).toBeUndefined();
        expect(desk.story().slice(3)).toEqual(['ticket-recreated', 'ticket-created', 'ticket-suppressed']);
      });

      test('while the credential is not in order says nothing', async () => {
        const { id } = await open();
        rig.server.delete(id);
        const refused = new TicketError('auth', 'the permission is gone');
        desk.system = { ...rig.system, probe: async () => await Promise.reject(refused) };
        for (let hours = 0; hours < 5; hours += 1) await later(HOUR);

        expect(desk.ticket()).toMatchObject({ state: 'open', remoteId: id, generation: 1 });
        expect(desk.ticket().missingSince).toBeUndefined();
        expect(creates()).toBe(1);
      });

      test('that comes back is followed as before', async () => {
        const { id } = await open();
        desk.system = { ...rig.system, get: async () => await Promise.resolve(undefined) };
        await later(HOUR);
        desk.system = rig.system;
        await later(HOUR);
        await later(HOUR);

        expect(desk.ticket()).toMatchObject({ remoteId: id, generation: 1 });
        expect(desk.ticket().missingSince).toBeUndefined();
        expect(creates()).toBe(1);
      });

      test('costs two requests or so for each check, also while there is news for it', async () => {
        rig.server.delete((await open()).id);
        await desk.see([...NODES, node('aks-apps-2')]);

        expect(await requestsOf(async () => await desk.run(MINUTE))).toBeLessThan(8);
      });

      test('is not made anew for a problem that is over', async () => {
        rig.server.delete((await open()).id);
        await desk.seeTwice('clean');
        await desk.run();
        rig.clock.advance(HOUR);
        await desk.sweep();

        expect(creates()).toBe(1);
        const { appliedSequence, remoteId, sequence } = desk.ticket();
        expect({ appliedSequence, remoteId }).toEqual({ appliedSequence: sequence, remoteId: undefined });
      });
    });

    test('9: whoever asks us to wait is not asked before, and asked then', async () => {
      const date = (): string => new Date(rig.clock.now().getTime() + 2 * HOUR).toUTCString();
      const cases = [
        { what: 'seconds', answer: () => slowDown('600'), wait: 10 * MINUTE },
        { what: 'fewer seconds than we wait anyway', answer: () => slowDown('5'), wait: MINUTE },
        { what: 'a date', answer: () => slowDown(date()), wait: 2 * HOUR },
        { what: 'no time', answer: () => ({ status: 429, body: {} }), wait: MINUTE },
        ...rig.rateAnswers.map(({ name: what, answer, retryAfterMs = 0 }) => ({
          what,
          answer: () => answer,
          // The moment of a reset is over when its turn comes.
          wait: what.includes('reset') ? MINUTE : Math.max(MINUTE, retryAfterMs),
        })),
      ];
      // A date has whole seconds.
      rig.clock.advance(1000 - (rig.clock.now().getTime() % 1000));
      for (const [index, { what, answer, wait }] of cases.entries()) {
        const pool = `pool${index}`;
        await desk.seeTwice(NODES, pool);
        fault({ kind: 'answer', answer: answer() });
        const before = creates();
        await desk.run();

        const until = Date.parse(desk.ticket(pool).nextAttemptAt ?? '');
        const early = await requestsOf(async () => {
          await desk.run(until - rig.clock.now().getTime() - 1);
          await desk.deliver(pool);
        });
        const tries = creates() - before;
        rig.clock.advance(1);
        const asked = until - Date.parse(desk.ticket(pool).failingSince ?? '');
        await desk.run();
        expect({ what, early, tries, asked, state: only(pool).state }).toEqual({
          what,
          early: 0,
          tries: 1,
          asked: wait,
          state: 'open',
        });
      }
    });

    describe('12 and 17: the life of a ticket', () => {
      test('seen once: pending, and nobody is told', async () => {
        await desk.see(NODES);
        expect(await requestsOf(async () => await desk.sweep())).toBe(0);

        expect(desk.ticket().state).toBe('pending');
      });

      test('seen once, then proven well: forgotten', async () => {
        await desk.see(NODES);
        await desk.see('clean');
        await desk.see('clean');
        await desk.run(HOUR);

        expect(desk.tickets()).toEqual([]);
        expect(desk.story()).toEqual(['ticket-pending', 'ticket-dropped']);
        expect(rig.server.requests).toEqual([]);
      });

      test('open, and seen again as it was: nothing is sent', async () => {
        await open();
        const { occurrences } = desk.ticket();
        const requests = await requestsOf(async () => {
          for (let looks = 0; looks < 3; looks += 1) await desk.see(NODES);
          await desk.run(MINUTE);
        });

        expect(requests).toBe(0);
        expect(desk.ticket()).toMatchObject({ state: 'open', occurrences: occurrences + 3 });
      });

      test('open, and changed: the text follows at once, a comment comes once a day', async () => {
        await open();
        const names = ['alpha', 'beta', 'gamma'];
        const seen = names.map((_, index) => [...NODES, ...names.slice(0, index + 1).map((one) => node(one))]);
        await desk.see(seen[0] ?? []);
        await desk.run();
        expect(only().body).toContain('alpha');
        expect(only().comments).toHaveLength(1);
        rig.clock.advance(HOUR);
        await desk.see(seen[1] ?? []);
        await desk.run();
        expect(only().body).toContain('beta');
        expect(only().comments).toHaveLength(1);
        rig.clock.advance(DAY);
        await desk.see(seen[2] ?? []);
        await desk.run();

        expect(only().body).toContain('gamma');
        expect(only().comments).toHaveLength(2);
        expect(stored()).toHaveLength(1);
      });

      test('open, and nothing can be said: frozen', async () => {
        await open();
        const requests = await requestsOf(async () => {
          for (let looks = 0; looks < 4; looks += 1) {
            rig.clock.advance(GRACE);
            await desk.see('unclear');
          }
          await desk.run();
        });

        expect(requests).toBe(0);
        expect(desk.ticket().state).toBe('open');
      });

      test('proven well at two looks in a row: closed as fixed, with words; one look is not enough', async () => {
        await open();
        await desk.see('clean');
        rig.clock.advance(GRACE);
        await desk.see('unclear');
        await desk.see('clean');
        await desk.run();
        expect(only().state).toBe('open');
        rig.clock.advance(GRACE);
        await desk.see('clean');
        await desk.run();

        expect(only().state).toBe('closed');
        expect(only().comments.join()).toContain('Two checks in a row');
        expect(await rig.system.get(only().id, AbortSignal.timeout(5000))).toMatchObject({ closedAs: 'fixed' });
        expect(desk.story().slice(-2)).toEqual(['ticket-resolved', 'ticket-closed']);
      });

      test.each([
        ['gone', 'obsolete', 'does not exist any more'],
        ['exempt', 'resolved', 'An exemption says'],
      ] as const)('%s: closed, and it says why', async (seen, state, words) => {
        await open();
        await desk.see(seen);
        rig.clock.advance(GRACE);
        if (seen === 'exempt') await desk.see(seen);
        await desk.run();

        expect(desk.ticket()).toMatchObject({ state, resolution: seen });
        expect(only().state).toBe('closed');
        expect(only().comments.join()).toContain(words);
      });

      test('closed as fixed by a person: reopened once when it is still there a day later, the second time put aside for a week', async () => {
        const { id } = await open();
        rig.clock.advance(HOUR);
        rig.server.closeByHand(id, 'fixed');
        await later(HOUR);
        expect(desk.story()).toContain('ticket-closed-by-hand');
        for (let hours = 0; hours < 23; hours += 1) await later(HOUR);
        expect(only().state).toBe('closed');
        await later(HOUR);
        await desk.run();
        expect(only().state).toBe('open');
        expect(desk.ticket()).toMatchObject({ state: 'open', humanReopens: 1 });

        rig.clock.advance(HOUR);
        rig.server.closeByHand(id, 'fixed');
        await later(HOUR);
        await later(DAY);
        expect(desk.ticket().state).toBe('suppressed');
        await later(7 * DAY - 1);
        expect(only().state).toBe('closed');
        await later(1);
        await desk.run();

        expect(only()).toMatchObject({ id, state: 'open' });
        expect(creates()).toBe(1);
        expect(desk.story().slice(3)).toEqual([
          'ticket-closed-by-hand',
          'ticket-reopened',
          'ticket-closed-by-hand',
          'ticket-suppressed',
          'ticket-reopened',
        ]);
      });

      test.each(['wont-fix', 'duplicate'] as const)(
        'closed as %s by a person: left alone for 90 days, unless it gets worse',
        async (as) => {
          const { id } = await open();
          rig.clock.advance(HOUR);
          rig.server.closeByHand(id, as);
          await later(HOUR);
          expect(desk.ticket().state).toBe('suppressed');
          for (let weeks = 0; weeks < 12; weeks += 1) await later(7 * DAY);
          expect(only()).toMatchObject({ id, state: 'closed' });

          await later(DAY, [...NODES, node('aks-apps-9')]);
          await desk.run();
          expect(only()).toMatchObject({ id, state: 'open' });
          expect(only().comments.at(-1)).toContain('New since it was put aside');

          rig.clock.advance(HOUR);
          rig.server.closeByHand(id, as);
          await later(HOUR, [...NODES, node('aks-apps-9')]);
          await later(90 * DAY - 1, [...NODES, node('aks-apps-9')]);
          expect(only().state).toBe('closed');
          await later(1, [...NODES, node('aks-apps-9')]);
          await desk.run();
          expect(only()).toMatchObject({ id, state: 'open' });
          expect(creates()).toBe(1);
        },
      );

      test('what we have closed ourselves is not taken for a person’s closing', async () => {
        await open();
        await desk.seeTwice('clean');
        await desk.run();
        for (let hours = 0; hours < 30; hours += 6) {
          rig.clock.advance(6 * HOUR);
          await desk.see('clean');
          await desk.sweep();
        }

        expect(desk.ticket()).toMatchObject({ state: 'resolved', humanReopens: 0 });
        expect(only().state).toBe('closed');
        expect(desk.story()).not.toContain('ticket-closed-by-hand');
      });

      test('back within 14 days: the same ticket again; later a new one, and the old one stays as it is', async () => {
        const { id } = await open();
        await desk.seeTwice('clean');
        await desk.run();
        rig.clock.advance(13 * DAY);
        await desk.seeTwice(NODES);
        await desk.run();
        expect(only()).toMatchObject({ id, state: 'open' });
        expect(only().comments.at(-1)).toContain('The problem is back.');

        await desk.seeTwice('clean');
        await desk.run();
        rig.clock.advance(15 * DAY);
        await desk.seeTwice(NODES);
        await desk.run();
        expect(stored().map(({ state }) => state)).toEqual(['closed', 'open']);
        expect(desk.ticket()).toMatchObject({ generation: 2, remoteId: stored()[1]?.id });
        expect(creates()).toBe(2);
      });

      test('gone, and there again: a new ticket', async () => {
        await open();
        await desk.see('gone');
        await desk.run();
        rig.clock.advance(DAY);
        await desk.seeTwice(NODES);
        await desk.run();

        expect(stored().map(({ state }) => state)).toEqual(['closed', 'open']);
        expect(desk.ticket()).toMatchObject({ state: 'open', generation: 2 });
      });

      test('closed by a person who reopens it: it is open again, and nobody is told so', async () => {
        const { id } = await open();
        rig.clock.advance(HOUR);
        rig.server.closeByHand(id, 'wont-fix');
        await later(HOUR);
        await rig.system.reopen(id, 'by hand', AbortSignal.timeout(5000));
        await later(HOUR);

        expect(desk.ticket()).toMatchObject({ state: 'open', remoteState: 'open' });
        expect(desk.story().at(-1)).toBe('ticket-reopened-by-hand');
      });
    });

    describe('14: not too many at once', () => {
      test('the 21st create of an hour waits for the next one', async () => {
        // The looks before took part of an hour: begin a new one.
        rig.clock.advance(HOUR - (rig.clock.now().getTime() % HOUR));
        const pools = Array.from({ length: 21 }, (_, index) => `pool${index}`);
        for (const pool of pools) await desk.see(NODES, { pool });
        rig.clock.advance(GRACE);
        for (const pool of pools) await desk.see(NODES, { pool });
        await desk.run();
        expect(creates()).toBe(20);
        const waiting = desk.tickets().filter(({ remoteId }) => remoteId === undefined);
        expect(waiting).toHaveLength(1);
        expect(waiting[0]).toMatchObject({ attempts: 0 });
        expect(waiting[0]?.lastError).toBeUndefined();
        await desk.run(HOUR - GRACE - 1);
        expect(creates()).toBe(20);
        // Spread, so that not all come back at the same second.
        await desk.run(10 * MINUTE);

        expect(creates()).toBe(21);
        for (const pool of pools) expect(only(pool).state).toBe('open');
      });

      test('51 that wait get one summary, whose text follows; when there are fewer, it closes and they come one by one', async () => {
        const pools = Array.from({ length: 52 }, (_, index) => `pool${index}`);
        const look = async (count: number, seen: typeof NODES | 'clean' = NODES) => {
          for (const pool of pools.slice(0, count)) await desk.see(seen, { pool });
        };
        await look(51);
        rig.clock.advance(GRACE);
        await look(51);
        await desk.sweep();
        expect(creates()).toBe(1);
        const [summary, ...others] = rig.server.tickets();
        expect(others).toEqual([]);
        expect(summary?.title).toContain('Many resources');

        // They are no failures, however long they wait.
        for (let days = 0; days < 9; days += 1) {
          await look(51);
          rig.clock.advance(DAY);
          await desk.sweep();
        }
        expect(creates()).toBe(1);
        expect(new Set(desk.audit().map(({ reason }) => reason))).not.toContain('ticket-not-delivered');

        await look(52);
        rig.clock.advance(GRACE);
        await look(52);
        await desk.sweep();
        await desk.sweep();
        expect(creates()).toBe(1);
        expect(rig.server.tickets()[0]?.comments).toEqual([]);

        await look(40, 'clean');
        rig.clock.advance(GRACE);
        await look(40, 'clean');
        await desk.sweep();
        await desk.run(2 * HOUR);
        expect(rig.server.tickets()[0]).toMatchObject({ id: summary?.id, state: 'closed' });
        expect(rig.server.tickets().filter(({ state }) => state === 'open')).toHaveLength(12);
      });
    });

    describe('15: switched off', () => {
      test.each([
        ['the kill switch', { DOCKWARDEN_MODE: 'off' }],
        ['a cap at observe', { DOCKWARDEN_MODE: 'observe' }],
        ['the tracker in observe', { REMEDIATE_AKS_TRACK_NODE_REBOOTS: 'observe' }],
      ])('%s: no request at all, and the rows are kept', async (_, environment) => {
        desk.setEnvironment(environment);
        await desk.seeTwice(NODES);
        await desk.deliver();
        for (let hours = 0; hours < 5; hours += 1) await later(HOUR);

        expect(rig.server.requests).toEqual([]);
        expect(desk.ticket().state).toBe('open');
      });

      test('the table only: no request at all; with a system configured later, what is open goes there', async () => {
        desk.system = undefined;
        await desk.seeTwice(NODES);
        await desk.deliver();
        await later(HOUR);
        expect(rig.server.requests).toEqual([]);

        desk.system = rig.system;
        await desk.sweep();
        expect(only().state).toBe('open');
      });

      test('switched off in the middle: nothing more is sent, also not for what is known there', async () => {
        const { id } = await open();
        rig.server.closeByHand(id, 'fixed');
        desk.setEnvironment({ DOCKWARDEN_MODE: 'off' });
        const requests = await requestsOf(async () => {
          for (let hours = 0; hours < 3; hours += 1) await later(HOUR, [...NODES, node('aks-apps-7')]);
        });

        expect(requests).toBe(0);
      });

      test('another system than before: the old ticket stays there, a new one is made here', async () => {
        await open();
        const elsewhere = await createRig();
        const mine = elsewhere.system;
        // Another repository, project or server of the same system is another place as well.
        const place = `${mine.place}/another`;
        desk.system = { ...mine, place };
        await desk.sweep();

        expect(elsewhere.server.tickets()).toHaveLength(1);
        expect(desk.ticket()).toMatchObject({ remoteSystem: place });
        expect(only().state).toBe('open');
        await elsewhere.stop();
      });
    });
  });
}
