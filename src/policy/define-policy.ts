import type { RelatedMap, RelatedName, ResourceMap, ResourceType } from '../resources/resource-map.ts';

/** What was seen: a flat record that fits into a table cell and a ticket. */
export type Evidence = Readonly<Record<string, string | number | boolean | null>>;

/** Result of one policy on one snapshot. Only `violation` can lead to a fix. */
export type Verdict =
  | { readonly verdict: 'compliant' }
  | { readonly verdict: 'violation'; readonly evidence: Evidence }
  | { readonly verdict: 'not-applicable'; readonly reason: string }
  | { readonly verdict: 'unknown'; readonly missing: string };

export const compliant: Verdict = { verdict: 'compliant' };

export function violation(evidence: Evidence): Verdict {
  return { verdict: 'violation', evidence };
}

export function notApplicable(reason: string): Verdict {
  return { verdict: 'not-applicable', reason };
}

export function unknown(missing: string): Verdict {
  return { verdict: 'unknown', missing };
}

export type Severity = 'high' | 'medium' | 'low' | 'info';

/** One typed app setting that a policy reads. `parse` returns undefined for text that is not valid: the policy's fix then drops to `observe`. */
export interface Parameter<V = unknown> {
  readonly setting: string;
  readonly default: V;
  /** Meaning and unit, for the settings table. */
  readonly description: string;
  /** What a valid value looks like, for the settings table and the configuration finding. */
  readonly format: string;
  /** Two valid values that lead to different verdicts or actions; the settings test proves it. */
  readonly examples: readonly [string, string];
  parse(text: string): V | undefined;
}

export type Parameters = Readonly<Record<string, Parameter>>;
export type Values<P extends Parameters> = { readonly [K in keyof P]: P[K] extends Parameter<infer V> ? V : never };

/** Everything a policy may know besides the resource itself; nothing else is visible to it. */
export interface Facts<N extends RelatedName = RelatedName, P extends Parameters = Parameters> {
  readonly now: Date;
  /** When Dockwarden itself last fixed this violation (verified), as its finding says; undefined = never. */
  readonly lastFixedAt: Date | undefined;
  readonly related: Pick<RelatedMap, N>;
  readonly parameters: Values<P>;
}

/** A pure rule over one resource type: no clock, environment, log or I/O. */
export interface Policy<
  T extends ResourceType = ResourceType,
  N extends RelatedName = RelatedName,
  P extends Parameters = Parameters,
> {
  readonly id: string;
  readonly title: string;
  readonly severity: Severity;
  readonly resource: T;
  readonly needs?: readonly N[];
  readonly parameters?: P;
  readonly rationale: string;
  readonly references: readonly string[];
  /** The same control elsewhere, by framework: Azure Policy definition ids, Microsoft cloud security benchmark, CIS. */
  readonly frameworks?: Readonly<Partial<Record<'azurePolicy' | 'mcsb' | 'cisAks', readonly string[]>>>;
  evaluate(resource: ResourceMap[T], facts: Facts<N, P>): Verdict;
}

/** Returns its argument; infers the types so that nothing undeclared is visible in `evaluate`. */
export function definePolicy<
  const T extends ResourceType,
  const N extends RelatedName = never,
  const P extends Parameters = { readonly [K in never]: Parameter },
>(policy: Policy<T, N, P>): Policy<T, N, P> {
  return policy;
}
