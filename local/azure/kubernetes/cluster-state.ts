import { guidFrom } from '../identities.ts';
import type { JsonObject } from '../json.ts';
import type { Clock } from '../provider.ts';
import { type RawResource, type ResourceStore, withProperty } from '../resource-store.ts';
import { nodeName, type PoolProfile, poolsOf, readPools } from './agent-pools.ts';
import type { KubernetesSeed, KuredOptions, NodeTaint } from './kubernetes-seed.ts';
import { hasKuredPod, KURED_KEYS, toKuredDaemonSet, toProxyDaemonSet } from './kured.ts';
import { toNodeObject } from './node-object.ts';
import { FIRST_KERNEL, mergeTexts, type NodeState } from './node-state.ts';
import { RebootSeries } from './reboot-series.ts';

const DEFAULT_AGE_HOURS = 720;
const HOUR_MS = 3_600_000;

/** What the state of a cluster is made from. */
export interface ClusterStateOptions {
  readonly seed: KubernetesSeed;
  readonly store: ResourceStore;
  readonly clock: Clock;
}

/** Nodes and kured of one cluster. The pools themselves are ARM's, read from the store when they are needed. */
export class ClusterState {
  readonly clusterId: string;
  /** What Prometheus has seen of kured's metric. */
  readonly series = new RebootSeries();
  readonly #store: ResourceStore;
  readonly #clock: Clock;
  readonly #nodes = new Map<string, NodeState>();
  #kured: KuredOptions | undefined;
  #lock: string | undefined;
  #version = 100_000;
  /** Makes every new uid and boot id another one. */
  #generation = 0;
  readonly #createdAt: Date;

  /** Throws when the store does not hold the cluster. */
  constructor({ clock, seed, store }: ClusterStateOptions) {
    this.#store = store;
    this.#clock = clock;
    this.#kured = seed.kured;
    const cluster = store.find(seed.clusterId);
    if (!cluster) throw new Error(`no cluster ${seed.clusterId}`);
    this.clusterId = cluster.id;
    const now = clock.now().getTime();
    this.#createdAt = new Date(now - (seed.nodeAgeHours ?? DEFAULT_AGE_HOURS) * HOUR_MS);
    for (const pool of readPools(cluster)) {
      for (let index = 0; index < pool.count; index += 1) this.#create(pool, index, this.#createdAt);
    }
    this.#record(this.#createdAt);
    // The oldest first: the series takes changes in their order.
    for (const pending of (seed.pendingReboots ?? []).toSorted((a, b) => b.hoursAgo - a.hoursAgo)) {
      const since = new Date(now - pending.hoursAgo * HOUR_MS);
      for (const node of this.list(pending.pool).slice(0, pending.nodes)) this.#seedPending(node, since);
    }
  }

  /** The cluster as ARM has it now. */
  get cluster(): RawResource {
    const cluster = this.#store.find(this.clusterId);
    if (!cluster) throw new Error(`the cluster ${this.clusterId} is gone`);
    return cluster;
  }

  get kured(): KuredOptions | undefined {
    return this.#kured;
  }

  get lock(): string | undefined {
    return this.#lock;
  }

  now(): Date {
    return this.#clock.now();
  }

