import { globSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as z from 'zod';
import {
  type Binding,
  type CoreLog,
  createRegistry,
  provideCoreModule,
  type RegisteredFunction,
  type Registry,
} from './core-module.ts';

/** What an app registered, as the worker would report it to the host. */
export interface FunctionApp {
  readonly folder: string;
  /** In order of registration; empty when the entry threw, whatever it had registered by then. */
  readonly functions: readonly RegisteredFunction[];
  /** What the entry threw. The real worker does not crash either: the app just has no functions. */
  readonly loadError: unknown;
  readonly registry: Registry;
}

export interface LoadOptions {
  readonly log?: CoreLog;
  /** The whole environment while the entry is being imported; afterwards the former one is back. */
  readonly environment?: Readonly<Record<string, string>>;
}

const Package = z.object({ main: z.string().optional(), type: z.string().optional() });

interface Entry {
  readonly folder: string;
  readonly files: readonly string[];
  readonly packageType: string | undefined;
}

/**
 * Loads an app in this process, without listeners: registers its functions, runs its start hooks, locks registration.
 * `path` is the deploy folder (entry from `package.json` `main`, which may be a glob) or an entry file.
 */
export async function loadFunctionApp(path: string, options: LoadOptions = {}): Promise<FunctionApp> {
  const registry = createRegistry(options.log ?? ignoreLog);
  provideCoreModule(registry);
  const restore = replaceEnvironment(options.environment);
  let folder = resolve(path);
  let loadError: unknown;
  try {
    const entry = findEntry(folder);
    folder = entry.folder;
    for (const file of entry.files) await importEntry(file, entry.packageType);
    await finishLoading(registry, folder);
  } catch (error) {
    loadError = error;
    registry.functions.clear();
  } finally {
    registry.locked = true;
    restore();
  }
  return { folder, functions: [...registry.functions.values()], loadError, registry };
}

/** The one binding whose type ends in `Trigger`, with its name. */
export function findTrigger(registered: RegisteredFunction): { readonly name: string; readonly binding: Binding } {
  for (const [name, binding] of Object.entries(registered.bindings)) {
    if (/trigger$/iu.test(binding.type)) return { name, binding };
  }
  throw new Error(`The function "${registered.name}" has no trigger.`);
}

/** Trigger types compare without regard to case, as the library and the host do. */
export function isTriggerType(registered: RegisteredFunction, type: string): boolean {
  return findTrigger(registered).binding.type.toLowerCase() === type.toLowerCase();
}

function ignoreLog(): void {}

function findEntry(path: string): Entry {
  if (!statSync(path).isDirectory()) {
    const folder = findPackageFolder(dirname(path));
    return { folder, files: [path], packageType: readPackage(folder).type };
  }
  const { main, type } = readPackage(path);
  if (main === undefined) throw new Error('package.json has no "main": the app has no entry point');
  const files = globSync(main, { cwd: path }).toSorted();
  if (files.length === 0) throw new Error(`Worker was unable to load entry point "${main}": no such file`);
  return { folder: path, files: files.map((file) => join(path, file)), packageType: type };
}

function findPackageFolder(start: string): string {
  for (let folder = start; ; folder = dirname(folder)) {
    if (statSync(join(folder, 'package.json'), { throwIfNoEntry: false })?.isFile() === true) return folder;
    if (folder === dirname(folder)) return start;
  }
}

function readPackage(folder: string): z.infer<typeof Package> {
  return Package.parse(JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')));
}

async function importEntry(file: string, packageType: string | undefined): Promise<void> {
  const isModule = file.endsWith('.mjs') || (!file.endsWith('.cjs') && packageType === 'module');
  if (isModule) {
    // The query makes a second load in one process evaluate the entry again.
    await import(`${pathToFileURL(file).href}?load=${performance.now()}`);
    return;
  }
  const require = createRequire(file);
  delete require.cache[require.resolve(file)];
  require(file);
}

async function finishLoading(registry: Registry, folder: string): Promise<void> {
  const { appHookData } = registry;
  for (const hook of registry.hooks.appStart) await hook({ hookData: {}, appHookData, functionAppDirectory: folder });
  await registry.model?.getCapabilities?.({});
}

function replaceEnvironment(environment: Readonly<Record<string, string>> | undefined): () => void {
  if (environment === undefined) return ignoreLog;
  const former = { ...process.env };
  assignEnvironment(environment);
  return () => assignEnvironment(former);
}

function assignEnvironment(environment: Readonly<Record<string, string | undefined>>): void {
  for (const name of Object.keys(process.env)) delete process.env[name];
  Object.assign(process.env, environment);
}
