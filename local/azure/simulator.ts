import { randomUUID } from 'node:crypto';
import type { Certificates } from '../certificates.ts';
import { findGrant } from './access.ts';
import { startArmServer } from './arm-server.ts';
import { createResourceEvent, type ResourceEvent } from './events.ts';
import { Faults } from './faults.ts';
import { Guards, type Lock, type PolicyDeny } from './guards.ts';
import { type IdentityDefinition, TokenIssuer, type TokenOptions } from './identities.ts';
import { type IdentityEndpoint, startIdentityServer } from './identity-endpoint.ts';
import { type Json, type JsonObject, mergePatch, readString } from './json.ts';
import { Limits } from './limits.ts';
import { newestApiVersion } from './newest-api-version.ts';
import { Operations } from './operations.ts';
import { handleRequest, type Outcome } from './pipeline.ts';
import type { ArmRequest, Clock, World } from './provider.ts';
import { providers } from './provider-catalogue.ts';
import { GROUP_TYPE, SUBSCRIPTION_TYPE } from './providers/resources.ts';
import { type LoggedRequest, TrafficRecorder } from './request-log.ts';
import { type RawResource, ResourceStore } from './resource-store.ts';

/** What the simulated Azure contains when it starts. */
export interface Seed {
  readonly tenantId: string;
  readonly subscriptions: readonly { readonly subscriptionId: string; readonly displayName: string }[];
  readonly resourceGroups: readonly {
    readonly subscriptionId: string;
    readonly name: string;
    readonly location: string;
  }[];
  /** Raw ARM bodies. */
  readonly resources: readonly RawResource[];
  readonly locks?: readonly Lock[];
}

export interface AzureSimulatorOptions {
  readonly certificates: Pick<Certificates, 'cert' | 'key'>;
  /** Port of ARM; 0 (default) takes a free one. */
  readonly port?: number;
  /** Port of the identity endpoints; 0 (default) takes a free one. */
  readonly identityPort?: number;
  /** Default: real time. Tokens and sockets always live in real time. */
  readonly clock?: Clock;
  readonly seed: Seed;
  readonly identities: readonly IdentityDefinition[];
  /** Called for every event, after the change and before the answer (long-running writes: when they complete). */
  readonly onEvent?: (event: ResourceEvent) => void;
  /** Real milliseconds added to every answer over the wire. */
  readonly latencyMs?: number;
  /** NDJSON file of all exchanges, without tokens and passwords. */
  readonly recordTo?: string;
}

