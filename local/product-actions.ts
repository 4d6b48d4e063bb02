import { readFile } from 'node:fs/promises';
import * as z from 'zod';
import { effectiveActions } from '../scripts/generated/roles.ts';
import { policies } from '../src/policy/catalogue.ts';
import { remediations } from '../src/remediations/catalogue.ts';
import { parseSettings } from '../src/settings/settings.ts';
import type { AppSettings } from './app-settings.ts';

const Role = z.object({ actions: z.array(z.string()) });
const Roles = z.object({ read: Role, write: z.record(z.string(), Role) });

/** RBAC actions that a deployment with these settings gives to the product's identity: those of the generated roles and no others. */
export async function readProductActions(settings: AppSettings): Promise<readonly string[]> {
  const file = new URL('../infra/generated/roles.json', import.meta.url);
  const roles = Roles.parse(JSON.parse(await readFile(file, 'utf8')));
  const parsed = parseSettings(settings, { policies, remediations });
  return effectiveActions(roles, (id) => parsed.modeOf(id));
}
