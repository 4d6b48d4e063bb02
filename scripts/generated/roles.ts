import type { Operation, RbacAction } from '../../src/azure/operation.ts';
import { engineReads, relatedReads } from '../../src/azure/resources.ts';
import type { Policy } from '../../src/policy/define-policy.ts';
import type { Remediation } from '../../src/remediations/define-remediation.ts';
import type { Mode } from '../../src/settings/settings.ts';
import { listOperations } from './remediation-page.ts';

export interface Role {
  readonly name: string;
  readonly description: string;
  /** Sorted; never a wildcard. */
  readonly actions: readonly RbacAction[];
}

export interface Roles {
  /** Enough for every remediation in `observe`. */
  readonly read: Role;
  /** What each remediation needs besides, only while its mode is `approve` or `enforce`; by remediation id. */
  readonly write: Readonly<Record<string, Role>>;
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
      actions: listActions([...loopReads, ...reads]),
    },
    write: Object.fromEntries(
      remediations.map((remediation) => [
        remediation.id,
        {
          name: `Dockwarden ${remediation.id}`,
          description: `${remediation.title}: the calls that change something.`,
          actions: listActions(listOperations(remediation).filter(({ effect }) => effect === 'write')),
        },
      ]),
    ),
  };
}

/** Roles as `effectiveActions` needs them: derived, or read from the generated file. */
interface RoleActions {
  readonly read: { readonly actions: readonly string[] };
  readonly write: Readonly<Record<string, { readonly actions: readonly string[] }>>;
}

/**
 * Exactly what the identity may do while the remediations have these effective modes: the read role, and the write role of each one that is
 * in `approve` or `enforce`. Sorted. Throws for a wildcard.
 */
export function effectiveActions(
  { read, write }: RoleActions,
  modeOf: (remediationId: string) => Mode,
): readonly string[] {
  const acting = Object.entries(write).filter(([id]) => mayAct(modeOf(id)));
  const actions = [read, ...acting.map(([, role]) => role)].flatMap((role) => role.actions);
  const wildcard = actions.find((action) => action.includes('*'));
  if (wildcard !== undefined) throw new Error(`a role may not hold a wildcard: ${wildcard}`);
  return [...new Set(actions)].toSorted();
}

function mayAct(mode: Mode): boolean {
  return mode === 'approve' || mode === 'enforce';
}

function listActions(operations: readonly Operation[]): RbacAction[] {
  return [...new Set(operations.flatMap(({ actions }) => actions))].toSorted();
}
