import type { Policy } from '../policy/define-policy.ts';
import type { Remediation } from '../remediations/define-remediation.ts';
import type { Settings } from '../settings/settings.ts';
import { deriveRoles, listEngineReads, type OptionalRole, optionalRolesFor, type Role } from './roles.ts';

/** A role that the settings call for. */
export interface NeededRole extends Pick<Role, 'actions' | 'dataActions'> {
  /** As the template calls it, up to the name of the environment; of one of Azure's own roles its name. */
  readonly name: string;
  readonly isBuiltIn?: true;
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

/** Roles that are assigned at the workspace, the cluster or the vault that they are for. */
const AT_ONE_RESOURCE = new Set<OptionalRole>(['metrics', 'runCommand', 'passwordVault']);

const PUBLISHER: NeededRole = {
  name: 'EventGrid Data Sender',
  isBuiltIn: true,
  actions: [],
  dataActions: ['Microsoft.EventGrid/events/send/action'],
  place: 'somewhere',
};

/** Does something go to a custom topic of Event Grid, with a token of the identity? */
function publishes({ events, tickets: { target } }: Settings): boolean {
  return events.topic !== undefined || (target.system === 'webhook' && target.secret === undefined);
}

/** The same derivation as that of the template. */
export function deriveCalledFor({ policies, remediations }: Catalogue, settings: Settings): CalledFor {
  const { read, optional, write } = deriveRoles(listEngineReads(policies), remediations);
  const asked = optionalRolesFor(settings, policies, remediations);
  const isActing = (id: string) => settings.modeOf(id) === 'approve' || settings.modeOf(id) === 'enforce';
  const everywhere = [
    ['read', read] as const,
    ...asked.filter((name) => !AT_ONE_RESOURCE.has(name)).map((name) => [name, optional[name]] as const),
    ...Object.entries(write).filter(([id]) => isActing(id)),
  ];
  const somewhere = asked.filter((name) => AT_ONE_RESOURCE.has(name)).map((name) => [name, optional[name]] as const);
  const roles: readonly NeededRole[] = [
    ...everywhere.map(([key, role]) => ({ ...role, name: `Dockwarden ${key}`, place: 'everywhere' as const })),
    ...somewhere.map(([key, role]) => ({ ...role, name: `Dockwarden ${key}`, place: 'somewhere' as const })),
    ...(publishes(settings) ? [PUBLISHER] : []),
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
