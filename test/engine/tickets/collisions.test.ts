import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EngineContext } from '../../../src/engine/ports.ts';
import { readSummary, reviewSummary } from '../../../src/engine/tickets/summaries.ts';
import { without } from '../../../src/engine/tickets/ticket-columns.ts';
import { TicketRow } from '../../../src/engine/tickets/ticket-row.ts';
import { storeStep } from '../../../src/engine/tickets/ticket-steps.ts';
import { track } from '../../../src/engine/tickets/track.ts';
import { DockwardenError } from '../../../src/errors.ts';
import type { Ticket, Tickets } from '../../../src/tickets/ticket.ts';
import { ticketKey } from '../../../src/tickets/ticket-key.ts';
import { TicketError } from '../../../src/tickets/ticket-system.ts';
import { pausing } from '../../tickets/mortal-worker.ts';
import { createRedmineRig, type RedmineRig } from '../../tickets/redmine-rig.ts';
import { expectOrder, HOUR, LEASE, NODES, node, openDesk, type TicketDesk } from '../../tickets/ticket-desk.ts';
import { openTicket } from './ticket-samples.ts';

let rig: RedmineRig;
let desk: TicketDesk;
beforeEach(async () => {
  rig = await createRedmineRig();
  desk = openDesk({ clock: rig.clock, system: rig.system });
});
afterEach(async () => {
  await rig.stop();
  desk.wrap = (context) => context;
  expectOrder(desk);
});

/** An open ticket that Redmine has. */
async function open(): Promise<string> {
  await desk.seeTwice(NODES);
  await desk.run();
  return desk.ticket().remoteId ?? '';
}

/** Changes the port `tickets` of every invocation. */
function wrapTickets(change: (tickets: Tickets) => Partial<Tickets>): void {
  desk.wrap = (context) => ({ ...context, tickets: { ...context.tickets, ...change(context.tickets) } });
}

/** Does something at the first audit row of that reason, before it is written. */
function whenRecorded(reason: string, act: () => Promise<void>): void {
  let isDone = false;
  desk.wrap = (context): EngineContext => ({
    ...context,
    audit: {
      ...context.audit,
      async append(key, record) {
        if (record.reason === reason && !isDone) {
          isDone = true;
          await act();
        }
        return await context.audit.append(key, record);
      },
    },
  });
}

/** Whatever somebody has done to the row by hand. */
async function edit(change: (ticket: Ticket) => Ticket): Promise<void> {
  const { tickets } = desk.context();
  const stored = await tickets.get(desk.keyOf());
  if (stored === undefined) throw new Error('there is no row');
  await tickets.replace(change(stored.ticket), stored.etag);
}

