import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Step } from '../../../src/engine/tickets/life-cycle.ts';
import { afterMissing, afterRemote } from '../../../src/engine/tickets/remote-life.ts';
import { forgetRemote } from '../../../src/engine/tickets/ticket-columns.ts';
import { Ticket } from '../../../src/tickets/ticket.ts';
import type { RemoteTicket } from '../../../src/tickets/ticket-system.ts';
import {
  afterLooks,
  at,
  DAY,
  HOUR,
  item,
  look,
  nows,
  openTicket,
  storedTickets,
  ticketOf,
  violation,
} from './ticket-samples.ts';

const remotelyOpen: RemoteTicket = { id: '7', url: 'https://github.example/7', state: 'open', updatedAt: at(0) };

function remotelyClosed(closedAs?: RemoteTicket['closedAs']): RemoteTicket {
  return { ...remotelyOpen, state: 'closed', ...(closedAs !== undefined && { closedAs }) };
}

const states = ['pending', 'open', 'resolved', 'obsolete', 'suppressed'] as const;
const others = states.filter((state) => state !== 'open');

describe('a ticket that is open here', () => {
  it('and there is as expected', () => {
    expect(afterRemote(openTicket(), remotelyOpen, at(HOUR))).toBeUndefined();
  });

  it.each([
    ['as fixed', 'fixed'],
    ['without saying why', undefined],
  ] as const)('and closed there %s was closed by a person: the problem has a day to go away', (_how, closedAs) => {
    const open = openTicket();

    const step = afterRemote(open, remotelyClosed(closedAs), at(HOUR));

    expect(step).toEqual({
      ticket: { ...open, remoteState: 'closed', closedByHandAt: at(HOUR).toISOString() },
      event: 'ticket-closed-by-hand',
    });
  });

  it.each(['wont-fix', 'duplicate'] as const)('and closed there as %s is put aside for 90 days', (closedAs) => {
    const open = openTicket();

    const step = afterRemote(open, remotelyClosed(closedAs), at(HOUR));

    expect(step?.event).toBe('ticket-suppressed');
    expect(ticketOf(step)).toMatchObject({
      state: 'suppressed',
      change: 'suppressed',
      remoteState: 'closed',
      sequence: open.sequence + 1,
      suppressUntil: at(HOUR + 90 * DAY).toISOString(),
      suppressedEvidence: ['uid-node-a', 'uid-node-b'],
      suppressedSeverity: 'medium',
    });
    expect(ticketOf(step)).not.toHaveProperty('closedByHandAt');
  });

  it('and that a person first closed as fixed, then as not to be fixed, is put aside', () => {
    const closed = ticketOf(afterRemote(openTicket(), remotelyClosed('fixed'), at(HOUR)));

    const ticket = ticketOf(afterRemote(closed, remotelyClosed('wont-fix'), at(2 * HOUR)));

    expect(ticket.state).toBe('suppressed');
    expect(ticket).not.toHaveProperty('closedByHandAt');
  });

  it('and known to be closed there is as expected, also while it waits to be reopened', () => {
    const closed = ticketOf(afterRemote(openTicket(), remotelyClosed(), at(HOUR)));
    const toReopen = ticketOf(look(closed, violation(), HOUR + DAY));

    expect(afterRemote(closed, remotelyClosed(), at(2 * HOUR))).toBeUndefined();
    expect(toReopen).toMatchObject({ change: 'reopened', remoteState: 'closed' });
    expect(afterRemote(toReopen, remotelyClosed('fixed'), at(2 * DAY))).toBeUndefined();
    // How it was closed before its reopening was asked for does not matter any more.
    expect(afterRemote(toReopen, remotelyClosed('wont-fix'), at(2 * DAY))).toBeUndefined();
  });

  it('and that a person reopened there needs no patience any more', () => {
    const open = openTicket();
    const closed = ticketOf(afterRemote(open, remotelyClosed(), at(HOUR)));

    expect(afterRemote(closed, remotelyOpen, at(2 * HOUR))).toEqual({
      // What has changed while it was closed is told then.
      ticket: { ...open, sequence: open.sequence + 1 },
      event: 'ticket-reopened-by-hand',
    });
  });

  it('and that we have just reopened was reopened by nobody else', () => {
    const toReopen = openTicket({ remoteState: 'closed', sequence: 5, appliedSequence: 4 });

    expect(afterRemote(toReopen, remotelyOpen, at(HOUR))).toEqual({ ticket: { ...toReopen, remoteState: 'open' } });
  });

  it.each(['failed', 'gone', undefined] as const)(
    'and open there was never closed, whatever was thought: %s',
    (was) => {
      const { remoteState: _state, ...bare } = openTicket();
      const known: Ticket = was === undefined ? bare : { ...bare, remoteState: was };

      expect(afterRemote(known, remotelyOpen, at(HOUR))).toEqual({ ticket: { ...known, remoteState: 'open' } });
    },
  );

  it('goes through a whole argument: closed as fixed, reopened, closed again, put aside, and back when it is worse', () => {
    const closed = ticketOf(afterRemote(openTicket(), remotelyClosed('fixed'), at(HOUR)));
    const reopened = ticketOf(look(closed, violation(), HOUR + DAY));
    const { pendingComment: _sent, ...heard } = reopened;
    const delivered: Ticket = { ...heard, remoteState: 'open', appliedSequence: reopened.sequence };
    const again = ticketOf(afterRemote(delivered, remotelyClosed('fixed'), at(2 * DAY)));

    const aside = ticketOf(look(again, violation(), 3 * DAY));
    const stays = afterLooks(aside, [4 * DAY, violation()], [10 * DAY - 1, violation()]);
    const worse = look(stays, violation({ items: [item('node-a'), item('node-z')] }), 10 * DAY - 1);
    const late = look(stays, violation(), 10 * DAY);

    expect([aside.state, stays.state]).toEqual(['suppressed', 'suppressed']);
    expect(ticketOf(worse).pendingComment).toBe('New since it was put aside: node-z.');
    expect(ticketOf(late)).toMatchObject({ state: 'open', change: 'reopened', humanReopens: 1 });
  });
});

