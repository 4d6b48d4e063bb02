import type { ExemptionRecord, Finding } from '../findings/findings.ts';
import { isPlainObject } from '../resources/lenient.ts';
import type { ExemptionSource, SafetySettings } from '../settings/safety-settings.ts';
import type { PendingCause } from '../work/work-items.ts';

/** What one set of tags says about one policy. */
export type TagExemption =
  | { readonly state: 'none' }
  | { readonly state: 'valid'; readonly expires: Date; readonly reason: string; readonly ticket: string }
  | { readonly state: 'expired' }
  /** Can be read, and is not what it should be. */
  | { readonly state: 'invalid'; readonly problem: string }
  | { readonly state: 'unreadable'; readonly problem: string };

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
export function readExemption(tags: unknown, policyId: string, maxDays: number, now: Date): TagExemption {
  if (tags === undefined || tags === null) return { state: 'none' };
  if (!isPlainObject(tags)) return { state: 'unreadable', problem: 'the tags are not a map' };
  const wanted = `${PREFIX}${policyId}`;
  const [, value] = Object.entries(tags).find(([name]) => name.toLowerCase() === wanted) ?? [];
  if (value === undefined) return { state: 'none' };
  if (typeof value !== 'string') return { state: 'unreadable', problem: `tag ${wanted} is no text` };
  return parseExemption(value, maxDays, now);
}

function parseExemption(value: string, maxDays: number, now: Date): TagExemption {
  const parts = value.split(';').map((part) => clean(part));
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

function clean(text: string): string {
  return text.replaceAll(/\p{C}/gu, '').trim().slice(0, MAX_TEXT).toWellFormed();
}

/** What stands about exemptions for one violation. */
export type Exemption =
  | { readonly state: 'none' }
  | { readonly state: 'exempt'; readonly reason: string; readonly because: string; readonly until: Date }
  | { readonly state: 'invalid'; readonly because: string; readonly until: Date }
  | { readonly state: 'unreadable'; readonly because: string; readonly isPassing: boolean };

/** What a finding remembers about exemptions. */
export type ExemptionMemory = Pick<Finding, 'exemption' | 'exemptionInvalidSince'>;

/** A set of tags and where it comes from. */
export interface FoundTag {
  readonly source: ExemptionSource;
  readonly tag: TagExemption;
}

/** The decision about exemptions, and what the finding remembers of it. */
export interface ExemptionAnswer {
  readonly exemption: Exemption;
  readonly memory: ExemptionMemory;
}

/** Weighs what the tags say: any valid one exempts; else anything that cannot be read holds the fix back; else an invalid one, for its grace. */
export function weighExemptions(
  found: readonly FoundTag[],
  previous: Finding | undefined,
  cause: PendingCause | undefined,
  settings: SafetySettings['exemptions'],
  now: Date,
): ExemptionAnswer {
  const valid = found
    .flatMap(({ source, tag }) => (tag.state === 'valid' ? [{ ...tag, source }] : []))
    .toSorted((one, other) => other.expires.getTime() - one.expires.getTime())[0];
  if (valid !== undefined) {
    const { source, expires, reason, ticket } = valid;
    const exemption = remember({ source, expires: expires.toISOString(), reason, ticket }, previous, cause, now);
    const noticeAt = new Date(expires.getTime() - settings.noticeMs);
    return {
      exemption: {
        state: 'exempt',
        reason: `exempt-${source}`,
        because: describe(exemption),
        until: noticeAt > now ? noticeAt : expires,
      },
      memory: { exemption },
    };
  }
  const open = previous?.status === 'open' ? previous : undefined;
  const invalid = found.find(({ tag }) => tag.state === 'invalid');
  const invalidSince = invalid === undefined ? undefined : invalidFrom(previous?.exemptionInvalidSince, now);
  const memory = {
    ...(open?.exemption !== undefined && { exemption: open.exemption }),
    ...(invalidSince !== undefined && { exemptionInvalidSince: invalidSince }),
  };
  const unreadable = found.find(({ tag }) => tag.state === 'unreadable');
  if (unreadable?.tag.state === 'unreadable') {
    const because = `exemptions of the ${unreadable.source} cannot be read: ${unreadable.tag.problem}`;
    return { exemption: { state: 'unreadable', because, isPassing: false }, memory };
  }
  if (invalid?.tag.state !== 'invalid' || invalidSince === undefined) return { exemption: { state: 'none' }, memory };
  const until = new Date(Date.parse(invalidSince) + settings.graceMs);
  if (until <= now) return { exemption: { state: 'none' }, memory };
  const because = `the exemption tag of the ${invalid.source} is not valid: ${invalid.tag.problem}; it counts for nothing from ${until.toISOString()} on`;
  return { exemption: { state: 'invalid', because, until }, memory };
}

/** A tag that stays invalid has one grace, however often the violation comes back; one of long ago is forgotten. */
function invalidFrom(before: string | undefined, now: Date): string {
  return before === undefined || now.getTime() - Date.parse(before) > INVALID_MEMORY ? now.toISOString() : before;
}

/** The same exemption keeps its history; one that was changed counts as renewed. */
function remember(
  seen: Pick<ExemptionRecord, 'source' | 'expires' | 'reason' | 'ticket'>,
  finding: Finding | undefined,
  cause: PendingCause | undefined,
  now: Date,
): ExemptionRecord {
  const open = finding?.status === 'open' ? finding : undefined;
  const previous = open?.exemption;
  if (previous?.source === seen.source && previous.expires === seen.expires) return { ...previous, ...seen };
  // Whoever changed the resource has not tagged its group.
  const by = seen.source === 'resource' ? cause?.actor?.id : undefined;
  // Seen together, violation and tag may be one change; else the finding says who had changed the resource before.
  const isOwn = by !== undefined && (open === undefined || open.actor === by);
  return {
    ...seen,
    seenAt: now.toISOString(),
    renewals: previous === undefined ? 0 : previous.renewals + 1,
    ...(by !== undefined && { by }),
    ...(isOwn && { isOwnViolation: true as const }),
  };
}

function describe({ source, expires, reason, ticket, by, renewals, isOwnViolation }: ExemptionRecord): string {
  const parts = [
    `tag of the ${source}, until ${expires.slice(0, 10)} 00:00 UTC: ${reason} (${ticket})`,
    by === undefined ? 'nobody knows who set it' : `last changed by ${by}`,
    ...(isOwnViolation === true ? ['who may have brought the violation, too'] : []),
    ...(renewals > 0 ? [`renewed ${renewals === 1 ? 'once' : `${renewals} times`}`] : []),
  ];
  return parts.join('; ');
}

/** Is it time to announce the end of this exemption, and has nobody done so? */
export function isEndToAnnounce({ expires, isEndAnnounced }: ExemptionRecord, noticeMs: number, now: Date): boolean {
  return isEndAnnounced !== true && noticeMs > 0 && Date.parse(expires) - noticeMs <= now.getTime();
}
