import { isPlainObject } from '../resources/lenient.ts';

/** Most characters of a message: what the interface promises. */
const MAX_MESSAGE = 500;
/** Headers whose values are no secret and may be words of a normal sentence. */
const HARMLESS = new Set(['accept', 'content-type', 'user-agent', 'x-github-api-version']);
/** Shorter pieces of a header's value ("Bearer") are words, and no credential is that short. */
const MIN_SECRET = 7;

/** What a system said in the JSON of a refusal, as one line; empty when it said nothing that can be shown. */
export function describeBody(json: unknown): string {
  if (!isPlainObject(json)) return '';
  const { message, error, errors, errorMessages } = json;
  const parts = [message, error, ...listOf(errorMessages), ...listOf(errors)].map(describePart);
  return [...new Set(parts.filter((part) => part !== ''))].join('; ');
}

/** One line of at most 500 characters without any credential of the request. */
export function cleanMessage(message: string, headers: Readonly<Record<string, string>>): string {
  let clean = message;
  // Longest first: a piece of a secret must not keep the whole from being found.
  for (const secret of listSecrets(headers).toSorted((a, b) => b.length - a.length))
    clean = clean.replaceAll(secret, '…');
  // The cut comes last: half a secret would not be found any more.
  return toOneLine(clean).slice(0, MAX_MESSAGE).toWellFormed();
}

function toOneLine(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, ' ').trim();
}

function describePart(part: unknown): string {
  if (typeof part === 'string') return part;
  if (!isPlainObject(part)) return '';
  const { message, field, code } = part;
  if (typeof message === 'string') return message;
  return [field, code].filter((text) => typeof text === 'string').join(' ');
}

/** Items of a list, or the values of an object of messages by field. */
function listOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value.slice(0, 20);
  return isPlainObject(value) ? Object.values(value).slice(0, 20) : [];
}

function listSecrets(headers: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(headers)
    .filter(([name]) => !HARMLESS.has(name.toLowerCase()))
    .flatMap(([, value]) => {
      const words = value.split(/[\s,;]+/);
      // `name=value`, but not the padding of base64.
      const pieces = [...words, ...words.flatMap((word) => word.split(/=(?=[^=])/))];
      return [value.trim(), ...pieces, ...pieces.flatMap(decodeBasic)];
    })
    .filter((secret) => secret.length >= MIN_SECRET)
    .flatMap((secret) => [secret, encodeURIComponent(secret.toWellFormed())]);
}

/** A `Basic` credential shows its parts to everybody who can decode it. */
function decodeBasic(piece: string): readonly string[] {
  try {
    const text = atob(piece);
    return /^[\x20-\x7e]+$/.test(text) ? [text, ...text.split(':')] : [];
  } catch {
    return [];
  }
}
