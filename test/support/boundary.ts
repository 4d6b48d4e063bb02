import type { AzureSimulator } from '../../local/azure/simulator.ts';
import type { EngineContext } from '../../src/engine/ports.ts';
import { DockwardenError } from '../../src/errors.ts';

/** What goes wrong at one call over the boundary of the process. */
export const mishaps = ['throws before', 'throws after', 'dies before', 'dies after'] as const;
/** `before` and `after` say whether the call had its effect; who dies makes no further call, and its lease stays. */
export type Mishap = (typeof mishaps)[number];

interface Worker {
  isDead: boolean;
}

/** Methods whose answer is a list that is read while it comes. */
const LISTS = new Set(['leftovers', 'ofSubscription', 'all', 'list']);

/** Every call of the engine to the world outside, counted, of which one can be made to go wrong. */
export class Boundary {
  /** Names of the calls so far. */
  readonly calls: string[] = [];
  #armed: ReadonlyMap<number, Mishap> = new Map();
  #worker: Worker = { isDead: false };
  #atAzure: Mishap | 'dead' | undefined;

  /** The n-th calls from now on (from 1) go wrong. */
  arm(armed: Iterable<readonly [at: number, mishap: Mishap]>): void {
    this.calls.length = 0;
    this.#armed = new Map(armed);
  }

  /** Did the worker of the last invocation die? */
  get hasDied(): boolean {
    return this.#worker.isDead;
  }

  /** The worker of the present invocation makes no further call. */
  kill(): void {
    this.#worker.isDead = true;
  }

  /** For `EngineHarnessOptions.wrapContext`: each invocation is a worker of its own. */
  readonly wrapContext = (context: EngineContext): EngineContext => {
    const worker = { isDead: false };
    this.#worker = worker;
    return {
      ...context,
      audit: this.#guard(context.audit, 'audit', worker),
      findings: this.#guard(context.findings, 'findings', worker),
      work: this.#guard(context.work, 'work', worker),
      queue: this.#guard(context.queue, 'queue', worker),
      sweeps: this.#guard(context.sweeps, 'sweeps', worker),
      breakers: this.#guard(context.breakers, 'breakers', worker),
      approvals: this.#guard(context.approvals, 'approvals', worker),
      poison: this.#guard(context.poison, 'poison', worker),
    };
  };

  /** Azure's side: an answer that never comes, with or without the request having been obeyed. */
  watch({ faults }: AzureSimulator): void {
    const isLost = () =>
      this.#atAzure === 'throws before' || this.#atAzure === 'dies before' || this.#atAzure === 'dead';
    faults.add({
      caller: 'dockwarden',
      times: Infinity,
      when: ({ method, path }) => {
        if (this.#worker.isDead) {
          this.#atAzure = 'dead';
        } else {
          this.#atAzure = this.#cross(`azure.${method} ${path.split('/').at(-1) ?? ''}`);
          if (this.#atAzure?.startsWith('dies') === true) this.#worker.isDead = true;
        }
        return isLost();
      },
      effect: { kind: 'drop' },
    });
    faults.add({
      caller: 'dockwarden',
      times: Infinity,
      when: () => this.#atAzure === 'throws after' || this.#atAzure === 'dies after',
      effect: { kind: 'apply-then-drop' },
    });
  }

  #cross(name: string): Mishap | undefined {
    this.calls.push(name);
    return this.#armed.get(this.calls.length);
  }

  #guard<T extends object>(port: T, name: string, worker: Worker): T {
    return new Proxy(port, {
      get: (target, property) => {
        const method: unknown = Reflect.get(target, property);
        if (typeof method !== 'function') return method;
        const call = `${name}.${String(property)}`;
        const perform = (args: readonly unknown[]): unknown => Reflect.apply(method, target, args);
        if (!LISTS.has(String(property))) {
          return async (...args: readonly unknown[]) => await this.#pass(call, worker, async () => await perform(args));
        }
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the ports declare these methods as lists
        return (...args: readonly unknown[]) => this.#list(call, worker, perform(args) as AsyncIterable<unknown>);
      },
    });
  }

  async #pass<T>(call: string, worker: Worker, effect: () => Promise<T>): Promise<T> {
    const failure = new DockwardenError('STORAGE_UNAVAILABLE', `no answer to ${call}`);
    if (worker.isDead) throw failure;
    const mishap = this.#cross(call);
    const kill = mishap?.startsWith('dies') === true;
    if (mishap === 'throws before' || mishap === 'dies before') {
      worker.isDead = kill;
      throw failure;
    }
    const result = await effect();
    if (mishap !== undefined) {
      worker.isDead = kill;
      throw failure;
    }
    return result;
  }

  async *#list(call: string, worker: Worker, items: AsyncIterable<unknown>): AsyncIterable<unknown> {
    await this.#pass(call, worker, async () => await Promise.resolve());
    yield* items;
  }
}
