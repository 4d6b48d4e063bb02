import {
  createDefaultHttpClient,
  createHttpHeaders,
  createPipelineRequest,
  type PipelineResponse,
} from '@azure/core-rest-pipeline';
import type { TokenCredential } from '@azure/identity';
import { parseJson } from '../resources/lenient.ts';
import { readRetryAfter } from './azure-error.ts';

/** Who the token is for. The first is the AKS server application, the same in every tenant. */
const SCOPES = {
  kubernetes: '6dae42f8-4368-4678-94ff-3960e28e3630/.default',
  prometheus: 'https://prometheus.monitor.azure.com/.default',
} as const;
type Audience = keyof typeof SCOPES;

/** Longest wait for one whole answer, in milliseconds. */
const TIMEOUT = 15_000;

/** One GET to a service that is not Azure Resource Manager. */
interface DataPlaneRequest {
  /** https; the caller has checked that its host may get the token. */
  readonly url: URL;
  readonly audience: Audience;
  /** The only certificate authority that is trusted (PEM, not empty), or `public` = those that everybody trusts. */
  readonly trust: string;
  /** Longest body in bytes. */
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

/** What a GET came to. `because` is one line for people; nothing in here ever holds the token. */
export type DataPlaneAnswer =
  /** `body` is the parsed JSON, undefined when it is none. */
  | {
      readonly kind: 'answered';
      readonly status: number;
      readonly body: unknown;
      readonly retryAfterMs: number | undefined;
    }
  /** No secure connection to whom we trust: nothing was sent. */
  | { readonly kind: 'untrusted'; readonly because: string }
  | { readonly kind: 'too-large'; readonly because: string }
  /** No token, no connection, or no answer in time. */
  | { readonly kind: 'no-answer'; readonly because: string };

/** Reads services that check permissions by themselves, each with a token of its own audience. Follows no redirect and repeats nothing but a 401. */
export interface DataPlane {
  /** Never throws for what the other side does. A 401 is tried once more with a new token. */
  get(request: DataPlaneRequest): Promise<DataPlaneAnswer>;
  /** A token for a call that carries one in its body. Throws what the credential throws. */
  getToken(audience: Audience, signal: AbortSignal): Promise<string>;
}

export interface DataPlaneOptions {
  readonly credential: TokenCredential;
  /** Extra certificate authority for `public` endpoints that are not publicly trusted. */
  readonly ca?: string;
}

export function createDataPlane({ credential, ca }: DataPlaneOptions): DataPlane {
  const client = createDefaultHttpClient();

  async function getToken(audience: Audience, signal: AbortSignal): Promise<string> {
    const token = await credential.getToken(SCOPES[audience], { abortSignal: signal });
    if (token === null) throw new Error('the credential has no token');
    return token.token;
  }

  async function send(request: DataPlaneRequest, signal: AbortSignal): Promise<DataPlaneAnswer> {
    let token: string;
    try {
      token = await getToken(request.audience, signal);
    } catch (error) {
      return { kind: 'no-answer', because: `no token for ${request.audience}: ${nameOf(error)}` };
    }
    const pipelineRequest = createPipelineRequest({
      url: request.url.href,
      headers: createHttpHeaders({
        authorization: `Bearer ${token}`,
        accept: 'application/json',
        'user-agent': 'dockwarden',
      }),
      abortSignal: signal,
      timeout: TIMEOUT,
      // An authority per cluster: connections that are kept would pile up.
      disableKeepAlive: true,
      streamResponseStatusCodes: new Set([Number.POSITIVE_INFINITY]),
    });
    const trusted = request.trust === 'public' ? ca : request.trust;
    // Only as a property: among the options above it would be dropped without a word, and everybody be trusted whom Node trusts.
    if (trusted !== undefined) pipelineRequest.tlsSettings = { ca: trusted };
    try {
      const response = await client.sendRequest(pipelineRequest);
      return await readAnswer(response, request, token);
    } catch (error) {
      // No cause: the client's errors hold the request, and with it the token.
      const { host } = request.url;
      if (isTlsFailure(error)) {
        return { kind: 'untrusted', because: `no trusted connection to ${host}: ${nameOf(error)}` };
      }
      return { kind: 'no-answer', because: `${host} does not answer: ${signal.aborted ? 'time-out' : nameOf(error)}` };
    }
  }

  return {
    getToken,
    async get(request) {
      // The client's own time-out ends with the headers; this one also covers the body.
      const attempt = async () => await send(request, AbortSignal.any([request.signal, AbortSignal.timeout(TIMEOUT)]));
      const answer = await attempt();
      return answer.kind === 'answered' && answer.status === 401 ? await attempt() : answer;
    },
  };
}

async function readAnswer(
  { status, headers, readableStreamBody }: PipelineResponse,
  { url, maxBytes }: DataPlaneRequest,
  token: string,
): Promise<DataPlaneAnswer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of readableStreamBody ?? []) {
    const bytes = Buffer.from(chunk);
    size += bytes.length;
    if (size > maxBytes) return { kind: 'too-large', because: `${url.host} answers more than ${maxBytes} bytes` };
    chunks.push(bytes);
  }
  // Whoever quotes our request back must not bring the token into a message.
  const text = Buffer.concat(chunks).toString('utf8').replaceAll(token, '(token)');
  const retryAfterMs = readRetryAfter((name) => headers.get(name), new Date());
  return { kind: 'answered', status, body: parseJson(text), retryAfterMs };
}

/** Codes of OpenSSL and Node for a peer that is not trusted, or that speaks no TLS that we do. */
const TLS_FAILURE =
  /^(?:CERT_|CRL_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|ERR_TLS_|ERR_SSL_|ERR_OSSL_|EPROTO|HOSTNAME_|INVALID_|PATH_LENGTH_)/;

function isTlsFailure(error: unknown): boolean {
  const code = codeOf(error);
  return code !== undefined && TLS_FAILURE.test(code);
}

function codeOf(error: unknown): string | undefined {
  const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
  return typeof code === 'string' ? code : undefined;
}

/** Code or class of an error: its message may quote what nobody may see. */
function nameOf(error: unknown): string {
  return codeOf(error) ?? (error instanceof Error ? error.name : 'unknown error');
}

/** Text of a foreign service for a message of ours: one line, nothing that could draw or hide, at most 300 characters. */
export function quoteForeign(text: unknown): string {
  if (typeof text !== 'string') return 'no reason given';
  return text
    .slice(0, 1000)
    .replaceAll(/[\p{C}\p{Z}]+/gu, ' ')
    .trim()
    .slice(0, 300);
}
