import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ResourceEvent } from '../../local/azure/events.ts';
import { SAMPLE_SUBSCRIPTION_ID, SAMPLE_TENANT_ID } from '../../local/azure/sample-subscription.ts';
import { isRecord } from './harness.ts';
import {
  collect,
  startVaultHarness,
  VAULT_ID,
  VAULTS,
  type VaultHarness,
  vaultBody,
  vaultIdentities,
  vaultSeed,
} from './vault-harness.ts';

let harness: VaultHarness;
let received: ResourceEvent[];
beforeEach(async () => {
  received = [];
  harness = await startVaultHarness({ onEvent: (event) => received.push(event) });
});
afterEach(async () => {
  await harness.stop();
});

/** Starts another world in the place of the usual one. */
async function restart(...[options]: Parameters<typeof startVaultHarness>): Promise<void> {
  await harness.stop();
  harness = await startVaultHarness({ onEvent: (event) => received.push(event), ...options });
}

const DAY = 86_400_000;
const NOW = Date.parse('2026-11-23T10:00:00Z');
const V = 'api-version=2025-07-01';
const A = 'api-version=2023-07-01';
const subscription = `/subscriptions/${SAMPLE_SUBSCRIPTION_ID}`;
const namesOf = ({ value }: Readonly<Record<string, unknown>>) =>
  Array.isArray(value) ? value.filter(isRecord).map(({ name }) => name) : [];
/** `KeyExpired name` of every event so far. */
const typesOf = () => received.map(({ eventType, subject }) => `${eventType.split('.').at(-1)} ${subject}`);
const propertiesOf = (id: string) => harness.simulator.state.get(id)?.properties;

