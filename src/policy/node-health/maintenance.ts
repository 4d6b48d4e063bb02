import type { NodeOsMaintenance } from '../../resources/node-os-maintenance.ts';
import { DAY, HOUR, MINUTE, parseDate } from './timestamp.ts';

type Window = NodeOsMaintenance['properties']['maintenanceWindow'];

/** Days count from 1970 and are those of the schedule's own clock. */
interface Plan {
  /** Days on which a window opens, newest first, none after `last` and, where the schedule says so, none before its first day. */
  readonly days: (last: number) => Iterable<number>;
  /** Milliseconds from the start of such a day to the opening. */
  readonly opens: number;
  readonly duration: number;
  /** By how much the schedule's clock is ahead of UTC. */
  readonly offset: number;
  /** Days without maintenance, both ends included. */
  readonly closed: readonly (readonly [first: number, last: number])[];
}

/** So many windows are looked at; a schedule that rules out more of them in a row is not understood. */
const MAX_WINDOWS = 1500;
const MAX_CLOSED = 100;
const MAX_OFFSET = 14 * HOUR;
const WEEKDAYS = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'];
const WEEKS = ['first', 'second', 'third', 'fourth'];

/** Has at least one allowed window ended from one moment to another (milliseconds since 1970)? `unreadable` = the schedule cannot be understood. */
export function hasWindowEnded(maintenance: NodeOsMaintenance, from: number, to: number): boolean | 'unreadable' {
  const plan = parsePlan(maintenance.properties.maintenanceWindow);
  if (plan === undefined) return 'unreadable';
  let looked = 0;
  for (const day of plan.days(Math.floor((to + plan.offset) / DAY))) {
    const opens = day * DAY + plan.opens;
    const closes = opens + plan.duration;
    const end = closes - plan.offset;
    if (end < from) return false;
    if (end <= to && !isClosed(plan, Math.floor(opens / DAY), Math.floor((closes - 1) / DAY))) return true;
    looked += 1;
    if (looked >= MAX_WINDOWS) return 'unreadable';
  }
  return false;
}

function isClosed({ closed }: Plan, first: number, last: number): boolean {
  return closed.some(([from, until]) => first <= until && last >= from);
}

function parsePlan(window: Window): Plan | undefined {
  const { durationHours = 0, notAllowedDates, startDate, startTime, utcOffset } = window;
  const first = startDate === undefined ? undefined : parseDay(startDate);
  const opens = parseClock(startTime);
  const offset = parseOffset(utcOffset);
  const closed = notAllowedDates.map(({ start, end }) => [parseDay(start), parseDay(end)] as const);
  const ranges = closed.flatMap(([from, until]) =>
    from === undefined || until === undefined || until < from ? [] : [[from, until] as const],
  );
  const days = parseDays(window.schedule, first);
  if (opens === undefined || offset === undefined || days === undefined || durationHours <= 0) return undefined;
  if (startDate !== undefined && first === undefined) return undefined;
  if (ranges.length < closed.length || closed.length > MAX_CLOSED) return undefined;
  return { days, opens, offset, duration: durationHours * HOUR, closed: ranges };
}

/** Exactly one of the four forms. An interval of more than one needs a first day to count from. */
function parseDays(
  { daily, weekly, absoluteMonthly, relativeMonthly }: Window['schedule'],
  first: number | undefined,
): Plan['days'] | undefined {
  const forms: (Plan['days'] | undefined)[] = [];
  if (daily !== undefined) forms.push(everyDays(daily.intervalDays, first, first));
  if (weekly !== undefined) forms.push(everyWeeks(weekly, first));
  if (absoluteMonthly !== undefined) {
    forms.push(everyMonths(absoluteMonthly.intervalMonths, first, dayOfMonth(absoluteMonthly.dayOfMonth)));
  }
  if (relativeMonthly !== undefined) {
    forms.push(everyMonths(relativeMonthly.intervalMonths, first, weekdayOfMonth(relativeMonthly)));
  }
  return forms.length === 1 ? forms[0] : undefined;
}

