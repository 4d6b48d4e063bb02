import { evaluatePolicy, parseResource, type Snapshot } from '../engine/snapshot.ts';
import { DockwardenError } from '../errors.ts';
import { policies } from '../policy/catalogue.ts';
import type { Verdict } from '../policy/define-policy.ts';
import { Assessment, chooseStatus, imageAssessments } from '../resources/image-findings.ts';
import { isPlainObject } from '../resources/lenient.ts';
import { AgentPool } from '../resources/managed-cluster.ts';
import { coveredType, type RelatedMap, type ResourceType } from '../resources/resource-map.ts';
import type { Settings } from '../settings/settings.ts';

/** One row of `evaluate`: one policy on one resource. */
export interface Evaluation {
  readonly resourceId: string;
  readonly policy: string;
  readonly verdict: Verdict['verdict'];
  /** What was seen; for `not-applicable` and `unknown`, why. */
  readonly evidence: Readonly<Record<string, unknown>>;
}

/** What `evaluate` makes of one element of its input. */
type Element =
  | {
      readonly kind: 'resource';
      readonly id: string;
      readonly type: ResourceType;
      readonly raw: Record<string, unknown>;
      readonly related: unknown;
    }
  | { readonly kind: 'not-covered' }
  | { readonly kind: 'no-resource'; readonly why: string };

/**
 * Judges ARM resources offline: every policy of the catalogue that accepts the type, whatever the modes and switches say (they decide
 * about acting). Parameters come from the settings. An element that is no resource, or of a type that is not covered, gives no row.
 */
export function evaluateResources(elements: readonly unknown[], settings: Settings, now: Date): readonly Evaluation[] {
  return elements.flatMap((element) => {
    const read = readElement(element);
    if (read.kind !== 'resource') return [];
    const { id, raw, related, type } = read;
    const snapshot: Snapshot = { raw, resource: parseResource(type, raw), related: readRelated(related), readAt: now };
    return policies
      .filter((policy) => policy.resource === type)
      .map((policy) => {
        const verdict = evaluatePolicy(policy, snapshot, { now, settings, finding: undefined });
        return { resourceId: id, policy: policy.id, verdict: verdict.verdict, evidence: evidenceOf(verdict) };
      });
  });
}

/** What a person should know about the input besides the verdicts. */
export interface InputReport {
  /** For people, one line each. */
  readonly notes: readonly string[];
  /** Was there something in the input that is no resource, and nothing that could be judged? */
  readonly isUseless: boolean;
}

/** Names the elements that {@link evaluateResources} gives no row for, or could not read the whole of. */
export function reportInput(elements: readonly unknown[], evaluations: readonly Evaluation[]): InputReport {
  const reads = elements.map(readElement);
  const notes = reads.flatMap((read, index) => {
    if (read.kind === 'no-resource') return [`element ${index} is no resource: ${read.why}`];
    if (read.kind === 'resource' && read.related !== undefined && !Array.isArray(read.related))
      return [`element ${index}: "related" is no array and counts as not read`];
    return [];
  });
  const uncovered = reads.filter(({ kind }) => kind === 'not-covered').length;
  if (uncovered > 0) notes.push(`${uncovered} of ${elements.length} elements are of types that no policy covers`);
  if (evaluations.length > 0 && evaluations.every(lacksProperties))
    notes.push(
      'no element has "properties": flattened by az? "az resource show" gives resources as the policies need them',
    );
  const isUseless = evaluations.length === 0 && reads.some(({ kind }) => kind === 'no-resource');
  return { notes, isUseless };
}

function lacksProperties({ evidence, verdict }: Evaluation): boolean {
  return verdict === 'unknown' && evidence['missing'] === 'properties';
}

function readElement(element: unknown): Element {
  if (!isPlainObject(element)) return { kind: 'no-resource', why: 'not a JSON object' };
  const { related, ...raw } = element;
  const { id } = raw;
  if (typeof id !== 'string') return { kind: 'no-resource', why: 'it has no "id"' };
  const type = typeof raw['type'] === 'string' ? raw['type'] : typeInId(id);
  if (type === undefined) return { kind: 'no-resource', why: 'it has no "type", and its "id" tells none' };
  const covered = coveredType(type);
  return covered === undefined ? { kind: 'not-covered' } : { kind: 'resource', id, type: covered, raw, related };
}

/** `…/providers/<namespace>/<type>/<name>[/<type>/<name>…]` → `<namespace>/<type>[/<type>…]`, of the last provider in the id. */
function typeInId(id: string): string | undefined {
  const [, tail] = /.*\/providers\/(.+)$/i.exec(id) ?? [];
  const [namespace, ...rest] = tail?.split('/') ?? [];
  if (namespace === undefined || rest.length < 2 || rest.length % 2 !== 0) return undefined;
  return [namespace, ...rest.filter((_part, index) => index % 2 === 0)].join('/');
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

/** `related` present, even empty, is complete for every type; absent, or no array, means that nothing was read. */
function readRelated(related: unknown): Partial<RelatedMap> {
  if (!Array.isArray(related)) return {};
  const resources = related.filter(isPlainObject);
  const pools = resources.filter(({ type }) => String(type).toLowerCase().endsWith('/managedclusters/agentpools'));
  const assessments = resources.filter(({ type }) => String(type).toLowerCase() === 'microsoft.security/assessments');
  return {
    imageFindings: { status: imageStatus(assessments), counts: new Map() },
    agentPools: pools.map(({ name, properties }) =>
      AgentPool.parse({ ...(isPlainObject(properties) ? properties : {}), name }),
    ),
  };
}

/** Status of the assessments about the images of a registry, if there are any among them. */
function imageStatus(assessments: readonly Readonly<Record<string, unknown>>[]): string | undefined {
  const found = assessments.filter(({ name }) => imageAssessments.includes(String(name).toLowerCase()));
  return chooseStatus(found.map((assessment) => Assessment.parse(assessment).properties.status.code ?? ''));
}

/** The elements of a file: a JSON array, a list as ARM answers it (`{"value":[…]}`), one JSON object, or one JSON object a line. Throws `INPUT_INVALID_MESSAGE` with the place. */
export function parseElements(text: string): readonly unknown[] {
  const whole = tryParse(text);
  if (whole.ok) return unwrapList(whole.value);
  const lines = text.split('\n').map((line, index) => ({ line: line.trim(), number: index + 1 }));
  const filled = lines.filter(({ line }) => line !== '');
  // A first line that is no value by itself belongs to one that spans lines: the place in the whole text is the telling one.
  if (filled.length < 2 || !tryParse(filled[0]?.line ?? '').ok)
    throw new DockwardenError('INPUT_INVALID_MESSAGE', `the input is not JSON: ${whole.error}`);
  return filled.map(({ line, number }) => {
    const parsed = tryParse(line);
    if (parsed.ok) return parsed.value;
    throw new DockwardenError(
      'INPUT_INVALID_MESSAGE',
      `the input is neither one JSON value nor one a line: line ${number}: ${parsed.error}`,
    );
  });
}

function unwrapList(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  if (isPlainObject(value) && Array.isArray(value['value']) && value['id'] === undefined) return value['value'];
  return [value];
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