describe('vaults in ARM', () => {
  test('are read one by one and listed, with the address at which they answer', async () => {
    const { body } = await harness.send('GET', `${VAULT_ID}?${A}`);
    const bySubscription = await harness.send('GET', `${subscription}/providers/Microsoft.KeyVault/vaults?${A}`);
    const byGroup = await harness.send('GET', `${VAULTS}?${A}`);

    expect(body).toMatchObject({ id: VAULT_ID, properties: { vaultUri: `${harness.vault.url}/` } });
    expect(harness.vault.url).toMatch(/^https:\/\/localhost:\d+$/);
    expect(body['properties']).not.toHaveProperty('enablePurgeProtection');
    expect([namesOf(bySubscription.body), namesOf(byGroup.body)]).toEqual([['kv-test'], ['kv-test']]);
  });

  test('one created later is served at once, and its event is that of any resource', async () => {
    const { simulator } = harness;
    const id = `${VAULTS}/kv-new`;
    const properties = {
      tenantId: SAMPLE_TENANT_ID,
      sku: { family: 'A', name: 'premium' },
      enableRbacAuthorization: true,
    };

    const { body, status } = await harness.send('PUT', `${id}?${A}`, { body: { location: 'westeurope', properties } });
    const { url } = simulator.keyVault(id);
    const { key } = await harness.keys('officer', simulator.keyVault(id)).createKey('k', 'RSA-HSM');

    expect([status, key?.kid?.startsWith(`${url}/keys/k/`), key?.kty]).toEqual([201, true, 'RSA-HSM']);
    expect(body).toMatchObject({
      properties: {
        vaultUri: `${url}/`,
        enableSoftDelete: true,
        softDeleteRetentionInDays: 90,
        publicNetworkAccess: 'Enabled',
        provisioningState: 'Succeeded',
      },
      systemData: { createdBy: 'platform-operator@contoso.example' },
    });
    expect(url).not.toBe(harness.vault.url);
    expect(received[0]).toMatchObject({
      topic: subscription,
      subject: id,
      eventType: 'Microsoft.Resources.ResourceWriteSuccess',
      data: { operationName: 'Microsoft.KeyVault/vaults/write' },
    });
    // Only creating the key was the vault's own affair.
    expect(received.map(({ topic }) => topic)).toEqual([subscription, id]);
  });

  test('several at once are served, each on a port of its own', () => {
    const properties = { tenantId: SAMPLE_TENANT_ID, sku: { family: 'A', name: 'standard' } };
    const urls = ['kv-a', 'kv-b', 'kv-c', 'kv-d'].map((name) => {
      harness.simulator.as('operator').put(`${VAULTS}/${name}`, { location: 'westeurope', properties });
      return harness.simulator.keyVault(`${VAULTS}/${name}`).url;
    });

    expect(new Set([harness.vault.url, ...urls]).size).toBe(5);
  });

  test('one that a test puts there is served as well', async () => {
    harness.simulator.state.put(vaultBody('kv-put'));

    const { body } = await harness.send('GET', `${VAULTS}/kv-put?${A}`);

    expect(body).toMatchObject({ properties: { vaultUri: `${harness.simulator.keyVault(`${VAULTS}/kv-put`).url}/` } });
  });

  test('a PATCH merges properties, replaces tags, and keeps what is the service’s', async () => {
    const change = { enablePurgeProtection: true, vaultUri: 'https://elsewhere.example/' };

    const { status } = await harness.send('PATCH', `${VAULT_ID}?${A}`, {
      body: { tags: { a: 'b' }, properties: change },
    });
    const tags = harness.simulator.state.get(VAULT_ID)?.tags;
    const put = await harness.send('PUT', `${VAULT_ID}?${A}`, {
      body: {
        location: 'westeurope',
        properties: { tenantId: SAMPLE_TENANT_ID, sku: { family: 'A', name: 'standard' } },
      },
    });

    expect([status, put.status, received.map(({ eventType }) => eventType.split('.').at(-1))]).toEqual([
      200,
      200,
      ['ResourceWriteSuccess', 'ResourceWriteSuccess'],
    ]);
    expect(tags).toEqual({ a: 'b' });
    // Not mentioned and on all the same: it can never be switched off.
    expect(propertiesOf(VAULT_ID)).toMatchObject({ enablePurgeProtection: true, vaultUri: `${harness.vault.url}/` });
  });

  test.each([
    ['PATCH', { properties: { enablePurgeProtection: false } }, 'BadRequest'],
    ['PATCH', { properties: { enableSoftDelete: false } }, 'BadRequest'],
    ['PATCH', { properties: { softDeleteRetentionInDays: 7 } }, 'BadRequest'],
    ['PATCH', { properties: { softDeleteRetentionInDays: 91 } }, 'InvalidRequestContent'],
    ['PATCH', { properties: { enableRbacAuthorization: 'yes' } }, 'InvalidRequestContent'],
    ['PATCH', { properties: { publicNetworkAccess: 'Maybe' } }, 'InvalidRequestContent'],
    ['PATCH', { properties: { networkAcls: { defaultAction: 'Ask' } } }, 'InvalidRequestContent'],
    ['PATCH', { location: 'northeurope' }, 'InvalidRequestContent'],
    ['PUT', { location: 'westeurope', properties: { tenantId: SAMPLE_TENANT_ID } }, 'BadRequest'],
    ['PUT', { properties: { tenantId: SAMPLE_TENANT_ID, sku: { family: 'A', name: 'standard' } } }, 'LocationRequired'],
  ])('%s %j is refused and changes nothing', async (method, body, code) => {
    const before = harness.simulator.state.get(VAULT_ID);

    const answer = await harness.send(method, `${VAULT_ID}?${A}`, { body });

    // What a vault has cannot be asked for again; a new one must be asked for completely.
    const isNew = code === 'LocationRequired';
    const fresh = isNew ? await harness.send(method, `${VAULTS}/kv-fresh?${A}`, { body }) : answer;
    expect([fresh.status, fresh.code]).toEqual([400, code]);
    expect(harness.simulator.state.get(VAULT_ID)).toEqual(before);
  });

  test('a name that is none is refused', async () => {
    const body = {
      location: 'westeurope',
      properties: { tenantId: SAMPLE_TENANT_ID, sku: { family: 'A', name: 'standard' } },
    };

    const codes = await Promise.all(
      ['kv', '1kv', 'kv--x', 'kv-', 'k'.repeat(25)].map(
        async (name) => (await harness.send('PUT', `${VAULTS}/${name}?${A}`, { body })).code,
      ),
    );

    expect(codes).toEqual(Array.from({ length: 5 }, () => 'VaultNameNotValid'));
  });

  test('a deleted vault answers no more', async () => {
    const { status } = await harness.send('DELETE', `${VAULT_ID}?${A}`);

    expect(status).toBe(200);
    expect((await harness.send('GET', `${VAULT_ID}?${A}`)).code).toBe('ResourceNotFound');
    await expect(harness.ask('GET', `/keys?${V}`)).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(() => harness.simulator.keyVault(VAULT_ID)).toThrow('there is no vault');
  });

  test('a lock, and a caller without the action, stop writes', async () => {
    harness.simulator.locks.push({ scope: VAULT_ID, name: 'hold', level: 'ReadOnly' });

    const locked = await harness.send('PATCH', `${VAULT_ID}?${A}`, { body: { tags: {} } });
    const denied = await harness.send('PATCH', `${VAULT_ID}?${A}`, { as: 'officer', body: { tags: {} } });

    expect([locked.code, denied.code]).toEqual(['ScopeLocked', 'AuthorizationFailed']);
  });

  test('Resource Graph knows vaults and nothing that is in them', async () => {
    harness.vault.createKey('k');

    const { data } = await harness.graph().resources({
      subscriptions: [SAMPLE_SUBSCRIPTION_ID],
      query: "resources | where type startswith 'microsoft.keyvault' | project id, type",
    });

    expect(data).toEqual([{ id: VAULT_ID, type: 'microsoft.keyvault/vaults' }]);
  });
});

