import { readFileSync } from 'node:fs';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { inject } from 'vitest';
import { listen } from '../../local/azure/listen.ts';
import { type AzureClients, createAzureClients } from '../../src/azure/clients.ts';
import type { CallContext } from '../../src/azure/operation.ts';

/** What every token of these tests looks like: it may be in an `authorization` header and nowhere else. */
export const TOKEN_CANARY = 'CANARY-TOKEN';

interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Answers by hand, or returns what to answer; nothing = the request hangs until the server stops. */
export type Answer = (
  request: SeenRequest,
  response: ServerResponse,
) =>
  | {
      readonly status?: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: unknown;
    }
  | undefined;

/** A server of the test's own on loopback, https, with the run's certificate. */
export interface LoopbackServer {
  /** `https://localhost:{port}` */
  readonly origin: string;
  /** The authority that has signed its certificate, PEM. */
  readonly ca: string;
  readonly requests: SeenRequest[];
  answer: Answer;
  stop(): Promise<void>;
}

export async function startLoopbackServer(answer: Answer): Promise<LoopbackServer> {
  const { caFile, certFile, keyFile } = inject('certificates');
  const [ca = '', cert = '', key = ''] = [caFile, certFile, keyFile].map((file) => readFileSync(file, 'utf8'));
  const requests: SeenRequest[] = [];
  const https = createServer({ cert, key }, (incoming, response) => {
    void serve(incoming, response);
  });
  const stop = await listen(https, 0, '127.0.0.1');
  const server: LoopbackServer = { origin: `https://localhost:${stop.port}`, ca, requests, answer, stop };

  async function serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readBody(incoming);
    const { pathname, searchParams } = new URL(incoming.url ?? '/', server.origin);
    const request = {
      method: incoming.method ?? '',
      path: pathname,
      query: searchParams,
      headers: incoming.headers,
      body,
    };
    requests.push(request);
    const reply = server.answer(request, response);
    if (reply === undefined) return;
    const text = typeof reply.body === 'string' ? reply.body : JSON.stringify(reply.body ?? {});
    response.writeHead(reply.status ?? 200, { 'content-type': 'application/json', ...reply.headers });
    response.end(text);
  }

  return server;
}

async function readBody(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  const stream: AsyncIterable<Buffer> = incoming;
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

/** The product's clients with tokens that can be recognised: `{audience} {canary}{n}`. */
export interface CanaryClients {
  readonly clients: AzureClients;
  /** Scopes that a token was asked for, in order. */
  readonly scopes: readonly string[];
  readonly requestIds: readonly string[];
  context(deadlines?: Partial<Pick<CallContext, 'signal' | 'operationSignal'>>): CallContext;
}

/** `arm` plays Azure Resource Manager, too; `getToken` replaces what the credential does. */
export function createCanaryClients(
  arm: Pick<LoopbackServer, 'origin' | 'ca'>,
  getToken: (count: number) => Promise<string> = async (count) => await Promise.resolve(`${TOKEN_CANARY}-${count}`),
): CanaryClients {
  const scopes: string[] = [];
  const requestIds: string[] = [];
  const clients = createAzureClients({
    credential: {
      async getToken(scope) {
        scopes.push([scope].flat().join(' '));
        return { token: await getToken(scopes.length), expiresOnTimestamp: Date.now() + 3_600_000 };
      },
    },
    endpoint: arm.origin,
    scope: 'https://management.azure.com/.default',
    vaults: { dnsSuffix: 'localhost', scope: 'https://vault.azure.net/.default' },
    ca: arm.ca,
  });
  const never = new AbortController().signal;
  return {
    clients,
    scopes,
    requestIds,
    context: (deadlines = {}) => ({
      clients,
      signal: never,
      operationSignal: never,
      noteRequestId: (requestId) => requestIds.push(requestId),
      ...deadlines,
    }),
  };
}
