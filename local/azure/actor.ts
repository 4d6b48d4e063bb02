import { randomUUID } from 'node:crypto';
import type { ResourceEvent } from './events.ts';
import { MANAGEMENT } from './identities.ts';
import type { Json } from './json.ts';
import { newestApiVersion } from './newest-api-version.ts';
import { handleRequest, type Outcome } from './pipeline.ts';
import type { ArmRequest, World } from './provider.ts';

/** An in-process request as somebody, through the same handlers as the wire but without faults. */
export interface Actor {
  /** Any request; refusals are answers, not exceptions. `target` is a resource id, or a path with query. */
  request(method: string, target: string, options?: ActorOptions): ActorAnswer;
  /** The shortcuts throw when ARM refuses, and return the body. */
  get(target: string, options?: ActorOptions): Json | undefined;
  put(target: string, body: Json, options?: ActorOptions): Json | undefined;
  patch(target: string, body: Json, options?: ActorOptions): Json | undefined;
  post(target: string, body?: Json, options?: ActorOptions): Json | undefined;
  delete(target: string, options?: ActorOptions): Json | undefined;
}

interface ActorOptions {
  /** Default: the newest version the type knows. */
  readonly apiVersion?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Json;
}

interface ActorAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Json | undefined;
}

/** The in-process requests of an identity. Throws for an unknown name. */
export function createActor(
  world: World,
  name: string,
  publish: (event: ResourceEvent) => void,
  log: (request: ArmRequest, outcome: Outcome) => void,
): Actor {
  const identity = world.issuer.find(name);
  function request(method: string, target: string, options: ActorOptions = {}): ActorAnswer {
    const url = new URL(target, 'https://localhost');
    const apiVersion = options.apiVersion ?? url.searchParams.get('api-version') ?? newestApiVersion(url.pathname);
    url.searchParams.set('api-version', apiVersion);
    const armRequest: ArmRequest = {
      method,
      path: decodeURI(url.pathname),
      query: url.searchParams,
      headers: { 'user-agent': `simulator/${name}`, ...options.headers },
      body: options.body,
      requestId: randomUUID(),
      correlationId: options.headers?.['x-ms-correlation-request-id'] ?? randomUUID(),
    };
    const caller = { identity, claims: world.issuer.claims(identity, MANAGEMENT) };
    const outcome = handleRequest(world, armRequest, { caller, onLaterEvent: publish });
    log(armRequest, outcome);
    for (const event of outcome.events) publish(event);
    const { body, headers = {}, status } = outcome.reply;
    return { status, headers, body: structuredClone(body) };
  }
  function send(method: string, target: string, options: ActorOptions = {}): Json | undefined {
    const { body, status } = request(method, target, options);
    if (status < 400) return body;
    throw new Error(`${name}: ${method} ${target} was answered ${status}: ${JSON.stringify(body)}`);
  }
  return {
    request,
    get: (target, options) => send('GET', target, options),
    put: (target, body, options) => send('PUT', target, { ...options, body }),
    patch: (target, body, options) => send('PATCH', target, { ...options, body }),
    post: (target, body, options) => send('POST', target, body === undefined ? options : { ...options, body }),
    delete: (target, options) => send('DELETE', target, options),
  };
}
