import { createHash, createPublicKey, verify as verifySignature } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { collect, startVaultHarness, VAULT_ID, type VaultHarness } from './vault-harness.ts';

let harness: VaultHarness;
beforeEach(async () => {
  harness = await startVaultHarness();
});
afterEach(async () => {
  await harness.stop();
});

const DAY = 86_400_000;
const NOW = Date.parse('2026-11-23T10:00:00Z');
const V = 'api-version=2025-07-01';
const rotate = (trigger: object) => ({ trigger, action: { type: 'Rotate' } });
const textOf = (bytes?: Uint8Array) => (bytes ? Buffer.from(bytes).toString('base64url') : undefined);
const digestOf = (text: string) => createHash('sha256').update(text).digest();

describe('the challenge', () => {
  test('a client that knows nothing is told where and for what to get a token', async () => {
    const { body, headers, status } = await harness.ask('GET', `/keys?${V}`, { authorization: null });

    expect(status).toBe(401);
    expect(headers['www-authenticate']).toBe(
      `Bearer authorization="https://login.microsoftonline.com/${harness.simulator.tenantId}", resource="https://vault.azure.net"`,
    );
    expect(body).toEqual({
      error: { code: 'Unauthorized', message: 'AKV10000: Request is missing a Bearer or PoP token.' },
    });
  });

  test('the real client answers it: first without token and body, then with both', async () => {
    await harness.keys().createRsaKey('k');

    expect(harness.simulator.requests.map(({ action, body, path, status }) => [path, status, action, body])).toEqual([
      ['/keyvault/kv-test/keys/k/create', 401, undefined, undefined],
      [
        '/keyvault/kv-test/keys/k/create',
        200,
        'Microsoft.KeyVault/vaults/keys/create/action',
        { kty: 'RSA', attributes: {} },
      ],
    ]);
    expect(harness.simulator.requests[1]).toMatchObject({ caller: 'officer', apiVersion: '2025-07-01' });
  });

  test.each([
    ['a token for ARM', { audience: 'https://management.azure.com' }],
    ['a forged one', { authorization: 'Bearer a.b.c' }],
  ])('%s opens nothing', async (_, options) => {
    const { code, headers, status } = await harness.ask('GET', `/keys?${V}`, options);

    expect([status, code]).toEqual([401, 'Unauthorized']);
    expect(headers['www-authenticate']).toContain('resource="https://vault.azure.net"');
  });

  test('a token for vaults opens no ARM', async () => {
    const { code } = await harness.send('GET', `${VAULT_ID}?api-version=2023-07-01`, {
      audience: 'https://vault.azure.net',
    });

    expect(code).toBe('InvalidAuthenticationTokenAudience');
  });
});

