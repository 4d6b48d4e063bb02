import { readFile } from 'node:fs/promises';
import * as z from 'zod';

const Role = z.object({ actions: z.array(z.string()) });
const Roles = z.object({ read: Role, write: z.record(z.string(), Role) });

/** RBAC actions of the product's own identity: exactly those of the generated roles, so that the simulated Azure refuses any other call. */
export async function readProductActions(): Promise<readonly string[]> {
  const file = new URL('../infra/generated/roles.json', import.meta.url);
  const { read, write } = Roles.parse(JSON.parse(await readFile(file, 'utf8')));
  return [...new Set([read, ...Object.values(write)].flatMap(({ actions }) => actions))];
}