describe('a ticket that is not open here', () => {
  it.each(others)('and closed there is as it should be: %s', (state) => {
    const known = openTicket({ state });

    expect(afterRemote(known, remotelyClosed('wont-fix'), at(HOUR))).toEqual({
      ticket: { ...known, remoteState: 'closed' },
    });
    expect(afterRemote({ ...known, remoteState: 'closed' }, remotelyClosed('wont-fix'), at(HOUR))).toBeUndefined();
  });

  it.each(['resolved', 'obsolete'] as const)(
    'because it is %s, and reopened there by a person, is not ours to close',
    (state) => {
      const known = openTicket({ state, remoteState: 'closed' });

      expect(afterRemote(known, remotelyOpen, at(HOUR))).toEqual({
        ticket: { ...known, remoteState: 'open' },
        event: 'ticket-reopened-by-hand',
      });
    },
  );

  it.each([
    ['delivered', 0],
    ['not delivered yet', 1],
  ])('because it was put aside (%s), and reopened there by a person, is open', (_what, missing) => {
    const aside = ticketOf(afterRemote(openTicket(), remotelyClosed('wont-fix'), at(HOUR)));
    const known = { ...aside, appliedSequence: aside.sequence - missing };

    const step = afterRemote(known, remotelyOpen, at(DAY));

    expect(step?.event).toBe('ticket-reopened-by-hand');
    expect(ticketOf(step)).toMatchObject({ state: 'open', remoteState: 'open', sequence: known.sequence });
    for (const name of ['suppressUntil', 'suppressedEvidence', 'suppressedSeverity'])
      expect(ticketOf(step)).not.toHaveProperty(name);
  });
});

describe('a ticket that the other system does not know', () => {
  it('is only remembered as missing at first, and for an hour', () => {
    const open = openTicket();

    const first = ticketOf(afterMissing(open, at(0)));
    const later = ticketOf(afterMissing(first, at(HOUR - 1)));

    expect(first).toEqual({ ...open, missingSince: at(0).toISOString(), checkedAt: at(0).toISOString() });
    expect(later).toEqual({ ...first, checkedAt: at(HOUR - 1).toISOString() });
  });

  it('gets one successor at the second check an hour later', () => {
    const open = openTicket({ attempts: 3, lastCommentAt: at(0).toISOString() });
    const missing = ticketOf(afterMissing(open, at(0)));

    const step = afterMissing(missing, at(HOUR));

    expect(step.event).toBe('ticket-recreated');
    expect(ticketOf(step)).toMatchObject({
      state: 'open',
      change: 'opened',
      generation: open.generation + 1,
      generationSince: at(HOUR).toISOString(),
      sequence: open.sequence + 1,
      remoteState: 'gone',
      attempts: 0,
      humanReopens: 1,
    });
    for (const name of ['remoteId', 'remoteUrl', 'remoteSystem', 'missingSince', 'checkedAt', 'lastCommentAt'])
      expect(ticketOf(step)).not.toHaveProperty(name);
  });

  it('and that a person had closed before gets a successor that nobody has closed', () => {
    const closed = ticketOf(afterRemote(openTicket(), remotelyClosed('fixed'), at(0)));

    const ticket = ticketOf(afterMissing({ ...closed, missingSince: at(0).toISOString() }, at(HOUR)));

    expect(ticket).not.toHaveProperty('closedByHandAt');
    expect(ticketOf(look(ticket, violation(), 2 * DAY))).toMatchObject({ state: 'open', sequence: ticket.sequence });
  });

  it('and whose successor is deleted as well is put aside for 90 days', () => {
    const missing = openTicket({ humanReopens: 1, missingSince: at(0).toISOString() });

    const step = afterMissing(missing, at(HOUR));

    expect(step.event).toBe('ticket-suppressed');
    expect(ticketOf(step)).toMatchObject({
      state: 'suppressed',
      remoteState: 'gone',
      generation: missing.generation + 1,
      suppressUntil: at(HOUR + 90 * DAY).toISOString(),
    });
    expect(ticketOf(step)).not.toHaveProperty('remoteId');
  });

  it.each(others)('and that is not open here gets no successor: %s', (state) => {
    const missing = openTicket({ state, missingSince: at(0).toISOString() });

    const step = afterMissing(missing, at(HOUR));

    expect(step).not.toHaveProperty('event');
    expect(ticketOf(step)).toMatchObject({ state, remoteState: 'gone', sequence: missing.sequence });
    expect(ticketOf(step)).not.toHaveProperty('remoteId');
  });
});

