import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { findTrigger } from './core.ts';
import {
  type InvocationResponse,
  type RegisteredFunction,
  type Registry,
  type RetryOptions,
  type RpcDuration,
  runLogHooks,
  type TypedData,
} from './core-module.ts';
import { describeError, type Log, toLogLevel } from './log.ts';
import { toTriggerMetadata } from './typed-data.ts';

/** What a trigger hands to its function. */
export interface TriggerInput {
  readonly data: TypedData;
  readonly metadata?: Readonly<Record<string, unknown>>;
}

export interface Invoker {
  /** Runs the function, with its retry policy where the trigger honours one. Rejects when the last try failed. */
  invoke(target: RegisteredFunction, input: TriggerInput): Promise<InvocationResponse>;
  /** Fails everything that runs: what the host does when its worker process is gone. */
  failAll(reason: Error): void;
  /** Settles once nothing runs. */
  idle(): Promise<void>;
}

export interface InvokerOptions {
  readonly registry: Registry;
  readonly log: Log;
  /** Milliseconds; Infinity = unbounded. */
  readonly timeoutMs: number;
  /** Writes output bindings; called after success only. */
  readonly writeOutputs: (target: RegisteredFunction, response: InvocationResponse) => Promise<void>;
  /** Azure restarts the whole worker process when one function exceeds its time. */
  readonly onTimeout: (error: Error) => void;
  /** Waits these milliseconds before the next try; default: real time. */
  readonly delay?: (milliseconds: number) => Promise<unknown>;
}

interface RetryContext {
  readonly retryCount: number;
  readonly maxRetryCount: number;
  readonly exception: { readonly message: string; readonly source: string; readonly stackTrace: string };
}

/** Function-level retry works for these triggers only; on a queue or Event Grid function it does nothing. */
const retryableTriggers = /^(?:timer|eventHub|kafka|cosmosDB)Trigger$/iu;

export function createInvoker(options: InvokerOptions): Invoker {
  const running = new Map<Promise<unknown>, (reason: Error) => void>();

  async function invoke(target: RegisteredFunction, input: TriggerInput): Promise<InvocationResponse> {
    const failed = Promise.withResolvers<never>();
    const attempts = invokeWithRetry(options, target, input, failed.promise);
    const settled = Promise.race([attempts, failed.promise]);
    running.set(settled, failed.reject);
    try {
      return await settled;
    } finally {
      running.delete(settled);
    }
  }

  return {
    invoke,
    failAll(reason) {
      for (const reject of running.values()) reject(reason);
    },
    async idle() {
      while (running.size > 0) await Promise.allSettled(running.keys());
    },
  };
}

async function invokeWithRetry(
  options: InvokerOptions,
  target: RegisteredFunction,
  input: TriggerInput,
  failed: Promise<never>,
): Promise<InvocationResponse> {
  const retryable = retryableTriggers.test(findTrigger(target).binding.type);
  const policy = retryable ? target.retryOptions : undefined;
  const maxRetryCount = policy?.maxRetryCount ?? 0;
  const { delay = sleep } = options;
  let retryContext: RetryContext | undefined;
  for (let retryCount = 1; ; retryCount += 1) {
    try {
      return await invokeOnce(options, target, input, retryContext);
    } catch (error) {
      if (policy === undefined || (maxRetryCount !== -1 && retryCount > maxRetryCount)) throw error;
      retryContext = { retryCount, maxRetryCount, exception: toRpcException(error) };
      await Promise.race([delay(retryDelay(policy, retryCount)), failed]);
    }
  }
}

function toRpcException(error: unknown): RetryContext['exception'] {
  const stackTrace = error instanceof Error ? (error.stack ?? '') : '';
  return { message: error instanceof Error ? error.message : String(error), source: '', stackTrace };
}

function retryDelay(policy: RetryOptions, retryCount: number): number {
  if (policy.retryStrategy === 'fixedDelay') return toMilliseconds(policy.delayInterval);
  const doubled = toMilliseconds(policy.minimumInterval) * 2 ** (retryCount - 1);
  return Math.min(toMilliseconds(policy.maximumInterval), doubled);
}

