/** Any JSON value. */
export type Json = string | number | boolean | null | readonly Json[] | JsonObject;

/** A JSON object; `undefined` members are left out when it is sent. */
export interface JsonObject {
  readonly [key: string]: Json | undefined;
}

/** Narrows to a JSON object (not an array, not null). */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** JSON merge patch (RFC 7396): null removes a member, objects merge, everything else replaces. Returns a new object. */
export function mergePatch(target: Json | undefined, patch: JsonObject): JsonObject {
  const merged: Record<string, Json | undefined> = isJsonObject(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete merged[name];
    else if (isJsonObject(value)) merged[name] = mergePatch(merged[name], value);
    else if (value !== undefined) merged[name] = value;
  }
  return merged;
}

/** The string behind a dotted path such as `properties.provisioningState`; undefined when it is no string. */
export function readString(value: Json | undefined, path: string): string | undefined {
  let current: Json | undefined = value;
  for (const name of path.split('.')) current = isJsonObject(current) ? current[name] : undefined;
  return typeof current === 'string' ? current : undefined;
}

/** A copy of the object without the named members. */
export function omit(source: JsonObject, names: ReadonlySet<string>): JsonObject {
  return Object.fromEntries(Object.entries(source).filter(([name]) => !names.has(name)));
}
