import type { Bound, Operation, RbacAction } from '../azure/operation.ts';
import type { Evidence, Parameter, Parameters, Policy, Values } from '../policy/define-policy.ts';
import type { ResourceId } from '../resources/resource-id.ts';
import type { RelatedName, ResourceMap, ResourceType } from '../resources/resource-map.ts';
import type { Advice, AdviceContext } from './advice.ts';

/** JSON Pointer (RFC 6901) into the raw ARM body, for example `/properties/adminUserEnabled`. */
export type JsonPointer = `/${string}`;

/** Values of the touched paths at one moment; a path that is missing here was absent from the body. */
export type TouchedValues = Readonly<Record<JsonPointer, unknown>>;

/** May the fix go ahead? `because` is for people (ticket, audit); `reason` is a stable code. */
export type Preflight =
  | { readonly go: true }
  | { readonly go: false; readonly reason: string; readonly because: string };

/** What a remediation knows about the violation that it is asked to fix. */
export interface Violation<T extends ResourceType, P extends Parameters> {
  readonly target: ResourceId;
  readonly resource: ResourceMap[T];
  readonly evidence: Evidence;
  /** The values of the policy's own parameters. */
  readonly parameters: Values<P>;
  /** Address of the vault for the secrets that the fix makes; absent = they are discarded. */
  readonly secretVault?: string;
}

export interface FixContext<T extends ResourceType, P extends Parameters, U extends Readonly<Record<string, Operation>>>
  extends Violation<T, P> {
  readonly ops: Bound<U>;
}

export interface UndoContext<T extends ResourceType, U extends Readonly<Record<string, Operation>>> {
  readonly target: ResourceId;
  /** The resource as it is now; absent when it cannot be read as its type. */
  readonly resource?: ResourceMap[T];
  readonly ops: Bound<U>;
  /** The touched paths before the fix, exactly as read. */
  readonly before: TouchedValues;
  /** The touched paths as the fix left them (verified). */
  readonly after: TouchedValues;
}

interface Base<
  T extends ResourceType,
  N extends RelatedName,
  P extends Parameters,
  U extends Readonly<Record<string, Operation>>,
> {
  readonly id: string;
  readonly title: string;
  /** The policy whose violation this fixes. */
  readonly fixes: Policy<T, N, P>;
  /** What stops working, for whom, when this runs. */
  readonly impact: string;
  /** Every operation it can call: its role is made of these. */
  readonly uses: U;
  /** Paths that the fix may change; their values before and after are recorded, and nothing else may differ. */
  touches(violation: Violation<T, P>): readonly JsonPointer[];
  /** When somebody else performed `action` on the resource, wait for `grace` (milliseconds) before acting. */
  readonly yieldsTo?: { readonly action: RbacAction; readonly grace: Parameter<number> };
  /** The vault that takes the secrets which the fix makes, if the operator names one. */
  readonly storesIn?: Parameter<string | undefined>;
  /** Other policies whose violation this fix cures by the way (their `lastFixedAt` moves along). */
  readonly renews?: readonly { readonly id: string }[];
  /** Reads what would break. Absent = nothing to check. */
  preflight?(context: FixContext<T, P, U>): Promise<Preflight>;
  fix(context: FixContext<T, P, U>): Promise<void>;
  /** What a person has to do when the fix may not: `reason` is the code of the decision or of the pre-flight. Pure, and never throws. */
  advise(context: AdviceContext & { readonly reason: string }): Advice;
}

/** How one policy's violation is fixed, and how that is taken back – or why it cannot be. */
export type Remediation<
  T extends ResourceType = ResourceType,
  N extends RelatedName = RelatedName,
  P extends Parameters = Parameters,
  U extends Readonly<Record<string, Operation>> = Readonly<Record<string, Operation>>,
> = Base<T, N, P, U> &
  (
    | {
        undo(context: UndoContext<T, U>): Promise<void>;
        /** Do the touched paths mean the same as before, where Azure cannot show the very same again? Absent = they have to be equal. */
        isRestored?(before: TouchedValues, current: TouchedValues): boolean;
        readonly irreversible?: never;
      }
    | { readonly irreversible: string; readonly undo?: never; readonly isRestored?: never }
  );

/** Returns its argument; infers the types so that nothing undeclared can be called. */
export function defineRemediation<
  const T extends ResourceType,
  const N extends RelatedName,
  const P extends Parameters,
  const U extends Readonly<Record<string, Operation>>,
>(remediation: Remediation<T, N, P, U>): Remediation<T, N, P, U> {
  return remediation;
}
