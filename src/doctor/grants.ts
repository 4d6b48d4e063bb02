import * as z from 'zod';
import type { ArmAccess } from '../azure/arm-access.ts';
import { DockwardenError } from '../errors.ts';
import { shellQuote } from '../remediations/advice.ts';
import { lenient, lenientObject } from '../resources/lenient.ts';
import { doctorVersions } from './api-versions.ts';

interface Permission {
  readonly actions: readonly string[];
  readonly notActions: readonly string[];
  readonly dataActions: readonly string[];
  readonly notDataActions: readonly string[];
}

/** A role that a principal holds somewhere. */
export interface Grant {
  /** Id of the assignment. */
  readonly id: string;
  /** Where it holds, without a trailing slash; '' = everywhere. */
  readonly scope: string;
  readonly roleName: string;
  /** GUID of the role definition, in lower case. */
  readonly roleId: string;
  readonly isCustom: boolean;
  readonly permissions: readonly Permission[];
  /** Object id of the group that it is assigned to, while the principal is only a member, be it of a group in it; undefined = assigned to itself. */
  readonly group: string | undefined;
}

export type ActionKind = 'actions' | 'dataActions';

const texts = z.array(z.string()).catch([]);
const Assignment = z.object({
  id: z.string(),
  properties: z.object({ scope: z.string(), roleDefinitionId: z.string(), principalId: z.string() }),
});
const Definition = z.object({
  id: z.string(),
  name: z.string(),
  properties: lenientObject({
    roleName: lenient(z.string()),
    type: lenient(z.string()),
    permissions: lenient(
      z.array(lenientObject({ actions: texts, notActions: texts, dataActions: texts, notDataActions: texts })),
    ),
  }),
});

/** A role definition, as far as it is compared with what is called for. */
export interface RoleDefinition extends Pick<Grant, 'roleName' | 'roleId' | 'isCustom' | 'permissions'> {
  readonly id: string;
}

/**
 * Every role that the principal holds in the subscription: at it, above it (management groups) and below it, through groups as well. Each
 * definition is read once for each `definitions` that is handed in. Throws when one of them cannot be read: an unknown role proves nothing.
 */
export async function listGrants(
  arm: ArmAccess,
  subscriptionId: string,
  principalId: string,
  definitions: Map<string, Promise<RoleDefinition>>,
): Promise<readonly Grant[]> {
  const filter = encodeURIComponent(`assignedTo('${principalId}')`);
  const items = await arm.list(
    `/subscriptions/${subscriptionId}/providers/Microsoft.Authorization/roleAssignments?$filter=${filter}`,
    doctorVersions.roles,
  );
  return await Promise.all(
    items.map(async (item) => {
      const { data } = Assignment.safeParse(item);
      if (data === undefined) throw unreadable('a role assignment');
      const { principalId: holder, roleDefinitionId, scope } = data.properties;
      const group = holder.toLowerCase() === principalId.toLowerCase() ? undefined : holder;
      const key = roleDefinitionId.toLowerCase();
      const pending = definitions.get(key) ?? readDefinition(arm, roleDefinitionId);
      definitions.set(key, pending);
      const { roleName, roleId, isCustom, permissions } = await pending;
      return { id: data.id, scope: scope.replace(/\/+$/, ''), roleName, roleId, isCustom, permissions, group };
    }),
  );
}

/** The custom roles that can be assigned in the subscription. */
export async function listCustomRoles(arm: ArmAccess, subscriptionId: string): Promise<readonly RoleDefinition[]> {
  const filter = encodeURIComponent("type eq 'CustomRole'");
  const items = await arm.list(
    `/subscriptions/${subscriptionId}/providers/Microsoft.Authorization/roleDefinitions?$filter=${filter}`,
    doctorVersions.roles,
  );
  return items.map(toDefinition);
}

async function readDefinition(arm: ArmAccess, id: string): Promise<RoleDefinition> {
  return toDefinition(await arm.get(id, doctorVersions.roles));
}

function toDefinition(item: unknown): RoleDefinition {
  const { data } = Definition.safeParse(item);
  if (data?.properties.permissions === undefined) throw unreadable('a role definition');
  const { roleName = data.name, type, permissions } = data.properties;
  return {
    id: data.id,
    roleName,
    roleId: data.name.toLowerCase(),
    isCustom: type?.toLowerCase() === 'customrole',
    permissions,
  };
}

function unreadable(what: string): DockwardenError {
  return new DockwardenError('AZURE_TRANSIENT', `${what} is not as it should be`);
}

/** Is `scope` the scope of the grant, or below it? A grant at a management group holds in every subscription that lists it. */
export function coversScope({ scope }: Pick<Grant, 'scope'>, wanted: string): boolean {
  if (scope === '' || /^\/providers\/Microsoft\.Management\/managementGroups\//i.test(scope)) return true;
  const held = scope.toLowerCase();
  const asked = wanted.toLowerCase();
  return asked === held || asked.startsWith(`${held}/`);
}

/** Does the role allow it, wherever it is held? */
export function allows(
  { permissions }: Pick<Grant, 'permissions'>,
  action: string,
  kind: ActionKind = 'actions',
): boolean {
  return permissions.some((permission) => {
    const excluded = kind === 'actions' ? permission.notActions : permission.notDataActions;
    return (
      permission[kind].some((pattern) => matchesAction(pattern, action)) &&
      !excluded.some((pattern) => matchesAction(pattern, action))
    );
  });
}

/** `*` stands for any text; the comparison ignores case. */
function matchesAction(pattern: string, action: string): boolean {
  const parts = pattern.split('*').map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`));
  return new RegExp(`^${parts.join('.*')}$`, 'i').test(action);
}

/** Takes the role from the principal. An assignment to a group is that of its other members as well, so the membership ends instead. */
export function takeAway({ group, id }: Pick<Grant, 'group' | 'id'>, principalId: string): string {
  if (group === undefined) return `az role assignment delete --ids ${shellQuote(id)}`;
  return `az ad group member remove --group ${shellQuote(group)} --member-id ${shellQuote(principalId)}`;
}

/** Every action or data action that the role names, wildcards included. */
export function actionsOf({ permissions }: Pick<Grant, 'permissions'>, kind: ActionKind): readonly string[] {
  return [...new Set(permissions.flatMap((permission) => permission[kind]))];
}
