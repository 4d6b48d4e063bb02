/** Most characters of a name: that is how long Kubernetes lets one be. */
const NAME_MAX = 253;
/** Most characters of any other single line; a resource id fits. */
const LINE_MAX = 2000;
/** Most characters of a body, as sent: what every system takes (the least is 32,767). */
export const BODY_MAX = 30_000;

const LINE_ENDS = /\r\n|[\n\v\f\r\u0085\u2028\u2029]/g;
/** Control and format characters (also those that turn the direction of text), but not the joiners that scripts and emoji need. */
const UNPRINTABLE = /(?![\u200c\u200d])[\p{Cc}\p{Cf}]/gu;

/** One printable line of at most `max` characters; whatever ends a line becomes a blank. Lone surrogates become U+FFFD. */
export function cleanLine(text: string, max = LINE_MAX): string {
  return cut(cleanLineEnd(bounded(text, max).replaceAll(LINE_ENDS, ' ')), max);
}

/** The name of a node, a pool, a field. */
export function cleanName(text: string): string {
  return cleanLine(text, NAME_MAX);
}

/** Printable text of at most `max` characters; lines end in `\n`, and no more than one in a row is empty. */
export function cleanText(text: string, max = BODY_MAX): string {
  const lines = bounded(text, max).replaceAll(LINE_ENDS, '\n').split('\n').map(cleanLineEnd);
  return cut(lines.join('\n').replaceAll(/\n{3,}/g, '\n\n'), max).replaceAll(/^\n+|\n+$/g, '');
}

/** Title of a ticket: one line of at most `max` characters, never empty. */
export function titleLine(text: string, max: number): string {
  const line = cleanLine(text.trimStart(), max).trimStart();
  return line === '' ? '(no title)' : line;
}

/** Is this line shown as it is? A command must be shown exactly or not at all. */
export function isPrintableLine(text: string): boolean {
  return text.length <= LINE_MAX && cleanLine(text) === text.trimEnd();
}

/** At most `max` UTF-16 units, which is how the systems count; never half a character. */
export function cut(text: string, max: number): string {
  if (text.length <= max) return text;
  // An emoji has two units: the first of them alone is no character.
  const kept = text.slice(0, Math.max(0, max - 1)).replace(/[\ud800-\udbff]$/, '');
  return `${kept.trimEnd()}…`;
}

/** Nobody reads a megabyte of control characters to find the first printable one. */
function bounded(text: string, max: number): string {
  return text.slice(0, max * 4 + 1000).toWellFormed();
}

function cleanLineEnd(line: string): string {
  return line
    .replaceAll(/[\t\p{Zs}]/gu, ' ')
    .replaceAll(UNPRINTABLE, '')
    .trimEnd();
}
