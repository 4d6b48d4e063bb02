import type { EngineContext } from './ports.ts';

/** Who asks: a person whom the platform has verified, or the function key that was used. */
export interface Operator {
  /** Object id, or `key:<fingerprint>`. */
  readonly id: string;
  readonly type: 'User' | 'ServicePrincipal' | 'Key';
  /** Only with `AUDIT_ACTOR_NAMES=on`. */
  readonly name?: string;
}

export const reviewActions = ['approve', 'reject', 'undo', 'release', 'reset'] as const;
export type ReviewAction = (typeof reviewActions)[number];

/** The answer to an operator's request. */
export type ReviewAnswer =
  /** Recorded and asked for; what comes of it is in the audit rows whose `causeId` is this id. */
  | { readonly result: 'accepted'; readonly requestId: string; readonly message: string }
  | { readonly result: 'refused'; readonly status: 400 | 404 | 409; readonly code: string; readonly message: string };

/** Takes an operator's request; every one of them, refused or not, is on record before anything happens. */
export async function review(
  context: EngineContext,
  operator: Operator,
  action: ReviewAction,
  body: unknown,
): Promise<ReviewAnswer> {
  void context;
  void operator;
  void body;
  await Promise.resolve();
  return { result: 'refused', status: 404, code: 'not-implemented', message: action };
}
