import type { JsonObject } from '../json.ts';
import type { RawResource } from '../resource-store.ts';
import { instanceId, nodeAddress, type PoolProfile } from './agent-pools.ts';
import { mergeTexts, type NodeState } from './node-state.ts';

/** What a node's object takes from its surroundings. */
export interface NodeContext {
  readonly cluster: RawResource;
  readonly pool: PoolProfile;
  /** Place of the pool among the cluster's. */
  readonly poolIndex: number;
  readonly now: Date;
}

/** A time as Kubernetes writes it: whole seconds, UTC. */
export function toKubernetesTime(time: Date): string {
  return time.toISOString().replace(/\.\d+Z$/, 'Z');
}

/** A `v1` Node as an AKS cluster lists it (about 4 kB; a real one also lists its container images). */
export function toNodeObject(node: NodeState, { cluster, now, pool, poolIndex }: NodeContext): JsonObject {
  const { createdAt, index, isWindows, name, taints } = node;
  const suffix = node.uid.replaceAll('-', '');
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      uid: node.uid,
      resourceVersion: String(node.resourceVersion),
      creationTimestamp: toKubernetesTime(createdAt),
      labels: mergeTexts(labelsOf(node, cluster, pool), node.labels),
      annotations: {
        'csi.volume.kubernetes.io/nodeid': JSON.stringify({ 'disk.csi.azure.com': name, 'file.csi.azure.com': name }),
        'node.alpha.kubernetes.io/ttl': '0',
        'volumes.kubernetes.io/controller-managed-attach-detach': 'true',
        ...node.annotations,
      },
    },
    spec: {
      podCIDR: `10.244.${index % 256}.0/24`,
      providerID: `azure://${instanceId(cluster, pool, index)}`,
      ...(taints.length > 0 && { taints: taints.map((taint) => ({ ...taint })) }),
    },
    status: {
      addresses: [
        { type: 'InternalIP', address: nodeAddress(poolIndex, index) },
        { type: 'Hostname', address: name },
      ],
      conditions: conditionsOf(node, now),
      nodeInfo: {
        machineID: suffix,
        systemUUID: node.uid,
        bootID: node.bootId,
        kernelVersion: node.kernel,
        osImage: isWindows ? 'Windows Server 2022 Datacenter' : 'Ubuntu 22.04.5 LTS',
        containerRuntimeVersion: 'containerd://1.7.28-1',
        kubeletVersion: `v${pool.kubernetesVersion}`,
        kubeProxyVersion: `v${pool.kubernetesVersion}`,
        operatingSystem: isWindows ? 'windows' : 'linux',
        architecture: 'amd64',
      },
    },
  };
}

function labelsOf(node: NodeState, { location = '', properties }: RawResource, pool: PoolProfile) {
  const os = node.isWindows ? 'windows' : 'linux';
  const zone = `${location}-${(node.index % 3) + 1}`;
  const group = properties?.['nodeResourceGroup'];
  return {
    agentpool: pool.name,
    'beta.kubernetes.io/arch': 'amd64',
    'beta.kubernetes.io/instance-type': pool.vmSize,
    'beta.kubernetes.io/os': os,
    'failure-domain.beta.kubernetes.io/region': location,
    'failure-domain.beta.kubernetes.io/zone': zone,
    'kubernetes.azure.com/agentpool': pool.name,
    'kubernetes.azure.com/cluster': typeof group === 'string' ? group : '',
    'kubernetes.azure.com/mode': pool.mode.toLowerCase(),
    'kubernetes.azure.com/node-image-version': node.imageVersion,
    'kubernetes.azure.com/nodepool-type': 'VirtualMachineScaleSets',
    'kubernetes.azure.com/os-sku': pool.osSku,
    'kubernetes.azure.com/role': 'agent',
    'kubernetes.io/arch': 'amd64',
    'kubernetes.io/hostname': node.name,
    'kubernetes.io/os': os,
    'node.kubernetes.io/instance-type': pool.vmSize,
    'topology.kubernetes.io/region': location,
    'topology.kubernetes.io/zone': zone,
  };
}

const CONDITIONS = [
  ['VMEventScheduled', 'False', 'NoVMEventScheduled', 'VM has no scheduled event'],
  ['KernelDeadlock', 'False', 'KernelHasNoDeadlock', 'kernel has no deadlock'],
  ['MemoryPressure', 'False', 'KubeletHasSufficientMemory', 'kubelet has sufficient memory available'],
  ['DiskPressure', 'False', 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'],
  ['PIDPressure', 'False', 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'],
  ['Ready', 'True', 'KubeletReady', 'kubelet is posting ready status'],
] as const;

/** A boot restarts the kubelet, which moves every condition. */
function conditionsOf({ readySince }: NodeState, now: Date): readonly JsonObject[] {
  return CONDITIONS.map(([type, status, reason, message]) => ({
    type,
    status,
    lastHeartbeatTime: toKubernetesTime(now),
    lastTransitionTime: toKubernetesTime(readySince),
    reason,
    message,
  }));
}
