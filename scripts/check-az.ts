/**
 * The main job with a real, unchanged Azure CLI: signs in at the simulated Azure, switches a registry's admin user on, and
 * expects Dockwarden to put it right and to name the identity that `az` used. Skipped, with a plain message, where `az` is missing.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const runFile = join(root, '.dockwarden', 'run.json');
const registry = 'contosoacr';
const policy = 'acr-admin-user-disabled';

/** Longest waits, in milliseconds: the local run is ready in seconds, a fix takes a few more. */
const startTimeout = 60_000;
const fixTimeout = 60_000;
const stopTimeout = 20_000;

type Environment = Readonly<Record<string, string | undefined>>;

function hasAz(): boolean {
  try {
    execFileSync('az', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Polls until there is an answer: the processes that are waited for offer nothing to listen to. */
async function waitFor<T>(what: string, timeoutMs: number, look: () => T | undefined): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const found = look();
    if (found !== undefined) return found;
    if (Date.now() > deadline) throw new Error(`${what}: nothing after ${timeoutMs / 1000} s`);
    await wait(500);
  }
}

async function startLocalRun(): Promise<ChildProcess> {
  if (existsSync(runFile)) {
    throw new Error('a local run is going on here: end it first (if it was killed, remove .dockwarden/run.json)');
  }
  execFileSync(process.execPath, ['scripts/build.ts', '--quiet'], { cwd: root, stdio: 'inherit' });
  const child = spawn(process.execPath, ['local/start.ts'], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
  await waitFor('npm start', startTimeout, () => {
    if (child.exitCode !== null) throw new Error(`npm start ended with exit code ${child.exitCode}`);
    return existsSync(runFile) ? true : undefined;
  });
  return child;
}

async function stopLocalRun(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGINT');
  const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeout);
  await ended;
  clearTimeout(timer);
}

/** Exactly what `npm start` tells people to type, and the environment that they have then. */
function readAzEnvironment(): Environment {
  const script = 'set -e; settings="$(npm run -s azure -- env)"; eval "$settings"; env -0';
  const output = execFileSync('bash', ['-c', script], { cwd: root, encoding: 'utf8' });
  return Object.fromEntries(
    output
      .split('\0')
      .filter((line) => line.includes('='))
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
}

function az(environment: Environment, ...args: readonly string[]): unknown {
  const output = execFileSync('az', [...args, '--output', 'json'], {
    cwd: root,
    env: { ...environment },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return output.trim() === '' ? undefined : JSON.parse(output);
}

/** The newest outcome for the registry since `start`. */
function findOutcome(start: Date): Readonly<Record<string, unknown>> | undefined {
  const args = ['audit', 'list', '--since', start.toISOString(), '--resource', registry, '--policy', policy];
  const output = execFileSync('node', ['src/cli/main.ts', ...args, '--format', 'json'], {
    cwd: root,
    encoding: 'utf8',
  });
  const rows: readonly Readonly<Record<string, unknown>>[] = JSON.parse(output);
  return rows.find(({ stage }) => stage === 'outcome');
}

/** The object id in the token that `az` sends. */
function readObjectId(environment: Environment): unknown {
  const answer = az(environment, 'account', 'get-access-token');
  const token = isRecord(answer) ? String(answer['accessToken']) : '';
  const claims: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'));
  return isRecord(claims) ? claims['oid'] : undefined;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function expectThat(sentence: string, holds: boolean): void {
  if (!holds) throw new Error(`not so: ${sentence}`);
  console.log(`ok: ${sentence}`);
}

async function check(): Promise<void> {
  const environment = readAzEnvironment();
  const objectId = readObjectId(environment);
  expectThat('az signs in and gets a token', typeof objectId === 'string');
  const listed = az(environment, 'acr', 'list');
  const names = Array.isArray(listed) ? listed.map((entry: unknown) => (isRecord(entry) ? entry['name'] : '')) : [];
  expectThat(`az acr list shows ${registry}`, names.includes(registry));

  const start = new Date();
  const updated = az(environment, 'acr', 'update', '--name', registry, '--admin-enabled', 'true');
  expectThat('az acr update switches the admin user on', isRecord(updated) && updated['adminUserEnabled'] === true);
  const outcome = await waitFor('the fix', fixTimeout, () => findOutcome(start));
  expectThat('Dockwarden records the outcome fixed', outcome['outcome'] === 'fixed');
  expectThat('the audit row names the identity that az used', outcome['actor'] === objectId);
  const shown = az(environment, 'acr', 'show', '--name', registry);
  expectThat('az acr show sees the admin user off again', isRecord(shown) && shown['adminUserEnabled'] === false);
}

async function main(): Promise<void> {
  if (!hasAz()) {
    console.log('skipped: the Azure CLI (az) is not installed. On Debian: apt-get install azure-cli');
    return;
  }
  const child = await startLocalRun();
  try {
    await check();
    console.log('passed: the main job with the real Azure CLI');
  } finally {
    await stopLocalRun(child);
  }
}

try {
  await main();
} catch (error) {
  console.error(`failed: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
