import { runCorrelationId } from '../audit/audit-log.ts';
import { classifyAzureError } from '../azure/azure-error.ts';
import type { Bound, CallContext, Operation, Read } from '../azure/operation.ts';
import type { DockwardenError } from '../errors.ts';
import type { ResourceId } from '../resources/resource-id.ts';
import type { RecordedOperation } from '../work/work-items.ts';
import { type EngineContext, LIMITS } from './ports.ts';

/** How bound operations behave in one run. */
export interface Binding {
  /** `plan`: writes are recorded and not sent. */
  readonly writes: 'send' | 'plan';
  /** The run that the writes belong to; Azure is told. */
  readonly runId?: string;
  /** As an operation is told. */
  readonly isSameViolation?: CallContext['isSameViolation'];
  /** Writes that an earlier worker finished in the same run; they are not sent again. */
  readonly earlier?: readonly RecordedOperation[];
  /** Called before a write is sent; throws when the worker may not act any more. */
  beforeWrite?(): Promise<void>;
  /** Called after a write is done. */
  afterWrite?(): Promise<void>;
}

type CountedOperation = Pick<Operation, 'id' | 'effect'>;
type RunIds = Pick<Binding, 'runId' | 'isSameViolation'>;

/** Every call of one pass over one resource: deadlines, request ids and the record of what was called exist once, here. */
export class AzureCalls {
  readonly #context: EngineContext;
  readonly #target: ResourceId | undefined;
  readonly #requestIds: string[] = [];
  #operations: RecordedOperation[] = [];

  /** `target` stands for itself in every call, so the record leaves it out; a list over many resources has none. */
  constructor(context: EngineContext, target?: ResourceId) {
    this.#context = context;
    this.#target = target;
  }

  /** The request ids since the last time. */
  takeRequestIds(): readonly string[] {
    return this.#requestIds.splice(0);
  }

  /** Forgets calls and request ids: a new run begins. */
  reset(): void {
    this.#requestIds.length = 0;
    this.#operations = [];
  }

  /** The calls since the last time, as they go into the run's record; what an earlier worker did is in there already. */
  takeOperations(): readonly RecordedOperation[] {
    const taken = this.#operations.filter(({ result }) => result !== 'earlier');
    this.#operations = [];
    return taken;
  }

  /** A read of the engine itself; not part of the record. */
  async read<A extends readonly unknown[], Out>(operation: Read<A, Out>, ...args: A): Promise<Out> {
    try {
      const result = await operation.run(this.#callContext({}, LIMITS.list), ...args);
      this.#count(operation, 'done');
      return result;
    } catch (thrown) {
      throw this.#fail(operation, thrown);
    }
  }

  /** The remediation's operations as functions of their own arguments. */
  bind<U extends Readonly<Record<string, Operation>>>(uses: U, binding: Binding): Bound<U> {
    const earlier = [...(binding.earlier ?? [])];
    const bound = Object.entries(uses).map(([name, operation]) => [
      name,
      async (...args: readonly unknown[]) => await this.#perform(operation, args, binding, earlier),
    ]);
    // Each entry has exactly the type that `Bound` gives it, which `Object.fromEntries` cannot express.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    return Object.fromEntries(bound) as Bound<U>;
  }

  async #perform(
    operation: Operation,
    args: readonly unknown[],
    binding: Binding,
    earlier: RecordedOperation[],
  ): Promise<unknown> {
    const entry = {
      operation: operation.id,
      effect: operation.effect,
      args: args.filter((arg) => arg !== this.#target),
    };
    if (operation.effect === 'read') return await this.#send(operation, args, entry, binding);
    if (binding.writes === 'plan') {
      this.#operations.push({ ...entry, result: 'planned' });
      return undefined;
    }
    const next = earlier[0];
    if (next?.operation === entry.operation && JSON.stringify(next.args) === JSON.stringify(entry.args)) {
      earlier.shift();
      this.#operations.push({ ...entry, result: 'earlier' });
      return undefined;
    }
    await binding.beforeWrite?.();
    await this.#send(operation, args, entry, binding);
    await binding.afterWrite?.();
    return undefined;
  }

  async #send(
    operation: Operation,
    args: readonly unknown[],
    entry: Omit<RecordedOperation, 'result'>,
    run: RunIds,
  ): Promise<unknown> {
    try {
      const result = await operation.run(this.#callContext(run), ...args);
      this.#operations.push({ ...entry, result: 'done' });
      this.#count(operation, 'done');
      return result;
    } catch (thrown) {
      const error = this.#fail(operation, thrown);
      this.#operations.push({ ...entry, result: error.code === 'AZURE_UNKNOWN_RESULT' ? 'unknown' : 'failed' });
      throw error;
    }
  }

  /** What went wrong, as an error of ours, and counted. */
  #fail(operation: CountedOperation, thrown: unknown): DockwardenError {
    const error = classifyAzureError(thrown, operation.effect, this.#context.clock.now(), this.#target?.id);
    this.#count(operation, error.code);
    if (error.details.status === 429)
      this.#context.metrics.record({ metric: 'throttled', value: 1, attributes: { operation: operation.id } });
    return error;
  }

  #count({ id, effect }: CountedOperation, result: string): void {
    this.#context.metrics.record({ metric: 'calls', value: 1, attributes: { operation: id, effect, result } });
  }

  #callContext({ runId, isSameViolation }: RunIds, operationMs: number = LIMITS.operation): CallContext {
    return {
      ...(runId !== undefined && { correlationId: runCorrelationId(runId), runId }),
      ...(isSameViolation !== undefined && { isSameViolation }),
      clients: this.#context.clients,
      signal: AbortSignal.timeout(LIMITS.call),
      operationSignal: AbortSignal.timeout(operationMs),
      noteRequestId: (requestId) => {
        this.#requestIds.push(requestId);
      },
    };
  }
}
