import { listTokens } from '../azure/container-registry.ts';
import type { Finding } from '../findings/findings.ts';
import { credentialAlerts } from '../policy/defender/alert-parts.ts';
import { type DefenderKnowledge, NOTHING_KNOWN } from '../resources/defender.ts';
import type { ResourceId } from '../resources/resource-id.ts';
import type { Versioned } from '../versioned.ts';
import type { WorkItem } from '../work/work-items.ts';
import type { AzureCalls } from './azure-calls.ts';
import { isUnfinished } from './finding-state.ts';
import type { EngineContext } from './ports.ts';
import { judgesAlerts } from './snapshot.ts';

/** What a sweep calls the cause of a look at a resource with alerts that are open. */
export const OPEN_ALERTS = 'Microsoft.Security/alerts/open';

/**
 * What Defender has told about a resource. Costs no call where it never told anything, as its row of work says. That row may have been deleted: what is
 * open, or may have tickets, says so, too, and a sweep that has found alerts. Rejects with `STORAGE_UNAVAILABLE`.
 */
export async function recallDefender(
  context: EngineContext,
  target: ResourceId,
  { changes = [], hasAlerts, pending }: Pick<WorkItem, 'changes' | 'hasAlerts' | 'pending'>,
  findings: readonly Versioned<Finding>[],
): Promise<DefenderKnowledge> {
  const isSwept = pending.some(({ operation }) => operation === OPEN_ALERTS);
  const isTold =
    hasAlerts === true || isSwept || findings.some(({ item }) => isUnfinished(item) && isAboutAlerts(context, item));
  if (!isTold) return { ...NOTHING_KNOWN, changes };
  const unreadable: string[] = [];
  const alerts = await context.alerts.ofResource(target, ({ message }, id = '') => {
    unreadable.push(id);
    context.log.error('an alert cannot be read', { resourceId: target.id, error: message });
  });
  return { ...NOTHING_KNOWN, alerts, unreadable, changes };
}

function isAboutAlerts({ policies }: EngineContext, { policyId }: Finding): boolean {
  return policies.some((policy) => policy.id === policyId && judgesAlerts(policy));
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
