import type { RelatedMap, RelatedName, ResourceType } from '../resources/resource-map.ts';
import type { Parameters, Policy, Values, Verdict } from './define-policy.ts';

/** One example: raw ARM JSON in, verdict out. Tests run it and the policy's page prints it. */
export interface PolicyCase<N extends RelatedName = RelatedName, P extends Parameters = Parameters> {
  /** Raw ARM body, as the service returns it. */
  readonly resource: Readonly<Record<string, unknown>>;
  readonly related?: Partial<Pick<RelatedMap, N>>;
  readonly parameters?: Partial<Values<P>>;
  readonly lastFixedAt?: Date;
  /** Default: 2026-11-02T12:00:00Z. */
  readonly now?: Date;
  readonly verdict: Verdict;
}

export interface PolicyCases<
  T extends ResourceType = ResourceType,
  N extends RelatedName = RelatedName,
  P extends Parameters = Parameters,
> {
  readonly policy: Policy<T, N, P>;
  readonly cases: Readonly<Record<string, PolicyCase<N, P>>>;
}

/** Ties examples to their policy; the key of each case is a sentence about the resource. */
export function policyCases<T extends ResourceType, N extends RelatedName, P extends Parameters>(
  policy: Policy<T, N, P>,
  cases: Readonly<Record<string, PolicyCase<N, P>>>,
): PolicyCases<T, N, P> {
  return { policy, cases };
}
