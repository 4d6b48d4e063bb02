import { isPlainObject } from '../../resources/lenient.ts';

/** The members of an object by their names in lower case; `{}` for anything else. The export, the REST API and Resource Graph spell them differently. */
export function lowerNames(value: unknown): Readonly<Record<string, unknown>> {
  if (!isPlainObject(value)) return {};
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name.toLowerCase(), member]));
}
