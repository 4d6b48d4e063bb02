import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';
import { parseJson } from '../src/resources/lenient.ts';

/** What a running `npm start` tells scripts and tests about itself. */
export const RunFile = z.object({
  pid: z.number(),
  /** Base address of the simulated ARM. */
  arm: z.string(),
  /** Certificate authority to trust, PEM. */
  caFile: z.string(),
  /** Managed identity endpoint and header of everybody who can sign in. */
  identities: z.record(z.string(), z.object({ endpoint: z.string(), header: z.string() })),
  /** Base address of the Functions host. */
  functions: z.string(),
  /** Opens its functions of level `function`; absent = they are open. */
  functionKey: z.exactOptional(z.string()),
  storage: z.object({ blob: z.string(), queue: z.string(), table: z.string(), account: z.string() }),
  subscriptionId: z.string(),
  /** Resource id that the app has in the simulated Azure. */
  app: z.exactOptional(z.string()),
});
export type RunFile = z.infer<typeof RunFile>;

/** Where `npm start` keeps what it makes; ignored by git. */
export const RUN_DIRECTORY = fileURLToPath(new URL('../.dockwarden', import.meta.url));

/** The run that uses this folder now; undefined when there is none (a file left behind by a dead process does not count). */
export async function findRun(directory: string): Promise<RunFile | undefined> {
  let text: string;
  try {
    text = await readFile(fileIn(directory), 'utf8');
  } catch {
    return undefined;
  }
  const parsed = RunFile.safeParse(parseJson(text));
  return parsed.success && (await isRunning(parsed.data)) ? parsed.data : undefined;
}

/** Readers see either the whole file or none. */
export async function writeRunFile(directory: string, run: RunFile): Promise<void> {
  const draft = join(directory, `run.json.${run.pid}`);
  // It holds a key, and the headers that stand for sign-ins.
  await writeFile(draft, `${JSON.stringify(run, undefined, 2)}\n`, { mode: 0o600 });
  await rename(draft, fileIn(directory));
}

export async function removeRunFile(directory: string): Promise<void> {
  await rm(fileIn(directory), { force: true });
}

function fileIn(directory: string): string {
  return join(directory, 'run.json');
}

/** The pid may belong to another program by now, so its Functions host has to answer too. */
async function isRunning({ functions, pid }: RunFile): Promise<boolean> {
  try {
    process.kill(pid, 0);
    await fetch(`${functions}/admin/host/status`, { signal: AbortSignal.timeout(5_000) });
    return true;
  } catch {
    return false;
  }
}
