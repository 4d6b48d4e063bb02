import { readFile } from 'node:fs/promises';
import * as z from 'zod';
import { effectivePermissions, optionalRolesFor, type Permissions } from '../src/doctor/roles.ts';
import { policies } from '../src/policy/catalogue.ts';
import { remediations, trackers } from '../src/remediations/catalogue.ts';
import { parseSettings } from '../src/settings/settings.ts';
import type { AppSettings } from './app-settings.ts';
import type { RoleAssignment } from './azure/identities.ts';
import { customRoleName } from './azure/sample-app-roles.ts';
import { SAMPLE_SUBSCRIPTION_ID, sampleId } from './azure/sample-ids.ts';

const Role = z.object({ actions: z.array(z.string()), dataActions: z.array(z.string()) });
const Roles = z.object({
  read: Role,
  optional: z.object({ nodes: Role, metrics: Role, runCommand: Role, passwordVault: Role }),
  write: z.record(z.string(), Role),
});

/** Permissions that a deployment with these settings gives to the product's identity: those of the generated roles and no others. */
export async function readProductPermissions(settings: AppSettings): Promise<Permissions> {
  const { optional, parsed, roles } = await readRoles(settings);
  return effectivePermissions(roles, { modeOf: (id) => parsed.modeOf(id), optional });
}

/** The same as a deployment assigns it: a custom role for each key, those for one resource at it and all others at the subscription. */
export async function readProductRoles(settings: AppSettings, workspaceId: string): Promise<readonly RoleAssignment[]> {
  const scopes: Readonly<Record<string, string>> = { metrics: workspaceId, passwordVault: sampleId('kv-platform') };
  const { optional, parsed, roles } = await readRoles(settings);
  const acting = Object.entries(roles.write).filter(([id]) => ['approve', 'enforce'].includes(parsed.modeOf(id)));
  const wanted = [
    ['read', roles.read] as const,
    ...optional.map((name) => [name, roles.optional[name]] as const),
    ...acting,
  ];
  return wanted.map(([key, role]) => ({
    ...withoutWildcard(role),
    scope: scopes[key] ?? `/subscriptions/${SAMPLE_SUBSCRIPTION_ID}`,
    roleName: customRoleName(key),
  }));
}

/** Whatever runs with a wildcard proves nothing about the generated roles. */
function withoutWildcard(role: Permissions): Permissions {
  const wildcard = [...role.actions, ...role.dataActions].find((action) => action.includes('*'));
  if (wildcard === undefined) return role;
  throw new Error(`the role of the product may not hold a wildcard: ${wildcard}`);
}

async function readRoles(settings: AppSettings) {
  const file = new URL('../infra/generated/roles.json', import.meta.url);
  const roles = Roles.parse(JSON.parse(await readFile(file, 'utf8')));
  const parsed = parseSettings(settings, { policies, remediations, trackers });
  return { roles, parsed, optional: optionalRolesFor(parsed, policies, remediations) };
}
