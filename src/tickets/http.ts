import type * as z from 'zod';
import { parseRetryAfter } from '../outbound/retry-after.ts';
import { cleanMessage, describeBody } from './http-message.ts';
import { TicketError } from './ticket-system.ts';

export interface TicketHttpOptions {
  /** `host` or `host:port`: the only one that is spoken to. */
  readonly host: string;
  readonly fetch?: typeof fetch;
  /** Plain http is allowed to this machine, and to nothing else. */
  readonly allowLoopbackHttp?: true;
  /** Longest wait for a whole answer, in milliseconds; default 15 s for reads and 30 s for writes. */
  readonly timeouts?: { readonly read: number; readonly write: number };
  readonly now?: () => Date;
  /** Looks at an answer that was not expected before the general rules do: what only this system says in its own way. */
  readonly refusal?: (answer: TicketAnswer, effect: 'read' | 'write') => TicketError | undefined;
}

export interface TicketRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH';
  readonly url: URL;
  /** None of the values ever shows in an error. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** `write` = silence means that it may have been done. */
  readonly effect: 'read' | 'write';
  /** Statuses that are an answer; 404 and 410 may be among them. Every other one is an error. */
  readonly expect: readonly number[];
}

/** An answer with one of the expected statuses. */
export interface TicketAnswer {
  readonly status: number;
  readonly headers: Headers;
  /** Undefined when the body is empty. */
  readonly json: unknown;
}

export interface TicketHttp {
  /**
   * Sends exactly one request and reads its answer: no repetition, no redirect, at most 1 MB of JSON. Rejects with `TicketError` and
   * nothing else; its message holds no value of a header, and no body that is not JSON.
   */
  send(request: TicketRequest, signal: AbortSignal): Promise<TicketAnswer>;
}

const TIMEOUTS = { read: 15_000, write: 30_000 };
const MAX_BODY_BYTES = 1_048_576;

/** What fails before a request can have left: no name, no connection, no trusted certificate. */
const NOT_SENT =
  /^(?:ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ENETDOWN|EADDRNOTAVAIL|UND_ERR_CONNECT_TIMEOUT|ERR_TLS_CERT_ALTNAME_INVALID|.*CERT.*|UNABLE_TO_.*)$/;

/** The HTTP core of every ticket system that is reached without an SDK (facts: tickets §7). */
export function createTicketHttp(options: TicketHttpOptions): TicketHttp {
  const { fetch: sendRequest = fetch, timeouts = TIMEOUTS, now = () => new Date() } = options;

  async function send(request: TicketRequest, signal: AbortSignal): Promise<TicketAnswer> {
    const { effect, expect, headers } = request;
    const { host } = request.url;
    const error = (problem: Problem): TicketError => {
      const { kind, retryAfterMs } = problem;
      const message = cleanMessage(problem.message, headers);
      return new TicketError(kind, message, retryAfterMs === undefined ? {} : { retryAfterMs });
    };
    const target = findAddressProblem(request.url, options);
    if (target !== undefined) throw error({ kind: 'invalid', message: target });
    if (!areHeadersSendable(headers))
      throw error({ kind: 'auth', message: `the credential for ${host} has characters that a header cannot carry` });
    if (signal.aborted)
      throw error({ kind: 'unavailable', message: `${host} was not asked: there was no time left for it` });

    const stop = new AbortController();
    const deadline = AbortSignal.timeout(timeouts[effect]);
    let response: Response;
    let body: Body;
    try {
      response = await sendRequest(request.url, {
        method: request.method,
        headers,
        redirect: 'manual',
        signal: AbortSignal.any([signal, deadline, stop.signal]),
        ...(request.body !== undefined && { body: request.body }),
      });
      body = await readBody(response);
    } catch (thrown) {
      throw error(problemOfFailure(thrown, { host, effect, wasSlow: deadline.aborted, wasStopped: signal.aborted }));
    } finally {
      // Whatever is left of a body that was too large, or that nobody reads, must not keep the connection.
      stop.abort();
    }

    const answer: TicketAnswer = { status: response.status, headers: response.headers, json: body.json };
    if (expect.includes(answer.status)) {
      if (body.problem === undefined) return answer;
      throw error({ kind: lostKind(effect), message: `${host} answered ${answer.status} ${body.problem}` });
    }
    const own = options.refusal?.(answer, effect);
    if (own !== undefined) throw error(own);
    throw error(problemOfAnswer(answer, { host, effect, now: now() }));
  }

  return { send };
}

/** What an answer holds, by its schema; an answer of another shape is a fault of the system, and after a write its outcome is unknown. */
export function readAnswer<T extends z.ZodType>(schema: T, answer: TicketAnswer, effect: 'read' | 'write'): z.infer<T> {
  const parsed = schema.safeParse(answer.json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const where = issue === undefined || issue.path.length === 0 ? 'its top' : issue.path.map(String).join('.');
  throw new TicketError(
    lostKind(effect),
    `the ticket system answered ${answer.status} with JSON of another shape than agreed, at ${where}`.slice(0, 500),
  );
}

/**
 * Reads after a write that was accepted. The write has been done, so a read that fails is no reason to do it again: whatever is wrong comes out
 * as `outcome-unknown`.
 */
export async function readBack<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof TicketError)) throw error;
    const { message, retryAfterMs } = error;
    throw new TicketError('outcome-unknown', `written, but not seen to be so: ${message}`.slice(0, 500), {
      cause: error,
      ...(retryAfterMs !== undefined && { retryAfterMs }),
    });
  }
}

