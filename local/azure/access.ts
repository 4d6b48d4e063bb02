import type { IdentityDefinition, RoleAssignment } from './identities.ts';
import { isWithin } from './resource-path.ts';

/** The RBAC action a request needs: `<type>/read|write|delete`, for a POST `<type>/<verb>/action`. */
export function requiredAction(method: string, type: string, verb: string | undefined): string {
  if (verb !== undefined) return `${type}/${verb}/action`;
  if (method === 'GET' || method === 'HEAD') return `${type}/read`;
  if (method === 'DELETE') return `${type}/delete`;
  return `${type}/write`;
}

/** The role assignment that allows the action at the scope, if any. */
export function findGrant(identity: IdentityDefinition, action: string, scope: string): RoleAssignment | undefined {
  return identity.roleAssignments.find(
    ({ actions, notActions = [], scope: held }) =>
      isWithin(scope, held) &&
      actions.some((a) => matchesAction(a, action)) &&
      !notActions.some((a) => matchesAction(a, action)),
  );
}

/** The role assignment that allows the data action at the scope, if any. */
export function findDataGrant(
  identity: IdentityDefinition,
  dataAction: string,
  scope: string,
): RoleAssignment | undefined {
  return identity.roleAssignments.find(
    (assignment) =>
      isWithin(scope, assignment.scope) && assignment.dataActions?.some((a) => matchesAction(a, dataAction)) === true,
  );
}

/** `*` stands for any text, as in role definitions; the comparison ignores case. */
function matchesAction(pattern: string, action: string): boolean {
  if (pattern === '*') return true;
  if (!pattern.includes('*')) return pattern.toLowerCase() === action.toLowerCase();
  const parts = pattern.split('*').map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`));
  return new RegExp(`^${parts.join('.*')}$`, 'i').test(action);
}
