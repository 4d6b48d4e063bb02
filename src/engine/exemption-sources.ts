import { classifyAzureError } from '../azure/azure-error.ts';
import { readGroupTags } from '../azure/tags.ts';
import type { DockwardenError } from '../errors.ts';
import type { Policy } from '../policy/define-policy.ts';
import type { ResourceId } from '../resources/resource-id.ts';
import type { ExemptionSource } from '../settings/safety-settings.ts';
import type { AzureCalls } from './azure-calls.ts';
import { isPassingError } from './decide.ts';
import { type Exemption, type FoundExemption, readExemption } from './exemptions.ts';
import type { PolicyExemptions } from './policy-exemptions.ts';
import type { EngineContext } from './ports.ts';
import type { Snapshot } from './snapshot.ts';

/** What asking needs of the pass over the resource. */
interface AskingPass {
  readonly context: Pick<EngineContext, 'settings'>;
  readonly target: ResourceId;
  readonly calls: AzureCalls;
  readonly policyExemptions: Pick<PolicyExemptions, 'find'>;
}

/** A source did not answer. */
interface Unanswered {
  readonly exemption: Exemption;
  readonly error: DockwardenError;
}

/** Asks the sources of `EXEMPTION_SOURCES` about one policy, until one of them exempts. What does not answer holds the fix back. */
export async function askSources(
  { calls, context, policyExemptions, target }: AskingPass,
  policy: Policy,
  snapshot: Snapshot,
  now: Date,
): Promise<readonly FoundExemption[] | Unanswered> {
  const { maxDays, sources } = context.settings.safety.exemptions;
  const found: FoundExemption[] = [];
  const ofTags = (tags: unknown) => readExemption(tags, policy.id, maxDays, now);
  // From the second on each costs a call.
  const isAsked = (source: ExemptionSource) =>
    sources.includes(source) && !found.some(({ read }) => read.state === 'valid');
  if (isAsked('resource')) found.push({ source: 'resource', read: ofTags(snapshot.raw['tags']) });
  let asking = 'the tags of the resource group';
  try {
    if (isAsked('resource-group'))
      found.push({ source: 'resource-group', read: ofTags(await calls.read(readGroupTags, target)) });
    asking = 'the exemptions of Azure Policy';
    if (isAsked('azure-policy'))
      found.push({ source: 'azure-policy', read: await policyExemptions.find(policy, snapshot, now) });
    return found;
  } catch (thrown) {
    const error = classifyAzureError(thrown, 'read', now, target.id);
    const isPassing = isPassingError(error) || error.code === 'AZURE_NOT_FOUND';
    return {
      exemption: { state: 'unreadable', because: `${asking} cannot be read: ${error.message}`, isPassing },
      error,
    };
  }
}
