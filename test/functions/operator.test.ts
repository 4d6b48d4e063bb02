import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { describe, expect, it, test } from 'vitest';
import { hostFunction } from '../../local/host/hosted-function.ts';
import { createHttpServer } from '../../local/host/http-server.ts';
import { createHttpInput, listHttpTriggers } from '../../local/host/http-trigger.ts';
import { type OperatorOptions, readOperator } from '../../src/functions/operator.ts';

const ALICE = '7c9e6679-7425-40de-944b-e07fc1f90ae7';
const BOB = '1f0c1d5e-2b7a-4f7e-9a46-0d6c0c7f5a11';
const OBJECT_ID = 'http://schemas.microsoft.com/identity/claims/objectidentifier';
const KEY = 'key-of-the-night-shift';
const FINGERPRINT = createHash('sha256').update(KEY).digest('hex').slice(0, 8);

type Claims = readonly (readonly [typ: string, val: string])[];
type Headers = Readonly<Record<string, string>>;

const person: Claims = [
  ['aud', 'api://dockwarden'],
  [OBJECT_ID, ALICE],
  ['http://schemas.microsoft.com/identity/claims/scope', 'user_impersonation'],
];

function encode(value: unknown): string {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64');
}

function principal(claims: Claims, change: Readonly<Record<string, unknown>> = {}): string {
  return encode({
    auth_typ: 'aad',
    name_typ: 'name',
    role_typ: 'roles',
    claims: claims.map(([typ, val]) => ({ typ, val })),
    ...change,
  });
}

/** What the platform sends for Alice. */
function signedIn(change: Headers = {}): Headers {
  return {
    'x-ms-client-principal': principal(person),
    'x-ms-client-principal-id': ALICE,
    'x-ms-client-principal-name': 'alice@contoso.example',
    'x-ms-client-principal-idp': 'aad',
    'x-functions-key': KEY,
    ...change,
  };
}

function without(headers: Headers, ...names: readonly string[]): Headers {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !names.includes(name)));
}

async function read(headers: Headers, change: Partial<OperatorOptions> = {}, query = '') {
  const options = { isAuthenticationOn: true, keyNames: {}, actorNames: false, ...change };
  return await readOperator({ headers: new globalThis.Headers(headers), query: new URLSearchParams(query) }, options);
}

const USER = { id: ALICE, type: 'User' };
const THE_KEY = { id: `key:${FINGERPRINT}`, type: 'Key' };
const UNCLEAR = 'identity-unclear';

