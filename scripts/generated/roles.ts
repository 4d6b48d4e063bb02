import type { Operation, RbacAction } from '../../src/azure/operation.ts';
import type { Remediation } from '../../src/remediations/define-remediation.ts';
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

/** The custom roles, made of what the operations declare and nothing else. */
export function deriveRoles(engineReads: readonly Operation[], remediations: readonly Remediation[]): Roles {
  const reads = remediations.flatMap(listOperations).filter(({ effect }) => effect === 'read');
  return {
    read: {
      name: 'Dockwarden reader',
      description: 'Reads the covered resources and what their fixes depend on. Changes nothing.',
      actions: listActions([...engineReads, ...reads]),
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

function listActions(operations: readonly Operation[]): RbacAction[] {
  return [...new Set(operations.flatMap(({ actions }) => actions))].toSorted();
}
