import { randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:https';
import type { Socket } from 'node:net';
import { Faults } from '../faults.ts';
import type { TokenIssuer } from '../identities.ts';
import { listen, type Stop } from '../listen.ts';
import type { Outcome } from '../pipeline.ts';
import type { ArmRequest, Clock } from '../provider.ts';
import { PASSWORD_CANARY } from '../providers/container-registry.ts';
import type { ResourceStore } from '../resource-store.ts';
import { createServiceListener } from '../service-server.ts';
import { type Authority, createAuthority } from './authority.ts';
import { ClusterState } from './cluster-state.ts';
import { toKubeconfig } from './kubeconfig.ts';
import { type ApiContext, handleKubernetesRequest, identifyCaller, readProfile } from './kubernetes-api.ts';
import type { KubernetesCluster, SimulatedNode } from './kubernetes-cluster.ts';
import type { KubernetesSeed, KuredOptions, NodeTaint } from './kubernetes-seed.ts';
import { runKuredRound } from './kured-round.ts';
import { ListPages } from './list-pages.ts';
import { mergeTexts, type NodeState } from './node-state.ts';

/** What every served cluster shares. */
export interface ClusterSurroundings {
  readonly store: ResourceStore;
  readonly clock: Clock;
  readonly issuer: TokenIssuer;
  readonly authority: Authority;
  /** Told about every request; the path names the cluster. */
  readonly log: (request: ArmRequest, outcome: Outcome) => void;
}

/** A cluster of ARM together with its Kubernetes API. */
export class ServedCluster implements KubernetesCluster {
  readonly clusterId: string;
  readonly name: string;
  readonly faults = new Faults();
  readonly subjects: string[];
  readonly state: ClusterState;
  /** Newest image by pool; a pool without an entry has it. */
  readonly latestImages: Map<string, string>;
  readonly #surroundings: ClusterSurroundings;
  readonly #pages: ListPages;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #adminTokens = new Set<string>();
  #stop: Stop | undefined;
  #isOffline = false;
  #ca: string;
  #rewrite: ((genuine: string) => string) | undefined;

  private constructor(seed: KubernetesSeed, surroundings: ClusterSurroundings) {
    const { authority, clock, store } = surroundings;
    this.#surroundings = surroundings;
    this.state = new ClusterState({ seed, store, clock });
    this.clusterId = this.state.clusterId;
    this.name = this.state.cluster.name;
    this.subjects = [...(seed.subjects ?? [])];
    this.latestImages = new Map(Object.entries(seed.latestImages ?? {}));
    this.#pages = new ListPages(clock);
    this.#ca = authority.ca;
    const listener = createServiceListener({
      faults: this.faults,
      handle: (request) => handleKubernetesRequest(this.#context(), request),
      nameCaller: (request) => identifyCaller(this.#context(), request)?.identity.name,
      log: (request, outcome) =>
        surroundings.log({ ...request, path: `/kubernetes/${this.name}${request.path}` }, outcome),
    });
    this.#server = createServer({ cert: authority.cert, key: authority.key }, listener);
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      if (this.#isOffline) socket.destroy();
    });
  }

  /** Starts serving a cluster on a free port of loopback. Throws when ARM does not know the cluster. */
  static async start(seed: KubernetesSeed, surroundings: ClusterSurroundings): Promise<ServedCluster> {
    const cluster = new ServedCluster(seed, surroundings);
    cluster.#stop = await listen(cluster.#server, 0, '127.0.0.1');
    return cluster;
  }

  get server(): string {
    return `https://localhost:${this.#stop?.port ?? 0}`;
  }

  get ca(): string {
    return this.#ca;
  }

  get isOffline(): boolean {
    return this.#isOffline;
  }

  set isOffline(isOffline: boolean) {
    this.#isOffline = isOffline;
    if (isOffline) this.#cut();
  }

  nodes(pool?: string): readonly SimulatedNode[] {
    return this.state.list(pool).map(toSnapshot);
  }

  node(name: string): SimulatedNode {
    return toSnapshot(this.state.find(name));
  }

  requireReboot(target: string, { kernel }: { kernel?: string } = {}): void {
    const all = this.state.list().filter(({ isWindows }) => !isWindows);
    const names = target === 'all' ? all.map(({ name }) => name) : [target];
    for (const name of names) this.state.requireReboot(name, kernel);
  }

  reboot(name: string, { kernel }: { kernel?: string } = {}): void {
    this.state.reboot(name, kernel);
  }

  reimage(
    pool: string,
    imageVersion: string,
    { inArm = true, kernel, node }: { node?: string; kernel?: string; inArm?: boolean } = {},
  ): void {
    // Throws for an unknown pool, also when it has no nodes.
    this.state.pool(pool);
    const names = node === undefined ? this.state.list(pool).map(({ name }) => name) : [node];
    for (const name of names) this.state.reimage(name, imageVersion, kernel);
    if (inArm) this.state.changePool(pool, { nodeImageVersion: imageVersion });
  }

  setLatestImage(pool: string, imageVersion: string): void {
    this.state.pool(pool);
    this.latestImages.set(pool, imageVersion);
  }

  addNode(pool: string): string {
    const name = this.state.add(pool);
    this.#countNodes(pool);
    return name;
  }

  removeNode(name: string): void {
    const { pool } = this.state.find(name);
    this.state.remove(name);
    this.#countNodes(pool);
  }

  setAnnotations(name: string, annotations: Readonly<Record<string, string | null>>): void {
    this.state.annotate(name, annotations);
  }

  setLabels(name: string, labels: Readonly<Record<string, string | null>>): void {
    this.state.change(name, { labels: { ...this.state.find(name).labels, ...labels } });
  }

  setTaints(name: string, taints: readonly NodeTaint[]): void {
    this.state.setTaints(name, taints);
  }

  get kured(): KuredOptions | undefined {
    return this.state.kured;
  }

  setKured(change: KuredOptions): void {
    this.state.setKured(change);
  }

  get lock(): string | undefined {
    return this.state.lock;
  }

  setLock(text: string | undefined): void {
    this.state.setLock(text);
  }

  kuredTick(): string | undefined {
    return runKuredRound(this.state);
  }

  expireContinueTokens(): void {
    this.#pages.expire();
  }

  setKubeconfig(rewrite: ((genuine: string) => string) | undefined): void {
    this.#rewrite = rewrite;
  }

  async rotateAuthority({ isAnnounced = true }: { isAnnounced?: boolean } = {}): Promise<void> {
    const { ca, cert, key } = await createAuthority();
    this.#server.setSecureContext({ cert, key });
    if (isAnnounced) this.#ca = ca;
    this.#cut();
  }

  /** What ARM answers to listCluster…Credential; `role` is `clusterUser` or `clusterAdmin`. */
  kubeconfig(role: string): string {
    const { cluster } = this.state;
    const isEntra = readProfile(cluster).isEntra && role === 'clusterUser';
    const token = isEntra ? undefined : `${PASSWORD_CANARY}${randomBytes(24).toString('base64url')}`;
    if (token !== undefined) this.#adminTokens.add(token);
    const { tenantId } = this.#surroundings.issuer;
    const genuine = toKubeconfig({ cluster, role, tenantId, token, server: this.server, ca: this.#ca });
    return this.#rewrite === undefined ? genuine : this.#rewrite(genuine);
  }

  async stop(): Promise<void> {
    await this.#stop?.();
  }

  #context(): ApiContext {
    return {
      state: this.state,
      pages: this.#pages,
      issuer: this.#surroundings.issuer,
      server: this.server,
      subjects: this.subjects,
      adminTokens: this.#adminTokens,
    };
  }

  #countNodes(pool: string): void {
    this.state.changePool(pool, { count: this.state.list(pool).length });
  }

  #cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

function toSnapshot(node: NodeState): SimulatedNode {
  const { annotations, bootId, createdAt, imageVersion, kernel, name, pool, readySince, rebootRequiredSince } = node;
  return {
    name,
    pool,
    uid: node.uid,
    bootId,
    kernel,
    imageVersion,
    createdAt,
    readySince,
    rebootRequiredSince,
    annotations: mergeTexts(annotations, {}),
    taints: structuredClone(node.taints),
  };
}
