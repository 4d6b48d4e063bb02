import { execFile } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { isInstalled } from '../is-installed.ts';

const run = promisify(execFile);

/** The release that the templates are checked with; a `bicep` that is there already goes first, whatever its version. */
export const BICEP_VERSION = '0.49.2';

/** Snapshots of all samples in one file stay far below it; the default of Node, 1 MiB, does not hold a compiled template. */
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

/** What a run of the compiler printed. */
export interface BicepRun {
  readonly exitCode: number;
  readonly stdout: string;
  /** Errors and warnings; a run with warnings alone ends with exit code 0. */
  readonly stderr: string;
}

/** The compiler, found or restored. */
export interface Bicep {
  readonly path: string;
  /** As it says itself, for people. */
  readonly version: string;
  /** Runs it in a folder; never rejects for its exit code. */
  run(folder: string, ...args: readonly string[]): Promise<BicepRun>;
}

/**
 * The Bicep compiler: what `BICEP` names, else `bicep` on the path, else the pinned release from NuGet by `dotnet restore`, which keeps it with
 * NuGet's other packages. Undefined when there is none of them. Rejects when `BICEP` cannot be run or the restore fails: what ought to be
 * checked here is not skipped then.
 */
export async function findBicep(named = process.env['BICEP']): Promise<Bicep | undefined> {
  if (named !== undefined && named !== '') {
    if (!(await isInstalled(named, '--version'))) throw new Error(`BICEP names ${named}, which cannot be run`);
    return await openBicep(named);
  }
  if (await isInstalled('bicep', '--version')) return await openBicep('bicep');
  if (!(await isInstalled('dotnet', '--version'))) return undefined;
  return await openBicep(await restoreBicep());
}

async function openBicep(path: string): Promise<Bicep> {
  const { stdout } = await run(path, ['--version'], { env: bicepEnvironment() });
  return {
    path,
    version: stdout.trim(),
    async run(folder, ...args) {
      try {
        const printed = await run(path, args, { cwd: folder, env: bicepEnvironment(), maxBuffer: MAX_OUTPUT_BYTES });
        return { exitCode: 0, ...printed };
      } catch (error) {
        return readFailedRun(error);
      }
    },
  };
}

function readFailedRun(error: unknown): BicepRun {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'number') throw error;
  const textOf = (name: 'stdout' | 'stderr'): string => String(Reflect.get(error, name) ?? '');
  return { exitCode: error.code, stdout: textOf('stdout'), stderr: textOf('stderr') };
}

/** The compiler wants the ICU library of the system unless it is told to do without. */
function bicepEnvironment(): NodeJS.ProcessEnv {
  return { ...process.env, DOTNET_SYSTEM_GLOBALIZATION_INVARIANT: '1' };
}

/** Name of the NuGet package for a platform, as Node names it. Throws where there is none. */
export function bicepPackage(platform: string, architecture: string, withMusl = false): string {
  const systems: Readonly<Record<string, string>> = {
    linux: withMusl ? 'linux-musl' : 'linux',
    darwin: 'osx',
    win32: 'win',
  };
  const system = systems[platform];
  if (system === undefined || !['x64', 'arm64'].includes(architecture)) {
    throw new Error(`there is no Bicep compiler for ${platform} ${architecture}: install one and name it in BICEP`);
  }
  return `Azure.Bicep.CommandLine.${system}-${architecture}`;
}

async function restoreBicep(): Promise<string> {
  const packageName = bicepPackage(process.platform, process.arch, isMusl());
  const folder = await mkdtemp(join(tmpdir(), 'dockwarden-bicep-'));
  try {
    const project = join(folder, 'restore.csproj');
    await writeFile(project, describeRestore(packageName));
    await run('dotnet', ['restore', project, '--nologo', '--verbosity', 'quiet'], { cwd: folder });
    const assets: unknown = JSON.parse(await readFile(join(folder, 'obj', 'project.assets.json'), 'utf8'));
    const tools = join(readPackagesPath(assets), packageName.toLowerCase(), BICEP_VERSION, 'tools');
    const path = join(tools, process.platform === 'win32' ? 'bicep.exe' : 'bicep');
    await chmod(path, 0o755);
    return path;
  } catch (error) {
    const detail = error instanceof Error ? [error.message, Reflect.get(error, 'stdout') ?? ''].join('\n') : error;
    throw new Error(
      `dotnet could not restore ${packageName} ${BICEP_VERSION} (or put a bicep on the path, or name one in BICEP):\n${String(detail).trim()}`,
      { cause: error },
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** `PackageDownload` fetches a package without building anything against it, so any SDK will do. */
function describeRestore(packageName: string): string {
  return `<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup><TargetFramework>netstandard2.0</TargetFramework><DisableImplicitFrameworkReferences>true</DisableImplicitFrameworkReferences></PropertyGroup>
  <ItemGroup><PackageDownload Include="${packageName}" Version="[${BICEP_VERSION}]" /></ItemGroup>
</Project>
`;
}

/** Where NuGet keeps its packages, as the restore has noted it. */
function readPackagesPath(assets: unknown): string {
  let current = assets;
  for (const name of ['project', 'restore', 'packagesPath']) {
    current = typeof current === 'object' && current !== null ? Reflect.get(current, name) : undefined;
  }
  if (typeof current !== 'string') throw new Error('the restore does not say where it has put the package');
  return current;
}

function isMusl(): boolean {
  if (process.platform !== 'linux') return false;
  const report: unknown = process.report.getReport();
  const header: unknown = typeof report === 'object' && report !== null ? Reflect.get(report, 'header') : undefined;
  return typeof header === 'object' && header !== null && !('glibcVersionRuntime' in header);
}
