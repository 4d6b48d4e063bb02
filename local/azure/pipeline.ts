import { findGrant, requiredAction } from './access.ts';
import {
  ArmError,
  authorizationFailed,
  invalidApiVersion,
  invalidResourceNamespace,
  invalidResourceType,
  methodNotAllowed,
  missingApiVersion,
  noRegisteredProvider,
  notRegistered,
  subscriptionNotFound,
} from './errors.ts';
import { createResourceEvent, type ResourceEvent } from './events.ts';
import type { Caller } from './identities.ts';
import type { ArmRequest, Call, Handler, Reply, ResourceTypeDefinition, World } from './provider.ts';
import { registrationState } from './providers/registration.ts';
import { parseResourcePath, type ResourcePath } from './resource-path.ts';

/** What became of a request. */
export interface Outcome {
  readonly reply: Reply;
  readonly action: string | undefined;
  readonly caller: Caller | undefined;
  /** In the order in which they were raised. */
  readonly events: readonly ResourceEvent[];
}

export interface HandleOptions {
  /** In-process callers are already known. */
  readonly caller?: Caller;
  /** Receives events of operations that complete after the answer. */
  readonly onLaterEvent: (event: ResourceEvent) => void;
}

interface Route {
  readonly target: ResourcePath;
  readonly definition: ResourceTypeDefinition;
  readonly verb: string | undefined;
  readonly handler: Handler | undefined;
}

/**
 * Answers one ARM request: token, api-version, subscription, quota, RBAC, locks, policies, then the provider.
 * A handler that throws an ArmError has changed nothing.
 */
export function handleRequest(world: World, request: ArmRequest, options: HandleOptions): Outcome {
  let caller: Caller | undefined = options.caller;
  let action: string | undefined;
  let quota: Record<string, string> = {};
  const events: ResourceEvent[] = [];
  const outcome = (reply: Reply): Outcome => ({
    reply: { ...reply, headers: { ...quota, ...reply.headers } },
    action,
    caller,
    events,
  });
  try {
    world.operations.settle();
    const target = parseResourcePath(request.path);
    const route = findRoute(world, request, target);
    // Nobody learns without a token which types exist.
    if (route instanceof ArmError) {
      caller ??= world.issuer.authenticate(request.headers['authorization']);
      throw route;
    }
    const { definition, verb, handler } = route;
    if (definition.access === 'public' && handler) {
      return outcome(handler(toCall({ world, request, target, definition, verb, caller: anonymous, action: '' })));
    }
    caller ??= world.issuer.authenticate(request.headers['authorization']);
    const apiVersion = checkApiVersion(request, definition);
    checkSubscription(world, target);
    quota = world.limits.takeArm(request.method, target.subscriptionId, caller.identity.objectId);
    action =
      definition.verbActions?.[verb ?? ''] ??
      definition.action ??
      requiredAction(request.method, definition.type, verb);
    const partial = { world, request, target, definition, verb, caller, action, apiVersion };
    const call = toCall(partial);
    const grant = definition.access === 'caller' ? undefined : authorize(call, target);
    if (!handler) throw methodNotAllowed(request.method);
    checkGuards(world, call);
    let isAnswered = false;
    const raise = (resourceId: string, isCreated = false): void => {
      const event = toEvent({ ...call, grant }, resourceId, isCreated);
      if (isAnswered) options.onLaterEvent(event);
      else events.push(event);
    };
    const reply = handler({ ...call, grant, raise });
    if (reply.raises !== undefined) raise(reply.raises, reply.created);
    isAnswered = true;
    return outcome(request.method === 'HEAD' ? { status: 204 } : reply);
  } catch (error) {
    if (!(error instanceof ArmError)) throw error;
    const failure = { 'x-ms-failure-cause': error.status === 401 || error.status === 403 ? 'gateway' : 'service' };
    return outcome({ status: error.status, body: error.body, headers: { ...failure, ...error.headers } });
  }
}

const anonymous: Caller = {
  identity: { name: 'anonymous', objectId: '', clientId: '', principalType: 'User', roleAssignments: [] },
  claims: {},
};

