import { randomBytes } from 'node:crypto';
import { readString } from '../json.ts';
import { PASSWORD_CANARY } from '../providers/container-registry.ts';
import type { RawResource } from '../resource-store.ts';
import { toKubeconfig } from './kubeconfig.ts';
import { readProfile } from './kubernetes-api.ts';
import type { KubernetesSeed } from './kubernetes-seed.ts';
import { type ClusterSurroundings, ServedCluster } from './served-cluster.ts';

/** A cluster that nobody serves has no API: on loopback nothing may ever listen at its address. */
const NOWHERE_PORT = 1;

/** Every cluster whose Kubernetes API is served, by ARM id. */
export class KubernetesClusters {
  readonly #surroundings: ClusterSurroundings;
  readonly #served = new Map<string, ServedCluster>();

  constructor(surroundings: ClusterSurroundings) {
    this.#surroundings = surroundings;
  }

  /** Starts serving a cluster of ARM; throws when it is unknown or served already. */
  async serve(seed: KubernetesSeed): Promise<ServedCluster> {
    const key = seed.clusterId.toLowerCase();
    if (this.#served.has(key)) throw new Error(`${seed.clusterId} is served already`);
    const cluster = await ServedCluster.start(seed, this.#surroundings);
    this.#served.set(key, cluster);
    return cluster;
  }

  find(clusterId: string): ServedCluster | undefined {
    return this.#served.get(clusterId.toLowerCase());
  }

  list(): readonly ServedCluster[] {
    return [...this.#served.values()];
  }

  /** The kubeconfig of any cluster; `role` is `clusterUser` or `clusterAdmin`. */
  kubeconfigOf(cluster: RawResource, role: string): string {
    const served = this.find(cluster.id);
    if (served) return served.kubeconfig(role);
    const { authority, issuer } = this.#surroundings;
    const host = readString(cluster, 'properties.fqdn') ?? readString(cluster, 'properties.privateFQDN') ?? 'localhost';
    const isEntra = readProfile(cluster).isEntra && role === 'clusterUser';
    const token = isEntra ? undefined : `${PASSWORD_CANARY}${randomBytes(24).toString('base64url')}`;
    const server = `https://${host}:${host === 'localhost' ? NOWHERE_PORT : 443}`;
    return toKubeconfig({ cluster, role, server, token, ca: authority.ca, tenantId: issuer.tenantId });
  }

  async stop(): Promise<void> {
    await Promise.all(this.list().map(async (cluster) => await cluster.stop()));
  }
}
