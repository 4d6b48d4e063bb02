import { inspect } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import type { RawResource } from '../../local/azure/resource-store.ts';
import { SAMPLE_SUBSCRIPTION_ID } from '../../local/azure/sample-subscription.ts';
import { createAzureClients } from '../../src/azure/clients.ts';
import { findKeyUsers, listVaultKeys, rotateKey, setKeyRotationPolicy } from '../../src/azure/key-vault.ts';
import { resourceReads } from '../../src/azure/resources.ts';
import { parseResourceId } from '../../src/resources/resource-id.ts';
import { VAULT_ID, VAULTS, vaultBody, vaultSeed } from '../simulator/vault-harness.ts';
import { type AzureHarness, failureOf, startAzure } from './azure-harness.ts';

let azure: AzureHarness;

afterEach(async () => {
  await azure.stop();
});

const SCOPE = `/subscriptions/${SAMPLE_SUBSCRIPTION_ID}/resourceGroups/rg-vaults/providers`;
const key = parseResourceId(`${VAULT_ID}/keys/data`);
const ROTATING = {
  expiresIn: 'P2Y',
  lifetimeActions: [
    { action: 'Rotate', timeAfterCreate: 'P18M' },
    { action: 'Notify', timeBeforeExpiry: 'P30D' },
  ],
} as const;

type Options = Parameters<typeof startAzure>[0];

/** One vault with the key `data`, and the product's clients. */
async function start({ vault = vaultBody('kv-test'), ...options }: Options & { readonly vault?: RawResource } = {}) {
  azure = await startAzure({ seed: vaultSeed([vault], [{ vaultId: VAULT_ID, name: 'data' }]), ...options });
  return azure.simulator.keyVault(VAULT_ID);
}

const writes = [
  {
    operation: setKeyRotationPolicy,
    path: '/keyvault/kv-test/keys/data/rotationpolicy',
    method: 'PUT',
    call: async (url: string, context = azure.context()) =>
      await setKeyRotationPolicy.run(context, url, 'data', ROTATING),
    isDone: () => azure.simulator.keyVault(VAULT_ID).key('data')?.rotationPolicy !== undefined,
  },
  {
    operation: rotateKey,
    path: '/keyvault/kv-test/keys/data/rotate',
    method: 'POST',
    call: async (url: string, context = azure.context()) => await rotateKey.run(context, url, 'data'),
    isDone: () => azure.simulator.keyVault(VAULT_ID).key('data')?.versions.length === 2,
  },
];

