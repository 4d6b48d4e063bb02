import { createHttpHeaders, RestError } from '@azure/core-rest-pipeline';
import { AuthenticationRequiredError, CredentialUnavailableError } from '@azure/identity';
import { createRestError } from '@azure-rest/core-client';
import { describe, expect, it } from 'vitest';
import { classifyAzureError, errorOfAnswer, readRetryAfter } from '../../src/azure/azure-error.ts';
import { DockwardenError, type ErrorCode } from '../../src/errors.ts';

const NOW = new Date('2026-11-23T10:00:00Z');

/** What the raw client hands over: status as text, body parsed or text. */
function answerOf(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}) {
  return { status: String(status), headers, body };
}

/** What the generated clients throw for an answer. */
function restErrorOf(status: number, code?: string) {
  const body = code === undefined ? undefined : { error: { code, message: 'as told' } };
  const request = { url: 'https://localhost', method: 'PATCH' as const, headers: createHttpHeaders(), timeout: 0 };
  return createRestError({
    headers: {},
    status: String(status),
    body,
    request: { ...request, withCredentials: false, requestId: 'r' },
  });
}

/** Cases of the error catalogue; `[read, write]` where a lost answer makes a difference. */
const catalogue: readonly (readonly [
  status: number,
  code: string | undefined,
  expected: ErrorCode | readonly [ErrorCode, ErrorCode],
])[] = [
  [401, 'AuthenticationFailed', 'AZURE_DENIED'],
  [401, 'InvalidAuthenticationToken', 'AZURE_DENIED'],
  [401, 'ExpiredAuthenticationToken', 'AZURE_TRANSIENT'],
  [401, undefined, 'AZURE_DENIED'],
  [403, 'AuthorizationFailed', 'AZURE_DENIED'],
  [403, 'LinkedAuthorizationFailed', 'AZURE_DENIED'],
  [403, 'Forbidden', 'AZURE_DENIED'],
  [403, undefined, 'AZURE_DENIED'],
  [403, 'RequestDisallowedByPolicy', 'AZURE_POLICY_DENY'],
  [404, 'ResourceNotFound', 'AZURE_NOT_FOUND'],
  [404, 'ResourceGroupNotFound', 'AZURE_NOT_FOUND'],
  [404, undefined, 'AZURE_NOT_FOUND'],
  [409, 'ScopeLocked', 'AZURE_LOCKED'],
  [409, 'OperationNotAllowed', 'AZURE_BUSY'],
  [409, 'AnotherOperationInProgress', 'AZURE_BUSY'],
  [409, 'Conflict', 'AZURE_BUSY'],
  [409, undefined, 'AZURE_BUSY'],
  [409, 'EtagMismatch', 'AZURE_CONFLICT'],
  [409, 'MissingSubscriptionRegistration', 'AZURE_INVALID'],
  [412, 'PreconditionFailed', 'AZURE_CONFLICT'],
  [412, undefined, 'AZURE_CONFLICT'],
  [400, 'UnAuthorizedForCredentialOperations', 'AZURE_INVALID'],
  [400, 'MissingApiVersionParameter', 'AZURE_INVALID'],
  [400, undefined, 'AZURE_INVALID'],
  [413, 'RequestEntityTooLarge', 'AZURE_INVALID'],
  [415, 'UnsupportedMediaType', 'AZURE_INVALID'],
  [429, 'SubscriptionRequestsThrottled', 'AZURE_TRANSIENT'],
  [429, 'ResourceRequestsThrottled', 'AZURE_TRANSIENT'],
  [429, 'Throttled', 'AZURE_TRANSIENT'],
  [429, 'RateLimiting', 'AZURE_TRANSIENT'],
  [429, undefined, 'AZURE_TRANSIENT'],
  [408, undefined, 'AZURE_TRANSIENT'],
  [500, 'InternalServerError', ['AZURE_TRANSIENT', 'AZURE_UNKNOWN_RESULT']],
  [502, undefined, ['AZURE_TRANSIENT', 'AZURE_UNKNOWN_RESULT']],
  [503, 'ServerTimeout', ['AZURE_TRANSIENT', 'AZURE_UNKNOWN_RESULT']],
  [504, undefined, ['AZURE_TRANSIENT', 'AZURE_UNKNOWN_RESULT']],
];

