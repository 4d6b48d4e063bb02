import { createWriteStream, type WriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import { isJsonObject, type Json, readString } from './json.ts';
import type { Outcome } from './pipeline.ts';
import type { ArmRequest } from './provider.ts';
import { PASSWORD_CANARY } from './providers/container-registry.ts';

/** One request that was answered (or that a fault has eaten): to ARM, `/kubernetes/{cluster}/…` to a cluster, `/keyvault/{vault}/…` to a vault, `/prometheus/…` to the metrics. */
export interface LoggedRequest {
  readonly time: Date;
  readonly method: string;
  readonly path: string;
  /** Without the question mark. */
  readonly query: string;
  readonly apiVersion: string | undefined;
  /** RBAC action, of clusters, vaults and metrics a data action; undefined when the request was refused before that was known. */
  readonly action: string | undefined;
  /** 0 = no answer was sent. */
  readonly status: number;
  /** `error.code` of a refused request; of a cluster the reason, of the metrics the error type. */
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

/** What is kept of a request: everything but its token. */
export function toLoggedRequest(
  request: ArmRequest,
  { action, caller, reply }: Outcome,
  time: Date,
  isInProcess: boolean,
): LoggedRequest {
  return {
    time,
    method: request.method,
    path: request.path,
    query: request.query.toString(),
    apiVersion: request.query.get('api-version') ?? undefined,
    action,
    status: reply.status,
    errorCode: reply.status >= 400 ? readErrorCode(reply.body) : undefined,
    caller: caller?.identity.name,
    callerObjectId: caller?.identity.objectId,
    requestId: request.requestId,
    correlationId: request.correlationId,
    userAgent: request.headers['user-agent'],
    body: hideClusterToken(request.body),
    isInProcess,
  };
}

function readErrorCode(body: Json | undefined): string | undefined {
  return ['error.code', 'code', 'reason', 'errorType']
    .map((path) => readString(body, path))
    .find((code) => code !== undefined);
}

/** Run command takes a token in its body. */
function hideClusterToken(body: Json | undefined): Json | undefined {
  if (!isJsonObject(body) || typeof body['clusterToken'] !== 'string') return body;
  return { ...body, clusterToken: 'removed' };
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

function hidePasswords(name: string, value: unknown): unknown {
  if (name === 'clusterToken') return 'removed';
  return typeof value === 'string' && value.startsWith(PASSWORD_CANARY) ? 'removed' : value;
}
