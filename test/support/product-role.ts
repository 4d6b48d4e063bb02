import {
  deriveRoles,
  effectivePermissions,
  listEngineReads,
  optionalRolesFor,
  type Permissions,
} from '../../scripts/generated/roles.ts';
import type { EngineContext } from '../../src/engine/ports.ts';
import { policies } from '../../src/policy/catalogue.ts';
import { remediations } from '../../src/remediations/catalogue.ts';

type Configured = Pick<EngineContext, 'policies' | 'remediations' | 'settings'>;

const roles = deriveRoles(listEngineReads(policies), remediations);

/** What a deployment with this catalogue and these settings allows the product, and nothing else. */
export function permissionsFor({ settings, ...catalogue }: Configured): Permissions {
  const derived = deriveRoles(listEngineReads(catalogue.policies), catalogue.remediations);
  const optional = optionalRolesFor(settings, catalogue.policies, catalogue.remediations);
  return effectivePermissions(derived, { modeOf: (id) => settings.modeOf(id), optional });
}

/** Enough while every remediation only observes and no policy judges nodes. */
export const READ_ACTIONS = effectivePermissions(roles, { modeOf: () => 'observe', optional: [] }).actions;

/** While every remediation acts and no policy judges nodes. */
export const ALL_ACTIONS = effectivePermissions(roles, { modeOf: () => 'enforce', optional: [] }).actions;

/** While every remediation acts, and policies judge nodes with metrics. */
export const WATCHING_PERMISSIONS: Permissions = effectivePermissions(roles, {
  modeOf: () => 'enforce',
  optional: ['nodes', 'metrics'],
});
