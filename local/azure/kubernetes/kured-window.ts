import type { KuredWindow } from './kubernetes-seed.ts';

const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const DAY_SECONDS = 86_400;

/** Whether kured may act at this time: the day of the week and the time of day in the window's own zone. Without a window always. */
export function isInWindow(window: KuredWindow | undefined, now: Date): boolean {
  if (window === undefined) return true;
  const { days, endTime = '23:59:59', startTime = '0:00', timeZone = 'UTC' } = window;
  const local = readLocalTime(now, timeZone);
  if (days !== undefined && !days.map(toDayNumber).includes(local.day)) return false;
  const [start, end] = [toSeconds(startTime), toSeconds(endTime)];
  // kured takes the day from the present moment, not from the start of a window that goes past midnight.
  if (end < start) return local.seconds >= start || local.seconds <= end;
  return local.seconds >= start && local.seconds <= end;
}

function readLocalTime(now: Date, timeZone: string): { readonly day: number; readonly seconds: number } {
  const parts = new Intl.DateTimeFormat('en-GB', {
    timeZone,
    weekday: 'short',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
  }).formatToParts(now);
  const read = (type: string) => parts.find((part) => part.type === type)?.value ?? '';
  const seconds = toSeconds(`${read('hour')}:${read('minute')}:${read('second')}`) % DAY_SECONDS;
  return { day: DAYS.indexOf(read('weekday').toLowerCase()), seconds };
}

function toDayNumber(day: string): number {
  if (/^[0-6]$/.test(day)) return Number(day);
  const number = DAYS.indexOf(day.slice(0, 3).toLowerCase());
  if (number < 0) throw new Error(`'${day}' is no day of the week`);
  return number;
}

function toSeconds(time: string): number {
  const [, hours, minutes, seconds = '0'] = /^(\d{1,2}):(\d{2})(?::(\d{2}))?$/.exec(time) ?? [];
  if (hours === undefined || minutes === undefined) throw new Error(`'${time}' is no time of day`);
  return Number(hours) * 3_600 + Number(minutes) * 60 + Number(seconds);
}
