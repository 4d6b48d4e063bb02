import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Sighting, TicketContent } from '../../../src/engine/tickets/life-cycle.ts';
import { Ticket } from '../../../src/tickets/ticket.ts';
import {
  afterLooks,
  at,
  clean,
  cleans,
  content,
  DAY,
  GRACE,
  graces,
  HOUR,
  item,
  look,
  MINUTE,
  nows,
  openTicket,
  sightings,
  storedTickets,
  ticketOf,
  unclear,
  violation,
  violations,
} from './ticket-samples.ts';

const gone: Sighting = { seen: 'gone', resolution: 'gone' };
const nodes = (count: number) => Array.from({ length: count }, (_, index) => item(`node-${index}`));

/** As `sightingsOf` hands on many nodes: fifty of them, and how many there are. */
function many(shown: readonly ReturnType<typeof item>[], itemCount: number): Partial<TicketContent> {
  return { items: shown, itemCount, evidenceHash: `${itemCount} nodes` };
}

describe('a problem without a ticket', () => {
  it('is pending when it is first seen, and asks for a second look', () => {
    const step = look(undefined, violation(), 0);

    expect(step).toMatchObject({ event: 'ticket-pending', lookAgainAt: at(GRACE) });
    expect(ticketOf(step)).toMatchObject({ state: 'pending', sequence: 0, occurrences: 1, generation: 1 });
  });

  it('is open at once when it is no matter of a second look', () => {
    const step = look(undefined, { ...violation(), isCertain: true }, 0);

    expect(step?.event).toBe('ticket-opened');
    expect(step).not.toHaveProperty('lookAgainAt');
    expect(ticketOf(step)).toMatchObject({ state: 'open', change: 'opened', sequence: 1 });
  });

  it.each([
    ['clean', clean],
    ['unclear', unclear],
    ['gone', gone],
  ])('gets none from a look that sees nothing of it: %s', (_seen, sighting) => {
    expect(look(undefined, sighting, 0)).toBeUndefined();
  });
});

describe('a pending ticket', () => {
  const pending = afterLooks(undefined, [0, violation()]);

  it('opens when the problem is seen again after the grace, with what is seen then', () => {
    const step = look(pending, violation({ items: [item('node-c')], evidence: '{"found":"node-c"}' }), GRACE);

    expect(step?.event).toBe('ticket-opened');
    expect(ticketOf(step)).toMatchObject({
      state: 'open',
      change: 'opened',
      sequence: 1,
      appliedSequence: 0,
      occurrences: 2,
      evidence: '{"found":"node-c"}',
      items: [item('node-c')],
      firstSeenAt: at(0).toISOString(),
      lastSeenAt: at(GRACE).toISOString(),
    });
  });

  it('stays pending when the problem is seen again earlier', () => {
    const step = look(pending, violation({ severity: 'high' }), GRACE - 1);

    expect(step).toEqual({ ticket: { ...ticketOf(step), state: 'pending', sequence: 0, severity: 'high' } });
  });

  it('opens at the next look of any time when the grace is zero', () => {
    expect(ticketOf(look(pending, violation(), 0, 0)).state).toBe('open');
  });

  it('opens early when the look is certain', () => {
    expect(ticketOf(look(pending, { ...violation(), isCertain: true }, MINUTE)).state).toBe('open');
  });

  it.each([
    ['proven clean', clean],
    ['gone', gone],
  ])('is dropped, and nobody hears of it, when the problem is %s', (_seen, sighting) => {
    expect(look(pending, sighting, MINUTE)).toEqual({ ticket: 'dropped', event: 'ticket-dropped' });
  });

  it('is as it was when a look cannot tell', () => {
    expect(look(pending, unclear, MINUTE)).toBeUndefined();
  });

  it('keeps the best proof of the looks that led to it', () => {
    expect(afterLooks(undefined, [0, violation()], [GRACE, violation({ strength: 1 })]).strength).toBe(3);
  });
});

