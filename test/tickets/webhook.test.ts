import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import * as z from 'zod';
import type { TicketNotice } from '../../src/tickets/ticket-system.ts';
import { createWebhookSystem, type WebhookOptions } from '../../src/tickets/webhook.ts';
import { toTicketEvent } from '../../src/tickets/webhook-event.ts';
import { createRigClock, type ScriptedServer, startScriptedServer } from './scripted-server.ts';
import { ticketErrorOf } from './ticket-errors.ts';
import type { ServerAnswer } from './ticket-rig.ts';
import { CLUSTER, notice, SUBSCRIPTION } from './webhook-notice.ts';
import { verifySignature } from './webhook-receiver.ts';

const SECRET = 'canary-signing-secret-0123456789';
const example = resolve(import.meta.dirname, '../../../shared/fixtures/tickets/cloudevent.ticket.json');

/** CloudEvents 1.0, the attributes that we use: own words for what a strict receiver checks. */
const CloudEvent = z.strictObject({
  specversion: z.literal('1.0'),
  id: z.string().regex(/^dw-[0-9a-f]{32}:\d+:\d+$/),
  source: z.string().regex(/^(?:\/subscriptions\/[0-9a-f-]{36})?\/providers\/dockwarden$/),
  type: z.string().regex(/^dockwarden\.ticket\.(?:opened|updated|resolved|reopened|suppressed)\.v1$/),
  subject: z.string().min(1),
  time: z.iso.datetime(),
  datacontenttype: z.literal('application/json'),
  data: z.record(z.string(), z.unknown()),
});

let server: ScriptedServer;
let answer: ServerAnswer;
const clock = createRigClock();
beforeEach(async () => {
  answer = { status: 204 };
  server = await startScriptedServer(() => answer, inject('certificates'));
});
afterEach(async () => {
  await server.stop();
});

const signal = () => AbortSignal.timeout(20_000);
function connect(changes: Partial<WebhookOptions> = {}) {
  return createWebhookSystem({
    url: `${server.url}/hook?sig=canary-in-url`,
    secret: SECRET,
    now: () => clock.now(),
    ...changes,
  });
}
const notify = async (changes: Partial<TicketNotice> = {}) => {
  await connect().notify(notice(changes), signal());
};

