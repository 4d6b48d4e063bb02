import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createWebhookSystem } from '../../src/tickets/webhook.ts';
import { startTopicRig, type TopicRig } from '../outbound/topic-rig.ts';
import { notice } from '../tickets/webhook-notice.ts';

const BATCH = 'application/cloudevents-batch+json; charset=utf-8';
const EVENT = { specversion: '1.0', id: '1', source: '/providers/dockwarden', type: 'some.type', data: { a: 1 } };

let rig: TopicRig;
beforeEach(async () => {
  rig = await startTopicRig(() => new Date());
});
afterEach(async () => {
  await rig.topic.stop();
});

interface Request {
  readonly url?: string;
  readonly method?: string;
  readonly token?: string;
  readonly type?: string;
  readonly body?: string;
}

async function send(request: Request = {}): Promise<{ readonly status: number; readonly body: string }> {
  const { url = `${rig.topic.endpoint}?api-version=2018-01-01`, method = 'POST', token = rig.token() } = request;
  const { type = BATCH, body = JSON.stringify([EVENT]) } = request;
  const response = await fetch(url, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': type },
    ...(method === 'POST' && { body }),
  });
  return { status: response.status, body: await response.text() };
}

describe('a custom topic', () => {
  test('takes what the role allows: a batch, or one event', async () => {
    expect(await send()).toEqual({ status: 200, body: '' });
    expect((await send({ type: 'application/cloudevents+json', body: JSON.stringify(EVENT) })).status).toBe(200);

    expect(rig.topic.received).toEqual([EVENT, EVENT]);
    expect(rig.topic.requests()).toBe(2);
  });

  test.each<[string, number, () => Request]>([
    ['a token for something else', 401, () => ({ token: rig.token('https://management.azure.com') })],
    ['a token that nobody issued', 401, () => ({ token: 'a.b.c' })],
    ['another path', 404, () => ({ url: rig.topic.endpoint.replace('/api/events', '/api') })],
    ['another method', 404, () => ({ method: 'GET' })],
    ['no api-version', 400, () => ({ url: rig.topic.endpoint })],
    ['the schema of Event Grid', 400, () => ({ type: 'application/json', body: '[{"id":"1","eventType":"x"}]' })],
    ['no JSON', 400, () => ({ body: '[' })],
    ['no event', 400, () => ({ body: '[]' })],
    ['an event without an id', 400, () => ({ body: JSON.stringify([{ ...EVENT, id: '' }]) })],
    ['an event of another version', 400, () => ({ body: JSON.stringify([{ ...EVENT, specversion: '0.3' }]) })],
    ['more than 1 MB', 413, () => ({ body: JSON.stringify([{ ...EVENT, data: 'x'.repeat(1_100_000) }]) })],
  ])('refuses %s with %d', async (_what, status, request) => {
    const answer = await send(request());

    expect(answer.status).toBe(status);
    expect(JSON.parse(answer.body)).toMatchObject({ error: { code: expect.any(String), message: expect.any(String) } });
    expect(rig.topic.received).toEqual([]);
  });

  test('refuses an identity without the role, or with one on another topic', async () => {
    const [role] = rig.identity.roleAssignments;
    rig.identity.roleAssignments = [];
    expect((await send()).status).toBe(403);
    rig.identity.roleAssignments = role === undefined ? [] : [{ ...role, scope: `${role.scope}-2` }];
    expect((await send()).status).toBe(403);

    expect(rig.topic.received).toEqual([]);
  });

  test('fails on demand', async () => {
    rig.topic.faults.add({ effect: { kind: 'answer', status: 503, headers: { 'retry-after': '7' } } });

    expect((await send()).status).toBe(503);
    expect((await send()).status).toBe(200);
  });

  test('takes the notices of tickets and our own events, which have one sender', async () => {
    const sendEvent = rig.connect();
    const url = new URL(rig.topic.endpoint);
    const system = createWebhookSystem({
      url: 'https://tickets.westeurope-1.eventgrid.azure.net/api/events',
      credential: {
        getToken: async () => await Promise.resolve({ token: rig.token(), expiresOnTimestamp: Date.now() + 3_600_000 }),
      },
      clientOptions: {
        additionalPolicies: [
          {
            position: 'perRetry',
            policy: {
              name: 'toLoopback',
              async sendRequest(request, next) {
                request.url = request.url.replace(new URL(request.url).host, url.host);
                return await next(request);
              },
            },
          },
        ],
      },
    });
    await system.notify(notice(), AbortSignal.timeout(20_000));
    await sendEvent({
      specversion: '1.0',
      id: '2',
      source: '/providers/dockwarden',
      type: 'dockwarden.breaker.reset.v1',
      subject: 'remediation/x',
      time: '2026-11-23T10:00:00.000Z',
      datacontenttype: 'application/json',
      data: {},
    });

    expect(rig.topic.received.map(({ type }) => type)).toEqual([
      'dockwarden.ticket.updated.v1',
      'dockwarden.breaker.reset.v1',
    ]);
  });
});