interface Problem {
  readonly kind: TicketError['kind'];
  readonly message: string;
  readonly retryAfterMs?: number | undefined;
}

interface Asked {
  readonly host: string;
  readonly effect: 'read' | 'write';
}

function findAddressProblem(url: URL, { host, allowLoopbackHttp }: TicketHttpOptions): string | undefined {
  const isLoopback = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/.test(url.hostname);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback && allowLoopbackHttp === true))
    return `${url.host} is not asked over ${url.protocol.slice(0, -1)}: only https is allowed`;
  if (url.username !== '' || url.password !== '') return `the address of ${url.host} must not hold a credential`;
  // Read with the same protocol, so that a default port that is spelt out makes no difference.
  if (URL.parse(`${url.protocol}//${host}`)?.host !== url.host)
    return `${url.host} is not asked: the ticket system is set to be ${host}`;
  return undefined;
}

/** The error of `Headers` itself quotes the value. */
function areHeadersSendable(headers: Readonly<Record<string, string>>): boolean {
  try {
    return new Headers(headers) instanceof Headers;
  } catch {
    return false;
  }
}

interface Body {
  readonly json: unknown;
  /** Why it is not what it should be; ends a sentence that starts with the status. */
  readonly problem?: string;
}

async function readBody(response: Response): Promise<Body> {
  if (response.body === null || response.type === 'opaqueredirect') return { json: undefined };
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body) {
    size += chunk.byteLength;
    if (size > MAX_BODY_BYTES) return { json: undefined, problem: 'with more than 1 MB' };
    chunks.push(chunk);
  }
  if (size === 0) return { json: undefined };
  if (!/^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i.test(response.headers.get('content-type') ?? ''))
    return { json: undefined, problem: 'with something that is not JSON' };
  try {
    const decoder = new TextDecoder('utf-8', { fatal: true });
    const parts = chunks.map((chunk) => decoder.decode(chunk, { stream: true }));
    const text = parts.join('') + decoder.decode();
    return text.trim() === '' ? { json: undefined } : { json: JSON.parse(text) };
  } catch {
    // The error of the parser quotes the body.
    return { json: undefined, problem: 'with JSON that cannot be read' };
  }
}

function problemOfFailure(
  thrown: unknown,
  { host, effect, wasSlow, wasStopped }: Asked & { readonly wasSlow: boolean; readonly wasStopped: boolean },
): Problem {
  const kind = lostKind(effect);
  if (wasStopped) return { kind, message: `${host} had not answered when the time for it was over` };
  if (wasSlow) return { kind, message: `${host} did not answer in time` };
  const code = codeOf(thrown);
  if (code !== undefined && NOT_SENT.test(code))
    return { kind: 'unavailable', message: `${host} could not be reached (${code})` };
  return {
    kind,
    message: `the connection to ${host} broke before the answer was there (${code ?? 'no reason given'})`,
  };
}

/** Code of the system's error inside the one that `fetch` throws. */
function codeOf(thrown: unknown): string | undefined {
  const cause = thrown instanceof Error ? thrown.cause : undefined;
  for (const error of [cause, thrown]) {
    const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
    if (typeof code === 'string') return code;
  }
  return undefined;
}

function problemOfAnswer(answer: TicketAnswer, { host, effect, now }: Asked & { readonly now: Date }): Problem {
  const { status, headers } = answer;
  if (status >= 300 && status < 400) {
    // Only the host: the rest of the address may hold what nobody is to see.
    const target = URL.parse(headers.get('location') ?? '', `https://${host}`)?.host ?? 'nowhere';
    return {
      kind: 'invalid',
      message: `${host} answered ${status}, a redirect to ${target}, which is not followed: is the address right?`,
    };
  }
  const said = describeBody(answer.json);
  const message = `${host} answered ${status}${said === '' ? '' : `: ${said}`}`;
  const retryAfterMs = parseRetryAfter(headers.get('retry-after'), now);
  return { kind: kindOfStatus(status, effect), message, retryAfterMs };
}

function kindOfStatus(status: number, effect: 'read' | 'write'): TicketError['kind'] {
  if (status === 401 || status === 403) return 'auth';
  if (status === 404 || status === 410) return 'not-found';
  if (status === 409 || status === 412) return 'conflict';
  if (status === 429) return 'rate-limited';
  if (status >= 400 && status < 500 && status !== 408) return 'invalid';
  // 5xx, a timeout of a gateway, a success that was not agreed: whatever was asked for may have been done.
  return lostKind(effect);
}

function lostKind(effect: 'read' | 'write'): 'unavailable' | 'outcome-unknown' {
  return effect === 'write' ? 'outcome-unknown' : 'unavailable';
}
