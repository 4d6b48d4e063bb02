import { parseResource } from '../../src/engine/snapshot.ts';
import { type Parameter, type Policy, unknown, type Verdict } from '../../src/policy/define-policy.ts';
import type { PolicyCase } from '../../src/policy/policy-cases.ts';
import { NOTHING_KNOWN } from '../../src/resources/defender.ts';
import { hasProperties } from '../../src/resources/lenient.ts';
import type { RelatedMap, ResourceMap, ResourceType } from '../../src/resources/resource-map.ts';

type Facts = Parameters<Policy['evaluate']>[1];

/** What the facts are when a case does not say. */
const defaultNow = new Date('2026-11-02T12:00:00Z');
const everythingRead: RelatedMap = {
  agentPools: [],
  nodeHealth: { state: 'unavailable', because: 'the case does not say' },
  defender: NOTHING_KNOWN,
  imageFindings: { status: undefined, counts: new Map() },
};

/** The facts of one case: everything that it does not state is at its default. */
export function factsOf(policy: Policy, { now, lastFixedAt, related, parameters }: Partial<PolicyCase>): Facts {
  const defaults = Object.entries<Parameter>(policy.parameters ?? {}).map(([name, { default: value }]) => [
    name,
    value,
  ]);
  return {
    now: now ?? defaultNow,
    lastFixedAt,
    related: { ...everythingRead, ...related },
    parameters: { ...Object.fromEntries(defaults), ...parameters },
  };
}

/** The resource as the policy sees it. Throws when a case is not even a resource. */
export function readCase(policy: Policy, resource: unknown): ResourceMap[ResourceType] {
  const read = parseResource(policy.resource, resource);
  if (read === undefined) throw new Error(`no ${policy.resource} can be read from the case`);
  return read;
}

/** As the engine does it: without `properties` no policy is asked. */
export function evaluateCase(policy: Policy, example: PolicyCase): Verdict {
  if (!hasProperties(example.resource)) return unknown('properties');
  return policy.evaluate(readCase(policy, example.resource), factsOf(policy, example));
}
