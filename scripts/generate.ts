/**
 * Writes what follows from the code: pages of policies and remediations, the settings table, the README's table, the roles.
 * With `--check` nothing is written: exit code 1 and the names of the files that are out of date.
 */
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { generatedFolders, renderFiles, renderReadme } from './generated/render.ts';

/** What has to change so that the generated files of a project are current. */
export interface Changes {
  /** Path relative to the project → the content that belongs there. */
  readonly write: ReadonlyMap<string, string>;
  /** Files that nothing generates any more. */
  readonly remove: readonly string[];
}

/** Compares a project folder with what the code says; changes nothing. */
export async function findChanges(root: string): Promise<Changes> {
  const wanted = new Map(await renderFiles());
  const readme = await readFile(join(root, 'README.md'), 'utf8');
  wanted.set('README.md', renderReadme(readme));

  const present = (await Promise.all(generatedFolders.map(async (folder) => await listFolder(root, folder)))).flat();
  const current = await Promise.all(
    [...wanted].map(async ([path, content]) => (await readIfThere(join(root, path))) === content),
  );
  return {
    write: new Map([...wanted].filter((_entry, index) => current[index] === false)),
    remove: present.filter((path) => !wanted.has(path)),
  };
}

async function applyChanges(root: string, { write, remove }: Changes): Promise<void> {
  for (const [path, content] of write) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), content);
  }
  for (const path of remove) await rm(join(root, path));
}

async function listFolder(root: string, folder: string): Promise<string[]> {
  try {
    return (await readdir(join(root, folder))).map((name) => `${folder}/${name}`);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } });
  const root = fileURLToPath(new URL('..', import.meta.url));
  const changes = await findChanges(root);
  const paths = [...changes.write.keys(), ...changes.remove];
  if (!values.check) await applyChanges(root, changes);
  for (const path of paths) console.log(`${values.check ? 'out of date' : 'updated'}: ${path}`);
  if (paths.length === 0) console.log('all generated files are current');
  else if (values.check) {
    console.log('run: npm run generate');
    process.exitCode = 1;
  }
}

if (import.meta.main) await main();
