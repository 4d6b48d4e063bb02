import type { Policy } from '../policy/define-policy.ts';
import type { Remediation } from '../remediations/define-remediation.ts';
import type { Settings } from '../settings/settings.ts';
import { deriveRoles, listEngineReads, optionalRolesFor, type Role } from './roles.ts';

/** A role that the settings call for. */
export interface NeededRole extends Pick<Role, 'name' | 'actions' | 'dataActions'> {
  /** `everywhere`: in each subscription of `SCOPES` · `somewhere`: at one resource that the settings name, wherever it lies. */
  readonly place: 'everywhere' | 'somewhere';
}

/** What the identity needs under these settings, and what it needs under others. */
export interface CalledFor {
  readonly roles: readonly NeededRole[];
  /** Actions of remediations that only observe, each with its remediations, in lower case. */
  readonly idle: ReadonlyMap<string, readonly string[]>;
}

type Catalogue = { readonly policies: readonly Policy[]; readonly remediations: readonly Remediation[] };

/** The same derivation as that of the template. */
export function deriveCalledFor({ policies, remediations }: Catalogue, settings: Settings): CalledFor {
  const { read, optional, write } = deriveRoles(listEngineReads(policies), remediations);
  const asked = optionalRolesFor(settings, policies, remediations);
  const isActing = (id: string) => settings.modeOf(id) === 'approve' || settings.modeOf(id) === 'enforce';
  const roles: readonly NeededRole[] = [
    { ...read, place: 'everywhere' },
    ...asked.map((name) => ({
      ...optional[name],
      place: name === 'metrics' || name === 'passwordVault' ? ('somewhere' as const) : ('everywhere' as const),
    })),
    ...Object.entries(write)
      .filter(([id]) => isActing(id))
      .map(([, role]) => ({ ...role, place: 'everywhere' as const })),
  ];
  const idle = new Map<string, string[]>();
  for (const [id, { actions, dataActions }] of Object.entries(write)) {
    if (isActing(id)) continue;
    for (const action of [...actions, ...dataActions]) {
      const key = action.toLowerCase();
      idle.set(key, [...(idle.get(key) ?? []), id]);
    }
  }
  return { roles, idle };
}
