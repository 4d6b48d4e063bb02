import { createHash } from 'node:crypto';
import { MAX_CELL_CHARACTERS } from '../../audit/audit-log.ts';
import type { Evidence, Part, Policy, Verdict } from '../../policy/define-policy.ts';
import type { ResourceId } from '../../resources/resource-id.ts';
import { MAX_ITEMS } from '../../tickets/ticket.ts';
import type { Decision } from '../decide.ts';
import type { Sighting, TicketContent } from './life-cycle.ts';

/** What a look found out about one policy of a resource, and what was decided. */
export interface Look {
  readonly target: Pick<ResourceId, 'name'>;
  readonly policy: Pick<Policy, 'id' | 'title' | 'severity'>;
  readonly verdict: Verdict;
  /** Undefined = nothing had to be decided, or the look ended before. */
  readonly decision: Pick<Decision, 'decision' | 'reason' | 'because'> | undefined;
  /** Remediation or tracker of the policy. */
  readonly remediationId: string | undefined;
  /** Tickets are all that is done about the policy. */
  readonly isTracked: boolean;
  /** Does the resource lie where the treatment may act? */
  readonly isInScope: boolean;
  /** Object id of whoever last changed the resource. */
  readonly actor: string | undefined;
  /** Parts that may have a ticket. */
  readonly knownParts: readonly string[];
}

/** Reasons for which a tracker only observes. */
const IN_TABLE_ONLY = new Set(['mode-observe', 'out-of-scope']);
/** Longest text about one item: so many of them have to fit into a cell. */
const MAX_DETAIL = 200;
/** What the names of parts may take that have a ticket for the first time, in characters. */
const ROOM_FOR_NEW = 6000;
/** Proof of what ARM itself says about a resource. */
const PLAIN_STRENGTH = 3;

/** What the look says about each ticket that there is or should be, by part (`''` = the whole resource). */
export function sightingsOf(look: Look): ReadonlyMap<string, Sighting> {
  const { verdict, knownParts } = look;
  if (!('parts' in verdict) || verdict.parts === undefined) return sightingsOfWhole(look);
  const { isPartial, parts } = verdict;
  const sightings = new Map<string, Sighting>(parts.map((part) => [part.name, sightPart(look, part)]));
  const missing = knownParts.filter((name) => !sightings.has(name));
  // Where all parts were judged, one that is not among them is no more.
  const unclear = new Set(isPartial === true ? fitting(missing, [...sightings.keys()]) : []);
  for (const name of missing)
    sightings.set(name, unclear.has(name) ? { seen: 'unclear' } : { seen: 'gone', resolution: 'gone' });
  return sightings;
}

/** As many parts as a finding can remember besides those that it has to, and those that are new when it is looked at the next time. */
function fitting(names: readonly string[], others: readonly string[]): readonly string[] {
  let room = MAX_CELL_CHARACTERS - ROOM_FOR_NEW - JSON.stringify(others).length;
  return names.filter((name) => {
    room -= JSON.stringify(name).length + 1;
    return room >= 0;
  });
}

/** A verdict without parts is about the whole resource; a violation does not tell which of the parts that have tickets are concerned. */
function sightingsOfWhole(look: Look): ReadonlyMap<string, Sighting> {
  const whole = sightWhole(look);
  const { knownParts } = look;
  if (whole.seen !== 'violation') return new Map(knownParts.map((part) => [part, whole]));
  const ofParts = knownParts.map((part): readonly [string, Sighting] => [part, { seen: 'unclear' }]);
  return new Map<string, Sighting>([...ofParts, ['', whole]]);
}

function sightWhole(look: Look): Sighting {
  const { verdict, decision } = look;
  switch (verdict.verdict) {
    case 'compliant':
      return { seen: 'clean', strength: PLAIN_STRENGTH, resolution: 'fixed' };
    case 'not-applicable':
      return { seen: 'clean', strength: PLAIN_STRENGTH, resolution: 'not-applicable' };
    case 'unknown':
      return { seen: 'unclear' };
    case 'violation':
      return sightViolation(look, decision, {
        part: '',
        strength: PLAIN_STRENGTH,
        evidence: verdict.evidence,
        items: [],
        confidence: undefined,
        hashed: [verdict.verdict, decision?.reason ?? '', verdict.evidence],
      });
  }
}

