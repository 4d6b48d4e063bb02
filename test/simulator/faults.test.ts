import { createServer } from 'node:http';
import { getClient } from '@azure-rest/core-client';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { sampleId } from '../../local/azure/sample-subscription.ts';
import { type Harness, startHarness } from './harness.ts';

let harness: Harness;
beforeEach(async () => {
  harness = await startHarness();
});
afterEach(async () => {
  await harness.stop();
});

const acr = sampleId('contosoacr');
const path = `${acr}?api-version=2025-11-01`;
const read = async () => await harness.send('GET', path);
const enable = async () => await harness.send('PATCH', path, { body: { properties: { adminUserEnabled: true } } });
const isEnabled = () => harness.simulator.state.get(acr)?.properties?.['adminUserEnabled'];

test('a fault answers instead of the provider, as often as asked, and counts', async () => {
  const fault = harness.simulator.faults.add({
    method: 'GET',
    path: /contosoacr/,
    skip: 1,
    times: 2,
    effect: {
      kind: 'answer',
      status: 429,
      headers: { 'retry-after': '60' },
      body: { error: { code: 'Throttled', message: 'x' } },
    },
  });

  const statuses = [await read(), await read(), await enable(), await read(), await read()].map(({ status }) => status);

  expect(statuses).toEqual([200, 429, 200, 429, 200]);
  expect(fault.matched).toBe(2);
});

test('a fault may be limited to a caller or a condition, and be removed', async () => {
  const { faults } = harness.simulator;
  faults.add({ caller: 'automation', times: Infinity, effect: { kind: 'answer', status: 503 } });
  const conditional = faults.add({
    when: ({ body }) => body !== undefined,
    times: Infinity,
    effect: { kind: 'answer', status: 502 },
  });

  const first = [await read(), await enable(), await harness.send('GET', path, { as: 'automation' })];
  conditional.remove();
  const second = await enable();
  faults.clear();
  const third = await harness.send('GET', path, { as: 'automation' });

  expect(first.map(({ status }) => status)).toEqual([200, 502, 503]);
  expect([second.status, third.status]).toEqual([200, 200]);
});

test('bodies may be HTML, empty, or cut', async () => {
  const { faults } = harness.simulator;
  faults.add({ effect: { kind: 'answer', status: 502, body: '<html>Bad Gateway</html>' } });
  faults.add({ effect: { kind: 'answer', status: 404 } });
  faults.add({ effect: { kind: 'cut-json' } });

  const [html, empty, cut] = [await read(), await read(), await read()];

  expect([html.status, html.headers['content-type'], html.text]).toEqual([
    502,
    'text/html',
    '<html>Bad Gateway</html>',
  ]);
  expect([empty.status, empty.text, empty.headers['content-type']]).toEqual([404, '', undefined]);
  expect(cut.status).toBe(200);
  expect(() => JSON.parse(cut.text)).toThrow(SyntaxError);
});

test('the SDK sees cut JSON as a parse error', async () => {
  harness.simulator.faults.add({ effect: { kind: 'cut-json' } });

  await expect(harness.registries().get('rg-platform-prod', 'contosoacr')).rejects.toMatchObject({
    code: 'PARSE_ERROR',
  });
});

test('a dropped request changes nothing, one dropped after it was applied has its effect and its event', async () => {
  harness.simulator.faults.add({ method: 'PATCH', effect: { kind: 'drop' } });
  await expect(enable()).rejects.toMatchObject({ code: 'ECONNRESET' });
  const before = isEnabled();

  harness.simulator.faults.add({ method: 'PATCH', effect: { kind: 'apply-then-drop' } });
  await expect(enable()).rejects.toMatchObject({ code: 'ECONNRESET' });

  expect([before, isEnabled()]).toEqual([false, true]);
  expect(harness.simulator.events).toHaveLength(1);
  expect(harness.simulator.requests.map(({ status }) => status)).toEqual([0, 0]);
});

test('a hanging request ends with the caller’s patience, or when the simulator stops', async () => {
  harness.simulator.faults.add({ times: 2, effect: { kind: 'hang' } });
  const registries = harness.registries();

  const impatient = registries.get('rg-platform-prod', 'contosoacr', { abortSignal: AbortSignal.timeout(50) });
  await expect(impatient).rejects.toMatchObject({ name: 'AbortError' });
  const patient = read();
  const refusal = patient.catch((error: unknown) => error);
  await expect.poll(() => harness.simulator.requests.length).toBe(2);
  await harness.simulator.stop();

  expect(await refusal).toMatchObject({ code: 'ECONNRESET' });
});

