/**
 * `npm run package`: builds `dist/` and writes it as `dockwarden-<version>.zip`, for `az functionapp deployment source config-zip`. The same
 * sources give the same bytes, whenever and wherever they are packed.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Zippable, zipSync } from 'fflate';
import { buildDeployFolder } from './build.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Without these the platform would take the package and start nothing. */
const REQUIRED = ['host.json', 'main.cjs', 'package.json'];
/** Who made it, for the format: Unix, so that the permissions count. */
const UNIX = 3;
const READABLE = 0o100_644;

const usage = `Usage: npm run package -- [options]

Builds the app and packs it for deployment. With a resource group RG and an app NAME, deploy it with:
  az functionapp deployment source config-zip --resource-group RG --name NAME --src dockwarden-<version>.zip

  --output <file>   where the package goes (default dockwarden-<version>.zip in the project)
  --help            show this help`;

/** The package of a deploy folder: everything in it but source maps. Throws when the folder is no deploy folder. */
export async function createPackage(folder: string): Promise<Uint8Array> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const names = entries
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.map'))
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
    .toSorted();
  const missing = REQUIRED.filter((name) => !names.includes(name));
  if (missing.length > 0) throw new Error(`${folder} is no deploy folder: it has no ${missing.join(', no ')}`);
  // The format keeps times without a zone, from 1980 on: this one is written the same everywhere.
  const mtime = new Date(1980, 0, 1, 12);
  const files: Zippable = {};
  for (const name of names) {
    const attributes = { mtime, os: UNIX, attrs: READABLE * 0x1_00_00, level: 9 } as const;
    files[name] = [new Uint8Array(await readFile(join(folder, name))), attributes];
  }
  return zipSync(files);
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { output: { type: 'string' }, help: { type: 'boolean', short: 'h' } } });
  if (values.help === true) {
    console.log(usage);
    return;
  }
  const folder = join(root, 'dist');
  await buildDeployFolder({ root, entry: 'src/main.ts', outputDirectory: folder });
  const { version }: { readonly version?: unknown } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
  const file = values.output === undefined ? join(root, `dockwarden-${String(version)}.zip`) : resolve(values.output);
  const content = await createPackage(folder);
  await writeFile(file, content);
  console.log(`${file}: ${content.byteLength} bytes`);
  console.log(`sha256 ${createHash('sha256').update(content).digest('hex')}`);
}

if (import.meta.main) {
  try {
    await main();
  } catch (error) {
    console.error(`nothing was packed: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = error instanceof TypeError && 'code' in error ? 2 : 1;
  }
}