describe('keys in ARM', () => {
  beforeEach(() => {
    harness.vault.createKey('plain', { tags: { a: '1' }, exp: new Date(NOW + DAY), nbf: new Date(NOW) });
    harness.vault.createKey('rotating', {
      kty: 'EC',
      rotationPolicy: {
        attributes: { expiryTime: 'P2Y' },
        lifetimeActions: [
          { trigger: { timeAfterCreate: 'P18M' }, action: { type: 'Rotate' } },
          { trigger: { timeBeforeExpiry: 'P30D' }, action: { type: 'Notify' } },
        ],
      },
    });
    received.length = 0;
  });

  test('one key is told with type, dates and addresses, and with a policy once one was set', async () => {
    const { url } = harness.vault;
    const plain = await harness.send('GET', `${VAULT_ID}/keys/PLAIN?${A}`);
    const rotating = await harness.send('GET', `${VAULT_ID}/keys/rotating?${A}`);

    expect(plain.body).toEqual({
      id: `${VAULT_ID}/keys/plain`,
      name: 'plain',
      type: 'Microsoft.KeyVault/vaults/keys',
      location: 'westeurope',
      tags: { a: '1' },
      properties: {
        attributes: {
          enabled: true,
          nbf: NOW / 1000,
          exp: (NOW + DAY) / 1000,
          created: NOW / 1000,
          updated: NOW / 1000,
          recoveryLevel: 'Recoverable+Purgeable',
        },
        kty: 'RSA',
        keyOps: ['encrypt', 'decrypt', 'sign', 'verify', 'wrapKey', 'unwrapKey'],
        keySize: 2048,
        keyUri: `${url}/keys/plain`,
        keyUriWithVersion: harness.vault.key('plain')?.kid,
      },
    });
    expect(rotating.body).toMatchObject({
      properties: {
        kty: 'EC',
        curveName: 'P-256',
        rotationPolicy: {
          attributes: { expiryTime: 'P2Y', created: NOW / 1000, updated: NOW / 1000 },
          lifetimeActions: [
            { trigger: { timeAfterCreate: 'P18M' }, action: { type: 'rotate' } },
            { trigger: { timeBeforeExpiry: 'P30D' }, action: { type: 'notify' } },
          ],
        },
      },
    });
    expect(received).toEqual([]);
  });

  test('a list tells neither type nor policy', async () => {
    const { body } = await harness.send('GET', `${VAULT_ID}/keys?${A}`);

    expect(namesOf(body)).toEqual(['plain', 'rotating']);
    expect(body).toMatchObject({ value: [{}, { properties: { keyUri: `${harness.vault.url}/keys/rotating` } }] });
    expect(JSON.stringify(body)).not.toMatch(/kty|rotationPolicy|keyUriWithVersion/);
  });

  test('lists have pages', async () => {
    harness.simulator.world.pageSize = 1;

    const first = await harness.send('GET', `${VAULT_ID}/keys?${A}`);
    const second = await harness.send('GET', String(first.body['nextLink']));

    expect([namesOf(first.body), namesOf(second.body), second.body['nextLink']]).toEqual([
      ['plain'],
      ['rotating'],
      undefined,
    ]);
  });

  test('versions are read and listed', async () => {
    const { properties } = await harness.keys().rotateKey('plain');
    const [old = ''] = harness.vault.key('plain')?.versions ?? [];

    const list = await harness.send('GET', `${VAULT_ID}/keys/plain/versions?${A}`);
    const one = await harness.send('GET', `${VAULT_ID}/keys/plain/versions/${old}?${A}`);

    expect(namesOf(list.body)).toEqual([old, properties.version]);
    expect(one.body).toMatchObject({
      id: `${VAULT_ID}/keys/plain/versions/${old}`,
      type: 'Microsoft.KeyVault/vaults/keys/versions',
      properties: { kty: 'RSA', keyUriWithVersion: `${harness.vault.url}/keys/plain/${old}` },
    });
  });

  test.each([
    ['/keys/nobody', 404, 'KeyNotFound'],
    ['/keys/nobody/versions', 404, 'KeyNotFound'],
    [`/keys/plain/versions/${'0'.repeat(32)}`, 404, 'KeyNotFound'],
    ['x/keys/plain', 404, 'ResourceNotFound'],
  ])('%s is answered %i %s', async (path, status, code) => {
    const answer = await harness.send('GET', `${VAULT_ID}${path}?${A}`);

    expect([answer.status, answer.code]).toEqual([status, code]);
  });

  test('keys cannot be written, and reading them takes an action and no data action', async () => {
    const write = await harness.send('PUT', `${VAULT_ID}/keys/k?${A}`, { body: { properties: {} } });
    const read = await harness.send('GET', `${VAULT_ID}/keys/plain?${A}`, { as: 'officer' });

    expect([write.status, read.code]).toEqual([405, 'AuthorizationFailed']);
    expect(read.text).toContain("perform action 'Microsoft.KeyVault/vaults/keys/read'");
  });

  test('the recovery of a key is as safe as its vault', async () => {
    const levels: unknown[] = [];
    for (const change of [{ enablePurgeProtection: true }, { enableSoftDelete: null }]) {
      harness.simulator.state.patch(VAULT_ID, { properties: change });
      const { body } = await harness.ask('GET', `/keys/plain?${V}`);
      levels.push(isRecord(body['attributes']) ? body['attributes']['recoveryLevel'] : undefined);
    }

    expect(levels).toEqual(['Recoverable', 'Purgeable']);
  });
});

