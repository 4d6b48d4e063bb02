import { inspect } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import type { FaultEffect } from '../../local/azure/faults.ts';
import { createSampleSubscription, sampleId } from '../../local/azure/sample-subscription.ts';
import { rotateAndStorePassword } from '../../src/azure/password-rotation.ts';
import { parseResourceId } from '../../src/resources/resource-id.ts';
import { VAULT_ID, vaultBody, vaultSeed } from '../simulator/vault-harness.ts';
import { type AzureHarness, failureOf, startAzure } from './azure-harness.ts';

let azure: AzureHarness;

afterEach(async () => {
  await azure.stop();
});

const registry = parseResourceId(sampleId('contosobuild'));
const RUN = '01K00000000000000000000001';
const NAME = 'contosobuild-password2';

async function start(options: Parameters<typeof startAzure>[0] = {}, properties = {}) {
  const sample = createSampleSubscription();
  const { resourceGroups } = vaultSeed();
  azure = await startAzure({
    seed: {
      ...sample,
      resourceGroups: [...sample.resourceGroups, ...resourceGroups],
      resources: [...sample.resources, vaultBody('kv-test', properties)],
    },
    ...options,
  });
  return azure.simulator.keyVault(VAULT_ID);
}

const run = async (ids: { readonly runId?: string; readonly firstRunId?: string } = { runId: RUN }, url?: string) => {
  const address = url ?? azure.simulator.keyVault(VAULT_ID).url;
  const { runId, firstRunId = runId } = ids;
  const isSameViolation = (id: string) => id === runId || id === firstRunId;
  const context = { ...azure.context(), ...(runId !== undefined && { runId, isSameViolation }) };
  await rotateAndStorePassword.run(context, registry, address);
};
const failing = async (...args: Parameters<typeof run>) => await failureOf(rotateAndStorePassword, run(...args));
const secret = () => azure.simulator.keyVault(VAULT_ID).secret(NAME);
/** The passwords as the registry has them now. */
const passwords = () => azure.simulator.state.passwordsOf(registry.id);
const rotations = () => azure.simulator.requests.filter(({ path }) => path.endsWith('/regenerateCredential')).length;

const VERSIONS = /^\/secrets\/[\w-]+\/versions/;
const SECRET = /^\/secrets\/[\w-]+\?/;
const ROTATION = /\/regenerateCredential\?/;

/** Everything that an error could tell, however deep. */
function expectNoPassword(error: unknown): void {
  expect(error).toBeDefined();
  expect(inspect(error, { depth: 20, showHidden: true, maxStringLength: Infinity })).not.toContain('CANARY-');
}

describe('a rotation that is stored', () => {
  it('puts the new password into the vault, with its run, and needs what it declares', async () => {
    const { actions, dataActions = [] } = rotateAndStorePassword;
    await start({ actions, dataActions });

    await run();

    expect(secret()).toMatchObject({
      value: passwords()?.['password2'],
      contentType: 'text/plain',
      tags: { 'dockwarden-run': RUN, registry: registry.id, password: 'password2' },
    });
    expect(secret()?.value).toMatch(/^CANARY-/);
    expect(secret()?.value).not.toBe(passwords()?.['password']);
    expect(new Set(azure.checkedActions())).toEqual(new Set([...actions, ...dataActions]));
    expect(azure.simulator.requests.map(({ method, path, status }) => [method, path, status])).toEqual([
      ['GET', `/keyvault/kv-test/secrets/${NAME}/versions`, 401],
      ['GET', `/keyvault/kv-test/secrets/${NAME}/versions`, 200],
      ['POST', `${registry.id}/regenerateCredential`, 200],
      ['PUT', `/keyvault/kv-test/secrets/${NAME}`, 200],
    ]);
    expect(azure.requestIds).toHaveLength(3);
  });

  it('is made once for each run, and for those about the same violation', async () => {
    await start();
    await run();
    const { value, versions } = secret() ?? {};

    await run();
    await run({ runId: '01K00000000000000000000002', firstRunId: RUN });

    expect(secret()).toMatchObject({ value, versions });
    expect(rotations()).toBe(1);
  });

  it('is made again by another run, and the old ones are looked through on every page', async () => {
    const vault = await start();
    await run();
    for (let index = 2; index < 6; index += 1) await run({ runId: `01K0000000000000000000000${index}` });
    expect(vault.secret(NAME)?.versions).toHaveLength(5);
    azure.simulator.world.pageSize = 2;
    azure.simulator.requests.length = 0;

    await run();

    expect(rotations()).toBe(0);
  });

  it('is not made outside a run', async () => {
    await start();

    await expect(run({})).rejects.toMatchObject({ code: 'INTERNAL_INVARIANT' });
    expect(azure.simulator.requests).toEqual([]);
  });

  it('takes a vault that says that there is no such secret for an empty one', async () => {
    await start();
    const body = { error: { code: 'SecretNotFound', message: 'A secret was not found.' } };
    const headers = { 'content-type': 'application/json' };
    azure.simulator.faults.add({ path: VERSIONS, skip: 1, effect: { kind: 'answer', status: 404, headers, body } });

    await run();

    expect(secret()?.value).toBe(passwords()?.['password2']);
  });
});

