import { randomBytes } from 'node:crypto';
import { ArmError, invalidContent, resourceGroupNotFound, resourceNotFound } from './errors.ts';
import { isJsonObject, type Json, type JsonObject, omit, readString } from './json.ts';
import type { Operation, OperationResult } from './operations.ts';
import type { Call, Handler, Reply } from './provider.ts';
import { type RawResource, type Tags, withProperty } from './resource-store.ts';

/** How a resource looks in an answer at an api-version. */
export type View = (resource: RawResource, apiVersion: string) => Json;

/** What is special about the long-running writes of a provider. */
export interface WriteStyle {
  readonly view: View;
  /** Its own asynchronous answer to a method. */
  readonly asyncStatus: (method: string) => 201 | 202;
  readonly statusUrl: (call: Call, operation: Operation) => string;
  readonly resultUrl?: (call: Call, operation: Operation) => string;
  /** Throws when the resource cannot take a write now. */
  readonly checkBusy: (call: Call, resource: RawResource) => void;
  /** The type answers who created and last changed a resource. */
  readonly hasSystemData?: boolean;
  /** Last touch before a resource is stored, such as a new eTag. */
  readonly stamp?: (resource: RawResource) => RawResource;
}

/** The addressed resource, or the 404 that ARM answers. */
export function requireResource(call: Call, id = call.id): RawResource {
  const { request, target, world } = call;
  const resource = request.stale ? world.store.findStale(id) : world.store.find(id);
  if (resource) return resource;
  requireGroup(call);
  throw resourceNotFound(call.definition.type, id.split('/').at(-1) ?? '', target.resourceGroup ?? '');
}

/** Throws when the resource group of the request does not exist. */
export function requireGroup({ target, world }: Call): void {
  const { subscriptionId, resourceGroup } = target;
  if (resourceGroup === undefined) return;
  if (!world.store.find(`/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}`)) {
    throw resourceGroupNotFound(resourceGroup);
  }
}

/** The body of a write, which must be a JSON object with sound tags. */
export function requireBody({ request }: Call): JsonObject {
  const { body } = request;
  if (!isJsonObject(body)) throw invalidContent('the body must be a JSON object.');
  const { tags, properties } = body;
  readTags(tags);
  if (properties !== undefined && !isJsonObject(properties)) throw invalidContent("'properties' must be an object.");
  return body;
}

/** A map of tags from a body; names and values must be text. */
export function readTags(tags: Json | undefined): Tags {
  if (tags === undefined || tags === null) return {};
  if (!isJsonObject(tags)) throw invalidContent("'tags' must be an object of strings.");
  const entries = Object.entries(tags).map(([name, value]) => {
    if (typeof value !== 'string') throw invalidContent(`the value of the tag '${name}' must be a string.`);
    return [name, value] as const;
  });
  return Object.fromEntries(entries);
}

export function getResource(view: View): Handler {
  return (call) => ({ status: 200, body: view(requireResource(call), call.apiVersion) });
}

/** A page of the resources below the listed scope. */
export function listResources(view: View): Handler {
  return (call) => {
    requireGroup(call);
    const found = call.world.store.list(call.target.scope, call.definition.type);
    return pageOf(
      call,
      found.map((resource) => view(resource, call.apiVersion)),
    );
  };
}

/** `value` and, when there is more, an absolute `nextLink`. */
export function pageOf({ apiVersion, request, world }: Call, entries: readonly Json[]): Reply {
  const start = Number(request.query.get('$skiptoken') ?? request.query.get('$skipToken') ?? 0);
  const end = start + world.pageSize;
  const value = entries.slice(start, end);
  if (end >= entries.length) return { status: 200, body: { value } };
  const query = new URLSearchParams({ 'api-version': apiVersion, $skiptoken: String(end) });
  return { status: 200, body: { value, nextLink: `${world.baseUrl()}${request.path}?${query.toString()}` } };
}