describe('an open ticket whose problem is seen again', () => {
  it('counts the look, and has nothing to tell when the evidence is the same', () => {
    const open = openTicket();

    const step = look(open, violation({ because: 'in other words', evidence: '{"found":"b, a"}' }), DAY);

    const known = { ...open, because: 'in other words', evidence: '{"found":"b, a"}' };
    expect(step).toEqual({ ticket: { ...known, occurrences: 3, lastSeenAt: at(DAY).toISOString() } });
  });

  it('remembers that it has been proven better since, although that is no news', () => {
    const opened = openTicket({ strength: 1 });

    const step = look(opened, violation({ strength: 2 }), DAY);

    expect(step).not.toHaveProperty('event');
    expect(ticketOf(step)).toMatchObject({ strength: 2, sequence: opened.sequence });
  });

  it('tells of other evidence, with a comment that says what is new and what is no more', () => {
    const open = openTicket();

    const step = look(open, violation({ items: [item('node-b'), item('node-c')] }), DAY);

    expect(step?.event).toBe('ticket-updated');
    expect(ticketOf(step)).toMatchObject({
      state: 'open',
      change: 'updated',
      sequence: open.sequence + 1,
      items: [item('node-b'), item('node-c')],
      pendingComment: 'Now also: node-c. No longer: node-a.',
    });
  });

  it('tells of a changed severity, although the evidence is the same', () => {
    const step = look(openTicket(), violation({ severity: 'low' }), DAY);

    expect(step?.event).toBe('ticket-updated');
    expect(ticketOf(step)).toMatchObject({ severity: 'low', pendingComment: 'Severity medium → low.' });
  });

  it('tells of what no list shows in general words', () => {
    const step = look(openTicket(), violation({ confidence: 'likely', evidenceHash: 'other' }), DAY);

    expect(ticketOf(step).confidence).toBe('likely');
    expect(ticketOf(step).pendingComment).toBe('What was found has changed; the description is up to date.');
  });

  it.each([
    [DAY - 1, undefined],
    [DAY, 'Severity medium → high.'],
  ])('comments only when the last comment is a day old: after %d ms', (age, pendingComment) => {
    const open = openTicket({ lastCommentAt: at(HOUR).toISOString() });

    const ticket = ticketOf(look(open, violation({ severity: 'high' }), HOUR + age));

    expect(ticket.sequence).toBe(open.sequence + 1);
    expect(ticket.pendingComment).toBe(pendingComment);
  });

  it('forgets what is no longer said, but not who last changed the resource', () => {
    const open = openTicket({ because: 'old words' });
    const { actor: _actor, confidence: _confidence, remediationId: _remediation, ...bare } = content();

    const ticket = ticketOf(look(open, { seen: 'violation', content: { ...bare, evidenceHash: 'other' } }, DAY));

    expect(ticket).not.toHaveProperty('because');
    expect(ticket).not.toHaveProperty('confidence');
    expect(ticket).not.toHaveProperty('remediationId');
    expect(ticket.actor).toBe('somebody');
  });

  it('names who last changed the resource, as far as that is known now', () => {
    const step = look(openTicket(), violation({ actor: 'somebody else', evidenceHash: 'other' }), DAY);

    expect(ticketOf(step).actor).toBe('somebody else');
  });

  it('is not weaker for weaker evidence: what opened it is not disproven by that', () => {
    const weaker = afterLooks(openTicket(), [
      DAY,
      violation({ strength: 1, confidence: 'likely', evidenceHash: 'arm' }),
    ]);
    const weakProof: Sighting = { seen: 'clean', strength: 1, resolution: 'fixed' };

    const later = afterLooks(weaker, [2 * DAY, weakProof], [3 * DAY, weakProof]);

    expect(weaker).toMatchObject({ strength: 3, confidence: 'likely' });
    expect(later).toEqual(weaker);
  });

  it('begins the count of clean looks anew', () => {
    const ticket = afterLooks(openTicket(), [HOUR, clean], [2 * HOUR, violation()], [3 * HOUR, clean]);

    expect(ticket).toMatchObject({ state: 'open', cleanSince: at(3 * HOUR).toISOString() });
  });
});

