import { createHash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it, test } from 'vitest';
import { sampleId } from '../../local/azure/sample-subscription.ts';
import type { HttpData } from '../../local/host/core-module.ts';
import { evidenceHash } from '../../src/findings/finding-id.ts';
import type { Finding } from '../../src/findings/findings.ts';
import { FUNCTION_KEY, type ReviewApp, startReviewApp } from '../support/review-app.ts';

const ALICE = '7c9e6679-7425-40de-944b-e07fc1f90ae7';
const BOB = '1f0c1d5e-2b7a-4f7e-9a46-0d6c0c7f5a11';
const FINGERPRINT = createHash('sha256').update(FUNCTION_KEY).digest('hex').slice(0, 8);
const SECRET = 'secret-in-the-body';

let app: ReviewApp;

beforeAll(async () => {
  app = await startReviewApp();
  await app.reset();
});

afterAll(async () => {
  await app.stop();
});

beforeEach(() => {
  app.logged.length = 0;
});

function nullable(values: Readonly<Record<string, string>>): Record<string, { value: string }> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, { value }]));
}

/** A request as the host hands it over. */
function request(action: string, body: unknown, headers: Readonly<Record<string, string>> = {}): HttpData {
  const bytes = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  return {
    nullableParams: nullable({ action }),
    nullableQuery: {},
    nullableHeaders: nullable({ 'content-type': 'application/json', 'x-functions-key': FUNCTION_KEY, ...headers }),
    body: { bytes },
  };
}

const approval = { resourceId: SECRET, policyId: SECRET, evidence: SECRET };