describe('while authentication is on, the identity headers', () => {
  const accepted: readonly (readonly [string, Headers, object])[] = [
    ['of a person name that person, whatever key was sent', signedIn(), USER],
    ['need no key', without(signedIn(), 'x-functions-key'), USER],
    [
      'may call the object id oid',
      signedIn({
        'x-ms-client-principal': principal([
          ['oid', ALICE],
          ['scp', 'x'],
        ]),
      }),
      USER,
    ],
    [
      'may name the same object id twice, in any casing',
      signedIn({ 'x-ms-client-principal': principal([...person, ['oid', ALICE.toUpperCase()]]) }),
      USER,
    ],
    ['are compared with the id in any casing', signedIn({ 'x-ms-client-principal-id': ALICE.toUpperCase() }), USER],
    ['may have an id that is no object id', signedIn({ 'x-ms-client-principal-id': 'sid:77' }), USER],
    ['may have an empty id', signedIn({ 'x-ms-client-principal-id': '' }), USER],
    [
      'of an application say so by idtyp, even beside a name',
      signedIn({ 'x-ms-client-principal': principal([...person, ['idtyp', 'app']]) }),
      { id: ALICE, type: 'ServicePrincipal' },
    ],
    [
      'of a person say so by idtyp',
      signedIn({
        'x-ms-client-principal': principal([
          [OBJECT_ID, ALICE],
          ['idtyp', 'user'],
        ]),
      }),
      USER,
    ],
    [
      'of an unknown kind are no person',
      signedIn({ 'x-ms-client-principal': principal([...person, ['idtyp', 'device']]) }),
      { id: ALICE, type: 'ServicePrincipal' },
    ],
    [
      'without a sign of a person are those of an application',
      signedIn({
        'x-ms-client-principal': principal([
          [OBJECT_ID, ALICE],
          ['roles', 'Approver'],
        ]),
      }),
      { id: ALICE, type: 'ServicePrincipal' },
    ],
    [
      'of a browser session show a user name instead of a scope',
      signedIn({
        'x-ms-client-principal': principal([
          [OBJECT_ID, ALICE],
          ['preferred_username', 'a'],
        ]),
      }),
      USER,
    ],
    [
      'of another provider have no object id, and the key counts',
      signedIn({
        'x-ms-client-principal-idp': 'github',
        'x-ms-client-principal': principal([['urn:github:id', '77']], { auth_typ: 'github' }),
      }),
      THE_KEY,
    ],
    ['may be absent, and the key counts', { 'x-functions-key': KEY }, THE_KEY],
  ];

  test.each(accepted)('%s', async (_what, headers, operator) => {
    expect(await read(headers)).toEqual({ known: true, operator });
  });

  const refused: readonly (readonly [string, Headers])[] = [
    ['the provider is missing', without(signedIn(), 'x-ms-client-principal-idp')],
    ['the provider is empty', signedIn({ 'x-ms-client-principal-idp': '' })],
    ['the provider was sent twice', signedIn({ 'x-ms-client-principal-idp': 'aad, aad' })],
    ['the provider was sent twice, first another', signedIn({ 'x-ms-client-principal-idp': 'github,aad' })],
    ['the provider is spelt in another casing', signedIn({ 'x-ms-client-principal-idp': 'AAD' })],
    ['the provider is not that of the principal', signedIn({ 'x-ms-client-principal-idp': 'github' })],
    ['the principal is missing', without(signedIn(), 'x-ms-client-principal')],
    ['the principal is empty', signedIn({ 'x-ms-client-principal': '' })],
    ['only the id was sent', { 'x-ms-client-principal-id': ALICE, 'x-functions-key': KEY }],
    ['only the name was sent', { 'x-ms-client-principal-name': 'alice', 'x-functions-key': KEY }],
    ['the principal is no base64', signedIn({ 'x-ms-client-principal': '{"auth_typ":"aad"}' })],
    ['the principal is base64 for URLs', signedIn({ 'x-ms-client-principal': 'eyJ-_w==' })],
    ['the principal is base64 without its end', signedIn({ 'x-ms-client-principal': principal(person).slice(0, -3) })],
    [
      'the principal was sent twice',
      signedIn({ 'x-ms-client-principal': `${principal(person)}, ${principal([[OBJECT_ID, BOB]])}` }),
    ],
    ['the principal is no JSON', signedIn({ 'x-ms-client-principal': encode('alice') })],
    [
      'the principal is no UTF-8',
      signedIn({ 'x-ms-client-principal': Buffer.from([0x22, 0xff, 0x22]).toString('base64') }),
    ],
    [
      'the principal has a NUL byte behind it',
      signedIn({ 'x-ms-client-principal': encode(`${JSON.stringify({})}\u0000`) }),
    ],
    ['the principal is null', signedIn({ 'x-ms-client-principal': encode('null') })],
    ['the principal is a list', signedIn({ 'x-ms-client-principal': encode([{ typ: OBJECT_ID, val: ALICE }]) })],
    [
      'the principal is larger than any',
      signedIn({ 'x-ms-client-principal': principal([...person, ['x', 'y'.repeat(40_000)]]) }),
    ],
    [
      'the principal is of another provider',
      signedIn({ 'x-ms-client-principal': principal(person, { auth_typ: 'google' }) }),
    ],
    [
      'the principal names no provider',
      signedIn({ 'x-ms-client-principal': principal(person, { auth_typ: undefined }) }),
    ],
    [
      'the principal is that of Static Web Apps',
      signedIn({
        'x-ms-client-principal': encode({ identityProvider: 'aad', userId: ALICE, userRoles: ['authenticated'] }),
      }),
    ],
    ['there are no claims', signedIn({ 'x-ms-client-principal': principal(person, { claims: undefined }) })],
    ['the claims are no list', signedIn({ 'x-ms-client-principal': principal(person, { claims: { oid: ALICE } }) })],
    ['a claim is null', signedIn({ 'x-ms-client-principal': principal(person, { claims: [null] }) })],
    [
      'a claim is a list',
      signedIn({ 'x-ms-client-principal': principal(person, { claims: [{ typ: 'oid', val: [ALICE] }] }) }),
    ],
    ['no claim is an object id', signedIn({ 'x-ms-client-principal': principal([['sub', ALICE]]) })],
    ['the object id is no GUID', signedIn({ 'x-ms-client-principal': principal([[OBJECT_ID, 'alice']]) })],
    ['the object id has a NUL byte', signedIn({ 'x-ms-client-principal': principal([[OBJECT_ID, `${ALICE}\u0000`]]) })],
    [
      'the object id is nobody',
      signedIn({
        'x-ms-client-principal': principal([[OBJECT_ID, '00000000-0000-0000-0000-000000000000']]),
        'x-ms-client-principal-id': '00000000-0000-0000-0000-000000000000',
      }),
    ],
    ['there are two object ids', signedIn({ 'x-ms-client-principal': principal([...person, ['oid', BOB]]) })],
    ['one of two object ids is no GUID', signedIn({ 'x-ms-client-principal': principal([...person, ['oid', '']]) })],
    ['the id is that of somebody else', signedIn({ 'x-ms-client-principal-id': BOB })],
    ['the id was sent twice', signedIn({ 'x-ms-client-principal-id': `${ALICE}, ${ALICE}` })],
    ['the id was sent twice, with somebody else', signedIn({ 'x-ms-client-principal-id': `${BOB},${ALICE}` })],
  ];

  test.each(refused)('are refused, whatever the key, when %s', async (_what, headers) => {
    expect(await read(headers)).toMatchObject({ known: false, status: 401, code: UNCLEAR });
  });

  it('are refused with a text that repeats nothing of them', async () => {
    const reading = await read(signedIn({ 'x-ms-client-principal-id': BOB }));

    expect(JSON.stringify(reading)).not.toMatch(new RegExp([ALICE, BOB, KEY, 'alice', FINGERPRINT].join('|')));
  });
});

