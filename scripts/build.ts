/**
 * Makes the deploy folder: `npm run build` → `dist/`, complete as it is – no install step on the server.
 * One minified CommonJS file loads about four times faster in a cold worker than the same code as modules in node_modules.
 * A package that src loads with `import()` becomes a file of its own, read at its first use; so does a `*.packages.ts` that names several. Packages
 * only: of our own code there is one copy, so that `instanceof` holds everywhere.
 */
import { copyFile, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build, type Plugin } from 'esbuild';
import { budgetOf } from './budgets.ts';
import { collectLicences, findPackageFolder } from './licences.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

const MAIN = 'main.cjs';

export interface BuildOptions {
  /** Project folder: holds package.json, host.json, node_modules. */
  readonly root: string;
  readonly entry: string;
  readonly outputDirectory: string;
}

export interface BuildResult {
  /** `main.cjs`, then what it loads later. */
  readonly files: readonly BuiltFile[];
  /** `name@version` of everything that was bundled. */
  readonly packages: readonly string[];
}

/** One file of code in the deploy folder. */
export interface BuiltFile {
  readonly name: string;
  readonly bytes: number;
  /** Where its code begins, and all that was bundled with that; relative to the project. */
  readonly entry: string;
  readonly inputs: readonly string[];
}

/** Builds into an emptied folder; throws, with everything that is wrong, when the result must not be shipped. */
export async function buildDeployFolder({ root: project, entry, outputDirectory }: BuildOptions): Promise<BuildResult> {
  await rm(outputDirectory, { recursive: true, force: true });
  await mkdir(outputDirectory, { recursive: true });
  const files = await bundleAll(project, entry, outputDirectory);
  const problems = findProblems(files);
  if (problems.length > 0) throw new Error(problems.join('; '));

  const licences = await collectLicences(
    project,
    files.flatMap(({ inputs }) => inputs),
  );
  await writeFile(join(outputDirectory, 'THIRD-PARTY-LICENSES.txt'), licences.text);
  await copyFile(join(project, 'host.json'), join(outputDirectory, 'host.json'));
  await writeFile(join(outputDirectory, 'package.json'), await describePackage(project));
  return { files, packages: licences.packages };
}

async function bundleAll(project: string, entry: string, outputDirectory: string): Promise<BuiltFile[]> {
  const entries = new Map([[MAIN, entry]]);
  const files: BuiltFile[] = [];
  // Grows while it is walked through: bundling finds what is loaded later.
  for (const [name, path] of entries) {
    const outfile = join(outputDirectory, name);
    const { metafile } = await build({
      absWorkingDir: project,
      entryPoints: [path],
      outfile,
      bundle: true,
      platform: 'node',
      target: 'node22',
      format: 'cjs',
      minify: true,
      sourcemap: 'linked',
      // Stack traces need positions and names; the sources are in the repository.
      sourcesContent: false,
      // Not the clients' own text: their licences are written whole, beside the bundle.
      legalComments: 'none',
      // A dependency calls createRequire(import.meta.url) when it is loaded, and a CommonJS file has no import.meta.
      define: { 'import.meta.url': 'importMetaUrl' },
      banner: { js: "const importMetaUrl=require('node:url').pathToFileURL(__filename).href;" },
      // Provided by the worker at run time; bundling it fails.
      external: ['@azure/functions-core'],
      plugins: [loadPackagesLater(entries)],
      metafile: true,
      logLevel: 'warning',
    });
    files.push({
      name,
      bytes: (await stat(outfile)).size,
      entry: Object.values(metafile.outputs).find(({ entryPoint }) => entryPoint !== undefined)?.entryPoint ?? path,
      inputs: Object.keys(metafile.inputs),
    });
  }
  return files;
}

/**
 * Turns `import('@a/b')` in our own code into `import('./a-b.cjs')`, and `import('./x.packages.ts')` into `import('./x.cjs')`, and adds that file to
 * what is to be built.
 */