function toMilliseconds(duration: RpcDuration | undefined): number {
  return Number(duration?.seconds ?? 0) * 1000 + (duration?.nanos ?? 0) / 1_000_000;
}

async function invokeOnce(
  options: InvokerOptions,
  target: RegisteredFunction,
  input: TriggerInput,
  retryContext: RetryContext | undefined,
): Promise<InvocationResponse> {
  const invocationId = randomUUID();
  const started = performance.now();
  const report = (level: 'Information' | 'Error', message: string): void => {
    options.log(level, `Function.${target.name}`, message, { function: target.name, invocationId });
  };
  report('Information', `Executing 'Functions.${target.name}' (Id=${invocationId})`);
  const took = (): string => `Id=${invocationId}, Duration=${Math.round(performance.now() - started)}ms`;
  try {
    const work = runInWorker(options, target, input, invocationId, retryContext);
    const response = await withTimeout(work, target, options);
    await options.writeOutputs(target, response);
    report('Information', `Executed 'Functions.${target.name}' (Succeeded, ${took()})`);
    return response;
  } catch (error) {
    report('Error', `Executed 'Functions.${target.name}' (Failed, ${took()}) ${describeError(error)}`);
    throw error;
  }
}

async function withTimeout<T>(work: Promise<T>, target: RegisteredFunction, options: InvokerOptions): Promise<T> {
  if (!Number.isFinite(options.timeoutMs)) return await work;
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    const error = new Error(
      `Timeout value of ${options.timeoutMs} ms was exceeded by function: Functions.${target.name}`,
    );
    late.reject(error);
    options.onTimeout(error);
  }, options.timeoutMs);
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** The worker's own sequence: arguments, hooks before, handler, hooks after (also after a failure), response. */
async function runInWorker(
  { registry, log }: InvokerOptions,
  target: RegisteredFunction,
  input: TriggerInput,
  invocationId: string,
  retryContext: RetryContext | undefined,
): Promise<InvocationResponse> {
  if (registry.model === undefined) throw new Error('The app has set no programming model.');
  const { hooks, appHookData } = registry;
  const coreContext = {
    invocationId,
    metadata: { name: target.name, bindings: target.bindings, functionId: target.id },
    state: undefined as string | undefined,
    log(level: string, category: string, message: string): void {
      const line = runLogHooks(registry, level, category, message);
      const name = category === 'user' ? `Function.${target.name}.User` : `Function.${target.name}`;
      const detail = { function: target.name, invocationId };
      log(toLogLevel(String(line['level'])), name, String(line['message']), detail);
    },
    request: {
      invocationId,
      functionId: target.id,
      inputData: [{ name: findTrigger(target).name, data: input.data }],
      triggerMetadata: toTriggerMetadata(input.data.string, input.metadata ?? {}),
      retryContext,
      traceContext: { traceParent: createTraceParent(), traceState: '', attributes: {} },
    },
  };
  const model = await registry.model.getInvocationModel(coreContext);
  const { context, inputs } = await model.getArguments();

  const hookData = {};
  const before = { hookData, appHookData, invocationContext: context, functionCallback: target.handler, inputs };
  coreContext.state = 'preInvocationHooks';
  for (const hook of hooks.preInvocation) await hook(before);

  let result: unknown = null;
  let error: unknown = null;
  coreContext.state = 'invocation';
  try {
    result = await model.invokeFunction(context, before.inputs, before.functionCallback);
  } catch (thrown) {
    error = thrown;
  }

  const after = { hookData, appHookData, invocationContext: context, inputs: before.inputs, result, error };
  coreContext.state = 'postInvocationHooks';
  for (const hook of hooks.postInvocation) await hook(after);
  coreContext.state = undefined;

  // `throw undefined` counts as success, in Azure as well.
  if (after.error !== null && after.error !== undefined) throw toError(after.error);
  return await model.getResponse(context, after.result);
}

function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown), { cause: thrown });
}

function createTraceParent(): string {
  return `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-01`;
}
