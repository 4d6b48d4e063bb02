import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { listen } from '../../local/azure/listen.ts';
import type { CertificateFiles } from '../support/global-setup.ts';
import type { Fault, RigClock, SeenRequest, ServerAnswer } from './ticket-rig.ts';

export interface ScriptedServer {
  /** Base address without a slash at the end. */
  readonly url: string;
  readonly requests: readonly SeenRequest[];
  fault(fault: Fault): void;
  /** How many of the requests that got no answer were given up by the client. */
  abandoned(): number;
  stop(): Promise<void>;
}

/** The part that every simulated vendor shares: listening, remembering requests, and faults. Without certificates it speaks plain http. */
export async function startScriptedServer(
  handle: (request: SeenRequest) => ServerAnswer,
  certificates?: CertificateFiles,
): Promise<ScriptedServer> {
  const requests: SeenRequest[] = [];
  let abandoned = 0;
  const faults: { readonly fault: Fault; seen: number }[] = [];

  function takeFault(request: SeenRequest): Fault | undefined {
    for (const entry of faults) {
      const { method, path, after = 0, times = 1 } = entry.fault;
      if (method !== undefined && method !== request.method) continue;
      if (path !== undefined && !path.test(request.path)) continue;
      entry.seen += 1;
      if (entry.seen > after && entry.seen <= after + times) return entry.fault;
    }
    return undefined;
  }

  async function answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const request = await readRequest(incoming);
    requests.push(request);
    const effect = takeFault(request)?.effect;
    if (effect === undefined) {
      send(response, handle(request));
      return;
    }
    if (effect.kind === 'change') {
      send(response, effect.change(handle(request)));
      return;
    }
    if (effect.kind === 'oversized' || effect.acts === true) handle(request);
    if (effect.kind === 'answer') send(response, effect.answer);
    if (effect.kind === 'hang') incoming.socket.once('close', () => ++abandoned);
    if (effect.kind === 'reset') incoming.socket.resetAndDestroy();
    if (effect.kind === 'oversized') send(response, { status: 200, body: { padding: 'x'.repeat(2_097_152) } });
  }

  const listener = (incoming: IncomingMessage, response: ServerResponse): void => {
    // A client that goes away in the middle is what some faults are about.
    void answer(incoming, response).catch(() => response.destroy());
  };
  const server =
    certificates === undefined
      ? createServer(listener)
      : createTlsServer(
          { cert: readFileSync(certificates.certFile), key: readFileSync(certificates.keyFile) },
          listener,
        );
  const stop = await listen(server, 0, '127.0.0.1');
  return {
    url: `${certificates === undefined ? 'http' : 'https'}://127.0.0.1:${stop.port}`,
    requests,
    abandoned: () => abandoned,
    fault: (fault) => void faults.push({ fault, seen: 0 }),
    stop,
  };
}

/** Starts at a fixed time and moves only when told. */
export function createRigClock(): RigClock {
  let time = Date.UTC(2026, 7, 20, 12);
  return {
    now: () => new Date(time),
    advance(milliseconds) {
      time += milliseconds;
    },
  };
}

async function readRequest(incoming: IncomingMessage): Promise<SeenRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(Buffer.from(chunk));
  const headers = Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]);
  return {
    method: incoming.method ?? '',
    path: incoming.url ?? '',
    headers: Object.fromEntries(headers),
    body: Buffer.concat(chunks).toString('utf8'),
  };
}

function send(response: ServerResponse, { status, headers = {}, body }: ServerAnswer): void {
  if (body === undefined) {
    response.writeHead(status, headers).end();
    return;
  }
  const isText = typeof body === 'string';
  const contentType = isText ? 'text/html; charset=utf-8' : 'application/json; charset=utf-8';
  response.writeHead(status, { 'content-type': contentType, ...headers }).end(isText ? body : JSON.stringify(body));
}
