/** What a queue message or trigger argument turned out to be once it was unwrapped. */
export type DecodedMessage =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly reason: 'not-json' | 'too-large'; readonly detail: string };

/** Longest text that is parsed, in characters; Event Grid's own limit is 1 MB per event, a queue's 64 KiB per message. */
const MAX_CHARACTERS = 1024 * 1024;
/** JSON in base64, or JSON that is a string of JSON: at most this many layers are unwrapped. */
const MAX_LAYERS = 3;
const BASE64 = /^[A-Za-z0-9+/\s]+={0,2}\s*$/;

/**
 * Unwraps whatever the Functions host hands over: it parses a message that is JSON, and passes on as text (or bytes) what it could not
 * decode. The answer never repeats any of the content.
 */
export function decodeMessage(message: unknown): DecodedMessage {
  let value = message;
  for (let layer = 0; layer < MAX_LAYERS; layer += 1) {
    const text = asText(value);
    if (text === undefined) break;
    if (text.length > MAX_CHARACTERS) {
      return { ok: false, reason: 'too-large', detail: `the message has ${text.length} characters` };
    }
    const decoded = parseJson(text) ?? parseJson(fromBase64(text));
    if (decoded === undefined) {
      return {
        ok: false,
        reason: 'not-json',
        detail: `${text.length} characters that are neither JSON nor JSON in base64`,
      };
    }
    value = decoded.value;
  }
  if (value === undefined) return { ok: false, reason: 'not-json', detail: 'there is no message' };
  return { ok: true, value };
}

function asText(value: unknown): string | undefined {
  if (value instanceof Uint8Array) return new TextDecoder().decode(value);
  return typeof value === 'string' ? value.replace(/^\uFEFF/, '') : undefined;
}

function fromBase64(text: string): string {
  if (!BASE64.test(text)) return '';
  return new TextDecoder().decode(Buffer.from(text, 'base64'));
}

function parseJson(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return undefined;
  }
}
