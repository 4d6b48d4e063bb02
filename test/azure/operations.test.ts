import { inspect } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { sampleId } from '../../local/azure/sample-subscription.ts';
import { findPasswordUsers, regeneratePassword, updateRegistry } from '../../src/azure/container-registry.ts';
import { relatedReads, resourceReads } from '../../src/azure/resources.ts';
import { deleteTags, readTags } from '../../src/azure/tags.ts';
import { type AzureHarness, failureOf, startAzure } from './azure-harness.ts';
import { SUBSCRIPTION, samples, target } from './operation-samples.ts';

let azure: AzureHarness;

afterEach(async () => {
  await azure.stop();
});

const modes = [200, 201, 202, 'async'] as const;
const writes = samples.filter(({ operation }) => operation.effect === 'write');

describe.each(samples)('$name', ({ operation, call, sends, versions, needs = operation.actions, seed }) => {
  async function start(options: Parameters<typeof startAzure>[0] = {}): Promise<void> {
    azure = await startAzure({ ...(seed !== undefined && { seed }), ...options });
  }

  it('sends exactly what it is meant to send, and notes the request ids', async () => {
    await start();

    await call(azure.context());

    const { requests } = azure.simulator;
    expect(
      requests.map(({ method, path, body }) => (body === undefined ? [method, path] : [method, path, body])),
    ).toEqual(sends);
    expect(requests.map((request) => request.apiVersion)).toEqual(versions);
    expect(azure.requestIds).toEqual(requests.map(({ requestId }) => requestId));
    expect(requests.every(({ userAgent }) => userAgent?.startsWith('dockwarden'))).toBe(true);
  });

  it('needs nothing beyond the actions that it declares, in every form of answer', async () => {
    await start({ actions: operation.actions });

    for (const mode of modes) {
      azure.simulator.operations.rules.splice(0, Infinity, { mode, polls: 0 });
      await call(azure.context());
      azure.simulator.operations.finishAll();
    }

    const declared = operation.actions.map((action) => action.toLowerCase());
    expect(declared).toEqual(expect.arrayContaining(azure.checkedActions().map((action) => action.toLowerCase())));
    expect(new Set(azure.checkedActions())).toEqual(new Set(needs));
  });

  it.each(needs)('is denied without %s', async (removed) => {
    await start({ actions: operation.actions.filter((action) => action !== removed) });
    azure.simulator.operations.rules.push({ mode: 'async', polls: 0 });

    const failure = await failureOf(operation, call(azure.context()));

    expect(failure?.code).toBe('AZURE_DENIED');
    expect(failure?.message).toContain(removed);
  });

  it('ends when its deadline passes while Azure says nothing', async () => {
    await start();
    const deadline = new AbortController();
    azure.simulator.faults.add({ effect: { kind: 'before', run: () => void setImmediate(() => deadline.abort()) } });
    azure.simulator.faults.add({ effect: { kind: 'hang' } });

    const failure = await failureOf(operation, call(azure.context({ signal: deadline.signal })));

    expect(failure?.code).toBe(operation.effect === 'write' ? 'AZURE_UNKNOWN_RESULT' : 'AZURE_TRANSIENT');
  });

  it('sends nothing when its deadline has passed already', async () => {
    await start();

    const failure = await failureOf(operation, call(azure.context({ signal: AbortSignal.abort() })));

    expect(failure).toBeDefined();
    expect(azure.simulator.requests).toEqual([]);
  });

  it('does not repeat anything by itself', async () => {
    await start();
    azure.simulator.faults.add({
      effect: { kind: 'answer', status: 429, headers: { 'retry-after': '1' } },
      times: Infinity,
    });

    const failure = await failureOf(operation, call(azure.context()));

    expect(failure).toMatchObject({ code: 'AZURE_TRANSIENT', details: { retryAfterMs: 1000 } });
    expect(azure.simulator.requests).toHaveLength(1);
  });

  it('sends each request once more at most when Azure challenges the token', async () => {
    await start();
    azure.simulator.faults.add({ effect: { kind: 'claims-challenge' } });

    await call(azure.context());

    expect(azure.simulator.requests).toHaveLength(sends.length + 1);
  });
});

