import type { RelatedMap, RelatedName, ResourceMap, ResourceType } from '../resources/resource-map.ts';

/** What was seen: a flat record that fits into a table cell and a ticket. */
export type Evidence = Readonly<Record<string, string | number | boolean | null>>;

/** Something of a part that is wrong by itself, for example a node of an agent pool: a ticket lists it. */
export interface PartItem {
  readonly name: string;
  /** Tells a new one of the same name from the old one: the uid of a Kubernetes node. */
  readonly id: string;
  /** Since when it has been wrong, ISO 8601, where that is known. */
  readonly since?: string;
  /** What was seen, in words and without numbers that grow from look to look. */
  readonly detail: string;
}

/** A part of a resource that is judged, and gets a ticket, on its own: an agent pool of a cluster. */
export interface Part {
  readonly name: string;
  /** `not-applicable`: not to be judged as it is, for example stopped; that proves nothing either way. */
  readonly verdict: 'compliant' | 'violation' | 'unknown' | 'not-applicable';
  /** What was seen, without numbers that grow from look to look: other evidence is news for a ticket. */
  readonly evidence: Evidence;
  /** Of a violation: `certain` = the thing itself says so, `likely` = inferred. */
  readonly confidence?: 'certain' | 'likely';
  /** How well it is proven: a ticket closes only on proof at least as strong as what opened it. */
  readonly strength?: ProofStrength;
  /** What is wrong in it, one by one. */
  readonly items?: readonly PartItem[];
  /** Another system says so, and is believed at once: its ticket waits for no second look. */
  readonly isCertain?: true;
  /** What its ticket is called, besides the resource; not set = after the part and the policy. */
  readonly title?: string;
  /** Not set = that of the policy. */
  readonly severity?: Severity;
}

/** 3 = the thing itself says so (metric, annotation, boot id), 2 = a label on it, 1 = inferred (ARM, kernels of its neighbours, an event). */
export type ProofStrength = 1 | 2 | 3;

/** What a verdict says of parts, each of which has a verdict of its own. */
interface InParts {
  readonly parts?: readonly Part[];
  /** There may be more than these: one that is not among them need not be gone. */
  readonly isPartial?: true;
}

/** Result of one policy on one snapshot. Only `violation` can lead to a fix. */
export type Verdict =
  | ({ readonly verdict: 'compliant' } & InParts)
  | ({ readonly verdict: 'violation'; readonly evidence: Evidence } & InParts)
  | { readonly verdict: 'not-applicable'; readonly reason: string }
  | ({ readonly verdict: 'unknown'; readonly missing: string } & InParts);

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
  /** What the setting was called in earlier versions; still honoured, and reported. */
  readonly formerSettings?: readonly string[];
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

/** A built-in definition of Azure Policy with something to say about a control of ours. */
export interface BuiltInDefinition {
  /** Its name, a GUID: the same in every tenant. */
  readonly id: string;
  /** What it is made for; an assignment may have turned it off. `modify` and `deployIfNotExists` fix, so two fixers may meet. */
  readonly effect: 'audit' | 'auditIfNotExists' | 'deny' | 'modify' | 'deployIfNotExists';
  /**
   * `same`: whoever is exempt from it is exempt from our policy. `related`: it is about a part of the control, or a way to it, so that its exemption says
   * nothing about the rest.
   */
  readonly match: 'same' | 'related';
}

/** Does the definition change resources by itself? */
export function fixes({ effect }: Pick<BuiltInDefinition, 'effect'>): boolean {
  return effect === 'modify' || effect === 'deployIfNotExists';
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
  /** The same control elsewhere: built-in definitions of Azure Policy, controls of the Microsoft cloud security benchmark and of CIS. */
  readonly frameworks?: {
    readonly azurePolicy?: readonly BuiltInDefinition[];
    readonly mcsb?: readonly string[];
    readonly cisAks?: readonly string[];
  };
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
