/** ISO 8601 with seconds, any number of fractional digits (Azure sends seven or nine) and, mostly, a zone. */
const ISO_TIME = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.(\d{1,12}))?(Z|[+-]\d{2}:\d{2})?$/i;
/** Azure writes the year 1 for "not set". */
const EARLIEST = Date.UTC(2000, 0, 1);

/** An event's time as ISO 8601 in UTC, cut to milliseconds; without a zone it is UTC. Undefined for anything that is not a time. */
export function readTime(text: string | undefined): string | undefined {
  const match = ISO_TIME.exec(text?.trim() ?? '');
  if (match === null) return undefined;
  const [, seconds = '', fraction = '', zone = 'Z'] = match;
  const time = Date.parse(`${seconds}.${fraction.slice(0, 3).padEnd(3, '0')}${zone}`.toUpperCase());
  return Number.isNaN(time) || time < EARLIEST ? undefined : new Date(time).toISOString();
}
