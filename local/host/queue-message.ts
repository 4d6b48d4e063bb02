/** Text as it is written into a queue under the host's `messageEncoding`. */
export function encodeMessage(text: string, encoding: 'base64' | 'none'): string {
  return encoding === 'base64' ? Buffer.from(text).toString('base64') : text;
}

/** Text of a received message; undefined when it is not what `messageEncoding` promises. */
export function decodeMessage(text: string, encoding: 'base64' | 'none'): string | undefined {
  if (encoding === 'none') return text;
  const isBase64 = text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/u.test(text);
  return isBase64 ? Buffer.from(text, 'base64').toString() : undefined;
}
