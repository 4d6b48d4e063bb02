import type { HttpRequest } from '@azure/functions';

/** What is answered to a request that is not obeyed, and to one that is. */
export function answer(status: number, jsonBody: Readonly<Record<string, unknown>>) {
  return { status, headers: { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' }, jsonBody };
}

type Answer = ReturnType<typeof answer>;

/** The JSON value of a body of at most so many bytes, or the answer that refuses it. */
export async function readJson(request: HttpRequest, maxBytes: number): Promise<{ readonly value: unknown } | Answer> {
  // A page of another site can make a browser send a form or plain text, but no JSON without being allowed to.
  if (!isJsonType(request.headers.get('content-type') ?? '')) {
    return answer(415, { code: 'not-json', message: 'Send the content type application/json.' });
  }
  const tooLarge = answer(413, { code: 'body-too-large', message: `The body may have at most ${maxBytes} bytes.` });
  if (Number(request.headers.get('content-length') ?? 0) > maxBytes) return tooLarge;
  const bytes = await request.arrayBuffer();
  if (bytes.byteLength > maxBytes) return tooLarge;
  const value = parseJson(bytes);
  return value === undefined ? answer(400, { code: 'not-json', message: 'The body is not JSON in UTF-8.' }) : { value };
}

function isJsonType(contentType: string): boolean {
  return /^application\/json\s*(?:;\s*charset="?utf-8"?\s*)?$/i.test(contentType.trim());
}

function parseJson(bytes: ArrayBuffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    return undefined;
  }
}
