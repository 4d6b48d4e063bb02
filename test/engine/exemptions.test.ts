import * as fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import {
  type FoundExemption,
  isEndToAnnounce,
  type ReadExemption,
  readExemption,
  weighExemptions,
} from '../../src/engine/exemptions.ts';
import type { ExemptionRecord, Finding } from '../../src/findings/findings.ts';
import type { PendingCause } from '../../src/work/work-items.ts';

const POLICY = 'acr-admin-user-disabled';
const TAG = `dockwarden-exempt-${POLICY}`;
const NOW = new Date('2026-11-23T10:00:00.000Z');
const DAY = 86_400_000;
const MAX_DAYS = 90;

function read(value: unknown, now = NOW, maxDays = MAX_DAYS): ReadExemption {
  return readExemption({ [TAG]: value }, POLICY, maxDays, now);
}

function valid(expires: string, reason: string, ticket: string): ReadExemption {
  return { state: 'valid', expires: new Date(expires), reason, ticket };
}

const EXPIRED: ReadExemption = { state: 'expired' };
const NONE: ReadExemption = { state: 'none' };
const invalid = (problem: string): ReadExemption => ({ state: 'invalid', problem });
const NO_DATE = invalid('it does not start with a date yyyy-mm-dd');
const NO_PARTS = invalid('it needs three parts: date, reason and ticket, with ; between');
const TOO_FAR = invalid('it reaches more than 90 days ahead');

const table: readonly (readonly [name: string, value: string, result: ReadExemption])[] = [
  ['valid', '2026-12-24;reason;OPS-1', valid('2026-12-25T00:00:00Z', 'reason', 'OPS-1')],
  ['today', '2026-11-23;reason;OPS-1', valid('2026-11-24T00:00:00Z', 'reason', 'OPS-1')],
  ['the last day allowed', '2027-02-21;reason;OPS-1', valid('2027-02-22T00:00:00Z', 'reason', 'OPS-1')],
  ['a day further', '2027-02-22;reason;OPS-1', TOO_FAR],
  ['the last day there is', '9999-12-31;reason;OPS-1', TOO_FAR],
  ['yesterday', '2026-11-22;reason;OPS-1', EXPIRED],
  ['the first day there is', '0000-01-01;reason;OPS-1', EXPIRED],
  ['past, and nothing else', '2020-02-29', EXPIRED],
  ['past, without reason', '2020-02-29;;', EXPIRED],
  ['nothing', '', NO_DATE],
  ['only separators', ';;', NO_DATE],
  ['no date', 'reason;OPS-1', NO_DATE],
  ['an empty date', ';reason;OPS-1', NO_DATE],
  ['30 February', '2027-02-30;reason;OPS-1', NO_DATE],
  ['29 February of another year', '2027-02-29;reason;OPS-1', NO_DATE],
  ['31 April', '2027-04-31;reason;OPS-1', NO_DATE],
  ['month 13', '2026-13-01;reason;OPS-1', NO_DATE],
  ['month 0', '2026-00-10;reason;OPS-1', NO_DATE],
  ['day 0', '2026-12-00;reason;OPS-1', NO_DATE],
  ['a day with one digit', '2026-12-1;reason;OPS-1', NO_DATE],
  ['a year with five digits', '12026-12-01;reason;OPS-1', NO_DATE],
  ['a year with a sign', '+002026-12-01;reason;OPS-1', NO_DATE],
  ['a negative year', '-2026-12-01;reason;OPS-1', NO_DATE],
  ['slashes', '2026/12/24;reason;OPS-1', NO_DATE],
  ['the German order', '24.12.2026;reason;OPS-1', NO_DATE],
  ['a time, too', '2026-12-24T00:00:00Z;reason;OPS-1', NO_DATE],
  ['full-width digits', '２０２６-１２-２４;reason;OPS-1', NO_DATE],
  ['Arabic digits', '٢٠٢٦-١٢-٢٤;reason;OPS-1', NO_DATE],
  ['other dashes', '2026–12–24;reason;OPS-1', NO_DATE],
  ['commas', '2026-12-24,reason,OPS-1', NO_DATE],
  ['full-width semicolons', '2026-12-24；reason；OPS-1', NO_DATE],
  ['only a date', '2026-12-24', NO_PARTS],
  ['no ticket', '2026-12-24;reason', NO_PARTS],
  ['an empty reason', '2026-12-24;;OPS-1', invalid('it gives no reason')],
  ['a blank reason', '2026-12-24; \t ;OPS-1', invalid('it gives no reason')],
  ['a reason of nothing visible', '2026-12-24;\u200B\u0000;OPS-1', invalid('it gives no reason')],
  ['an empty ticket', '2026-12-24;reason;', invalid('it names no ticket')],
  ['a ticket of nothing visible', '2026-12-24;reason;\u2060', invalid('it names no ticket')],
  ['; in the reason', '2026-12-24;one;two;;three;OPS-1', valid('2026-12-25T00:00:00Z', 'one;two;;three', 'OPS-1')],
  ['blanks around', '  2026-12-24 ; a reason ;\tOPS-1\n', valid('2026-12-25T00:00:00Z', 'a reason', 'OPS-1')],
  [
    'control characters',
    '2026-12-24;a\u0000 \u001B[31mrea\u202Eson;OPS\r\n-1',
    valid('2026-12-25T00:00:00Z', 'a [31mreason', 'OPS-1'),
  ],
  ['half a character', '2026-12-24;\uD83D;OPS-1', invalid('it gives no reason')],
];

