import { deriveRoles, effectiveActions, listEngineReads } from '../../scripts/generated/roles.ts';
import type { EngineContext } from '../../src/engine/ports.ts';
import { policies } from '../../src/policy/catalogue.ts';
import { remediations } from '../../src/remediations/catalogue.ts';

type Configured = Pick<EngineContext, 'policies' | 'remediations'> & {
  readonly settings: Pick<EngineContext['settings'], 'modeOf'>;
};

/** What a deployment with this catalogue and these settings allows the product, and nothing else. */
export function actionsFor({ settings, ...catalogue }: Configured): readonly string[] {
  const roles = deriveRoles(listEngineReads(catalogue.policies), catalogue.remediations);
  return effectiveActions(roles, (id) => settings.modeOf(id));
}

/** Enough while every remediation only observes. */
export const READ_ACTIONS = actionsFor({ policies, remediations, settings: { modeOf: () => 'observe' } });

/** While every remediation acts. */
export const ALL_ACTIONS = actionsFor({ policies, remediations, settings: { modeOf: () => 'enforce' } });