/**
 * Stores a write. Synchronous: at once and final. Long-running: the new state shows at once with `provisioningState`
 * Updating (Creating); the end makes it Succeeded – and raises the event then, not on acceptance – or brings the old
 * state back with Failed or Canceled.
 */
export function commitWrite(call: Call, before: RawResource | undefined, after: RawResource, style: WriteStyle): Reply {
  const { request, world } = call;
  if (before) style.checkBusy(call, before);
  const history = style.hasSystemData ? { systemData: toSystemData(call, before) } : {};
  const store = (resource: RawResource, state: string) =>
    world.store.write(stamp(withProperty({ ...resource, ...history }, 'provisioningState', state), style));
  const rule = world.operations.ruleFor(request.method, request.path);
  if (!rule) {
    const stored = store(after, 'Succeeded');
    const body = style.view(stored, call.apiVersion);
    return { status: before ? 200 : 201, body, raises: stored.id, created: !before };
  }
  const stored = store(after, before ? 'Updating' : 'Creating');
  const operation = world.operations.start(stored.id, rule, (result) => {
    const current = finish(result);
    if (result === 'Succeeded') call.raise(stored.id, !before);
    return style.view(current, call.apiVersion);
  });
  function finish(result: OperationResult): RawResource {
    const base = result === 'Succeeded' ? (world.store.find(stored.id) ?? stored) : (before ?? stored);
    return store(base, result);
  }
  const native = style.asyncStatus(request.method);
  return accepted(call, operation, style, rule.mode === 'async' || rule.mode === 200 ? native : rule.mode, stored);
}

/** Who created the resource, and that the caller has changed it now. */
export function toSystemData({ caller, world }: Call, before: RawResource | undefined): JsonObject {
  const { objectId, principalType, upn } = caller.identity;
  const by = upn ?? objectId;
  const type = principalType === 'User' ? 'User' : 'Application';
  const at = world.clock.now().toISOString();
  const created = before?.['systemData'] ?? (before ? {} : { createdBy: by, createdByType: type, createdAt: at });
  return {
    ...(isJsonObject(created) ? created : {}),
    lastModifiedBy: by,
    lastModifiedByType: type,
    lastModifiedAt: at,
  };
}

function stamp(resource: RawResource, style: WriteStyle): RawResource {
  return style.stamp ? style.stamp(resource) : resource;
}

function accepted(
  call: Call,
  operation: Operation,
  style: WriteStyle,
  status: 201 | 202,
  stored: RawResource | undefined,
): Reply {
  const headers: Record<string, string> = {
    'azure-asyncoperation': style.statusUrl(call, operation),
    'retry-after': String(operation.rule.retryAfterSeconds ?? 1),
  };
  if (status === 202 && style.resultUrl) headers['location'] = style.resultUrl(call, operation);
  return status === 201 && stored
    ? { status, headers, body: style.view(stored, call.apiVersion) }
    : { status: 202, headers };
}

/** DELETE: 200, 204 when there is nothing, 202 when a rule makes it long-running. */
export function deleteResource(style: WriteStyle): Handler {
  return (call) => {
    const { request, world } = call;
    requireGroup(call);
    const resource = world.store.find(call.id);
    if (!resource) return { status: 204 };
    style.checkBusy(call, resource);
    const rule = world.operations.ruleFor(request.method, request.path);
    if (!rule) {
      world.store.remove(resource.id);
      return { status: 200, raises: resource.id };
    }
    world.store.write(withProperty(resource, 'provisioningState', 'Deleting'));
    const operation = world.operations.start(resource.id, rule, (result) => {
      if (result === 'Succeeded') {
        world.store.remove(resource.id);
        call.raise(resource.id);
      } else {
        world.store.write(withProperty(resource, 'provisioningState', result));
      }
      return undefined;
    });
    return accepted(call, operation, style, 202, undefined);
  };
}

