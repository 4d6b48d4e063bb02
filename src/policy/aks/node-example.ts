import type { DaemonSet, KubernetesNode, Taint } from '../../resources/kubernetes.ts';
import type { AgentPool } from '../../resources/managed-cluster.ts';
import type { ClusterAccess, NodeRecord } from '../../resources/node-health.ts';
import type { CollectedHealth } from '../node-health/detect.ts';
import { cluster } from './cluster-example.ts';

/** The newest Linux image in the examples. */
export const NEWEST = 'AKSUbuntu-2204gen2containerd-202610.25.0';
/** An image that is overdue on 2 November 2026. */
export const OLD = 'AKSUbuntu-2204gen2containerd-202609.10.0';
export const NEWEST_WINDOWS = 'AKSWindows-2022-containerd-20348.4300.261014';
export const OLD_WINDOWS = 'AKSWindows-2022-containerd-20348.4052.260813';
/** When the nodes of the examples were created, and their kubelets started. */
const CREATED = '2026-09-12T06:00:00Z';
const STARTED = '2026-09-12T06:01:00Z';

/** A cluster on this channel of node OS upgrades. */
export function clusterOn(
  channel: string,
  change: Readonly<Record<string, unknown>> = {},
): Readonly<Record<string, unknown>> {
  return cluster({
    properties: {
      provisioningState: 'Succeeded',
      powerState: { code: 'Running' },
      autoUpgradeProfile: { nodeOSUpgradeChannel: channel },
      agentPoolProfiles: [],
      ...change,
    },
  });
}

/** A running Linux pool of one node. */
export function linuxPool(change: Partial<AgentPool> = {}): AgentPool {
  return {
    name: 'system',
    osType: 'Linux',
    osSKU: 'Ubuntu',
    count: 1,
    nodeImageVersion: NEWEST,
    provisioningState: 'Succeeded',
    powerState: { code: 'Running' },
    ...change,
  };
}

export function windowsPool(change: Partial<AgentPool> = {}): AgentPool {
  return {
    ...linuxPool(),
    name: 'win1',
    osType: 'Windows',
    osSKU: 'Windows2022',
    nodeImageVersion: NEWEST_WINDOWS,
    ...change,
  };
}

/** What a case may say of a node. */
export interface NodeExample {
  readonly name?: string;
  readonly pool?: string;
  readonly uid?: string;
  readonly image?: string;
  readonly kernel?: string;
  readonly bootId?: string;
  /** When its kubelet was last started. */
  readonly started?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly taints?: readonly Taint[];
}

/** A Linux node that runs the newest image. */
export function node({
  annotations = {},
  bootId = 'boot-2',
  image = NEWEST,
  kernel = '5.15.0-1094-azure',
  labels = {},
  name = 'aks-system-25481572-vmss000000',
  pool = 'system',
  started = STARTED,
  taints = [],
  uid = 'uid-1',
}: NodeExample = {}): KubernetesNode {
  return {
    metadata: {
      name,
      uid,
      creationTimestamp: CREATED,
      annotations: { ...annotations },
      labels: {
        'kubernetes.azure.com/agentpool': pool,
        'kubernetes.azure.com/node-image-version': image,
        'kubernetes.azure.com/os-sku': 'Ubuntu',
        'kubernetes.io/os': 'linux',
        ...labels,
      },
    },
    spec: { taints: [...taints] },
    status: {
      nodeInfo: { bootID: bootId, kernelVersion: kernel, architecture: 'amd64' },
      conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: started }],
    },
  };
}

/** The annotation by which kured asks for a reboot since then. */
export function rebootNeeded(since: string): Readonly<Record<string, string>> {
  return { 'weave.works/kured-reboot-in-progress': since };
}

/** What a case may say of kured. */
export interface KuredExample {
  readonly options?: readonly string[];
  readonly annotations?: Readonly<Record<string, string>>;
  readonly created?: string;
  readonly desired?: number;
  readonly ready?: number;
}

/** kured as its chart installs it, with annotations switched on, on one node. */
export function kured({
  annotations = {},
  created = CREATED,
  desired = 1,
  options = ['--annotate-nodes=true'],
  ready = desired,
}: KuredExample = {}): DaemonSet {
  const image = 'ghcr.io/kubereboot/kured:1.23.0';
  return {
    metadata: {
      name: 'kured',
      namespace: 'kube-system',
      annotations: { ...annotations },
      creationTimestamp: created,
      generation: 1,
    },
    spec: {
      template: {
        spec: {
          containers: [{ image, command: ['/usr/bin/kured'], args: [...options], env: [], envFrom: [] }],
          nodeSelector: { 'kubernetes.io/os': 'linux' },
          affinity: { nodeAffinity: {} },
          tolerations: [],
        },
      },
    },
    status: {
      desiredNumberScheduled: desired,
      numberReady: ready,
      observedGeneration: 1,
      updatedNumberScheduled: desired,
    },
  };
}

/** The lock of kured, held by a node (or `manual`) since then. */
export function lock(holder: string, created: string): Readonly<Record<string, string>> {
  return { 'weave.works/kured-node-lock': JSON.stringify({ nodeID: holder, created, TTL: 0 }) };
}

/** What was read of the nodes and of kured. */
export function readNodes(
  nodes: readonly KubernetesNode[],
  daemonSets: readonly DaemonSet[] = [kured()],
): ClusterAccess {
  return { state: 'read', nodes, daemonSets };
}

/** The rows that are remembered. */
export function remembered(...records: readonly NodeRecord[]): CollectedHealth['history'] {
  return new Map(records.map((record) => [record.name, record]));
}

/** One Linux pool of one healthy node, watched by kured. */
export function nodeHealth(change: Partial<CollectedHealth> = {}): CollectedHealth {
  return {
    state: 'collected',
    pools: [linuxPool()],
    latestImages: new Map([
      ['system', NEWEST],
      ['win1', NEWEST_WINDOWS],
    ]),
    maintenance: undefined,
    access: readNodes([node()]),
    metrics: undefined,
    machines: undefined,
    history: new Map(),
    failures: [],
    ...change,
  };
}