describe('who may do what', () => {
  const calls: readonly (readonly [string, string, string, string])[] = [
    ['GET', '/keys', 'keys/read', 'keys list'],
    ['GET', '/keys/k/versions', 'keys/read', 'keys list'],
    ['GET', '/keys/k', 'keys/read', 'keys get'],
    ['PATCH', '/keys/k/', 'keys/update/action', 'keys update'],
    ['POST', '/keys/k/create', 'keys/create/action', 'keys create'],
    ['POST', '/keys/k/rotate', 'keys/rotate/action', 'keys rotate'],
    ['GET', '/keys/k/rotationpolicy', 'keys/rotationpolicy/read', 'keys getrotationpolicy'],
    ['PUT', '/keys/k/rotationpolicy', 'keys/rotationpolicy/write', 'keys setrotationpolicy'],
    ['POST', '/keys/k//sign', 'keys/sign/action', 'keys sign'],
    ['POST', '/keys/k//verify', 'keys/verify/action', 'keys verify'],
    ['GET', '/secrets', 'secrets/readMetadata/action', 'secrets list'],
    ['GET', '/secrets/s/versions', 'secrets/readMetadata/action', 'secrets list'],
    ['GET', '/secrets/s', 'secrets/getSecret/action', 'secrets get'],
    ['PUT', '/secrets/s', 'secrets/setSecret/action', 'secrets set'],
  ];

  test.each(calls)('%s %s takes the data action %s', async (method, path, suffix) => {
    const action = `Microsoft.KeyVault/vaults/${suffix}`;
    const others = [...new Set(calls.map(([, , name]) => `Microsoft.KeyVault/vaults/${name}`))].filter(
      (name) => name !== action,
    );
    await restart({ identities: vaultIdentities(others) });
    harness.vault.createKey('k');

    const denied = await harness.ask(method, `${path}?${V}`, { body: {} });
    harness.simulator.identity('officer').roleAssignments = [
      { scope: VAULT_ID, actions: [], dataActions: [action], roleName: 'Just this' },
    ];
    const granted = await harness.ask(method, `${path}?${V}`, { body: {} });

    const name = /^\/((?:keys|secrets)\/[^/]+)/.exec(path)?.[1];
    const resource = name === undefined ? VAULT_ID : `${VAULT_ID}/${name}`;
    expect(denied.status).toBe(403);
    expect(denied.body).toMatchObject({
      error: {
        code: 'Forbidden',
        innererror: { code: 'ForbiddenByRbac' },
        message: expect.stringContaining(`Action: '${action}'`),
      },
    });
    expect(denied.text).toContain(`Resource: '${resource.toLowerCase()}'`);
    expect(granted.status).not.toBe(403);
    expect(harness.simulator.requests.at(-1)).toMatchObject({ action, caller: 'officer' });
  });

  test('an owner may read the vault and nothing that is in it', async () => {
    const { status } = await harness.send('GET', `${VAULT_ID}?${A}`);

    await expect(harness.keys('operator').getKey('k')).rejects.toMatchObject({ statusCode: 403, code: 'Forbidden' });
    expect(status).toBe(200);
  });

  test.each(calls)('without RBAC %s %s takes a permission and not %s', async (method, path, _, permission) => {
    const [collection = '', verb = ''] = permission.split(' ');
    const { objectId } = harness.simulator.identity('officer');
    harness.vault.createKey('k');
    const grant = (permissions: Record<string, string[]>) =>
      harness.simulator.state.patch(VAULT_ID, {
        properties: {
          enableRbacAuthorization: false,
          accessPolicies: [{ tenantId: SAMPLE_TENANT_ID, objectId: objectId.toUpperCase(), permissions }],
        },
      });

    grant({ keys: ['purge'], secrets: ['purge'] });
    const denied = await harness.ask(method, `${path}?${V}`, { body: {} });
    grant({ [collection]: [verb.toUpperCase()] });
    const granted = await harness.ask(method, `${path}?${V}`, { body: {} });
    grant({ [collection]: ['all'] });
    const all = await harness.ask(method, `${path}?${V}`, { body: {} });

    expect(denied.body).toMatchObject({ error: { code: 'Forbidden', innererror: { code: 'AccessDenied' } } });
    expect(denied.text).toContain(`does not have ${permission} permission on key vault 'kv-test;location=westeurope'`);
    expect([granted.status, all.status]).not.toContain(403);
  });

  test.each([
    ['has no public access', { publicNetworkAccess: 'Disabled' }],
    ['denies everybody', { networkAcls: { defaultAction: 'Deny', bypass: 'AzureServices' } }],
    [
      'lets others in',
      { networkAcls: { defaultAction: 'Deny', ipRules: [{ value: '203.0.113.0/24' }, { value: '' }] } },
    ],
  ])('a vault that %s keeps everybody out, while ARM still tells about its keys', async (_, properties) => {
    harness.vault.createKey('k');
    harness.simulator.state.patch(VAULT_ID, { properties });

    const { body, headers, status } = await harness.ask('GET', `/keys/k?${V}`);

    expect(status).toBe(403);
    expect(body).toMatchObject({ error: { code: 'Forbidden', innererror: { code: 'ForbiddenByFirewall' } } });
    expect(headers).toMatchObject({
      'x-ms-keyvault-region': 'westeurope',
      'x-ms-keyvault-network-info': expect.stringContaining('addr=127.0.0.1'),
    });
    expect((await harness.send('GET', `${VAULT_ID}/keys/k?${A}`)).status).toBe(200);
  });

  test.each(['127.0.0.1', '127.0.0.0/8'])('a firewall that names %s lets us in', async (value) => {
    harness.simulator.state.patch(VAULT_ID, {
      properties: { networkAcls: { defaultAction: 'Deny', ipRules: [{ value }] } },
    });

    expect((await harness.ask('GET', `/keys?${V}`)).status).toBe(200);
  });
});