function findRoute(world: World, request: ArmRequest, target: ResourcePath): Route | ArmError {
  const { namespace, types, names } = target;
  const isCollection = types.length > names.length;
  const verb = request.method === 'POST' && isCollection ? types.at(-1) : undefined;
  const type = `${namespace}/${(verb === undefined ? types : types.slice(0, -1)).join('/')}`.replace(/\/$/, '');
  const provider = world.providers.find((candidate) => isSame(candidate.namespace, namespace));
  if (!provider) return invalidResourceNamespace(namespace);
  const definition = provider.types.find((candidate) => isSame(candidate.type, type));
  if (!definition) {
    return invalidResourceType(types.join('/'), namespace, request.query.get('api-version') ?? '');
  }
  if (verb === undefined) {
    return { target, definition, verb, handler: handlerFor(definition, request.method, isCollection) };
  }
  const known = Object.keys(definition.actions ?? {}).find((name) => isSame(name, verb));
  return { target, definition, verb: known ?? verb, handler: known ? definition.actions?.[known] : undefined };
}

function handlerFor(definition: ResourceTypeDefinition, method: string, isCollection: boolean): Handler | undefined {
  if (isCollection) return method === 'GET' ? definition.list : undefined;
  switch (method) {
    case 'GET':
    case 'HEAD':
      return definition.get;
    case 'PUT':
      return definition.put;
    case 'PATCH':
      return definition.patch;
    case 'DELETE':
      return definition.delete;
    default:
      return undefined;
  }
}

function checkApiVersion(request: ArmRequest, definition: ResourceTypeDefinition): string {
  const apiVersion = request.query.get('api-version');
  if (!apiVersion) throw missingApiVersion();
  const known = definition.apiVersions.find((version) => isSame(version, apiVersion));
  if (known) return known;
  const [namespace = '', ...type] = definition.type.split('/');
  if (namespace === 'Microsoft.Resources' || !/^\d{4}-\d{2}-\d{2}(-[a-z]+)?$/i.test(apiVersion)) {
    throw invalidApiVersion(apiVersion, definition.apiVersions);
  }
  throw noRegisteredProvider(type.join('/'), apiVersion, 'westeurope', definition.apiVersions);
}

function checkSubscription(world: World, { subscriptionId }: ResourcePath): void {
  if (subscriptionId && !world.store.find(`/subscriptions/${subscriptionId}`))
    throw subscriptionNotFound(subscriptionId);
}

/** The scope of the check is the resource; for a collection it is the subscription or group that is listed. */
function authorize(call: Call, target: ResourcePath) {
  const isCollection = target.types.length > target.names.length && call.request.method === 'GET';
  const parent = target.scope || target.path.split('/').slice(0, -1).join('/');
  const scope = isCollection ? (target.names.length > 0 ? target.path.replace(/\/[^/]+$/, '') : parent) : call.id;
  const { identity } = call.caller;
  const grant = findGrant(identity, call.action, scope);
  if (!grant) throw authorizationFailed(identity.clientId, identity.objectId, call.action, scope || '/');
  return grant;
}

function checkGuards(world: World, { request, definition, id, target }: Call): void {
  if (isRead(request.method) || target.subscriptionId === undefined) return;
  // A lock does not stop its own removal.
  if (definition.type !== 'Microsoft.Authorization/locks') world.guards.checkLocks(request.method, id);
  if (request.method === 'PUT' || request.method === 'PATCH') {
    if (registrationState(world, target.subscriptionId, target.namespace) !== 'Registered')
      throw notRegistered(target.namespace);
    world.guards.checkPolicies({ method: request.method, id, body: request.body });
  }
}

function toCall(input: {
  world: World;
  request: ArmRequest;
  target: ResourcePath;
  definition: ResourceTypeDefinition;
  verb: string | undefined;
  caller: Caller;
  action: string;
  apiVersion?: string;
}): Call {
  const { verb, target } = input;
  const id = verb === undefined ? target.path : target.path.slice(0, -(verb.length + 1));
  return { ...input, apiVersion: input.apiVersion ?? '', grant: undefined, id, raise: () => undefined };
}

function toEvent(call: Call, resourceId: string, isCreated: boolean): ResourceEvent {
  const { action, caller, grant, request, target, world } = call;
  const clientRequestId = request.headers['x-ms-client-request-id'] ?? request.requestId;
  const query = request.query.toString();
  return createResourceEvent({
    action,
    caller,
    grant,
    resourceId,
    method: request.method,
    subscriptionId: target.subscriptionId ?? '',
    tenantId: world.issuer.tenantId,
    correlationId: request.correlationId,
    now: world.clock.now(),
    httpRequest: isCreated
      ? undefined
      : { clientRequestId, url: `https://management.azure.com${request.path}${query ? `?${query}` : ''}` },
  });
}

function isRead(method: string): boolean {
  return method === 'GET' || method === 'HEAD';
}

function isSame(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}
