import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface Licences {
  /** `name@version` of every bundled package, sorted. */
  readonly packages: readonly string[];
  /** All texts in one file, as their licences ask for. */
  readonly text: string;
}

interface BundledPackage {
  readonly title: string;
  readonly licence: string;
  readonly text: string;
}

/**
 * Finds the licence texts of the packages that bundled files come from.
 * `inputs` are the paths of esbuild's metafile, relative to the project. Throws when a package states no licence, or one whose text is nowhere.
 */
export async function collectLicences(project: string, inputs: readonly string[]): Promise<Licences> {
  const folders = [...new Set(inputs.map(findPackageFolder).filter((folder) => folder !== undefined))].toSorted();
  const read = await Promise.all(folders.map(async (folder) => await readPackage(project, folder)));
  const wrong = read.filter((found) => typeof found === 'string');
  if (wrong.length > 0) throw new Error(`bundled without a licence that could be shipped: ${wrong.join(', ')}`);

  const packages = read.filter((found) => typeof found !== 'string').toSorted((a, b) => (a.title < b.title ? -1 : 1));
  const rule = '='.repeat(80);
  const text = packages.map(({ title, licence, text: body }) => `${rule}\n${title} (${licence})\n${rule}\n\n${body}\n`);
  return { packages: packages.map(({ title }) => title), text: text.join('\n') };
}

/** `node_modules/a/node_modules/@b/c/dist/x.js` → `node_modules/a/node_modules/@b/c`; undefined for files of our own. */
export function findPackageFolder(input: string): string | undefined {
  const match = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input);
  return match?.[1];
}

async function readPackage(project: string, folder: string): Promise<BundledPackage | string> {
  const { name, version, license, author }: Record<string, unknown> = JSON.parse(
    await readFile(join(project, folder, 'package.json'), 'utf8'),
  );
  const title = `${String(name)}@${String(version)}`;
  if (typeof license !== 'string') return title;
  const file = (await readdir(join(project, folder))).find((entry) => /^(licen[cs]e|copying)/i.test(entry));
  if (file !== undefined) {
    return { title, licence: license, text: (await readFile(join(project, folder, file), 'utf8')).trim() };
  }
  // Some packages state MIT and forget the file: the terms are known, and the author is named.
  if (license !== 'MIT' || typeof author !== 'string') return title;
  return { title, licence: license, text: await writeMitText(project, author) };
}

/** The MIT terms, taken from our own licence file, under somebody else's name. */
async function writeMitText(project: string, holder: string): Promise<string> {
  const own = await readFile(join(project, 'LICENSE'), 'utf8');
  return own.replace(/^Copyright .*$/m, `Copyright (c) ${holder}`).trim();
}