describe('a request that is no request', () => {
  test.each([
    ['an unknown action', request('delete', approval), 404, 'unknown-action'],
    ['an action in another casing', request('Approve', approval), 404, 'unknown-action'],
    ['no action', { ...request('', approval), nullableParams: {} }, 404, 'unknown-action'],
    ['a form', request('approve', 'a=b', { 'content-type': 'application/x-www-form-urlencoded' }), 415, 'not-json'],
    ['plain text', request('approve', approval, { 'content-type': 'text/plain' }), 415, 'not-json'],
    [
      'plain text that mentions JSON',
      request('approve', approval, { 'content-type': 'text/plain; application/json' }),
      415,
      'not-json',
    ],
    [
      'two content types',
      request('approve', approval, { 'content-type': 'application/json, text/plain' }),
      415,
      'not-json',
    ],
    ['another JSON', request('approve', approval, { 'content-type': 'application/jsonp' }), 415, 'not-json'],
    [
      'JSON in another encoding',
      request('approve', approval, { 'content-type': 'application/json; charset=utf-16' }),
      415,
      'not-json',
    ],
    ['no content type', request('approve', approval, { 'content-type': '' }), 415, 'not-json'],
    [
      'a body that is too large',
      request('approve', { ...approval, comment: 'x'.repeat(65_536) }),
      413,
      'body-too-large',
    ],
    [
      'an event that is larger than any',
      request('replay', { observe: true, message: 'x'.repeat(1_114_112) }),
      413,
      'body-too-large',
    ],
    [
      'a body that says that it is too large',
      request('approve', approval, { 'content-length': '65537' }),
      413,
      'body-too-large',
    ],
    ['no body', { ...request('approve', ''), body: undefined }, 400, 'not-json'],
    ['an empty body', request('approve', ''), 400, 'not-json'],
    ['half a body', request('approve', '{"resourceId":'), 400, 'not-json'],
    ['a list', request('approve', [approval]), 400, 'not-json'],
    ['a text', request('approve', `"${SECRET}"`), 400, 'not-json'],
    ['null', request('approve', 'null'), 400, 'not-json'],
    ['a byte order mark', request('approve', `\uFEFF${JSON.stringify(approval)}`), 400, 'not-json'],
    ['a NUL byte behind the JSON', request('approve', `${JSON.stringify(approval)}\u0000`), 400, 'not-json'],
    ['two keys', request('approve', approval, { 'x-functions-key': `${FUNCTION_KEY},x` }), 400, 'key-ambiguous'],
  ])('is refused with %s', async (_what, http, status, code) => {
    const answer = await app.request(http);

    expect(answer).toMatchObject({ status, body: { code, message: expect.any(String) } });
    expect(answer.headers).toMatchObject({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
    expect(Object.keys(answer.body)).toEqual(['code', 'message']);
    expect(`${answer.text} ${app.logged.join()}`).not.toMatch(new RegExp(`${SECRET}|${FUNCTION_KEY}`));
  });

  it('is refused when the body is no UTF-8', async () => {
    const http = { ...request('approve', ''), body: { bytes: Buffer.from([0x7b, 0xff, 0x7d]) } };

    expect(await app.request(http)).toMatchObject({ status: 400, body: { code: 'not-json' } });
  });

  it('names the actions that there are', async () => {
    expect((await app.request(request('delete', approval))).body['message']).toBe(
      'The actions are approve, reject, undo, release, reset, replay, message-replay, message-drop.',
    );
  });

  it('leaves no trace in the tables', async () => {
    await app.request(request('delete', approval));
    await app.request(request('approve', 'x'));

    expect(await app.rows('audit')).toEqual([]);
  });
});

/** An event about a resource, as it arrived. */
const EVENT = {
  id: '0d3a1f2e-0000-4000-8000-000000000001',
  topic: '/subscriptions/x',
  eventType: 'Microsoft.Resources.ResourceWriteSuccess',
  eventTime: '2026-11-23T10:00:00Z',
  data: { operationName: 'Microsoft.ContainerRegistry/registries/write' },
};

/** The headers of the platform's authentication. */
function signedIn(objectId: string): Readonly<Record<string, string>> {
  const claims = [
    { typ: 'http://schemas.microsoft.com/identity/claims/objectidentifier', val: objectId },
    { typ: 'preferred_username', val: 'somebody@contoso.example' },
  ];
  return {
    'x-ms-client-principal': Buffer.from(JSON.stringify({ auth_typ: 'aad', claims })).toString('base64'),
    'x-ms-client-principal-id': objectId,
    'x-ms-client-principal-name': 'somebody@contoso.example',
    'x-ms-client-principal-idp': 'aad',
  };
}

function about(finding: Finding) {
  const { resourceId, policyId } = finding;
  return { resourceId, policyId, evidence: evidenceHash(finding) };
}

async function rowsOf(requestId: unknown) {
  return (await app.rows('audit')).filter(({ causeId }) => causeId === requestId);
}

describe('a request', () => {
  it('by a key leads to the fix, and the audit names the key', async () => {
    await app.reset({ REVIEW_KEY_NAMES: `${FINGERPRINT}=night-shift` });
    const finding = await app.violate();

    const { status, body, headers } = await app.request(
      request('approve', { ...about(finding), comment: 'as agreed' }),
    );
    const handled = await app.work();

    expect({ status, handled }).toEqual({ status: 202, handled: 1 });
    expect(body).toEqual({
      requestId: expect.stringMatching(/^[0-9A-Z]{26}$/),
      message: expect.stringMatching(/^approved until/),
    });
    expect(headers).toMatchObject({ 'cache-control': 'no-store' });
    expect(app.simulator.state.get(sampleId('contosoacr'))).toMatchObject({ properties: { adminUserEnabled: false } });
    const rows = await rowsOf(body['requestId']);
    expect(rows).toContainEqual(
      expect.objectContaining({ stage: 'approval', actor: 'key:night-shift', actorType: 'Key', error: 'as agreed' }),
    );
    expect(rows).toContainEqual(expect.objectContaining({ stage: 'intent', approvedBy: 'key:night-shift' }));
    expect(JSON.stringify(await app.rows('audit'))).not.toContain(FUNCTION_KEY);
  });

  it('by a key without a name is that of its fingerprint, also with identity headers that nobody has verified', async () => {
    const finding = await app.violate('contosobuild');
    app.changeSettings({ REVIEW_KEY_NAMES: undefined, WEBSITE_AUTH_ENABLED: 'false' });

    const { status, body } = await app.request(request('reject', { ...about(finding), reason: 'no' }, signedIn(ALICE)));

    expect(status).toBe(202);
    expect(await rowsOf(body['requestId'])).toMatchObject([
      { actor: `key:${FINGERPRINT}`, actorType: 'Key', error: 'no' },
    ]);
  });

  it('that only asks for an answer gets it', async () => {
    await app.reset();
    const finding = await app.violate('contosobuild');

    const { status, body, headers } = await app.request(
      request('replay', {
        observe: true,
        message: { ...EVENT, subject: finding.resourceId },
        reason: 'x'.repeat(100_000),
      }),
    );

    expect({ status, body }).toMatchObject({ status: 200, body: { resourceId: finding.resourceId } });
    expect(body['policies']).toContainEqual(
      expect.objectContaining({ policyId: finding.policyId, decision: 'await-approval' }),
    );
    expect(headers).toMatchObject({ 'cache-control': 'no-store' });
    expect(await app.work()).toBe(0);
  });

  it('that the engine refuses is answered with its reason, and is on record', async () => {
    const finding = await app.violate('contosobuild');

    const stale = await app.request(request('approve', { ...about(finding), evidence: '0123456789abcdef' }));
    const unknown = await app.request(request('reset', { breaker: 'remediation/none' }));
    const malformed = await app.request(request('undo', { runId: SECRET }));

    expect(stale).toMatchObject({ status: 409, body: { code: 'drifted', message: expect.any(String) } });
    expect(unknown).toMatchObject({ status: 404, body: { code: 'unknown-breaker' } });
    expect(malformed).toMatchObject({ status: 400, body: { code: 'invalid-request' } });
    const reasons = (await app.rows('audit')).map(({ reason }) => reason);
    expect(reasons).toEqual(
      expect.arrayContaining(['refused-drifted', 'refused-unknown-breaker', 'refused-invalid-request']),
    );
    expect(`${malformed.text} ${app.logged.join()}`).not.toContain(SECRET);
  });

  it('needs two people where two are asked for: a key is none, and neither are unverified headers', async () => {
    const finding = await app.violate('contosobuild');
    app.changeSettings({ APPROVAL_PERSONS: '2', WEBSITE_AUTH_ENABLED: 'False', AUDIT_ACTOR_NAMES: 'on' });
    const ask = async (headers = {}) => await app.request(request('approve', about(finding), headers));

    expect(await ask()).toMatchObject({ status: 409, body: { code: 'person-required' } });
    expect(await ask(signedIn(ALICE))).toMatchObject({ status: 409, body: { code: 'person-required' } });
    app.changeSettings({ WEBSITE_AUTH_ENABLED: 'True' });
    expect(await ask(signedIn(ALICE))).toMatchObject({ status: 202 });
    await app.work();
    expect(await ask(signedIn(ALICE))).toMatchObject({ status: 409, body: { code: 'second-person-required' } });
    const second = await ask(signedIn(BOB));
    await app.work();

    const rows = await rowsOf(second.body['requestId']);
    expect(rows).toContainEqual(
      expect.objectContaining({
        stage: 'approval',
        actor: BOB,
        actorType: 'User',
        actorName: 'somebody@contoso.example',
      }),
    );
    expect(rows).toContainEqual(expect.objectContaining({ stage: 'intent', approvedBy: `${ALICE} and ${BOB}` }));
    app.changeSettings({ APPROVAL_PERSONS: undefined, AUDIT_ACTOR_NAMES: undefined });
  });

  it('by somebody whom the platform verified wrongly is nobody: not even the key counts then', async () => {
    app.changeSettings({ WEBSITE_AUTH_ENABLED: 'true' });
    const before = await app.rows('audit');

    const answer = await app.request(
      request('undo', { runId: '01KB0000000000000000000000' }, { ...signedIn(ALICE), 'x-ms-client-principal-id': BOB }),
    );

    expect(answer).toMatchObject({ status: 401, body: { code: 'identity-unclear' } });
    expect(app.logged.join()).toContain('identity-unclear');
    expect(`${answer.text} ${app.logged.join()}`).not.toMatch(new RegExp(`${ALICE}|${BOB}`));
    expect(await app.rows('audit')).toEqual(before);
    app.changeSettings({ WEBSITE_AUTH_ENABLED: undefined });
  });

  it('can take a fix back', async () => {
    const finding = await app.violate();
    await app.request(request('approve', about(finding)));
    await app.work();
    const fixed = (await app.rows('audit')).findLast(({ outcome }) => outcome === 'fixed');

    const { status, body } = await app.request(request('undo', { runId: fixed?.['remediationRunId'] }));
    await app.work();

    expect(status).toBe(202);
    expect(await rowsOf(body['requestId'])).toContainEqual(
      expect.objectContaining({ stage: 'undo', outcome: 'undone', actor: `key:${FINGERPRINT}` }),
    );
    expect(app.simulator.state.get(sampleId('contosoacr'))).toMatchObject({ properties: { adminUserEnabled: true } });
  });
});

describe('without its storage', () => {
  test.each([
    ['not configured', undefined, 'storage-not-configured'],
    ['unreachable', 'https://localhost:9/nobody', 'storage-unavailable'],
  ])('%s, the app asks to come again', async (_what, table, code) => {
    await app.reset({ AzureWebJobsStorage__tableServiceUri: table });

    const answer = await app.request(request('undo', { runId: '01KB0000000000000000000000', reason: SECRET }));

    expect(answer).toMatchObject({ status: 503, body: { code } });
    expect(answer.headers).toMatchObject({ 'retry-after': '30', 'cache-control': 'no-store' });
    expect(answer.text).not.toContain('localhost');
  });
});

it('a failure that nobody expected is a 500 with a static text, and a line in the log', async () => {
  await app.reset();
  const finding = await app.violate();
  await app.corrupt('findings');

  const answer = await app.request(request('approve', about(finding)));

  expect(answer).toMatchObject({
    status: 500,
    body: { code: 'internal-error', message: 'The request failed. The log of the app says why.' },
  });
  expect(app.logged.join()).toMatch(/the request failed .*cannot be read/);
});
