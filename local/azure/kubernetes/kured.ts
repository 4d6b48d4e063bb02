import type { JsonObject } from '../json.ts';
import type { KuredOptions, KuredWindow, NodeTaint, Toleration } from './kubernetes-seed.ts';
import { toKubernetesTime } from './node-object.ts';
import type { NodeState } from './node-state.ts';

/** What kured writes on nodes and on its DaemonSet. */
export const KURED_KEYS = {
  inProgress: 'weave.works/kured-reboot-in-progress',
  mostRecent: 'weave.works/kured-most-recent-reboot-needed',
  lock: 'weave.works/kured-node-lock',
} as const;

const IMAGE = 'ghcr.io/kubereboot/kured:1.23.0';
/** Those of kured's own manifest. */
const CONTROL_PLANE: readonly Toleration[] = [
  { key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' },
  { key: 'node-role.kubernetes.io/master', effect: 'NoSchedule' },
];
/** Kubernetes itself lets pods of every DaemonSet tolerate these. */
const DAEMON_TAINTS =
  /^node\.kubernetes\.io\/(not-ready|unreachable|disk-pressure|memory-pressure|pid-pressure|unschedulable|network-unavailable)$/;

/** Whether a pod of kured runs on the node: kured is there, ready, made for the system, and every taint is tolerated. */
export function hasKuredPod(kured: KuredOptions | undefined, node: NodeState): boolean {
  if (kured === undefined || kured.present === false || kured.ready === false) return false;
  return isScheduled(kured, node);
}

function isScheduled({ tolerations = CONTROL_PLANE }: KuredOptions, { isWindows, taints }: NodeState): boolean {
  return (
    !isWindows &&
    taints.every(
      (taint) =>
        taint.effect === 'PreferNoSchedule' ||
        DAEMON_TAINTS.test(taint.key) ||
        tolerations.some((toleration) => tolerates(toleration, taint)),
    )
  );
}

function tolerates({ effect, key, operator = 'Equal', value = '' }: Toleration, taint: NodeTaint): boolean {
  if (effect !== undefined && effect !== taint.effect) return false;
  if (key === undefined) return operator === 'Exists';
  return key === taint.key && (operator === 'Exists' || value === (taint.value ?? ''));
}

/** kured's DaemonSet as its chart makes it. */
export function toKuredDaemonSet(
  kured: KuredOptions,
  nodes: readonly NodeState[],
  lock: string | undefined,
  createdAt: Date,
  resourceVersion: number,
): JsonObject {
  const { args = [], env = {}, image = IMAGE, name = 'kured', namespace = 'kube-system' } = kured;
  const scheduled = nodes.filter((node) => isScheduled(kured, node)).length;
  const ready = kured.ready === false ? 0 : scheduled;
  const labels = { 'app.kubernetes.io/name': 'kured', 'app.kubernetes.io/instance': name };
  return daemonSet({
    name,
    namespace,
    labels,
    resourceVersion,
    createdAt,
    annotations: lock === undefined ? {} : { [KURED_KEYS.lock]: lock },
    tolerations: kured.tolerations ?? CONTROL_PLANE,
    container: {
      name: 'kured',
      image,
      command: ['/usr/bin/kured'],
      args: [
        `--ds-name=${name}`,
        `--ds-namespace=${namespace}`,
        '--metrics-port=8080',
        '--reboot-sentinel=/sentinel/reboot-required',
        ...(kured.annotateNodes === true ? ['--annotate-nodes=true'] : []),
        '--reboot-command=/bin/systemctl reboot',
        ...windowArguments(kured.window),
        ...args,
      ],
      ports: [{ name: 'metrics', containerPort: 8080 }],
      env: [
        { name: 'KURED_NODE_ID', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
        ...Object.entries(env).map(([variable, value]) => ({ name: variable, value })),
      ],
    },
    scheduled,
    ready,
  });
}

function windowArguments(window: KuredWindow | undefined): readonly string[] {
  if (window === undefined) return [];
  const { days, endTime, startTime, timeZone } = window;
  return [
    ...(days === undefined ? [] : [`--reboot-days=${days.join(',')}`]),
    ...(startTime === undefined ? [] : [`--start-time=${startTime}`]),
    ...(endTime === undefined ? [] : [`--end-time=${endTime}`]),
    ...(timeZone === undefined ? [] : [`--time-zone=${timeZone}`]),
  ];
}

/** A DaemonSet that every AKS cluster has, so that kured is never the only one. */
export function toProxyDaemonSet(nodes: readonly NodeState[], createdAt: Date): JsonObject {
  const scheduled = nodes.filter(({ isWindows }) => !isWindows).length;
  return daemonSet({
    name: 'kube-proxy',
    namespace: 'kube-system',
    labels: { component: 'kube-proxy' },
    resourceVersion: 1,
    createdAt,
    annotations: {},
    tolerations: [{ operator: 'Exists' }],
    container: {
      name: 'kube-proxy',
      image: 'mcr.microsoft.com/oss/v2/kubernetes/kube-proxy:v1.33.4-1',
      command: ['kube-proxy', '--conntrack-max-per-core=0', '--metrics-bind-address=0.0.0.0:10249'],
    },
    scheduled,
    ready: scheduled,
  });
}

function daemonSet(set: {
  readonly name: string;
  readonly namespace: string;
  readonly labels: JsonObject;
  readonly annotations: Readonly<Record<string, string>>;
  readonly createdAt: Date;
  readonly resourceVersion: number;
  readonly container: JsonObject;
  readonly tolerations: readonly Toleration[];
  readonly scheduled: number;
  readonly ready: number;
}): JsonObject {
  const { annotations, container, labels, name, namespace, ready, scheduled } = set;
  return {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: {
      name,
      namespace,
      uid: `6f1f3c52-1111-4222-8333-${Buffer.from(name.padEnd(6)).toString('hex').slice(0, 12)}`,
      resourceVersion: String(set.resourceVersion),
      generation: 1,
      creationTimestamp: toKubernetesTime(set.createdAt),
      labels,
      annotations: { 'deprecated.daemonset.template.generation': '1', ...annotations },
    },
    spec: {
      revisionHistoryLimit: 10,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          serviceAccountName: name,
          hostPID: true,
          restartPolicy: 'Always',
          nodeSelector: { 'kubernetes.io/os': 'linux' },
          tolerations: set.tolerations.map((toleration) => ({ ...toleration })),
          containers: [container],
        },
      },
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1 } },
    },
    status: {
      currentNumberScheduled: scheduled,
      numberMisscheduled: 0,
      desiredNumberScheduled: scheduled,
      numberReady: ready,
      observedGeneration: 1,
      updatedNumberScheduled: scheduled,
      numberAvailable: ready,
    },
  };
}
