import type { DaemonSet, KubernetesNode } from './kubernetes.ts';
import type { AgentPool } from './managed-cluster.ts';
import type { NodeOsMaintenance } from './node-os-maintenance.ts';

/** Why the nodes of a cluster cannot be read through its Kubernetes API. */
export type AccessProblem =
  /** The cluster does not use Entra: its "user" credentials would make us cluster-admin, so they are never used. */
  | 'not-entra-integrated'
  /** 403: the role is missing. */
  | 'no-permission'
  /** 401, also with a new token. */
  | 'unauthorized'
  /** No connection, a time-out, 429 or 5xx. */
  | 'unreachable'
  /** The credentials name another host than ARM does, or hold no usable server or certificate authority. */
  | 'refused'
  /** An answer that is no list of nodes. */
  | 'unreadable-answer';

/** What the Kubernetes API told. */
export type ClusterAccess =
  | {
      readonly state: 'read';
      readonly nodes: readonly KubernetesNode[];
      /** Undefined = they were not read, as where the nodes came through `runCommand`: nothing is known of kured then. */
      readonly daemonSets: readonly DaemonSet[] | undefined;
    }
  | {
      readonly state: 'unreadable';
      readonly reason: AccessProblem;
      /** It was so at the inspection before this one, too: no passing fault. */
      readonly isLasting: boolean;
      /** For people; never a token. */
      readonly because: string;
    };

/** kured's metric, by node name: `kured_reboot_required`, now and for the whole time that is allowed. Nodes that are absent have no data. */
export interface RebootMetrics {
  readonly now: ReadonlyMap<string, 0 | 1>;
  readonly overdue: ReadonlySet<string>;
}

/** What table `nodes` remembers of one node; times in ISO 8601. */
export interface NodeRecord {
  readonly name: string;
  readonly pool: string;
  /** Of the Node object; another one is another node. */
  readonly uid: string;
  readonly bootId?: string;
  readonly bootIdFirstSeen?: string;
  readonly previousBootId?: string;
  /** When the previous boot id was last seen. */
  readonly previousSeenAt?: string;
  readonly kernel?: string;
  /** Since when its kernel has been older than a neighbour's. */
  readonly kernelSkewSince?: string;
  readonly lastVerdict?: string;
  readonly lastSeenAt: string;
}

/** A failed upgrade of node images that no later success followed. */
export interface UpgradeFailure {
  /** Absent = the event names the cluster only. */
  readonly pool?: string;
  /** ISO 8601. */
  readonly at: string;
}

/** Everything that the detector of missing node reboots judges by, besides the cluster itself. */
export type NodeHealth =
  /** ARM did not tell the essentials (throttled, down, not allowed): nothing can be said this time. */
  | { readonly state: 'unavailable'; readonly because: string }
  | {
      readonly state: 'collected';
      readonly pools: readonly AgentPool[];
      /** Newest node image by name of the agent pool; a pool without an entry could not be asked. */
      readonly latestImages: ReadonlyMap<string, string>;
      /** The planned maintenance for node OS upgrades; undefined = none is configured, `unreadable` = could not be read. */
      readonly maintenance: NodeOsMaintenance | 'unreadable' | undefined;
      readonly access: ClusterAccess;
      /** Undefined = no metrics workspace is configured, or none knows the cluster; `unreadable` = one that is configured does not tell. */
      readonly metrics: RebootMetrics | 'unreadable' | undefined;
      /** The machines that ARM lists, by name of the agent pool: the names of its nodes. Undefined = not asked; a pool without an entry could not be. */
      readonly machines: ReadonlyMap<string, readonly string[]> | undefined;
      /** Rows of table `nodes` as they were before this inspection, by node name. */
      readonly history: ReadonlyMap<string, NodeRecord>;
      /** `unreadable` = it is not known whether an upgrade failed. */
      readonly failures: readonly UpgradeFailure[] | 'unreadable';
    };