describe('a ticket of a system that was configured before', () => {
  it('leaves nothing of it behind, and everything that we know', () => {
    const { remoteId, remoteUrl, remoteState, remoteSystem, ...own } = openTicket();
    const there = {
      lastCommentAt: at(0).toISOString(),
      checkedAt: at(0).toISOString(),
      pendingComment: 'words',
      closedByHandAt: at(0).toISOString(),
      missingSince: at(0).toISOString(),
    };

    expect([remoteId, remoteUrl, remoteState, remoteSystem]).not.toContain(undefined);
    expect(forgetRemote({ ...openTicket(there), attempts: 3 })).toEqual(own);
  });
});

function told(known: Ticket, remote: RemoteTicket | undefined, now: Date): Step | undefined {
  return remote === undefined ? afterMissing(known, now) : afterRemote(known, remote, now);
}

describe('whatever the table holds and the other system says', () => {
  const remotes: fc.Arbitrary<RemoteTicket | undefined> = fc.option(
    fc.record(
      {
        id: fc.string(),
        url: fc.string(),
        state: fc.constantFrom('open', 'closed'),
        closedAs: fc.constantFrom('fixed', 'wont-fix', 'duplicate'),
        updatedAt: nows,
      },
      { requiredKeys: ['id', 'url', 'state', 'updatedAt'] },
    ),
    { nil: undefined },
  );

  it('nothing throws, the row can be read again, and neither sequence nor generation falls', () => {
    const property = fc.property(storedTickets, remotes, nows, (known, remote, now) => {
      const ticket = ticketOf(told(known, remote, now) ?? { ticket: known });
      expect(Ticket.parse(ticket)).toEqual(ticket);
      expect(ticket.sequence - known.sequence).toBeOneOf([0, 1]);
      expect(ticket.generation - known.generation).toBeOneOf(remote === undefined ? [0, 1] : [0]);
      expect(ticket.appliedSequence).toBe(known.appliedSequence);
    });

    expect(() => {
      fc.assert(property, { numRuns: 1000 });
    }).not.toThrow();
  });

  it('people put aside what is open, and open what was put aside; nothing else changes its state', () => {
    const property = fc.property(storedTickets, remotes, nows, (known, remote, now) => {
      const ticket = ticketOf(told(known, remote, now) ?? { ticket: known });
      const allowed: Readonly<Record<string, readonly string[]>> = {
        open: ['open', 'suppressed'],
        suppressed: ['suppressed', 'open'],
      };
      expect(ticket.state).toBeOneOf([...(allowed[known.state] ?? [known.state])]);
    });

    expect(() => {
      fc.assert(property, { numRuns: 1000 });
    }).not.toThrow();
  });

  it('being told the same twice at the same moment changes nothing more', () => {
    const property = fc.property(storedTickets, remotes, nows, (known, remote, now) => {
      const once = ticketOf(told(known, remote, now) ?? { ticket: known });
      // A ticket that has just been given up there is not asked for again.
      const twice = once.remoteId === undefined ? once : ticketOf(told(once, remote, now) ?? { ticket: once });
      expect(twice).toEqual(once);
    });

    expect(() => {
      fc.assert(property, { numRuns: 1000 });
    }).not.toThrow();
  });
});
