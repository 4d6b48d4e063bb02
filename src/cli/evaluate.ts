import { evaluatePolicy, parseResource, type Snapshot } from '../engine/snapshot.ts';
import { DockwardenError } from '../errors.ts';
import { policies } from '../policy/catalogue.ts';
import type { Verdict } from '../policy/define-policy.ts';
import { isPlainObject } from '../resources/lenient.ts';
import { AgentPool } from '../resources/managed-cluster.ts';
import { coveredType, type RelatedMap } from '../resources/resource-map.ts';
import type { Settings } from '../settings/settings.ts';

/** One row of `evaluate`: one policy on one resource. */
export interface Evaluation {
  readonly resourceId: string;
  readonly policy: string;
  readonly verdict: Verdict['verdict'];
  /** What was seen; for `not-applicable` and `unknown`, why. */
  readonly evidence: Readonly<Record<string, unknown>>;
}

/**
 * Judges ARM resources offline: every policy of the catalogue that accepts the type, whatever the modes and switches say (they decide
 * about acting). Parameters come from the settings. An element that is no resource, or of a type that is not covered, gives no row.
 */
export function evaluateResources(elements: readonly unknown[], settings: Settings, now: Date): readonly Evaluation[] {
  return elements.flatMap((element) => evaluateElement(element, settings, now));
}

function evaluateElement(element: unknown, settings: Settings, now: Date): readonly Evaluation[] {
  if (!isPlainObject(element)) return [];
  const { related, ...raw } = element;
  const type = typeof raw['type'] === 'string' ? coveredType(raw['type']) : undefined;
  if (type === undefined) return [];
  const snapshot: Snapshot = { raw, resource: parseResource(type, raw), related: readRelated(related), readAt: now };
  return policies
    .filter((policy) => policy.resource === type)
    .map((policy) => {
      const verdict = evaluatePolicy(policy, snapshot, { now, settings, finding: undefined });
      return {
        resourceId: String(raw['id']),
        policy: policy.id,
        verdict: verdict.verdict,
        evidence: evidenceOf(verdict),
      };
    });
}

function evidenceOf(verdict: Verdict): Readonly<Record<string, unknown>> {
  switch (verdict.verdict) {
    case 'violation':
      return verdict.evidence;
    case 'not-applicable':
      return { reason: verdict.reason };
    case 'unknown':
      return { missing: verdict.missing };
    case 'compliant':
      return {};
  }
}

/** `related` present, even empty, is complete for every type; absent means that nothing was read. */
function readRelated(related: unknown): Partial<RelatedMap> {
  if (!Array.isArray(related)) return {};
  const pools = related
    .filter(isPlainObject)
    .filter(({ type }) => String(type).toLowerCase().endsWith('/managedclusters/agentpools'));
  return {
    agentPools: pools.map(({ name, properties }) =>
      AgentPool.parse({ ...(isPlainObject(properties) ? properties : {}), name }),
    ),
  };
}

/** The elements of a file: a JSON array, one JSON object, or one JSON object a line. Throws `INPUT_INVALID_MESSAGE` with the place. */
export function parseElements(text: string): readonly unknown[] {
  const whole = tryParse(text);
  if (whole.ok) return Array.isArray(whole.value) ? whole.value : [whole.value];
  const lines = text.split('\n').map((line, index) => ({ line: line.trim(), number: index + 1 }));
  const filled = lines.filter(({ line }) => line !== '');
  if (filled.length < 2) throw new DockwardenError('INPUT_INVALID_MESSAGE', `the input is not JSON: ${whole.error}`);
  return filled.map(({ line, number }) => {
    const parsed = tryParse(line);
    if (parsed.ok) return parsed.value;
    throw new DockwardenError(
      'INPUT_INVALID_MESSAGE',
      `the input is neither one JSON value nor one a line: line ${number}: ${parsed.error}`,
    );
  });
}

function tryParse(
  text: string,
): { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: string } {
  try {
    return { ok: true, value: JSON.parse(text.replace(/^\uFEFF/, '')) };
  } catch (error) {
    return { ok: false, error: error instanceof Error ? error.message : String(error) };
  }
}
