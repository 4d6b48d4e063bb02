import { nodeHealthReads } from '../azure/node-health-reads.ts';
import type { Operation, RbacAction } from '../azure/operation.ts';
import { rotateAndStorePassword } from '../azure/password-rotation.ts';
import { queryRebootMetrics } from '../azure/prometheus.ts';
import { engineReads, relatedReads } from '../azure/resources.ts';
import { runNodeCommand } from '../azure/run-command.ts';
import type { Policy } from '../policy/define-policy.ts';
import { NODE_READER_ROLE } from '../remediations/aks/coverage-advice.ts';
import type { Remediation } from '../remediations/define-remediation.ts';
import type { Mode, Settings } from '../settings/settings.ts';

export interface Role {
  readonly name: string;
  readonly description: string;
  /** Sorted; never a wildcard. */
  readonly actions: readonly RbacAction[];
  /** The same for data; a role with data actions cannot be assigned at a management group. */
  readonly dataActions: readonly RbacAction[];
}

/**
 * `nodes`: while a policy judges by the health of nodes · `metrics` (at the workspace): while `AKS_METRICS_ENDPOINTS` names one · `runCommand`:
 * while `AKS_RUN_COMMAND` allows it · `passwordVault` (at the vault): while `ACR_ROTATED_PASSWORD_VAULT` names one.
 */
export type OptionalRole = 'nodes' | 'metrics' | 'runCommand' | 'passwordVault';

export interface Roles {
  /** Enough for every remediation in `observe`. */
  readonly read: Role;
  /** What some deployments need besides. */
  readonly optional: Readonly<Record<OptionalRole, Role>>;
  /** What each remediation needs besides, only while its mode is `approve` or `enforce`; by remediation id. */
  readonly write: Readonly<Record<string, Role>>;
}

/** What a remediation declares, each operation once, in the order of declaration. */
export function listOperations({ uses }: Remediation): Operation[] {
  return [...new Map(Object.values(uses).map((operation) => [operation.id, operation])).values()];
}

/** What the loop reads itself to judge by these policies: a related resource only if one of them asks for it. */
export function listEngineReads(policies: readonly Pick<Policy, 'needs'>[]): readonly Operation[] {
  const asked = new Set<string>(policies.flatMap(({ needs }) => needs ?? []));
  const idle: readonly Operation[] = Object.entries(relatedReads)
    .filter(([name]) => !asked.has(name))
    .map(([, read]) => read);
  return engineReads.filter((read) => !idle.includes(read));
}

/** The custom roles, made of what the operations declare and nothing else. */
export function deriveRoles(loopReads: readonly Operation[], remediations: readonly Remediation[]): Roles {
  const reads = remediations.flatMap(listOperations).filter(({ effect }) => effect === 'read');
  return {
    read: {
      name: 'Dockwarden reader',
      description: 'Reads the covered resources and what their fixes depend on. Changes nothing.',
      ...permissionsOf([...loopReads, ...reads]),
    },
    optional: {
      nodes: {
        name: NODE_READER_ROLE,
        description:
          'Reads the nodes of clusters, what they run for reboots, and which images they could have. Changes nothing.',
        ...permissionsOf([relatedReads.agentPools, ...nodeHealthReads.filter((read) => read !== queryRebootMetrics)]),
      },
      metrics: {
        name: 'Dockwarden metrics reader',
        description: 'Queries the metrics of an Azure Monitor workspace. Assign it at the workspace.',
        ...permissionsOf([queryRebootMetrics]),
      },
      runCommand: {
        name: 'Dockwarden run command',
        description: 'Runs a command in private clusters. Whoever holds it may start pods there.',
        ...permissionsOf([runNodeCommand]),
      },
      passwordVault: {
        name: 'Dockwarden password vault',
        description:
          'Stores rotated registry passwords in a key vault and sees which it has stored; reads none. Assign it at the vault.',
        actions: [],
        dataActions: permissionsOf([rotateAndStorePassword]).dataActions,
      },
    },
    write: Object.fromEntries(
      remediations.map((remediation) => [
        remediation.id,
        {
          name: `Dockwarden ${remediation.id}`,
          description: `${remediation.title}: the calls that change something.`,
          ...permissionsOf(
            listOperations(remediation)
              .filter(({ effect }) => effect === 'write')
              .map(withoutVault),
          ),
        },
      ]),
    ),
  };
}

