import { createServer } from 'node:https';
import * as z from 'zod';
import { findDataGrant } from '../azure/access.ts';
import { Faults } from '../azure/faults.ts';
import type { Caller, TokenIssuer } from '../azure/identities.ts';
import { listen } from '../azure/listen.ts';
import type { Outcome } from '../azure/pipeline.ts';
import type { ArmRequest, Reply } from '../azure/provider.ts';
import { createServiceListener } from '../azure/service-server.ts';
import type { Certificates } from '../certificates.ts';

/** A custom topic that takes CloudEvents 1.0 and no keys. */
export interface CustomTopic {
  /** `https://localhost:{port}/api/events` */
  readonly endpoint: string;
  /** ARM id at which the role is needed. */
  readonly resourceId: string;
  /** Every event that was accepted, in order; what comes twice is there twice. */
  readonly received: ReceivedEvent[];
  /** How many requests came, whatever they were answered. */
  readonly requests: () => number;
  readonly faults: Faults;
  stop(): Promise<void>;
}

export interface CustomTopicOptions {
  readonly certificates: Pick<Certificates, 'cert' | 'key'>;
  readonly issuer: TokenIssuer;
  readonly resourceId: string;
}

const AUDIENCE = 'https://eventgrid.azure.net';
/** Of the role EventGrid Data Sender. */
export const SEND_ACTION = 'Microsoft.EventGrid/events/send/action';
const API_VERSION = '2018-01-01';
/** Most events of one request (Event Grid: quotas and limits). */
const MAX_BATCH = 5000;

const Event = z.looseObject({
  specversion: z.literal('1.0'),
  id: z.string().min(1),
  source: z.string().min(1),
  type: z.string().min(1),
  subject: z.string().optional(),
  time: z.iso.datetime().optional(),
  data: z.unknown(),
});
export type ReceivedEvent = z.infer<typeof Event>;

/** How the events of a body are written. https://learn.microsoft.com/azure/event-grid/cloud-event-schema */
const FORMATS: Readonly<Record<string, z.ZodType<readonly ReceivedEvent[]>>> = {
  'application/cloudevents+json': Event.transform((event) => [event]),
  'application/cloudevents-batch+json': z.array(Event).min(1).max(MAX_BATCH),
};

/** Starts a topic on a free port of loopback. */
export async function startCustomTopic(options: CustomTopicOptions): Promise<CustomTopic> {
  const { certificates, issuer, resourceId } = options;
  const received: ReceivedEvent[] = [];
  const faults = new Faults();
  let requests = 0;
  const identify = (request: ArmRequest) => issuer.identify(request.headers['authorization'], AUDIENCE);
  const listener = createServiceListener({
    faults,
    nameCaller: (request) => identify(request)?.identity.name,
    handle(request) {
      const caller = identify(request);
      const answer = receive(request, caller, resourceId);
      if ('events' in answer) received.push(...answer.events);
      const reply = 'events' in answer ? { status: 200 } : answer;
      return { reply, action: SEND_ACTION, caller, events: [] } satisfies Outcome;
    },
    log: () => {
      requests += 1;
    },
    tooLarge: refuse(413, 'PayloadTooLarge', 'The maximum size (1 MB) of a request has been exceeded.'),
  });
  const stop = await listen(createServer({ cert: certificates.cert, key: certificates.key }, listener), 0, '127.0.0.1');
  return {
    endpoint: `https://localhost:${stop.port}/api/events`,
    resourceId,
    received,
    requests: () => requests,
    faults,
    stop,
  };
}

function receive(
  { body, headers, method, path, query }: ArmRequest,
  caller: Caller | undefined,
  resourceId: string,
): Reply | { readonly events: readonly ReceivedEvent[] } {
  if (path !== '/api/events' || method !== 'POST') return refuse(404, 'NotFound', 'Events are posted to /api/events.');
  if (query.get('api-version') !== API_VERSION) return refuse(400, 'BadRequest', `The api-version is ${API_VERSION}.`);
  if (caller === undefined)
    return refuse(401, 'Unauthorized', 'The token is missing, expired or for another audience.');
  if (findDataGrant(caller.identity, SEND_ACTION, resourceId) === undefined)
    return refuse(403, 'Forbidden', `The data action '${SEND_ACTION}' is needed on the topic.`);
  const [type = ''] = (headers['content-type'] ?? '').split(';');
  const events = FORMATS[type]?.safeParse(parse(body));
  if (events?.success === true) return { events: events.data };
  return refuse(400, 'BadRequest', 'This topic takes CloudEvents 1.0, as an object or as an array.');
}

function parse(body: unknown): unknown {
  try {
    return JSON.parse(String(body));
  } catch {
    return undefined;
  }
}

function refuse(status: number, code: string, message: string): Reply {
  return { status, body: { error: { code, message, details: [{ code, message }] } } };
}
