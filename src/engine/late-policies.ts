import { classifyAzureError } from '../azure/azure-error.ts';
import { queryImageFindings } from '../azure/image-findings.ts';
import type { Finding } from '../findings/findings.ts';
import type { Policy } from '../policy/define-policy.ts';
import { ManagedCluster } from '../resources/managed-cluster.ts';
import type { RelatedMap } from '../resources/resource-map.ts';
import type { PendingCause } from '../work/work-items.ts';
import { isUnfinished } from './finding-state.ts';
import { type NodeInspection, needsNodes } from './node-inspection.ts';
import type { ResourcePass } from './resource-pass.ts';
import type { Snapshot } from './snapshot.ts';

/**
 * Policies that are judged last in a pass: what they need takes time or may not be had, they change nothing, and no fix is to wait for them. While
 * nothing is to be learnt they rest: they keep the state that they have.
 */
export function isLate(policy: Pick<Policy, 'needs'>): boolean {
  return needsNodes(policy) || needsImages(policy);
}

/** Does the policy judge by what Defender found in images? */
export function needsImages({ needs }: Pick<Policy, 'needs'>): boolean {
  return needs?.includes('imageFindings') === true;
}

/** Does the policy rest in a pass with these causes? */
export function isResting(
  policy: Policy,
  finding: Finding | undefined,
  causes: readonly PendingCause[],
  inspection: NodeInspection | undefined,
): boolean {
  if (needsNodes(policy)) return inspection?.isResting === true;
  if (!needsImages(policy) || causes.some(tellsOfImages)) return false;
  // While something is known to be wrong, or a ticket says so, whoever asks and every sweep looks whether it still is.
  const isKnown = finding !== undefined && isUnfinished(finding);
  return !isKnown || causes.every(({ kind }) => kind !== 'sweep' && kind !== 'operator');
}

/** Defender has said something about the registry, or an image came or went. */
function tellsOfImages({ kind, operation = '' }: PendingCause): boolean {
  return kind === 'notification' && IMAGE_NEWS.test(operation);
}

const IMAGE_NEWS =
  /^(?:microsoft\.security\/assessments\/|(?:microsoft\.containerregistry\.)?(?:image|chart)(?:pushed|deleted)$)/i;

/** What these policies need, as far as it can be had; what cannot makes their verdict `unknown`. Rejects only for storage. */
export async function collectLate(
  pass: ResourcePass,
  inspection: NodeInspection | undefined,
  policies: readonly Policy[],
  snapshot: Snapshot,
): Promise<Partial<RelatedMap>> {
  const cluster = policies.some(needsNodes) ? ManagedCluster.safeParse(snapshot.raw) : undefined;
  const nodeHealth = cluster?.success === true ? await inspection?.collect(pass.calls, cluster.data) : undefined;
  const imageFindings = policies.some(needsImages) ? await readImages(pass) : undefined;
  return {
    ...(nodeHealth !== undefined && { nodeHealth }),
    ...(imageFindings !== undefined && { imageFindings }),
  };
}

async function readImages({ calls, context, target }: ResourcePass): Promise<RelatedMap['imageFindings'] | undefined> {
  try {
    return await calls.read(queryImageFindings, target);
  } catch (error) {
    const { message } = classifyAzureError(error, 'read', context.clock.now(), target.id);
    context.log.warn('findings in images cannot be read', { resourceId: target.id, error: message });
    return undefined;
  }
}
