import { findGrant } from '../access.ts';
import { ArmError, authorizationFailed, invalidContent } from '../errors.ts';
import { requireGroup, toSystemData } from '../generic-resource.ts';
import { isJsonObject, type Json, type JsonObject, readString } from '../json.ts';
import type { Call, Reply, World } from '../provider.ts';
import { isWithin } from '../resource-path.ts';
import type { RawResource } from '../resource-store.ts';

const MANAGEMENT_GROUP = /^\/providers\/microsoft\.management\/managementgroups\/([^/]+)$/i;
/** Where policies can be put: a management group, a subscription, a group or a resource. */
const SCOPE =
  /^(?:\/providers\/microsoft\.management\/managementgroups\/[^/]+|\/subscriptions\/[^/]+(?:\/resourcegroups\/[^/]+(?:\/providers\/[^/]+(?:\/[^/]+\/[^/]+)+)?)?)$/i;

/** What stands before `/providers/Microsoft.Authorization/<type>/<name>` of a policy object; '' = the tenant. */
export function scopeOf(id: string): string {
  return id.replace(/\/providers\/microsoft\.authorization\/[^/]+\/[^/]+$/i, '');
}

/** Does what is put at `owner` hold at `scope`? Management groups hold for the subscriptions below them. */
export function holdsAt(world: World, owner: string, scope: string): boolean {
  if (isWithin(scope, owner)) return true;
  const name = MANAGEMENT_GROUP.exec(owner)?.[1]?.toLowerCase();
  return name !== undefined && managementGroupsAbove(world, scope).includes(name);
}

/** Lower-case names of the management groups above a scope. The subscription keeps them, nearest first. */
function managementGroupsAbove(world: World, scope: string): readonly string[] {
  const own = MANAGEMENT_GROUP.exec(scope)?.[1]?.toLowerCase();
  const subscription = /^\/subscriptions\/[^/]+/i.exec(scope)?.[0];
  const chains = world.store
    .list(subscription ?? '', 'Microsoft.Resources/subscriptions')
    .map(({ properties }) => toNames(properties?.['managementGroups']));
  if (own === undefined) return chains[0] ?? [];
  return chains.find((chain) => chain.includes(own))?.slice((chains[0] ?? []).indexOf(own) + 1) ?? [];
}

function toNames(value: Json | undefined): readonly string[] {
  return Array.isArray(value) ? value.map((name) => String(name).toLowerCase()) : [];
}

/** Objects of the type of the call that hold at the listed scope, and those below it. */
export function associated({ definition, target, world }: Call): readonly RawResource[] {
  return world.store
    .list('', definition.type)
    .filter(({ id }) => holdsAt(world, scopeOf(id), target.scope) || holdsAt(world, target.scope, scopeOf(id)));
}

/** Tests one object of a list. */
export type Condition = (resource: RawResource) => boolean;

/**
 * `$filter` of the lists: nothing, or one condition; `fields` are the properties that can be compared, `extra` the functions of the type.
 * https://learn.microsoft.com/rest/api/policy/policy-exemptions/list-for-resource
 */
export function parsePolicyFilter(
  call: Call,
  fields: readonly string[],
  extra: Readonly<Record<string, Condition>> = {},
): Condition {
  const { target, world } = call;
  const filter = call.request.query.get('$filter')?.trim() ?? '';
  if (filter === '') return () => true;
  const functions: Readonly<Record<string, Condition>> = {
    'atscope()': ({ id }) => holdsAt(world, scopeOf(id), target.scope),
    'atexactscope()': ({ id }) => scopeOf(id).toLowerCase() === target.scope.toLowerCase(),
    ...extra,
  };
  const known = functions[filter.toLowerCase()];
  if (known !== undefined) return known;
  const [, name = '', value = ''] = /^(\w+) (?:eq|-eq) '([^']*)'$/i.exec(filter) ?? [];
  const field = fields.find((candidate) => candidate.toLowerCase() === name.toLowerCase());
  if (field === undefined)
    throw new ArmError(400, 'InvalidFilterInQueryString', `Invalid $filter '${filter}' specified in the query string.`);
  return ({ properties }) => readString(properties, field)?.toLowerCase() === value.toLowerCase();
}

