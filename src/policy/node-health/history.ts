import type { KubernetesNode } from '../../resources/kubernetes.ts';
import type { NodeRecord } from '../../resources/node-health.ts';
import type { CollectedHealth } from './detect.ts';
import type { Detection } from './detection.ts';
import { findOlderKernels, kernelOf, skewSinceOf } from './kernel.ts';
import { recordOf, uidOf } from './node-identity.ts';
import { DAY, parseTimestamp } from './timestamp.ts';

/** Rows of nodes that were not seen for so long are forgotten. */
const MEMORY = 30 * DAY;

/**
 * What is to be remembered of the nodes after this inspection: all rows of the cluster, also those of nodes that are missing just now. Nodes that
 * could not be read leave the rows as they were.
 */
export function recordNodes(health: CollectedHealth, detection: Detection, now: Date): readonly NodeRecord[] {
  const nodes = health.access.state === 'read' ? health.access.nodes : [];
  const poolOf = (node: KubernetesNode) => detection.nodes.get(node.metadata.name)?.pool ?? '';
  const older = findOlderKernels(nodes.map((node) => ({ node, pool: poolOf(node) })));
  const seen = nodes.map((node) => {
    const { name } = node.metadata;
    const known = recordOf(node, health.history);
    const record: NodeRecord = {
      name,
      pool: poolOf(node),
      uid: uidOf(node, health.history),
      ...recordBoot(node, known, now),
      ...recordKernel(node, known, older.has(name), now),
      lastSeenAt: now.toISOString(),
    };
    const verdict = detection.nodes.get(name)?.verdict;
    return verdict === undefined ? record : { ...record, lastVerdict: verdict };
  });
  const names = new Set(seen.map(({ name }) => name));
  const unseen = [...health.history.values()].filter(
    ({ lastSeenAt, name }) => !names.has(name) && now.getTime() - (parseTimestamp(lastSeenAt) ?? 0) <= MEMORY,
  );
  return [...seen, ...unseen];
}

type Boot = Pick<NodeRecord, 'bootId' | 'bootIdFirstSeen' | 'previousBootId' | 'previousSeenAt'>;

/** The boot id of now, and the one before it with the last time that it was seen: what proves a reboot must not be lost at the next look. */
function recordBoot({ status }: KubernetesNode, known: NodeRecord | undefined, now: Date): Boot {
  const { bootID = '' } = status.nodeInfo;
  const current: Boot = bootID === '' ? {} : { bootId: bootID, bootIdFirstSeen: now.toISOString() };
  if (known === undefined) return current;
  const { bootId, bootIdFirstSeen, lastSeenAt, previousBootId, previousSeenAt } = known;
  const before: Boot = {
    ...(previousBootId !== undefined && { previousBootId }),
    ...(previousSeenAt !== undefined && { previousSeenAt }),
  };
  if (bootId === undefined) return { ...current, ...before };
  // A boot id that is not told just now was not seen either: as the previous one it keeps the time at which it was.
  if (bootId !== bootID) return { ...current, previousBootId: bootId, previousSeenAt: lastSeenAt };
  return { ...current, ...(bootIdFirstSeen !== undefined && { bootIdFirstSeen }), ...before };
}

function recordKernel(
  node: KubernetesNode,
  known: NodeRecord | undefined,
  isOlder: boolean,
  now: Date,
): Pick<NodeRecord, 'kernel' | 'kernelSkewSince'> {
  const kernel = kernelOf(node);
  return {
    ...(kernel !== undefined && { kernel }),
    ...(isOlder && { kernelSkewSince: skewSinceOf(node, known) ?? now.toISOString() }),
  };
}