describe.each(writes)('$name', ({ call, sends, isDone }) => {
  it.each(modes)('is done when it returns, or on its way, when Azure answers %s', async (mode) => {
    azure = await startAzure();
    azure.simulator.operations.rules.push({ mode, polls: 0 });

    await call(azure.context());
    azure.simulator.operations.finishAll();

    expect(azure.simulator.requests.filter(({ method }) => method !== 'GET')).toHaveLength(sends.length);
    expect(isDone?.(azure)).toBe(true);
  });
});

describe('what operations return', () => {
  it('a resource is the raw body, unknown properties included', async () => {
    azure = await startAzure();
    azure.simulator.state.patch(sampleId('contosoacr'), { properties: { brandNew: { nested: [1, null] } } });

    const body = await resourceReads['Microsoft.ContainerRegistry/registries'].run(
      azure.context(),
      target('contosoacr'),
    );

    expect(body).toEqual(azure.simulator.state.get(sampleId('contosoacr')));
    expect(body).toMatchObject({ properties: { brandNew: { nested: [1, null] } } });
  });

  it('agent pools carry their names', async () => {
    azure = await startAzure();

    const pools = await relatedReads.agentPools.run(azure.context(), target('aks-prod'));

    expect(pools.map(({ name, osType }) => [name, osType])).toEqual([
      ['system', 'Linux'],
      ['apps', 'Linux'],
    ]);
  });

  it('tags are those of the resource, and none is no error', async () => {
    azure = await startAzure();
    const read = async () => await readTags.run(azure.context(), target('aks-prod'));

    expect(await read()).toEqual({ env: 'prod' });
    azure.simulator.state.patch(sampleId('aks-prod'), { tags: null });
    expect(await read()).toEqual({});
  });

  it('a tag that somebody has changed survives its deletion', async () => {
    azure = await startAzure();

    await deleteTags.run(azure.context(), target('aks-prod'), { env: 'something else' });

    expect(azure.simulator.state.get(sampleId('aks-prod'))?.tags).toEqual({ env: 'prod' });
  });

  it('a rotation returns nothing, and with the admin user off it says that the registry has changed', async () => {
    azure = await startAzure();

    expect(await regeneratePassword.run(azure.context(), target('contosobuild'), 'password')).toBeUndefined();
    await expect(regeneratePassword.run(azure.context(), target('contosoacr'), 'password')).rejects.toMatchObject({
      code: 'AZURE_CONFLICT',
    });
    expect(azure.simulator.requests.map(({ status }) => status)).toEqual([200, 400]);
  });

  it('a rotation whose answer cannot be read keeps the passwords to itself', async () => {
    azure = await startAzure();
    azure.simulator.faults.add({ effect: { kind: 'cut-json' } });

    const thrown: unknown = await regeneratePassword
      .run(azure.context(), target('contosobuild'), 'password')
      .catch((error: unknown) => error);

    expect(thrown).toMatchObject({ code: 'AZURE_UNKNOWN_RESULT' });
    expect(inspect(thrown, { depth: 10, showHidden: true })).not.toContain('CANARY-');
  });

  it('users of the password are found by server and user, in groups and apps, whatever the casing', async () => {
    azure = await startAzure();
    const appId = `${SUBSCRIPTION}/resourceGroups/rg-platform-dev/providers/Microsoft.App/containerApps`;
    const apps = {
      shop: { server: 'ContosoLegacy.azurecr.io', username: 'ContosoLegacy' },
      other: { server: 'contosoacr.azurecr.io', username: 'contosolegacy' },
      token: { server: 'contosolegacy.azurecr.io', username: 'ci-token' },
      identity: { server: 'contosolegacy.azurecr.io', identity: 'system' },
    };
    for (const [name, registry] of Object.entries(apps)) {
      azure.simulator.state.put({
        id: `${appId}/${name}`,
        name,
        type: 'Microsoft.App/containerApps',
        properties: { configuration: { registries: [registry] } },
      });
    }

    const users = await findPasswordUsers.run(azure.context(), target('contosolegacy'), 'contosolegacy.azurecr.io');

    expect(users).toEqual([{ id: sampleId('legacy-batch') }, { id: `${appId}/shop` }]);
  });

  it('a group that the list abbreviates is read on its own', async () => {
    azure = await startAzure();
    const groups = `${SUBSCRIPTION}/providers/Microsoft.ContainerInstance/containerGroups`;
    azure.simulator.faults.add({
      path: /\/containerGroups\?/,
      effect: {
        kind: 'answer',
        status: 200,
        headers: { 'content-type': 'application/json' },
        body: {
          value: [
            { id: sampleId('legacy-batch'), name: 'legacy-batch', properties: { provisioningState: 'Succeeded' } },
          ],
        },
      },
    });

    const users = await findPasswordUsers.run(azure.context(), target('contosolegacy'), 'contosolegacy.azurecr.io');

    expect(users).toEqual([{ id: sampleId('legacy-batch') }]);
    expect(azure.simulator.requests.map(({ path }) => path).slice(0, 2)).toEqual([groups, sampleId('legacy-batch')]);
  });

  it('a subscription without the provider of container apps has none', async () => {
    azure = await startAzure();
    azure.simulator.faults.add({
      path: /\/containerApps\?/,
      effect: {
        kind: 'answer',
        status: 409,
        body: { error: { code: 'MissingSubscriptionRegistration', message: 'not registered' } },
      },
    });

    expect(await findPasswordUsers.run(azure.context(), target('contosoacr'), 'contosoacr.azurecr.io')).toEqual([]);
  });
});

