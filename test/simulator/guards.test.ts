import { afterEach, beforeEach, expect, test } from 'vitest';
import { SAMPLE_SUBSCRIPTION_ID, sampleId } from '../../local/azure/sample-subscription.ts';
import { FixedClock, type Harness, startHarness } from './harness.ts';

let harness: Harness;
let clock: FixedClock;
beforeEach(async () => {
  clock = new FixedClock();
  harness = await startHarness({ clock });
});
afterEach(async () => {
  await harness.stop();
});

const acr = sampleId('contosobuild');
const locked = sampleId('contosolocked');
const group = `/subscriptions/${SAMPLE_SUBSCRIPTION_ID}/resourceGroups/rg-platform-dev`;
const VERSION = 'api-version=2025-11-01';
const locksPath = (scope: string, name = '') =>
  `${scope}/providers/Microsoft.Authorization/locks${name}?api-version=2020-05-01`;
const patch = async (id = acr) =>
  await harness.send('PATCH', `${id}?${VERSION}`, { body: { properties: { adminUserEnabled: false } } });

test('a ReadOnly lock stops writes and actions, but not reads', async () => {
  const answers = [
    await patch(locked),
    await harness.send('DELETE', `${locked}?${VERSION}`),
    await harness.send('POST', `${locked}/regenerateCredential?${VERSION}`, { body: { name: 'password' } }),
    await harness.send('PATCH', `${locked}/providers/Microsoft.Resources/tags/default?api-version=2022-09-01`, {
      body: {},
    }),
    await harness.send('GET', `${locked}?${VERSION}`),
  ];

  expect(answers.map(({ code, status }) => [status, code])).toEqual([
    [409, 'ScopeLocked'],
    [409, 'ScopeLocked'],
    [409, 'ScopeLocked'],
    [409, 'ScopeLocked'],
    [200, undefined],
  ]);
  expect(answers[0]?.text).toContain(
    `cannot perform write operation because following scope(s) are locked: '${locked}'`,
  );
});

test('a CanNotDelete lock of the group stops deletes below it only', async () => {
  harness.simulator.locks.push({ scope: group.toLowerCase(), name: 'keep', level: 'CanNotDelete' });

  const [write, remove] = [await patch(), await harness.send('DELETE', `${acr}?${VERSION}`)];
  const elsewhere = await harness.send('DELETE', `${sampleId('contosofresh')}?${VERSION}`);

  expect([write.status, remove.status, elsewhere.status]).toEqual([200, 409, 200]);
  expect(remove.text).toContain('cannot perform delete operation');
});

test('locks are listed where they hold, and can be set and removed through ARM', async () => {
  const set = await harness.send('PUT', locksPath(group, '/hold'), {
    body: { properties: { level: 'ReadOnly', notes: 'audit' } },
  });
  const list = await harness.send('GET', locksPath(acr));
  const one = await harness.send('GET', locksPath(group, '/HOLD'));
  const wrong = await harness.send('PUT', locksPath(group, '/other'), { body: { properties: { level: 'Soft' } } });
  const stopped = await patch();
  const removed = await harness.send('DELETE', locksPath(group, '/hold'));
  const missing = await harness.send('GET', locksPath(group, '/hold'));
  const free = await patch();

  expect(set.status).toBe(201);
  expect(list.body['value']).toEqual([
    {
      id: `${group}/providers/Microsoft.Authorization/locks/hold`,
      name: 'hold',
      type: 'Microsoft.Authorization/locks',
      properties: { level: 'ReadOnly', notes: 'audit' },
    },
  ]);
  expect([one.status, wrong.status, stopped.status, removed.status, missing.status, free.status]).toEqual([
    200, 400, 409, 200, 404, 200,
  ]);
});

test('the locks of a resource include those above it, those of a subscription all below it', async () => {
  harness.simulator.locks.push({ scope: group, name: 'keep', level: 'CanNotDelete' });
  const list = async (scope: string) => {
    const { body } = await harness.send(
      'GET',
      `${scope}/providers/Microsoft.Authorization/locks?api-version=2020-05-01`,
    );
    return Array.isArray(body['value']) ? body['value'].length : -1;
  };

  expect(await list(acr)).toBe(1);
  expect(await list(locked)).toBe(1);
  expect(await list(sampleId('contosoacr'))).toBe(0);
  expect(await list(`/subscriptions/${SAMPLE_SUBSCRIPTION_ID}`)).toBe(2);
});

