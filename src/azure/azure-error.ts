import { DockwardenError, type ErrorCode, type ErrorDetails, isDockwardenError } from '../errors.ts';
import { isPlainObject } from '../resources/lenient.ts';

/** What the failed call would have done; decides what silence means. */
export type Effect = 'read' | 'write';

/** What an error of ARM, the SDKs or the network boils down to. */
interface Failure {
  readonly status?: number;
  readonly serviceCode?: string;
  readonly message: string;
  readonly retryAfterMs?: number;
}

/** Service codes that mean "not now", whatever the status (azure-apis: error catalogue; AKS sends them unwrapped). */
const BUSY = new Set([
  'operationnotallowed',
  'anotheroperationinprogress',
  'conflict',
  'resourcebusy',
  'updateinprogress',
]);
const CONFLICT = new Set(['etagmismatch', 'preconditionfailed']);
const EXPIRED = new Set(['expiredauthenticationtoken']);
/** Codes of a failed long-running operation that another try may cure. */
const PASSING = /throttl|timeout|timedout|internal|unavailable|inprogress|conflict|busy|toomany/i;

/**
 * Turns anything that a call can throw into one error of ours, whose code says what to do next. A write that was sent and whose
 * answer was lost is `AZURE_UNKNOWN_RESULT`: the state must be read before anything is repeated.
 */
export function classifyAzureError(error: unknown, effect: Effect, now: Date, resourceId?: string): DockwardenError {
  if (isDockwardenError(error)) return error;
  const failure = describeFailure(error, now);
  const code = codeOf(failure, error, effect);
  const details: ErrorDetails = {
    ...(!isUnreadable(error) && { cause: error }),
    ...(resourceId !== undefined && { resourceId }),
    ...(failure.retryAfterMs !== undefined && { retryAfterMs: failure.retryAfterMs }),
    ...(failure.status !== undefined && { status: failure.status }),
    ...(failure.serviceCode !== undefined && { serviceCode: failure.serviceCode }),
  };
  return new DockwardenError(code, failure.message, details);
}

/** The error for an answer of the raw client; `status` is text there, and a 4xx or 5xx does not throw by itself. */
export function errorOfAnswer(
  answer: {
    readonly status: string;
    readonly headers: Readonly<Record<string, string | undefined>>;
    readonly body: unknown;
  },
  effect: Effect,
  now: Date,
  resourceId?: string,
): DockwardenError {
  const { code, message } = serviceError(answer.body);
  const status = Number(answer.status);
  return classifyAzureError(
    Object.assign(new Error(message ?? `Azure answered ${answer.status}`), {
      statusCode: status,
      ...(code !== undefined && { code }),
      response: { headers: { get: (name: string) => answer.headers[name.toLowerCase()] } },
    }),
    effect,
    now,
    resourceId,
  );
}

function codeOf(failure: Failure, error: unknown, effect: Effect): ErrorCode {
  const serviceCode = failure.serviceCode?.toLowerCase() ?? '';
  if (failure.status === undefined) return codeWithoutStatus(failure, error, effect);
  if (CONFLICT.has(serviceCode) || failure.status === 412) return 'AZURE_CONFLICT';
  if (failure.status === 409 && serviceCode === 'scopelocked') return 'AZURE_LOCKED';
  // Any other conflict may pass as well; the work gives up after a day.
  if (failure.status === 409) return serviceCode === 'missingsubscriptionregistration' ? 'AZURE_INVALID' : 'AZURE_BUSY';
  if (failure.status === 403) return serviceCode === 'requestdisallowedbypolicy' ? 'AZURE_POLICY_DENY' : 'AZURE_DENIED';
  if (failure.status === 401) return EXPIRED.has(serviceCode) ? 'AZURE_TRANSIENT' : 'AZURE_DENIED';
  if (failure.status === 404) return 'AZURE_NOT_FOUND';
  if (failure.status === 429 || failure.status === 408) return 'AZURE_TRANSIENT';
  // A gateway may answer for a service that has already done the work.
  if (failure.status >= 500) return effect === 'write' ? 'AZURE_UNKNOWN_RESULT' : 'AZURE_TRANSIENT';
  if (failure.status >= 400) return 'AZURE_INVALID';
  return effect === 'write' ? 'AZURE_UNKNOWN_RESULT' : 'AZURE_TRANSIENT';
}