describe('a look that writes the row while a worker talks to the other system', () => {
  const more = [...NODES, node('aks-apps-7')];

  it('loses nothing, nor does what a person did there', async () => {
    const id = await open();
    rig.server.closeByHand(id, 'fixed');
    rig.clock.advance(HOUR);
    whenRecorded('ticket-closed-by-hand', async () => await desk.see(more));
    await desk.sweep();
    await desk.run(HOUR);

    expect(desk.ticket()).toMatchObject({ state: 'open', remoteState: 'closed', itemCount: 3 });
    expect(desk.ticket().closedByHandAt).toBeDefined();
    expect(rig.server.tickets()[0]?.state).toBe('closed');
  });

  it('also where a person’s doing raises the sequence and takes columns away', async () => {
    const id = await open();
    rig.server.delete(id);
    rig.clock.advance(HOUR);
    await desk.see(NODES);
    await desk.sweep();
    rig.clock.advance(HOUR);
    whenRecorded('ticket-recreated', async () => await desk.see(more));
    await desk.sweep();
    desk.wrap = (context) => context;
    await desk.run(HOUR);

    const { appliedSequence, sequence } = desk.ticket();
    expect(desk.ticket()).toMatchObject({ generation: 2, itemCount: 3 });
    expect(appliedSequence).toBe(sequence);
    expect(rig.server.tickets().map(({ state }) => state)).toEqual(['open']);
    expect(rig.server.tickets()[0]?.body).toContain('7');
  });

  it('right before the create: what is over by then is not created', async () => {
    await desk.seeTwice(NODES);
    const { system, reached, resume } = pausing(rig.system, 'findByKey', 'after');
    desk.system = system;
    const delivery = desk.deliver();
    await reached;
    await desk.seeTwice('clean');
    resume();
    await delivery;
    desk.system = rig.system;
    await desk.run(HOUR);

    expect(rig.server.tickets()).toEqual([]);
    expect(desk.ticket().state).toBe('resolved');
  });

  it('while it says something: what the look adds is said, too', async () => {
    await open();
    rig.clock.advance(HOUR);
    await desk.see(more);
    const { system, reached, resume } = pausing(rig.system, 'update', 'after');
    desk.system = system;
    const delivery = desk.run();
    await reached;
    await desk.see([...more, node('aks-apps-8')]);
    resume();
    await delivery;
    desk.system = rig.system;
    await desk.run(HOUR);

    const said = rig.server.tickets()[0]?.comments.join() ?? '';
    expect(said).toContain('7');
    expect(rig.server.tickets()[0]?.body).toContain('8');
    expect(desk.ticket().pendingComment).toBeUndefined();
  });
});

describe('a comment', () => {
  it('that was refused for certain is said later', async () => {
    await open();
    await desk.see([...NODES, node('aks-apps-7')]);
    let refusals = 2;
    desk.system = {
      ...rig.system,
      async comment(...args) {
        refusals -= 1;
        if (refusals >= 0) throw new TicketError('rate-limited', 'slow down');
        await rig.system.comment(...args);
      },
    };
    await desk.run();
    expect(desk.ticket().pendingComment).toContain('aks-apps-7');
    await desk.run(HOUR);

    expect(rig.server.tickets()[0]?.comments).toHaveLength(1);
    expect(desk.ticket().pendingComment).toBeUndefined();
  });
});

describe('what is to be said, and changes while the worker talks to the other system', () => {
  const CHANGED = [...NODES, node('aks-apps-7')];

  /** Says something new; at that call somebody writes the row. */
  async function sayWhile(call: 'update' | 'comment', change: (ticket: Ticket) => Ticket, error?: TicketError) {
    await open();
    await desk.see(CHANGED);
    const disturb = async (): Promise<void> => {
      await edit(change);
      if (error !== undefined) throw error;
    };
    desk.system = {
      ...rig.system,
      async update(...args) {
        if (call === 'update') await disturb();
        await rig.system.update(...args);
      },
      async comment(...args) {
        if (call === 'comment') await disturb();
        await rig.system.comment(...args);
      },
    };
    await desk.run();
    desk.system = rig.system;
  }

  it('what was added is still to be said', async () => {
    await sayWhile('update', (ticket) => ({ ...ticket, pendingComment: `${ticket.pendingComment} And more.` }));

    expect(desk.ticket().pendingComment).toBe('And more.');
    expect(rig.server.tickets()[0]?.comments).toHaveLength(1);
  });

  it('what is something else by now is still to be said as a whole', async () => {
    await sayWhile('update', (ticket) => ({ ...ticket, pendingComment: 'Something else.' }));

    expect(desk.ticket().pendingComment).toBe('Something else.');
  });

  it('what was taken back meanwhile leaves nothing behind', async () => {
    await sayWhile('update', (ticket) => without(ticket, 'pendingComment'));

    expect(desk.ticket().pendingComment).toBeUndefined();
  });

  it('what was refused for certain is said before what was added', async () => {
    const refused = new TicketError('rate-limited', 'slow down');
    await sayWhile('comment', (ticket) => ({ ...ticket, pendingComment: 'And more.' }), refused);
    expect(desk.ticket().pendingComment).toMatch(/aks-apps-7.* And more\.$/);
    await desk.run(HOUR);

    expect(rig.server.tickets()[0]?.comments).toHaveLength(1);
  });

  it('a closing says what is known, also where somebody has taken the reason out of the row', async () => {
    await open();
    await desk.seeTwice('clean');
    await edit((ticket) => {
      const { resolvedAt: _resolved, ...rest } = without(ticket, 'resolution');
      return rest;
    });
    await desk.run();

    expect(rig.server.tickets()[0]?.state).toBe('closed');
    expect(rig.server.tickets()[0]?.comments.join()).toContain('Closed by Dockwarden');
  });
});

