import { Cron } from 'croner';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** How far ahead an opening is looked for: two years, one of them a leap year. */
const HORIZON = 731 * DAY;

/**
 * When a remediation may act: from each moment that the cron names, and for the duration; windows that overlap are one. Plain data.
 *
 * The duration is elapsed time, also across a change of the clock. Where the clock skips or repeats the start, Vixie cron's rule holds:
 * - `30 2 * * *`, without `*` and step in minute and hour: a skipped start happens when the clock has jumped, one that occurs twice
 *   happens the first time only.
 * - `* 2 * * *`, with either: as the clock shows it. What is skipped does not happen, what occurs twice happens twice.
 * If day of month and weekday are both restricted, a day that is one of the two is enough, as in any cron.
 */
export interface MaintenanceWindow {
  /** As it was configured. */
  readonly text: string;
  readonly cron: string;
  readonly durationMs: number;
  readonly timeZone: string;
}

/** Days on which nothing is changed. Plain data. */
export interface Freezes {
  /** As they were configured. */
  readonly text: string;
  /** In rising order, with at least one day between two of them. */
  readonly ranges: readonly DayRange[];
  readonly timeZone: string;
}

/** Whole days counted from 1970-01-01, both ends included. */
interface DayRange {
  readonly first: number;
  readonly last: number;
}

export type Opening =
  | { readonly isOpen: true }
  | {
      readonly isOpen: false;
      /** `frozen` on a frozen day, whether the window is open or not. */
      readonly reason: 'outside-window' | 'frozen';
      /** Undefined = not within the next two years. */
      readonly opensAt: Date | undefined;
    };

/**
 * `<cron>;<duration>;<IANA time zone>`, e.g. `0 22 * * 1-5;4h;Europe/Berlin`: five cron fields, 15m to 24h in minutes or hours, or 1d to 7d.
 * Undefined for anything else, and for a cron that never comes. Never throws.
 */
export function parseMaintenanceWindow(text: string): MaintenanceWindow | undefined {
  const [cron, duration, timeZone, ...rest] = text.split(';');
  if (cron === undefined || duration === undefined || timeZone === undefined || rest.length > 0) return undefined;
  const durationMs = parseDuration(duration);
  if (durationMs === undefined || !isTimeZone(timeZone) || !isCron(cron)) return undefined;
  return { text, cron, durationMs, timeZone };
}

/**
 * `<day or range>[,<day or range>…][;<IANA time zone>]`, e.g. `2026-12-20/2027-01-03,2027-04-02;Europe/Berlin`; without a zone they are UTC's
 * days. Undefined for anything else. Never throws.
 */
export function parseFreezes(text: string): Freezes | undefined {
  const [list, timeZone = 'UTC', ...rest] = text.split(';');
  if (list === undefined || rest.length > 0 || !isTimeZone(timeZone)) return undefined;
  const entries = list.split(',').map(parseRange);
  const ranges = entries.filter((range) => range !== undefined);
  return ranges.length === entries.length ? { text, ranges: joinRanges(ranges), timeZone } : undefined;
}

/** The first moment, `now` or later, at which acting is allowed: inside the window (any time when there is none) and on no frozen day. */
export function nextOpening(now: Date, window: MaintenanceWindow | undefined, freezes: Freezes | undefined): Opening {
  const start = now.getTime();
  const leaveFreeze = freezes === undefined ? stay : freezeExit(freezes);
  const enterWindow = window === undefined ? stay : windowEntry(window);

  let moment: number | undefined = start;
  // Ends: a moment that has come out of the window is frozen or final, so every further pass leaves a frozen range behind.
  while (moment !== undefined && moment <= start + HORIZON) {
    const next: number | undefined = enterWindow(leaveFreeze(moment));
    if (next === moment) break;
    moment = next;
  }

  if (moment === start) return { isOpen: true };
  return {
    isOpen: false,
    reason: leaveFreeze(start) === start ? 'outside-window' : 'frozen',
    opensAt: moment === undefined || moment > start + HORIZON ? undefined : new Date(moment),
  };
}

function stay(moment: number): number {
  return moment;
}

/** Moment → the first one from there on that is inside the window; undefined = there is none. */
function windowEntry({ cron, durationMs, timeZone }: MaintenanceWindow): (moment: number) => number | undefined {
  const starts = createCron(cron, timeZone);
  return (moment) => {
    // The window is open when it started less than its duration ago.
    const start = starts.nextRun(new Date(moment - durationMs));
    return start === null ? undefined : Math.max(start.getTime(), moment);
  };
}

/** Moment → the first one from there on that is on no frozen day. */
function freezeExit({ ranges, timeZone }: Freezes): (moment: number) => number {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    calendar: 'gregory',
    numberingSystem: 'latn',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
  });
  return (moment) => {
    const day = localDay(format, moment);
    const range = ranges.find(({ first, last }) => first <= day && day <= last);
    return range === undefined ? moment : findStartOfDay(format, range.last + 1, moment);
  };
}