/** What stores a secret needs its vault only while there is one: that is a role of its own. */
function withoutVault({ id, actions, dataActions = [] }: Operation): Needs {
  return { actions, dataActions: id === rotateAndStorePassword.id ? [] : dataActions };
}

/** What of an operation its role is made of. */
interface Needs {
  readonly actions: readonly RbacAction[];
  readonly dataActions?: readonly RbacAction[];
}

/** Permissions of a role, derived or read from the generated file. */
export interface Permissions {
  readonly actions: readonly string[];
  readonly dataActions: readonly string[];
}

/** Roles as `effectivePermissions` needs them. */
export interface RolePermissions {
  readonly read: Permissions;
  readonly optional: Readonly<Record<OptionalRole, Permissions>>;
  readonly write: Readonly<Record<string, Permissions>>;
}

/** What of the settings decides about roles. */
export interface RoleSettings {
  readonly modeOf: (remediationId: string) => Mode;
  readonly optional: readonly OptionalRole[];
}

/** The optional roles that these settings call for. */
export function optionalRolesFor(
  settings: Pick<Settings, 'isPolicyOn' | 'nodes' | 'secretVaultOf'>,
  policies: readonly Pick<Policy, 'id' | 'needs'>[],
  remediations: readonly Pick<Remediation, 'id'>[],
): readonly OptionalRole[] {
  const hasVault = remediations.some(({ id }) => settings.secretVaultOf(id) !== undefined);
  return [...nodeRolesFor(settings, policies), ...(hasVault ? (['passwordVault'] as const) : [])];
}

function nodeRolesFor(
  { isPolicyOn, nodes }: Pick<Settings, 'isPolicyOn' | 'nodes'>,
  policies: readonly Pick<Policy, 'id' | 'needs'>[],
): readonly OptionalRole[] {
  const inspects = policies.some(({ id, needs }) => needs?.includes('nodeHealth') === true && isPolicyOn(id));
  if (!inspects) return [];
  return [
    'nodes',
    ...(nodes.metricsEndpoints.length > 0 ? (['metrics'] as const) : []),
    ...(nodes.runCommand === 'off' ? [] : (['runCommand'] as const)),
  ];
}

/**
 * Exactly what the identity may do under these settings: the read role, the optional roles, and the write role of each remediation that is in
 * `approve` or `enforce`. Sorted. Throws for a wildcard.
 */
export function effectivePermissions({ read, optional, write }: RolePermissions, settings: RoleSettings): Permissions {
  const acting = Object.entries(write).filter(([id]) => mayAct(settings.modeOf(id)));
  const roles = [read, ...settings.optional.map((name) => optional[name]), ...acting.map(([, role]) => role)];
  return {
    actions: sorted(roles.flatMap(({ actions }) => actions)),
    dataActions: sorted(roles.flatMap(({ dataActions }) => dataActions)),
  };
}

function sorted(actions: readonly string[]): readonly string[] {
  const wildcard = actions.find((action) => action.includes('*'));
  if (wildcard !== undefined) throw new Error(`a role may not hold a wildcard: ${wildcard}`);
  return [...new Set(actions)].toSorted();
}

function mayAct(mode: Mode): boolean {
  return mode === 'approve' || mode === 'enforce';
}

function permissionsOf(operations: readonly Needs[]): Pick<Role, 'actions' | 'dataActions'> {
  return {
    actions: listActions(operations.flatMap(({ actions }) => actions)),
    dataActions: listActions(operations.flatMap(({ dataActions = [] }) => dataActions)),
  };
}

function listActions(actions: readonly RbacAction[]): RbacAction[] {
  return [...new Set(actions)].toSorted();
}
