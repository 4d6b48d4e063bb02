import type { EventGridPublisherClient, EventGridPublisherClientOptions } from '@azure/eventgrid';
import type { CloudEvent } from './cloud-event.ts';
import { parseRetryAfter } from './retry-after.ts';

/** What the SDK needs of a credential of `@azure/identity`. */
export interface TopicCredential {
  getToken(
    scopes: string | string[],
    options?: { readonly abortSignal?: { readonly aborted: boolean } },
  ): Promise<{ readonly token: string; readonly expiresOnTimestamp: number } | null>;
}

export interface TopicOptions {
  /** Of the topic, with its path (`/api/events`); its input schema is CloudEvents 1.0. */
  readonly url: string;
  /** Its identity has the role EventGrid Data Sender on the topic. */
  readonly credential: TopicCredential;
  /** For the SDK: other trusted certificates, a route through something else. */
  readonly clientOptions?: EventGridPublisherClientOptions;
  /** Longest wait for one answer, in milliseconds; default 30 s. */
  readonly timeoutMs?: number;
  readonly now: () => Date;
}

/** Sends one event. Rejects with `TopicError` and nothing else. */
export type SendEvent = (event: CloudEvent, signal?: AbortSignal) => Promise<void>;

/** Why a topic did not take an event. The message names no secret, and is one short line. */
export class TopicError extends Error {
  /** `invalid`: sending it again is useless · `auth`: the identity or its role · all others pass. */
  readonly kind: 'auth' | 'rate-limited' | 'not-found' | 'invalid' | 'unavailable';
  /** What the topic asked to wait, in milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(kind: TopicError['kind'], message: string, retryAfterMs?: number) {
    super(message);
    this.name = 'TopicError';
    this.kind = kind;
    this.retryAfterMs = retryAfterMs;
  }
}

const TIMEOUT_MS = 30_000;

/** Sends events to a custom topic of Event Grid, each with one request that is never repeated here. */
export function createTopicSender(options: TopicOptions): SendEvent {
  const { timeoutMs = TIMEOUT_MS } = options;
  let client: EventGridPublisherClient<'CloudEvent'> | undefined;

  return async function send(event, signal) {
    const { id, source, type, subject, time, datacontenttype, data } = event;
    const deadline = AbortSignal.timeout(timeoutMs);
    try {
      client ??= await connect(options);
      await client.send([{ id, source, type, subject, time: new Date(time), datacontenttype, data }], {
        abortSignal: signal === undefined ? deadline : AbortSignal.any([signal, deadline]),
      });
    } catch (error) {
      throw toTopicError(error, options.now());
    }
  };
}

/** Loaded with the first event: most apps send none to Event Grid, and the SDK brings a lot with it. */
async function connect({ url, credential, clientOptions }: TopicOptions) {
  const sdk = await import('@azure/eventgrid');
  return new sdk.EventGridPublisherClient(url, 'CloudEvent', credential, {
    // The event is tried again later; a worker does not sleep.
    retryOptions: { maxRetries: 0 },
    redirectOptions: { maxRetries: 0 },
    userAgentOptions: { userAgentPrefix: 'dockwarden' },
    ...clientOptions,
  });
}

/** Only what is known to be harmless goes on: the SDK's errors carry the whole request. */
function toTopicError(error: unknown, now: Date): TopicError {
  const status = field(error, 'statusCode');
  const name = error instanceof Error ? error.name : '';
  const code = field(error, 'code');
  const detail = toShortLine(typeof code === 'string' ? code : name);
  if (/^(?:CredentialUnavailable|Authentication|AggregateAuthentication)/.test(name))
    return new TopicError('auth', 'no token for Event Grid: the identity of the app got none');
  if (typeof status !== 'number') return new TopicError('unavailable', `Event Grid could not be reached (${detail})`);
  const message = `Event Grid answered ${status} (${[detail, hintOf(status)].filter((text) => text !== '').join(': ')})`;
  return new TopicError(kindOf(status), message, parseRetryAfter(retryAfterOf(error), now));
}

function toShortLine(text: string): string {
  return text
    .replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, ' ')
    .trim()
    .slice(0, 80)
    .toWellFormed();
}

function kindOf(status: number): TopicError['kind'] {
  if (status === 401 || status === 403) return 'auth';
  if (status === 404 || status === 410) return 'not-found';
  if (status === 429) return 'rate-limited';
  return status >= 300 && status < 500 && status !== 408 ? 'invalid' : 'unavailable';
}

function hintOf(status: number): string {
  if (status === 401 || status === 403) return 'does the identity have the role EventGrid Data Sender on the topic?';
  if (status === 404) return 'is the address of the topic right?';
  return status === 400 ? 'does the topic take CloudEvents 1.0?' : '';
}

function retryAfterOf(error: unknown): string | undefined {
  const headers = field(field(error, 'response'), 'headers');
  const get = field(headers, 'get');
  const value: unknown = typeof get === 'function' ? Reflect.apply(get, headers, ['retry-after']) : undefined;
  return typeof value === 'string' ? value : undefined;
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
