import type { EngineContext } from '../../src/engine/ports.ts';
import type { TicketSystem } from '../../src/tickets/ticket-system.ts';

/** `before` and `after` say whether the call at which the worker dies still had its effect. */
export type Death = 'before' | 'after';

/** Ends an invocation at once, wherever it is; what it has taken stays taken. */
class WorkerDied extends Error {}

const PORTS = ['audit', 'tickets', 'ticketQueue', 'ticketRates', 'ticketSystem'] as const;

/** A worker whose process ends at its n-th call to the world outside (from 1), and which makes no call after that. */
export class MortalWorker {
  /** Names of the calls that had their effect. */
  readonly calls: string[] = [];
  readonly #last: number;
  readonly #death: Death;
  #count = 0;

  constructor(last: number, death: Death) {
    this.#last = last;
    this.#death = death;
  }

  get isDead(): boolean {
    return this.#count >= this.#last;
  }

  /** The context of the worker's one invocation. */
  readonly wrap = (context: EngineContext): EngineContext => {
    const wrapped: Record<string, unknown> = {};
    for (const name of PORTS) {
      const port: EngineContext[typeof name] = context[name];
      wrapped[name] = port === undefined ? undefined : this.#guard(port, name);
    }
    return { ...context, ...wrapped };
  };

  #guard<T extends object>(port: T, name: string): T {
    return new Proxy(port, {
      get: (target, property) => {
        const member: unknown = Reflect.get(target, property);
        if (typeof member !== 'function') return member;
        return async (...args: readonly unknown[]): Promise<unknown> => {
          if (this.isDead) throw new WorkerDied();
          this.#count += 1;
          if (this.isDead && this.#death === 'before') throw new WorkerDied();
          const answer: unknown = await Reflect.apply(member, target, args);
          this.calls.push(`${name}.${String(property)}`);
          if (this.isDead) throw new WorkerDied();
          return answer;
        };
      },
    });
  }
}

/** A system one of whose calls waits, before or after it is made, until it is let go. */
export function pausing<S extends TicketSystem>(
  system: S,
  call: string,
  moment: Death,
): { readonly system: S; readonly reached: Promise<void>; readonly resume: () => void } {
  const reached = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  const paused = new Proxy(system, {
    get: (target, property) => {
      const member: unknown = Reflect.get(target, property);
      if (property !== call || typeof member !== 'function') return member;
      return async (...args: readonly unknown[]): Promise<unknown> => {
        const answer: unknown = moment === 'after' ? await Reflect.apply(member, target, args) : undefined;
        reached.resolve();
        await gate.promise;
        return moment === 'after' ? answer : await Reflect.apply(member, target, args);
      };
    },
  });
  return { system: paused, reached: reached.promise, resume: gate.resolve };
}