describe('keys', () => {
  test('a created key is answered with its public half, its dates and its tags', async () => {
    const expiresOn = new Date(NOW + 100 * DAY);

    const { key, properties } = await harness.keys().createKey('Signing', 'RSA', { expiresOn, tags: { owner: 'x' } });

    expect(key?.kid).toMatch(new RegExp(`^${harness.vault.url}/keys/Signing/[0-9a-f]{32}$`));
    expect([key?.kty, key?.keyOps, key?.n?.length, key?.d]).toEqual([
      'RSA',
      ['encrypt', 'decrypt', 'sign', 'verify', 'wrapKey', 'unwrapKey'],
      256,
      undefined,
    ]);
    expect(properties).toMatchObject({
      enabled: true,
      createdOn: new Date(NOW),
      expiresOn,
      tags: { owner: 'x' },
      recoveryLevel: 'Recoverable+Purgeable',
      recoverableDays: 90,
    });
    expect(harness.vault.key('signing')).toMatchObject({ name: 'Signing', kid: key?.kid, exp: expiresOn, kty: 'RSA' });
  });

  test('a second creation is a second version; the newest is current, the old one stays', async () => {
    const keys = harness.keys();
    const first = await keys.createRsaKey('k', { keySize: 3072 });
    const second = await keys.createEcKey('k', { curve: 'P-384' });

    expect((await keys.getKey('k')).properties.version).toBe(second.properties.version);
    expect((await keys.getKey('K', { version: first.properties.version ?? '' })).key?.n).toEqual(first.key?.n);
    const versions = await collect(keys.listPropertiesOfKeyVersions('k'));
    expect(new Set(versions.map(({ version }) => version))).toEqual(
      new Set([first.properties.version, second.properties.version]),
    );
    expect(await collect(keys.listPropertiesOfKeyVersions('nobody'))).toEqual([]);
  });

  test('a list holds every key once, in pages of at most 25', async () => {
    for (let i = 0; i < 30; i += 1)
      harness.vault.createKey(`key-${String(i).padStart(2, '0')}`, { tags: { i: `${i}` } });

    const all = await collect(harness.keys().listPropertiesOfKeys());
    const { body } = await harness.ask('GET', `/keys?${V}&maxresults=30`);

    expect(all.map(({ name, tags }) => `${name} ${tags?.['i']}`)).toEqual(
      Array.from({ length: 30 }, (_, i) => `key-${String(i).padStart(2, '0')} ${i}`),
    );
    expect(body).toMatchObject({ error: { code: 'BadParameter', message: expect.stringContaining('1 to 25') } });
    expect((await harness.ask('GET', `/keys?${V}&$skiptoken=x`)).code).toBe('BadParameter');
    expect(all[0]?.version).toBeUndefined();
  });

  test('attributes, operations and tags of a version can be changed', async () => {
    const keys = harness.keys();
    const { properties } = await keys.createRsaKey('k', { tags: { a: '1' } });
    harness.clock.advance(60_000);
    const changed = await keys.updateKeyProperties('k', properties.version ?? '', {
      enabled: false,
      expiresOn: new Date(NOW + DAY),
      keyOps: ['sign'],
      tags: { b: '2' },
    });

    expect(changed.keyOperations).toEqual(['sign']);
    expect(changed.properties).toMatchObject({
      enabled: false,
      expiresOn: new Date(NOW + DAY),
      createdOn: new Date(NOW),
      updatedOn: new Date(NOW + 60_000),
      tags: { b: '2' },
    });
    // What is not mentioned stays.
    expect((await keys.updateKeyProperties('k', { enabled: true })).properties.expiresOn).toEqual(new Date(NOW + DAY));
  });

  test('what is not there is not found', async () => {
    const keys = harness.keys();
    await keys.createRsaKey('k');

    await expect(keys.getKey('nobody')).rejects.toMatchObject({ statusCode: 404, code: 'KeyNotFound' });
    await expect(keys.getKey('k', { version: 'f'.repeat(32) })).rejects.toMatchObject({ code: 'KeyNotFound' });
    await expect(keys.rotateKey('nobody')).rejects.toMatchObject({ code: 'KeyNotFound' });
    await expect(keys.getKeyRotationPolicy('nobody')).rejects.toMatchObject({ code: 'KeyNotFound' });
    await expect(keys.updateKeyRotationPolicy('nobody', {})).rejects.toMatchObject({ code: 'KeyNotFound' });
  });
});

