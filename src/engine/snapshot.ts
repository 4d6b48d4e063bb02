import { relatedReads, resourceReads } from '../azure/resources.ts';
import { DockwardenError } from '../errors.ts';
import type { Finding } from '../findings/findings.ts';
import type { Policy, Verdict } from '../policy/define-policy.ts';
import { compliant, unknown } from '../policy/define-policy.ts';
import { type DefenderKnowledge, NOTHING_KNOWN } from '../resources/defender.ts';
import { hasProperties } from '../resources/lenient.ts';
import type { ResourceId } from '../resources/resource-id.ts';
import { type RelatedMap, type ResourceMap, type ResourceType, resourceReaders } from '../resources/resource-map.ts';
import type { Settings } from '../settings/settings.ts';
import type { AzureCalls } from './azure-calls.ts';
import type { Busy } from './decide.ts';

/** One resource at one moment. */
export interface Snapshot {
  /** The body as ARM sent it, for before and after. */
  readonly raw: Readonly<Record<string, unknown>>;
  /** Undefined when the body cannot be read as its type at all. */
  readonly resource: ResourceMap[ResourceType] | undefined;
  readonly related: Partial<RelatedMap>;
  readonly readAt: Date;
}

/** The policies that are on and judge this type, in catalogue order. */
export function policiesFor(policies: readonly Policy[], settings: Settings, type: ResourceType): readonly Policy[] {
  return policies.filter((policy) => policy.resource === type && settings.isPolicyOn(policy.id));
}

/** Reads the live resource and what its policies need besides; `known` is what needs no call. */
export async function readSnapshot(
  calls: AzureCalls,
  target: ResourceId,
  policies: readonly Policy[],
  known: Partial<RelatedMap>,
  now: () => Date,
): Promise<Snapshot> {
  const raw = await calls.read(resourceReads[target.type], target);
  if (typeof raw['id'] !== 'string' || raw['id'].toLowerCase() !== target.key) {
    throw new DockwardenError('AZURE_TRANSIENT', 'the answer is about another resource', { resourceId: target.id });
  }
  const needed = new Set(policies.flatMap((policy) => policy.needs ?? []));
  const related: { -readonly [N in keyof RelatedMap]?: RelatedMap[N] } = { ...known };
  if (needed.has('agentPools')) related.agentPools = await calls.read(relatedReads.agentPools, target);
  return { raw, resource: parseResource(target.type, raw), related, readAt: now() };
}

/** Stands in for a resource that cannot be read, for policies that judge by something else. */
export function unreadSnapshot(target: ResourceId, defender: DefenderKnowledge, readAt: Date): Snapshot {
  const { id, name, type } = target;
  const raw = { id, name, type, properties: {} };
  return { raw, resource: parseResource(type, raw), related: { defender }, readAt };
}

/** The body as its type; undefined when even id and name are missing. */
export function parseResource(type: ResourceType, raw: unknown): ResourceMap[ResourceType] | undefined {
  const parsed = resourceReaders[type].safeParse(raw);
  return parsed.success ? parsed.data : undefined;
}

/** What a policy is told besides the resource. */
export interface EvaluationFacts {
  readonly now: Date;
  readonly settings: Settings;
  readonly finding: Finding | undefined;
  /** A rotation that was just performed, though not recorded yet. */
  readonly lastFixedAt?: Date;
}

/** Does the policy judge by what Defender has told? */
export function judgesAlerts({ needs }: Pick<Policy, 'needs'>): boolean {
  return needs?.includes('defender') === true;
}

/** One policy on one snapshot. */
export function evaluatePolicy(policy: Policy, snapshot: Snapshot, facts: EvaluationFacts): Verdict {
  // Where Defender has never said anything, it does not matter how the resource reads.
  const { defender } = snapshot.related;
  if (judgesAlerts(policy) && defender !== undefined && !isTold(defender)) return compliant;
  if (!hasProperties(snapshot.raw)) return unknown('properties');
  if (snapshot.resource === undefined) return unknown('id and name');
  const malformed = facts.settings.malformedParameterOf(policy.id);
  if (malformed !== undefined) return unknown(`a valid ${malformed}`);
  const unread = policy.needs?.find((name) => snapshot.related[name] === undefined);
  if (unread !== undefined) return unknown(`related ${unread}`);
  const recorded = facts.finding?.lastFixedAt;
  const lastFixedAt = facts.lastFixedAt ?? (recorded === undefined ? undefined : new Date(recorded));
  return policy.evaluate(snapshot.resource, {
    now: facts.now,
    lastFixedAt,
    // Complete for what the policy declared, as just checked; the rest is invisible to it.
    related: { ...NOT_ASKED, ...snapshot.related },
    parameters: facts.settings.parametersOf(policy.id),
  });
}

/** Has Defender ever said anything? */
export function isTold(known: DefenderKnowledge): boolean {
  return known.alerts.length + known.unreadable.length > 0;
}

const NOT_ASKED: RelatedMap = {
  agentPools: [],
  nodeHealth: { state: 'unavailable', because: 'not asked for' },
  defender: NOTHING_KNOWN,
  imageFindings: { status: undefined, counts: new Map() },
};

/** Oldest read that a fix may rest upon, in milliseconds. */
const FRESH = 5000;

/** Is it too long ago that the resource was read? */
export function isStale({ readAt }: Snapshot, now: Date): boolean {
  return now.getTime() - readAt.getTime() > FRESH;
}

const FINAL_STATES = new Set(['succeeded', 'failed', 'canceled', 'cancelled']);

/** Is Azure still changing the resource, or is it stopped? An absent state counts as final. */
export function busyState(snapshot: Snapshot): Busy | undefined {
  const state = snapshot.resource?.properties.provisioningState;
  if (state !== undefined && !FINAL_STATES.has(state.toLowerCase())) {
    return { reason: 'resource-busy', because: `provisioningState is ${state.slice(0, 40)}` };
  }
  const properties = snapshot.resource?.properties;
  const power = properties !== undefined && 'powerState' in properties ? properties.powerState.code : undefined;
  return power?.toLowerCase() === 'stopped'
    ? { reason: 'resource-stopped', because: 'the cluster is stopped' }
    : undefined;
}

/** The verdict of a resource that may not be read. */
export function unreadable(error: DockwardenError): Verdict {
  const what = error.code === 'AZURE_DENIED' ? 'permission to read the resource' : 'an answer about the resource';
  return unknown(`${what} (${error.details.serviceCode ?? error.code})`);
}