/** The status document behind `Azure-AsyncOperation`: always 200. */
export function statusDocument(operation: Operation, hasDetails: boolean): Reply {
  const { rule, status } = operation;
  const failure = rule.error ?? { code: 'InternalOperationError', message: 'Internal server error' };
  const error = status === 'Failed' ? { error: failure } : {};
  const details = {
    name: operation.id,
    startTime: operation.startedAt.toISOString(),
    ...(operation.endedAt ? { endTime: operation.endedAt.toISOString() } : {}),
  };
  const headers = status === 'InProgress' ? { 'retry-after': String(rule.retryAfterSeconds ?? 1) } : {};
  return { status: 200, headers, body: { ...(hasDetails ? details : {}), status, ...error } };
}

/** A new opaque eTag. */
export function newETag(): string {
  return randomBytes(8).toString('hex');
}

/** PATCH of a type that lets nothing but its tags be changed; they are replaced whole. */
export function patchTags(style: WriteStyle): Handler {
  return (call) => {
    const resource = requireResource(call);
    const body = requireBody(call);
    const other = Object.keys(body).find((name) => name !== 'tags');
    if (other) throw invalidContent(`only 'tags' can be patched on a resource of this type, not '${other}'.`);
    return commitWrite(call, resource, { ...resource, tags: readTags(body['tags']) }, style);
  };
}

/** PUT of a plain resource: replaces everything but identity and server-owned properties. */
export function putResource(
  style: WriteStyle,
  serverOwned: ReadonlySet<string>,
  check: (body: JsonObject, call: Call) => JsonObject = (body) => body,
): Handler {
  return (call) => {
    requireGroup(call);
    const before = call.world.store.find(call.id);
    const body = check(requireBody(call), call);
    const name = call.target.names.at(-1) ?? '';
    const location = requireLocation(body, before);
    const kept = Object.entries(before?.properties ?? {}).filter(([property]) => serverOwned.has(property));
    const given = omit(isJsonObject(body['properties']) ? body['properties'] : {}, serverOwned);
    const { eTag: _, ...rest } = body;
    const after: RawResource = {
      ...rest,
      id: call.id,
      name,
      type: call.definition.type,
      location,
      tags: readTags(body['tags']),
      properties: { ...Object.fromEntries(kept), ...given },
    };
    return commitWrite(call, before, after, style);
  };
}

/** `location` is required and can never change. */
export function requireLocation(body: JsonObject, before: RawResource | undefined): string {
  const location = readString(body, 'location');
  if (!location) throw new ArmError(400, 'LocationRequired', 'The location property is required for this definition.');
  if (before?.location && foldLocation(before.location) !== foldLocation(location)) {
    throw new ArmError(
      409,
      'InvalidResourceLocation',
      `The resource '${before.name}' already exists in location '${before.location}'. A resource with the same name cannot be created in location '${location}'.`,
    );
  }
  return before?.location ?? location;
}

/** `West Europe` and `westeurope` are the same place. */
function foldLocation(location: string): string {
  return location.replaceAll(' ', '').toLowerCase();
}

/** The operation a poll URL names, or 404. */
export function requireOperation({ target, world }: Call): Operation {
  const id = (target.names.at(-1) ?? '').replace(/^(?:registries|tokens)-/i, '');
  const operation = world.operations.poll(id);
  if (!operation) throw new ArmError(404, 'OperationNotFound', `The operation '${id}' was not found.`);
  return operation;
}

/** The status URL of a provider whose status documents carry name and times. */
export const getOperationStatus: Handler = (call) => statusDocument(requireOperation(call), true);

/** The result URL (`Location`): 202 while it runs, then the result. */
export const getOperationResult: Handler = (call) => {
  const operation = requireOperation(call);
  const { request, world } = call;
  if (operation.status === 'InProgress') {
    const location = `${world.baseUrl()}${request.path}?${request.query.toString()}`;
    return { status: 202, headers: { location, 'retry-after': String(operation.rule.retryAfterSeconds ?? 1) } };
  }
  if (operation.status === 'Succeeded') return { status: 200, body: operation.resultBody };
  const { code, message } = operation.rule.error ?? {
    code: 'OperationFailed',
    message: `The operation ended ${operation.status}.`,
  };
  throw new ArmError(409, code, message);
};