/** Searched, not calculated: where the clock changes at midnight, the day starts later or at the second of two midnights. */
function findStartOfDay(format: Intl.DateTimeFormat, day: number, after: number): number {
  let before = after;
  // No zone is a whole day behind UTC.
  let reached = (day + 1) * DAY;
  while (reached - before > 1) {
    const middle = Math.floor((before + reached) / 2);
    if (localDay(format, middle) < day) before = middle;
    else reached = middle;
  }
  return reached;
}

function localDay(format: Intl.DateTimeFormat, moment: number): number {
  const parts = format.formatToParts(moment);
  const [year, month, day] = (['year', 'month', 'day'] as const).map((wanted) =>
    Number(parts.find(({ type }) => type === wanted)?.value),
  );
  return Date.UTC(year ?? Number.NaN, (month ?? Number.NaN) - 1, day) / DAY;
}

function parseDuration(text: string): number | undefined {
  const [, count, unit] = /^([1-9]\d{0,3})([mhd])$/.exec(text) ?? [];
  const durationMs = Number(count) * (unit === 'm' ? MINUTE : unit === 'h' ? HOUR : DAY);
  const longest = unit === 'd' ? 7 * DAY : DAY;
  return durationMs >= 15 * MINUTE && durationMs <= longest ? durationMs : undefined;
}

/**
 * `Area/Location` or `UTC`. Bare names are refused: ICU also takes ambiguous ones that IANA does not have, such as `IST` and `PST`, and the
 * ones that it shares with IANA, such as `EST`, are not what they look like.
 */
const TIME_ZONE = /^(?:UTC|(?!SystemV\/)[A-Z][A-Za-z]+(?:\/[A-Z][A-Za-z0-9_+-]*){1,2})$/;

function isTimeZone(text: string): boolean {
  if (!TIME_ZONE.test(text)) return false;
  try {
    const { timeZone } = new Intl.DateTimeFormat('en-US', { timeZone: text }).resolvedOptions();
    // Intl forgives the wrong case; a different name is an alias.
    return timeZone === text || timeZone.toLowerCase() !== text.toLowerCase();
  } catch {
    return false;
  }
}

const NUMBER = String.raw`\d{1,2}`;
const MONTH = `(?:${NUMBER}|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)`;
const WEEKDAY = String.raw`(?:\d|sun|mon|tue|wed|thu|fri|sat)`;
/** The shape of plain cron, without what croner adds (`L`, `W`, `#`, `?`, `+`, nicknames, seconds, years); values are croner's to judge. */
const CRON = new RegExp(`^${[NUMBER, NUMBER, NUMBER, MONTH, WEEKDAY].map(fieldPattern).join(' ')}$`, 'i');

function fieldPattern(value: string): string {
  const part = String.raw`(?:\*/${NUMBER}|${value}(?:-${value}(?:/${NUMBER})?)?)`;
  return String.raw`(?:\*|${part}(?:,${part})*)`;
}

/** Whether it is one, and fires at all: `0 0 31 2 *` does not. Looked at from a fixed day, so that no text is valid today only. */
function isCron(text: string): boolean {
  if (!CRON.test(text)) return false;
  try {
    return createCron(text, 'UTC').nextRun(new Date(Date.UTC(2000, 0, 1))) !== null;
  } catch {
    return false;
  }
}

/** Without a function croner sets no timer: it only calculates. */
function createCron(cron: string, timeZone: string): Cron {
  return new Cron(cron, { timezone: timeZone, mode: '5-part', fixedTimeRule: 'no-wildcard' });
}

function parseRange(text: string): DayRange | undefined {
  const [first, last, ...rest] = text.split('/').map(parseDay);
  if (first === undefined || rest.length > 0) return undefined;
  if (!text.includes('/')) return { first, last: first };
  return last !== undefined && first <= last ? { first, last } : undefined;
}

/** A day of the calendar from the year 2000 on: an earlier one is a slip, and would freeze nothing. */
function parseDay(text: string): number | undefined {
  if (!/^[2-9]\d{3}-\d{2}-\d{2}$/.test(text)) return undefined;
  const [year, month, day] = text.split('-').map(Number);
  const date = new Date(Date.UTC(year ?? Number.NaN, (month ?? Number.NaN) - 1, day));
  return date.toISOString().slice(0, 10) === text ? date.getTime() / DAY : undefined;
}

/** In rising order; those that overlap or touch become one. */
function joinRanges(ranges: readonly DayRange[]): readonly DayRange[] {
  const joined: DayRange[] = [];
  for (const range of ranges.toSorted((one, other) => one.first - other.first)) {
    const previous = joined.at(-1);
    if (previous === undefined || range.first > previous.last + 1) joined.push(range);
    else joined.splice(-1, 1, { first: previous.first, last: Math.max(previous.last, range.last) });
  }
  return joined;
}
