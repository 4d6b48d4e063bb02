import type { JsonPointer, TouchedValues } from '../remediations/define-remediation.ts';
import { isPlainObject } from '../resources/lenient.ts';

/** The value at a JSON Pointer (RFC 6901); undefined when a part of the path is absent. */
function readPointer(body: unknown, pointer: JsonPointer): unknown {
  let value: unknown = body;
  for (const part of pointer.slice(1).split('/')) {
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~');
    if (!isPlainObject(value) || !Object.hasOwn(value, name)) return undefined;
    value = value[name];
  }
  return value;
}

/** The values of several paths; absent ones are left out. */
export function readPointers(body: unknown, pointers: readonly JsonPointer[]): TouchedValues {
  const entries = pointers.map((pointer) => [pointer, readPointer(body, pointer)] as const);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}