describe('an event', () => {
  it('is posted once, structured and signed', async () => {
    await notify();

    expect(server.requests).toHaveLength(1);
    const [request] = server.requests;
    expect(request).toMatchObject({
      method: 'POST',
      path: '/hook?sig=canary-in-url',
      headers: { 'content-type': 'application/cloudevents+json; charset=utf-8', 'user-agent': 'dockwarden' },
    });
    expect(CloudEvent.parse(JSON.parse(request?.body ?? ''))).toMatchObject({
      id: `dw-${'9f2c'.repeat(8)}:1:3`,
      type: 'dockwarden.ticket.updated.v1',
      data: { items: ['aks-system-1', 'aks-system-2'], itemCount: 2, resourceId: CLUSTER, part: 'system' },
    });
  });

  it('is believed by a receiver who has the secret, and by nobody else', async () => {
    await notify();
    const [request] = server.requests;
    const header = request?.headers['x-dockwarden-signature'] ?? '';
    const body = request?.body ?? '';

    expect(header).toMatch(/^t=1787227200,v1=[0-9a-f]{64}$/);
    expect(verifySignature(header, body, SECRET, clock.now())).toBe(true);
    expect(verifySignature(header, body, `${SECRET}x`, clock.now())).toBe(false);
    expect(verifySignature(header, `${body} `, SECRET, clock.now())).toBe(false);
    expect(verifySignature(header, body, SECRET, new Date(clock.now().getTime() + 301_000))).toBe(false);
    expect(verifySignature(header.replace('t=1', 't=2'), body, SECRET, clock.now())).toBe(false);
    expect(verifySignature('', body, SECRET, clock.now())).toBe(false);
  });

  it.skipIf(!existsSync(example))(
    'has all that the published example has of it (skipped where that is not there)',
    () => {
      const published = z.looseObject({ data: z.looseObject({}) }).parse(JSON.parse(readFileSync(example, 'utf8')));

      expect(Object.keys(published.data).length).toBeGreaterThan(10);
      expect(toTicketEvent(notice())).toMatchObject(published);
    },
  );

  it.each([
    ['opened', 'open'],
    ['updated', 'open'],
    ['resolved', 'resolved'],
    ['reopened', 'open'],
    ['suppressed', 'suppressed'],
  ] as const)('of a ticket that was %s says that it is %s', (change, state) => {
    const event = toTicketEvent(notice({ change, resolution: 'All nodes\nwere rebooted.', confidence: 'certain' }));

    expect(event).toMatchObject({
      type: `dockwarden.ticket.${change}.v1`,
      data: { change, state, resolution: 'All nodes\nwere rebooted.', confidence: 'certain' },
    });
  });

  it.each([
    [CLUSTER, 'system', `${CLUSTER}/agentPools/system`],
    [CLUSTER, '', CLUSTER],
    [CLUSTER.toLowerCase(), 'system', `${CLUSTER.toLowerCase()}/agentPools/system`],
    [`${SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.ContainerRegistry/registries/acr`, 'x', undefined],
    ['summary', '', undefined],
  ])('about %s and the part %j has the right subject', (resourceId, part, subject) => {
    expect(toTicketEvent(notice({ resourceId, part })).subject).toBe(subject ?? resourceId);
  });

  it.each([
    [CLUSTER, `${SUBSCRIPTION}/providers/dockwarden`],
    [SUBSCRIPTION, `${SUBSCRIPTION}/providers/dockwarden`],
    ['summary', '/providers/dockwarden'],
    ['/subscriptions/not-a-guid/resourceGroups/x', '/providers/dockwarden'],
  ])('about %s comes from its subscription', (resourceId, source) => {
    expect(toTicketEvent(notice({ resourceId })).source).toBe(source);
  });

  it('stays below 1 MB and holds no control characters, whatever is in the notice', () => {
    const text = fc.oneof(
      fc.constantFrom(
        '\u0000'.repeat(100_000),
        '"\\'.repeat(50_000),
        '\ud800\n'.repeat(50_000),
        '<script>@x',
        '😀'.repeat(50_000),
      ),
      fc.string({ unit: 'binary' }),
    );
    const hostile = fc.record({
      part: text,
      policyId: text,
      evidenceHash: text,
      resolution: text,
      items: fc.array(text, { maxLength: 200 }),
      title: text,
      body: text,
    });
    fc.assert(
      fc.property(hostile, ({ title, body, ...rest }) => {
        const draft = { title, severity: 'low', body: [{ kind: 'text', text: body }] } as const;
        const event = toTicketEvent(notice({ ...rest, draft }));

        const json = JSON.stringify(event);
        expect(Buffer.byteLength(json)).toBeLessThan(400_000);
        expect(json).not.toMatch(/[\p{Cc}\p{Cs}]|\\u00[01]/u);
        expect(event.data.items.length).toBeLessThanOrEqual(50);
        for (const name of event.data.items) expect(name.length).toBeLessThanOrEqual(253);
        expect(CloudEvent.safeParse(event).success).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  it.each([
    { resourceId: '' },
    { resourceId: `${CLUSTER}\n` },
    { resourceId: 'x'.repeat(3000) },
    { time: new Date(Number.NaN) },
    { firstSeenAt: new Date(Number.NaN) },
    { lastSeenAt: new Date(Number.NaN) },
  ])('is not made of %j', async (changes) => {
    expect((await ticketErrorOf(notify(changes))).kind).toBe('invalid');
    expect(server.requests).toEqual([]);
  });
});

describe('the answer of the receiver', () => {
  it.each([
    { status: 200, body: 'ok' },
    { status: 201, body: { anything: true } },
    { status: 202, headers: { 'content-type': 'application/json' }, body: 'not json' },
    { status: 204 },
    { status: 200, body: 'x'.repeat(3_000_000) },
  ] satisfies ServerAnswer[])('that is 2xx means taken, whatever else it holds', async (given) => {
    answer = given;

    await expect(notify()).resolves.toBeUndefined();
  });

  it.each([
    [400, 'invalid'],
    [401, 'auth'],
    [403, 'auth'],
    [404, 'not-found'],
    [413, 'invalid'],
    [429, 'rate-limited'],
    [500, 'unavailable'],
    [503, 'unavailable'],
  ] as const)('%d is %s', async (status, kind) => {
    answer = { status, headers: { 'retry-after': '120' }, body: '<p>no</p>' };

    const error = await ticketErrorOf(notify());

    expect(error).toMatchObject({ kind, retryAfterMs: 120_000 });
    expect(error.message).not.toMatch(/canary/);
    expect(server.requests).toHaveLength(1);
  });

  it('410 says that the receiver is gone', async () => {
    answer = { status: 410 };

    expect(await ticketErrorOf(notify())).toMatchObject({
      kind: 'not-found',
      message: expect.stringContaining('the receiver is gone'),
    });
  });

  it.each([301, 302, 307, 308])('%d is not followed', async (status) => {
    answer = { status, headers: { location: `${server.url}/elsewhere` } };

    expect((await ticketErrorOf(notify())).kind).toBe('invalid');
    expect(server.requests).toHaveLength(1);
  });

  it('that does not come is no error of the notice', async () => {
    server.fault({ effect: { kind: 'reset', acts: true } });
    expect((await ticketErrorOf(notify())).kind).toBe('unavailable');

    server.fault({ effect: { kind: 'hang' } });
    const hurried = connect({ timeouts: { read: 50, write: 50 } });
    expect((await ticketErrorOf(hurried.notify(notice(), signal()))).kind).toBe('unavailable');
  });

  it('that breaks off after the status still means taken', async () => {
    const broken = new ReadableStream({
      pull(controller) {
        controller.error(new Error('cut off'));
      },
    });
    const system = connect({ fetch: async () => await Promise.resolve(new Response(broken, { status: 200 })) });

    await expect(system.notify(notice(), signal())).resolves.toBeUndefined();
  });
});

describe('settings', () => {
  it.each([
    [{ secret: '' }, 'auth'],
    [{ secret: 'short' }, 'auth'],
    [{ url: '' }, 'invalid'],
    [{ url: 'not an address' }, 'invalid'],
    [{ url: 'http://receiver.test/hook' }, 'invalid'],
    [{ url: 'ftp://receiver.test/hook' }, 'invalid'],
    [{ url: 'https://user:canary@receiver.test/hook' }, 'invalid'],
    [{ url: 'https://topic.westeurope-1.eventgrid.azure.net/api/events' }, 'auth'],
    [{ url: 'http://topic.westeurope-1.eventgrid.azure.net/api/events' }, 'invalid'],
    [{ url: 'https://topic.westeurope-1.eventgrid.azure.net:8443/api/events' }, 'invalid'],
    [{ url: 'https://topic.westeurope-1.eventgrid.azure.net.evil.test/api/events', secret: '' }, 'auth'],
  ] as const)('%j are refused with %s, at the first notice', async (changes, kind) => {
    const error = await ticketErrorOf(connect(changes).notify(notice(), signal()));

    expect(error.kind).toBe(kind);
    expect(error.message).not.toMatch(/canary/);
    expect(server.requests).toEqual([]);
  });
});
