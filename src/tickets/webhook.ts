import { createHash, createHmac } from 'node:crypto';
import { createTopicSender, type TopicCredential, TopicError, type TopicOptions } from '../outbound/topic.ts';
import { createTicketHttp, type TicketHttpOptions } from './http.ts';
import { type NotifiedSystem, TicketError } from './ticket-system.ts';
import { type TicketEvent, toTicketEvent } from './webhook-event.ts';

export interface WebhookOptions
  extends Pick<TicketHttpOptions, 'fetch' | 'timeouts' | 'allowLoopbackHttp' | 'now'>,
    Partial<Pick<TopicOptions, 'clientOptions'>> {
  /** Of the receiver, https. A custom topic of Event Grid is known by its host. */
  readonly url: string;
  /** Signs what is sent; required for every receiver but Event Grid. */
  readonly secret?: string;
  /** Required for Event Grid. */
  readonly credential?: TopicCredential;
}

type Send = (event: TicketEvent, signal: AbortSignal) => Promise<void>;

const EVENT_GRID_HOST = /^[a-z0-9-]+\.[a-z0-9-]+\.eventgrid\.azure\.net$/;
/** Fewer bytes are guessed. */
const MIN_SECRET = 16;
const MAX_IGNORED_BYTES = 65_536;
/** Every 2xx is an answer; what it says besides is not for us. */
const TAKEN = Array.from({ length: 100 }, (_, index) => 200 + index);

/**
 * Tells one receiver what happens to tickets, as CloudEvents: a custom topic of Event Grid, or any https address. The receiver is told at least
 * once and is never asked (facts: tickets §6.6).
 */
export function createWebhookSystem(options: WebhookOptions): NotifiedSystem {
  let send: Send | undefined;
  return {
    kind: 'notified',
    id: 'webhook',
    place: placeOf(options.url),
    async notify(notice, signal) {
      const event = toTicketEvent(notice);
      send ??= chooseSender(options);
      await send(event, signal);
    },
  };
}

/** Wrong settings come out at the first notice, as an error that staff is shown. */
function chooseSender(options: WebhookOptions): Send {
  const url = URL.parse(options.url);
  if (url === null) throw new TicketError('invalid', 'the address of the webhook is no address');
  if (!EVENT_GRID_HOST.test(url.hostname)) return createSignedSender(options, url);
  const { credential, clientOptions, now = () => new Date() } = options;
  if (url.protocol !== 'https:' || url.port !== '' || url.username !== '' || url.password !== '')
    throw new TicketError('invalid', 'a topic of Event Grid is reached by https, without port and credential');
  if (credential === undefined) throw new TicketError('auth', 'a topic of Event Grid needs the identity of the app');
  return sendToTopic({ url: url.href, credential, now, ...(clientOptions !== undefined && { clientOptions }) });
}

function sendToTopic(options: TopicOptions): Send {
  const sendEvent = createTopicSender(options);
  return async function send(event, signal) {
    try {
      await sendEvent(event, signal);
    } catch (error) {
      if (!(error instanceof TopicError)) throw error;
      const { kind, message, retryAfterMs } = error;
      throw new TicketError(kind, message, retryAfterMs === undefined ? {} : { retryAfterMs });
    }
  };
}

function createSignedSender(options: WebhookOptions, url: URL): Send {
  const { secret = '', now = () => new Date() } = options;
  if (Buffer.byteLength(secret) < MIN_SECRET)
    throw new TicketError('auth', `the webhook has no secret of at least ${MIN_SECRET} bytes to sign with`);
  const { fetch: sendRequest = fetch } = options;
  const http = createTicketHttp({
    ...options,
    host: url.host,
    fetch: ignoringBodies(sendRequest),
    refusal: ({ status }) =>
      status === 410
        ? new TicketError('not-found', `${url.host} answered 410: the receiver is gone, and wants no more events`)
        : undefined,
  });

  return async function sendSigned(event, signal) {
    const body = JSON.stringify(event);
    const headers = {
      'content-type': 'application/cloudevents+json; charset=utf-8',
      'user-agent': 'dockwarden',
      'x-dockwarden-signature': sign(body, secret, now()),
    };
    // A lost answer is no reason to ask somebody: the event may come twice.
    await http.send({ method: 'POST', url, headers, body, effect: 'read', expect: TAKEN }, signal);
  };
}

/** `t={unix seconds},v1={hex HMAC-SHA256 of "{t}.{body}"}`: the time is signed too, so that an old event cannot be sent again. */
function sign(body: string, secret: string, time: Date): string {
  const seconds = Math.floor(time.getTime() / 1000);
  return `t=${seconds},v1=${createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex')}`;
}

/** Receivers answer with whatever they like, also with pages of HTML: only the status counts, and what follows it cannot change it. */
function ignoringBodies(sendRequest: typeof fetch): typeof fetch {
  return async function fetchWithoutBody(input, init) {
    const { status, headers, body } = await sendRequest(input, init);
    try {
      let size = 0;
      // Reading to the end of a short answer lets the connection be used again.
      for await (const chunk of body ?? []) {
        size += chunk.byteLength;
        if (size > MAX_IGNORED_BYTES) break;
      }
    } catch {
      // Cut off in the middle: the status was there before.
    }
    return new Response(null, { status, headers });
  };
}

/** Host and fingerprint: paths of webhooks may be as good as a password. */
function placeOf(url: string): string {
  const host = URL.parse(url)?.host ?? 'unknown';
  return `webhook:${host}#${createHash('sha256').update(url).digest('hex').slice(0, 8)}`;
}
