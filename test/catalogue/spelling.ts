/** `acr-admin-user-disabled` → `acrAdminUserDisabled`. */
export function toCamelCase(id: string): string {
  return id.replaceAll(/-([a-z0-9])/g, (_match, letter: string) => letter.toUpperCase());
}

/** Folders that are named in full; all others are named like the prefix of the ids in them. */
const prefixes: Readonly<Record<string, string>> = { 'key-vault': 'kv' };

/** `acr-admin-user-disabled` → `acr/admin-user-disabled.ts`, among the known folders; the folder stands for the prefix of the id. */
export function toPath(id: string, folders: readonly string[]): string | undefined {
  const folder = folders.find((name) => id.startsWith(`${prefixes[name] ?? name}-`));
  return folder === undefined ? undefined : `${folder}/${id.slice((prefixes[folder] ?? folder).length + 1)}.ts`;
}

/** An RBAC action as Azure spells it: provider, at least one type, verb; no wildcard. */
export function isActionSpelling(action: string): boolean {
  return /^Microsoft\.[A-Z][A-Za-z]+(?:\/[a-z][A-Za-z]*)+\/(?:read|write|delete|[a-z][A-Za-z]*\/action)$/.test(action);
}

/** An id: lower-case words joined by single hyphens. */
export function isIdSpelling(id: string): boolean {
  return /^[a-z][a-z0-9]*(?:-[a-z0-9]+)+$/.test(id);
}

/** What occurs more than once. */
export function findDuplicates(values: readonly string[]): string[] {
  return values.filter((value, index) => values.indexOf(value) !== index);
}
