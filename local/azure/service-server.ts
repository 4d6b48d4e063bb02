import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import type { FaultEffect, Faults } from './faults.ts';
import type { Outcome } from './pipeline.ts';
import type { ArmRequest, Reply } from './provider.ts';

/** A service beside ARM that answers over HTTP: how it answers, what goes wrong with it, and who is told. */
export interface Service {
  readonly faults: Faults;
  readonly handle: (request: ArmRequest) => Outcome | Promise<Outcome>;
  /** What a body over 1 MB is answered; default 413 in plain text. */
  readonly tooLarge?: Reply;
  /** Name of the caller when the token is good. */
  readonly nameCaller: (request: ArmRequest) => string | undefined;
  /** Told about every request, answered or not (status 0). */
  readonly log: (request: ArmRequest, outcome: Outcome) => void;
}

const MAX_BODY_BYTES = 1024 * 1024;
const TOO_LARGE: Reply = { status: 413, headers: { 'content-type': 'text/plain' }, body: 'the request is too large' };
const NOTHING: Outcome = { reply: { status: 0 }, action: undefined, caller: undefined, events: [] };

/** A request listener for a service. A fault of the simulator itself is answered 500 with the stack: it must be loud. */
export function createServiceListener(service: Service): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    serve(service, request, response).catch((error: unknown) => {
      if (response.headersSent || response.destroyed) return;
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      send(response, { status: 500, headers: { 'content-type': 'text/plain' }, body: text });
    });
  };
}

async function serve(service: Service, incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  const request = await receive(incoming);
  if (request === undefined) {
    send(response, service.tooLarge ?? TOO_LARGE);
    return;
  }
  const effects = service.faults.take(request, service.nameCaller(request));
  const ending = effects.find(({ kind }) => !['before', 'after', 'delay', 'cut-json'].includes(kind));
  for (const effect of effects) {
    if (effect.kind === 'before') await effect.run();
    if (effect.kind === 'delay') await wait(effect.milliseconds);
  }
  if (ending?.kind === 'hang' || ending?.kind === 'drop') {
    service.log(request, NOTHING);
    if (ending.kind === 'drop') response.destroy();
    return;
  }
  const isApplied = ending === undefined || ending.kind === 'apply-then-drop';
  const outcome = isApplied ? await service.handle(request) : { ...NOTHING, reply: toReply(ending) };
  for (const effect of effects) if (effect.kind === 'after') await effect.run();
  if (ending?.kind === 'apply-then-drop') {
    service.log(request, { ...outcome, reply: { ...outcome.reply, status: 0 } });
    response.destroy();
    return;
  }
  service.log(request, outcome);
  send(
    response,
    outcome.reply,
    effects.some(({ kind }) => kind === 'cut-json'),
  );
}

/** The body stays text: what it means is the service's affair. Undefined: it is too large, and has been read to its end. */
async function receive(incoming: IncomingMessage): Promise<ArmRequest | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  const stream: AsyncIterable<Buffer> = incoming;
  for await (const bytes of stream) {
    size += bytes.length;
    if (size <= MAX_BODY_BYTES) chunks.push(bytes);
  }
  if (size > MAX_BODY_BYTES) return undefined;
  const url = new URL(incoming.url ?? '/', 'https://localhost');
  const headers = Object.fromEntries(
    Object.entries(incoming.headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : value]),
  );
  const requestId = randomUUID();
  return {
    method: incoming.method ?? 'GET',
    path: url.pathname,
    query: url.searchParams,
    headers,
    body: size === 0 ? undefined : Buffer.concat(chunks).toString(),
    requestId,
    correlationId: headers['x-ms-correlation-request-id'] ?? requestId,
  };
}

function toReply(effect: FaultEffect): Reply {
  if (effect.kind !== 'answer') throw new Error(`the fault '${effect.kind}' exists at ARM only`);
  const type = typeof effect.body === 'string' ? { 'content-type': 'text/html' } : {};
  return { status: effect.status, headers: { ...type, ...effect.headers }, body: effect.body };
}

function send(response: ServerResponse, { body, headers = {}, status }: Reply, isCut = false): void {
  const isPlain = typeof body === 'string' && headers['content-type']?.includes('json') !== true;
  const text = body === undefined ? '' : isPlain ? body : JSON.stringify(body);
  const sent = Buffer.from(isCut ? text.slice(0, Math.floor(text.length / 2)) : text);
  response.writeHead(status, { 'content-type': 'application/json', ...headers, 'content-length': sent.length });
  response.end(sent);
}