describe('the name of a person', () => {
  it('is kept only where names are kept at all', async () => {
    const kept = await read(signedIn(), { actorNames: true });

    expect(kept).toEqual({ known: true, operator: { ...USER, name: 'alice@contoso.example' } });
    expect(await read(signedIn())).toEqual({ known: true, operator: USER });
  });

  test.each([
    ['is cut when it is long', 'a'.repeat(5000), 'a'.repeat(256)],
    ['loses what could move a cursor', 'al\u009bice', 'alice'],
    ['may hold a comma', 'Doe, Alice', 'Doe, Alice'],
  ])('%s', async (_what, sent, name) => {
    const reading = await read(signedIn({ 'x-ms-client-principal-name': sent }), { actorNames: true });

    expect(reading).toMatchObject({ operator: { name } });
  });

  test.each([
    ['is empty', signedIn({ 'x-ms-client-principal-name': '' })],
    ['is missing', without(signedIn(), 'x-ms-client-principal-name')],
  ])('is left out when it %s', async (_what, headers) => {
    expect(await read(headers, { actorNames: true })).toEqual({ known: true, operator: USER });
  });
});

describe('while authentication is off, anybody can send the identity headers, so', () => {
  test.each([
    ['they are ignored when they are perfect', signedIn()],
    [
      'they are ignored when they are malformed',
      signedIn({ 'x-ms-client-principal': '!', 'x-ms-client-principal-idp': '' }),
    ],
  ])('%s', async (_what, headers) => {
    expect(await read(headers, { isAuthenticationOn: false, actorNames: true })).toEqual({
      known: true,
      operator: THE_KEY,
    });
  });

  it('they make nobody out of no key', async () => {
    const reading = await read(without(signedIn(), 'x-functions-key'), { isAuthenticationOn: false });

    expect(reading).toEqual({ known: true, operator: { id: 'key:none', type: 'Key' } });
  });
});

