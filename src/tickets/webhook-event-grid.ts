import type { EventGridPublisherClient, EventGridPublisherClientOptions } from '@azure/eventgrid';
import { parseRetryAfter } from './http.ts';
import { cleanLine } from './text/plain.ts';
import { TicketError } from './ticket-system.ts';
import type { TicketEvent } from './webhook-event.ts';

/** What the SDK needs of a credential of `@azure/identity`. */
export interface EventGridCredential {
  getToken(
    scopes: string | string[],
    options?: { readonly abortSignal?: { readonly aborted: boolean } },
  ): Promise<{ readonly token: string; readonly expiresOnTimestamp: number } | null>;
}

export interface EventGridOptions {
  /** Of the topic, with its path (`/api/events`); its input schema is CloudEvents 1.0. */
  readonly url: string;
  /** Its identity has the role EventGrid Data Sender on the topic. */
  readonly credential: EventGridCredential;
  /** For the SDK: other trusted certificates, a route through something else. */
  readonly clientOptions?: EventGridPublisherClientOptions;
  readonly now: () => Date;
}

const TIMEOUT_MS = 30_000;

/** Sends events to a custom topic of Event Grid. Rejects with `TicketError`. */
export function createEventGridSender(options: EventGridOptions) {
  let client: EventGridPublisherClient<'CloudEvent'> | undefined;

  return async function send(event: TicketEvent, signal: AbortSignal): Promise<void> {
    const { id, source, type, subject, time, datacontenttype, data } = event;
    const deadline = AbortSignal.timeout(TIMEOUT_MS);
    try {
      client ??= await connect(options);
      await client.send([{ id, source, type, subject, time: new Date(time), datacontenttype, data }], {
        abortSignal: AbortSignal.any([signal, deadline]),
      });
    } catch (error) {
      throw toTicketError(error, options.now());
    }
  };
}

/** Loaded with the first notice: most apps send none to Event Grid, and the SDK brings a lot with it. */
async function connect({ url, credential, clientOptions }: EventGridOptions) {
  const sdk = await import('@azure/eventgrid');
  return new sdk.EventGridPublisherClient(url, 'CloudEvent', credential, {
    // The row is tried again later; a worker does not sleep.
    retryOptions: { maxRetries: 0 },
    redirectOptions: { maxRetries: 0 },
    userAgentOptions: { userAgentPrefix: 'dockwarden' },
    ...clientOptions,
  });
}

/** Only what is known to be harmless goes on: the SDK's errors carry the whole request. */
function toTicketError(error: unknown, now: Date): TicketError {
  const status = field(error, 'statusCode');
  const name = error instanceof Error ? error.name : '';
  const code = field(error, 'code');
  const detail = cleanLine(typeof code === 'string' ? code : name, 80);
  if (/^(?:CredentialUnavailable|Authentication|AggregateAuthentication)/.test(name))
    return new TicketError('auth', 'no token for Event Grid: the identity of the app got none');
  if (typeof status !== 'number') return new TicketError('unavailable', `Event Grid could not be reached (${detail})`);
  const retryAfterMs = parseRetryAfter(retryAfterOf(error), now);
  const message = `Event Grid answered ${status} (${[detail, hintOf(status)].filter((text) => text !== '').join(': ')})`;
  return new TicketError(kindOf(status), message, retryAfterMs === undefined ? {} : { retryAfterMs });
}

function kindOf(status: number): TicketError['kind'] {
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