describe('a ticket of more items than it lists', () => {
  const fifty = nodes(50);

  it('says how many there are now when another one appears that is not listed', () => {
    const open = openTicket(many(fifty, 50));

    expect(ticketOf(look(open, violation(many(fifty, 51)), DAY)).pendingComment).toBe('Now 51 instead of 50.');
  });

  it('does not take for gone what has only lost its place in the list', () => {
    const open = openTicket(many(fifty, 50));
    const shifted = [item('another'), ...fifty.slice(0, 49)];

    const { pendingComment } = ticketOf(look(open, violation(many(shifted, 51)), DAY));

    expect(pendingComment).toBe('Now 51 instead of 50. Now also: another.');
  });

  it('does not take for new what has only got a place in the list', () => {
    const open = openTicket(many(fifty, 51));
    const shifted = [...fifty.slice(1), item('not listed before')];

    const { pendingComment } = ticketOf(look(open, violation(many(shifted, 50)), DAY));

    expect(pendingComment).toBe('Now 50 instead of 51. No longer: node-0.');
  });

  it('says of exchanged ones only that something has changed', () => {
    const open = openTicket(many(fifty, 60));
    const others = { ...many(nodes(60).slice(10), 60), evidenceHash: 'others' };

    const { pendingComment } = ticketOf(look(open, violation(others), DAY));

    expect(pendingComment).toBe('What was found has changed; the description is up to date.');
  });

  it.each([
    ['fewer, and one that was not listed before', 59, { state: 'suppressed' }],
    ['as many, and one that was not listed before', 60, { state: 'suppressed' }],
    ['more', 61, { state: 'open', pendingComment: 'There are 61 now; there were 60 when it was put aside.' }],
  ] as const)('that was put aside is worse only when there are more: %s', (_what, itemCount, expected) => {
    const aside = openTicket({
      ...many(fifty, 60),
      state: 'suppressed',
      suppressUntil: at(90 * DAY).toISOString(),
      suppressedEvidence: fifty.map(({ id }) => id),
      suppressedSeverity: 'medium',
    });

    const step = look(aside, violation(many([...fifty.slice(1), item('other')], itemCount)), DAY);

    expect(ticketOf(step)).toMatchObject(expected);
  });
});

describe('an open ticket of which a look can say nothing', () => {
  it('stays as it is', () => {
    expect(look(openTicket(), unclear, DAY)).toBeUndefined();
  });

  it('begins the count of clean looks anew', () => {
    const open = openTicket();

    expect(afterLooks(open, [HOUR, clean], [2 * HOUR, unclear])).toEqual(open);
    expect(afterLooks(open, [HOUR, clean], [2 * HOUR, unclear], [3 * HOUR, clean]).state).toBe('open');
  });
});

describe('an open ticket whose problem is proven clean', () => {
  it('is resolved at the second look after the grace, which the first one asks for', () => {
    const open = openTicket({ pendingComment: 'not sent yet' });
    const first = look(open, clean, HOUR);

    const second = look(ticketOf(first), clean, HOUR + GRACE);

    expect(first).toEqual({
      ticket: { ...open, cleanSince: at(HOUR).toISOString() },
      lookAgainAt: at(HOUR + GRACE),
    });
    expect(second?.event).toBe('ticket-resolved');
    expect(ticketOf(second)).toMatchObject({
      state: 'resolved',
      change: 'resolved',
      resolution: 'fixed',
      resolvedAt: at(HOUR + GRACE).toISOString(),
      sequence: open.sequence + 1,
      remoteId: '7',
    });
    expect(ticketOf(second)).not.toHaveProperty('cleanSince');
    expect(ticketOf(second)).not.toHaveProperty('pendingComment');
  });

  it('is not resolved by a second look that comes too early', () => {
    expect(look(afterLooks(openTicket(), [HOUR, clean]), clean, HOUR + GRACE - 1)).toBeUndefined();
  });

  it('is resolved at once when the look is certain', () => {
    const ticket = ticketOf(look(openTicket(), { ...clean, isCertain: true }, HOUR));

    expect(ticket).toMatchObject({ state: 'resolved', resolution: 'fixed' });
  });

  it.each(['fixed', 'not-applicable', 'exempt'] as const)('says why it is over: %s', (resolution) => {
    const proof: Sighting = { seen: 'clean', strength: 3, resolution };

    expect(afterLooks(openTicket(), [HOUR, proof], [2 * HOUR, proof]).resolution).toBe(resolution);
  });

  it.each([1, 2] as const)('is not resolved by proof of strength %d when better proof opened it', (strength) => {
    const open = openTicket();
    const weak = { seen: 'clean', strength, resolution: 'fixed' } as const;

    expect(look(open, weak, HOUR)).toBeUndefined();
    expect(look(open, { ...weak, isCertain: true }, HOUR)).toBeUndefined();
    expect(afterLooks(open, [HOUR, clean], [2 * HOUR, weak])).toEqual(open);
  });

  it('is resolved by proof as weak as what opened it', () => {
    const weak: Sighting = { seen: 'clean', strength: 1, resolution: 'fixed' };

    expect(afterLooks(openTicket({ strength: 1 }), [HOUR, weak], [2 * HOUR, weak]).state).toBe('resolved');
  });

  it('is resolved although a person has closed it as fixed before', () => {
    const closed = openTicket({ remoteState: 'closed', closedByHandAt: at(HOUR).toISOString() });

    const ticket = afterLooks(closed, [2 * HOUR, clean], [3 * HOUR, clean]);

    expect(ticket).toMatchObject({ state: 'resolved', resolution: 'fixed', sequence: closed.sequence + 1 });
  });
});

