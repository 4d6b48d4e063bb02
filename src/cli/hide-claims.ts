import { decodeMessage } from '../events/decode-message.ts';
import { isPlainObject } from '../resources/lenient.ts';

/** Members that tell who somebody is and what they may do. */
const HIDDEN_MEMBERS = new Set(['claims', 'authorization']);
const HIDDEN = '(hidden)';
/** What is left of JSON that was cut off. */
const MENTIONS_CLAIMS = /["'\\](?:claims|authorization)["'\\]/i;
/** Deeper than any event. */
const MAX_DEPTH = 32;

/** A value without claims, however deep they are, and however they are wrapped: JSON in a text, or in base64. */
export function hideClaims(value: unknown, depth = 0): unknown {
  if (depth > MAX_DEPTH) return HIDDEN;
  if (typeof value === 'string') {
    const inner = decodeMessage(value);
    const isWrapped = inner.ok && typeof inner.value === 'object' && inner.value !== null;
    if (isWrapped) return hideClaims(inner.value, depth + 1);
    return MENTIONS_CLAIMS.test(value) ? HIDDEN : value;
  }
  if (Array.isArray(value)) return value.map((element) => hideClaims(element, depth + 1));
  if (!isPlainObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      name,
      HIDDEN_MEMBERS.has(name.trim().toLowerCase()) ? HIDDEN : hideClaims(member, depth + 1),
    ]),
  );
}
