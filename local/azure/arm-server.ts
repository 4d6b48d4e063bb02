import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { setTimeout as wait } from 'node:timers/promises';
import type { Certificates } from '../certificates.ts';
import { ArmError } from './errors.ts';
import type { FaultEffect, Faults } from './faults.ts';
import type { Json } from './json.ts';
import { listen, type Stop } from './listen.ts';
import type { Outcome } from './pipeline.ts';
import type { ArmRequest, Reply, World } from './provider.ts';
import type { TrafficRecorder } from './request-log.ts';

export interface ArmServerOptions {
  readonly world: World;
  readonly faults: Faults;
  readonly certificates: Pick<Certificates, 'cert' | 'key'>;
  readonly port: number;
  /** Real milliseconds added to every answer. */
  readonly latencyMs: number;
  readonly recorder: TrafficRecorder | undefined;
  /** Runs the request; with `isDry` nothing may remain of it. */
  readonly handle: (request: ArmRequest, isDry: boolean) => Outcome;
  /** Told about every request, answered or not (status 0). */
  readonly log: (request: ArmRequest, outcome: Outcome) => void;
}

/** ARM accepts requests up to 4 MB. https://learn.microsoft.com/azure/azure-resource-manager/management/azure-subscription-service-limits */
const MAX_BODY_BYTES = 4 * 1024 * 1024;
const NOTHING: Outcome = { reply: { status: 0 }, action: undefined, caller: undefined, events: [] };
const CLAIMS = Buffer.from('{"access_token":{"nbf":{"essential":true,"value":"1"}}}').toString('base64');

/** Serves ARM on HTTPS at `localhost`; resolves when it listens. */
export async function startArmServer(options: ArmServerOptions): Promise<Stop> {
  const { cert, key } = options.certificates;
  const server = createServer({ cert, key }, (request, response) => {
    serve(options, request, response).catch((error: unknown) => fail(response, error));
  });
  server.keepAliveTimeout = 60_000;
  return await listen(server, options.port, '127.0.0.1');
}

async function serve(options: ArmServerOptions, incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  const { faults, handle, latencyMs, log, world } = options;
  const received = await receive(incoming);
  if (received instanceof ArmError) {
    send(response, addHeaders({ status: received.status, body: received.body }, toRequest(incoming, undefined)));
    return;
  }
  const request = toRequest(incoming, received.body);
  const effects = faults.take(request, nameCaller(world, request));
  if (latencyMs > 0) await wait(latencyMs);
  for (const effect of effects) {
    if (effect.kind === 'before') await effect.run();
    if (effect.kind === 'delay') await wait(effect.milliseconds);
  }
  const has = (kind: FaultEffect['kind']) => effects.some((effect) => effect.kind === kind);
  if (has('hang') || has('drop')) {
    log(request, NOTHING);
    if (has('drop')) response.destroy();
    return;
  }
  const canned = effects.map((effect) => toCanned(effect, world)).find((reply) => reply !== undefined);
  const outcome = canned
    ? { ...NOTHING, reply: canned }
    : handle({ ...request, stale: has('stale-read') }, has('ignore-write'));
  for (const effect of effects) if (effect.kind === 'after') await effect.run();
  if (has('apply-then-drop')) {
    log(request, { ...outcome, reply: { ...outcome.reply, status: 0 } });
    response.destroy();
    return;
  }
  log(request, outcome);
  const reply = addHeaders(redirect(outcome.reply, effects), request);
  options.recorder?.write({
    request: { method: request.method, url: incoming.url ?? '', headers: request.headers, body: request.body },
    response: { statusCode: reply.status, headers: reply.headers ?? {}, body: reply.body },
  });
  send(response, reply, has('cut-json'));
}

async function receive(incoming: IncomingMessage): Promise<{ body: Json | undefined } | ArmError> {
  const chunks: Buffer[] = [];
  let size = 0;
  const stream: AsyncIterable<Buffer> = incoming;
  for await (const bytes of stream) {
    size += bytes.length;
    if (size > MAX_BODY_BYTES) return new ArmError(413, 'RequestEntityTooLarge', 'The request content is too large.');
    chunks.push(bytes);
  }
  if (size === 0) return { body: undefined };
  if (!/^application\/json\b/i.test(incoming.headers['content-type'] ?? '')) {
    return new ArmError(
      415,
      'UnsupportedMediaType',
      `The content media type '${incoming.headers['content-type'] ?? ''}' is not supported. Only 'application/json' is supported.`,
    );
  }
  try {
    const body: Json = JSON.parse(Buffer.concat(chunks).toString());
    return { body };
  } catch {
    return new ArmError(
      400,
      'InvalidRequestContent',
      'The request content was invalid and could not be deserialized as JSON.',
    );
  }
}