/** An in-process request as somebody, through the same handlers as the wire but without faults. */
interface Actor {
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

/** Direct access to what is stored: no token, RBAC, lock or quota. Everything is copied on its way in and out. */
interface SimulatedState {
  get(id: string): RawResource | undefined;
  /** All resources below a scope ('' = everything), optionally of one type; also groups and subscriptions. */
  list(scope?: string, type?: string): RawResource[];
  /** Stores a resource. With `by` (identity name) the write event of that identity is raised, without it nobody is told. */
  put(resource: RawResource, options?: { by?: string }): void;
  /** JSON merge patch of the whole body, tags included: null removes. Throws when there is no such resource. */
  patch(id: string, change: JsonObject, options?: { by?: string }): void;
  remove(id: string, options?: { by?: string }): void;
  /** Refuses writes to a resource with 409, until an instant of the simulator's clock or this many times. */
  setBusy(id: string, how: { until: Date } | { times: number }): void;
  clearBusy(id: string): void;
  /** The admin passwords of a registry, once somebody has listed or regenerated them. */
  passwordsOf(registryId: string): JsonObject | undefined;
}

/** A running simulated Azure. */
export interface AzureSimulator {
  /** `https://localhost:{port}` */
  readonly armEndpoint: string;
  readonly tenantId: string;
  /** Managed identity endpoint and header of an identity. Throws for an unknown name. */
  identityEndpoint(name: string): IdentityEndpoint;
  /** A token without asking the endpoint. */
  issueToken(name: string, resource?: string, options?: TokenOptions): { token: string; expiresOn: number };
  /** A TokenCredential of an identity, for SDK clients in the same process. */
  credential(name: string): {
    getToken(scopes: string | string[]): Promise<{ token: string; expiresOnTimestamp: number }>;
  };
  identity(name: string): IdentityDefinition;
  readonly state: SimulatedState;
  /** Somebody else, in-process: `simulator.as('automation').patch(id, body)`. */
  as(name: string): Actor;
  /** Every request so far, wire and in-process. Tests may empty it (`requests.length = 0`). */
  readonly requests: LoggedRequest[];
  /** Every event so far. */
  readonly events: ResourceEvent[];
  /** Faults and hooks at requests over the wire. */
  readonly faults: Faults;
  readonly locks: Lock[];
  readonly policyDenies: PolicyDeny[];
  /** `rules` decide which writes are long-running; `finishAll()`, `settle()` end them. */
  readonly operations: Operations;
  /** Token buckets: `enabled`, sizes, `reset()`. */
  readonly limits: Limits;
  /** Handlers' view of everything, for what the above does not offer (`pageSize`). */
  readonly world: World;
  setClock(clock: Clock): void;
  /** Closes both servers and every connection, hanging ones too. */
  stop(): Promise<void>;
}

const MANAGEMENT = 'https://management.azure.com';
const DEFAULT_PAGE_SIZE = 1_000;
/** A simulator that runs for days forgets its oldest requests and events. */
const MAX_KEPT = 50_000;

/** Starts a simulated Azure on loopback: ARM over HTTPS, managed identity endpoints over plain http. */
export async function startAzureSimulator(options: AzureSimulatorOptions): Promise<AzureSimulator> {
  let clock: Clock = options.clock ?? { now: () => new Date() };
  const movingClock: Clock = { now: () => clock.now() };
  const issuer = new TokenIssuer(options.seed.tenantId, options.identities);
  const faults = new Faults();
  const requests: LoggedRequest[] = [];
  const events: ResourceEvent[] = [];
  const recorder = options.recordTo === undefined ? undefined : new TrafficRecorder(options.recordTo);
  let armEndpoint = '';
  const world: World = {
    clock: movingClock,
    store: createStore(options.seed),
    issuer,
    operations: new Operations(movingClock),
    guards: new Guards(),
    limits: new Limits(movingClock),
    providers,
    baseUrl: () => armEndpoint,
    pageSize: DEFAULT_PAGE_SIZE,
  };
  world.guards.locks.push(...(options.seed.locks ?? []));

  function publish(event: ResourceEvent): void {
    if (events.length >= MAX_KEPT) events.splice(0, MAX_KEPT / 2);
    events.push(event);
    options.onEvent?.(event);
  }

  function handle(request: ArmRequest, isDry: boolean): Outcome {
    const restore = isDry ? [world.store.checkpoint(), world.operations.checkpoint()] : [];
    const outcome = handleRequest(world, request, { onLaterEvent: publish });
    for (const undo of restore) undo();
    if (!isDry) for (const event of outcome.events) publish(event);
    return outcome;
  }

  function log(request: ArmRequest, { action, caller, reply }: Outcome, isInProcess = false): void {
    if (requests.length >= MAX_KEPT) requests.splice(0, MAX_KEPT / 2);
    requests.push({
      time: movingClock.now(),
      method: request.method,
      path: request.path,
      apiVersion: request.query.get('api-version') ?? undefined,
      action,
      status: reply.status,
      errorCode:
        reply.status >= 400 ? (readString(reply.body, 'error.code') ?? readString(reply.body, 'code')) : undefined,
      caller: caller?.identity.name,
      callerObjectId: caller?.identity.objectId,
      requestId: request.requestId,
      correlationId: request.correlationId,
      userAgent: request.headers['user-agent'],
      body: request.body,
      isInProcess,
    });
  }

  const identityServer = await startIdentityServer(issuer, options.identityPort ?? 0);
  const { certificates, latencyMs = 0, port = 0 } = options;
  const stopArm = await startArmServer({ world, faults, certificates, port, latencyMs, recorder, handle, log });
  armEndpoint = `https://localhost:${stopArm.port}`;

  return {
    armEndpoint,
    tenantId: issuer.tenantId,
    identityEndpoint: (name) => identityServer.endpointOf(name),
    issueToken: (name, resource = MANAGEMENT, tokenOptions = {}) =>
      issuer.issue(issuer.find(name), resource, tokenOptions),
    credential: (name) => ({
      async getToken(scopes) {
        const [scope = MANAGEMENT] = [scopes].flat();
        const { token, expiresOn } = issuer.issue(issuer.find(name), scope.replace(/\/\.default$/, ''));
        return await Promise.resolve({ token, expiresOnTimestamp: expiresOn * 1000 });
      },
    }),
    identity: (name) => issuer.find(name),
    state: createState(world, publish),
    as: (name) => createActor(world, name, publish, (request, outcome) => log(request, outcome, true)),
    requests,
    events,
    faults,
    locks: world.guards.locks,
    policyDenies: world.guards.policyDenies,
    operations: world.operations,
    limits: world.limits,
    world,
    setClock(next) {
      clock = next;
    },
    async stop() {
      await Promise.all([stopArm(), identityServer.stop()]);
      await recorder?.stop();
    },
  };
}

function createStore(seed: Seed): ResourceStore {
  const store = new ResourceStore();
  for (const { displayName, subscriptionId } of seed.subscriptions) {
    const id = `/subscriptions/${subscriptionId}`;
    const properties = { displayName, tenantId: seed.tenantId };
    store.write({ id, name: subscriptionId, type: SUBSCRIPTION_TYPE, properties });
  }
  for (const { location, name, subscriptionId } of seed.resourceGroups) {
    const id = `/subscriptions/${subscriptionId}/resourceGroups/${name}`;
    store.write({ id, name, type: GROUP_TYPE, location, tags: {} });
  }
  for (const resource of seed.resources) store.write(structuredClone(resource));
  return store;
}

function createState(world: World, publish: (event: ResourceEvent) => void): SimulatedState {
  const { guards, issuer, store } = world;
  function announce(method: 'PUT' | 'DELETE', resource: RawResource, by: string | undefined): void {
    if (by === undefined) return;
    const identity = issuer.find(by);
    const action = `${resource.type}/${method === 'PUT' ? 'write' : 'delete'}`;
    const requestId = randomUUID();
    publish(
      createResourceEvent({
        method,
        action,
        resourceId: resource.id,
        caller: { identity, claims: issuer.claims(identity, MANAGEMENT) },
        grant: findGrant(identity, action, resource.id),
        subscriptionId: resource.id.split('/')[2] ?? '',
        tenantId: issuer.tenantId,
        correlationId: randomUUID(),
        now: world.clock.now(),
        httpRequest: { clientRequestId: requestId, url: `${MANAGEMENT}${resource.id}` },
      }),
    );
  }
  return {
    get: (id) => structuredClone(store.find(id)),
    list: (scope = '', type) => structuredClone([...store.list(scope, type)]),
    put(resource, { by } = {}) {
      announce('PUT', store.write(structuredClone(resource)), by);
    },
    patch(id, change, { by } = {}) {
      const resource = store.find(id);
      if (!resource) throw new Error(`no resource ${id}`);
      const { name, type } = resource;
      const merged = mergePatch(resource, structuredClone(change));
      announce('PUT', store.write({ ...merged, id: resource.id, name, type }), by);
    },
    remove(id, { by } = {}) {
      const resource = store.find(id);
      if (resource && store.remove(id)) announce('DELETE', resource, by);
    },
    setBusy: (id, how) => guards.setBusy(id, how, randomUUID(), world.clock.now()),
    clearBusy: (id) => guards.clearBusy(id),
    passwordsOf: (id) => structuredClone(store.secretsOf(id)),
  };
}

function createActor(
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
