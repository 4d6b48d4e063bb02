import type { ExemptionRecord, Finding } from '../findings/findings.ts';
import { isPlainObject } from '../resources/lenient.ts';
import type { ExemptionSource, SafetySettings } from '../settings/safety-settings.ts';
import type { PendingCause } from '../work/work-items.ts';

/** What one source of exemptions says about one policy: a set of tags, or Azure Policy. */
export type ReadExemption =
  | { readonly state: 'none' }
  | ValidExemption
  | { readonly state: 'expired' }
  /** Can be read, and is not what it should be. */
  | { readonly state: 'invalid'; readonly problem: string }
  | { readonly state: 'unreadable'; readonly problem: string };

interface ValidExemption {
  readonly state: 'valid';
  /** Absent = it has no end, which only Azure Policy allows. */
  readonly expires?: Date;
  readonly reason: string;
  /** A tag has one. */
  readonly ticket?: string;
  /** Only of Azure Policy: who last changed it, the name of the exemption and of the assignment, and `Waiver` or `Mitigated`. */
  readonly by?: string;
  readonly exemption?: string;
  readonly assignment?: string;
  readonly category?: string;
}

const PREFIX = 'dockwarden-exempt-';
const DAY = 86_400_000;
/** How long it is remembered that a tag was not valid, in milliseconds. */
const INVALID_MEMORY = 30 * DAY;
/** Longest text of a tag that is kept. */
const MAX_TEXT = 200;

/**
 * Tag `dockwarden-exempt-<policy-id>` = `<yyyy-mm-dd>;<reason>;<ticket>`. It holds until the end of that day in UTC, and reaches at most
 * `maxDays` ahead. Names compare case-insensitively, as Azure does.
 */
export function readExemption(tags: unknown, policyId: string, maxDays: number, now: Date): ReadExemption {
  if (tags === undefined || tags === null) return { state: 'none' };
  if (!isPlainObject(tags)) return { state: 'unreadable', problem: 'the tags are not a map' };
  const wanted = `${PREFIX}${policyId}`;
  const [, value] = Object.entries(tags).find(([name]) => name.toLowerCase() === wanted) ?? [];
  if (value === undefined) return { state: 'none' };
  if (typeof value !== 'string') return { state: 'unreadable', problem: `tag ${wanted} is no text` };
  return parseExemption(value, maxDays, now);
}

function parseExemption(value: string, maxDays: number, now: Date): ReadExemption {
  const parts = value.split(';').map((part) => cleanText(part));
  const [date = '', ...rest] = parts;
  const ticket = rest.pop() ?? '';
  const reason = rest.join(';');
  const day = parseDay(date);
  if (day === undefined) return { state: 'invalid', problem: 'it does not start with a date yyyy-mm-dd' };
  const expires = new Date(day + DAY);
  if (expires <= now) return { state: 'expired' };
  if (parts.length < 3)
    return { state: 'invalid', problem: 'it needs three parts: date, reason and ticket, with ; between' };
  if (reason === '') return { state: 'invalid', problem: 'it gives no reason' };
  if (ticket === '') return { state: 'invalid', problem: 'it names no ticket' };
  const today = Math.floor(now.getTime() / DAY) * DAY;
  if (day > today + maxDays * DAY) return { state: 'invalid', problem: `it reaches more than ${maxDays} days ahead` };
  return { state: 'valid', expires, reason, ticket };
}

/** Midnight at the start of a day of the calendar; undefined for a day that is none. */
function parseDay(text: string): number | undefined {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return undefined;
  const time = Date.parse(`${text}T00:00:00Z`);
  // The parser takes 30 February for 2 March.
  return Number.isNaN(time) || new Date(time).toISOString().slice(0, 10) !== text ? undefined : time;
}

/** Text that somebody else wrote, as it is kept and shown: without control characters, and short. */
export function cleanText(text: string): string {
  return text.replaceAll(/\p{C}/gu, '').trim().slice(0, MAX_TEXT).toWellFormed();
}

/** What stands about exemptions for one violation. */
export type Exemption =
  | { readonly state: 'none' }
  | { readonly state: 'exempt'; readonly reason: string; readonly because: string; readonly until?: Date }
  | { readonly state: 'invalid'; readonly because: string; readonly until: Date }
  | { readonly state: 'unreadable'; readonly because: string; readonly isPassing: boolean };

/** What a finding remembers about exemptions. */
export type ExemptionMemory = Pick<Finding, 'exemption' | 'exemptionInvalidSince'>;

/** What a source says, and which it is. */
export interface FoundExemption {
  readonly source: ExemptionSource;
  readonly read: ReadExemption;
}

/** The decision about exemptions, and what the finding remembers of it. */
export interface ExemptionAnswer {
  readonly exemption: Exemption;
  readonly memory: ExemptionMemory;
}