describe('a row that is written by others all the time', () => {
  it('is left to the host by the worker that holds its lease', async () => {
    await desk.seeTwice(NODES);
    let writes = 0;
    wrapTickets((tickets) => ({
      async replace(ticket, etag) {
        writes += 1;
        return writes === 1 ? await tickets.replace(ticket, etag) : undefined;
      },
    }));
    await expect(desk.deliver()).rejects.toThrow('is written by others all the time');
    desk.wrap = (context) => context;
    await desk.run(HOUR);

    expect(rig.server.tickets().map(({ state }) => state)).toEqual(['open']);
  });

  it('is left to the next look by the one that cannot write it', async () => {
    await open();
    wrapTickets(() => ({ replace: async () => await Promise.resolve(undefined) }));
    await desk.see([...NODES, node('aks-apps-7')]);
    expect(desk.ticket().itemCount).toBe(2);
    desk.wrap = (context) => context;
    await desk.see([...NODES, node('aks-apps-7')]);
    await desk.run();

    expect(desk.ticket().itemCount).toBe(3);
  });

  it('was made by somebody else at the same moment: the look goes by that', async () => {
    let isFirst = true;
    wrapTickets((tickets) => ({
      async insert(ticket) {
        if (!isFirst) return await tickets.insert(ticket);
        isFirst = false;
        await tickets.insert({ ...ticket, occurrences: 7 });
        return undefined;
      },
    }));
    await desk.see(NODES);

    expect(desk.ticket()).toMatchObject({ state: 'pending', occurrences: 8 });
  });

  it('was changed before it could be dropped: it is judged anew', async () => {
    await desk.see(NODES);
    let isFirst = true;
    wrapTickets((tickets) => ({
      async remove(key, etag) {
        if (!isFirst) return await tickets.remove(key, etag);
        isFirst = false;
        return false;
      },
    }));
    await desk.see('clean');

    expect(desk.tickets()).toEqual([]);
  });

  it('is not there any more: nothing is left to drop', async () => {
    const step = { ticket: 'dropped', event: 'ticket-dropped' } as const;

    expect(await storeStep(desk.context(), undefined, step)).toBe('dropped');
    expect(desk.audit()).toEqual([]);
  });
});

describe('storage that does not answer', () => {
  const down = new DockwardenError('STORAGE_UNAVAILABLE', 'no answer');

  it('ends the look, and the host comes again', async () => {
    wrapTickets(() => ({ get: async () => await Promise.reject(down) }));

    await expect(desk.see(NODES)).rejects.toThrow('no answer');
    desk.wrap = (context) => context;
    await desk.seeTwice(NODES);
    await desk.run();
  });

  it('while it is asked whether a ticket is over: the same', async () => {
    await open();
    wrapTickets(() => ({ get: async () => await Promise.reject(down) }));

    await expect(desk.see('clean')).rejects.toThrow('no answer');
  });

  it('a damaged row is reported, counts as there, and keeps nothing else up', async () => {
    await open();
    const damaged = new DockwardenError('INPUT_INVALID_ROW', 'damaged');
    wrapTickets(() => ({ get: async () => await Promise.reject(damaged) }));
    await desk.see('clean');
    await desk.see([...NODES, node('aks-apps-7')]);
    desk.wrap = (context) => context;

    expect(desk.ticket()).toMatchObject({ state: 'open', itemCount: 2 });
  });
});

