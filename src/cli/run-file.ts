import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { DockwardenError } from '../errors.ts';

/** What a running `npm start` tells about itself. */
const RunFile = z.object({
  pid: z.number(),
  arm: z.string(),
  caFile: z.string(),
  identities: z.record(z.string(), z.object({ endpoint: z.string(), header: z.string() })),
  /** Base address of the app, and the key that opens it. */
  functions: z.exactOptional(z.string()),
  functionKey: z.exactOptional(z.string()),
  storage: z.object({ blob: z.string(), queue: z.string(), table: z.string() }),
  /** Resource id that the app has in the simulated Azure. */
  app: z.exactOptional(z.string()),
});
export type RunFile = Readonly<z.infer<typeof RunFile>>;

/** The local run that `npm start` describes in the `run.json` of its folder; undefined when there is none. */
export function readRun(directory: string): RunFile | undefined {
  const file = join(directory, 'run.json');
  const run = parseRunFile(file);
  if (run === undefined || isAlive(run.pid)) return run;
  throw new DockwardenError(
    'CONFIG_MISSING',
    `${file} was left behind by an "npm start" that is gone: start it again, or give --storage-account`,
  );
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Somebody else's process may not be signalled, but is there.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

function parseRunFile(file: string): RunFile | undefined {
  try {
    return RunFile.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return undefined;
  }
}
