import type { findKeyUsers } from '../../azure/key-vault.ts';
import type { Bound } from '../../azure/operation.ts';
import type { VaultKey } from '../../resources/key-vault.ts';
import type { ResourceId } from '../../resources/resource-id.ts';
import { tagValue } from '../../resources/tags.ts';
import type { Preflight } from '../define-remediation.ts';

/** The tag by which the owner of a key lets Dockwarden rotate it. */
export const OPT_IN = { tag: 'dockwarden-key-rotation', value: 'on' } as const;

interface KeyQuestion {
  readonly target: ResourceId;
  readonly resource: VaultKey;
  readonly ops: Pick<Bound<{ readonly findKeyUsers: typeof findKeyUsers }>, 'findKeyUsers'>;
}

/** Has its owner let us, and will everybody who is known to use the key follow to its next version? */
export async function checkKey(
  { target, resource, ops }: KeyQuestion,
  { needsUsers }: { readonly needsUsers: boolean },
): Promise<Preflight> {
  const { tag, value } = OPT_IN;
  if (tagValue(resource.tags, tag)?.trim().toLowerCase() !== value) {
    const because = `the key has no tag ${tag}=${value}, by which its owner agrees to its rotation`;
    return { go: false, reason: 'not-opted-in', because };
  }
  const { keyUri } = resource.properties;
  if (keyUri === undefined) {
    const because = 'the key shows no address, so its users cannot be found';
    return { go: false, reason: 'dependants-unreadable', because };
  }
  const users = await ops.findKeyUsers(target, keyUri);
  const pinned = users.filter(({ isPinned }) => isPinned).map(({ id }) => id);
  if (pinned.length > 0) {
    const because = `these use one version of the key, and would not follow to the next: ${pinned.join(', ')}`;
    return { go: false, reason: 'pinned-users-found', because };
  }
  if (needsUsers && users.length === 0) {
    const because = 'no registry, disk encryption set or cluster is known to use the key, so nobody is known to follow';
    return { go: false, reason: 'no-known-users', because };
  }
  return { go: true };
}

/** Where the key is to be had: vault and name. A key without a readable address has an empty one, which no client talks to. */
export function addressOf(
  target: ResourceId,
  resource: VaultKey | undefined,
): readonly [vaultUri: string, keyName: string] {
  const url = URL.parse(resource?.properties.keyUri ?? '');
  return [url?.origin ?? '', target.name.split('/').slice(1).join('/')];
}