function everyWeeks(
  { intervalWeeks, dayOfWeek }: NonNullable<Window['schedule']['weekly']>,
  first: number | undefined,
): Plan['days'] | undefined {
  const weekday = parseWeekday(dayOfWeek);
  if (weekday === undefined || intervalWeeks === undefined) return undefined;
  // Without a first day any day of that weekday is as good to count from; 4 January 1970 was a Sunday.
  const from = first ?? 3;
  const ahead = (weekday - weekdayOf(from) + 7) % 7;
  return everyDays(intervalWeeks * 7, first === undefined && intervalWeeks > 1 ? undefined : from + ahead, first);
}

/** Each `interval` days from `anchor` on, back to `first` if there is one. */
function everyDays(
  interval: number | undefined,
  anchor: number | undefined,
  first: number | undefined,
): Plan['days'] | undefined {
  if (interval === undefined || (anchor === undefined && interval > 1)) return undefined;
  const start = anchor ?? 0;
  const earliest = first ?? Number.NEGATIVE_INFINITY;
  return function* listDays(last) {
    const newest = last - ((((last - start) % interval) + interval) % interval);
    for (let day = newest; day >= earliest; day -= interval) yield day;
  };
}

/** Each `interval` months from the month of `first` on; `find` tells the day of a month, counted from January 1970. */
function everyMonths(
  interval: number | undefined,
  first: number | undefined,
  find: ((month: number) => number | undefined) | undefined,
): Plan['days'] | undefined {
  if (interval === undefined || find === undefined || (first === undefined && interval > 1)) return undefined;
  const start = monthOf(first ?? 0);
  const earliest = first ?? Number.NEGATIVE_INFINITY;
  return function* listDays(last) {
    for (let month = monthOf(last); startOf(month + 1) > earliest; month -= 1) {
      const day = (month - start) % interval === 0 ? find(month) : undefined;
      if (day !== undefined && day <= last && day >= earliest) yield day;
    }
  };
}

/** A month without that day has no window. */
function dayOfMonth(day: number | undefined): ((month: number) => number | undefined) | undefined {
  if (day === undefined || day > 31) return undefined;
  return (month) => (day <= startOf(month + 1) - startOf(month) ? startOf(month) + day - 1 : undefined);
}

function weekdayOfMonth({
  weekIndex = '',
  dayOfWeek,
}: NonNullable<Window['schedule']['relativeMonthly']>): ((month: number) => number) | undefined {
  const weekday = parseWeekday(dayOfWeek);
  if (weekday === undefined) return undefined;
  if (weekIndex.trim().toLowerCase() === 'last') {
    return (month) => {
      const last = startOf(month + 1) - 1;
      return last - ((weekdayOf(last) - weekday + 7) % 7);
    };
  }
  const week = WEEKS.indexOf(weekIndex.trim().toLowerCase());
  if (week === -1) return undefined;
  return (month) => startOf(month) + ((weekday - weekdayOf(startOf(month)) + 7) % 7) + week * 7;
}

/** First day of a month. */
function startOf(month: number): number {
  return Date.UTC(1970, month, 1) / DAY;
}

function monthOf(day: number): number {
  const date = new Date(day * DAY);
  return (date.getUTCFullYear() - 1970) * 12 + date.getUTCMonth();
}

function weekdayOf(day: number): number {
  return new Date(day * DAY).getUTCDay();
}

function parseWeekday(name = ''): number | undefined {
  const weekday = WEEKDAYS.indexOf(name.trim().toLowerCase());
  return weekday === -1 ? undefined : weekday;
}

function parseDay(text: string | undefined): number | undefined {
  const time = parseDate(text);
  return time === undefined ? undefined : time / DAY;
}

function parseClock(text = ''): number | undefined {
  const match = /^([01]\d|2[0-3]):([0-5]\d)$/.exec(text);
  return match === null ? undefined : Number(match[1]) * HOUR + Number(match[2]) * MINUTE;
}

/** Absent = UTC. */
function parseOffset(text = '+00:00'): number | undefined {
  const match = /^([+-])(\d{2}):([0-5]\d)$/.exec(text);
  if (match === null) return undefined;
  const size = Number(match[2]) * HOUR + Number(match[3]) * MINUTE;
  if (size > MAX_OFFSET) return undefined;
  return match[1] === '-' ? -size : size;
}