describe.each(['read', 'write'] as const)('an answer to a %s', (effect) => {
  it.each(catalogue)('%i %s is classified', (status, code, expected) => {
    const wanted = typeof expected === 'string' ? expected : expected[effect === 'read' ? 0 : 1];
    const body = code === undefined ? undefined : { error: { code, message: 'as told' } };

    const raw = errorOfAnswer(answerOf(status, body), effect, NOW, '/subscriptions/x');
    const unwrapped = errorOfAnswer(
      answerOf(status, code === undefined ? null : { code, message: 'as told' }),
      effect,
      NOW,
    );
    const thrown = classifyAzureError(restErrorOf(status, code), effect, NOW, '/subscriptions/x');

    expect([raw.code, unwrapped.code, thrown.code]).toEqual([wanted, wanted, wanted]);
    for (const { details } of [raw, thrown]) {
      expect(details).toMatchObject({ status, resourceId: '/subscriptions/x' });
      expect(details.serviceCode).toBe(code);
      expect(details.cause).toBeInstanceOf(Error);
    }
  });

  it.each([
    ['HTML', '<html><title>502 Bad Gateway</title></html>'],
    ['nothing', undefined],
    ['an empty text', ''],
    ['a list', []],
    ['numbers where text should be', { error: { code: 42, message: ['x'] } }],
    ['an error that is text', { error: 'broken' }],
  ])('whose body is %s keeps its status', (_name, body) => {
    const error = errorOfAnswer(answerOf(502, body), effect, NOW);

    expect(error.code).toBe(effect === 'read' ? 'AZURE_TRANSIENT' : 'AZURE_UNKNOWN_RESULT');
    expect(error.details).toMatchObject({ status: 502 });
    expect(error.details.serviceCode).toBeUndefined();
    expect(error.message).not.toContain('<html>');
  });

  it('compares service codes without case', () => {
    expect(errorOfAnswer(answerOf(409, { code: 'SCOPELOCKED' }), effect, NOW).code).toBe('AZURE_LOCKED');
    expect(errorOfAnswer(answerOf(403, { error: { code: 'requestdisallowedbypolicy' } }), effect, NOW).code).toBe(
      'AZURE_POLICY_DENY',
    );
  });
});

describe('a failed long-running operation', () => {
  const cases: readonly (readonly [string, ErrorCode])[] = [
    ['. ScopeLocked. locked', 'AZURE_LOCKED'],
    ['. AuthorizationFailed. no', 'AZURE_DENIED'],
    ['. LinkedAuthorizationFailed. no', 'AZURE_DENIED'],
    ['. RequestDisallowedByPolicy. no', 'AZURE_POLICY_DENY'],
    ['. PreconditionFailed. changed', 'AZURE_CONFLICT'],
    ['. EtagMismatch. changed', 'AZURE_CONFLICT'],
    ['. OperationNotAllowed. busy', 'AZURE_BUSY'],
    ['. AnotherOperationInProgress. busy', 'AZURE_BUSY'],
    ['. InternalOperationError. Internal server error', 'AZURE_TRANSIENT'],
    ['. InternalServerError. x', 'AZURE_TRANSIENT'],
    ['. OperationTimedOut. x', 'AZURE_TRANSIENT'],
    ['. ServiceUnavailable. x', 'AZURE_TRANSIENT'],
    ['. TooManyRequests. x', 'AZURE_TRANSIENT'],
    ['. SubscriptionRequestsThrottled. x', 'AZURE_TRANSIENT'],
    ['. SkuNotSupported. x', 'AZURE_INVALID'],
    ['. InvalidParameter. x', 'AZURE_INVALID'],
    ['', 'AZURE_TRANSIENT'],
  ];

  it.each(cases)('"has failed%s" is %s', (rest, code) => {
    const error = classifyAzureError(new Error(`The long-running operation has failed${rest}`), 'write', NOW);

    expect(error.code).toBe(code);
    expect(error.details.serviceCode).toBe(/\. (\w+)/.exec(rest)?.[1]);
  });

  it('that was cancelled says nothing about the resource', () => {
    expect(classifyAzureError(new Error('Operation was canceled'), 'write', NOW).code).toBe('AZURE_UNKNOWN_RESULT');
  });
});

