import { readFileSync } from 'node:fs';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { afterEach, describe, expect, inject, test, vi } from 'vitest';
import * as z from 'zod';
import { parseRetryAfter } from '../../src/outbound/retry-after.ts';
import { createTicketHttp, readAnswer, readBack, type TicketHttpOptions } from '../../src/tickets/http.ts';
import { createAddress } from '../../src/tickets/http-address.ts';
import { createHourlyCache } from '../../src/tickets/http-cache.ts';
import { TicketError } from '../../src/tickets/ticket-system.ts';
import { type ScriptedServer, startScriptedServer } from './scripted-server.ts';
import { ticketErrorOf } from './ticket-errors.ts';
import type { FaultEffect, ServerAnswer } from './ticket-rig.ts';

const NOW = new Date('2026-08-20T12:00:00Z');
const CANARY = 'canary-0123456789abcdef';
const BASIC = Buffer.from(`bot@example.test:${CANARY}`).toString('base64');
const HEADERS = { accept: 'application/json', authorization: `Bearer ${CANARY}` };

const running: ScriptedServer[] = [];
afterEach(async () => {
  for (const server of running.splice(0)) await server.stop();
});

async function start(
  handle: () => ServerAnswer = () => ({ status: 200, body: { ok: true } }),
): Promise<ScriptedServer> {
  const server = await startScriptedServer(handle);
  running.push(server);
  return server;
}

interface Sent {
  readonly server: ScriptedServer;
  readonly effect?: 'read' | 'write';
  readonly expect?: readonly number[];
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  readonly options?: Partial<TicketHttpOptions>;
}

async function send({ server, effect = 'read', expect: expected = [200], signal, options, headers = HEADERS }: Sent) {
  const http = createTicketHttp({
    host: new URL(server.url).host,
    allowLoopbackHttp: true,
    now: () => NOW,
    ...options,
  });
  const method = effect === 'read' ? 'GET' : 'POST';
  const body = effect === 'read' ? {} : { body: '{}' };
  const request = { method, url: new URL('/things', server.url), headers, effect, expect: expected, ...body } as const;
  return await http.send(request, signal ?? new AbortController().signal);
}

/** Kind of error for a read and for a write that meet the same fault. */
async function kindsOf(effect: FaultEffect): Promise<readonly string[]> {
  const server = await start();
  server.fault({ times: 2, effect });
  const read = await ticketErrorOf(send({ server }));
  const write = await ticketErrorOf(send({ server, effect: 'write' }));

  expect(server.requests.map(({ method }) => method)).toEqual(['GET', 'POST']);
  return [read.kind, write.kind];
}

const answer = (status: number, body?: unknown, headers: Readonly<Record<string, string>> = {}): FaultEffect => ({
  kind: 'answer',
  answer: { status, headers, ...(body !== undefined && { body }) },
});

describe('what is an answer', () => {
  test('JSON with an expected status, its headers, and the request that was meant', async () => {
    const server = await start(() => ({ status: 200, headers: { 'x-seen': 'yes' }, body: { id: 7 } }));

    const { status, headers, json } = await send({ server, effect: 'write' });

    expect([status, headers.get('x-seen'), json]).toEqual([200, 'yes', { id: 7 }]);
    expect(server.requests).toMatchObject([
      { method: 'POST', path: '/things', body: '{}', headers: { authorization: `Bearer ${CANARY}` } },
    ]);
  });

  test.each([204, 404])('no body with an expected %i', async (status) => {
    const server = await start(() => ({ status, headers: { 'content-type': 'application/json' } }));

    expect(await send({ server, expect: [status] })).toMatchObject({ status, json: undefined });
  });

  test('JSON of a vendor is JSON', async () => {
    const server = await start(() => ({
      status: 200,
      headers: { 'content-type': 'application/vnd.x+json' },
      body: [1],
    }));

    expect((await send({ server })).json).toEqual([1]);
  });
});

/** The error for an address, when nothing is ever sent. */
async function problemOf(url: string, options: Partial<TicketHttpOptions> = {}): Promise<TicketError> {
  const http = createTicketHttp({
    host: 'tickets.example.test',
    fetch: () => Promise.reject(new Error('a request was sent')),
    ...options,
  });
  const request = { method: 'GET', url: new URL(url), headers: HEADERS, effect: 'read', expect: [200] } as const;
  return await ticketErrorOf(http.send(request, new AbortController().signal));
}

