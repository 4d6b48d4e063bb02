import { readFileSync } from 'node:fs';
import type { PipelinePolicy } from '@azure/core-rest-pipeline';
import { afterEach, beforeEach, expect, inject, it } from 'vitest';
import { createWebhookSystem, type WebhookOptions } from '../../src/tickets/webhook.ts';
import { createRigClock, type ScriptedServer, startScriptedServer } from './scripted-server.ts';
import { ticketErrorOf } from './ticket-errors.ts';
import type { ServerAnswer } from './ticket-rig.ts';
import { CLUSTER, notice } from './webhook-notice.ts';

const TOPIC = 'https://tickets.westeurope-1.eventgrid.azure.net/api/events';
const TOKEN = 'canary-token-0123456789';

let server: ScriptedServer;
let answer: ServerAnswer;
let scopes: string[];
let hosts: string[];
const clock = createRigClock();
beforeEach(async () => {
  answer = { status: 200 };
  scopes = [];
  hosts = [];
  server = await startScriptedServer(() => answer, inject('certificates'));
});
afterEach(async () => {
  await server.stop();
});

const signal = () => AbortSignal.timeout(20_000);
const credential = {
  async getToken(scope: string | string[]) {
    scopes.push(...[scope].flat());
    return await Promise.resolve({ token: TOKEN, expiresOnTimestamp: Date.now() + 3_600_000 });
  },
};

/** The real client of the SDK, over TLS; only the way from the name of the topic to this machine is ours. */
function connect(changes: Partial<WebhookOptions> = {}) {
  const policy: PipelinePolicy = {
    name: 'toLoopback',
    async sendRequest(request, next) {
      const url = new URL(request.url);
      hosts.push(url.host);
      request.url = `${server.url}${url.pathname}${url.search}`;
      return await next(request);
    },
  };
  return createWebhookSystem({
    url: TOPIC,
    credential,
    now: () => clock.now(),
    clientOptions: {
      tlsOptions: { ca: readFileSync(inject('certificates').caFile, 'utf8') },
      additionalPolicies: [{ policy, position: 'perRetry' }],
    },
    ...changes,
  });
}

it('publishes one CloudEvent to the topic, with a token of the identity', async () => {
  await connect().notify(notice({ confidence: 'likely' }), signal());

  expect(scopes).toEqual(['https://eventgrid.azure.net/.default']);
  expect(hosts).toEqual(['tickets.westeurope-1.eventgrid.azure.net']);
  expect(server.requests).toHaveLength(1);
  const [request] = server.requests;
  expect(request).toMatchObject({
    method: 'POST',
    path: '/api/events?api-version=2018-01-01',
    headers: {
      authorization: `Bearer ${TOKEN}`,
      'content-type': 'application/cloudevents-batch+json; charset=utf-8',
      'user-agent': expect.stringMatching(/^dockwarden /),
    },
  });
  expect(request?.headers).not.toHaveProperty('x-dockwarden-signature');
  expect(JSON.parse(request?.body ?? '')).toEqual([
    {
      specversion: '1.0',
      id: `dw-${'9f2c'.repeat(8)}:1:3`,
      source: '/subscriptions/00000000-0000-0000-0000-000000000000/providers/dockwarden',
      type: 'dockwarden.ticket.updated.v1',
      subject: `${CLUSTER}/agentPools/system`,
      time: '2026-08-20T12:00:05.000Z',
      datacontenttype: 'application/json',
      data: {
        ticketKey: `dw-${'9f2c'.repeat(8)}`,
        generation: 1,
        sequence: 3,
        state: 'open',
        change: 'updated',
        policyId: 'aks-node-reboot-completed',
        resourceId: CLUSTER,
        part: 'system',
        severity: 'medium',
        confidence: 'likely',
        title: 'AKS node reboot missing: aks-prod / system',
        body: '2 of 3 nodes wait for a reboot.',
        evidenceHash: 'c0a8',
        firstSeenAt: '2026-08-17T12:00:00Z',
        lastSeenAt: '2026-08-20T12:00:00Z',
        occurrences: 12,
        items: ['aks-system-1', 'aks-system-2'],
        itemCount: 2,
      },
    },
  ]);
});

it('asks for one token for several notices', async () => {
  const system = connect();

  for (const sequence of [1, 2, 3]) await system.notify(notice({ sequence }), signal());

  expect(scopes).toHaveLength(1);
  expect(server.requests).toHaveLength(3);
});

it.each([
  [400, 'invalid', /CloudEvents 1\.0/],
  [401, 'auth', /EventGrid Data Sender/],
  [403, 'auth', /EventGrid Data Sender/],
  [404, 'not-found', /address of the topic/],
  [413, 'invalid', /413/],
  [429, 'rate-limited', /429/],
  [500, 'unavailable', /500/],
  [503, 'unavailable', /503/],
  [307, 'invalid', /307/],
] as const)('maps %d to %s, after one request', async (status, kind, says) => {
  const headers = { 'retry-after': '90', ...(status === 307 && { location: `${server.url}/elsewhere` }) };
  answer = { status, headers, body: { error: { code: 'SomeCode', message: 'as told\r\nby Azure' } } };

  const error = await ticketErrorOf(connect().notify(notice(), signal()));

  expect(error).toMatchObject({ kind, message: expect.stringMatching(says), retryAfterMs: 90_000 });
  expect(error.message).not.toMatch(/canary|[\r\n]/);
  expect(server.requests).toHaveLength(1);
});

it('is unavailable when the connection breaks, or when nobody answers in time', async () => {
  server.fault({ effect: { kind: 'reset', acts: false } });
  expect((await ticketErrorOf(connect().notify(notice(), signal()))).kind).toBe('unavailable');

  server.fault({ effect: { kind: 'hang' } });
  expect((await ticketErrorOf(connect().notify(notice(), AbortSignal.timeout(100)))).kind).toBe('unavailable');
});

it('is a matter of the identity when that gives no token', async () => {
  const unavailable = Object.assign(new Error(`no ${TOKEN}`), { name: 'CredentialUnavailableError' });
  const refusing = { getToken: async () => await Promise.reject(unavailable) };

  const error = await ticketErrorOf(connect({ credential: refusing }).notify(notice(), signal()));

  expect(error.kind).toBe('auth');
  expect(error.message).not.toContain('canary');
  expect(server.requests).toEqual([]);
});