/** The addressed object, or the 404 of its type. */
export function requireObject(call: Call, code: string): RawResource {
  const { request, world } = call;
  const found = request.stale ? world.store.findStale(call.id) : world.store.find(call.id);
  if (found) return found;
  requireGroup(call);
  throw notFound(code, call.target.names.at(-1) ?? '');
}

export function notFound(code: string, name: string): ArmError {
  const what = code.replace(/NotFound$/, '').replaceAll(/\B[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
  return new ArmError(404, code, `The ${what.toLowerCase()} '${name}' is not found.`);
}

/** Refuses a scope where policies cannot be put, and a resource that does not exist. */
export function checkPolicyScope(call: Call): void {
  const { scope } = call.target;
  if (!SCOPE.test(scope))
    throw new ArmError(400, 'InvalidScope', `The scope '${scope}' is not a scope that policies can be put at.`);
  requireGroup(call);
  if (/^\/subscriptions\/[^/]+\/resourcegroups\/[^/]+\/providers\//i.test(scope) && !call.world.store.find(scope))
    throw new ArmError(404, 'ResourceNotFound', `The Resource '${scope}' was not found.`);
}

/** The properties of a body, which may hold nothing that the type does not know. */
export function readProperties(body: JsonObject, known: readonly string[], type: string): JsonObject {
  const { properties } = body;
  if (!isJsonObject(properties)) throw invalidContent("'properties' is missing.");
  checkMembers(properties, known, type);
  return properties;
}

/** Throws for a member that nobody knows. */
export function checkMembers(value: JsonObject, known: readonly string[], type: string): void {
  const other = Object.keys(value).find((name) => !known.includes(name));
  if (other !== undefined) throw invalidContent(`Could not find member '${other}' on object of type '${type}'.`);
}

/** A list of texts, or nothing. */
export function readTexts(properties: JsonObject, name: string): readonly string[] {
  const value = properties[name] ?? [];
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
  throw invalidContent(`'properties.${name}' must be a list of texts.`);
}

const SELECTOR_KINDS = ['resourceLocation', 'resourceType', 'resourceWithoutLocation', 'policyDefinitionReferenceId'];

/** Selectors narrow what an assignment or exemption is about. */
export function checkSelectors(properties: JsonObject): void {
  const { resourceSelectors = [] } = properties;
  if (!Array.isArray(resourceSelectors)) throw invalidContent("'properties.resourceSelectors' must be a list.");
  for (const entry of resourceSelectors) {
    if (!isJsonObject(entry) || !Array.isArray(entry['selectors']))
      throw invalidContent("every resource selector needs 'selectors'.");
    checkMembers(entry, ['name', 'selectors'], 'ResourceSelector');
    for (const selector of entry['selectors']) checkSelector(selector);
  }
}

function checkSelector(selector: unknown): void {
  if (!isJsonObject(selector)) throw invalidContent('a selector must be an object.');
  checkMembers(selector, ['kind', 'in', 'notIn'], 'SelectorExpression');
  if (!SELECTOR_KINDS.includes(readString(selector, 'kind') ?? ''))
    throw invalidContent(`the kind of a selector must be one of ${SELECTOR_KINDS.join(', ')}.`);
  if ((selector['in'] === undefined) === (selector['notIn'] === undefined))
    throw invalidContent("a selector needs either 'in' or 'notIn'.");
}

/** Stores what was put, with who did it. */
export function keepObject(call: Call, rest: JsonObject & { readonly properties: JsonObject }): Reply {
  const before = call.world.store.find(call.id);
  const stored = call.world.store.write({
    ...rest,
    id: call.id,
    name: call.target.names.at(-1) ?? '',
    type: call.definition.type,
    systemData: toSystemData(call, before),
  });
  // Every write of these types is answered with 201 when it creates and 200 when it changes.
  return { status: before ? 200 : 201, body: stored, raises: stored.id, created: !before };
}

/** DELETE of an object: 204 when there is none. */
export function removeObject(call: Call): Reply {
  const resource = call.world.store.find(call.id);
  if (!resource) return { status: 204 };
  call.world.store.remove(resource.id);
  return { status: 200, body: resource, raises: resource.id };
}

/** Throws unless the caller may perform an action besides the one of the request itself. */
export function requireAction(call: Call, action: string, scope: string): void {
  const { identity } = call.caller;
  if (findGrant(identity, action, scope) === undefined)
    throw authorizationFailed(identity.clientId, identity.objectId, action, scope === '' ? '/' : scope);
}