describe('secrets', () => {
  test('are kept with value, type, dates and tags, every version of them', async () => {
    const secrets = harness.secrets();
    const first = await secrets.setSecret('Password', 'one', { contentType: 'text/plain', tags: { from: 'acr' } });
    harness.clock.advance(1000);
    const second = await secrets.setSecret('password', 'two', { expiresOn: new Date(NOW + DAY), enabled: true });

    expect((await secrets.getSecret('PASSWORD')).value).toBe('two');
    expect(await secrets.getSecret('password', { version: first.properties.version ?? '' })).toMatchObject({
      value: 'one',
      properties: { contentType: 'text/plain', tags: { from: 'acr' }, createdOn: new Date(NOW) },
    });
    expect(second.properties.expiresOn).toEqual(new Date(NOW + DAY));
    expect(harness.vault.secret('password')).toEqual({
      name: 'Password',
      version: second.properties.version,
      versions: [first.properties.version, second.properties.version],
      value: 'two',
      contentType: undefined,
      enabled: true,
      exp: new Date(NOW + DAY),
      tags: {},
    });
  });

  test('lists tell everything but the value', async () => {
    const secrets = harness.secrets();
    await secrets.setSecret('a', 'very-secret', { tags: { n: '1' } });
    await secrets.setSecret('a', 'very-secret', { tags: { n: '2' } });
    await secrets.setSecret('b', 'very-secret');

    const all = await collect(secrets.listPropertiesOfSecrets());
    const versions = await collect(secrets.listPropertiesOfSecretVersions('a'));
    const { text } = await harness.ask('GET', `/secrets/a/versions?${V}`);

    expect(all.map(({ name }) => name)).toEqual(['a', 'b']);
    expect(new Set(versions.map(({ tags }) => tags?.['n']))).toEqual(new Set(['1', '2']));
    expect(text).not.toContain('very-secret');
    expect(await collect(secrets.listPropertiesOfSecretVersions('nobody'))).toEqual([]);
  });

  test('one that is not there is not found, one that is disabled not shown', async () => {
    const secrets = harness.secrets();
    await secrets.setSecret('off', 'x', { enabled: false });

    await expect(secrets.getSecret('nobody')).rejects.toMatchObject({ statusCode: 404, code: 'SecretNotFound' });
    await expect(secrets.getSecret('off', { version: '0'.repeat(32) })).rejects.toMatchObject({
      code: 'SecretNotFound',
    });
    await expect(secrets.getSecret('off')).rejects.toMatchObject({ statusCode: 403, code: 'Forbidden' });
    expect(harness.vault.secret('nobody')).toBeUndefined();
  });

  test('their values stand in no log', async () => {
    await harness.secrets().setSecret('s', 'very-secret');
    await harness.ask('PUT', `/secrets/s?${V}`, { body: '{"value":"very-secret"' });

    const set = harness.simulator.requests.filter(({ method, status }) => method === 'PUT' && status !== 401);
    expect(set.map(({ body }) => body)).toEqual([expect.objectContaining({ value: 'removed' }), 'removed']);
    expect(JSON.stringify(harness.simulator.requests)).not.toContain('very-secret');
  });
});

