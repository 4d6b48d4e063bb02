import { readFile } from 'node:fs/promises';
import * as z from 'zod';
import { effectivePermissions, optionalRolesFor, type Permissions } from '../scripts/generated/roles.ts';
import { policies } from '../src/policy/catalogue.ts';
import { remediations, trackers } from '../src/remediations/catalogue.ts';
import { parseSettings } from '../src/settings/settings.ts';
import type { AppSettings } from './app-settings.ts';

const Role = z.object({ actions: z.array(z.string()), dataActions: z.array(z.string()) });
const Roles = z.object({
  read: Role,
  optional: z.object({ nodes: Role, metrics: Role, runCommand: Role, passwordVault: Role }),
  write: z.record(z.string(), Role),
});

/** Permissions that a deployment with these settings gives to the product's identity: those of the generated roles and no others. */
export async function readProductPermissions(settings: AppSettings): Promise<Permissions> {
  const file = new URL('../infra/generated/roles.json', import.meta.url);
  const roles = Roles.parse(JSON.parse(await readFile(file, 'utf8')));
  const parsed = parseSettings(settings, { policies, remediations, trackers });
  const optional = optionalRolesFor(parsed, policies, remediations);
  return effectivePermissions(roles, { modeOf: (id) => parsed.modeOf(id), optional });
}