/** Weighs what the sources say: any valid one exempts; else anything that cannot be read holds the fix back; else an invalid one, for its grace. */
export function weighExemptions(
  found: readonly FoundExemption[],
  previous: Finding | undefined,
  cause: PendingCause | undefined,
  settings: SafetySettings['exemptions'],
  now: Date,
): ExemptionAnswer {
  const valid = found
    .flatMap(({ source, read }) => (read.state === 'valid' ? [{ ...read, source }] : []))
    .toSorted((one, other) => endOf(other) - endOf(one))[0];
  if (valid !== undefined) {
    const { state: _state, expires, ...seen } = valid;
    const { source } = seen;
    const end = expires === undefined ? {} : { expires: expires.toISOString() };
    const exemption = remember({ ...seen, ...end }, previous, cause, now);
    const reason = `exempt-${source}`;
    const because = describe(exemption);
    // Without an end only a sweep can see that it is over.
    if (expires === undefined) return { exemption: { state: 'exempt', reason, because }, memory: { exemption } };
    const noticeAt = new Date(expires.getTime() - settings.noticeMs);
    const until = noticeAt > now ? noticeAt : expires;
    return { exemption: { state: 'exempt', reason, because, until }, memory: { exemption } };
  }
  const open = previous?.status === 'open' ? previous : undefined;
  const invalid = found.find(({ read }) => read.state === 'invalid');
  const invalidSince = invalid === undefined ? undefined : invalidFrom(previous?.exemptionInvalidSince, now);
  const memory = {
    ...(open?.exemption !== undefined && { exemption: open.exemption }),
    ...(invalidSince !== undefined && { exemptionInvalidSince: invalidSince }),
  };
  const unreadable = found.find(({ read }) => read.state === 'unreadable');
  if (unreadable?.read.state === 'unreadable') {
    const because = `exemptions of ${SOURCES[unreadable.source]} cannot be read: ${unreadable.read.problem}`;
    return { exemption: { state: 'unreadable', because, isPassing: false }, memory };
  }
  if (invalid?.read.state !== 'invalid' || invalidSince === undefined) return { exemption: { state: 'none' }, memory };
  const until = new Date(Date.parse(invalidSince) + settings.graceMs);
  if (until <= now) return { exemption: { state: 'none' }, memory };
  const because = `the exemption tag of ${SOURCES[invalid.source]} is not valid: ${invalid.read.problem}; it counts for nothing from ${until.toISOString()} on`;
  return { exemption: { state: 'invalid', because, until }, memory };
}

/** The sources in words. */
const SOURCES: Readonly<Record<ExemptionSource, string>> = {
  resource: 'the resource',
  'resource-group': 'the resource-group',
  'azure-policy': 'Azure Policy',
};

function endOf({ expires }: ValidExemption): number {
  return expires?.getTime() ?? Infinity;
}

/** A tag that stays invalid has one grace, however often the violation comes back; one of long ago is forgotten. */
function invalidFrom(before: string | undefined, now: Date): string {
  return before === undefined || now.getTime() - Date.parse(before) > INVALID_MEMORY ? now.toISOString() : before;
}

/** The same exemption keeps its history; one that was changed counts as renewed. */
function remember(
  seen: Omit<ExemptionRecord, 'seenAt' | 'isOwnViolation' | 'renewals' | 'isEndAnnounced'>,
  finding: Finding | undefined,
  cause: PendingCause | undefined,
  now: Date,
): ExemptionRecord {
  const open = finding?.status === 'open' ? finding : undefined;
  const previous = open?.exemption;
  if (previous !== undefined && isSame(previous, seen)) {
    const { ticket: _ticket, ...kept } = previous;
    return { ...kept, ...seen };
  }
  // Whoever changed the resource has not tagged its group.
  const by = seen.source === 'resource' ? cause?.actor?.id : seen.by;
  const isOwn = by !== undefined && mayHaveBrought(by, seen.source, open, cause);
  return {
    ...seen,
    seenAt: now.toISOString(),
    renewals: previous === undefined ? 0 : previous.renewals + 1,
    ...(by !== undefined && { by }),
    ...(isOwn && { isOwnViolation: true as const }),
  };
}

type Identity = Pick<ExemptionRecord, 'source' | 'expires' | 'exemption' | 'assignment'>;

function isSame(one: Identity, other: Identity): boolean {
  return (
    one.source === other.source &&
    one.expires === other.expires &&
    one.exemption === other.exemption &&
    one.assignment === other.assignment
  );
}

/** Seen together, violation and tag may be one change; else the finding says who had changed the resource before. */
function mayHaveBrought(
  by: string,
  source: ExemptionSource,
  open: Finding | undefined,
  cause: PendingCause | undefined,
): boolean {
  if (source === 'resource') return open === undefined || open.actor === by;
  const { id, application, name } = cause?.actor ?? {};
  return [open?.actor, id, application, name].some((one) => one?.toLowerCase() === by.toLowerCase());
}

/** Where an exemption stands, for people. */
export function describeSource({ source, exemption, assignment }: ExemptionRecord): string {
  if (source !== 'azure-policy') return `tag of ${SOURCES[source]}`;
  const names = [exemption, assignment].map((name) => name ?? 'without a name');
  return `exemption ${names.join(' of Azure Policy (assignment ')})`;
}

function describe(record: ExemptionRecord): string {
  const { expires, reason, ticket, by, category, renewals, isOwnViolation } = record;
  const end = expires === undefined ? 'without end' : `until ${expires.slice(0, 10)} ${expires.slice(11, 16)} UTC`;
  const parts = [
    `${describeSource(record)}, ${category === undefined ? '' : `${category}, `}${end}: ${reason}${ticket === undefined ? '' : ` (${ticket})`}`,
    by === undefined ? 'nobody knows who set it' : `last changed by ${by}`,
    ...(isOwnViolation === true ? ['who may have brought the violation, too'] : []),
    ...(renewals > 0 ? [`renewed ${renewals === 1 ? 'once' : `${renewals} times`}`] : []),
  ];
  return parts.join('; ');
}

/** Is it time to announce the end of this exemption, and has nobody done so? */
export function isEndToAnnounce({ expires, isEndAnnounced }: ExemptionRecord, noticeMs: number, now: Date): boolean {
  if (expires === undefined || isEndAnnounced === true) return false;
  return noticeMs > 0 && Date.parse(expires) - noticeMs <= now.getTime();
}