describe('where a request may go', () => {
  test.each([
    'http://tickets.example.test/',
    'http://127.0.0.1:80/',
    'https://tickets.example.test.evil.test/',
    'https://tickets.example.test:8443/',
    'https://evil.test/tickets.example.test',
    `https://bot:${CANARY}@tickets.example.test/`,
    'ftp://tickets.example.test/',
  ])('%s is refused before anything is sent', async (url) => {
    const error = await problemOf(url);

    expect(error.kind).toBe('invalid');
    expect(error.message).not.toContain(CANARY);
  });

  test('plain http goes to this machine alone, and only when allowed', async () => {
    const error = await problemOf('http://tickets.example.test/', { allowLoopbackHttp: true });

    expect(error.message).toMatch(/only https/);
    expect((await problemOf('http://127.0.0.1/', { host: '127.0.0.1' })).message).toMatch(/only https/);
    expect((await problemOf('http://127.0.0.1/', { host: '127.0.0.1', allowLoopbackHttp: true })).message).toMatch(
      /connection .* broke/,
    );
  });

  test('a default port that is spelt out is the same host', async () => {
    expect((await problemOf('https://tickets.example.test/', { host: 'Tickets.example.test:443' })).kind).toBe(
      'unavailable',
    );
  });

  test.each([301, 302, 303, 307, 308])(
    'a redirect (%i) is not followed, and the credential stays here',
    async (status) => {
      const elsewhere = await start();
      const server = await start(() => ({ status, headers: { location: `${elsewhere.url}/?token=${CANARY}` } }));

      const error = await ticketErrorOf(send({ server }));

      expect(error.kind).toBe('invalid');
      expect(error.message).toContain(new URL(elsewhere.url).host);
      expect(error.message).not.toContain(CANARY);
      expect(elsewhere.requests).toEqual([]);
      expect(server.requests).toHaveLength(1);
    },
  );

  test('a name in an address stays one segment, and cannot lead elsewhere', () => {
    expect(createAddress('https://x.test/redmine/', ['a/b', 'c?d', '$Task'], { $top: '5', 'a b': '&' }).href).toBe(
      'https://x.test/redmine/a%2Fb/c%3Fd/$Task?$top=5&a+b=%26',
    );
    for (const segment of ['..', '.', ''])
      expect(() => createAddress('https://x.test', [segment])).toThrow(TicketError);
    expect(() => createAddress('no address', ['a'])).toThrow(TicketError);
  });
});

/** A byte that starts no character. */
const answerNoText: typeof fetch = () =>
  Promise.resolve(
    new Response(new Uint8Array([0x22, 0xff, 0x22]), { headers: { 'content-type': 'application/json' } }),
  );

