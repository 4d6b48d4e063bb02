import type { KubernetesNode } from '../../resources/kubernetes.ts';
import type { NodeRecord } from '../../resources/node-health.ts';
import { lookUp } from './scheduling.ts';

/** A node and the agent pool that it belongs to. */
export interface PooledNode {
  readonly node: KubernetesNode;
  readonly pool: string;
}

interface Kernel {
  readonly text: string;
  readonly numbers: readonly number[];
}

/** The kernel of a node as plain text; undefined when it does not look like one. */
export function kernelOf({ status }: KubernetesNode): string | undefined {
  return parseKernel(status.nodeInfo.kernelVersion)?.text;
}

/** Since when its kernel has been older than a neighbour's, as it is remembered; undefined also after it was rebooted or given another kernel. */
export function skewSinceOf(node: KubernetesNode, record: NodeRecord | undefined): string | undefined {
  const { bootID } = node.status.nodeInfo;
  const isUnchanged = mayBeSame(kernelOf(node), record?.kernel) && mayBeSame(bootID, record?.bootId);
  return isUnchanged ? record?.kernelSkewSince : undefined;
}

/** Not told is not known to be another one. */
function mayBeSame(now: string | undefined, before: string | undefined): boolean {
  return now === undefined || before === undefined || now === '' || now === before;
}

/** Names of the nodes whose kernel is older than a neighbour's of the same pool, OS SKU and architecture; with the neighbour's. */
export function findOlderKernels(nodes: readonly PooledNode[]): ReadonlyMap<string, string> {
  const newest = new Map<string, Kernel>();
  for (const pooled of nodes) {
    const kernel = parseKernel(pooled.node.status.nodeInfo.kernelVersion);
    const known = newest.get(kindOf(pooled));
    if (kernel !== undefined && (known === undefined || isOlder(known, kernel))) newest.set(kindOf(pooled), kernel);
  }
  return new Map(
    nodes.flatMap((pooled): readonly [string, string][] => {
      const kernel = parseKernel(pooled.node.status.nodeInfo.kernelVersion);
      const neighbour = newest.get(kindOf(pooled));
      if (kernel === undefined || neighbour === undefined || !isOlder(kernel, neighbour)) return [];
      return [[pooled.node.metadata.name, neighbour.text]];
    }),
  );
}

/** Only nodes of the same kind are compared. */
function kindOf({ node: { metadata, status }, pool }: PooledNode): string {
  const sku = lookUp(metadata.labels, 'kubernetes.azure.com/os-sku');
  const architecture = status.nodeInfo.architecture ?? lookUp(metadata.labels, 'kubernetes.io/arch');
  return JSON.stringify([pool, sku, architecture]);
}

function parseKernel(text = ''): Kernel | undefined {
  if (!/^[\w.+~-]{1,100}$/.test(text)) return undefined;
  const numbers = text.match(/\d+/g) ?? [];
  return numbers.length === 0 || numbers.some((digits) => digits.length > 9)
    ? undefined
    : { text, numbers: numbers.map(Number) };
}

/** By number, segment by segment: 5.15.0-1089 is older than 5.15.0-1094. */
function isOlder({ numbers }: Kernel, than: Kernel): boolean {
  const index = numbers.findIndex((number, place) => number !== (than.numbers[place] ?? 0));
  if (index === -1) return numbers.length < than.numbers.length;
  return Number(numbers[index]) < (than.numbers[index] ?? 0);
}