describe('nothing is rotated when the vault', () => {
  it.each([
    ['ForbiddenByRbac', { dataActions: ['Microsoft.KeyVault/vaults/secrets/setSecret/action'] }, {}],
    ['AccessDenied', {}, { enableRbacAuthorization: false }],
    ['ForbiddenByFirewall', {}, { publicNetworkAccess: 'Disabled' }],
  ])('refuses: %s', async (serviceCode, options, properties) => {
    await start(options, properties);

    expect(await failing()).toMatchObject({ code: 'AZURE_DENIED', details: { serviceCode } });
    expect(rotations()).toBe(0);
  });

  it.each([
    ['throttles', { kind: 'answer', status: 429, headers: { 'retry-after': '9' } }, 'AZURE_TRANSIENT'],
    ['fails', { kind: 'answer', status: 503 }, 'AZURE_TRANSIENT'],
    ['breaks off', { kind: 'drop' }, 'AZURE_TRANSIENT'],
    ['answers half of it', { kind: 'cut-json' }, 'AZURE_TRANSIENT'],
    ['is another service', { kind: 'answer', status: 404, body: 'no such page' }, 'AZURE_INVALID'],
  ] as const)('%s', async (_name, effect: FaultEffect, code) => {
    await start();
    azure.simulator.faults.add({ path: VERSIONS, skip: 1, effect });

    expect(await failing()).toMatchObject({ code });
    expect(rotations()).toBe(0);
  });

  it('would be told by a token that it may not have', async () => {
    await start();

    expect(await failing({ runId: RUN }, 'https://vault.evil.example')).toMatchObject({ code: 'AZURE_INVALID' });
    expect(azure.simulator.requests).toEqual([]);
  });

  it('sends on to another host for the next page', async () => {
    await start();
    const body = { value: [], nextLink: `${azure.simulator.armEndpoint}/secrets/x/versions?api-version=7.5` };
    const headers = { 'content-type': 'application/json' };
    azure.simulator.faults.add({ path: VERSIONS, skip: 1, effect: { kind: 'answer', status: 200, headers, body } });

    expect(await failing()).toMatchObject({ code: 'AZURE_INVALID', message: expect.stringContaining('refused') });
    expect(rotations()).toBe(0);
  });
});

