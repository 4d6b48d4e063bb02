/** How far a remediation may go, in rising order; see `MODES`. */
export type Mode = 'off' | 'observe' | 'approve' | 'enforce';

/** In rising order: each allows what the one before it allows. */
const MODES = ['off', 'observe', 'approve', 'enforce'] as const satisfies readonly Mode[];

/** The valid modes, for people. */
export const MODE_FORMAT = `${MODES.slice(0, -1).join(', ')} or ${MODES.at(-1)}`;

/** The more careful of two modes. */
export function lowerMode(one: Mode, other: Mode): Mode {
  return MODES.indexOf(one) < MODES.indexOf(other) ? one : other;
}

/** Exact literals only: whatever merely looks like one is not one. */
export function parseMode(text: string): Mode | undefined {
  return MODES.find((mode) => mode === text);
}

/** `on` or `off`, exactly. */
export function parseSwitch(text: string): boolean | undefined {
  if (text === 'on') return true;
  return text === 'off' ? false : undefined;
}

const UNITS = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** A duration `<n>m`, `<n>h` or `<n>d` within two bounds, in milliseconds. */
export function parseDuration(text: string, lowest: number, highest: number): number | undefined {
  const [, digits, unit] = /^(0|[1-9]\d{0,4})([mhd])$/.exec(text) ?? [];
  if (unit !== 'm' && unit !== 'h' && unit !== 'd') return undefined;
  const milliseconds = Number(digits) * UNITS[unit];
  return milliseconds >= lowest && milliseconds <= highest ? milliseconds : undefined;
}

/** A whole number in plain digits within two bounds. */
export function parseNumber(text: string, lowest: number, highest: number): number | undefined {
  if (!/^[1-9]\d{0,5}$/.test(text)) return undefined;
  const value = Number(text);
  return value >= lowest && value <= highest ? value : undefined;
}

/** Names for function keys: `<first 8 hex digits of the key's SHA-256>=<name>`, separated by commas. */
export function parseKeyNames(text: string): Readonly<Record<string, string>> | undefined {
  if (text === '') return {};
  const entries = text.split(',').map((entry) => /^([0-9a-f]{8})=([\w.-]{1,64})$/.exec(entry.trim()));
  const names: Record<string, string> = {};
  for (const entry of entries) {
    const [, fingerprint, name] = entry ?? [];
    if (fingerprint === undefined || name === undefined || Object.hasOwn(names, fingerprint)) return undefined;
    // These stand for keys without a name.
    if (name === 'none' || /^[0-9a-f]{8}$/.test(name)) return undefined;
    names[fingerprint] = name;
  }
  return names;
}

const GUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** A GUID, in lower case. */
export function parseGuid(text: string): string | undefined {
  return GUID.test(text) ? text.toLowerCase() : undefined;
}

/** Subscription ids separated by commas, blanks around them allowed; every one has to be valid. */
export function parseScopes(text: string): readonly string[] | undefined {
  const entries = splitList(text);
  return entries.every((entry) => GUID.test(entry)) ? keepScopes(text) : undefined;
}

/** The valid ids of a list that also has others: one bad entry does not stop the sweep of the rest. */
export function keepScopes(text: string): readonly string[] {
  const ids = splitList(text).map((entry) => parseGuid(entry));
  return [...new Set(ids)].filter((id) => id !== undefined);
}

/** `https://host[:port]` separated by commas, blanks around them allowed; every one has to be valid. */
export function parseOrigins(text: string): readonly string[] | undefined {
  return splitList(text).every((entry) => parseOrigin(entry) !== undefined) ? keepOrigins(text) : undefined;
}

/** The valid ones of a list that also has others. */
export function keepOrigins(text: string): readonly string[] {
  const origins = splitList(text).map((entry) => parseOrigin(entry));
  return [...new Set(origins)].filter((origin) => origin !== undefined);
}

function splitList(text: string): readonly string[] {
  return text === '' ? [] : text.split(',').map((entry) => entry.replaceAll(/^ +| +$/g, ''));
}

/** `https://host[:port]` and nothing else, without the trailing slash. */
export function parseOrigin(text: string): string | undefined {
  const url = parseHttps(text);
  return url?.pathname === '/' ? url.origin : undefined;
}

/** `https://host[:port][/path]`, without a trailing slash. Nothing that could carry a secret: no user, no query (a SAS), no fragment. */
export function parseServiceUri(text: string): string | undefined {
  return parseReceiver(text)?.replace(/\/$/, '');
}

/** The same, with a trailing slash if it has one: another path for whoever receives there. */
export function parseReceiver(text: string): string | undefined {
  return parseHttps(text)?.href;
}

/** A token scope: `https://…/.default`. */
export function parseTokenScope(text: string): string | undefined {
  return parseHttps(text) !== undefined && text.endsWith('/.default') ? text : undefined;
}

const LABEL = '(?:[a-z0-9-]*[a-z0-9])?';
/** The last label begins with a letter: no address of a number lies below it. */
const DNS_NAME = new RegExp(String.raw`^(?:[a-z0-9]${LABEL}\.)*[a-z]${LABEL}$`);

/** Name of a DNS zone below which hosts lie, in lower case; one label (`localhost`) is enough. */
export function parseDnsSuffix(text: string): string | undefined {
  return text.length <= 253 && DNS_NAME.test(text) ? text : undefined;
}

/** Does the host of this URL lie in this DNS zone? */
export function isBelow(address: string, dnsSuffix: string): boolean {
  const { hostname } = new URL(address);
  return hostname === dnsSuffix || hostname.endsWith(`.${dnsSuffix}`);
}

/** Text that is a plain URL as written; `URL` alone would forgive blanks, backslashes and missing slashes. */
function parseHttps(text: string): URL | undefined {
  if (!/^https:\/\/[a-z0-9.-]+(?::\d{1,5})?(?:\/[\w./-]*)?$/i.test(text)) return undefined;
  return URL.parse(text) ?? undefined;
}

/** Name of a storage account. */
export function parseAccountName(text: string): string | undefined {
  return /^[a-z0-9]{3,24}$/.test(text) ? text : undefined;
}

/** Five or six NCRONTAB fields; what is in a field is judged by the Functions host, which reads the setting itself. */
export function parseSchedule(text: string): string | undefined {
  const fields = text.split(' ');
  const isSchedule =
    (fields.length === 5 || fields.length === 6) && fields.every((field) => SCHEDULE_FIELD.test(field));
  return isSchedule ? text : undefined;
}

const SCHEDULE_PART = String.raw`(?:\*|\d{1,2}(?:-\d{1,2})?|[A-Za-z]{3,9}(?:-[A-Za-z]{3,9})?)(?:\/\d{1,2})?`;
const SCHEDULE_FIELD = new RegExp(`^${SCHEDULE_PART}(?:,${SCHEDULE_PART})*$`);

/** Name of an Event Hub. https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules */
export function parseHubName(text: string): string | undefined {
  return /^[a-z0-9](?:[a-z0-9._-]{0,254}[a-z0-9])?$/i.test(text) ? text : undefined;
}

/** Host of a namespace of Event Hubs, with a port where it is a local one. */
export function parseNamespace(text: string): string | undefined {
  return /^[a-z0-9][a-z0-9.-]{0,252}(?::\d{1,5})?$/i.test(text) ? text : undefined;
}
