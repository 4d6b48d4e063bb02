import { listTokens } from '../azure/container-registry.ts';
import { credentialAlerts } from '../policy/defender/alert-parts.ts';
import { type DefenderKnowledge, NOTHING_KNOWN } from '../resources/defender.ts';
import type { ResourceId } from '../resources/resource-id.ts';
import type { WorkItem } from '../work/work-items.ts';
import type { AzureCalls } from './azure-calls.ts';
import type { EngineContext } from './ports.ts';

/** What Defender has told about a resource. Costs no call where it never told anything. Rejects with `STORAGE_UNAVAILABLE`. */
export async function recallDefender(
  context: EngineContext,
  target: ResourceId,
  { changes = [], hasAlerts }: Pick<WorkItem, 'changes' | 'hasAlerts'>,
): Promise<DefenderKnowledge> {
  if (hasAlerts !== true) return { ...NOTHING_KNOWN, changes };
  const unreadable: string[] = [];
  const alerts = await context.alerts.ofResource(target, ({ message }, id = '') => {
    unreadable.push(id);
    context.log.error('an alert cannot be read', { resourceId: target.id, error: message });
  });
  return { ...NOTHING_KNOWN, alerts, unreadable, changes };
}

/** The same with the tokens of the registry, while an alert says that its credentials are stolen: they are for people, so nothing fails for them. */
export async function withTokens(
  calls: AzureCalls,
  target: ResourceId,
  knowledge: DefenderKnowledge,
  now: Date,
): Promise<DefenderKnowledge> {
  if (target.type !== 'Microsoft.ContainerRegistry/registries' || credentialAlerts(knowledge, now).length === 0)
    return knowledge;
  try {
    return { ...knowledge, tokens: await calls.read(listTokens, target) };
  } catch {
    return { ...knowledge, tokens: 'unreadable' };
  }
}