describe('one tag', () => {
  it.each(table)('%s: %j', (_, value, result) => {
    expect(read(value)).toEqual(result);
  });

  it('holds until the last moment of its day, and not at the first of the next', () => {
    const value = '2026-12-24;reason;OPS-1';
    const end = Date.parse('2026-12-25T00:00:00Z');

    expect(read(value, new Date(end - 1000))).toMatchObject({ state: 'valid' });
    expect(read(value, new Date(end - 1))).toMatchObject({ state: 'valid' });
    expect(read(value, new Date(end))).toEqual(EXPIRED);
    expect(read(value, new Date(end + 1000))).toEqual(EXPIRED);
  });

  it('counts its reach in days of the calendar, at whatever time of the day', () => {
    const value = '2026-12-24;reason;OPS-1';

    for (const time of ['00:00:00.000', '12:00:00.000', '23:59:59.999']) {
      expect(read(value, new Date(`2026-12-23T${time}Z`), 1)).toMatchObject({ state: 'valid' });
      expect(read(value, new Date(`2026-12-22T${time}Z`), 1)).toMatchObject({ state: 'invalid' });
    }
  });

  it('is kept short, and whole characters only', () => {
    const long = read(`2026-12-24;${'r'.repeat(250)};${'t'.repeat(250)}`);
    const cut = read(`2026-12-24;${'r'.repeat(199)}\u{1F600};OPS-1`);

    expect(long).toMatchObject({ reason: 'r'.repeat(200), ticket: 't'.repeat(200) });
    expect(cut).toMatchObject({ reason: `${'r'.repeat(199)}\uFFFD` });
  });

  it.each([1, null, true, {}, [], ['2026-12-24;reason;OPS-1']])('%j is no text', (value) => {
    expect(read(value)).toEqual({ state: 'unreadable', problem: `tag ${TAG} is no text` });
  });
});

