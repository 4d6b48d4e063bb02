import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { connect } from 'node:net';
import { findFreePorts } from './free-ports.ts';

/** The account Azurite has when none is configured. */
const defaultAccount = 'devstoreaccount1';

export interface AzuriteOptions {
  /** Server certificate for localhost, PEM. Azurite refuses bearer tokens on plain http. */
  readonly certFile: string;
  readonly keyFile: string;
  /** What clients must trust; not needed by Azurite itself, handed back so that spawners can pass it on. */
  readonly caFile: string;
  /** Where data is kept; used for Azurite's own bookkeeping even when `inMemory`. */
  readonly directory: string;
  /** Storage account names: tests isolate themselves by account. Default: `devstoreaccount1` alone. */
  readonly accounts?: readonly string[];
  /** Nothing survives `stop`. Default false. */
  readonly inMemory?: boolean;
}

export interface Azurite {
  readonly pid: number;
  readonly caFile: string;
  /** Settles when the process ends, for whatever reason. */
  readonly exited: Promise<void>;
  /** `https://localhost:<port>/<account>`, without a slash at the end. */
  blobEndpoint(account?: string): string;
  queueEndpoint(account?: string): string;
  tableEndpoint(account?: string): string;
  stop(): Promise<void>;
}

interface Ports {
  readonly blob: number;
  readonly queue: number;
  readonly table: number;
}

const startTimeoutMs = 30_000;
const stopTimeoutMs = 5_000;
const startAttempts = 3;

/**
 * Starts the storage emulator as a child process on loopback over HTTPS. Every client signs in with a bearer token
 * (`--oauth basic`: claims are checked, signatures are not); account keys are random and never leave this function.
 */
export async function startAzurite(options: AzuriteOptions): Promise<Azurite> {
  let failure: unknown;
  for (let attempt = 0; attempt < startAttempts; attempt += 1) {
    const [blob = 0, queue = 0, table = 0] = await findFreePorts(3);
    const ports = { blob, queue, table };
    try {
      return await launch(options, ports);
    } catch (error) {
      failure = error;
      // A port found free can be taken by somebody else before Azurite binds it.
      if (!String(error).includes('EADDRINUSE')) throw error;
    }
  }
  throw failure;
}

async function launch(options: AzuriteOptions, ports: Ports): Promise<Azurite> {
  const entry = createRequire(import.meta.url).resolve('azurite/dist/src/azurite.js');
  const child = spawn(process.execPath, [entry, ...listArguments(options, ports)], {
    env: { ...process.env, AZURITE_ACCOUNTS: listAccounts(options.accounts ?? [defaultAccount]) },
    stdio: ['ignore', 'pipe', 'pipe'],
    // In a process group of its own, Ctrl-C in a terminal reaches the starter only, which ends things in order.
    detached: true,
  });
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
  });
  const output: string[] = [];
  child.stdout.on('data', (chunk) => output.push(String(chunk)));
  child.stderr.on('data', (chunk) => output.push(String(chunk)));
  const killWithParent = (): void => {
    child.kill('SIGKILL');
  };
  process.once('exit', killWithParent);
  child.once('exit', () => process.removeListener('exit', killWithParent));

  await waitUntilListening(child, output, ports);

  const { caFile } = options;
  return {
    pid: child.pid ?? 0,
    caFile,
    exited,
    blobEndpoint: (account = defaultAccount) => `https://localhost:${ports.blob}/${account}`,
    queueEndpoint: (account = defaultAccount) => `https://localhost:${ports.queue}/${account}`,
    tableEndpoint: (account = defaultAccount) => `https://localhost:${ports.table}/${account}`,
    stop: async () => await stopProcess(child),
  };
}

function listArguments(options: AzuriteOptions, ports: Ports): string[] {
  const fixed = ['--oauth', 'basic', '--disableTelemetry', '--skipApiVersionCheck', '--silent'];
  // Loopback by name is IPv4 here: the certificate and every client say `localhost`, the sockets bind 127.0.0.1.
  const hosts = ['--blobHost', '127.0.0.1', '--queueHost', '127.0.0.1', '--tableHost', '127.0.0.1'];
  // Azurite prints no port for `--tablePort 0`, so all three are chosen by us.
  const bound = ['--blobPort', `${ports.blob}`, '--queuePort', `${ports.queue}`, '--tablePort', `${ports.table}`];
  const persistence = options.inMemory === true ? ['--inMemoryPersistence'] : ['--location', options.directory];
  return [...fixed, ...hosts, ...bound, '--cert', options.certFile, '--key', options.keyFile, ...persistence];
}

function listAccounts(accounts: readonly string[]): string {
  return accounts.map((account) => `${account}:${randomBytes(32).toString('base64')}`).join(';');
}

async function waitUntilListening(child: ChildProcess, output: readonly string[], ports: Ports): Promise<void> {
  const stopWaiting = new AbortController();
  const died = once(child, 'exit', { signal: stopWaiting.signal }).then(([code, signal]) => {
    throw new Error(`Azurite ended before it was ready (${String(signal ?? code)}):\n${output.join('')}`);
  });
  const late = new Promise<never>((_resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`Azurite was not ready after ${startTimeoutMs} ms:\n${output.join('')}`));
    }, startTimeoutMs);
    stopWaiting.signal.addEventListener('abort', () => clearTimeout(timer));
  });
  died.catch(() => {}); // the race has been decided already when the abort rejects it
  try {
    // The table service is announced last; its line means that the other two are listening.
    const ready = (async () => {
      while (!output.join('').includes('Table service is successfully listening')) {
        if (child.stdout === null) throw new Error('Azurite has no standard output');
        await once(child.stdout, 'data', { signal: stopWaiting.signal });
      }
      await Promise.all([ports.blob, ports.queue, ports.table].map(async (port) => await connectOnce(port)));
    })();
    ready.catch(() => {}); // same reason
    await Promise.race([ready, died, late]);
  } finally {
    stopWaiting.abort();
  }
}

async function connectOnce(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
  } finally {
    socket.destroy();
  }
}

async function stopProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  // Keep-alive connections of clients can hold Azurite's servers open; its data is on disk by then.
  const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs);
  await ended;
  clearTimeout(timer);
}