/** The first has created and waits; the second has searched in vain, and waits before its create. */
async function race() {
  await desk.seeTwice(NODES);
  const creator = pausing(rig.system, 'create', 'after');
  desk.system = creator.system;
  const first = desk.deliver();
  await creator.reached;
  const blind = { ...rig.system, findByKey: async () => await Promise.resolve([]) };
  const seeker = pausing(blind, 'findByKey', 'after');
  desk.system = seeker.system;
  rig.clock.advance(LEASE + rig.system.settleMs);
  const second = desk.deliver();
  await seeker.reached;
  return { creator, first, second, seeker };
}

async function end({ second, seeker }: Awaited<ReturnType<typeof race>>): Promise<void> {
  seeker.resume();
  await second;
  desk.system = rig.system;
  rig.clock.advance(LEASE);
  await desk.sweep();
}

describe('a worker that has created while another took over', () => {
  it('tries again to make it known when a look writes the row in between', async () => {
    let isFirst = true;
    wrapTickets((tickets) => ({
      async replace(ticket, etag) {
        const isKnown = ticket.remoteId !== undefined;
        const current = await tickets.get(ticket.key);
        if (isKnown && isFirst && current?.etag === etag) {
          isFirst = false;
          return undefined;
        }
        return await tickets.replace(ticket, etag);
      },
    }));
    const all = await race();
    all.creator.resume();
    await all.first;
    await end(all);

    expect(isFirst).toBe(false);
    expect(rig.server.tickets()).toHaveLength(1);
    expect(desk.ticket().remoteId).toBe(rig.server.tickets()[0]?.id);
  });

  it('has nothing to make known when the row is gone', async () => {
    const all = await race();
    const { tickets } = desk.context();
    const stored = await tickets.get(desk.keyOf());
    await tickets.remove(desk.keyOf(), stored?.etag ?? '');
    all.creator.resume();
    await all.first;
    all.seeker.resume();
    await all.second;

    expect(desk.tickets()).toEqual([]);
    expect(rig.server.tickets()).toHaveLength(1);
  });

  it('names the other by its number where the row has no address', async () => {
    const all = await race();
    const other = rig.server.plant({ title: 'the other one', key: desk.keyOf() });
    await edit((ticket) => ({ ...ticket, remoteId: other, remoteSystem: rig.system.place, remoteState: 'open' }));
    all.creator.resume();
    await all.first;
    await end(all);

    const [first] = rig.server.tickets();
    expect(first).toMatchObject({ state: 'closed' });
    expect(first?.comments.join()).toContain(`Duplicate of ${other}`);
  });
});

/** A place at the rate guard is always free. */
async function allow(): Promise<void> {
  await Promise.resolve();
}

describe('a row that somebody has edited', () => {
  it('without the address: the successor of what is gone is made all the same', async () => {
    rig.server.delete(await open());
    await edit((ticket) => without(ticket, 'remoteUrl'));
    for (let hours = 0; hours < 2; hours += 1) {
      rig.clock.advance(HOUR);
      await desk.sweep();
    }

    expect(desk.story()).toContain('ticket-recreated');
    expect(rig.server.tickets()).toHaveLength(1);
  });

  it('without words: it is reopened with others', async () => {
    await open();
    await desk.seeTwice('clean');
    await desk.run();
    await desk.seeTwice(NODES);
    await edit((ticket) => without(ticket, 'pendingComment'));
    await desk.run();

    expect(rig.server.tickets()[0]).toMatchObject({ state: 'open' });
    expect(rig.server.tickets()[0]?.comments.at(-1)).toContain('The problem is still there.');
  });

  it('and is over: what people have opened again is not closed a second time', async () => {
    const id = await open();
    await desk.seeTwice('clean');
    await desk.run();
    await rig.system.reopen(id, 'there is more to do', AbortSignal.timeout(5000));
    const context = desk.context();
    const stored = await context.tickets.get(desk.keyOf());
    const row = stored && (await TicketRow.claim(context, stored, 'me'));
    if (row === undefined) throw new Error('there is no row');
    await track({ context, row, signal: AbortSignal.timeout(5000), admit: allow, ensurePlace: allow }, rig.system);
    await row.release((ticket) => ticket);

    expect(rig.server.tickets()[0]?.state).toBe('open');
  });
});