describe('a ticket whose subject is gone', () => {
  it.each(['gone', 'policy-off'] as const)('is obsolete at once: %s', (resolution) => {
    const open = openTicket();

    const step = look(open, { seen: 'gone', resolution }, HOUR);

    expect(step?.event).toBe('ticket-obsolete');
    expect(ticketOf(step)).toMatchObject({
      state: 'obsolete',
      change: 'resolved',
      resolution,
      resolvedAt: at(HOUR).toISOString(),
      sequence: open.sequence + 1,
    });
  });

  it('that a person had put aside is obsolete as well, and nothing of that is left', () => {
    const aside = openTicket({
      state: 'suppressed',
      suppressUntil: at(DAY).toISOString(),
      suppressedEvidence: [],
      suppressedSeverity: 'medium',
    });

    const ticket = ticketOf(look(aside, gone, HOUR));

    expect(ticket.state).toBe('obsolete');
    for (const name of ['suppressUntil', 'suppressedEvidence', 'suppressedSeverity'])
      expect(ticket).not.toHaveProperty(name);
  });

  it.each(['resolved', 'obsolete'] as const)('and that is %s stays so', (state) => {
    const over = openTicket({ state });

    expect(look(over, gone, HOUR)).toBeUndefined();
    expect(ticketOf(look({ ...over, seenAgainAt: at(0).toISOString() }, gone, HOUR))).toEqual(over);
  });
});

describe('a ticket that a person closed as fixed', () => {
  const closed = openTicket({ remoteState: 'closed', closedByHandAt: at(HOUR).toISOString() });

  it('is left alone for a day while the problem is still there', () => {
    expect(look(closed, violation(), HOUR + DAY - 1)).toEqual({
      ticket: { ...closed, occurrences: 3, lastSeenAt: at(HOUR + DAY - 1).toISOString() },
    });
  });

  it('is reopened once when the problem is still there a day later', () => {
    const step = look(closed, violation({ items: [item('node-c')] }), HOUR + DAY);

    expect(step?.event).toBe('ticket-reopened');
    expect(ticketOf(step)).toMatchObject({
      state: 'open',
      change: 'reopened',
      humanReopens: 1,
      items: [item('node-c')],
      pendingComment: 'Closed as fixed, but the problem is still there.',
      sequence: closed.sequence + 1,
    });
    expect(ticketOf(step)).not.toHaveProperty('closedByHandAt');
  });

  it('a second time is put aside for seven days, with what was seen then', () => {
    const step = look({ ...closed, humanReopens: 1 }, violation({ items: [item('node-c')] }), HOUR + DAY);

    expect(step?.event).toBe('ticket-suppressed');
    expect(ticketOf(step)).toMatchObject({
      state: 'suppressed',
      change: 'suppressed',
      humanReopens: 1,
      suppressUntil: at(HOUR + 8 * DAY).toISOString(),
      suppressedEvidence: ['uid-node-c'],
      suppressedSeverity: 'medium',
    });
  });
});