describe('what happens without an answer', () => {
  const never: readonly (readonly [string, unknown])[] = [
    ['no connection', new RestError('connect ECONNREFUSED', { code: 'ECONNREFUSED' })],
    ['no such host', new RestError('getaddrinfo ENOTFOUND', { code: 'ENOTFOUND' })],
    ['no name service', new RestError('getaddrinfo EAI_AGAIN', { code: 'EAI_AGAIN' })],
    ['no credential', new CredentialUnavailableError('no identity endpoint')],
    ['no token', new AuthenticationRequiredError({ scopes: ['x'], message: 'no token' })],
  ];

  it.each(never)('%s: nothing was sent, so nothing was done', (_name, error) => {
    expect(classifyAzureError(error, 'read', NOW).code).toBe('AZURE_TRANSIENT');
    expect(classifyAzureError(error, 'write', NOW).code).toBe('AZURE_TRANSIENT');
  });

  const lost: readonly (readonly [string, unknown])[] = [
    ['a reset connection', new RestError('read ECONNRESET', { code: 'ECONNRESET' })],
    ['a broken pipe', new RestError('write EPIPE', { code: 'EPIPE' })],
    ['a connection that ran out of time', new RestError('connect ETIMEDOUT', { code: 'ETIMEDOUT' })],
    ['an aborted call', Object.assign(new Error('The operation was aborted.'), { name: 'AbortError' })],
    ['a deadline', new DOMException('The operation was aborted due to timeout', 'TimeoutError')],
    ['a TypeError of a client', new TypeError("Cannot read properties of undefined (reading 'error')")],
    ['a body that is cut', new RestError('Unexpected end of JSON input', { code: 'PARSE_ERROR', statusCode: 200 })],
    ['a body that is no JSON', new SyntaxError('Unexpected token <')],
    ['something that is no error', 'boom'],
    ['nothing at all', undefined],
  ];

  it.each(lost)('%s: a write may have been applied', (_name, error) => {
    expect(classifyAzureError(error, 'read', NOW).code).toBe('AZURE_TRANSIENT');
    expect(classifyAzureError(error, 'write', NOW).code).toBe('AZURE_UNKNOWN_RESULT');
  });
});

describe('the error itself', () => {
  it('is left alone when it is one of ours already', () => {
    const ours = new DockwardenError('AZURE_INVALID', 'too many pages');

    expect(classifyAzureError(ours, 'write', NOW)).toBe(ours);
  });

  it('is one line of at most 1000 characters', () => {
    const error = classifyAzureError(new RestError(`a\n\n b${'x'.repeat(5000)}`, { statusCode: 400 }), 'read', NOW);

    expect(error.message).toHaveLength(1000);
    expect(error.message).toMatch(/^a b/);
  });

  it.each([
    [
      'a client',
      new RestError('Error "SyntaxError" while parsing the body - {"value":"CANARY-1"', {
        code: 'PARSE_ERROR',
        statusCode: 200,
      }),
    ],
    ['the parser', new SyntaxError('Unexpected token C, ..."value":"CANARY-1" is not valid JSON')],
  ])('never quotes a body that %s could not read', (_who, thrown) => {
    const error = classifyAzureError(thrown, 'write', NOW);

    expect(JSON.stringify([error.message, error.details, String(error.cause), error.stack])).not.toContain('CANARY');
    expect(error.message).toBe('the answer of Azure is not the JSON that it should be');
  });

  it('carries the time that the service asked to wait', () => {
    const error = errorOfAnswer(answerOf(429, undefined, { 'retry-after': '17' }), 'read', NOW);

    expect(error.details.retryAfterMs).toBe(17_000);
  });

  it('carries none when the service named none', () => {
    expect(errorOfAnswer(answerOf(429, undefined), 'read', NOW).details).not.toHaveProperty('retryAfterMs');
  });
});

describe('readRetryAfter', () => {
  it.each<readonly [Readonly<Record<string, string>>, number | undefined]>([
    [{}, undefined],
    [{ 'retry-after': '0' }, 0],
    [{ 'retry-after': '60' }, 60_000],
    [{ 'retry-after': '1.5' }, 1500],
    [{ 'retry-after': '-5' }, 0],
    [{ 'retry-after': '' }, undefined],
    [{ 'retry-after': '  ' }, undefined],
    [{ 'retry-after': 'soon' }, undefined],
    [{ 'retry-after': 'Mon, 23 Nov 2026 10:02:00 GMT' }, 120_000],
    [{ 'retry-after': 'Mon, 23 Nov 2026 09:00:00 GMT' }, 0],
    [{ 'retry-after-ms': '250' }, 250],
    [{ 'x-ms-retry-after-ms': '900' }, 900],
    [{ 'x-ms-retry-after-ms': 'x', 'retry-after': '2' }, 2000],
    [{ 'retry-after-ms': '-1', 'retry-after': '3' }, 3000],
    [{ 'retry-after-ms': '250', 'retry-after': '60' }, 250],
  ])('%o is %s ms', (headers, expected) => {
    expect(readRetryAfter((name) => headers[name], NOW)).toBe(expected);
  });
});