describe('a defect on the way', () => {
  it.each([
    ['of our own', new DockwardenError('INTERNAL_INVARIANT', 'this cannot be'), 'this cannot be'],
    ['of the language', new TypeError('secret words'), 'a defect: TypeError'],
    ['that is no error', 'secret words', 'a defect: unknown'],
  ])('%s shows on the ticket, without the words of others, and is tried again', async (_, thrown: unknown, says) => {
    await desk.seeTwice(NODES);
    desk.system = { ...rig.system, probe: async () => await Promise.reject(thrown) };
    await desk.run();
    expect(desk.ticket().lastError).toBe(`redmine: outcome-unknown: ${says}`);
    expect(desk.story()).toContain('ticket-not-delivered');
    desk.system = rig.system;
    await desk.run(HOUR);

    expect(rig.server.tickets().map(({ state }) => state)).toEqual(['open']);
  });
});

/** So many tickets that nothing is known about but what has to be. */
const waiting = (count: number): readonly Ticket[] =>
  Array.from({ length: count }, (_, index) => {
    const { remediationId: _remediation, ...ticket } = openTicket({ key: `dw-${index}`, title: `${index}` });
    return ticket;
  });

describe('the summary of a policy', () => {
  const policyId = 'some-policy';
  const subject = { policyId, resourceId: '/', discriminator: 'summary' };
  const stored = async () => await desk.context().tickets.get(ticketKey(subject));

  it('stands for more than fifty, lists fifty, and tells of new ones without a comment', async () => {
    expect(await reviewSummary(desk.context(), policyId, waiting(50))).toBe('none');
    expect(await stored()).toBeUndefined();
    expect(await reviewSummary(desk.context(), policyId, waiting(51))).toBe('open');
    expect((await stored())?.ticket).toMatchObject({ state: 'open', itemCount: 51, severity: 'medium' });
    expect((await stored())?.ticket.items).toHaveLength(50);
    expect(await reviewSummary(desk.context(), policyId, waiting(60))).toBe('open');

    expect((await stored())?.ticket).toMatchObject({ itemCount: 60, change: 'updated' });
    expect((await stored())?.ticket.pendingComment).toBeUndefined();
    expect(await reviewSummary(desk.context(), policyId, [])).toBe('none');
    expect((await stored())?.ticket).toMatchObject({ state: 'resolved', resolution: 'fewer-waiting' });
  });

  it('that somebody has set back to pending is dropped when it is not needed', async () => {
    await reviewSummary(desk.context(), policyId, waiting(51));
    const row = await stored();
    if (row === undefined) throw new Error('there is no row');
    await desk.context().tickets.replace({ ...row.ticket, state: 'pending' }, row.etag);
    await reviewSummary(desk.context(), policyId, []);

    expect(await stored()).toBeUndefined();
  });

  it('whose row is damaged stands for nothing, and stays as it is', async () => {
    wrapTickets(() => ({
      get: async () => await Promise.reject(new DockwardenError('INPUT_INVALID_ROW', 'damaged')),
    }));

    expect(await readSummary(desk.context(), policyId)).toBe('damaged');
    expect(await reviewSummary(desk.context(), policyId, waiting(51))).toBe('none');
    expect(desk.tickets()).toEqual([]);
  });

  it('is no reason to go on where storage does not answer', async () => {
    wrapTickets(() => ({
      get: async () => await Promise.reject(new DockwardenError('STORAGE_UNAVAILABLE', 'no answer')),
    }));

    await expect(readSummary(desk.context(), policyId)).rejects.toThrow('no answer');
  });
});
