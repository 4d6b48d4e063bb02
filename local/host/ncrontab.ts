import { parseTimeSpan } from './settings.ts';

/** When a timer runs: times of a calendar pattern in UTC. */
export interface Schedule {
  /** First run strictly after the given time. */
  next(after: Date): Date;
}

interface Field {
  readonly lowest: number;
  readonly highest: number;
  readonly names?: readonly string[];
}

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const weekdays = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const fields = {
  second: { lowest: 0, highest: 59 },
  minute: { lowest: 0, highest: 59 },
  hour: { lowest: 0, highest: 23 },
  day: { lowest: 1, highest: 31 },
  month: { lowest: 1, highest: 12, names: months },
  weekday: { lowest: 0, highest: 6, names: weekdays },
} satisfies Record<string, Field>;

/** 29 February on a given weekday recurs within 28 years (40 around 2100). */
const searchYears = 41;

/**
 * Parses what a timer trigger accepts: NCRONTAB with six fields (`{second} {minute} {hour} {day} {month} {weekday}`),
 * with five (no seconds), or a time span. Day and weekday must both match. Throws with Azure's message.
 */
export function parseSchedule(expression: string): Schedule {
  const interval = parseTimeSpan(expression);
  if (interval !== undefined && Number.isFinite(interval) && interval > 0) {
    return { next: (after) => new Date(after.getTime() + interval) };
  }
  const parts = expression.trim().split(/\s+/u);
  if (parts.length === 5) parts.unshift('0');
  const [second, minute, hour, day, month, weekday] = parts;
  if (parts.length !== 6 || second === undefined || minute === undefined || hour === undefined)
    throw reject(expression);
  if (day === undefined || month === undefined || weekday === undefined) throw reject(expression);
  const wanted = {
    seconds: parseField(second, fields.second, expression),
    minutes: parseField(minute, fields.minute, expression),
    hours: parseField(hour, fields.hour, expression),
    days: parseField(day, fields.day, expression),
    months: parseField(month, fields.month, expression),
    weekdays: parseField(weekday, fields.weekday, expression),
  };
  return { next: (after) => findNext(wanted, after, expression) };
}

function reject(expression: string): Error {
  return new Error(
    `The schedule expression '${expression}' was not recognized as a valid cron expression or timespan string.`,
  );
}

function parseField(text: string, field: Field, expression: string): ReadonlySet<number> {
  const values = new Set<number>();
  for (const part of text.split(',')) {
    const [range = '', stepText] = part.split('/');
    const step = stepText === undefined ? 1 : Number(stepText);
    if (!Number.isInteger(step) || step < 1) throw reject(expression);
    const [first, last] = parseRange(range, stepText !== undefined, field, expression);
    for (let value = first; value <= last; value += step) values.add(value);
  }
  return values;
}

function parseRange(range: string, stepped: boolean, field: Field, expression: string): [number, number] {
  if (range === '*') return [field.lowest, field.highest];
  const [start = '', end] = range.split('-');
  const first = parseValue(start, field, expression);
  if (end !== undefined) return [first, parseValue(end, field, expression)];
  return [first, stepped ? field.highest : first];
}

function parseValue(text: string, field: Field, expression: string): number {
  const position = field.names?.indexOf(text.slice(0, 3).toLowerCase()) ?? -1;
  const value = position >= 0 ? position + field.lowest : Number(text);
  const fits = text !== '' && Number.isInteger(value) && value >= field.lowest && value <= field.highest;
  if (!fits) throw reject(expression);
  return value;
}

type Wanted = Readonly<Record<'seconds' | 'minutes' | 'hours' | 'days' | 'months' | 'weekdays', ReadonlySet<number>>>;

/** Walks from the largest unit to the smallest: a mismatch jumps to the start of that unit's next value. */
function findNext(wanted: Wanted, after: Date, expression: string): Date {
  const time = new Date(Math.floor(after.getTime() / 1000) * 1000 + 1000);
  const lastYear = after.getUTCFullYear() + searchYears;
  while (time.getUTCFullYear() <= lastYear) {
    const [year, month, day] = [time.getUTCFullYear(), time.getUTCMonth(), time.getUTCDate()];
    const [hour, minute] = [time.getUTCHours(), time.getUTCMinutes()];
    if (!wanted.months.has(month + 1)) time.setTime(Date.UTC(year, month + 1));
    else if (!wanted.days.has(day) || !wanted.weekdays.has(time.getUTCDay()))
      time.setTime(Date.UTC(year, month, day + 1));
    else if (!wanted.hours.has(hour)) time.setTime(Date.UTC(year, month, day, hour + 1));
    else if (!wanted.minutes.has(minute)) time.setTime(Date.UTC(year, month, day, hour, minute + 1));
    else if (!wanted.seconds.has(time.getUTCSeconds())) time.setTime(time.getTime() + 1000);
    else return time;
  }
  throw new Error(`The schedule '${expression}' never occurs.`);
}