describe('a ticket that was put aside', () => {
  const aside = openTicket({
    state: 'suppressed',
    remoteState: 'closed',
    suppressUntil: at(90 * DAY).toISOString(),
    suppressedEvidence: ['uid-node-a', 'uid-node-b'],
    suppressedSeverity: 'medium',
  });

  it.each([
    ['the same', {}],
    ['less', { items: [item('node-b')] }],
    ['of lower severity', { severity: 'low' }],
    ['found in another way', { evidenceHash: 'other', confidence: 'likely' }],
  ] as const)('stays aside while the problem is %s', (_what, change) => {
    const step = look(aside, violation(change), DAY);

    expect(step).toEqual({ ticket: { ...aside, occurrences: 3, lastSeenAt: at(DAY).toISOString() } });
  });

  it.each([
    ['the severity has risen', { severity: 'high' }, DAY, 'The severity has risen to high.'],
    [
      'another node is concerned',
      { items: [item('node-a'), item('node-c')] },
      DAY,
      'New since it was put aside: node-c.',
    ],
    ['the time is over', {}, 90 * DAY, 'It was put aside for a time that is over, and the problem is still there.'],
  ] as const)('is reopened with the reason when %s', (_when, change, moment, pendingComment) => {
    const step = look(aside, violation(change), moment);

    expect(step?.event).toBe('ticket-reopened');
    expect(ticketOf(step)).toMatchObject({ state: 'open', change: 'reopened', pendingComment, generation: 1 });
    expect(ticketOf(step).sequence).toBe(aside.sequence + 1);
    for (const name of ['suppressUntil', 'suppressedEvidence', 'suppressedSeverity'])
      expect(ticketOf(step)).not.toHaveProperty(name);
  });

  it('is judged by its own severity, and every item is new, when the row does not say more', () => {
    const { suppressedEvidence: _items, suppressedSeverity: _severity, ...bare } = aside;

    expect(ticketOf(look(bare, violation({ severity: 'high' }), DAY)).pendingComment).toContain('severity');
    expect(ticketOf(look(bare, violation(), DAY)).pendingComment).toContain('node-a, node-b');
    expect(ticketOf(look(bare, violation({ items: [] }), DAY)).state).toBe('suppressed');
  });

  it('never comes back by time when the row names none', () => {
    const { suppressUntil: _until, ...endless } = aside;

    expect(ticketOf(look(endless, violation(), 9 * 365 * DAY)).state).toBe('suppressed');
  });

  it('is resolved when the problem is proven clean', () => {
    const ticket = afterLooks(aside, [DAY, clean], [2 * DAY, clean]);

    expect(ticket).toMatchObject({ state: 'resolved', resolution: 'fixed', sequence: aside.sequence + 1 });
    expect(ticket).toHaveProperty('suppressUntil', aside.suppressUntil);
  });

  it('stays aside when the problem comes back within its time, and the other system hears nothing', () => {
    const over = afterLooks(aside, [DAY, clean], [2 * DAY, clean]);

    const back = afterLooks(over, [3 * DAY, violation()], [4 * DAY, violation()]);

    expect(back).toMatchObject({ state: 'suppressed', sequence: over.sequence, generation: over.generation });
    expect(back).not.toHaveProperty('resolution');
  });

  it('is open again when the problem comes back worse, or after its time', () => {
    const over = afterLooks(aside, [DAY, clean], [2 * DAY, clean]);
    const worse = violation({ severity: 'high' });
    const late = Date.parse(aside.suppressUntil ?? '') - at(0).getTime() + DAY;

    for (const [first, second] of [
      [
        [3 * DAY, worse],
        [4 * DAY, worse],
      ],
      [
        [late, violation()],
        [late + DAY, violation()],
      ],
    ] as const) {
      const back = afterLooks(over, first, second);
      expect(back.state).toBe('open');
      expect(back).not.toHaveProperty('suppressUntil');
    }
  });

  it('stays aside when a look cannot tell, or proves too little', () => {
    expect(look(aside, unclear, DAY)).toBeUndefined();
    expect(look(aside, { seen: 'clean', strength: 2, resolution: 'fixed' }, DAY)).toBeUndefined();
  });
});

