import * as z from 'zod';
import { isPlainObject } from './lenient.ts';

/** Resource tags: absent or malformed reads as none; entries that are not text are left out. Names compare case-insensitively. */
export const Tags = z
  .unknown()
  .optional()
  .transform((value): Readonly<Record<string, string>> => {
    if (!isPlainObject(value)) return {};
    return Object.fromEntries(
      Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
    );
  });

/** The value of a tag whatever the casing of its name, or undefined. */
export function tagValue(tags: Readonly<Record<string, string>>, name: string): string | undefined {
  const wanted = name.toLowerCase();
  return Object.entries(tags).find(([key]) => key.toLowerCase() === wanted)?.[1];
}