describe('requests that are wrong', () => {
  test.each([
    ['POST', '/keys/k/create', { kty: 'oct' }],
    ['POST', '/keys/k/create', { kty: 'RSA-HSM' }],
    ['POST', '/keys/k/create', { kty: 'RSA', key_size: 1024 }],
    ['POST', '/keys/k/create', { kty: 'EC', crv: 'P-256K' }],
    ['POST', '/keys/k_k/create', { kty: 'RSA' }],
    ['POST', '/keys/k/create', { kty: 'RSA', attributes: { exp: 'soon' } }],
    ['POST', '/keys/k/create', { kty: 'RSA', attributes: { enabled: 'yes' } }],
    ['POST', '/keys/k/create', { kty: 'RSA', attributes: [] }],
    ['POST', '/keys/k/create', { kty: 'RSA', key_ops: 'sign' }],
    ['POST', '/keys/k/create', { kty: 'RSA', tags: { a: 1 } }],
    ['POST', '/keys/k/create', { kty: 'RSA', tags: 'a' }],
    ['POST', '/keys/k/create', '{"kty":'],
    ['POST', '/keys/k/create', []],
    ['POST', '/keys/k/create', undefined],
    ['POST', '/keys/there//sign', { alg: 'RS256' }],
    ['POST', '/keys/there//sign', { alg: 'RS256', value: 'a+b' }],
    ['POST', '/keys/there//sign', { alg: 'RS256', value: 'AAAA' }],
    ['POST', '/keys/there//sign', { alg: 'ES256', value: digestOf('x').toString('base64url') }],
    ['POST', '/keys/there//sign', { alg: 'HS256', value: digestOf('x').toString('base64url') }],
    ['PUT', '/secrets/s', { value: 7 }],
    ['PUT', '/secrets/s', { value: 'x'.repeat(25_001) }],
    ['PUT', '/secrets/s_s', { value: 'x' }],
  ])('%s %s %j is refused and changes nothing', async (method, path, body) => {
    harness.vault.createKey('there');
    harness.simulator.events.length = 0;

    const { code, status } = await harness.ask(method, `${path}?${V}`, { body });

    expect([status, code]).toEqual([400, 'BadParameter']);
    expect([harness.vault.key('k'), harness.vault.secret('s')]).toEqual([undefined, undefined]);
    expect(harness.simulator.events).toEqual([]);
  });

  test.each([
    ['GET', '/keys', 400, 'BadParameter'],
    ['GET', '/keys?api-version=1.0', 400, 'BadParameter'],
    ['DELETE', `/keys/k?${V}`, 405, 'HttpMethodNotAllowed'],
    ['POST', `/keys?${V}`, 405, 'HttpMethodNotAllowed'],
    ['GET', `/certificates?${V}`, 404, 'NotFound'],
    ['GET', `/keys/%E0%A4%A?${V}`, 404, 'KeyNotFound'],
  ])('%s %s is answered %i %s', async (method, path, status, code) => {
    const answer = await harness.ask(method, path);

    expect([answer.status, answer.code]).toEqual([status, code]);
  });
});

