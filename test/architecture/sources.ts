import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Folder of the project, with a slash at the end. */
export const projectRoot = fileURLToPath(new URL('../..', import.meta.url));

/** The TypeScript sources below a folder of the project: path relative to the project (with `/`) → text. */
export function readSources(folder: string): Record<string, string> {
  const paths = readdirSync(join(projectRoot, folder), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => `${folder}/${path.replaceAll('\\', '/')}`)
    .toSorted();
  return Object.fromEntries(paths.map((path) => [path, readFileSync(join(projectRoot, path), 'utf8')]));
}