describe('a resolved ticket', () => {
  const resolved = openTicket({
    state: 'resolved',
    remoteState: 'closed',
    resolution: 'fixed',
    resolvedAt: at(HOUR).toISOString(),
    closedByHandAt: at(0).toISOString(),
    humanReopens: 1,
  });

  it('waits for a second look when the problem is seen again, and asks for it', () => {
    const first = look(resolved, violation(), DAY);
    const tooEarly = look(ticketOf(first), violation(), DAY + GRACE - 1);

    expect(first?.lookAgainAt).toEqual(at(DAY + GRACE));
    expect(first).not.toHaveProperty('event');
    expect(ticketOf(first)).toMatchObject({
      state: 'resolved',
      seenAgainAt: at(DAY).toISOString(),
      sequence: resolved.sequence,
    });
    expect(tooEarly).not.toHaveProperty('lookAgainAt');
    expect(ticketOf(tooEarly)).toMatchObject({ state: 'resolved', seenAgainAt: at(DAY).toISOString() });
  });

  it('is reopened at the second look, up to fourteen days after it was resolved', () => {
    const seen = afterLooks(resolved, [HOUR + 14 * DAY - GRACE, violation({ strength: 1 })]);

    const step = look(seen, violation({ strength: 1 }), HOUR + 14 * DAY);

    expect(step?.event).toBe('ticket-reopened');
    expect(ticketOf(step)).toMatchObject({
      state: 'open',
      change: 'reopened',
      generation: 1,
      remoteId: '7',
      pendingComment: 'The problem is back.',
      sequence: resolved.sequence + 1,
      firstSeenAt: at(0).toISOString(),
      // What was proven before is over.
      strength: 1,
      humanReopens: 0,
    });
    for (const name of ['seenAgainAt', 'resolution', 'closedByHandAt']) expect(ticketOf(step)).not.toHaveProperty(name);
  });

  it('keeps the best proof of the looks that brought it back, and none from before', () => {
    const [strong, weak] = [violation({ strength: 2 }), violation({ strength: 1 })];

    expect(afterLooks(resolved, [DAY, strong], [2 * DAY, weak])).toMatchObject({ state: 'open', strength: 2 });
    expect(afterLooks(resolved, [DAY, weak], [2 * DAY, strong])).toMatchObject({ state: 'open', strength: 2 });
    expect(afterLooks(resolved, [DAY, weak], [2 * DAY, weak])).toMatchObject({ state: 'open', strength: 1 });
  });

  it('later than that is the next generation: a new ticket in the other system', () => {
    const seenAt = HOUR + 14 * DAY + 1;
    const seen = afterLooks({ ...resolved, missingSince: at(0).toISOString(), attempts: 4 }, [seenAt, violation()]);

    const step = look(seen, violation(), seenAt + GRACE);

    expect(step?.event).toBe('ticket-opened');
    expect(ticketOf(step)).toMatchObject({
      state: 'open',
      change: 'opened',
      generation: 2,
      generationSince: at(seenAt + GRACE).toISOString(),
      firstSeenAt: at(seenAt).toISOString(),
      occurrences: 1,
      humanReopens: 0,
      attempts: 0,
      sequence: resolved.sequence + 1,
    });
    for (const name of ['remoteId', 'remoteUrl', 'remoteState', 'remoteSystem', 'missingSince', 'pendingComment'])
      expect(ticketOf(step)).not.toHaveProperty(name);
  });

  it('is reopened at once when the look is certain', () => {
    expect(ticketOf(look(resolved, { ...violation(), isCertain: true }, DAY)).state).toBe('open');
  });

  it('of which nobody knows when it was resolved is the next generation', () => {
    const { resolvedAt: _when, ...undated } = resolved;

    const ticket = ticketOf(look(undated, { ...violation(), isCertain: true }, DAY));

    expect(ticket).toMatchObject({ generation: 2, firstSeenAt: at(DAY).toISOString() });
  });

  it.each([
    ['clean', clean],
    ['unclear', unclear],
  ])('forgets that the problem was seen again when the next look is %s', (_seen, sighting) => {
    expect(afterLooks(resolved, [DAY, violation()], [2 * DAY, sighting])).toEqual({
      ...resolved,
      occurrences: 3,
      lastSeenAt: at(DAY).toISOString(),
    });
    expect(look(resolved, sighting, DAY)).toBeUndefined();
  });
});

