import * as z from 'zod';

/** A property that may be absent, null or wrongly typed: all three read as `undefined`, and never throw. */
export function lenient<T extends z.ZodType>(type: T) {
  return type.optional().catch(undefined);
}

/** An object whose absence or wrong type reads as `{}`: its children are then absent (`controls.md` §0). */
export function lenientObject<T extends z.ZodRawShape>(shape: T) {
  const object = z.object(shape);
  return z
    .unknown()
    .optional()
    .transform((value) => (isPlainObject(value) ? value : {}))
    .pipe(object);
}

/** A flag that must be off: `true` and `"true"` are on, `false` and `"false"` off, null or absent `undefined`, anything else `'unreadable'`. */
export function offFlag() {
  return z
    .unknown()
    .optional()
    .transform((value): boolean | 'unreadable' | undefined => {
      if (value === undefined || value === null) return undefined;
      if (typeof value === 'boolean') return value;
      const text = typeof value === 'string' ? value.trim().toLowerCase() : '';
      if (text === 'true' || text === 'false') return text === 'true';
      return 'unreadable';
    });
}

/** Is this a JSON object (not null, not an array)? */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Does the raw body have a `properties` object at all? Without one nothing was read, and the verdict of every policy is
 * `unknown{missing:'properties'}` (the readers alone cannot tell: they read a missing parent as empty).
 */
export function hasProperties(raw: unknown): boolean {
  return isPlainObject(raw) && isPlainObject(raw['properties']);
}

/** What the text says as JSON; undefined where it is none, which JSON itself cannot say. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
