import { isPlainObject } from '../../src/resources/lenient.ts';

/** JSON Pointers of everything that differs between two values, down to the leaves that do. */
function changedPaths(before: unknown, after: unknown, path = ''): readonly string[] {
  if (isPlainObject(before) && isPlainObject(after)) {
    const names = new Set([...Object.keys(before), ...Object.keys(after)]);
    return [...names].flatMap((name) =>
      changedPaths(before[name], after[name], `${path}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`),
    );
  }
  if (Array.isArray(before) && Array.isArray(after) && before.length === after.length) {
    return before.flatMap((item: unknown, index) => changedPaths(item, after[index], `${path}/${index}`));
  }
  return JSON.stringify(before) === JSON.stringify(after) ? [] : [path];
}

/** What Azure itself changes at every write. Passwords are part of no body. */
const SERVER_OWNED = [/^\/systemData(\/|$)/, /^\/eTag$/, /^\/properties\/agentPoolProfiles\/\d+\/eTag$/];

/** The same without what the service owns: what a fix or an undo has to answer for. */
export function changedByUs(before: unknown, after: unknown): readonly string[] {
  return changedPaths(before, after).filter((path) => !SERVER_OWNED.some((pattern) => pattern.test(path)));
}
