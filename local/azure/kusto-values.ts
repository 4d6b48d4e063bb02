import { isJsonObject, type Json } from './json.ts';

/** Operators between two values. */
export const COMPARISONS: Readonly<Record<string, (a: Json | undefined, b: Json | undefined) => boolean>> = {
  '==': (a, b) => toPlain(a) === toPlain(b),
  '!=': (a, b) => toPlain(a) !== toPlain(b),
  '=~': (a, b) => toFolded(a) === toFolded(b),
  '!~': (a, b) => toFolded(a) !== toFolded(b),
  '>': (a, b) => compare(a, b) > 0,
  '>=': (a, b) => compare(a, b) >= 0,
  '<': (a, b) => compare(a, b) < 0,
  '<=': (a, b) => compare(a, b) <= 0,
  contains: (a, b) => toFolded(a).includes(toFolded(b)),
  has: (a, b) => hasTerm(toFolded(a), toFolded(b)),
  startswith: (a, b) => toFolded(a).startsWith(toFolded(b)),
  endswith: (a, b) => toFolded(a).endsWith(toFolded(b)),
};

/** Functions of one value; `now` is the time of the query. */
export const FUNCTIONS: Readonly<Record<string, (value: Json | undefined, now: Date) => Json>> = {
  tolower: toFolded,
  tostring: toPlain,
  tobool: (value) => (toFolded(value) === 'true' ? true : toFolded(value) === 'false' ? false : null),
  todatetime: (value) => formatDate(Date.parse(toPlain(value))),
  ago: (value, now) => formatDate(now.getTime() - Number(value)),
  isempty: (value) => toPlain(value) === '',
  isnotempty: (value) => toPlain(value) !== '',
  isnull: (value) => value === undefined || value === null,
  isnotnull: (value) => value !== undefined && value !== null,
};

/** Member of an object or an array; undefined when there is none. */
export function readMember(value: Json | undefined, name: string): Json | undefined {
  if (Array.isArray(value)) return value[Number(name)];
  return isJsonObject(value) ? value[name] : undefined;
}

/** The text holds the term, and neither a letter nor a digit stands before or behind it. */
function hasTerm(text: string, term: string): boolean {
  if (term === '') return true;
  const isWordAt = (index: number) => /[\p{L}\p{N}]/u.test(text.charAt(index));
  for (let at = text.indexOf(term); at >= 0; at = text.indexOf(term, at + 1)) {
    if (!isWordAt(at - 1) && !isWordAt(at + term.length)) return true;
  }
  return false;
}

/** A value as text; nothing is empty. */
export function toPlain(value: Json | undefined): string {
  if (value === undefined || value === null) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** The same without regard to case. */
export function toFolded(value: Json | undefined): string {
  return toPlain(value).toLowerCase();
}

/** Order of two values: below 0, 0 or above. */
export function compare(a: Json | undefined, b: Json | undefined): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  const [left, right] = [toPlain(a), toPlain(b)];
  return left < right ? -1 : left > right ? 1 : 0;
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A number, or a time span such as `30d` in milliseconds. */
export function parseNumber(token: string): number {
  const [, digits = '', unit] = /^([\d.]+)(\w*)$/.exec(token) ?? [];
  return Number(digits) * (UNIT_MS[unit ?? ''] ?? 1);
}

/** Dates compare as text, since all have one form; null when it is none. */
function formatDate(milliseconds: number): string | null {
  return Number.isNaN(milliseconds) ? null : new Date(milliseconds).toISOString();
}