describe('what went wrong', () => {
  test.each([
    [401, 'auth', 'auth'],
    [403, 'auth', 'auth'],
    [404, 'not-found', 'not-found'],
    [410, 'not-found', 'not-found'],
    [400, 'invalid', 'invalid'],
    [422, 'invalid', 'invalid'],
    [415, 'invalid', 'invalid'],
    [409, 'conflict', 'conflict'],
    [412, 'conflict', 'conflict'],
    [429, 'rate-limited', 'rate-limited'],
    [408, 'unavailable', 'outcome-unknown'],
    [500, 'unavailable', 'outcome-unknown'],
    [502, 'unavailable', 'outcome-unknown'],
    [503, 'unavailable', 'outcome-unknown'],
    [202, 'unavailable', 'outcome-unknown'],
    [304, 'invalid', 'invalid'],
  ] as const)('%i is %s for a read and %s for a write', async (status, read, write) => {
    expect(await kindsOf(answer(status))).toEqual([read, write]);
  });

  test.each<[string, FaultEffect]>([
    ['a connection reset before the server acted', { kind: 'reset', acts: false }],
    ['a connection reset after the server acted', { kind: 'reset', acts: true }],
    ['an answer of more than 1 MB', { kind: 'oversized' }],
    ['a page with 200', answer(200, '<html>Sign in</html>')],
    ['JSON that ends too early', answer(200, '{"a":', { 'content-type': 'application/json' })],
    ['JSON that is called text', answer(200, '{}', { 'content-type': 'text/plain' })],
  ])('%s leaves a write unknown', async (_name, effect) => {
    expect(await kindsOf(effect)).toEqual(['unavailable', 'outcome-unknown']);
  });

  test('bytes that are no UTF-8 are not read as text', async () => {
    const error = await ticketErrorOf(send({ server: await start(), options: { fetch: answerNoText } }));

    expect(error.message).toMatch(/JSON that cannot be read/);
  });

  test('silence is over after the time for it, and the socket is closed', async () => {
    const server = await start();
    server.fault({ times: 2, effect: { kind: 'hang' } });
    const options = { timeouts: { read: 50, write: 50 } };
    const read = await ticketErrorOf(send({ server, options }));
    const write = await ticketErrorOf(send({ server, effect: 'write', options }));

    expect([read.kind, write.kind]).toEqual(['unavailable', 'outcome-unknown']);
    await vi.waitFor(() => expect(server.abandoned()).toBe(2));
  });

  test('reads and writes have times of their own', async () => {
    const server = await start();
    server.fault({ times: 2, effect: { kind: 'hang' } });
    const caller = new AbortController();
    const options = { timeouts: { read: 50, write: 60_000 } };
    const write = ticketErrorOf(send({ server, effect: 'write', options, signal: caller.signal }));

    expect((await ticketErrorOf(send({ server, options }))).message).toMatch(/did not answer in time/);
    caller.abort();
    expect(await write).toMatchObject({ kind: 'outcome-unknown' });
  });

  test('a caller whose time is over sends nothing', async () => {
    const server = await start();

    const error = await ticketErrorOf(send({ server, effect: 'write', signal: AbortSignal.abort() }));

    expect(error.kind).toBe('unavailable');
    expect(server.requests).toEqual([]);
  });

  test('nobody there: nothing can have been done, not even by a write', async () => {
    const server = await start();
    await server.stop();

    const error = await ticketErrorOf(send({ server, effect: 'write' }));

    expect(error).toMatchObject({ kind: 'unavailable', message: expect.stringContaining('ECONNREFUSED') });
  });

  test('no such name, likewise', async () => {
    const http = createTicketHttp({ host: 'no-such-host.invalid' });
    const url = new URL('https://no-such-host.invalid/');
    const request = { method: 'POST', url, headers: {}, body: '{}', effect: 'write', expect: [200] } as const;

    expect((await ticketErrorOf(http.send(request, new AbortController().signal))).kind).toBe('unavailable');
  });

  test('a system may know better what an answer means', async () => {
    const server = await start(() => ({
      status: 403,
      headers: { 'retry-after': '7' },
      body: { message: 'slow down' },
    }));

    const error = await ticketErrorOf(
      send({
        server,
        options: {
          refusal: ({ headers, json, status }, effect) =>
            new TicketError('rate-limited', `${status} ${effect} ${JSON.stringify(json)}`, {
              retryAfterMs: Number(headers.get('retry-after')),
            }),
        },
      }),
    );

    expect(error).toMatchObject({ kind: 'rate-limited', message: '403 read {"message":"slow down"}', retryAfterMs: 7 });
  });
});

describe('what the system said', () => {
  test.each([
    [{ message: 'No such field' }, 'No such field'],
    [
      { errors: ['Subject cannot be blank', 'Tracker cannot be blank'] },
      'Subject cannot be blank; Tracker cannot be blank',
    ],
    [
      { message: 'Validation Failed', errors: [{ field: 'title', code: 'missing' }] },
      'Validation Failed; title missing',
    ],
    [{ error: { message: 'Data Policy Exception' } }, 'Data Policy Exception'],
    [{ errors: { summary: 'is required' }, errorMessages: ['no'] }, 'no; is required'],
    [{ message: 'two\r\nlines\u0000 and\u2028more' }, 'two lines and more'],
  ])('%j is shown to staff', async (body, shown) => {
    const server = await start(() => ({ status: 422, body }));

    const { message } = await ticketErrorOf(send({ server }));

    expect(message).toBe(`${new URL(server.url).host} answered 422: ${shown}`);
  });

  test('at most 500 characters of it, and never half a character', async () => {
    const server = await start(() => ({ status: 400, body: { message: '😀'.repeat(10_000) } }));

    const { message } = await ticketErrorOf(send({ server }));

    expect(message.length).toBeLessThanOrEqual(500);
    expect(message.isWellFormed()).toBe(true);
  });

  test.each([
    ['a bearer token', { authorization: `Bearer ${CANARY}` }, CANARY],
    ['a token without a word before it', { authorization: CANARY }, CANARY],
    ['an API key', { 'x-redmine-api-key': CANARY }, CANARY],
    ['a password inside Basic', { authorization: `Basic ${BASIC}` }, CANARY],
    ['Basic as it is sent', { authorization: `Basic ${BASIC}` }, BASIC],
    [
      'a key, encoded for an address',
      { 'x-api-key': 'a+b/c=d&e-long-enough' },
      encodeURIComponent('a+b/c=d&e-long-enough'),
    ],
  ])('but not %s', async (_name, headers, secret) => {
    const server = await start(() => ({ status: 401, body: { message: `the credential ${secret} is not valid` } }));

    const error = await ticketErrorOf(send({ server, headers }));

    expect(error.message).toMatch(/the credential … is not valid/);
    expect(`${error.message} ${error.stack ?? ''} ${JSON.stringify(error)}`).not.toContain(secret);
  });

  test('a secret is hidden before the message is cut, not after', async () => {
    const server = await start(() => ({ status: 400, body: { message: `${'x'.repeat(460)} ${CANARY}` } }));

    expect((await ticketErrorOf(send({ server }))).message).not.toContain('canary');
  });

  test('a credential that no header can carry is an error that does not quote it', async () => {
    const server = await start();

    const error = await ticketErrorOf(send({ server, headers: { authorization: `Bearer ${CANARY}\r\nx: y` } }));

    expect(error.kind).toBe('auth');
    expect(`${error.message} ${error.stack ?? ''} ${String(error.cause)}`).not.toContain(CANARY);
    expect(server.requests).toEqual([]);
  });

  test('a page is never quoted', async () => {
    const server = await start(() => ({ status: 400, body: '<html>secret page</html>' }));

    expect((await ticketErrorOf(send({ server }))).message).toMatch(/answered 400$/);
  });
});

