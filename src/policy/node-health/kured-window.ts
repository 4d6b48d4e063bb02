import type { OptionValues } from './kured-options.ts';
import { DAY } from './timestamp.ts';

/** When kured may reboot; times of day in seconds, in the time zone. */
export interface RebootWindow {
  /** 0 = Sunday. */
  readonly days: ReadonlySet<number>;
  readonly start: number;
  readonly end: number;
  readonly zone: Intl.DateTimeFormat;
}

/** The four options that restrict kured to a window. */
export interface WindowOptions {
  readonly days: OptionValues;
  readonly start: OptionValues;
  readonly end: OptionValues;
  readonly zone: OptionValues;
}

interface Opening {
  readonly start: number;
  readonly end: number;
}

/** kured knows windows by weekday only: whatever its options are, a whole window passes within this time. */
const LONGEST_WAIT = 8 * DAY;
const DAY_NAMES = ['su', 'mo', 'tu', 'we', 'th', 'fr', 'sa'];
const DAY_NAME =
  /^(?:su(?:n(?:day)?)?|mo(?:n(?:day)?)?|tu(?:e(?:sday)?)?|we(?:d(?:nesday)?)?|th(?:u(?:rsday)?)?|fr(?:i(?:day)?)?|sa(?:t(?:urday)?)?)$/;
const LAST_MINUTE = 23 * 3600 + 59 * 60;

/** Reads kured's window; undefined = it may reboot at any time, `unreadable` = there may be one that is not told here. */
export function parseWindow(options: WindowOptions): RebootWindow | 'unreadable' | undefined {
  const days = parseDays(options.days);
  const start = parseTimeOfDay(options.start, '0:00');
  const end = parseTimeOfDay(options.end, '23:59:59');
  const zone = parseZone(options.zone);
  if (days === undefined || start === undefined || end === undefined || zone === undefined) return 'unreadable';
  return days.size === 7 && start === 0 && end >= LAST_MINUTE ? undefined : { days, start, end, zone };
}

/** When the first window that starts after `since` has ended; undefined = it never opens. Of an unreadable window: the latest possible time. */
export function endOfNextWindow(window: RebootWindow | 'unreadable', since: number): number | undefined {
  if (window === 'unreadable') return since + LONGEST_WAIT;
  const today = localDay(window, since);
  return listOpenings(window, today - 1, today + 8).find(({ start }) => start > since)?.end;
}

/** When the last window that has ended started; undefined = it never opens. Of an unreadable window: the earliest possible time. */
export function startOfLastWindow(window: RebootWindow | 'unreadable', now: number): number | undefined {
  if (window === 'unreadable') return now - LONGEST_WAIT;
  const today = localDay(window, now);
  return listOpenings(window, today - 9, today).findLast(({ end }) => end <= now)?.start;
}

/** The openings on these days (counted from 1970, in the time zone), in order. As kured has it, one over midnight goes on only if the next day is a day of the window, too. */
function listOpenings(window: RebootWindow, from: number, to: number): readonly Opening[] {
  const { start, end } = window;
  const isOpenOn = (day: number) => window.days.has(new Date(day * DAY).getUTCDay());
  const opening = (day: number, opens: number, closes: number) => ({
    start: toTime(window, day, opens),
    end: toTime(window, day, closes),
  });
  const days = Array.from({ length: to - from + 1 }, (_, index) => from + index).filter(isOpenOn);
  if (start <= end) return days.map((day) => opening(day, start, end));
  return days.flatMap((day) => [
    ...(isOpenOn(day - 1) ? [] : [opening(day, 0, end)]),
    opening(day, start, isOpenOn(day + 1) ? DAY / 1000 + end : DAY / 1000),
  ]);
}

/** The moment of a time of day, in seconds, on a day of the time zone. */
function toTime({ zone }: RebootWindow, day: number, seconds: number): number {
  const wall = day * DAY + seconds * 1000;
  const near = wall - offsetAt(zone, wall);
  return wall - offsetAt(zone, near);
}

function localDay({ zone }: RebootWindow, time: number): number {
  return Math.floor((time + offsetAt(zone, time)) / DAY);
}

/** By how much the clocks of the time zone are ahead of UTC, in milliseconds. */
function offsetAt(zone: Intl.DateTimeFormat, time: number): number {
  const parts = Object.fromEntries(zone.formatToParts(time).map(({ type, value }) => [type, Number(value)]));
  const [year, month, day, hour, minute, second] = ['year', 'month', 'day', 'hour', 'minute', 'second'].map((part) =>
    Number(parts[part]),
  );
  const wall = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second));
  return wall - Math.floor(time / 1000) * 1000;
}

function parseDays(values: OptionValues): ReadonlySet<number> | undefined {
  if (values === 'unreadable') return undefined;
  if (values.length === 0) return new Set(DAY_NAMES.keys());
  const names = values
    .join(',')
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  const days = names.map(parseDay).filter((day) => day !== undefined);
  return days.length < names.length ? undefined : new Set(days);
}

function parseDay(name: string): number | undefined {
  if (/^[0-6]$/.test(name)) return Number(name);
  return DAY_NAME.test(name) ? DAY_NAMES.indexOf(name.slice(0, 2)) : undefined;
}

/** Seconds since midnight; the spellings that kured takes, such as `2:30`, `14:30:15`, `14`, `2pm`, `02:30pm`. */
function parseTimeOfDay(values: OptionValues, preset: string): number | undefined {
  if (values === 'unreadable') return undefined;
  const text = values.at(-1) ?? preset;
  const match = /^(\d{1,2})(?::([0-5]\d)(?::([0-5]\d))?)?(am|pm)?$/.exec(text);
  if (match === null) return undefined;
  const half = match[4];
  const written = Number(match[1]);
  if (written > (half === undefined ? 23 : 12)) return undefined;
  const hour = half === undefined ? written : (written % 12) + (half === 'pm' ? 12 : 0);
  return hour * 3600 + Number(match[2] ?? 0) * 60 + Number(match[3] ?? 0);
}

function parseZone(values: OptionValues): Intl.DateTimeFormat | undefined {
  if (values === 'unreadable') return undefined;
  const name = values.at(-1) ?? 'UTC';
  if (!/^[A-Za-z][\w+/-]{0,63}$/.test(name)) return undefined;
  const numeric = { year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric' } as const;
  try {
    return new Intl.DateTimeFormat('en-US', { ...numeric, second: 'numeric', hourCycle: 'h23', timeZone: name });
  } catch {
    return undefined;
  }
}
