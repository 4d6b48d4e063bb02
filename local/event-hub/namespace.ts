import { randomUUID } from 'node:crypto';
import { createServer } from 'node:https';
import { findDataGrant } from '../azure/access.ts';
import { Faults } from '../azure/faults.ts';
import type { Caller, TokenIssuer } from '../azure/identities.ts';
import type { JsonObject } from '../azure/json.ts';
import { listen } from '../azure/listen.ts';
import type { Outcome } from '../azure/pipeline.ts';
import type { ArmRequest, Reply } from '../azure/provider.ts';
import { createServiceListener } from '../azure/service-server.ts';
import type { Certificates } from '../certificates.ts';
import type { EventHub, HubEvent } from './event-hub.ts';
import { readSentMessages } from './sent-messages.ts';

export interface EventHubNamespaceOptions {
  readonly certificates: Pick<Certificates, 'cert' | 'key'>;
  /** Whose tokens are good. */
  readonly issuer: TokenIssuer;
  /** ARM id of the namespace: the data actions are needed at it, or at `/eventhubs/{hub}` below it. */
  readonly namespaceId: string;
  readonly hubs: readonly EventHub[];
  /** 0 (default) takes a free one. */
  readonly port?: number;
}

/** A running namespace. */
export interface EventHubNamespace {
  /** `localhost:{port}`: what `<Connection>__fullyQualifiedNamespace` says locally. */
  readonly fullyQualifiedNamespace: string;
  readonly faults: Faults;
  stop(): Promise<void>;
}

/** Audience of tokens for any namespace. */
export const EVENT_HUBS_AUDIENCE = 'https://eventhubs.azure.net';
const SEND = 'Microsoft.EventHub/namespaces/messages/send/action';
/** Data action of whoever reads. */
export const RECEIVE_ACTION = 'Microsoft.EventHub/namespaces/messages/receive/action';
const API_VERSION = '2014-01';
/** The longest that an empty partition keeps a reader waiting. */
const MAX_WAIT_MS = 30_000;

/**
 * Serves Event Hubs on HTTPS at `localhost`: sending is Azure's REST API (`POST /{hub}/messages`). AMQP is not imitated;
 * receiving, for which Azure has nothing else, is an endpoint of our own below `/local/` that only the local Functions
 * host knows. https://learn.microsoft.com/rest/api/eventhub/send-event
 */
export async function startEventHubNamespace(options: EventHubNamespaceOptions): Promise<EventHubNamespace> {
  const { certificates, issuer, port = 0 } = options;
  const faults = new Faults();
  const identify = (request: ArmRequest) => issuer.identify(request.headers['authorization'], EVENT_HUBS_AUDIENCE);
  const listener = createServiceListener({
    faults,
    nameCaller: (request) => identify(request)?.identity.name,
    handle: async (request) => await answer(options, request, identify(request)),
    log: () => undefined,
    tooLarge: refuse(413, 'The received message (including headers) exceeds the limit of 1048576 bytes.'),
  });
  const { cert, key } = certificates;
  const stop = await listen(createServer({ cert, key }, listener), port, '127.0.0.1');
  return { fullyQualifiedNamespace: `localhost:${stop.port}`, faults, stop: async () => await stop() };
}

async function answer(
  options: EventHubNamespaceOptions,
  request: ArmRequest,
  caller: Caller | undefined,
): Promise<Outcome> {
  const isRead = request.path.startsWith('/local/');
  const action = isRead ? RECEIVE_ACTION : SEND;
  const finish = (reply: Reply): Outcome => ({ reply, action, caller, events: [] });
  if (!caller) return finish(refuse(401, 'InvalidToken: The token is missing, expired or for another audience.'));
  const [hubName = '', ...rest] = request.path
    .split('/')
    .slice(isRead ? 2 : 1)
    .map(decodeSegment);
  const hub = options.hubs.find(({ name }) => name.toLowerCase() === hubName.toLowerCase());
  const resource = `sb://${request.headers['host'] ?? ''}${request.path}`;
  if (!hub) return finish(refuse(404, `The messaging entity '${resource}' could not be found.`));
  if (!findDataGrant(caller.identity, action, `${options.namespaceId}/eventhubs/${hub.name}`)) {
    const claim = isRead ? 'Listen' : 'Send';
    const detail = `Unauthorized access. '${claim}' claim(s) are required to perform this operation. Resource: '${resource}'.`;
    return finish(refuse(401, detail));
  }
  return finish(isRead ? await receive(hub, request, rest) : send(hub, request, rest));
}

function send(hub: EventHub, request: ArmRequest, rest: readonly string[]): Reply {
  if (rest.join('/') !== 'messages') return refuse(404, 'Endpoint not found.');
  if (request.method !== 'POST') return refuse(405, 'Only POST is served here.');
  if (request.query.get('api-version') !== API_VERSION) return refuse(400, `The api-version must be ${API_VERSION}.`);
  const messages = readSentMessages(request);
  if (messages === undefined) return refuse(400, 'The batch, or the header BrokerProperties, is malformed.');
  hub.sendBatch(messages);
  return { status: 201, headers: { 'content-type': 'application/xml; charset=utf-8' } };
}

/** `consumergroups/{group}/partitions` lists them; with `/{id}/events?after=&max=&wait=` (wait in ms) it reads one. */
async function receive(hub: EventHub, request: ArmRequest, rest: readonly string[]): Promise<Reply> {
  const [groups, group, partitions, partitionId, events, ...more] = rest;
  const isKnown = groups === 'consumergroups' && partitions === 'partitions' && more.length === 0;
  if (!isKnown || request.method !== 'GET') return refuse(404, 'Endpoint not found.');
  if (!hub.consumerGroups.some((name) => name.toLowerCase() === group?.toLowerCase())) {
    return refuse(404, `The consumer group '${group ?? ''}' could not be found.`);
  }
  if (partitionId === undefined) return { status: 200, body: { partitionIds: hub.partitionIds } };
  const [after, max, wait] = [readNumber(request, 'after'), readNumber(request, 'max'), readNumber(request, 'wait')];
  if (events !== 'events' || after === undefined || max === undefined || wait === undefined) {
    return refuse(400, 'after, max and wait must be whole numbers.');
  }
  const found = await hub.receive(partitionId, after, max, Math.min(wait, MAX_WAIT_MS));
  if (found === undefined) return refuse(404, `The partition '${partitionId}' could not be found.`);
  return { status: 200, body: { events: found.map(toBody) } };
}

function readNumber({ query }: ArmRequest, name: string): number | undefined {
  const text = query.get(name) ?? '';
  return /^-?\d+$/.test(text) ? Number(text) : undefined;
}

function toBody({ enqueuedTimeUtc, ...event }: HubEvent): JsonObject {
  return { ...event, enqueuedTimeUtc: enqueuedTimeUtc.toISOString() };
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

/** Errors are XML, here as there. */
function refuse(status: number, detail: string): Reply {
  const traced = `${detail} TrackingId:${randomUUID()}_G0, Timestamp:${new Date().toISOString()}`;
  const text = traced.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  return {
    status,
    headers: { 'content-type': 'application/xml; charset=utf-8' },
    body: `<Error><Code>${status}</Code><Detail>${text}</Detail></Error>`,
  };
}