test('a policy with effect deny refuses the write and names itself', async () => {
  harness.simulator.policyDenies.push({
    policy: {
      name: 'keep-admin',
      id: '/assignments/keep-admin',
      definitionName: 'keep',
      definitionId: '/definitions/keep',
    },
    denies: ({ body, id }) =>
      id.toLowerCase() === acr.toLowerCase() && JSON.stringify(body).includes('"adminUserEnabled":false'),
  });

  const denied = await patch();
  const other = await harness.send('PATCH', `${acr}?${VERSION}`, { body: { tags: {} } });

  expect([denied.status, denied.code, other.status]).toEqual([403, 'RequestDisallowedByPolicy', 200]);
  expect(denied.body['error']).toMatchObject({ target: 'contosobuild', additionalInfo: [{ type: 'PolicyViolation' }] });
  expect(denied.text).toContain('keep-admin');
});

test('a busy registry refuses writes and rotations with the generic 409', async () => {
  harness.simulator.state.setBusy(acr, { until: new Date(clock.now().getTime() + 5_000) });

  const busy = await patch();
  const rotation = await harness.send('POST', `${acr}/regenerateCredential?${VERSION}`, { body: { name: 'password' } });
  clock.advance(5_000);
  const free = await patch();

  expect([busy.code, rotation.code, free.status]).toEqual([
    'AnotherOperationInProgress',
    'AnotherOperationInProgress',
    200,
  ]);
});

test('clearing lets a busy resource go', async () => {
  harness.simulator.state.setBusy(acr, { times: 5 });
  harness.simulator.state.clearBusy(acr);

  expect((await patch()).status).toBe(200);
});

test('reads and writes have their own buckets, per caller, refilled by the clock', async () => {
  harness.simulator.limits.arm.reads = { size: 2, perSecond: 0.5 };
  const read = async (as = 'operator') => await harness.send('GET', `${acr}?${VERSION}`, { as });

  const answers = [await read(), await read(), await read()];
  const other = await read('automation');
  const write = await patch();
  clock.advance(2_000);
  const later = await read();

  expect(
    answers.map(({ headers, status }) => [status, headers['x-ms-ratelimit-remaining-subscription-reads']]),
  ).toEqual([
    [200, '1'],
    [200, '0'],
    [429, undefined],
  ]);
  expect(answers[2]).toMatchObject({ code: 'SubscriptionRequestsThrottled', headers: { 'retry-after': '2' } });
  expect(answers[2]?.text).toContain("Number of 'read' requests");
  expect([other.status, write.status, later.status]).toEqual([200, 200, 200]);
  expect(write.headers['x-ms-ratelimit-remaining-subscription-writes']).toBe('199');
});

test('throttling can be switched off', async () => {
  harness.simulator.limits.arm.reads = { size: 1, perSecond: 0.001 };
  harness.simulator.limits.enabled = false;

  const answers = await Promise.all([1, 2, 3].map(async () => await harness.send('GET', `${acr}?${VERSION}`)));

  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
});

test('AKS has its own buckets', async () => {
  harness.simulator.limits.aks.getCluster = { size: 1, perSecond: 1 };
  harness.simulator.limits.aks.putCluster = { size: 1, perSecond: 1 / 60 };
  harness.simulator.limits.aks.listInGroup = { size: 1, perSecond: 1 };
  harness.simulator.limits.aks.other = { size: 1, perSecond: 1 };
  const id = sampleId('aks-prod');
  const body = harness.simulator.state.get(id);
  const list = `${id.replace('/aks-prod', '')}?api-version=2026-04-01`;
  const twice = async (method: string, path: string, sent?: unknown) => {
    await harness.send(method, path, { body: sent });
    const { code, headers, status } = await harness.send(method, path, { body: sent });
    return [status, code, headers['retry-after']];
  };

  expect(await twice('GET', `${id}?api-version=2026-04-01`)).toEqual([429, 'Throttled', '1']);
  expect(await twice('GET', list)).toEqual([429, 'Throttled', '1']);
  expect(await twice('PATCH', `${id}?api-version=2026-04-01`, { tags: {} })).toEqual([429, 'Throttled', '1']);
  expect(await twice('PUT', `${id}?api-version=2026-04-01`, body)).toEqual([429, 'Throttled', '60']);
});
