import { parseGuid } from './formats.ts';

/** Where a remediation may act: for switching it on step by step. */
export interface RemediationScope {
  /** Ids of subscriptions and resource groups in lower case, without a trailing slash; any of them is enough, none = everywhere. */
  readonly ids: readonly string[];
  /** Tags that a resource has to carry, names in lower case; any of them is enough, none = whatever its tags. */
  readonly tags: readonly { readonly name: string; readonly value: string }[];
}

/** What a scope looks at. */
export interface Scoped {
  /** Resource id in lower case. */
  readonly key: string;
  readonly tags: Readonly<Record<string, string>>;
}

const GROUP_ID = /^\/subscriptions\/([0-9a-f-]{36})(?:\/resourcegroups\/([\p{L}\p{N}._()-]{0,89}[\p{L}\p{N}_()-]))?$/iu;
/** ARM allows no `< > % & \ ? /` in tag names; a comma would end the entry. */
const TAG = /^([^<>%&\\?/,=\p{C}]{1,512})=([^,\p{C}]{1,256})$/u;

/**
 * Entries separated by commas, blanks around them allowed: a subscription id, `/subscriptions/<id>`,
 * `/subscriptions/<id>/resourceGroups/<name>`, or `<tag>=<value>`. Undefined when any entry is none of these.
 */
export function parseRemediationScope(text: string): RemediationScope | undefined {
  const ids: string[] = [];
  const tags: { name: string; value: string }[] = [];
  for (const entry of text.split(',').map((part) => part.replaceAll(/^ +| +$/g, ''))) {
    const id = parseId(entry);
    const [, name, value] = id === undefined ? (TAG.exec(entry) ?? []) : [];
    if (id !== undefined) ids.push(id);
    else if (name !== undefined && value !== undefined && name.trim() === name)
      tags.push({ name: name.toLowerCase(), value });
    else return undefined;
  }
  return { ids, tags };
}

function parseId(entry: string): string | undefined {
  const subscription = parseGuid(entry);
  if (subscription !== undefined) return `/subscriptions/${subscription}`;
  const [, id, group] = GROUP_ID.exec(entry) ?? [];
  if (id === undefined || parseGuid(id) === undefined) return undefined;
  return group === undefined
    ? `/subscriptions/${id.toLowerCase()}`
    : `/subscriptions/${id.toLowerCase()}/resourcegroups/${group.toLowerCase()}`;
}

/** Is the resource in one of the places, and does it carry one of the tags? What is absent never matches; values compare exactly. */
export function isInScope(scope: RemediationScope | undefined, { key, tags }: Scoped): boolean {
  if (scope === undefined) return true;
  const isPlace = scope.ids.length === 0 || scope.ids.some((id) => key.startsWith(`${id}/`));
  const carried = Object.entries(tags).map(([name, value]) => ({ name: name.toLowerCase(), value }));
  const isTagged =
    scope.tags.length === 0 ||
    scope.tags.some(({ name, value }) => carried.some((tag) => tag.name === name && tag.value === value));
  return isPlace && isTagged;
}
