import type { Permissions } from '../../src/doctor/roles.ts';
import { listTexts, ofType, type Resource, readPath, textAt } from './resources.ts';

/** Who is assigned a role: the app's own identity, the one of a system topic, or somebody whose object id is a parameter. */
export type Holder = 'app' | 'topic' | 'given';

/** A custom role of a snapshot. */
export interface RoleDefinition extends Permissions {
  /** Last part of its id, a GUID. */
  readonly name: string;
  readonly where: string;
  /** Where it is defined: a subscription, a management group. */
  readonly scope: string;
}

/** An assignment of a snapshot. */
export interface RoleAssignment {
  readonly where: string;
  readonly scope: string;
  readonly holder: Holder;
  /** Id of the holder, or the expression for it. */
  readonly principal: string;
  /** Last part of the id of the role that is assigned, a GUID in lower case. */
  readonly role: string;
}

/** Custom roles of a snapshot. Throws for one whose permissions cannot be read. */
export function listDefinitions(predicted: readonly Resource[]): readonly RoleDefinition[] {
  return ofType(predicted, 'Microsoft.Authorization/roleDefinitions').map(({ id, where, body }) => ({
    where,
    scope: scopeOf(id),
    name: lastPart(id),
    ...readPermissions(where, readPath(body, 'properties.permissions')),
  }));
}

/** Assignments of a snapshot. */
export function listAssignments(predicted: readonly Resource[]): readonly RoleAssignment[] {
  return ofType(predicted, 'Microsoft.Authorization/roleAssignments').map(({ id, where, body }) => ({
    where,
    scope: scopeOf(id),
    principal: textAt(body, 'properties.principalId'),
    holder: holderOf(textAt(body, 'properties.principalId')),
    role: lastPart(textAt(body, 'properties.roleDefinitionId')),
  }));
}

function readPermissions(where: string, permissions: ReturnType<typeof readPath>): Permissions {
  const allowed = ['actions', 'notActions', 'dataActions', 'notDataActions'];
  if (!Array.isArray(permissions)) throw new Error(`${where}: its permissions are no list`);
  const texts = permissions.flatMap((permission) => listTexts(permission));
  const unknown = texts.find(([path]) => !allowed.includes(path.replace(/\[\d+\]$/, '')));
  if (unknown !== undefined || texts.length === 0) {
    throw new Error(`${where}: permissions cannot be read: ${JSON.stringify(permissions)}`);
  }
  // What a role takes away again was too much to give.
  const of = (name: string): readonly string[] =>
    texts.filter(([path]) => path.replace(/\[\d+\]$/, '') === name).map(([, text]) => text);
  return { actions: of('actions'), dataActions: of('dataActions') };
}

/** The id before the last `/providers/Microsoft.Authorization/…`; a subscription, a resource, a management group. */
function scopeOf(id: string): string {
  return id.slice(0, id.toLowerCase().lastIndexOf('/providers/microsoft.authorization/'));
}

function lastPart(id: string): string {
  // An id that is an expression ends with a quote and a bracket.
  const found = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?=[^0-9a-f]*$)/i.exec(id)?.[0];
  return (found ?? id).toLowerCase();
}

function holderOf(principal: string): Holder {
  if (/userAssignedIdentities/i.test(principal)) return 'app';
  return /systemTopics/i.test(principal) ? 'topic' : 'given';
}