describe('events', () => {
  test('a new version is told by the vault, spelt as Azure spells it, and by nobody else', async () => {
    const { properties } = await harness.keys().createKey('k', 'EC', {
      expiresOn: new Date(NOW + 90 * DAY),
      notBefore: new Date(NOW),
    });

    expect(received).toEqual([
      {
        id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        topic: VAULT_ID,
        subject: 'k',
        eventType: 'Microsoft.KeyVault.KeyNewVersionCreated',
        eventTime: expect.stringMatching(/^2026-11-23T10:00:00\.\d{7}Z$/),
        dataVersion: '1',
        metadataVersion: '1',
        data: {
          Id: `${harness.vault.url}/keys/k/${properties.version}`,
          VaultName: 'kv-test',
          ObjectType: 'Key',
          'ObjectName ': 'k',
          Version: ` ${properties.version}`,
          NBF: String(NOW / 1000),
          EXP: String((NOW + 90 * DAY) / 1000),
        },
      },
    ]);
    expect(harness.simulator.events).toEqual(received);
  });

  test('rotating a key and setting a secret tell so too; reading and changing do not', async () => {
    const keys = harness.keys();
    harness.vault.createKey('k');
    await keys.rotateKey('k');
    await keys.updateKeyProperties('k', { enabled: true });
    await keys.updateKeyRotationPolicy('k', { expiresIn: 'P1Y' });
    await keys.getKey('k');
    await harness.secrets().setSecret('s', 'x');

    expect(typesOf()).toEqual(['KeyNewVersionCreated k', 'KeyNewVersionCreated k', 'SecretNewVersionCreated s']);
    expect(received.at(-1)?.data).toMatchObject({ ObjectType: 'Secret', NBF: null, EXP: null });
  });

  test('what nears its expiry is told once, what is past it once more', async () => {
    const notify = { trigger: { timeBeforeExpiry: 'P60D' }, action: { type: 'Notify' } };
    const rotationPolicy = { attributes: { expiryTime: 'P1Y' }, lifetimeActions: [notify] };
    harness.vault.createKey('early', { exp: new Date(NOW + 60 * DAY), rotationPolicy });
    harness.vault.createKey('late', { exp: new Date(NOW + 60 * DAY) });
    harness.vault.createKey('never');
    await harness.secrets().setSecret('s', 'x', { expiresOn: new Date(NOW + 60 * DAY) });
    received.length = 0;
    const at = (days: number) => {
      received.length = 0;
      harness.vault.announceExpiry(new Date(NOW + days * DAY));
      return typesOf();
    };

    expect(at(0)).toEqual(['KeyNearExpiry early']);
    expect(at(29.9)).toEqual([]);
    expect(at(30)).toEqual(['KeyNearExpiry late', 'SecretNearExpiry s']);
    expect(at(60)).toEqual(['KeyExpired early', 'KeyExpired late', 'SecretExpired s']);
    expect(at(61)).toEqual([]);
  });

  test('another expiry is announced anew; an old version is nobody’s concern', async () => {
    const keys = harness.keys();
    harness.vault.createKey('k', { exp: new Date(NOW + DAY) });
    harness.vault.announceExpiry();
    await keys.updateKeyProperties('k', { expiresOn: new Date(NOW + 40 * DAY) });
    harness.vault.announceExpiry();
    harness.clock.advance(20 * DAY);
    harness.vault.announceExpiry();
    await keys.rotateKey('k');
    harness.clock.advance(30 * DAY);
    harness.vault.announceExpiry();

    expect(typesOf()).toEqual([
      'KeyNewVersionCreated k',
      'KeyNearExpiry k',
      'KeyNearExpiry k',
      'KeyNewVersionCreated k',
    ]);
  });
});

