import { guidFrom, type IdentityDefinition, type RoleAssignment } from './identities.ts';
import type { JsonObject } from './json.ts';
import type { World } from './provider.ts';
import { isWithin } from './resource-path.ts';
import type { RawResource } from './resource-store.ts';

export const ROLE_ASSIGNMENT_TYPE = 'Microsoft.Authorization/roleAssignments';
export const ROLE_DEFINITION_TYPE = 'Microsoft.Authorization/roleDefinitions';

/** Ids of Azure's own roles, as far as the samples use them; every other role is a custom one. https://learn.microsoft.com/azure/role-based-access-control/built-in-roles */
const BUILT_IN_ROLES: Readonly<Record<string, string>> = {
  Owner: '8e3af657-a8ff-443c-a75c-2fe8c4bcb635',
  Contributor: 'b24988ac-6180-42a0-ab88-20f7382dd24c',
  Reader: 'acdd72a7-3385-48ef-bd42-f606fba81ae7',
  'Azure Event Hubs Data Receiver': 'a638d3c7-ab3a-418d-83e6-5f17a39d4fde',
  'Azure Event Hubs Data Sender': '2b629674-e913-4c01-ae53-ef4638d8f975',
  'EventGrid Data Sender': 'd5a91429-5739-47e2-a06b-3470a27159e7',
  'Azure Kubernetes Service RBAC Cluster Admin': 'b1ff04bb-8a4e-4dc4-8eb5-8693973ce19b',
  'Monitoring Data Reader': 'b0d8363b-8ddd-447d-831f-62ca05bff136',
  'Monitoring Metrics Publisher': '3913510d-42f4-4e42-8a64-420c390055eb',
  'Storage Blob Data Contributor': 'ba92f5b4-2d11-453d-a403-e96b0029c9fe',
  'Storage Blob Data Owner': 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b',
  'Storage Queue Data Contributor': '974c5e8b-45b9-4653-ba55-5f855dd0fb88',
  'Storage Queue Data Message Sender': 'c6a89b2d-59bc-44d0-9896-0f6e12d7b80a',
  'Storage Table Data Contributor': '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3',
};

/** Name of the role definition: the GUID of Azure's own role, else one that is always the same for a role. */
export function roleDefinitionName(roleName: string): string {
  return BUILT_IN_ROLES[roleName] ?? guidFrom('role', roleName);
}

/** Name of an assignment of an identity. */
export function roleAssignmentName(
  { objectId }: Pick<IdentityDefinition, 'objectId'>,
  { roleName, scope }: Pick<RoleAssignment, 'roleName' | 'scope'>,
): string {
  return guidFrom('assignment', objectId, scope.toLowerCase(), roleName);
}

/** Every assignment as Azure Resource Manager shows it: what the identities hold, and what was put through the API, which gives nobody anything. */
export function listRoleAssignments({ issuer, store }: Pick<World, 'issuer' | 'store'>): readonly RawResource[] {
  const held = issuer.identities.flatMap((identity) =>
    identity.roleAssignments.map((assignment) => toRoleAssignment(identity, assignment)),
  );
  // Azure tells the scope of each, whatever was put.
  const put = store.list('', ROLE_ASSIGNMENT_TYPE).map((resource) => ({
    ...resource,
    properties: { ...resource.properties, scope: scopeOf(resource) || '/' },
  }));
  return [...held, ...put];
}

const MANAGEMENT_GROUP = /^\/providers\/microsoft\.management\/managementgroups\/([^/]+)$/i;

/** Is `above` the scope itself, one of its parents, or a management group over its subscription? */
export function isAtOrAbove({ store }: Pick<World, 'store'>, above: string, scope: string): boolean {
  const [, group] = MANAGEMENT_GROUP.exec(above) ?? [];
  if (group === undefined || isWithin(scope, above)) return isWithin(scope, above);
  const groups = store.find(scope.split('/').slice(0, 3).join('/'))?.properties?.['managementGroups'];
  return Array.isArray(groups) && groups.some((name) => String(name).toLowerCase() === group.toLowerCase());
}

/** Scope that a stored or held assignment is for: what stands before its provider. */
export function scopeOf({ id }: Pick<RawResource, 'id'>): string {
  return id.replace(/\/providers\/Microsoft\.Authorization\/[^/]+\/[^/]+$/i, '');
}

function toRoleAssignment(identity: IdentityDefinition, assignment: RoleAssignment): RawResource {
  const { roleName, scope } = assignment;
  const name = roleAssignmentName(identity, assignment);
  const subscription = /^\/subscriptions\/[^/]+/i.exec(scope)?.[0] ?? '';
  return {
    id: `${scope}/providers/${ROLE_ASSIGNMENT_TYPE}/${name}`,
    name,
    type: ROLE_ASSIGNMENT_TYPE,
    properties: {
      roleDefinitionId: `${subscription}/providers/${ROLE_DEFINITION_TYPE}/${roleDefinitionName(roleName)}`,
      principalId: identity.objectId,
      principalType: identity.principalType,
      scope: scope || '/',
    },
  };
}

/** Azure's own roles that are there although nobody may hold them. https://learn.microsoft.com/azure/role-based-access-control/built-in-roles */
const GENERAL_ROLES: readonly RoleAssignment[] = [
  { scope: '', roleName: 'Owner', actions: ['*'] },
  {
    scope: '',
    roleName: 'Contributor',
    actions: ['*'],
    notActions: [
      'Microsoft.Authorization/*/Delete',
      'Microsoft.Authorization/*/Write',
      'Microsoft.Authorization/elevateAccess/Action',
    ],
  },
  { scope: '', roleName: 'Reader', actions: ['*/read'] },
];

/** Every role that an identity holds, by its name, and the general ones; the permissions are those that it is held with. */
export function listRoleDefinitions(identities: readonly IdentityDefinition[], subscription: string): RawResource[] {
  const roles = new Map<string, RoleAssignment>();
  for (const assignment of [...identities.flatMap(({ roleAssignments }) => roleAssignments), ...GENERAL_ROLES]) {
    if (!roles.has(assignment.roleName)) roles.set(assignment.roleName, assignment);
  }
  return [...roles.values()].map((role) => toRoleDefinition(role, subscription));
}

/** Where a custom role may be assigned is the subscription in which it is held. */
function toRoleDefinition(role: RoleAssignment, subscription: string): RawResource {
  const { roleName, scope } = role;
  const isBuiltIn = BUILT_IN_ROLES[roleName] !== undefined;
  const assignable = /^\/subscriptions\/[^/]+/i.exec(scope)?.[0] ?? (scope || '/');
  const name = roleDefinitionName(roleName);
  return {
    id: `${subscription}/providers/${ROLE_DEFINITION_TYPE}/${name}`,
    name,
    type: ROLE_DEFINITION_TYPE,
    properties: {
      roleName,
      type: isBuiltIn ? 'BuiltInRole' : 'CustomRole',
      description: '',
      assignableScopes: [isBuiltIn ? '/' : assignable],
      permissions: [toPermission(role)],
    },
  };
}

/** What a role allows, in the form of role definitions and of the permissions API. */
export function toPermission({ actions, dataActions = [], notActions = [] }: RoleAssignment): JsonObject {
  return { actions: [...actions], notActions: [...notActions], dataActions: [...dataActions], notDataActions: [] };
}