describe('an obsolete ticket', () => {
  it('is the next generation when the problem comes back, however soon', () => {
    const obsolete = afterLooks(openTicket(), [HOUR, gone]);

    const ticket = afterLooks(obsolete, [2 * HOUR, violation()], [3 * HOUR, violation()]);

    expect(ticket).toMatchObject({ state: 'open', change: 'opened', generation: 2 });
    expect(ticket).not.toHaveProperty('remoteId');
  });

  it('stays so when a look finds nothing wrong', () => {
    expect(look(openTicket({ state: 'obsolete' }), clean, HOUR)).toBeUndefined();
  });
});

/** The ticket after one look; as it was where the look says nothing new. */
function afterwards(known: Ticket, sighting: Sighting, graceMs: number, now: Date): Ticket | 'dropped' {
  return look(known, sighting, now.getTime() - at(0).getTime(), graceMs)?.ticket ?? known;
}

function isProven(known: Ticket, sighting: Sighting, graceMs: number, now: Date): boolean {
  if (sighting.seen !== 'clean' || sighting.strength < known.strength) return false;
  if (sighting.isCertain === true) return true;
  return known.cleanSince !== undefined && now.getTime() >= Date.parse(known.cleanSince) + graceMs;
}

function isPutAside({ closedByHandAt, humanReopens }: Ticket, { seen }: Sighting, now: Date): boolean {
  if (seen !== 'violation' || humanReopens === 0 || closedByHandAt === undefined) return false;
  return now.getTime() >= Date.parse(closedByHandAt) + DAY;
}

describe('whatever the table holds and a look says', () => {
  it('nothing throws, the row can be read again, and neither sequence nor generation falls', () => {
    const property = fc.property(storedTickets, sightings, graces, nows, (known, sighting, graceMs, now) => {
      const after = afterwards(known, sighting, graceMs, now);
      const kept = after === 'dropped' ? known : after;
      expect(Ticket.parse(kept)).toEqual(kept);
      // Aside again is no news for the other system: it is closed there.
      const isSilent = kept.state === known.state || (known.state === 'resolved' && kept.state === 'suppressed');
      expect(kept.sequence - known.sequence).toBeOneOf(isSilent ? [0, 1] : [1]);
      expect(kept.generation - known.generation).toBeOneOf([0, 1]);
      expect(kept.appliedSequence).toBe(known.appliedSequence);
      return after !== 'dropped' || known.state === 'pending';
    });

    expect(() => {
      fc.assert(property, { numRuns: 2000 });
    }).not.toThrow();
  });

  it('a look that cannot tell changes no state, and has no news', () => {
    const property = fc.property(storedTickets, graces, nows, (known, graceMs, now) => {
      const step = look(known, unclear, now.getTime() - at(0).getTime(), graceMs) ?? { ticket: known };
      expect(step).not.toHaveProperty('event');
      expect(ticketOf(step)).toMatchObject({ state: known.state, sequence: known.sequence });
    });

    expect(() => {
      fc.assert(property);
    }).not.toThrow();
  });

  it('proof that is weaker than what opened a ticket never resolves it', () => {
    const pairs = fc.tuple(storedTickets, cleans).filter(([{ strength }, proof]) => proof.strength < strength);
    const told = fc.constantFrom('open', 'suppressed');
    const property = fc.property(pairs, told, graces, nows, ([stored, proof], state, graceMs, now) => {
      const known = { ...stored, state };
      const looks: readonly Sighting[] = [proof, { ...proof, isCertain: true }];
      expect(looks.map((sighting) => afterwards(known, sighting, graceMs, now))).toMatchObject([{ state }, { state }]);
    });

    expect(() => {
      fc.assert(property);
    }).not.toThrow();
  });

  it('an open ticket ends by proof, by the end of its subject, or by hand, and by nothing else', () => {
    const property = fc.property(storedTickets, sightings, graces, nows, (stored, sighting, graceMs, now) => {
      const known: Ticket = { ...stored, state: 'open' };
      const ends = [
        ...(isProven(known, sighting, graceMs, now) ? ['resolved'] : []),
        ...(sighting.seen === 'gone' ? ['obsolete'] : []),
        ...(isPutAside(known, sighting, now) ? ['suppressed'] : []),
      ];
      expect(afterwards(known, sighting, graceMs, now)).toMatchObject({ state: ends[0] ?? 'open' });
    });

    expect(() => {
      fc.assert(property, { numRuns: 2000 });
    }).not.toThrow();
  });

  it('the same look twice at the same moment is told to others once at most', () => {
    const plausible = storedTickets.filter(
      ({ state, closedByHandAt }) => state !== 'pending' || closedByHandAt === undefined,
    );
    const property = fc.property(plausible, sightings, graces, nows, (known, sighting, graceMs, now) => {
      const once = afterwards(known, sighting, graceMs, now);
      const twice = once === 'dropped' ? once : afterwards(once, sighting, graceMs, now);
      const raised = twice === 'dropped' ? 0 : twice.sequence - known.sequence;
      expect(raised).toBeOneOf([0, 1]);
    });

    expect(() => {
      fc.assert(property, { numRuns: 2000 });
    }).not.toThrow();
  });
});