  /** By name. */
  list(pool?: string): readonly NodeState[] {
    const all = [...this.#nodes.values()].filter((node) => pool === undefined || node.pool === pool);
    return all.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Throws for an unknown name. */
  find(name: string): NodeState {
    const node = this.#nodes.get(name);
    if (!node) throw new Error(`${this.cluster.name} has no node '${name}'`);
    return node;
  }

  hasPod(node: NodeState): boolean {
    return hasKuredPod(this.#kured, node);
  }

  setKured(change: KuredOptions): void {
    this.#kured = { ...this.#kured, ...change };
    this.#version += 1;
    this.#record();
  }

  setLock(text: string | undefined): void {
    this.#lock = text;
    this.#version += 1;
  }

  /** The sentinel appears. Windows has none. */
  requireReboot(name: string, kernel: string | undefined): void {
    const node = this.find(name);
    if (node.isWindows) throw new Error(`${name} runs Windows, which has no sentinel`);
    const { rebootRequiredSince = this.now(), nextKernel } = node;
    this.change(name, { rebootRequiredSince, nextKernel: kernel ?? nextKernel });
  }

  reboot(name: string, kernel: string | undefined): void {
    const node = this.find(name);
    const next = kernel ?? node.nextKernel;
    this.change(name, {
      bootId: node.isWindows ? '' : this.#newId('boot', name),
      readySince: this.now(),
      kernel: next,
      nextKernel: next,
      rebootRequiredSince: undefined,
    });
  }

  /** Replaces a node by a new one of the same name. */
  reimage(name: string, imageVersion: string, kernel: string | undefined): void {
    const { index, pool } = this.find(name);
    this.#nodes.delete(name);
    this.#create({ ...this.pool(pool), imageVersion }, index, this.now(), kernel);
    this.#record();
  }

  add(poolName: string): string {
    const taken = new Set(this.list(poolName).map(({ index }) => index));
    let index = 0;
    while (taken.has(index)) index += 1;
    const name = this.#create(this.pool(poolName), index, this.now());
    this.#record();
    return name;
  }

  remove(name: string): void {
    this.find(name);
    this.#nodes.delete(name);
    this.#version += 1;
    this.#record();
  }

  change(
    name: string,
    change: Partial<Omit<NodeState, 'name' | 'pool' | 'index' | 'isWindows' | 'resourceVersion'>>,
  ): void {
    this.#version += 1;
    this.#nodes.set(name, { ...this.find(name), ...change, resourceVersion: this.#version });
    this.#record();
  }

  annotate(name: string, annotations: Readonly<Record<string, string | null>>): void {
    this.change(name, { annotations: mergeTexts(this.find(name).annotations, annotations) });
  }

  setTaints(name: string, taints: readonly NodeTaint[]): void {
    this.change(name, { taints: structuredClone(taints) });
  }

  /** An agent pool by name; throws for an unknown one. */
  pool(name: string): PoolProfile {
    const pool = readPools(this.cluster).find((candidate) => candidate.name === name);
    if (!pool) throw new Error(`${this.cluster.name} has no agent pool '${name}'`);
    return pool;
  }

  /** Changes an agent pool in ARM, telling nobody. */
  changePool(name: string, change: JsonObject): void {
    const pools = poolsOf(this.cluster).map((pool) => (pool['name'] === name ? { ...pool, ...change } : pool));
    this.#store.write(withProperty(this.cluster, 'agentPoolProfiles', pools));
  }

  /** Changes with every change of an object. */
  get resourceVersion(): number {
    return this.#version;
  }

  nodeObjects(): readonly JsonObject[] {
    const { cluster } = this;
    const pools = readPools(cluster);
    return this.list().flatMap((node) => {
      const poolIndex = pools.findIndex(({ name }) => name === node.pool);
      const pool = pools[poolIndex];
      return pool ? [toNodeObject(node, { cluster, pool, poolIndex, now: this.now() })] : [];
    });
  }

  daemonSetObjects(): readonly JsonObject[] {
    const nodes = this.list();
    const proxy = toProxyDaemonSet(nodes, this.#createdAt);
    if (this.#kured === undefined || this.#kured.present === false) return [proxy];
    return [proxy, toKuredDaemonSet(this.#kured, nodes, this.#lock, this.#createdAt, this.#version)];
  }

  #create(pool: PoolProfile, index: number, at: Date, kernel?: string): string {
    const name = nodeName(this.clusterId, pool, index);
    const first = kernel ?? FIRST_KERNEL[pool.isWindows ? 'windows' : 'linux'];
    this.#version += 1;
    this.#nodes.set(name, {
      name,
      pool: pool.name,
      index,
      isWindows: pool.isWindows,
      uid: this.#newId('node', name),
      bootId: pool.isWindows ? '' : this.#newId('boot', name),
      kernel: first,
      nextKernel: first,
      imageVersion: pool.imageVersion,
      createdAt: at,
      readySince: at,
      rebootRequiredSince: undefined,
      annotations: {},
      labels: {},
      taints: [],
      resourceVersion: this.#version,
    });
    return name;
  }

  /** As if the sentinel had appeared then, and kured had noticed. */
  #seedPending(node: NodeState, since: Date): void {
    const stamp = since.toISOString().replace(/\.\d+Z$/, 'Z');
    const isAnnotated = this.#kured?.annotateNodes === true && this.hasPod(node);
    const annotations = isAnnotated ? { [KURED_KEYS.inProgress]: stamp, [KURED_KEYS.mostRecent]: stamp } : {};
    this.#nodes.set(node.name, { ...node, rebootRequiredSince: since, annotations });
    this.#record(since);
  }

  #newId(kind: string, name: string): string {
    this.#generation += 1;
    return guidFrom(this.clusterId, kind, name, String(this.#generation));
  }

  /** Lets Prometheus see every node that exposes the metric. */
  #record(at = this.now()): void {
    const values = new Map<string, 0 | 1>();
    for (const node of this.#nodes.values()) {
      if (this.#kured?.exposesMetrics !== true || !this.hasPod(node)) continue;
      values.set(node.name, node.rebootRequiredSince === undefined ? 0 : 1);
    }
    this.series.record(at, values);
  }
}
