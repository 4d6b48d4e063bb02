import type { CalledFor } from './called-for.ts';
import { type ActionKind, actionsOf, coversScope, type Grant } from './grants.ts';

/** Whose grants are judged. */
export interface Holder {
  readonly principalId: string;
  /** Its own storage account; undefined = nobody could tell. */
  readonly storageId: string | undefined;
  /** Subscriptions that it looks after, in lower case; none = nobody knows, so all may be meant. */
  readonly scopes: readonly string[];
}

/** What is called for at single resources and nowhere else. */
export function findMeantForOne(grant: Grant, { roles }: CalledFor): readonly string[] {
  const kinds: readonly ActionKind[] = ['actions', 'dataActions'];
  return kinds.flatMap((kind) => {
    const general = new Set(
      roles.filter(({ place }) => place === 'everywhere').flatMap((role) => role[kind].map((one) => one.toLowerCase())),
    );
    return actionsOf(grant, kind).filter((action) => !general.has(action.toLowerCase()));
  });
}

/** What is called for nowhere, or not there. */
export function findExcess(
  grant: Grant,
  { idle, roles }: CalledFor,
  holder: Holder,
): readonly { readonly action: string; readonly because: string }[] {
  const kinds: readonly ActionKind[] = ['actions', 'dataActions'];
  return kinds.flatMap((kind) => {
    const isLookedAfter = isInScope(grant, holder);
    const needed = new Set(
      roles
        .filter(({ place }) => isLookedAfter || place === 'somewhere')
        .flatMap((role) => role[kind].map((action) => action.toLowerCase())),
    );
    return actionsOf(grant, kind)
      .filter(
        (action) => !needed.has(action.toLowerCase()) && !(OF_STORAGE.test(action) && isOfOwnStorage(grant, holder)),
      )
      .map((action) => {
        const owners = idle.get(action.toLowerCase());
        if (owners !== undefined) return { action, because: `${owners.join(' and ')} only observes` };
        return { action, because: isLookedAfter ? 'nothing needs it' : 'SCOPES does not name the subscription' };
      });
  });
}

const OF_STORAGE = /^Microsoft\.Storage\/storageAccounts\//i;
/** The scope of one account, or of something in it. */
export const STORAGE = /\/providers\/Microsoft\.Storage\/storageAccounts\/[^/]/i;

/** What the app may do with its own storage is judged with the tables. */
export function isOfOwnStorage({ scope }: Grant, { storageId }: Holder): boolean {
  return STORAGE.test(scope) && (storageId === undefined || coversScope({ scope: storageId }, scope));
}

export function isAtOneResource({ scope }: Grant): boolean {
  return /^\/subscriptions\/[^/]+\/resourceGroups\/[^/]+\/providers\//i.test(scope);
}

/** Above subscriptions it holds in some that are looked after. */
function isInScope({ scope }: Grant, { scopes }: Holder): boolean {
  const [, subscriptionId] = /^\/subscriptions\/([^/]+)/i.exec(scope) ?? [];
  return subscriptionId === undefined || scopes.length === 0 || scopes.includes(subscriptionId.toLowerCase());
}
