import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { IdentityDefinition, TokenIssuer } from './identities.ts';
import { listen } from './listen.ts';

/** How a process asks for tokens of one identity: the values of IDENTITY_ENDPOINT / MSI_ENDPOINT and IDENTITY_HEADER / MSI_SECRET. */
export interface IdentityEndpoint {
  readonly endpoint: string;
  readonly header: string;
}

export interface IdentityServer {
  endpointOf(name: string): IdentityEndpoint;
  /** Token requests answered with a token, per identity name. */
  readonly issued: ReadonlyMap<string, number>;
  stop(): Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly body: Record<string, string>;
}

/**
 * The App Service managed identity endpoint on plain http, one path per identity (`/{name}/msi/token`), in both forms:
 * `2019-08-01` with header X-IDENTITY-HEADER and `2017-09-01` with header `secret` (that one is asked with a slash before `?`).
 */
export async function startIdentityServer(issuer: TokenIssuer, port: number): Promise<IdentityServer> {
  const secrets = new Map(issuer.identities.map(({ name }) => [name, randomBytes(16).toString('hex')]));
  const issued = new Map<string, number>();

  function handle(request: IncomingMessage, response: ServerResponse): void {
    const { status, body } = answer(request);
    response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' });
    response.end(JSON.stringify(body));
  }

  function answer(request: IncomingMessage): Answer {
    const url = new URL(request.url ?? '/', 'http://localhost');
    const name = /^\/([^/]+)\/msi\/token\/?$/.exec(url.pathname)?.[1];
    const identity = issuer.identities.find((candidate) => candidate.name === name);
    if (!identity) return refuse(404, 'not_found', 'No managed identity is assigned here.');
    if (request.method !== 'GET') return refuse(405, 'invalid_request', 'Only GET is supported.');
    const version = url.searchParams.get('api-version');
    const headerName = { '2019-08-01': 'x-identity-header', '2017-09-01': 'secret' }[version ?? ''];
    if (!headerName) return refuse(400, 'invalid_request', 'The api-version is missing or not supported.');
    if (request.headers[headerName] !== secrets.get(identity.name)) {
      return refuse(401, 'unauthorized_client', `The header ${headerName} is missing or wrong.`);
    }
    return answerToken(identity, url.searchParams);
  }

  function answerToken(identity: IdentityDefinition, query: URLSearchParams): Answer {
    const resource = query.get('resource');
    if (!resource || !/^(https:\/\/|api:\/\/|[0-9a-f-]{36}$)/i.test(resource)) {
      return refuse(400, 'invalid_resource', 'The resource is missing or is not known in this tenant.');
    }
    const wanted = query.get('client_id') ?? query.get('clientid');
    if (wanted && wanted.toLowerCase() !== identity.clientId.toLowerCase()) {
      return refuse(400, 'invalid_request', 'No managed identity with this client id is assigned here.');
    }
    const { token, expiresOn } = issuer.issue(identity, resource);
    issued.set(identity.name, (issued.get(identity.name) ?? 0) + 1);
    return {
      status: 200,
      body: {
        access_token: token,
        client_id: identity.clientId,
        expires_on: String(expiresOn),
        not_before: String(expiresOn - 86_400),
        resource,
        token_type: 'Bearer',
      },
    };
  }

  const server: Server = createServer(handle);
  const stop = await listen(server, port, '127.0.0.1');
  return {
    issued,
    stop,
    endpointOf(name) {
      const header = secrets.get(name);
      if (!header) throw new Error(`no identity named '${name}'`);
      return { endpoint: `http://127.0.0.1:${stop.port}/${name}/msi/token`, header };
    },
  };
}

function refuse(status: number, error: string, description: string): Answer {
  return { status, body: { error, error_description: description } };
}
