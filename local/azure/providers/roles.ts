import { ArmError } from '../errors.ts';
import { pageOf, requireGroup } from '../generic-resource.ts';
import { readString } from '../json.ts';
import type { Call, Handler, ResourceTypeDefinition } from '../provider.ts';
import { isWithin } from '../resource-path.ts';
import type { RawResource } from '../resource-store.ts';
import {
  isAtOrAbove,
  listRoleAssignments,
  listRoleDefinitions,
  ROLE_DEFINITION_TYPE,
  roleAssignmentName,
  scopeOf,
  toPermission,
} from '../role-view.ts';
import { storedAssignments } from './extension-resources.ts';

type Condition = (resource: RawResource) => boolean;

function invalidFilter(filter: string): ArmError {
  return new ArmError(400, 'InvalidFilterInQueryString', `Invalid $filter '${filter}' specified in the query string.`);
}

/** Every condition of a `$filter`; they are joined by `and`. */
function parseFilter(call: Call, parseCondition: (text: string) => Condition | undefined): readonly Condition[] {
  const filter = call.request.query.get('$filter')?.trim() ?? '';
  if (filter === '') return [];
  return filter.split(/\s+and\s+/i).map((text) => {
    const condition = parseCondition(text.trim());
    if (condition) return condition;
    throw invalidFilter(filter);
  });
}

/** `atScope()`: at the scope or above · `principalId eq …`, `assignedTo('…')`: one principal's. No identity here is a member of a group. */
function assignmentFilter(call: Call): (text: string) => Condition | undefined {
  return (text) => {
    if (/^atScope\(\)$/i.test(text)) return (found) => isAtOrAbove(call.world, scopeOf(found), call.target.scope);
    const [, ofPrincipal, assignedTo] =
      /^(?:principalId\s+eq\s+'?([0-9a-f-]+)'?|assignedTo\('([0-9a-f-]+)'\))$/i.exec(text) ?? [];
    const principal = ofPrincipal ?? assignedTo;
    if (principal === undefined) return undefined;
    return ({ properties = {} }) => readString(properties, 'principalId')?.toLowerCase() === principal.toLowerCase();
  };
}

/** Assignments at, above and below the scope. */
const listAssignments: Handler = (call) => {
  requireGroup(call);
  const { scope } = call.target;
  const conditions = parseFilter(call, assignmentFilter(call));
  const found = listRoleAssignments(call.world)
    .filter((assignment) => isAtOrAbove(call.world, scopeOf(assignment), scope) || isWithin(scopeOf(assignment), scope))
    .filter((assignment) => conditions.every((fits) => fits(assignment)));
  return pageOf(call, found);
};

function findAssignment(call: Call): RawResource | undefined {
  const id = call.id.toLowerCase();
  return listRoleAssignments(call.world).find((assignment) => assignment.id.toLowerCase() === id);
}

const getAssignment: Handler = (call) => {
  requireGroup(call);
  const found = findAssignment(call);
  if (found) return { status: 200, body: found };
  const name = call.target.names.at(-1) ?? '';
  throw new ArmError(404, 'RoleAssignmentNotFound', `The role assignment '${name}' is not found.`);
};

/** Whoever holds it from the start loses it, too. */
const deleteAssignment: Handler = (call) => {
  const found = findAssignment(call);
  const holder = call.world.issuer.identities.find(({ roleAssignments: held, ...identity }) =>
    held.some((assignment) => found && roleAssignmentName(identity, assignment) === found.name),
  );
  if (!found || !holder) return storedAssignments.delete?.(call) ?? { status: 204 };
  holder.roleAssignments = holder.roleAssignments.filter(
    (assignment) => roleAssignmentName(holder, assignment) !== found.name,
  );
  return { status: 200, body: found, raises: found.id };
};

export const roleAssignments: ResourceTypeDefinition = {
  ...storedAssignments,
  get: getAssignment,
  list: listAssignments,
  delete: deleteAssignment,
};

/** Definitions are the same at every scope; their ids name the subscription that is asked about. */
function definitionsAt({ target, world }: Call): RawResource[] {
  const subscription = target.subscriptionId === undefined ? '' : `/subscriptions/${target.subscriptionId}`;
  return listRoleDefinitions(world.issuer.identities, subscription);
}

function definitionFilter(text: string): Condition | undefined {
  if (/^atScopeAndBelow\(\)$/i.test(text)) return () => true;
  const [, field = '', value] = /^(roleName|type)\s+eq\s+'([^']*)'$/i.exec(text) ?? [];
  if (value === undefined) return undefined;
  const property = field.toLowerCase() === 'type' ? 'type' : 'roleName';
  return ({ properties = {} }) => readString(properties, property)?.toLowerCase() === value.toLowerCase();
}

const listDefinitions: Handler = (call) => {
  requireGroup(call);
  const conditions = parseFilter(call, definitionFilter);
  return pageOf(
    call,
    definitionsAt(call).filter((role) => conditions.every((fits) => fits(role))),
  );
};

const getDefinition: Handler = (call) => {
  requireGroup(call);
  const name = call.target.names.at(-1) ?? '';
  const found = definitionsAt(call).find((role) => role.name.toLowerCase() === name.toLowerCase());
  if (found) return { status: 200, body: found };
  throw new ArmError(
    404,
    'RoleDefinitionDoesNotExist',
    `The specified role definition with ID '${name.replaceAll('-', '')}' does not exist.`,
  );
};

/** Only roles that somebody holds exist. */
export const roleDefinitions: ResourceTypeDefinition = {
  type: ROLE_DEFINITION_TYPE,
  apiVersions: ['2022-04-01', '2018-07-01'],
  get: getDefinition,
  list: listDefinitions,
};

/** What the caller may do at the scope: an entry for each role. Documented for groups and resources; subscriptions are answered as well. */
const listPermissions: Handler = (call) => {
  requireGroup(call);
  const held = call.caller.identity.roleAssignments.filter(({ scope }) =>
    isAtOrAbove(call.world, scope, call.target.scope),
  );
  return pageOf(call, held.map(toPermission));
};

export const permissions: ResourceTypeDefinition = {
  type: 'Microsoft.Authorization/permissions',
  apiVersions: ['2022-04-01', '2018-07-01', '2015-07-01'],
  list: listPermissions,
};