describe('a rotation that fails', () => {
  it('stores nothing when the admin user is off, and says that the registry has changed', async () => {
    await start();
    azure.simulator.state.patch(registry.id, { properties: { adminUserEnabled: false } });

    expect(await failing()).toMatchObject({ code: 'AZURE_CONFLICT' });
    expect(secret()).toBeUndefined();
  });

  it.each([
    ['is lost', { kind: 'apply-then-drop' }],
    ['cannot be read', { kind: 'cut-json' }],
    [
      'names no password2',
      { kind: 'answer', status: 200, body: { username: 'x', passwords: [{ name: 'password', value: 'CANARY-1' }] } },
    ],
    ['names none', { kind: 'answer', status: 200, body: { username: 'x' } }],
  ] as const)('is unknown when its answer %s, and made again by the same run', async (_name, effect: FaultEffect) => {
    await start();
    const json = 'headers' in effect ? {} : { headers: { 'content-type': 'application/json' } };
    azure.simulator.faults.add({ path: ROTATION, effect: { ...effect, ...json } });

    const failure = await failing();

    expect(failure).toMatchObject({ code: 'AZURE_UNKNOWN_RESULT' });
    expectNoPassword(failure);
    expect(secret()).toBeUndefined();
    await run();
    expect(secret()?.value).toBe(passwords()?.['password2']);
    expect(rotations()).toBe(2);
  });
});

describe('a password that cannot be stored', () => {
  const json = { 'content-type': 'application/json' };
  const deleted = { error: { code: 'Conflict', innererror: { code: 'ObjectIsDeletedButRecoverable' } } };

  it.each([
    ['throttling', { kind: 'answer', status: 429, headers: { 'retry-after': '9' } }, 'AZURE_TRANSIENT'],
    [
      'another writer',
      { kind: 'answer', status: 409, headers: json, body: { error: { code: 'Conflict' } } },
      'AZURE_BUSY',
    ],
    ['a deleted secret', { kind: 'answer', status: 409, headers: json, body: deleted }, 'AZURE_INVALID'],
    ['a vault that is gone', { kind: 'answer', status: 404, body: 'gone' }, 'AZURE_INVALID'],
    [
      'a refusal',
      { kind: 'answer', status: 403, headers: json, body: { error: { code: 'Forbidden' } } },
      'AZURE_DENIED',
    ],
  ] as const)('is lost for certain by %s, and renewed by the next run', async (_name, effect: FaultEffect, code) => {
    await start();
    azure.simulator.faults.add({ path: SECRET, method: 'PUT', effect });

    const failure = await failing();

    expect(failure).toMatchObject({ code, message: expect.stringMatching(/nobody has it, and it is renewed again/) });
    expectNoPassword(failure);
    expect(secret()).toBeUndefined();
    await run({ runId: '01K00000000000000000000002', firstRunId: RUN });
    expect(secret()?.value).toBe(passwords()?.['password2']);
    expect(rotations()).toBe(2);
  });

  it('says what to do about a missing permission', async () => {
    await start({ dataActions: ['Microsoft.KeyVault/vaults/secrets/readMetadata/action'] });

    const failure = await failing();

    expect(failure).toMatchObject({ code: 'AZURE_DENIED', details: { serviceCode: 'ForbiddenByRbac' } });
    expect(failure?.message).toMatch(/ForbiddenByRbac.*role for it at the vault.*renewed again/);
    expectNoPassword(failure);
  });

  it.each([
    ['the answer is lost', { kind: 'apply-then-drop' }, 1],
    ['the answer cannot be read', { kind: 'cut-json' }, 1],
    ['the connection breaks', { kind: 'drop' }, 2],
    ['a gateway fails', { kind: 'answer', status: 502 }, 2],
  ] as const)('may be stored when %s: the same run looks first', async (_name, effect: FaultEffect, made) => {
    await start();
    azure.simulator.faults.add({ path: SECRET, method: 'PUT', effect });

    const failure = await failing();

    expect(failure).toMatchObject({ code: 'AZURE_UNKNOWN_RESULT' });
    expectNoPassword(failure);
    await run();
    expect(secret()?.value).toBe(passwords()?.['password2']);
    expect(secret()?.versions).toHaveLength(1);
    expect(rotations()).toBe(made);
  });

  it('is lost when nothing listens any more', async () => {
    await start();
    const { url } = azure.simulator.keyVault(VAULT_ID);
    azure.simulator.faults.add({
      path: ROTATION,
      effect: { kind: 'after', run: () => azure.simulator.state.remove(VAULT_ID) },
    });

    const failure = await failing({ runId: RUN }, url);

    expect(failure?.code).toBe('AZURE_UNKNOWN_RESULT');
    expectNoPassword(failure);
  });
});
