import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { type IdentityDefinition, TokenIssuer } from '../../local/azure/identities.ts';
import { EventHub } from '../../local/event-hub/event-hub.ts';
import {
  EVENT_HUBS_AUDIENCE,
  type EventHubNamespace,
  startEventHubNamespace,
} from '../../local/event-hub/namespace.ts';

const SCOPE = '/subscriptions/s/resourceGroups/g/providers/Microsoft.EventHub/namespaces/evhns-platform';
const NOW = new Date('2026-11-23T10:00:00Z');

function identity(name: string, dataAction: string): IdentityDefinition {
  const role = { scope: SCOPE, actions: ['*'], dataActions: [dataAction], roleName: 'Role' };
  return { name, objectId: name, clientId: name, principalType: 'ServicePrincipal', roleAssignments: [role] };
}

const issuer = new TokenIssuer('tenant', [
  identity('sender', 'Microsoft.EventHub/namespaces/messages/send/action'),
  identity('receiver', 'Microsoft.EventHub/namespaces/messages/receive/action'),
]);
const hub = new EventHub({ name: 'defender', clock: { now: () => NOW } });
const other = new EventHub({ name: 'other', partitionCount: 1, consumerGroups: ['audit'] });
let namespace: EventHubNamespace;

beforeAll(async () => {
  const { certFile, keyFile } = inject('certificates');
  const certificates = { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') };
  namespace = await startEventHubNamespace({ certificates, issuer, namespaceId: SCOPE, hubs: [hub, other] });
});
afterAll(async () => await namespace.stop());

interface Sending {
  readonly as?: string;
  readonly audience?: string;
  readonly lifetimeSeconds?: number;
  readonly headers?: Record<string, string>;
  readonly body?: string;
  readonly method?: string;
}

async function call(path: string, options: Sending = {}): Promise<Response> {
  const { as = 'sender', audience = EVENT_HUBS_AUDIENCE, body, headers = {}, method = 'POST' } = options;
  const { token } = issuer.issue(issuer.find(as), audience, { lifetimeSeconds: options.lifetimeSeconds ?? 60 });
  return await fetch(`https://${namespace.fullyQualifiedNamespace}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, ...headers },
    ...(body !== undefined && { body }),
  });
}

const MESSAGES = '/defender/messages?timeout=60&api-version=2014-01';
const LOCAL = '/local/other/consumergroups/$Default/partitions';
const single = 'application/atom+xml;type=entry;charset=utf-8';
const batch = 'application/vnd.microsoft.servicebus.json';

/** What the partitions of the hub hold behind these places. */
function listAfter(marks: readonly number[]) {
  return hub.partitionIds.map((id, index) => hub.read(id, marks[index] ?? -1, 100) ?? []);
}
function mark(): number[] {
  return hub.partitionIds.map((id) => hub.read(id, -1, 10_000)?.at(-1)?.sequenceNumber ?? -1);
}

test('one event: the body as it is, other headers as its properties, and the place that its partition gave it', async () => {
  const marks = mark();

  const answer = await call(MESSAGES, {
    headers: { 'content-type': single, BrokerProperties: '{"PartitionKey":"a"}', Alert: 'Strong Wind' },
    body: '{"DeviceId":"dev-01"}',
  });
  await call(MESSAGES, { headers: { BrokerProperties: '{"PartitionKey":"a"}' }, body: 'not json' });

  expect([answer.status, await answer.text()]).toEqual([201, '']);
  const events = listAfter(marks).flat();
  expect(events).toEqual([
    {
      sequenceNumber: expect.any(Number),
      offset: expect.any(String),
      enqueuedTimeUtc: NOW,
      partitionKey: 'a',
      properties: { alert: 'Strong Wind' },
      body: '{"DeviceId":"dev-01"}',
    },
    expect.objectContaining({ body: 'not json', partitionKey: 'a', properties: {} }),
  ]);
  const [first, second] = events;
  expect(Number(second?.sequenceNumber)).toBe(Number(first?.sequenceNumber) + 1);
  expect(Number(second?.offset)).toBe(Number(first?.offset) + 21);
});

test('a batch without keys stays together; batches take turns', async () => {
  const marks = mark();
  const body = JSON.stringify([{ Body: 'one', UserProperties: { Alert: 1 } }, { Body: 'two' }]);

  const answers = [
    await call(MESSAGES, { headers: { 'content-type': batch }, body }),
    await call(MESSAGES, { headers: { 'content-type': batch }, body }),
  ];

  expect(answers.map(({ status }) => status)).toEqual([201, 201]);
  expect(listAfter(marks).map((events) => events.map((event) => event.body))).toEqual([
    ['one', 'two'],
    ['one', 'two'],
  ]);
  expect(listAfter(marks)[0]?.map(({ properties }) => properties)).toEqual([{ Alert: 1 }, {}]);
});

test('a batch may name a key for each of its events', async () => {
  const marks = mark();
  const body = JSON.stringify([{ Body: 'x', BrokerProperties: { PartitionKey: 'k' } }]);

  await call(MESSAGES, { headers: { 'content-type': batch }, body });

  expect(listAfter(marks).flat()).toEqual([expect.objectContaining({ body: 'x', partitionKey: 'k' })]);
});

test.each([
  ['a missing token', MESSAGES, { headers: { authorization: '' } }, 401],
  ['a token for another audience', MESSAGES, { audience: 'https://management.azure.com' }, 401],
  ['an expired token', MESSAGES, { lifetimeSeconds: -1 }, 401],
  ['a role that only receives', MESSAGES, { as: 'receiver' }, 401],
  ['a role that only sends', LOCAL, { method: 'GET' }, 401],
  ['a hub that is not there', MESSAGES.replace('defender', 'nobody'), {}, 404],
  ['a path that is malformed', MESSAGES.replace('defender', '%zz'), {}, 404],
  ['another path', MESSAGES.replace('messages', 'message'), {}, 404],
  ['another method', MESSAGES, { method: 'PUT' }, 405],
  ['no api-version', '/defender/messages', {}, 400],
  ['a batch that is no list', MESSAGES, { headers: { 'content-type': batch }, body: '{}' }, 400],
  ['an empty batch', MESSAGES, { headers: { 'content-type': batch }, body: '[]' }, 400],
  ['a batch that is no JSON', MESSAGES, { headers: { 'content-type': batch }, body: 'x' }, 400],
  ['broker properties that are no JSON', MESSAGES, { headers: { brokerproperties: 'x' } }, 400],
  ['more than 1 MB', MESSAGES, { body: 'x'.repeat(1024 * 1024 + 1) }, 413],
])('%s is refused, in XML, and nothing is kept', async (_name, path, options: Sending, status) => {
  const marks = mark();

  const answer = await call(path, options.method === 'GET' ? options : { body: 'x', ...options });
  const text = await answer.text();

  expect(answer.status).toBe(status);
  expect(text).toMatch(new RegExp(`^<Error><Code>${status}</Code><Detail>[^<]+</Detail></Error>$`));
  expect(listAfter(marks).flat()).toEqual([]);
});

test('exactly 1 MB is taken', async () => {
  expect((await call(MESSAGES, { body: 'x'.repeat(1024 * 1024) })).status).toBe(201);
  expect(() => hub.send('x'.repeat(1024 * 1024 + 1))).toThrow(RangeError);
});

test('a reader waits for an event and gets it with everything that was sent', async () => {
  const path = `${LOCAL}/0/events?after=-1&max=10&wait=30000`;
  const reading = call(path, { as: 'receiver', method: 'GET' });
  const ids = await call(LOCAL, { as: 'receiver', method: 'GET' });

  other.send({ a: 1 }, { properties: { p: true } });

  expect(await ids.json()).toEqual({ partitionIds: ['0'] });
  expect(await (await reading).json()).toEqual({
    events: [
      {
        body: '{"a":1}',
        sequenceNumber: 0,
        offset: '0',
        enqueuedTimeUtc: expect.any(String),
        properties: { p: true },
      },
    ],
  });
});

test('a reader of an empty partition is answered when its time is over', async () => {
  const answer = await call(`${LOCAL}/0/events?after=99&max=10&wait=1`, { as: 'receiver', method: 'GET' });

  expect(await answer.json()).toEqual({ events: [] });
});

test.each([
  ['an unknown group', LOCAL.replace('$Default', 'nobody'), 404],
  ['an unknown partition', `${LOCAL}/7/events?after=-1&max=1&wait=0`, 404],
  ['a number that is none', `${LOCAL}/0/events?after=x&max=1&wait=0`, 400],
  ['another path', LOCAL.replace('partitions', 'places'), 404],
])('a reader that asks for %s is refused', async (_name, path, status) => {
  expect((await call(path, { as: 'receiver', method: 'GET' })).status).toBe(status);
});

test('a group of its own may be read', async () => {
  const answer = await call(LOCAL.replace('$Default', 'audit'), { as: 'receiver', method: 'GET' });

  expect(answer.status).toBe(200);
});

test('faults can be put before it', async () => {
  namespace.faults.add({ path: /messages/, effect: { kind: 'answer', status: 503, body: 'busy' } });

  expect([(await call(MESSAGES, { body: 'x' })).status, (await call(MESSAGES, { body: 'x' })).status]).toEqual([
    503, 201,
  ]);
});

test('the oldest events are forgotten, and the numbers go on', () => {
  const small = new EventHub({ name: 'small', partitionCount: 1 });
  for (let count = 0; count < 10_001; count += 1) small.send('x');

  expect(small.read('0', -1, 1)?.[0]?.sequenceNumber).toBe(1);
  expect(small.read('0', 9_999, 1)?.[0]?.sequenceNumber).toBe(10_000);
});
