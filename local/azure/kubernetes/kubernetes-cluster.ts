import type { Faults } from '../faults.ts';
import type { KuredOptions, NodeTaint } from './kubernetes-seed.ts';

/** What a test may know of one simulated node. Snapshots: they do not change later. */
export interface SimulatedNode {
  readonly name: string;
  readonly pool: string;
  readonly uid: string;
  /** Empty on Windows. */
  readonly bootId: string;
  readonly kernel: string;
  /** The label `kubernetes.azure.com/node-image-version`. */
  readonly imageVersion: string;
  readonly createdAt: Date;
  /** When Ready last changed: its last boot. */
  readonly readySince: Date;
  /** When the sentinel file appeared; undefined = it is not there. */
  readonly rebootRequiredSince: Date | undefined;
  readonly annotations: Readonly<Record<string, string>>;
  readonly taints: readonly NodeTaint[];
}

/** The Kubernetes side of one managed cluster: its API on a port of its own, its nodes, its kured. Everything happens at the simulator's clock. */
export interface KubernetesCluster {
  /** ARM id as stored. */
  readonly clusterId: string;
  /** Also the value of the metric's label `cluster`, and part of the logged path (`/kubernetes/{name}/api/v1/nodes`). */
  readonly name: string;
  /** `https://localhost:{port}`, as the genuine kubeconfig names it. */
  readonly server: string;
  /** What the genuine kubeconfig tells clients to trust, PEM. */
  readonly ca: string;
  /** Faults of this API only; paths as Kubernetes has them (`/api/v1/nodes`). */
  readonly faults: Faults;
  /** Object ids that Kubernetes RBAC lets read nodes and daemon sets, on a cluster without Azure RBAC. */
  readonly subjects: string[];
  /** True: connections are cut before the TLS handshake. */
  isOffline: boolean;

  /** All nodes by name, or those of one pool. */
  nodes(pool?: string): readonly SimulatedNode[];
  /** Throws for an unknown name. */
  node(name: string): SimulatedNode;
  /** The sentinel file appears now; a node that has it keeps its time. `kernel` is what the next boot starts. */
  requireReboot(target: string, options?: { kernel?: string }): void;
  /** Boots one node: new boot id, Ready moves, sentinel gone. Annotations stay, as they do when nobody but the operator acts. */
  reboot(name: string, options?: { kernel?: string }): void;
  /** Replaces every node of a pool (or one) under its name by one with this image: new uid, boot id and age; annotations, taints and sentinel gone. ARM tells the new image too, unless told not to. */
  reimage(pool: string, imageVersion: string, options?: { node?: string; kernel?: string; inArm?: boolean }): void;
  /** What `agentPools/{pool}/upgradeProfiles/default` tells as the newest image from now on. */
  setLatestImage(pool: string, imageVersion: string): void;
  /** Adds a node to a pool, as AKS would name it, and returns its name; ARM's count follows. */
  addNode(pool: string): string;
  removeNode(name: string): void;
  /** null removes an annotation. */
  setAnnotations(name: string, annotations: Readonly<Record<string, string | null>>): void;
  /** Labels that the node did not have, or others; null removes one. */
  setLabels(name: string, labels: Readonly<Record<string, string | null>>): void;
  /** Replaces all taints. */
  setTaints(name: string, taints: readonly NodeTaint[]): void;

  /** The options in force; undefined = kured is not there. */
  readonly kured: KuredOptions | undefined;
  /** Changes some options (installs kured when it is not there). */
  setKured(change: KuredOptions): void;
  /** The raw text of the lock annotation; undefined removes it. */
  setLock(text: string | undefined): void;
  readonly lock: string | undefined;
  /**
   * One round of kured's work. First the holder of the lock that has rebooted gives it back and, when its sentinel is gone, removes its
   * annotation. Then, inside the window, every pod whose node has the sentinel annotates it (when told to), and the first of them that gets the
   * lock reboots its node – unless kured is blocked. Returns the name of the rebooted node.
   */
  kuredTick(): string | undefined;

  /** Continue tokens handed out so far are answered 410 from now on; by themselves they last five minutes. */
  expireContinueTokens(): void;
  /** Changes what listClusterUserCredential answers: gets the genuine YAML, returns any text. Undefined = genuine again. */
  setKubeconfig(rewrite: ((genuine: string) => string) | undefined): void;
  /** From now on a new authority signs the API's certificate; `isAnnounced: false` = the kubeconfig keeps naming the old one. */
  rotateAuthority(options?: { isAnnounced?: boolean }): Promise<void>;
}
