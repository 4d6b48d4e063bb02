import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type WorkerCommand, type WorkerConfig, WorkerNote } from './worker-messages.ts';

export interface WorkerPoolOptions {
  readonly size: number;
  /** Of the process: settings, identity, trusted certificates. */
  readonly environment: Readonly<Record<string, string>>;
  /** Asked for every process that starts: the paces of the clock change. */
  readonly config: () => WorkerConfig;
  readonly onNote: (note: WorkerNote) => void;
}

const READY_MS = 60_000;
const STOP_MS = 10_000;
const INHERITED = ['PATH', 'HOME', 'TMPDIR', 'LANG'];

/** The worker processes: always as many as asked for, whoever is killed. Only processes started here are ever signalled. */
export class WorkerPool {
  readonly #options: WorkerPoolOptions;
  readonly #workers = new Set<ChildProcess>();
  /** Who works on which resource. */
  readonly #busy = new Map<string, ChildProcess>();
  readonly #killed = new Set<ChildProcess>();
  /** Exits that nobody asked for, in words. */
  readonly crashes: string[] = [];
  #isStopping = false;

  private constructor(options: WorkerPoolOptions) {
    this.#options = options;
  }

  /** Resolves when all of them listen. */
  static async start(options: WorkerPoolOptions): Promise<WorkerPool> {
    const pool = new WorkerPool(options);
    try {
      await Promise.all(Array.from({ length: options.size }, async () => await pool.#start()));
    } catch (error) {
      await pool.stop();
      throw error;
    }
    return pool;
  }

  get killed(): number {
    return this.#killed.size;
  }

  /** Kills (SIGKILL) whoever works on this resource; false when nobody is known to. */
  killWorkerOn(resource: string): boolean {
    const worker = this.#busy.get(resource);
    if (worker === undefined || !this.#workers.has(worker)) return false;
    this.#kill(worker);
    return true;
  }

  /** Kills one of them, whatever it is doing. */
  killAny(share: number): boolean {
    const workers = [...this.#workers];
    const worker = workers[Math.floor(share * workers.length)];
    if (worker === undefined) return false;
    this.#kill(worker);
    return true;
  }

  tellAll(command: WorkerCommand): void {
    for (const worker of this.#workers) if (worker.connected) worker.send(command);
  }

  tellOne(command: WorkerCommand): void {
    const worker = [...this.#workers].find(({ connected }) => connected);
    worker?.send(command);
  }

  /** Lets them finish what they have begun; who does not end in time is killed. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.tellAll({ type: 'stop' });
    await Promise.all(
      [...this.#workers].map(async (worker) => {
        const timer = setTimeout(() => worker.kill('SIGKILL'), STOP_MS);
        await hasEnded(worker);
        clearTimeout(timer);
      }),
    );
  }

  #kill(worker: ChildProcess): void {
    this.#killed.add(worker);
    this.#workers.delete(worker);
    worker.kill('SIGKILL');
  }

  async #start(): Promise<void> {
    const { environment, config } = this.#options;
    const inherited = INHERITED.map((name) => [name, process.env[name]]).filter(([, value]) => value !== undefined);
    const worker = fork(fileURLToPath(new URL('./worker.ts', import.meta.url)), {
      env: { ...Object.fromEntries(inherited), ...environment, CHAOS_WORKER: JSON.stringify(config()) },
      execArgv: [],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      // In a process group of its own, Ctrl-C in a terminal reaches the starter only, which ends things in order.
      detached: true,
    });
    this.#workers.add(worker);
    const errors: string[] = [];
    worker.stderr?.on('data', (chunk) => errors.push(String(chunk)));
    const killWithParent = (): void => {
      worker.kill('SIGKILL');
    };
    process.once('exit', killWithParent);
    worker.once('exit', (code, signal) => {
      process.removeListener('exit', killWithParent);
      this.#onExit(worker, `${signal ?? code}: ${errors.join('').slice(-2000)}`);
    });
    const ready = Promise.withResolvers<void>();
    worker.on('message', (message: unknown) => {
      const note = WorkerNote.parse(message);
      if (note.type === 'ready') ready.resolve();
      this.#take(worker, note);
    });
    worker.once('exit', () => ready.reject(new Error(`a worker ended before it was ready:\n${errors.join('')}`)));
    const timer = setTimeout(() => ready.reject(new Error('a worker was not ready in time')), READY_MS);
    await ready.promise.finally(() => clearTimeout(timer));
  }

  #take(worker: ChildProcess, note: WorkerNote): void {
    if (note.type === 'look') this.#busy.set(note.resource, worker);
    if (note.type === 'left' && this.#busy.get(note.resource) === worker) this.#busy.delete(note.resource);
    this.#options.onNote(note);
  }

  #onExit(worker: ChildProcess, how: string): void {
    this.#workers.delete(worker);
    for (const [resource, busy] of this.#busy) if (busy === worker) this.#busy.delete(resource);
    if (this.#isStopping) return;
    if (!this.#killed.has(worker)) this.crashes.push(how);
    // Too many crashes at the start would never end.
    if (this.crashes.length > this.#options.size * 3) return;
    this.#start().catch((error: unknown) => {
      if (!this.#isStopping) this.crashes.push(String(error));
    });
  }
}

async function hasEnded(worker: ChildProcess): Promise<void> {
  if (worker.exitCode === null && worker.signalCode === null) await once(worker, 'exit');
}