describe('a function key', () => {
  const names = { [FINGERPRINT]: 'night-shift' };

  it('is known by the beginning of its SHA-256, and by a name where it has one', async () => {
    expect(await read({ 'x-functions-key': KEY })).toEqual({ known: true, operator: THE_KEY });
    expect(await read({ 'x-functions-key': KEY }, { keyNames: names })).toEqual({
      known: true,
      operator: { id: 'key:night-shift', type: 'Key' },
    });
  });

  test.each([
    ['in the header', { 'x-functions-key': KEY }, ''],
    ['in the query', {}, `code=${KEY}`],
    ['in the query, in any casing', {}, `CoDe=${KEY}`],
    ['in the header, which counts before the query', { 'x-functions-key': KEY }, 'code=other'],
  ])('may stand %s', async (_where, headers, query) => {
    expect(await read(headers, {}, query)).toEqual({ known: true, operator: THE_KEY });
  });

  test.each([
    ['no key', {}, ''],
    ['an empty one', { 'x-functions-key': '' }, ''],
    ['an empty header, which the host prefers to the query', { 'x-functions-key': '' }, `code=${KEY}`],
    ['an empty parameter', {}, 'code='],
  ])('is none with %s', async (_what, headers, query) => {
    expect(await read(headers, {}, query)).toEqual({ known: true, operator: { id: 'key:none', type: 'Key' } });
  });

  // The host would check the first one only: with something behind it, a key could take on the fingerprint of another.
  test.each([
    ['headers', { 'x-functions-key': `${KEY},x` }, ''],
    ['headers, as Node joins them', { 'x-functions-key': `${KEY}, x` }, ''],
    ['parameters, as the host joins them', {}, `code=${KEY},x`],
    ['parameters', {}, `code=${KEY}&code=x`],
    ['parameters in several casings', {}, `CODE=${KEY}&code=x`],
  ])('is refused when it stands in several %s', async (_what, headers, query) => {
    expect(await read(headers, {}, query)).toMatchObject({ known: false, status: 400, code: 'key-ambiguous' });
  });

  it('takes no name from what every object has', async () => {
    for (const name of ['constructor', '__proto__']) {
      const keyNames = Object.create({ [FINGERPRINT]: name });
      expect(await read({ 'x-functions-key': KEY }, { keyNames })).toEqual({ known: true, operator: THE_KEY });
    }
  });

  it('may hold NUL bytes and be of any length', async () => {
    expect(await read({}, {}, `code=a%00b`)).toMatchObject({
      operator: { id: expect.stringMatching(/^key:[0-9a-f]{8}$/) },
    });
    expect(await read({ 'x-functions-key': 'x'.repeat(100_000) })).toMatchObject({
      operator: { id: expect.stringMatching(/^key:[0-9a-f]{8}$/) },
    });
  });
});

it('sees repeated parameters from the local host as from the one in Azure', async () => {
  const url = new URL(`http://127.0.0.1/api/review/approve?CODE=${KEY}&a=1&code=x`);

  const { data } = createHttpInput({ method: 'POST', url, headers: {}, body: Buffer.from('') }, {});

  expect(data.http?.nullableQuery).toEqual({ CODE: { value: `${KEY},x` }, a: { value: '1' } });
});

describe('the local host', () => {
  const binding = {
    type: 'httpTrigger',
    direction: 'in',
    route: 'review/{action}',
    methods: ['POST'],
    authLevel: 'function',
  };
  const registered = {
    id: 'review',
    name: 'review',
    bindings: { request: binding },
    retryOptions: undefined,
    handler: () => undefined,
  };

  async function headersSeen(isAuthenticationOn: boolean): Promise<readonly string[]> {
    const seen: string[] = [];
    const server = createHttpServer({
      admin: { functions: [], loadError: undefined, hostVersion: '', run: () => undefined },
      triggers: listHttpTriggers([hostFunction(registered, {})], 'api'),
      keys: { function: KEY },
      isAuthenticationOn,
      invoke: async (_hosted, { data }) => {
        seen.push(...Object.keys(data.http?.nullableHeaders ?? {}));
        return await Promise.resolve({});
      },
      log: () => undefined,
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    await fetch(`http://127.0.0.1:${port ?? ''}/api/review/approve`, { method: 'POST', headers: signedIn() });
    server.close();
    return seen;
  }

  it('takes the identity headers from nobody while authentication is on, as the platform does', async () => {
    const seen = await headersSeen(true);

    expect(seen).toContain('x-functions-key');
    expect(seen.filter((name) => name.startsWith('x-ms-'))).toEqual([]);
  });

  it('lets them through while it is off, as the platform does', async () => {
    expect((await headersSeen(false)).filter((name) => name.startsWith('x-ms-'))).toHaveLength(4);
  });
});