describe('the tags', () => {
  it.each([undefined, null, {}])('%j are none', (present) => {
    expect(readExemption(present, POLICY, MAX_DAYS, NOW)).toEqual(NONE);
  });

  it.each(['', 'text', 7, true, [], [TAG]])('%j are no map', (present) => {
    expect(readExemption(present, POLICY, MAX_DAYS, NOW)).toMatchObject({ state: 'unreadable' });
  });

  it.each([
    'dockwarden-exempt-acr-second-password-fresh',
    'dockwarden-exempt-acr-admin-user-disabled-',
    'xdockwarden-exempt-acr-admin-user-disabled',
    ' dockwarden-exempt-acr-admin-user-disabled',
    'dockwarden-exempt-',
    'dockwarden_exempt_acr_admin_user_disabled',
    'acr-admin-user-disabled',
  ])('%j is another tag', (name) => {
    expect(readExemption({ [name]: '2026-12-24;reason;OPS-1' }, POLICY, MAX_DAYS, NOW)).toEqual(NONE);
  });

  it.each(['DOCKWARDEN-EXEMPT-ACR-ADMIN-USER-DISABLED', 'Dockwarden-Exempt-acr-Admin-User-disabled'])(
    '%s is the same name',
    (name) => {
      expect(readExemption({ [name]: '2026-12-24;reason;OPS-1' }, POLICY, MAX_DAYS, NOW)).toMatchObject({
        state: 'valid',
      });
    },
  );

  it('never make it throw, and only a readable date of the future exempts', () => {
    const days = fc.integer({ min: -400, max: 400 }).map((offset) => {
      return new Date(NOW.getTime() + offset * DAY).toISOString().slice(0, 10);
    });
    const part = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: 'grapheme' }),
      fc.constantFrom('', ' ', ';'),
    );
    const text = fc.oneof(
      fc.tuple(fc.oneof(days, part), part, part).map((parts) => parts.join(';')),
      fc.string({ unit: 'binary', maxLength: 300 }),
    );
    const value = fc.oneof(text, fc.anything());
    const anyTags = fc.oneof(
      fc.anything(),
      value.map((content) => ({ [TAG]: content })),
      fc.dictionary(fc.constantFrom(TAG, TAG.toUpperCase(), '__proto__', 'other'), value),
    );

    fc.assert(
      fc.property(anyTags, fc.integer({ min: 1, max: 366 }), (present, maxDays) => {
        const exemption = readExemption(present, POLICY, maxDays, NOW);

        if (exemption.state !== 'valid') return;
        const { expires = NOW, reason, ticket = '' } = exemption;
        expect(expires > NOW).toBe(true);
        expect(expires.getTime()).toBeLessThanOrEqual(NOW.getTime() + (maxDays + 1) * DAY);
        expect(reason.trim()).not.toBe('');
        expect(ticket.trim()).not.toBe('');
        expect(`${reason}${ticket}`).not.toMatch(/\p{Cc}|\p{Cf}/u);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('the time zone of the host does not matter (R48)', () => {
  const before = process.env['TZ'];

  afterAll(() => {
    if (before === undefined) delete process.env['TZ'];
    else process.env['TZ'] = before;
  });

  it.each(['Pacific/Kiritimati', 'Pacific/Pago_Pago', 'America/New_York', 'Asia/Kolkata', 'UTC'])('%s', (zone) => {
    process.env['TZ'] = zone;
    const offset = new Date('2026-11-23T10:00:00Z').getTimezoneOffset();
    const expected: Readonly<Record<string, number>> = {
      'Pacific/Kiritimati': -840,
      'Pacific/Pago_Pago': 660,
      'America/New_York': 300,
      'Asia/Kolkata': -330,
      UTC: 0,
    };

    expect(offset).toBe(expected[zone]);
    expect(table.map(([, value]) => read(value))).toEqual(table.map(([, , result]) => result));
    const end = Date.parse('2026-12-25T00:00:00Z');
    const value = '2026-12-24;reason;OPS-1';
    expect([-1000, 0, 1000].map((ms) => read(value, new Date(end + ms)).state)).toEqual([
      'valid',
      'expired',
      'expired',
    ]);
  });
});

const SETTINGS = {
  maxDays: MAX_DAYS,
  sources: ['resource', 'resource-group'],
  noticeMs: 7 * DAY,
  graceMs: DAY,
  undoMs: 0,
} as const;
const LATER: ReadExemption = valid('2026-12-25T00:00:00Z', 'reason', 'OPS-1');
const SOON: ReadExemption = valid('2026-11-26T00:00:00Z', 'soon', 'OPS-2');
const UNREADABLE: ReadExemption = { state: 'unreadable', problem: 'the tags are not a map' };

function tags(resource: ReadExemption, group?: ReadExemption): readonly FoundExemption[] {
  return [
    { source: 'resource', read: resource },
    ...(group === undefined ? [] : [{ source: 'resource-group' as const, read: group }]),
  ];
}

function finding(changes: Partial<Finding> = {}): Finding {
  return {
    resourceId: '/x',
    subscriptionId: 's',
    policyId: POLICY,
    severity: 'high',
    status: 'open',
    verdict: 'violation',
    since: NOW.toISOString(),
    updated: NOW.toISOString(),
    attempts: 0,
    ...changes,
  };
}

function eventBy(id: string | undefined): PendingCause {
  const time = NOW.toISOString();
  return { kind: 'event', id: 'e1', time, queuedAt: time, ...(id !== undefined && { actor: { id } }) };
}

const RECORD: ExemptionRecord = {
  source: 'resource',
  expires: '2026-12-25T00:00:00.000Z',
  reason: 'reason',
  ticket: 'OPS-1',
  seenAt: '2026-11-01T00:00:00.000Z',
  renewals: 2,
  by: 'somebody',
  isEndAnnounced: true,
};

function weigh(found: readonly FoundExemption[], previous?: Finding, cause?: PendingCause, now = NOW) {
  return weighExemptions(found, previous, cause, SETTINGS, now);
}

describe('what is found is weighed', () => {
  it.each<readonly [string, readonly FoundExemption[], string]>([
    ['nothing at all', [], 'none'],
    ['no tag', tags(NONE, NONE), 'none'],
    ['expired ones', tags(EXPIRED, EXPIRED), 'none'],
    ['valid', tags(LATER), 'exempt'],
    ['valid beside invalid', tags(NO_DATE, LATER), 'exempt'],
    ['valid beside unreadable', tags(UNREADABLE, LATER), 'exempt'],
    ['valid beside expired', tags(EXPIRED, LATER), 'exempt'],
    ['unreadable', tags(UNREADABLE), 'unreadable'],
    ['unreadable beside none', tags(NONE, UNREADABLE), 'unreadable'],
    ['unreadable beside invalid', tags(NO_DATE, UNREADABLE), 'unreadable'],
    ['unreadable beside expired', tags(UNREADABLE, EXPIRED), 'unreadable'],
    ['invalid', tags(NO_DATE), 'invalid'],
    ['invalid beside none', tags(NONE, NO_PARTS), 'invalid'],
    ['invalid beside expired', tags(EXPIRED, NO_PARTS), 'invalid'],
  ])('%s', (_, found, state) => {
    expect(weigh(found).exemption.state).toBe(state);
  });

  it('the longer of two valid ones counts, whichever comes first', () => {
    expect(weigh(tags(LATER, SOON)).exemption).toMatchObject({ reason: 'exempt-resource' });
    expect(weigh(tags(SOON, LATER)).exemption).toMatchObject({ reason: 'exempt-resource-group' });
  });

  it('a valid one is looked at again when its end is to be announced, and then at its end', () => {
    expect(weigh(tags(LATER)).exemption).toMatchObject({ until: new Date('2026-12-18T00:00:00Z') });
    expect(weigh(tags(SOON)).exemption).toMatchObject({ until: new Date('2026-11-26T00:00:00Z') });
    const at = new Date('2026-12-18T00:00:00Z');
    expect(weigh(tags(LATER), undefined, undefined, at).exemption).toMatchObject({
      until: new Date('2026-12-25T00:00:00Z'),
    });
  });

  it('an unreadable one says where and what', () => {
    expect(weigh(tags(NONE, UNREADABLE)).exemption).toEqual({
      state: 'unreadable',
      because: 'exemptions of the resource-group cannot be read: the tags are not a map',
      isPassing: false,
    });
  });
});

describe('the grace of an invalid tag', () => {
  it('begins when it is first seen', () => {
    const { exemption, memory } = weigh(tags(NO_DATE));

    expect(memory).toEqual({ exemptionInvalidSince: '2026-11-23T10:00:00.000Z' });
    expect(exemption).toEqual({
      state: 'invalid',
      because:
        'the exemption tag of the resource is not valid: it does not start with a date yyyy-mm-dd; it counts for nothing from 2026-11-24T10:00:00.000Z on',
      until: new Date('2026-11-24T10:00:00Z'),
    });
  });

  it.each([
    ['a second before', DAY - 1000, 'invalid'],
    ['at its end', DAY, 'none'],
    ['a second after', DAY + 1000, 'none'],
  ])('ends after a day, whatever the tag says by then: %s', (_, ms, state) => {
    const previous = finding({ exemptionInvalidSince: NOW.toISOString() });
    const now = new Date(NOW.getTime() + ms);

    for (const tag of [NO_DATE, NO_PARTS, TOO_FAR]) {
      const { exemption, memory } = weigh(tags(tag), previous, undefined, now);
      expect(exemption.state).toBe(state);
      expect(memory).toEqual({ exemptionInvalidSince: NOW.toISOString() });
    }
  });

  it('is remembered while something else cannot be read', () => {
    const previous = finding({ exemptionInvalidSince: '2026-11-23T00:00:00.000Z' });

    expect(weigh(tags(NO_DATE, UNREADABLE), previous).memory).toEqual({
      exemptionInvalidSince: '2026-11-23T00:00:00.000Z',
    });
  });

  it('is over with the tag', () => {
    const since = '2026-11-20T00:00:00.000Z';

    expect(weigh(tags(NONE), finding({ exemptionInvalidSince: since })).memory).toEqual({});
    expect(weigh(tags(LATER), finding({ exemptionInvalidSince: since })).memory).not.toHaveProperty(
      'exemptionInvalidSince',
    );
  });

  it('is had once by a tag that stays invalid while the violation comes and goes, and again after a month', () => {
    const since = '2026-11-20T00:00:00.000Z';
    const longAgo = finding({ status: 'closed', exemptionInvalidSince: '2026-10-20T00:00:00.000Z' });

    expect(weigh(tags(NO_DATE), finding({ status: 'closed', exemptionInvalidSince: since }))).toMatchObject({
      exemption: { state: 'none' },
      memory: { exemptionInvalidSince: since },
    });
    expect(weigh(tags(NO_DATE), longAgo).memory).toEqual({ exemptionInvalidSince: NOW.toISOString() });
  });
});

describe('what is remembered of a valid tag', () => {
  it('who wrote last, if an event told', () => {
    expect(weigh(tags(LATER), undefined, eventBy('p1')).memory.exemption).toEqual({
      source: 'resource',
      expires: '2026-12-25T00:00:00.000Z',
      reason: 'reason',
      ticket: 'OPS-1',
      seenAt: NOW.toISOString(),
      renewals: 0,
      by: 'p1',
      // Violation and tag were seen together: one change may have brought both.
      isOwnViolation: true,
    });
    for (const cause of [undefined, eventBy(undefined)])
      expect(weigh(tags(LATER), undefined, cause).memory.exemption).not.toHaveProperty('by');
  });

  it('whether it is the one who had changed the resource before', () => {
    const own = weigh(tags(LATER), finding({ actor: 'p1' }), eventBy('p1'));
    const other = weigh(tags(LATER), finding({ actor: 'p2' }), eventBy('p1'));
    const unknown = weigh(tags(LATER), finding(), eventBy(undefined));

    expect(own.memory.exemption).toMatchObject({ isOwnViolation: true });
    expect(own.exemption).toMatchObject({
      because:
        'tag of the resource, until 2026-12-25 00:00 UTC: reason (OPS-1); last changed by p1; who may have brought the violation, too',
    });
    expect(other.memory.exemption).not.toHaveProperty('isOwnViolation');
    expect(unknown.memory.exemption).not.toHaveProperty('isOwnViolation');
    expect(unknown.exemption).toMatchObject({ because: expect.stringContaining('nobody knows who set it') });
  });

  it('the same tag keeps its history; reason and ticket are those that stand there now', () => {
    const seen = valid('2026-12-25T00:00:00Z', 'better words', 'OPS-9');

    expect(weigh(tags(seen), finding({ exemption: RECORD }), eventBy('p9')).memory.exemption).toEqual({
      ...RECORD,
      reason: 'better words',
      ticket: 'OPS-9',
    });
  });

  it.each([
    ['with another end', tags(SOON)],
    ['from another source', [{ source: 'resource-group' as const, read: LATER }]],
  ])('%s it is renewed, and its end is to be announced again', (_, found) => {
    const { memory, exemption } = weigh(found, finding({ exemption: RECORD }), eventBy('p9'));

    const by = found[0]?.source === 'resource' ? { by: 'p9' } : {};
    expect(memory.exemption).toMatchObject({ renewals: 3, ...by, seenAt: NOW.toISOString() });
    // Whoever changed the resource has not tagged its group.
    expect(memory.exemption?.by).toBe(by.by);
    expect(memory.exemption).not.toHaveProperty('isEndAnnounced');
    expect(exemption).toMatchObject({ because: expect.stringContaining('renewed 3 times') });
    const once = weigh(found, finding({ exemption: { ...RECORD, renewals: 0 } }));
    expect(once.exemption).toMatchObject({ because: expect.stringMatching(/renewed once$/) });
  });

  it('what was known before a violation was over is forgotten', () => {
    const closed = finding({ status: 'closed', exemption: RECORD });

    expect(weigh(tags(LATER), closed).memory.exemption).toMatchObject({ renewals: 0, seenAt: NOW.toISOString() });
    expect(weigh(tags(NONE), closed).memory).toEqual({});
  });

  it('an exemption that has gone is remembered while the finding is open, so that the next one is a renewal', () => {
    expect(weigh(tags(EXPIRED), finding({ exemption: RECORD })).memory).toEqual({ exemption: RECORD });
    expect(weigh(tags(UNREADABLE), finding({ exemption: RECORD })).memory).toEqual({ exemption: RECORD });
  });
});

function policySays(exempted: ReadExemption): readonly FoundExemption[] {
  return [{ source: 'azure-policy', read: exempted }];
}

describe('an exemption of Azure Policy', () => {
  const seen: ReadExemption = {
    state: 'valid',
    expires: new Date('2026-12-24T12:30:00Z'),
    reason: 'why',
    by: 'P1',
    exemption: 'waiver',
    assignment: 'security',
    category: 'Mitigated',
  };
  const { expires: _expires, ...endless } = seen;

  it('is told by its name, its category and its end, and without a ticket when it has none', () => {
    expect(weigh(policySays(seen)).exemption).toEqual({
      state: 'exempt',
      reason: 'exempt-azure-policy',
      because:
        'exemption waiver of Azure Policy (assignment security), Mitigated, until 2026-12-24 12:30 UTC: why; last changed by P1',
      until: new Date('2026-12-17T12:30:00Z'),
    });
  });

  it('without an end is looked at by sweeps only, is never announced, and counts before every other', () => {
    const { exemption, memory } = weigh([...tags(LATER), ...policySays(endless)]);

    expect(exemption).toMatchObject({ reason: 'exempt-azure-policy' });
    expect(exemption).toMatchObject({ because: expect.stringContaining('without end') });
    expect(exemption).not.toHaveProperty('until');
    expect(memory.exemption).not.toHaveProperty('expires');
    expect(memory.exemption !== undefined && isEndToAnnounce(memory.exemption, 7 * DAY, NOW)).toBe(false);
    expect(weigh([...policySays(endless), ...tags(LATER)]).exemption).toMatchObject({ reason: 'exempt-azure-policy' });
  });

  it('of which a damaged row has kept no names is told without', () => {
    expect(weigh(policySays(valid('2026-12-24T12:30:00Z', 'why', 'OPS-1'))).exemption).toMatchObject({
      because: expect.stringMatching(/^exemption without a name of Azure Policy \(assignment without a name\), until /),
    });
  });

  it('that cannot be read says so in its own words', () => {
    expect(weigh([...tags(NONE), ...policySays({ state: 'unreadable', problem: 'x' })]).exemption).toMatchObject({
      because: 'exemptions of Azure Policy cannot be read: x',
    });
  });

  it.each<readonly [string, Finding | undefined, PendingCause | undefined, boolean]>([
    ['the last writer of the resource', finding({ actor: 'p1' }), undefined, true],
    ['who writes now', undefined, eventBy('p1'), true],
    ['somebody else', finding({ actor: 'p2' }), eventBy('p3'), false],
    ['who wrote before it was over', finding({ actor: 'p1', status: 'closed' }), undefined, false],
  ])('made by %s: may be about an own violation → %s', (_who, previous, cause, isOwn) => {
    expect(weigh(policySays(seen), previous, cause).memory.exemption?.isOwnViolation === true).toBe(isOwn);
  });

  it('made by nobody that is known is nobody’s, whoever changes the resource', () => {
    const { by: _by, ...nameless } = endless;
    const { memory } = weigh(policySays(nameless), undefined, eventBy('p1'));

    expect(memory.exemption).not.toHaveProperty('by');
    expect(memory.exemption).not.toHaveProperty('isOwnViolation');
  });

  it('of another name or assignment is a renewal; one whose ticket was taken out is the same without it', () => {
    const known = weigh(policySays({ ...seen, ticket: 'OPS-1' })).memory.exemption;
    if (known === undefined) throw new Error('nothing is remembered');
    const before = finding({ exemption: known });

    expect(weigh(policySays(seen), before).memory.exemption).toMatchObject({ renewals: 0 });
    expect(weigh(policySays(seen), before).memory.exemption).not.toHaveProperty('ticket');
    for (const change of [{ exemption: 'other' }, { assignment: 'other' }])
      expect(weigh(policySays({ ...seen, ...change }), before).memory.exemption).toMatchObject({ renewals: 1 });
  });
});

describe('the end of an exemption', () => {
  const { isEndAnnounced: _, ...record } = RECORD;
  const end = Date.parse(RECORD.expires ?? '');
  const due = end - 7 * DAY;

  it.each([
    ['a second too early', due - 1000, false],
    ['in time', due, true],
    ['late', due + DAY, true],
  ])('is announced %s: %s → %s', (_name, now, result) => {
    expect(isEndToAnnounce(record, 7 * DAY, new Date(now))).toBe(result);
  });

  it('is announced once, and not at all without a time for it', () => {
    expect(isEndToAnnounce(RECORD, 7 * DAY, new Date(due))).toBe(false);
    expect(isEndToAnnounce(record, 0, new Date(end))).toBe(false);
  });
});