describe('rotation', () => {
  test('a key about which nobody said anything only notifies', async () => {
    harness.vault.createKey('k');

    const { body } = await harness.ask('GET', `/keys/k/rotationpolicy?${V}`);
    const policy = await harness.keys().getKeyRotationPolicy('k');

    expect(body).toEqual({
      lifetimeActions: [{ trigger: { timeBeforeExpiry: 'P30D' }, action: { type: 'Notify' } }],
      attributes: null,
    });
    expect(policy).toMatchObject({ lifetimeActions: [{ action: 'Notify', timeBeforeExpiry: 'P30D' }] });
  });

  test('a policy is kept, and remembers when it was first set', async () => {
    harness.vault.createKey('k');
    const keys = harness.keys();
    const properties = {
      expiresIn: 'P2Y',
      lifetimeActions: [
        { action: 'Rotate' as const, timeAfterCreate: 'P18M' },
        { action: 'Notify' as const, timeBeforeExpiry: 'P30D' },
      ],
    };

    await keys.updateKeyRotationPolicy('k', properties);
    harness.clock.advance(DAY);
    const second = await keys.updateKeyRotationPolicy('k', properties);

    expect(second).toMatchObject({
      ...properties,
      id: `${harness.vault.url}/keys/k/rotationpolicy`,
      createdOn: new Date(NOW),
      updatedOn: new Date(NOW + DAY),
    });
    expect(await keys.getKeyRotationPolicy('k')).toEqual(second);
    expect(harness.vault.key('k')?.rotationPolicy).toMatchObject({ expiryTime: 'P2Y', created: NOW / 1000 });
  });

  test.each([
    ['expires too soon', { attributes: { expiryTime: 'P27D' } }],
    ['expires at no duration', { attributes: { expiryTime: '2y' } }],
    ['expires in hours', { attributes: { expiryTime: 'PT900H' } }],
    ['has attributes that are none', { attributes: 'P2Y' }],
    ['rotates too soon', { lifetimeActions: [rotate({ timeAfterCreate: 'P6D' })] }],
    [
      'rotates too near its expiry',
      { attributes: { expiryTime: 'P28D' }, lifetimeActions: [rotate({ timeAfterCreate: 'P22D' })] },
    ],
    [
      'rotates when it has hardly been created',
      { attributes: { expiryTime: 'P28D' }, lifetimeActions: [rotate({ timeBeforeExpiry: 'P22D' })] },
    ],
    ['rotates before an expiry that does not come', { lifetimeActions: [rotate({ timeBeforeExpiry: 'P30D' })] }],
    [
      'notifies after creation',
      { lifetimeActions: [{ trigger: { timeAfterCreate: 'P30D' }, action: { type: 'Notify' } }] },
    ],
    ['has two triggers', { lifetimeActions: [rotate({ timeAfterCreate: 'P30D', timeBeforeExpiry: 'P30D' })] }],
    ['has no trigger', { lifetimeActions: [{ action: { type: 'Notify' } }] }],
    [
      'does something unknown',
      { lifetimeActions: [{ trigger: { timeAfterCreate: 'P30D' }, action: { type: 'Burn' } }] },
    ],
    ['does nothing', { lifetimeActions: ['Rotate'] }],
    ['rotates twice', { lifetimeActions: [rotate({ timeAfterCreate: 'P30D' }), rotate({ timeAfterCreate: 'P60D' })] }],
    ['has actions that are no list', { lifetimeActions: {} }],
  ])('a policy that %s is refused and the old one stays', async (_, body) => {
    harness.vault.createKey('k', { rotationPolicy: { attributes: { expiryTime: 'P1Y' } } });

    const { code, status } = await harness.ask('PUT', `/keys/k/rotationpolicy?${V}`, { body });

    expect([status, code]).toEqual([400, 'BadParameter']);
    expect(harness.vault.key('k')?.rotationPolicy).toMatchObject({ actions: [], expiryTime: 'P1Y' });
  });

  test.each([
    ['28 days', { attributes: { expiryTime: 'P4W' } }],
    ['a week after creation', { lifetimeActions: [rotate({ timeAfterCreate: 'P7D' })] }],
    [
      'a week before expiry',
      { attributes: { expiryTime: 'P28D' }, lifetimeActions: [rotate({ timeAfterCreate: 'P21D' })] },
    ],
    [
      'any case',
      { lifetimeActions: [{ trigger: { timeBeforeExpiry: 'P30D' }, action: { type: 'notify' } }], attributes: null },
    ],
  ])('a policy at the edge is taken: %s', async (_, body) => {
    harness.vault.createKey('k');

    expect((await harness.ask('PUT', `/keys/k/rotationpolicy?${V}`, { body })).status).toBe(200);
  });

  test('a new version expires when the policy says so, and the old one stays enabled', async () => {
    const { kid } = harness.vault.createKey('k', {
      kty: 'EC',
      crv: 'P-521',
      tags: { a: '1' },
      exp: new Date(NOW + DAY),
    });
    const keys = harness.keys();
    const unlimited = await keys.rotateKey('k');
    await keys.updateKeyRotationPolicy('k', { expiresIn: 'P1Y2M3D' });
    const limited = await keys.rotateKey('k');

    expect(unlimited.properties.expiresOn).toBeUndefined();
    expect(limited.properties).toMatchObject({ expiresOn: new Date('2028-01-26T10:00:00Z'), tags: { a: '1' } });
    expect([limited.key?.kty, limited.key?.crv]).toEqual(['EC', 'P-521']);
    expect(limited.key?.x).not.toEqual(unlimited.key?.x);
    const versions = await collect(keys.listPropertiesOfKeyVersions('k'));
    expect(versions.map(({ enabled }) => enabled)).toEqual([true, true, true]);
    expect(harness.vault.key('k')).toMatchObject({
      version: limited.properties.version,
      versions: [kid.split('/').at(-1), unlimited.properties.version, limited.properties.version],
    });
  });

  test('a rotation whose answer gets lost has happened all the same', async () => {
    harness.vault.createKey('k');
    const keys = harness.keys();
    await keys.getKey('k');
    harness.simulator.faults.add({ path: /^\/keys\/k\/rotate/, effect: { kind: 'apply-then-drop' } });

    await expect(keys.rotateKey('k')).rejects.toMatchObject({ code: 'ECONNRESET' });

    expect(harness.vault.key('k')?.versions).toHaveLength(2);
    expect(harness.simulator.requests.at(-1)).toMatchObject({ status: 0, path: '/keyvault/kv-test/keys/k/rotate' });
  });

  test('throttling can be injected', async () => {
    harness.vault.createKey('k');
    const effect = { kind: 'answer' as const, status: 429, headers: { 'retry-after': '7' }, body: {} };
    harness.simulator.faults.add({ method: 'GET', path: /^\/keys/, caller: 'officer', effect });

    const { headers, status } = await harness.ask('GET', `/keys/k?${V}`);

    expect([status, headers['retry-after']]).toEqual([429, '7']);
  });
});