function sightPart(look: Look, part: Part): Sighting {
  const { strength = PLAIN_STRENGTH, confidence, evidence, items = [], name, isCertain, severity, title } = part;
  if (part.verdict === 'unknown' || part.verdict === 'not-applicable') return { seen: 'unclear' };
  if (part.verdict === 'compliant') {
    if (isCertain !== true) return { seen: 'clean', strength, resolution: 'fixed' };
    return { seen: 'clean', strength, resolution: 'closed-at-source', isCertain };
  }
  const ids = items.map(({ id }) => id).toSorted();
  return sightViolation(look, look.decision, {
    ...(isCertain !== undefined && { isCertain }),
    ...(severity !== undefined && { severity }),
    ...(title !== undefined && { title }),
    part: name,
    strength,
    evidence,
    items,
    confidence,
    hashed: [part.verdict, confidence ?? '', ids],
  });
}

interface Seen
  extends Required<Pick<Part, 'strength' | 'evidence' | 'items'>>,
    Pick<Part, 'isCertain' | 'severity' | 'title'> {
  readonly part: string;
  readonly confidence: Part['confidence'] | undefined;
  /** What makes it news. */
  readonly hashed: readonly unknown[];
}

function sightViolation(look: Look, decision: Look['decision'], seen: Seen): Sighting {
  const resolution = 'exempt';
  if (decision?.decision === 'exempt') return { seen: 'clean', strength: PLAIN_STRENGTH, resolution };
  const { isCertain } = seen;
  if (decision === undefined || !deservesTicket(look, decision, isCertain === true)) return { seen: 'unclear' };
  return { seen: 'violation', content: contentOf(look, decision, seen), ...(isCertain === true && { isCertain }) };
}

/**
 * Somebody has to do something that Dockwarden may not or cannot do. In `observe`, and out of its scope, a tracker's ticket stays in the table. What
 * another system is certain of is not kept quiet because it cannot be read whether somebody accepts it.
 */
function deservesTicket(
  { isTracked }: Look,
  { decision, reason }: NonNullable<Look['decision']>,
  isCertain: boolean,
): boolean {
  if (decision === 'ticket' || decision === 'quarantine') return true;
  if (isTracked && isCertain && decision === 'defer' && reason === 'exemption-unreadable') return true;
  return isTracked && decision === 'observe' && IN_TABLE_ONLY.has(reason);
}

function contentOf(
  { actor, isInScope, policy, remediationId, target }: Look,
  { decision, reason, because }: NonNullable<Look['decision']>,
  { confidence, evidence, hashed, isCertain, items, part, severity, strength, title }: Seen,
): TicketContent {
  const what = decision === 'quarantine' ? 'the fix keeps being reversed' : 'not met';
  return {
    ...(remediationId !== undefined && { remediationId }),
    title:
      title === undefined
        ? `${target.name}${part === '' ? '' : ` / ${part}`}: ${what} – ${policy.title}`
        : `${target.name}: ${title}`,
    severity: severity ?? policy.severity,
    ...(isCertain === true && { isCertain }),
    ...(confidence !== undefined && { confidence }),
    strength,
    reason,
    ...(because !== undefined && { because: because.slice(0, 2000) }),
    evidence: JSON.stringify(evidence),
    evidenceHash: hash(hashed),
    items: items.slice(0, MAX_ITEMS).map((item) => ({ ...item, detail: item.detail.slice(0, MAX_DETAIL) })),
    itemCount: items.length,
    ...(actor !== undefined && { actor }),
    ...(!isInScope && { isOutOfScope: true as const }),
  };
}

/** SHA-256 of canonical JSON: flat records with their keys in order. */
export function hash(value: readonly unknown[]): string {
  return createHash('sha256')
    .update(JSON.stringify(value.map((member) => (isRecord(member) ? sortEntries(member) : member))))
    .digest('hex');
}

function sortEntries(record: Evidence): readonly (readonly [string, unknown])[] {
  return Object.entries(record).toSorted(([one], [other]) => (one < other ? -1 : 1));
}

function isRecord(value: unknown): value is Evidence {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