function loadPackagesLater(entries: Map<string, string>): Plugin {
  return {
    name: 'load-packages-later',
    setup(bundling) {
      bundling.onResolve({ filter: /^[^./]/ }, async ({ path, kind, importer, resolveDir }) => {
        if (kind !== 'dynamic-import' || findPackageFolder(importer) !== undefined) return undefined;
        const found = await bundling.resolve(path, { kind: 'import-statement', importer, resolveDir });
        if (found.external || found.errors.length > 0) return found;
        const name = `${path.replace('@', '').replaceAll('/', '-')}.cjs`;
        entries.set(name, found.path);
        return { path: `./${name}`, external: true };
      });
      bundling.onResolve({ filter: /\.packages\.ts$/ }, ({ path, kind, resolveDir }) => {
        if (kind !== 'dynamic-import') return undefined;
        const name = basename(path).replace('.packages.ts', '.cjs');
        entries.set(name, join(resolveDir, path));
        return { path: `./${name}`, external: true };
      });
    },
  };
}

/** Why these files must not be shipped: one sentence each. */
export function findProblems(files: readonly BuiltFile[]): string[] {
  const problems: string[] = [];
  for (const { name, bytes, entry, inputs } of files) {
    const misplaced = inputs.filter((path) => path.endsWith('.cases.ts') || /^(local|test|scripts)\//.test(path));
    if (misplaced.length > 0) problems.push(`not meant to be shipped, yet bundled: ${misplaced.join(', ')}`);
    const budget = budgetOf(name);
    if (bytes > budget.bytes) problems.push(`${name} has ${bytes} bytes, more than the ${budget.bytes} allowed`);
    if (inputs.length > budget.modules) {
      problems.push(`${name} is made of ${inputs.length} modules, more than the ${budget.modules} allowed`);
    }
    const others = files.filter((other) => other.name !== name && other.inputs.some((input) => input === entry));
    for (const other of others)
      problems.push(`${name} is loaded later, and ${other.name} holds the same: import types only`);
  }
  return problems;
}

/** What the Functions host reads: where the app starts. Paths are relative to the deploy folder. */
async function describePackage(project: string): Promise<string> {
  const { name, version, license }: Record<string, unknown> = JSON.parse(
    await readFile(join(project, 'package.json'), 'utf8'),
  );
  const described = { name, version, license, private: true, main: 'main.cjs', engines: { node: '>=24' } };
  return `${JSON.stringify(described, undefined, 2)}\n`;
}

/** `npm start` and `npm test` come here each time: nothing is built when nothing is newer than the last build. */
async function isCurrent(outputDirectory: string): Promise<boolean> {
  try {
    const built = (await stat(join(outputDirectory, 'THIRD-PARTY-LICENSES.txt'))).mtimeMs;
    const sources = await readdir(join(root, 'src'), { recursive: true, withFileTypes: true });
    const inputs = [
      ...sources.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name)),
      ...[
        'package-lock.json',
        'package.json',
        'host.json',
        'scripts/build.ts',
        'scripts/budgets.ts',
        'scripts/licences.ts',
      ].map((path) => join(root, path)),
      // A removed source file shows in its folder only.
      ...new Set(sources.map((entry) => entry.parentPath)),
    ];
    const times = await Promise.all(inputs.map(async (path) => (await stat(path)).mtimeMs));
    return Math.max(...times) < built;
  } catch {
    return false;
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { quiet: { type: 'boolean', default: false } } });
  const outputDirectory = join(root, 'dist');
  if (values.quiet && (await isCurrent(outputDirectory))) return;
  const { files, packages } = await buildDeployFolder({ root, entry: 'src/main.ts', outputDirectory });
  if (values.quiet) return;
  for (const { name, bytes, inputs } of files) {
    console.log(`dist/${name}: ${bytes} bytes, ${inputs.length} modules`);
  }
  console.log(`${packages.length} packages bundled`);
}

if (import.meta.main) {
  try {
    await main();
  } catch (error) {
    console.error(`build failed: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
}
