import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';
import { findFreePorts } from '../../local/free-ports.ts';
import { isInstalled } from '../is-installed.ts';

const upFile = fileURLToPath(new URL('up.sh', import.meta.url));
/** Exit code of up.sh: nothing is wrong, but it cannot be had here. */
const CANNOT = 77;
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 10_000;
const POLL_MS = 200;

/** What a seed prints; login and password are there only where the pages may be looked at as well. */
const Seed = z.object({
  apiKey: z.string(),
  projectId: z.string(),
  /** A second project that the same user may write to. */
  elsewhereId: z.string().optional(),
  customFieldId: z.int(),
  trackers: z.record(z.string(), z.int()),
  statuses: z.array(z.object({ id: z.int(), name: z.string(), closed: z.boolean() })),
  login: z.string().optional(),
  password: z.string().optional(),
});

export interface RedmineTarget extends z.infer<typeof Seed> {
  /** Without a slash at the end. */
  readonly url: string;
  /** Ends the server if it was started for this check, and removes what it left. */
  stop(): Promise<void>;
}

/** The Redmine that the environment names, else one that is installed and started; text = why there is none. */
export async function findRedmine(env: NodeJS.ProcessEnv): Promise<RedmineTarget | string> {
  const { REDMINE_URL: url, REDMINE_SEED: seedFile } = env;
  if (url !== undefined && seedFile !== undefined)
    return { ...(await readSeed(seedFile)), url: url.replace(/\/+$/, ''), stop: async () => await Promise.resolve() };
  if (url !== undefined || seedFile !== undefined) throw new Error('REDMINE_URL and REDMINE_SEED belong together');
  if (process.getuid?.() !== 0 || !(await isInstalled('apt-get', '--version')))
    return 'this is not root on a Debian, so none can be installed';
  return await startRedmine();
}

async function startRedmine(): Promise<RedmineTarget | string> {
  const directory = await mkdtemp(join(tmpdir(), 'dockwarden-redmine-'));
  const stop = async (): Promise<void> => {
    await endProcess(join(directory, 'pid'));
    await rm(directory, { recursive: true, force: true });
  };
  try {
    const [port = 0] = await findFreePorts(1);
    console.log('installing and starting a Redmine (about a minute) …');
    const child = spawn(upFile, [directory, String(port)], { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    const [code]: unknown[] = await once(child, 'exit');
    if (code === CANNOT) {
      await stop();
      return lastLine(said);
    }
    if (code !== 0) throw new Error(`${upFile} ended with ${String(code)}: ${said.slice(-2000)}`);
    const url = `http://127.0.0.1:${port}`;
    await waitUntilUp(url);
    return { ...(await readSeed(join(directory, 'seed.json'))), url, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function readSeed(file: string): Promise<z.infer<typeof Seed>> {
  return Seed.parse(JSON.parse(await readFile(file, 'utf8')));
}

async function waitUntilUp(url: string): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (Date.now() < deadline) {
    const answer = await fetch(`${url}/login`).catch(() => undefined);
    await answer?.body?.cancel();
    if (answer?.status === 200) return;
    await wait(POLL_MS);
  }
  throw new Error('Redmine did not come up');
}

/** Ends the process whose id is in the file, and nothing else. */
async function endProcess(file: string): Promise<void> {
  const pid = Number(await readFile(file, 'utf8').catch(() => ''));
  if (!Number.isInteger(pid) || pid <= 1) return;
  const deadline = Date.now() + STOP_TIMEOUT_MS;
  for (let signal: NodeJS.Signals | 0 = 'SIGTERM'; isSent(pid, signal); signal = Date.now() < deadline ? 0 : 'SIGKILL')
    await wait(POLL_MS);
}

/** Signal 0 only asks whether the process is there. */
function isSent(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}
