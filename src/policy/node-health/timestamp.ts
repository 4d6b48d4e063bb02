/** Milliseconds. */
export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** Longer text is no time, whatever it says. */
const MAX_LENGTH = 40;
const RFC3339 =
  /^(\d{4}-\d{2}-\d{2})T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/;
const COMPACT = /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z$/;

/** Reads an RFC 3339 time strictly (days that do not exist are refused): milliseconds since 1970, or undefined. */
export function parseTimestamp(text: string | undefined): number | undefined {
  if (text === undefined || text.length > MAX_LENGTH) return undefined;
  const match = RFC3339.exec(text);
  return match === null || parseDate(match[1]) === undefined ? undefined : Date.parse(text);
}

/** Reads `yyyyMMddTHHmmssZ`: milliseconds since 1970, or undefined. */
export function parseCompactTimestamp(text: string): number | undefined {
  if (text.length > MAX_LENGTH) return undefined;
  return parseTimestamp(text.replace(COMPACT, '$1-$2-$3T$4:$5:$6Z'));
}

/** Reads `yyyy-MM-dd`: milliseconds since 1970 of its first moment in UTC, or undefined. */
export function parseDate(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{4}-\d{2}-\d{2}$/.test(text)) return undefined;
  const time = Date.parse(`${text}T00:00:00Z`);
  // Some days that do not exist, such as 30 February, would be read as days of the next month.
  return Number.isNaN(time) || new Date(time).toISOString().slice(0, 10) !== text ? undefined : time;
}

/** Writes a time in UTC and to the second: `2026-08-17T07:14:09Z`. */
export function formatTimestamp(time: number): string {
  return `${new Date(time).toISOString().slice(0, 19)}Z`;
}

/** Writes the day of a time in UTC: `2026-08-17`. */
export function formatDate(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}
