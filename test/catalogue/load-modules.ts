import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export interface LoadedModule {
  /** Relative to the folder, with `/`. */
  readonly path: string;
  /** Every named export. */
  readonly exports: Readonly<Record<string, unknown>>;
}

/** Every module below a folder of src, except the examples. */
export async function loadModules(folder: 'policy' | 'remediations'): Promise<readonly LoadedModule[]> {
  const base = new URL(`../../src/${folder}/`, import.meta.url);
  const paths = readdirSync(fileURLToPath(base), { recursive: true, encoding: 'utf8' })
    .map((path) => path.replaceAll('\\', '/'))
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.cases.ts'))
    .toSorted();
  return await Promise.all(
    paths.map(async (path) => {
      const exports: Readonly<Record<string, unknown>> = await import(new URL(path, base).href);
      return { path, exports };
    }),
  );
}

/** The exports that have a method of this name: what a catalogue is expected to hold. */
export function findExportsWith(modules: readonly LoadedModule[], method: string) {
  return modules.flatMap(({ path, exports }) =>
    Object.entries(exports)
      .filter(([, value]) => typeof value === 'object' && value !== null && method in value)
      .map(([name, value]) => ({ path, name, value })),
  );
}
