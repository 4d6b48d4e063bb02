import type { AzureClients } from './clients.ts';

/** Spelling of an RBAC action: `Microsoft.<Provider>/<type>/<verb>`; never a wildcard. */
export type RbacAction = `Microsoft.${string}/${string}`;

/** What a call gets besides its arguments: the clients, its deadline, and where to note request ids. */
export interface CallContext {
  readonly clients: AzureClients;
  /** Deadline of one request; cut to what is left of the lease. */
  readonly signal: AbortSignal;
  /** Deadline of a whole long-running operation; when it passes, the read-back decides later. */
  readonly operationSignal: AbortSignal;
  /** Takes the `x-ms-request-id` of every answer, for the audit row. */
  readonly noteRequestId: (requestId: string) => void;
  /** GUID of the run that a write belongs to; Azure keeps it as the correlation id of the Activity Log. Absent outside a run. */
  readonly correlationId?: string;
  /** The run that a write belongs to: for writes that leave its id behind. */
  readonly runId?: string;
  /** Is this the id of a run about the same violation, whatever became of it, which would have settled it? Absent outside a run. */
  readonly isSameViolation?: (runId: string) => boolean;
}

/** The headers that every write of a run carries. */
export function runHeaders({ correlationId }: Pick<CallContext, 'correlationId'>): Readonly<Record<string, string>> {
  return correlationId === undefined ? {} : { 'x-ms-correlation-request-id': correlationId };
}

// The top type of an argument tuple: `unknown[]` would refuse every operation with a typed argument (parameters are contravariant).
// oxlint-disable-next-line typescript/no-explicit-any
type AnyArguments = readonly any[];

interface OperationBase {
  /** `<type>.<verb>`, unique; the name in the audit row. */
  readonly id: string;
}

/**
 * Everything that is checked for a call, polls of a long-running operation included; the generated roles are made of these. `actions` is what
 * Azure Resource Manager checks, `dataActions` what a service checks by itself. At least one of both is there.
 */
type Permissions =
  | {
      readonly actions: readonly [RbacAction, ...RbacAction[]];
      readonly dataActions?: readonly RbacAction[];
    }
  | {
      readonly actions: readonly RbacAction[];
      readonly dataActions: readonly [RbacAction, ...RbacAction[]];
    };

interface ReadCall<A extends AnyArguments, Out> extends OperationBase {
  run(context: CallContext, ...args: A): Promise<Out>;
}

interface WriteCall<A extends AnyArguments> extends OperationBase {
  /** Does a second identical call lead to the same state? False for a rotation. */
  readonly repeatable: boolean;
  run(context: CallContext, ...args: A): Promise<void>;
}

/** A call that changes nothing in Azure. */
export type Read<A extends AnyArguments = AnyArguments, Out = unknown> = Permissions &
  ReadCall<A, Out> & { readonly effect: 'read'; readonly repeatable: true };

/** A call that changes Azure. Returns nothing, so that `observe` can skip it and no fix can depend on its answer. */
export type Write<A extends AnyArguments = AnyArguments> = Permissions & WriteCall<A> & { readonly effect: 'write' };

export type Operation = Read | Write;

export function defineRead<A extends AnyArguments, Out>(operation: Permissions & ReadCall<A, Out>): Read<A, Out> {
  return { ...operation, effect: 'read', repeatable: true };
}

export function defineWrite<A extends AnyArguments>(operation: Permissions & WriteCall<A>): Write<A> {
  return { ...operation, effect: 'write' };
}

/** Each declared operation as a function of its own arguments; what a remediation sees as `ops`. */
export type Bound<U extends Readonly<Record<string, Operation>>> = {
  readonly [K in keyof U]: U[K] extends Read<infer A, infer Out>
    ? (...args: A) => Promise<Out>
    : U[K] extends Write<infer A>
      ? (...args: A) => Promise<void>
      : never;
};
