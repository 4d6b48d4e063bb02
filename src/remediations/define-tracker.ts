import type { Parameters, Policy } from '../policy/define-policy.ts';
import type { RelatedName, ResourceType } from '../resources/resource-map.ts';
import type { Advice, AdviceContext } from './advice.ts';

/** Opens tickets for one policy's violations, which people have to mend: Dockwarden changes nothing. */
export interface Tracker<
  T extends ResourceType = ResourceType,
  N extends RelatedName = RelatedName,
  P extends Parameters = Parameters,
> {
  readonly id: string;
  readonly title: string;
  /** The policy whose violations get tickets. */
  readonly tracks: Policy<T, N, P>;
  /** What to do about a violation. Pure, and never throws. */
  advise(context: AdviceContext): Advice;
}

/** Returns its argument; infers the types of the policy. */
export function defineTracker<const T extends ResourceType, const N extends RelatedName, const P extends Parameters>(
  tracker: Tracker<T, N, P>,
): Tracker<T, N, P> {
  return tracker;
}
