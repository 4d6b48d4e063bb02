/** One taint of a node. */
export interface NodeTaint {
  readonly key: string;
  readonly value?: string;
  readonly effect: 'NoSchedule' | 'NoExecute' | 'PreferNoSchedule';
}

/** One toleration of a DaemonSet's pods; without a key (and with `Exists`) it tolerates everything. */
export interface Toleration {
  readonly key?: string;
  readonly operator?: 'Exists' | 'Equal';
  readonly value?: string;
  readonly effect?: NodeTaint['effect'];
}

/** When kured may act. Times `HH:mm` or `HH:mm:ss`; an end before the start lies on the next day. */
export interface KuredWindow {
  /** As kured takes them (`sun`, `monday`, `2`); default every day. */
  readonly days?: readonly string[];
  /** Default `0:00`. */
  readonly startTime?: string;
  /** Default `23:59:59`. */
  readonly endTime?: string;
  /** IANA name; default UTC. */
  readonly timeZone?: string;
}

/** How kured is installed on a cluster, and what hinders it. */
export interface KuredOptions {
  /** False: there is no DaemonSet. Default true. */
  readonly present?: boolean;
  /** `--annotate-nodes`; default false, as in kured. */
  readonly annotateNodes?: boolean;
  /** Default: none, always. */
  readonly window?: KuredWindow;
  /** Default `ghcr.io/kubereboot/kured:1.23.0`. */
  readonly image?: string;
  /** Default: the control plane's taints only, as in its manifest. */
  readonly tolerations?: readonly Toleration[];
  /** False: no pod of it is ready, so nothing of it acts. Default true. */
  readonly ready?: boolean;
  /** Its metric is scraped. Default false, as in its chart. */
  readonly exposesMetrics?: boolean;
  /** Every drain fails (a budget, an alert): it notices and annotates, and reboots nothing. Default false. */
  readonly isBlocked?: boolean;
  /** Further arguments of its container, and its environment, for options given another way. */
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Default `kube-system`/`kured`. */
  readonly namespace?: string;
  readonly name?: string;
}

/**
 * The Kubernetes side of a managed cluster. Its nodes are those that the cluster's agent pools in ARM have: names, counts, systems, images.
 * Ages are hours before the simulator's clock at the start.
 */
export interface KubernetesSeed {
  /** Id of a managed cluster of the seed; one that the seed does not have is passed over. */
  readonly clusterId: string;
  /** Absent = kured is not there. */
  readonly kured?: KuredOptions;
  /** Object ids that Kubernetes RBAC lets read nodes and daemon sets; they count on clusters without Azure RBAC only. */
  readonly subjects?: readonly string[];
  /** Newest node image by pool, where it is not the one that the pool has. */
  readonly latestImages?: Readonly<Record<string, string>>;
  /** Age of every node and of its last boot; default 720 (30 days). */
  readonly nodeAgeHours?: number;
  /** Nodes that have needed a reboot for some time, the first ones of a pool. */
  readonly pendingReboots?: readonly {
    readonly pool: string;
    readonly nodes: number;
    readonly hoursAgo: number;
  }[];
}