test('a stale read answers the state before the last write, also “not found”', async () => {
  await enable();
  harness.simulator.faults.add({ method: 'GET', effect: { kind: 'stale-read' } });
  const [stale, fresh] = [await read(), await read()];
  const id = acr.replace('contosoacr', 'contosonew');
  const body = { location: 'westeurope', sku: { name: 'Basic' } };
  await harness.send('PUT', `${id}?api-version=2025-11-01`, { body });
  harness.simulator.faults.add({ method: 'GET', effect: { kind: 'stale-read' } });
  const missing = await harness.send('GET', `${id}?api-version=2025-11-01`);

  expect(stale.body).toHaveProperty('properties.adminUserEnabled', false);
  expect(fresh.body).toHaveProperty('properties.adminUserEnabled', true);
  expect(missing.status).toBe(404);
});

test('an ignored write answers as if it had worked', async () => {
  harness.simulator.faults.add({ method: 'PATCH', effect: { kind: 'ignore-write' } });

  const answer = await enable();

  expect(answer.status).toBe(200);
  expect(answer.body).toHaveProperty('properties.adminUserEnabled', true);
  expect(isEnabled()).toBe(false);
  expect(harness.simulator.events).toEqual([]);
});

test('an ignored long-running write ends well and still changes nothing', async () => {
  harness.simulator.operations.rules.push({ mode: 'async', polls: 0 });
  harness.simulator.faults.add({ method: 'PATCH', effect: { kind: 'ignore-write' } });

  const answer = await enable();
  const status = await harness.send('GET', String(answer.headers['azure-asyncoperation']));

  expect([answer.status, status.body]).toEqual([201, { status: 'Succeeded' }]);
  expect(isEnabled()).toBe(false);
  expect(harness.simulator.events).toEqual([]);
});

test('poll URLs can point to a foreign host', async () => {
  harness.simulator.operations.rules.push({ mode: 'async' });
  harness.simulator.faults.add({ effect: { kind: 'foreign-host', host: 'evil.example' } });

  const answer = await enable();

  expect(answer.headers['azure-asyncoperation']).toMatch(/^https:\/\/evil\.example\/subscriptions\//);
});

test('a claims challenge makes the SDK ask for one new token', async () => {
  const asked: unknown[] = [];
  const credential = {
    async getToken(scopes: string | string[], options?: { claims?: string }) {
      asked.push(options?.claims);
      return await harness.simulator.credential('operator').getToken(scopes);
    },
  };
  const fault = harness.simulator.faults.add({ effect: { kind: 'claims-challenge' } });
  const client = getClient(harness.simulator.armEndpoint, credential, {
    credentials: { scopes: ['https://management.azure.com/.default'] },
    tlsOptions: { ca: harness.ca },
  });

  const answer = await client.pathUnchecked(acr).get({ queryParameters: { 'api-version': '2025-11-01' } });

  expect(answer.status).toBe('200');
  expect(asked).toEqual([undefined, expect.stringContaining('access_token')]);
  expect(fault.matched).toBe(1);
});

test('a hook slips another writer between two requests', async () => {
  harness.simulator.faults.add({
    method: 'PATCH',
    effect: {
      kind: 'before',
      run: () => void harness.simulator.as('automation').patch(acr, { tags: { raced: 'yes' } }),
    },
  });
  const seen: unknown[] = [];
  harness.simulator.faults.add({ method: 'PATCH', effect: { kind: 'after', run: () => void seen.push(isEnabled()) } });

  await enable();

  expect(harness.simulator.state.get(acr)).toMatchObject({
    tags: { raced: 'yes' },
    properties: { adminUserEnabled: true },
  });
  expect(harness.simulator.requests.map(({ caller, isInProcess }) => [caller, isInProcess])).toEqual([
    ['automation', true],
    ['operator', false],
  ]);
  expect(seen).toEqual([true]);
});

test('a delay comes on top of what else happens', async () => {
  harness.simulator.faults.add({ effect: { kind: 'delay', milliseconds: 20 } });
  harness.simulator.faults.add({ effect: { kind: 'answer', status: 500 } });
  const start = performance.now();

  const answer = await read();

  expect(answer.status).toBe(500);
  expect(performance.now() - start).toBeGreaterThanOrEqual(19);
});

test('latency is added to every answer', async () => {
  const slow = await startHarness({ latencyMs: 15 });
  const start = performance.now();

  await slow.send('GET', path);

  expect(performance.now() - start).toBeGreaterThanOrEqual(14);
  await slow.stop();
});

test('two simulators do not share a port', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await expect.poll(() => server.listening).toBe(true);
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;

  await expect(startHarness({ identityPort: port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  server.close();
});