function toRequest(incoming: IncomingMessage, body: Json | undefined): ArmRequest {
  const url = new URL(incoming.url ?? '/', 'https://localhost');
  const headers = Object.fromEntries(
    Object.entries(incoming.headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : value]),
  );
  return {
    method: incoming.method ?? 'GET',
    path: url.pathname,
    query: url.searchParams,
    headers,
    body,
    requestId: randomUUID(),
    correlationId: headers['x-ms-correlation-request-id'] ?? randomUUID(),
  };
}

/** Name of the caller when the token is good. */
function nameCaller({ issuer }: World, request: ArmRequest): string | undefined {
  try {
    return issuer.authenticate(request.headers['authorization']).identity.name;
  } catch {
    return undefined;
  }
}

function toCanned(effect: FaultEffect, { issuer }: World): Reply | undefined {
  if (effect.kind === 'answer') {
    const type = typeof effect.body === 'string' ? { 'content-type': 'text/html' } : {};
    return { status: effect.status, headers: { ...type, ...effect.headers }, body: effect.body };
  }
  if (effect.kind !== 'claims-challenge') return undefined;
  const challenge = `Bearer realm="", authorization_uri="https://login.microsoftonline.com/${issuer.tenantId}/oauth2/authorize", error="insufficient_claims", claims="${CLAIMS}"`;
  const message =
    'Continuous access evaluation resulted in challenge with result: InteractionRequired and code: TokenIssuedBeforeRevocationTimestamp';
  return {
    status: 401,
    headers: { 'www-authenticate': challenge },
    body: { error: { code: 'AuthenticationFailed', message } },
  };
}

/** Lets poll URLs point to another host. */
function redirect(reply: Reply, effects: readonly FaultEffect[]): Reply {
  const foreign = effects.find((effect) => effect.kind === 'foreign-host');
  if (foreign?.kind !== 'foreign-host') return reply;
  const headers = Object.entries(reply.headers ?? {}).map(([name, value]) => {
    if (name !== 'azure-asyncoperation' && name !== 'location') return [name, value];
    return [name, value.replace(/^https:\/\/[^/]+/, `https://${foreign.host}`)];
  });
  return { ...reply, headers: Object.fromEntries(headers) };
}

/** The headers of every ARM answer. */
function addHeaders(reply: Reply, request: ArmRequest): Reply {
  const stamp = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '');
  const clientId = request.headers['x-ms-client-request-id'];
  const headers = {
    'cache-control': 'no-cache',
    pragma: 'no-cache',
    expires: '-1',
    ...(reply.body === undefined ? {} : { 'content-type': 'application/json; charset=utf-8' }),
    'strict-transport-security': 'max-age=31536000; includeSubDomains',
    'x-content-type-options': 'nosniff',
    'x-ms-request-id': request.requestId,
    'x-ms-correlation-request-id': request.correlationId,
    'x-ms-routing-request-id': `WESTEUROPE:${stamp}:${request.requestId}`,
    ...(clientId ? { 'x-ms-client-request-id': clientId } : {}),
    ...reply.headers,
  };
  return { ...reply, headers };
}

function send(response: ServerResponse, reply: Reply, isCut = false): void {
  const text = reply.body === undefined ? '' : toText(reply);
  const sent = Buffer.from(isCut ? text.slice(0, Math.floor(text.length / 2)) : text);
  const length = reply.status === 204 ? {} : { 'content-length': sent.length };
  response.writeHead(reply.status, { ...reply.headers, ...length });
  response.end(sent);
}

function toText({ body, headers }: Reply): string {
  const isJson = headers?.['content-type']?.includes('json') ?? true;
  return typeof body === 'string' && !isJson ? body : JSON.stringify(body);
}

/** A fault of the simulator itself must be loud: it answers 500 with the stack. */
function fail(response: ServerResponse, error: unknown): void {
  if (response.headersSent || response.destroyed) return;
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  send(response, {
    status: 500,
    headers: { 'content-type': 'application/json; charset=utf-8' },
    body: { error: { code: 'SimulatorFault', message } },
  });
}