describe('Retry-After', () => {
  test.each([
    ['0', 0],
    ['30', 30_000],
    [' 1.5 ', 1500],
    ['Thu, 20 Aug 2026 12:01:00 GMT', 60_000],
    ['Thu, 20 Aug 2026 11:00:00 GMT', 0],
    ['999999999', 86_400_000],
    ['Fri, 20 Aug 2027 12:00:00 GMT', 86_400_000],
    ['-5', undefined],
    ['soon', undefined],
    ['2026-08-20', undefined],
    ['Thu, 99 Aug 2026 12:01:00 GMT', undefined],
    ['', undefined],
    [null, undefined],
    [undefined, undefined],
  ])('%s is %s ms', (value, expected) => {
    expect(parseRetryAfter(value, NOW)).toBe(expected);
  });

  test.each([429, 503])('comes with the error for %i', async (status) => {
    const server = await start(() => ({ status, headers: { 'retry-after': '12' } }));

    expect((await ticketErrorOf(send({ server }))).retryAfterMs).toBe(12_000);
  });
});

test('an answer of another shape than agreed leaves a write unknown', () => {
  const schema = z.object({ id: z.int() });
  const odd = { status: 200, headers: new Headers(), json: { id: 'seven' } };

  expect(readAnswer(schema, { ...odd, json: { id: 7, more: true } }, 'read')).toEqual({ id: 7 });
  expect(() => readAnswer(schema, odd, 'read')).toThrow(expect.objectContaining({ kind: 'unavailable' }));
  expect(() => readAnswer(schema, odd, 'write')).toThrow(expect.objectContaining({ kind: 'outcome-unknown' }));
  expect(() => readAnswer(schema, { ...odd, json: undefined }, 'write')).toThrow(/at its top/);
});

test('a read-back that fails does not undo the write', async () => {
  const failing = readBack(() => Promise.reject(new TicketError('rate-limited', 'wait', { retryAfterMs: 5 })));

  expect(await ticketErrorOf(failing)).toMatchObject({ kind: 'outcome-unknown', retryAfterMs: 5 });
  expect(await readBack(() => Promise.resolve(7))).toBe(7);
  await expect(readBack(() => Promise.reject(new RangeError('a defect of ours')))).rejects.toThrow(RangeError);
});

test('what a system says about itself is asked for once an hour, and again after a failure', async () => {
  let time = NOW.getTime();
  let asked = 0;
  const cache = createHourlyCache<number>(() => new Date(time));
  const load = () => {
    asked += 1;
    return asked === 1 ? Promise.reject(new Error('down')) : Promise.resolve(asked);
  };

  await expect(cache('states', load)).rejects.toThrow('down');
  expect([await cache('states', load), await cache('states', load), await cache('other', load)]).toEqual([2, 2, 3]);
  time += 3_600_000;
  expect(await cache('states', load)).toBe(4);
});

describe('over TLS', () => {
  const trusted = getCACertificates('default');
  afterEach(() => setDefaultCACertificates(trusted));

  test('an authority that is not trusted is not spoken to; nothing was sent', async () => {
    setDefaultCACertificates(getCACertificates('bundled'));
    const server = await startScriptedServer(() => ({ status: 200, body: {} }), inject('certificates'));
    running.push(server);

    const error = await ticketErrorOf(send({ server, effect: 'write' }));

    expect(error.kind).toBe('unavailable');
    expect(server.requests).toEqual([]);
  });

  test('one that is trusted gets the request', async () => {
    const certificates = inject('certificates');
    setDefaultCACertificates([...trusted, readFileSync(certificates.caFile, 'utf8')]);
    const server = await startScriptedServer(() => ({ status: 200, body: { ok: true } }), certificates);
    running.push(server);

    expect((await send({ server })).json).toEqual({ ok: true });
  });
});