describe('answers that say less than they should', () => {
  const json = { 'content-type': 'application/json' };

  it.each([{}, { properties: null }, { properties: { tags: ['a'] } }, { properties: { tags: { a: 1 } } }])(
    'tags in %j read as none',
    async (body) => {
      azure = await startAzure();
      azure.simulator.faults.add({ effect: { kind: 'answer', status: 200, headers: json, body } });

      expect(await readTags.run(azure.context(), target('aks-prod'))).toEqual({});
    },
  );

  it('an agent pool without properties still has its name', async () => {
    azure = await startAzure();
    const body = { value: [{ name: 'odd' }, { name: 'odder', properties: 'none' }] };
    azure.simulator.faults.add({ effect: { kind: 'answer', status: 200, headers: json, body } });

    const pools = await relatedReads.agentPools.run(azure.context(), target('aks-prod'));

    expect(pools).toEqual([
      { name: 'odd', powerState: {} },
      { name: 'odder', powerState: {} },
    ]);
  });
});

describe('a long-running update', () => {
  it('outlives the deadline of its first request', async () => {
    azure = await startAzure();
    azure.simulator.operations.rules.push({ mode: 201, polls: 0 });
    const deadline = new AbortController();
    azure.simulator.faults.add({
      path: /operationStatuses/,
      effect: { kind: 'before', run: () => deadline.abort() },
    });

    await updateRegistry.run(azure.context({ signal: deadline.signal }), target('contosobuild'), {
      adminUserEnabled: false,
    });

    expect(azure.simulator.state.get(sampleId('contosobuild'))?.properties?.['adminUserEnabled']).toBe(false);
  });

  it('is left alone when its own deadline passes', async () => {
    azure = await startAzure();
    azure.simulator.operations.rules.push({ mode: 201, polls: 1000 });
    const deadline = new AbortController();
    azure.simulator.faults.add({ path: /operationStatuses/, effect: { kind: 'after', run: () => deadline.abort() } });

    const failure = await failureOf(
      updateRegistry,
      updateRegistry.run(azure.context({ operationSignal: deadline.signal }), target('contosobuild'), {
        adminUserEnabled: false,
      }),
    );

    expect(failure?.code).toBe('AZURE_UNKNOWN_RESULT');
    expect(azure.simulator.requests).toHaveLength(2);
  });

  it('follows a status URL of several kilobytes', async () => {
    azure = await startAzure();
    azure.simulator.operations.rules.push({ mode: 201, polls: 0, longUrl: true });

    await updateRegistry.run(azure.context(), target('contosobuild'), { adminUserEnabled: false });

    expect(azure.simulator.requests[1]).toMatchObject({
      status: 200,
      path: expect.stringContaining('/operationStatuses/'),
    });
  });
});
