import { createWriteStream, type WriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import type { Json } from './json.ts';
import { PASSWORD_CANARY } from './providers/container-registry.ts';

/** One request that ARM has answered (or a fault has eaten). */
export interface LoggedRequest {
  readonly time: Date;
  readonly method: string;
  readonly path: string;
  readonly apiVersion: string | undefined;
  /** RBAC action; undefined when the request was refused before that was known. */
  readonly action: string | undefined;
  /** 0 = no answer was sent. */
  readonly status: number;
  /** `error.code` of a refused request. */
  readonly errorCode: string | undefined;
  readonly caller: string | undefined;
  readonly callerObjectId: string | undefined;
  readonly requestId: string;
  readonly correlationId: string;
  readonly userAgent: string | undefined;
  readonly body: Json | undefined;
  /** Made through `as()`, not over the wire. */
  readonly isInProcess: boolean;
}

/** A request with its answer, as `check-traffic.mjs` reads them. */
export interface Exchange {
  readonly request: Message & { readonly method: string; readonly url: string };
  readonly response: Message & { readonly statusCode: number };
}

interface Message {
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body?: Json | undefined;
}

/** Writes exchanges as NDJSON, without bearer tokens and passwords. */
export class TrafficRecorder {
  readonly #stream: WriteStream;

  constructor(file: string) {
    this.#stream = createWriteStream(file);
  }

  write({ request, response }: Exchange): void {
    const { authorization, ...headers } = request.headers;
    const kept = authorization === undefined ? headers : { ...headers, authorization: 'Bearer x' };
    const exchange = { request: { ...request, headers: kept }, response };
    this.#stream.write(`${JSON.stringify(exchange, hidePasswords)}\n`);
  }

  async stop(): Promise<void> {
    this.#stream.end();
    await finished(this.#stream);
  }
}

function hidePasswords(_: string, value: unknown): unknown {
  return typeof value === 'string' && value.startsWith(PASSWORD_CANARY) ? 'removed' : value;
}