function codeWithoutStatus(failure: Failure, error: unknown, effect: Effect): ErrorCode {
  const name = error instanceof Error ? error.name : '';
  // The request was never sent: no token, or no connection.
  if (
    name === 'CredentialUnavailableError' ||
    name === 'AuthenticationError' ||
    name === 'AuthenticationRequiredError'
  ) {
    return 'AZURE_TRANSIENT';
  }
  const serviceCode = failure.serviceCode?.toLowerCase() ?? '';
  if (['econnrefused', 'enotfound', 'eai_again'].includes(serviceCode)) return 'AZURE_TRANSIENT';
  const lro = /^The long-running operation has failed\.?\s*(\w*)/.exec(failure.message);
  if (lro !== null) return codeOfFailedOperation(lro[1] ?? '');
  return effect === 'write' ? 'AZURE_UNKNOWN_RESULT' : 'AZURE_TRANSIENT';
}

/** core-lro throws a plain Error that holds the code only in its text. */
function codeOfFailedOperation(serviceCode: string): ErrorCode {
  const code = serviceCode.toLowerCase();
  if (code === 'authorizationfailed' || code === 'linkedauthorizationfailed') return 'AZURE_DENIED';
  if (code === 'requestdisallowedbypolicy') return 'AZURE_POLICY_DENY';
  if (code === 'scopelocked') return 'AZURE_LOCKED';
  if (CONFLICT.has(code)) return 'AZURE_CONFLICT';
  if (BUSY.has(code)) return 'AZURE_BUSY';
  return code === '' || PASSING.test(code) ? 'AZURE_TRANSIENT' : 'AZURE_INVALID';
}

/** The client could not parse an answer: its error quotes the body, which nobody may see. */
function isUnreadable(error: unknown): boolean {
  return error instanceof SyntaxError || (error instanceof Error && Reflect.get(error, 'code') === 'PARSE_ERROR');
}

function describeFailure(error: unknown, now: Date): Failure {
  if (!(error instanceof Error)) return { message: String(error).slice(0, 300) };
  const { statusCode, code, response } = error as Error & {
    statusCode?: unknown;
    code?: unknown;
    response?: { headers?: { get?: (name: string) => string | undefined } };
  };
  const lro = /^The long-running operation has failed\.?\s*(\w+)/.exec(error.message)?.[1];
  const serviceCode = typeof code === 'string' ? code : lro;
  const retryAfterMs = readRetryAfter((name) => response?.headers?.get?.(name), now);
  return {
    message: isUnreadable(error)
      ? 'the answer of Azure is not the JSON that it should be'
      : error.message.replaceAll(/\s+/g, ' ').slice(0, 1000),
    ...(typeof statusCode === 'number' && { status: statusCode }),
    ...(serviceCode !== undefined && { serviceCode }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  };
}

/** `Retry-After` in seconds or as a date, or the Azure forms in milliseconds; undefined when absent or unreadable. */
export function readRetryAfter(header: (name: string) => string | undefined, now: Date): number | undefined {
  for (const name of ['retry-after-ms', 'x-ms-retry-after-ms']) {
    const value = Number(header(name) ?? Number.NaN);
    if (Number.isFinite(value) && value >= 0) return value;
  }
  const text = header('retry-after');
  if (text === undefined || text.trim() === '') return undefined;
  const seconds = Number(text);
  if (Number.isFinite(seconds)) return Math.max(0, seconds * 1000);
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now.getTime());
}

function serviceError(body: unknown): { readonly code?: string; readonly message?: string } {
  const error = isPlainObject(body) && isPlainObject(body['error']) ? body['error'] : body;
  if (!isPlainObject(error)) return {};
  const { code, message } = error;
  return { ...(typeof code === 'string' && { code }), ...(typeof message === 'string' && { message }) };
}