describe.each(writes)('$operation.id', ({ operation, path, method, call, isDone }) => {
  const { dataActions = [] } = operation;

  it('needs its data action and nothing else, asks for a token first, and returns nothing', async () => {
    const { url } = await start({ actions: [], dataActions });

    expect(await call(`${url}/`)).toBeUndefined();

    const { requests } = azure.simulator;
    expect(requests.map((request) => [request.method, request.path, request.status, request.action])).toEqual([
      [method, path, 401, undefined],
      [method, path, 200, dataActions[0]],
    ]);
    expect(requests.every(({ userAgent }) => userAgent?.startsWith('dockwarden'))).toBe(true);
    expect(azure.requestIds).toEqual([requests[1]?.requestId]);
    expect(isDone()).toBe(true);
  });

  it.each([
    ['ForbiddenByRbac', {}, [], /give Dockwarden's identity the role/],
    ['AccessDenied', { enableRbacAuthorization: false }, dataActions, /access policies/],
    ['ForbiddenByFirewall', { publicNetworkAccess: 'Disabled' }, dataActions, /firewall keeps Dockwarden out/],
  ])('says what to do about %s, in words of our own', async (serviceCode, properties, granted, remedy) => {
    const { url } = await start({ vault: vaultBody('kv-test', properties), actions: [], dataActions: granted });

    const failure = await failureOf(operation, call(url));

    expect(failure).toMatchObject({ code: 'AZURE_DENIED', details: { serviceCode, status: 403 } });
    expect(failure?.message).toMatch(remedy);
    expect(failure?.message).not.toMatch(/oid=|appid=/);
    expect(isDone()).toBe(false);
  });

  it('takes a refusal in a form that it does not know for a refusal', async () => {
    const { url } = await start();
    for (const body of [{ error: { code: 'Forbidden', innererror: { code: 'Odd' } } }, { error: 'no' }, {}]) {
      const headers = { 'content-type': 'application/json' };
      azure.simulator.faults.add({ effect: { kind: 'answer', status: 403, headers, body } });

      const failure = await failureOf(operation, call(url));

      expect(failure).toMatchObject({ code: 'AZURE_DENIED', details: { status: 403 } });
      expect(failure?.message).toMatch(/has the role for it there/);
    }
  });

  it('does not repeat anything by itself, and hears when to come again', async () => {
    const { url } = await start();
    const effect = { kind: 'answer', status: 429, headers: { 'retry-after': '7' }, body: { error: {} } } as const;
    azure.simulator.faults.add({ times: Infinity, effect });

    const failure = await failureOf(operation, call(url));

    expect(failure).toMatchObject({ code: 'AZURE_TRANSIENT', details: { retryAfterMs: 7000 } });
    expect(azure.simulator.requests).toHaveLength(1);
  });

  it.each(['apply-then-drop', 'cut-json'] as const)('does not know what came of it after %s', async (kind) => {
    const { url } = await start();
    azure.simulator.faults.add({ skip: 1, effect: { kind } });

    expect(await failureOf(operation, call(url))).toMatchObject({ code: 'AZURE_UNKNOWN_RESULT' });
    expect(isDone()).toBe(true);
  });

  it('does not know what came of it after an error without a body', async () => {
    const { url } = await start();
    azure.simulator.faults.add({ skip: 1, effect: { kind: 'answer', status: 502 } });

    const failure = await failureOf(operation, call(url));

    expect(failure).toMatchObject({ code: 'AZURE_UNKNOWN_RESULT', details: { status: 502 } });
    expect(isDone()).toBe(false);
  });

  it('ends when its deadline passes while the vault says nothing', async () => {
    const { url } = await start();
    const deadline = new AbortController();
    azure.simulator.faults.add({ effect: { kind: 'before', run: () => void setImmediate(() => deadline.abort()) } });
    azure.simulator.faults.add({ effect: { kind: 'hang' } });

    const failure = await failureOf(operation, call(url, azure.context({ signal: deadline.signal })));

    expect(failure).toMatchObject({ code: 'AZURE_UNKNOWN_RESULT' });
  });

  it('says that the key is gone', async () => {
    const { url } = await start({ seed: vaultSeed() });

    expect(await failureOf(operation, call(url))).toMatchObject({
      code: 'AZURE_NOT_FOUND',
      details: { serviceCode: 'KeyNotFound' },
    });
  });
});

describe('a rotation policy', () => {
  it('is what Azure Resource Manager shows afterwards', async () => {
    const { url } = await start();

    await setKeyRotationPolicy.run(azure.context(), url, 'data', ROTATING);

    const body = await resourceReads['Microsoft.KeyVault/vaults/keys'].run(azure.context(), key);
    expect(body).toMatchObject({
      properties: { rotationPolicy: { attributes: { expiryTime: 'P2Y' }, lifetimeActions: [{}, {}] } },
    });
  });

  it('without an expiry takes the old one away', async () => {
    const vault = await start();
    await setKeyRotationPolicy.run(azure.context(), vault.url, 'data', ROTATING);

    const notice = { lifetimeActions: [{ action: 'Notify', timeBeforeExpiry: 'P30D' } as const] };
    await setKeyRotationPolicy.run(azure.context(), vault.url, 'data', notice);

    expect(vault.key('data')?.rotationPolicy).toMatchObject({ actions: [{ type: 'Notify' }] });
    expect(vault.key('data')?.rotationPolicy?.expiryTime).toBeUndefined();
  });
});

const clientsFor = (dnsSuffix: string, ask: (scope: string | string[], options: unknown) => void) =>
  createAzureClients({
    credential: {
      async getToken(scope, options) {
        ask(scope, options);
        const { token } = azure.simulator.issueToken('dockwarden', 'https://vault.azure.net');
        return await Promise.resolve({ token, expiresOnTimestamp: Date.now() + 3_600_000 });
      },
    },
    endpoint: azure.simulator.armEndpoint,
    scope: 'https://management.azure.com/.default',
    vaults: { dnsSuffix, scope: 'https://configured.example/.default' },
    ca: azure.ca,
  });

describe('who gets a token for vaults', () => {
  it('gets the configured one, whatever resource and tenant its challenge names', async () => {
    const { url } = await start();
    const asked: unknown[] = [];
    const clients = clientsFor('localhost', (scope, options) => asked.push([scope, options]));
    const challenge =
      'Bearer authorization="https://login.evil.example/00000000-0000-4000-8000-00000000abcd", resource="https://graph.microsoft.com"';
    azure.simulator.faults.add({
      effect: { kind: 'answer', status: 401, headers: { 'www-authenticate': challenge }, body: {} },
    });

    await rotateKey.run({ ...azure.context(), clients }, url, 'data');

    expect(asked).toHaveLength(1);
    expect(asked[0]).toMatchObject(['https://configured.example/.default', { enableCae: true }]);
    expect(inspect(asked)).not.toMatch(/abcd|graph/);
  });

  it.each([
    'https://kv-test.vault.azure.net.evil.example',
    'https://evilvault.azure.net',
    'https://kv-test.vault.azure.net@evil.example/',
    'http://kv-test.vault.azure.net',
    'not an address',
    '',
  ])('is nobody at %j', async (address) => {
    await start();
    const asked: unknown[] = [];
    const clients = clientsFor('vault.azure.net', (scope) => asked.push(scope));

    for (const call of [
      async () => await rotateKey.run({ ...azure.context(), clients }, address, 'data'),
      async () => await clients.vaults.secrets(address),
    ]) {
      await expect(call()).rejects.toMatchObject({
        code: 'AZURE_INVALID',
        message: expect.stringContaining('refused to send a token to'),
      });
    }
    expect(asked).toEqual([]);
    expect(azure.simulator.requests).toEqual([]);
  });

  it.each(['https://kv-test.vault.azure.net', 'https://KV-Test.vault.azure.net:443/', 'https://vault.azure.net'])(
    'is the vault at %s',
    async (address) => {
      await start();

      const client = await clientsFor('vault.azure.net', () => undefined).vaults.keys(address);

      expect(client.vaultUrl).toBe(new URL(address).origin);
    },
  );

  it('is not where a vault sends us on to', async () => {
    const { url } = await start();
    const other = new URL(azure.simulator.armEndpoint);
    const headers = { location: `${other.origin}/keys/data/rotate` };
    azure.simulator.faults.add({ skip: 1, effect: { kind: 'answer', status: 307, headers, body: {} } });

    const failure = await failureOf(rotateKey, rotateKey.run(azure.context(), url, 'data'));

    expect(failure).toBeDefined();
    expect(azure.simulator.requests.map(({ path }) => path.split('/')[1])).toEqual(['keyvault', 'keyvault']);
  });
});

describe('the keys of a vault', () => {
  it('are listed through Azure Resource Manager, with dates and tags and without policies', async () => {
    const vault = await start({ actions: listVaultKeys.actions, dataActions: [] });
    vault.createKey('other', { enabled: false, tags: { a: 'b' } });

    const keys = await listVaultKeys.run(azure.context(), parseResourceId(VAULT_ID));

    expect(keys.map(({ id, tags }) => [id, tags])).toEqual([
      [`${VAULT_ID}/keys/data`, {}],
      [`${VAULT_ID}/keys/other`, { a: 'b' }],
    ]);
    expect(keys[1]).toMatchObject({ properties: { attributes: { enabled: false } } });
    expect(azure.checkedActions()).toEqual(['Microsoft.KeyVault/vaults/keys/read']);
  });

  it('come from every page', async () => {
    const vault = await start();
    for (const name of ['a', 'b', 'c', 'd']) vault.createKey(name);
    azure.simulator.world.pageSize = 2;

    expect(await listVaultKeys.run(azure.context(), parseResourceId(VAULT_ID))).toHaveLength(5);
    expect(azure.simulator.requests).toHaveLength(3);
  });

  it('cannot be listed without the action', async () => {
    await start({ actions: [] });

    const failure = await failureOf(listVaultKeys, listVaultKeys.run(azure.context(), parseResourceId(VAULT_ID)));

    expect(failure?.code).toBe('AZURE_DENIED');
  });
});

function put(type: string, name: string, properties: RawResource['properties']): string {
  const id = `${SCOPE}/${type}/${name}`;
  azure.simulator.state.put({ id, name, type, location: 'westeurope', properties: properties ?? {} });
  return id;
}

const URI = 'https://kv-test.vault.azure.net/keys/data';
const VERSION = '0123456789abcdef0123456789abcdef';

const pageOf = (id: string, skipToken: string) => ({
  kind: 'answer' as const,
  status: 200,
  headers: { 'content-type': 'application/json' },
  body: {
    totalRecords: 2,
    count: 1,
    resultTruncated: 'false',
    data: [{ id, keyUri0: URI, keyUri1: '', keyUri2: '', isFollowing: null }],
    $skipToken: skipToken,
  },
});

const registry = (name: string, keyIdentifier: string) =>
  put('Microsoft.ContainerRegistry/registries', name, { encryption: { keyVaultProperties: { keyIdentifier } } });
const encryptionSet = (name: string, keyUrl: string, isFollowing?: boolean) =>
  put('Microsoft.Compute/diskEncryptionSets', name, {
    activeKey: { keyUrl },
    ...(isFollowing !== undefined && { rotationToLatestKeyVersionEnabled: isFollowing }),
  });
const cluster = (name: string, keyId: string) =>
  put('Microsoft.ContainerService/managedClusters', name, {
    securityProfile: { azureKeyVaultKms: { enabled: true, keyId } },
  });
const find = async (uri = URI) => await findKeyUsers.run(azure.context(), key, uri);

describe('users of a key', () => {
  it('are registries, disk encryption sets and clusters; who names a version and does not follow is pinned', async () => {
    await start();
    const ids = {
      registry: registry('acrfollowing', URI.toUpperCase().replace('HTTPS', 'https')),
      pinned: registry('acrpinned', `${URI}/${VERSION}`),
      following: encryptionSet('des-following', `${URI}/${VERSION}`, true),
      lagging: encryptionSet('des-lagging', `${URI}/${VERSION}`, false),
      plain: encryptionSet('des-plain', `${URI}/`),
      cluster: cluster('aks', `${URI}/${VERSION}`),
    };
    registry('acrother', `${URI}2`);
    registry('acrelse', 'https://kv-other.vault.azure.net/keys/data');
    put('Microsoft.ContainerRegistry/registries', 'acrnone', {});

    const users = await find(`${URI}/ffffffffffffffffffffffffffffffff`);

    expect(new Map(users.map(({ id, isPinned }) => [id, isPinned]))).toEqual(
      new Map([
        [ids.registry, false],
        [ids.pinned, true],
        [ids.following, false],
        [ids.lagging, true],
        [ids.plain, false],
        [ids.cluster, true],
      ]),
    );
  });

  it.each([
    [`${URI}/${VERSION}/`, true],
    [` ${URI}/${VERSION} `, true],
    [`https://kv-test.vault.azure.net:443/keys/data/${VERSION}`, true],
    ['https://KV-TEST.vault.azure.net:443/Keys/Data/', false],
    [`${URI}//`, false],
    [`${URI} `, false],
    [`${URI}?api-version=7.4`, false],
  ])('name it by its address in any spelling: %j, pinned %j', async (used, isPinned) => {
    await start();
    const ids = [registry('acr', used), encryptionSet('des', used, false), cluster('aks', used)];

    const users = await find();

    expect(new Map(users.map((user) => [user.id, user.isPinned]))).toEqual(new Map(ids.map((id) => [id, isPinned])));
    expect(await find('https://kv-test.vault.azure.net:443/keys/DATA/')).toEqual(users);
  });

  it.each([
    'kv-test.vault.azure.net/keys/data',
    URI.replace('https', 'http'),
    'https://kv-test.vault.azure.net./keys/data',
    `${URI} ${VERSION}`,
  ])('may name it by what is no address: %j counts as one version', async (used) => {
    await start();
    const ids = [registry('acr', used), encryptionSet('des', used, true), cluster('aks', used)];

    expect(new Set(await find())).toEqual(new Set(ids.map((id) => ({ id, isPinned: true }))));
  });

  it.each([
    `${URI}2`,
    `${URI}-2/${VERSION}`,
    'https://kv-test.vault.azure.net:444/keys/data',
    `https://my-kv-test.vault.azure.net/keys/data/${VERSION}`,
    'https://kv-test.vault.azure.net.example/keys/data',
  ])('are not who uses a key of a like name, or of a like vault: %s', async (used) => {
    await start();
    registry('acr', used);
    encryptionSet('des', used, false);
    cluster('aks', used);

    expect(await find()).toEqual([]);
  });

  it('cost one query, and are only those that may be read', async () => {
    await start({ actions: findKeyUsers.actions.filter((action) => !action.includes('registries')) });
    registry('acrhidden', URI);
    const seen = encryptionSet('des-seen', URI);

    expect(await find()).toEqual([{ id: seen, isPinned: false }]);
    expect(azure.simulator.requests.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'POST /providers/Microsoft.ResourceGraph/resources',
    ]);
    expect(azure.requestIds).toHaveLength(1);
  });

  it('come from every page', async () => {
    await start();
    azure.simulator.faults.add({ effect: pageOf('/one', 'more') });
    azure.simulator.faults.add({ effect: pageOf('/two', '') });

    expect((await find()).map(({ id }) => id)).toEqual(['/one', '/two']);
    expect(azure.simulator.requests[1]?.body).toMatchObject({ options: { $skipToken: 'more' } });
  });

  it.each([
    ['no rows', {}],
    ['rows without an id', { data: [{ keyUri0: URI, keyUri1: '', keyUri2: '', isFollowing: null }] }],
    ['rows that are none', { data: [1] }],
  ])('are unknown when the answer holds %s', async (_, body) => {
    await start();
    const headers = { 'content-type': 'application/json' };
    azure.simulator.faults.add({ effect: { kind: 'answer', status: 200, headers, body } });

    expect(await failureOf(findKeyUsers, find())).toMatchObject({ code: 'AZURE_TRANSIENT' });
  });

  it.each(["https://kv.vault.azure.net/keys/a' or true", 'https://kv.vault.azure.net/secrets/a', 'data', ''])(
    'are not asked for by %j, which is no key',
    async (uri) => {
      await start();

      expect(await failureOf(findKeyUsers, find(uri))).toMatchObject({ code: 'AZURE_INVALID' });
      expect(azure.simulator.requests).toEqual([]);
    },
  );

  it('lie in the subscription of the vault', async () => {
    await start();
    expect(await find()).toEqual([]);
    expect(azure.simulator.requests[0]?.body).toMatchObject({ subscriptions: [SAMPLE_SUBSCRIPTION_ID] });
    expect(VAULTS).toContain(SAMPLE_SUBSCRIPTION_ID);
  });
});