describe('seeds', () => {
  test('hold keys about which nobody is told, with ages and expiries before and after the start', async () => {
    await restart({
      seed: vaultSeed(undefined, [
        { vaultId: VAULT_ID.toLowerCase(), name: 'old', ageDays: 400, expiresInDays: -1, enabled: false },
        { vaultId: VAULT_ID, name: 'fixed', exp: new Date('2027-01-01'), expiresInDays: 5 },
        { vaultId: VAULT_ID, name: 'rotating', rotationPolicy: { attributes: { expiryTime: 'P1Y' } } },
        { vaultId: `${VAULTS}/nobody`, name: 'nowhere' },
      ]),
    });

    expect(received).toEqual([]);
    expect(harness.vault.key('old')).toMatchObject({
      created: new Date(NOW - 400 * DAY),
      exp: new Date(NOW - DAY),
      enabled: false,
    });
    expect(harness.vault.key('fixed')?.exp).toEqual(new Date('2027-01-01'));
    expect(harness.vault.key('rotating')?.rotationPolicy).toMatchObject({ expiryTime: 'P1Y' });
  });

  test('are older than any event subscription: their versions raise no event, those made later do', async () => {
    await restart({
      seed: vaultSeed(undefined, [
        { vaultId: VAULT_ID, name: 'expired', expiresInDays: -1 },
        { vaultId: VAULT_ID, name: 'near', expiresInDays: 5 },
        { vaultId: VAULT_ID, name: 'renewed', expiresInDays: 5 },
      ]),
    });
    harness.vault.announceExpiry();
    harness.vault.updateKey('near', { exp: new Date(NOW + 4 * DAY) });
    harness.vault.announceExpiry();
    expect(received).toEqual([]);

    harness.vault.createKey('renewed', { exp: new Date(NOW + 365 * DAY) });
    harness.vault.announceExpiry();
    harness.vault.updateKey('renewed', { exp: new Date(NOW + 5 * DAY) });
    harness.vault.announceExpiry();
    harness.clock.advance(6 * DAY);
    harness.vault.announceExpiry();

    expect(typesOf()).toEqual(['KeyNewVersionCreated renewed', 'KeyNearExpiry renewed', 'KeyExpired renewed']);
  });

  test('a key that a vault would refuse stops the start', async () => {
    const seed = vaultSeed(undefined, [{ vaultId: VAULT_ID, name: 'bad name' }]);

    await expect(startVaultHarness({ seed })).rejects.toThrow("The name 'bad name' is invalid");
  });
});
