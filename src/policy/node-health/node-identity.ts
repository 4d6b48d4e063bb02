import type { KubernetesNode } from '../../resources/kubernetes.ts';
import type { NodeRecord } from '../../resources/node-health.ts';

type History = ReadonlyMap<string, NodeRecord>;

/** The uid of a node: its own, else the one that it is remembered by (a node listed by run command has none); empty = not known. */
export function uidOf({ metadata: { name, uid } }: KubernetesNode, history: History): string {
  return uid === '' ? (history.get(name)?.uid ?? '') : uid;
}

/** What is remembered of this very node: another one of the same name has another uid. */
export function recordOf(node: KubernetesNode, history: History): NodeRecord | undefined {
  const record = history.get(node.metadata.name);
  return record?.uid === uidOf(node, history) ? record : undefined;
}

/** What tells a node from another one of the same name in tickets: its uid, or its name where that is not known. */
export function identityOf(node: KubernetesNode, history: History): string {
  return uidOf(node, history) || node.metadata.name;
}