interface Moment {
  readonly time: number;
  readonly sighting: Sighting;
}

/** The looks of a history, with when each of them came. */
const histories = fc
  .array(
    fc.record({
      pause: fc.constantFrom(MINUTE, GRACE, HOUR, DAY, 20 * DAY),
      sighting: fc.oneof(violations, cleans, fc.constant(unclear)),
      times: fc.integer({ min: 1, max: 3 }),
    }),
    { minLength: 2, maxLength: 15 },
  )
  .map((blocks) => {
    let time = 0;
    return blocks
      .flatMap(({ pause, sighting, times }) => Array.from({ length: times }, () => ({ pause, sighting })))
      .map(({ pause, sighting }): Moment => {
        time += pause;
        return { time, sighting };
      });
  });

/** Did the last of these looks and one at least the grace before say so, and every look between them? */
function isConfirmed(looks: readonly Moment[], isSo: (sighting: Sighting) => boolean): boolean {
  const { time = 0 } = looks.at(-1) ?? {};
  const since = looks.findLastIndex(({ sighting }) => !isSo(sighting));
  const [first] = looks.slice(since + 1);
  return first !== undefined && time - first.time >= GRACE;
}

/** The best evidence of these looks. */
function best(looks: readonly Moment[]): number {
  return Math.max(0, ...looks.map(({ sighting }) => (sighting.seen === 'violation' ? sighting.content.strength : 0)));
}

describe('in any history of looks', () => {
  it('a ticket opens on two looks that saw the problem, and closes on two that proved its end, as well as it had been proven', () => {
    const counted = { opened: 0, resolved: 0 };
    const property = fc.property(histories, (history) => {
      let ticket: Ticket | undefined;
      /** First look of what is now a problem, or an end of one. */
      let begun = 0;
      const wrong: unknown[] = [];
      for (const [index, { time, sighting }] of history.entries()) {
        const before = ticket?.state;
        const step = look(ticket, sighting, time);
        if (step !== undefined) ticket = step.ticket === 'dropped' ? undefined : step.ticket;
        const state = ticket?.state;
        const looks = history.slice(begun, index + 1);
        if (state === 'open' && before !== 'open') {
          // A look that cannot tell leaves a pending ticket as it is.
          const isSo = ({ seen }: Sighting) => seen === 'violation' || (before === 'pending' && seen === 'unclear');
          if (sighting.seen !== 'violation' || !isConfirmed(looks, isSo)) wrong.push({ index, state });
          counted.opened += 1;
        }
        if (before === 'open' && state !== 'open') {
          const needed = best(looks);
          const isSo = (seen: Sighting) => seen.seen === 'clean' && seen.strength >= needed;
          if (state !== 'resolved' || !isConfirmed(looks, isSo)) wrong.push({ index, state });
          counted.resolved += 1;
        }
        if (state === undefined || (state === 'resolved' && sighting.seen !== 'violation')) begun = index + 1;
      }
      expect(wrong).toEqual([]);
    });

    expect(() => {
      fc.assert(property, { numRuns: 1000 });
    }).not.toThrow();
    expect(counted.opened).toBeGreaterThan(100);
    expect(counted.resolved).toBeGreaterThan(50);
  });
});
