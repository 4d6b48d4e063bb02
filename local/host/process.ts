import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';
import type { HostKeys } from './keys.ts';
import type { LogLine } from './log.ts';

export interface StartHostOptions {
  /** Deploy folder. */
  readonly app: string;
  /** The app's settings: the whole environment of the process but for PATH, HOME and temporary folder. */
  readonly env: Readonly<Record<string, string>>;
  /** 0 (default) = any free port. */
  readonly port?: number;
  /** Certificate to trust (`NODE_EXTRA_CA_CERTS`). */
  readonly caFile?: string;
  readonly keys?: HostKeys;
  /** A signal ends the process at once. */
  readonly hardKill?: boolean;
  /** Seconds a queue message is held while its function runs. Azure and default: 600. */
  readonly receiveVisibilitySeconds?: number;
  /** Sees every line as it is written. */
  readonly onLog?: (line: LogLine) => void;
}

export interface HostProcess {
  readonly url: string;
  readonly pid: number;
  /** Every line so far. Lines the app wrote with `console` have category `Console`. */
  readonly logs: readonly LogLine[];
  /** First line, written or to come, that fits. Rejects when the process ends first, or after 20 s. */
  waitForLog(fits: (line: LogLine) => boolean): Promise<LogLine>;
  /** `GET /admin/functions`. */
  functions(): Promise<HostedFunctionInfo[]>;
  /** Settles when the process ends, for whatever reason. */
  readonly exited: Promise<HostExit>;
  /** SIGTERM, then wait. */
  stop(): Promise<HostExit>;
  /** SIGKILL, then wait: what a crash looks like. */
  kill(): Promise<HostExit>;
}

interface HostExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

const HostedFunctionInfo = z.object({
  name: z.string(),
  isDisabled: z.boolean(),
  config: z.object({ bindings: z.array(z.looseObject({ name: z.string(), type: z.string() })) }),
  /** Why the host does not run it. */
  errors: z.array(z.string()).optional(),
});
type HostedFunctionInfo = z.infer<typeof HostedFunctionInfo>;

const startTimeoutMs = 30_000;
const logTimeoutMs = 20_000;
const inherited = ['PATH', 'HOME', 'TMPDIR', 'LANG'];

/** Starts the host as its own process and waits until it listens. Rejects with its output when it does not. */
export async function startHost(options: StartHostOptions): Promise<HostProcess> {
  const child = spawn(process.execPath, listArguments(options), {
    env: createEnvironment(options),
    stdio: ['ignore', 'pipe', 'pipe'],
    // In a process group of its own, Ctrl-C in a terminal reaches the starter only, which ends things in order.
    detached: true,
  });
  const logs = collectLogs(child, options.onLog);
  const exited = (async (): Promise<HostExit> => {
    if (child.exitCode === null && child.signalCode === null) await once(child, 'close');
    return { code: child.exitCode, signal: child.signalCode };
  })();
  const killWithParent = (): void => {
    child.kill('SIGKILL');
  };
  process.once('exit', killWithParent);
  void exited.finally(() => process.removeListener('exit', killWithParent));

  const waitForLog = async (fits: (line: LogLine) => boolean, timeoutMs = logTimeoutMs): Promise<LogLine> =>
    await waitForLine(logs, exited, fits, timeoutMs);
  const started = await waitForLog((line) => line.message.startsWith('Host started on '), startTimeoutMs).catch(
    (error: unknown) => {
      child.kill('SIGKILL');
      throw error;
    },
  );
  const url = started.message.slice('Host started on '.length);

  const end = async (signal: NodeJS.Signals): Promise<HostExit> => {
    child.kill(signal);
    return await exited;
  };
  return {
    url,
    pid: child.pid ?? 0,
    logs: logs.lines,
    waitForLog,
    async functions() {
      const response = await fetch(`${url}/admin/functions`, {
        headers: options.keys?.master === undefined ? {} : { 'x-functions-key': options.keys.master },
      });
      return z.array(HostedFunctionInfo).parse(await response.json());
    },
    exited,
    stop: async () => await end('SIGTERM'),
    kill: async () => await end('SIGKILL'),
  };
}

function listArguments(options: StartHostOptions): string[] {
  const entry = fileURLToPath(new URL('./main.ts', import.meta.url));
  const visibility = options.receiveVisibilitySeconds;
  return [
    entry,
    '--json-log',
    '--app',
    options.app,
    '--port',
    String(options.port ?? 0),
    ...(options.hardKill === true ? ['--hard-kill'] : []),
    ...(visibility === undefined ? [] : ['--receive-visibility', String(visibility)]),
  ];
}

function createEnvironment({ env, caFile, keys }: StartHostOptions): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const name of inherited) {
    const value = process.env[name];
    if (value !== undefined) environment[name] = value;
  }
  if (caFile !== undefined) environment['NODE_EXTRA_CA_CERTS'] = caFile;
  if (keys !== undefined) {
    const list = Object.entries(keys).map(([name, key]) => `${name}=${String(key)}`);
    // By environment, not by argument: the process list shows arguments to everybody.
    environment['LOCAL_HOST_KEYS'] = list.join(',');
  }
  return { ...environment, ...env };
}

interface LogCollection {
  readonly lines: LogLine[];
  readonly events: EventEmitter<{ line: [LogLine] }>;
}

function collectLogs(child: ChildProcess, onLog: ((line: LogLine) => void) | undefined): LogCollection {
  const collection: LogCollection = { lines: [], events: new EventEmitter() };
  collection.events.setMaxListeners(0);
  for (const stream of [child.stdout, child.stderr]) {
    if (stream === null) continue;
    createInterface({ input: stream }).on('line', (text) => {
      const line = parseLogLine(text, stream === child.stderr);
      collection.lines.push(line);
      onLog?.(line);
      collection.events.emit('line', line);
    });
  }
  return collection;
}

function parseLogLine(text: string, isError: boolean): LogLine {
  if (text.startsWith('{"time":')) {
    try {
      const line: LogLine = JSON.parse(text);
      return line;
    } catch {
      // cut off by a kill: keep the text
    }
  }
  const level = isError ? 'Error' : 'Information';
  return { time: new Date().toISOString(), level, category: 'Console', message: text };
}

async function waitForLine(
  { lines, events }: LogCollection,
  exited: Promise<HostExit>,
  fits: (line: LogLine) => boolean,
  timeoutMs: number,
): Promise<LogLine> {
  const written = lines.find(fits);
  if (written !== undefined) return written;
  const found = Promise.withResolvers<LogLine>();
  const describe = (why: string): Error => {
    return new Error(`${why}\n${lines.map((line) => line.message).join('\n')}`);
  };
  const look = (line: LogLine): void => {
    if (fits(line)) found.resolve(line);
  };
  events.on('line', look);
  const timer = setTimeout(() => found.reject(describe(`No such log line within ${timeoutMs} ms.`)), timeoutMs);
  exited.then(
    ({ code, signal }) => found.reject(describe(`The host ended (${String(signal ?? code)}).`)),
    () => {},
  );
  try {
    return await found.promise;
  } finally {
    clearTimeout(timer);
    events.off('line', look);
  }
}
