import { randomUUID } from 'node:crypto';
import type { Json } from './json.ts';
import type { Clock } from './provider.ts';

/** How a write is answered: 200 at once, or long-running as 201 or 202; `async` = the form its provider uses. */
type WriteMode = 200 | 201 | 202 | 'async';
export type OperationResult = 'Succeeded' | 'Failed' | 'Canceled';

/** How matching writes run. Without `polls` and `milliseconds` an operation ends at its second status request. */
export interface WriteRule {
  readonly method?: string;
  /** Tested against the request path. */
  readonly path?: RegExp;
  readonly mode: WriteMode;
  /** Status requests answered InProgress before the end. */
  readonly polls?: number;
  /** Ends this long (simulator's clock) after it was accepted, whether polled or not. */
  readonly milliseconds?: number;
  /** Default Succeeded. */
  readonly result?: OperationResult;
  readonly error?: { readonly code: string; readonly message: string };
  /** Default 1; 0 makes clients poll without waiting. */
  readonly retryAfterSeconds?: number;
  /** ACR: status URL of more than 4 KB, as seen in Azure. Default true for ACR. */
  readonly longUrl?: boolean;
}

/** A long-running operation. */
export interface Operation {
  readonly id: string;
  readonly resourceId: string;
  readonly rule: WriteRule;
  readonly startedAt: Date;
  status: 'InProgress' | OperationResult;
  endedAt?: Date;
  /** What the result URL (`Location`) answers in the end. */
  resultBody?: Json | undefined;
}

interface Running {
  readonly operation: Operation;
  pollsLeft: number | undefined;
  readonly endsAt: number | undefined;
  onEnd: (result: OperationResult) => Json | undefined;
}

const DEFAULT_POLLS = 1;

/** Long-running operations and the rules that decide which writes become one. */
export class Operations {
  /** The first rule that matches decides; none = answered 200 at once. */
  readonly rules: WriteRule[] = [];
  readonly #clock: Clock;
  readonly #all = new Map<string, Operation>();
  readonly #running = new Map<string, Running>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Rule for a write, undefined = synchronous. */
  ruleFor(method: string, path: string): WriteRule | undefined {
    const rule = this.rules.find(
      (candidate) => (candidate.method ?? method) === method && (candidate.path?.test(path) ?? true),
    );
    return rule?.mode === 200 ? undefined : rule;
  }

  start(resourceId: string, rule: WriteRule, onEnd: (result: OperationResult) => Json | undefined): Operation {
    const startedAt = this.#clock.now();
    const operation: Operation = { id: randomUUID(), resourceId, rule, startedAt, status: 'InProgress' };
    const endsAt = rule.milliseconds === undefined ? undefined : startedAt.getTime() + rule.milliseconds;
    const pollsLeft = rule.polls ?? (endsAt === undefined ? DEFAULT_POLLS : undefined);
    this.#all.set(operation.id, operation);
    this.#running.set(operation.id, { operation, pollsLeft, endsAt, onEnd });
    // With a real clock the operation ends by itself; with a test's clock the next request or settle() ends it.
    if (rule.milliseconds !== undefined) setTimeout(() => this.settle(), rule.milliseconds).unref();
    return operation;
  }

  /** The unfinished operation on a resource, if any. */
  runningOn(resourceId: string): Operation | undefined {
    const key = resourceId.toLowerCase();
    for (const { operation } of this.#running.values()) {
      if (operation.resourceId.toLowerCase() === key) return operation;
    }
    return undefined;
  }

  /** A status request: counts one poll. */
  poll(id: string): Operation | undefined {
    const running = this.#running.get(id);
    if (running?.pollsLeft !== undefined) {
      if (running.pollsLeft <= 0) this.#end(running);
      else running.pollsLeft -= 1;
    }
    return this.#all.get(id);
  }

  /** Ends what is due by the clock. */
  settle(): void {
    const now = this.#clock.now().getTime();
    for (const running of this.#running.values()) {
      if (running.endsAt !== undefined && running.endsAt <= now) this.#end(running);
    }
  }

  /** Ends everything that still runs, as its rule says or with the given result. */
  finishAll(result?: OperationResult): void {
    for (const running of this.#running.values()) this.#end(running, result);
  }

  /** Calling the result makes every operation started since end without an effect. */
  checkpoint(): () => void {
    const known = new Set(this.#running.keys());
    return () => {
      for (const [id, running] of this.#running) if (!known.has(id)) running.onEnd = () => undefined;
    };
  }

  list(): readonly Operation[] {
    return [...this.#all.values()];
  }

  #end(running: Running, result: OperationResult = running.operation.rule.result ?? 'Succeeded'): void {
    const { operation } = running;
    this.#running.delete(operation.id);
    operation.status = result;
    operation.endedAt = this.#clock.now();
    operation.resultBody = running.onEnd(result);
  }
}
