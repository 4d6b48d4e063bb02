import type { KubernetesNode } from '../../resources/kubernetes.ts';
import type { AgentPool } from '../../resources/managed-cluster.ts';
import { type Judgement, undecided } from './detection.ts';
import { type Pause, pauseOfPool } from './resource-state.ts';
import { lookUp } from './scheduling.ts';

/** An agent pool as the detector needs it. */
export interface Pool {
  readonly name: string;
  readonly os: 'linux' | 'windows' | 'unreadable';
  /** Undefined = it can be judged. */
  readonly pause: Pause | undefined;
  readonly arm: AgentPool;
}

const LABELS = ['kubernetes.azure.com/agentpool', 'agentpool'];
/** AKS names nodes by their pool: `aks-system-25481572-vmss000000`, and `akswin1000000` on Windows. */
const NODE_NAMES = [/^aks-([a-z0-9]{1,12})-\d+-/, /^aks([a-z0-9]{1,6})[0-9a-z]{6}$/];
const UNNAMED = '(unnamed)';

/** Reads the agent pools; `pause` is that of the whole cluster. A pool that is not described well enough is judged by nothing. */
export function readPools(pools: readonly AgentPool[], pause: Pause | undefined): readonly Pool[] {
  return pools.map((arm) => {
    const { name, osType = '' } = arm;
    const system = osType.trim().toLowerCase();
    const os = system === 'linux' || system === 'windows' ? system : 'unreadable';
    const isReadable = name !== undefined && os !== 'unreadable';
    const own = isReadable ? pauseOfPool(arm) : ({ kind: 'undecided', because: UNREADABLE } as const);
    return { name: name ?? UNNAMED, os, pause: pause ?? own, arm };
  });
}

const UNREADABLE: Judgement = undecided('pool-unreadable', 'the agent pool has no readable name or OS type');

/** The pool that the name of a node tells. */
export function poolOfName(name: string): string | undefined {
  return NODE_NAMES.map((pattern) => pattern.exec(name)?.[1]).find((found) => found !== undefined);
}

/** The pool that a node belongs to. By its name, and by its label where the name tells none that is listed: a node can write its own labels, not its name. */
export function poolOf({ metadata: { labels, name } }: KubernetesNode, pools: readonly Pool[]): Pool | undefined {
  const named = [
    ...NODE_NAMES.map((pattern) => pattern.exec(name)?.[1]),
    ...LABELS.map((label) => lookUp(labels, label)),
  ];
  for (const candidate of named) {
    const found = pools.find((pool) => pool.name.toLowerCase() === candidate?.toLowerCase());
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Stands the node for containers elsewhere (virtual nodes)? It is in no agent pool, and there is nothing to reboot. */
export function isVirtual({ metadata: { labels, name } }: KubernetesNode): boolean {
  return lookUp(labels, 'type') === 'virtual-kubelet' || /^virtual-(?:node|kubelet)-aci-/.test(name);
}
