import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import * as z from 'zod';

const Exchanges = z.object({
  exchanges: z.array(
    z.object({
      name: z.string(),
      request: z.object({
        method: z.string(),
        path: z.string(),
        headers: z.record(z.string(), z.string()).optional(),
        body: z.unknown().optional(),
      }),
      response: z.object({
        status: z.int(),
        headers: z.record(z.string(), z.string()).optional(),
        contentType: z.string().optional(),
        body: z.unknown().optional(),
      }),
    }),
  ),
});
export type Exchange = z.infer<typeof Exchanges>['exchanges'][number];

/** Requests and answers of a real system, where the project's shared fixtures are at hand; else undefined. */
export function readExchanges(file: string): readonly Exchange[] | undefined {
  const path = resolve(import.meta.dirname, '../../../shared/fixtures/tickets', file);
  return existsSync(path) ? Exchanges.parse(JSON.parse(readFileSync(path, 'utf8'))).exchanges : undefined;
}

/**
 * Where two answers have another shape: another type, or a member that only one of them has. A list is compared by its first item; one that is
 * empty says nothing. `isStrict` false: members that only one has are no difference.
 */
export function findShapeDifferences(recorded: unknown, ours: unknown, isStrict: boolean, at = '$'): readonly string[] {
  if (kindOf(recorded) !== kindOf(ours)) return [`${at}: ${kindOf(recorded)} was recorded, ${kindOf(ours)} is ours`];
  if (Array.isArray(recorded) && Array.isArray(ours)) {
    if (recorded.length === 0 || ours.length === 0) return [];
    return findShapeDifferences(recorded[0], ours[0], isStrict, `${at}[]`);
  }
  if (!isObject(recorded) || !isObject(ours)) return [];
  const names = new Set([...Object.keys(recorded), ...Object.keys(ours)]);
  return [...names].flatMap((name) => {
    const isBoth = name in recorded && name in ours;
    if (isBoth) return findShapeDifferences(recorded[name], ours[name], isStrict, `${at}.${name}`);
    return isStrict ? [`${at}.${name}: only ${name in recorded ? 'recorded' : 'ours'}`] : [];
  });
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'list' : typeof value;
}