describe('a disabled key', () => {
  test('signs, verifies and rotates nothing, and can be looked at', async () => {
    harness.vault.createKey('k', { enabled: false });
    const keys = harness.keys();
    const crypto = keys.getCryptographyClient('k');
    const { properties } = await keys.getKey('k');
    const refused = { statusCode: 403, code: 'Forbidden' };

    expect(properties.enabled).toBe(false);
    await expect(crypto.sign('RS256', digestOf('x'))).rejects.toMatchObject(refused);
    await expect(crypto.verify('RS256', digestOf('x'), digestOf('y'))).rejects.toMatchObject(refused);
    await expect(keys.rotateKey('k')).rejects.toMatchObject(refused);
    expect((await harness.ask('POST', `/keys/k/rotate?${V}`)).body).toEqual({
      error: {
        code: 'Forbidden',
        message: 'Operation rotate is not allowed on a disabled key.',
        innererror: { code: 'KeyDisabled' },
      },
    });
    expect(harness.vault.key('k')?.versions).toHaveLength(1);
  });
});

describe('signatures', () => {
  test.each([
    ['RSA', undefined, 'RS256', 'sha256'],
    ['RSA', undefined, 'RS384', 'sha384'],
    ['RSA', undefined, 'RS512', 'sha512'],
    ['EC', 'P-256', 'ES256', 'sha256'],
    ['EC', 'P-384', 'ES384', 'sha384'],
    ['EC', 'P-521', 'ES512', 'sha512'],
  ] as const)('%s %s %s can be verified by anybody who has the public key', async (kty, crv, algorithm, hash) => {
    harness.vault.createKey('k', { kty, ...(crv && { crv }) });
    const keys = harness.keys();
    const { key } = await keys.getKey('k');
    const crypto = keys.getCryptographyClient('k');
    const digest = createHash(hash).update('sealed').digest();
    const { keyID, result } = await crypto.sign(algorithm, digest);

    const jwk = { kty, crv: key?.crv, n: textOf(key?.n), e: textOf(key?.e), x: textOf(key?.x), y: textOf(key?.y) };
    const members = Object.fromEntries(Object.entries(jwk).filter(([, value]) => value !== undefined));
    const publicKey = createPublicKey({ key: members, format: 'jwk' });
    const options = kty === 'EC' ? { key: publicKey, dsaEncoding: 'ieee-p1363' as const } : publicKey;

    expect(keyID).toBe(key?.kid);
    expect(verifySignature(hash, Buffer.from('sealed'), options, result)).toBe(true);
    expect((await crypto.verify(algorithm, digest, result)).result).toBe(true);
    const other = createHash(hash).update('other').digest();
    expect((await crypto.verify(algorithm, other, result)).result).toBe(false);
    expect((await crypto.verify(algorithm, digest, Buffer.from('nonsense'))).result).toBe(false);
  });

  test('of an old version are verified by that version only', async () => {
    const { kid } = harness.vault.createKey('k', { kty: 'EC' });
    const keys = harness.keys();
    const { result } = await keys.getCryptographyClient('k').sign('ES256', digestOf('x'));
    await keys.rotateKey('k');

    const version = kid.split('/').at(-1) ?? '';
    const old = keys.getCryptographyClient('k', { keyVersion: version });
    const current = keys.getCryptographyClient('k');

    expect((await old.verify('ES256', digestOf('x'), result)).result).toBe(true);
    expect((await current.verify('ES256', digestOf('x'), result)).result).toBe(false);
  });

  test.each([
    ['has expired', { exp: new Date(NOW - 1000) }, 'KeyNotYetValidOrExpired'],
    ['is not valid yet', { nbf: new Date(NOW + DAY) }, 'KeyNotYetValidOrExpired'],
    ['is for wrapping', { keyOps: ['wrapKey'] }, 'KeyOperationForbidden'],
  ])('a key that %s makes none', async (_, options, innerCode) => {
    harness.vault.createKey('k', options);

    const value = digestOf('x').toString('base64url');
    const { body } = await harness.ask('POST', `/keys/k//sign?${V}`, { body: { alg: 'RS256', value } });

    expect(body).toMatchObject({ error: { code: 'Forbidden', innererror: { code: innerCode } } });
  });
});
