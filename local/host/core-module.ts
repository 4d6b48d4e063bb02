import Module from 'node:module';

/** Value as the host and the worker exchange it; exactly one member is set. */
export interface TypedData {
  readonly string?: string;
  readonly json?: string;
  readonly bytes?: Uint8Array;
  readonly int?: number;
  readonly double?: number;
  readonly http?: HttpData;
  readonly collectionString?: { readonly string: readonly string[] };
}

export interface HttpData {
  readonly method?: string;
  readonly url?: string;
  readonly nullableHeaders?: Record<string, { value: string }>;
  readonly nullableQuery?: Record<string, { value: string }>;
  readonly nullableParams?: Record<string, { value: string }>;
  readonly body?: TypedData | undefined;
  readonly statusCode?: string;
  readonly headers?: Record<string, string>;
  readonly cookies?: readonly HttpCookie[];
}

export interface HttpCookie {
  readonly name?: string;
  readonly value?: string;
  readonly path?: { readonly value?: string };
  readonly httpOnly?: { readonly value?: boolean };
  readonly secure?: { readonly value?: boolean };
}

export interface Binding {
  readonly type: string;
  readonly direction?: string;
  readonly [option: string]: unknown;
}

/** Durations as the library writes them (`google.protobuf.Duration`). */
export interface RpcDuration {
  readonly seconds?: number | string;
  readonly nanos?: number;
}

export interface RetryOptions {
  readonly maxRetryCount?: number;
  readonly retryStrategy?: string;
  readonly delayInterval?: RpcDuration;
  readonly minimumInterval?: RpcDuration;
  readonly maximumInterval?: RpcDuration;
}

type Handler = (...args: unknown[]) => unknown;

export interface RegisteredFunction {
  readonly id: string;
  readonly name: string;
  readonly bindings: Readonly<Record<string, Binding>>;
  readonly retryOptions: RetryOptions | undefined;
  readonly handler: Handler;
}

type HookName = 'appStart' | 'appTerminate' | 'preInvocation' | 'postInvocation' | 'log';
type HookContext = Record<string, unknown>;
type Hook = (context: HookContext) => unknown;

export interface InvocationResponse {
  readonly outputData?: readonly { readonly name: string; readonly data: TypedData }[];
  readonly returnValue?: TypedData | null;
}

interface InvocationModel {
  getArguments(): Promise<{ context: unknown; inputs: unknown[] }>;
  invokeFunction(context: unknown, inputs: unknown[], handler: Handler): Promise<unknown>;
  getResponse(context: unknown, result: unknown): Promise<InvocationResponse>;
}

interface ProgrammingModel {
  readonly name: string;
  readonly version: string;
  getInvocationModel(coreContext: object): InvocationModel | Promise<InvocationModel>;
  getCapabilities?(capabilities: object): unknown;
}

/** Category: `user` is what the app logged with its context, `system` what the library and the worker say. */
export type CoreLog = (level: string, category: string, message: string) => void;

/** All that one app has told its worker. */
export interface Registry {
  readonly functions: Map<string, RegisteredFunction>;
  readonly hooks: Record<HookName, Hook[]>;
  readonly appHookData: Record<string, unknown>;
  readonly log: CoreLog;
  model: ProgrammingModel | undefined;
  /** Set once the entry has been loaded; registering later throws. */
  locked: boolean;
}

export function createRegistry(log: CoreLog): Registry {
  return {
    functions: new Map(),
    hooks: { appStart: [], appTerminate: [], preInvocation: [], postInvocation: [], log: [] },
    appHookData: {},
    log,
    model: undefined,
    locked: false,
  };
}

/** Log hooks see, and may rewrite, every line before it is written. */
export function runLogHooks(registry: Registry, level: string, category: string, message: string): HookContext {
  const context: HookContext = { level, category, message, hookData: {}, appHookData: registry.appHookData };
  for (const hook of registry.hooks.log) hook(context);
  return context;
}

/** What `Disposable` of the core module does: a registration that can be taken back. */
class Disposable {
  readonly #undo: () => unknown;

  constructor(undo: () => unknown) {
    this.#undo = undo;
  }

  static from(...disposables: readonly { dispose(): unknown }[]): Disposable {
    return new Disposable(() => {
      for (const disposable of disposables) disposable.dispose();
    });
  }

  dispose(): unknown {
    return this.#undo();
  }
}

/** Which registry the core module speaks to. Node has one module loader per process, so there is one of these too. */
const active: { registry: Registry | undefined; installed: boolean } = { registry: undefined, installed: false };

/**
 * Makes `require('@azure/functions-core')` answer for this registry, in the way the real worker does it: a Proxy on
 * `Module.prototype.require` that knows this one name. The library asks once and keeps the answer, hence one module
 * object that looks up the active registry at each call.
 */
export function provideCoreModule(registry: Registry): void {
  active.registry = registry;
  if (active.installed) return;
  active.installed = true;
  const core = createCoreModule();
  const original: (specifier: string) => unknown = Reflect.get(Module.prototype, 'require');
  const proxy = new Proxy(original, {
    apply: (target, self, args: [string]): unknown =>
      args[0] === '@azure/functions-core' ? core : Reflect.apply(target, self, args),
  });
  Reflect.set(Module.prototype, 'require', proxy);
}

function currentRegistry(): Registry {
  if (active.registry === undefined) throw new Error('No function app is being loaded.');
  return active.registry;
}

function createCoreModule(): Record<string, unknown> {
  return {
    // Log hooks need worker 3.10 and host 4.34 or later.
    version: '3.13.0-local',
    hostVersion: '4.1048.200-local',
    Disposable,
    setProgrammingModel(model: ProgrammingModel): void {
      const registry = currentRegistry();
      registry.model = model;
      registry.log('information', 'system', `Programming model ${model.name} ${model.version}`);
    },
    getProgrammingModel: () => currentRegistry().model,
    log(level: string, category: string, message: string): void {
      const registry = currentRegistry();
      const line = runLogHooks(registry, level, category, message);
      registry.log(String(line['level']), category, String(line['message']));
    },
    registerHook,
    registerFunction,
  };
}

function isHookName(registry: Registry, name: string): name is HookName {
  return Object.hasOwn(registry.hooks, name);
}

function registerHook(name: string, hook: Hook): Disposable {
  const registry = currentRegistry();
  if (!isHookName(registry, name)) throw new RangeError(`Unrecognized hook "${name}"`);
  registry.hooks[name].push(hook);
  return new Disposable(() => {
    registry.hooks[name] = registry.hooks[name].filter((other) => other !== hook);
  });
}

interface FunctionMetadata {
  readonly name: string;
  readonly functionId?: string;
  readonly bindings: Record<string, Binding>;
  readonly retryOptions?: RetryOptions;
}

function registerFunction(metadata: FunctionMetadata, handler: Handler): Disposable {
  const registry = currentRegistry();
  if (registry.locked) throw new Error('A function can only be registered during app startup.');
  const id = metadata.functionId ?? metadata.name;
  if (registry.functions.has(id)) throw new Error(`A function with id "${id}" has already been registered.`);
  const { name, bindings, retryOptions } = metadata;
  registry.functions.set(id, { id, name, bindings, retryOptions, handler });
  return new Disposable(() => registry.functions.delete(id));
}
