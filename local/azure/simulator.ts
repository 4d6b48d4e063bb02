import type { Certificates } from '../certificates.ts';
import { type Actor, createActor } from './actor.ts';
import { startArmServer } from './arm-server.ts';
import { Defender, type Exporter } from './defender.ts';
import type { ResourceEvent } from './events.ts';
import { Faults } from './faults.ts';
import { Guards, type Lock, type PolicyDeny } from './guards.ts';
import { type IdentityDefinition, MANAGEMENT, TokenIssuer, type TokenOptions } from './identities.ts';
import { type IdentityEndpoint, startIdentityServer } from './identity-endpoint.ts';
import type { KeySeed } from './key-vault/key-vault-seed.ts';
import { KeyVaults } from './key-vault/key-vaults.ts';
import type { SimulatedVault } from './key-vault/served-vault.ts';
import { type Authority, createAuthority } from './kubernetes/authority.ts';
import type { KubernetesCluster } from './kubernetes/kubernetes-cluster.ts';
import { KubernetesClusters } from './kubernetes/kubernetes-clusters.ts';
import type { KubernetesSeed } from './kubernetes/kubernetes-seed.ts';
import { type NodeUpgrade, upgradeNodes } from './kubernetes/node-upgrade.ts';
import { Limits } from './limits.ts';
import { Operations } from './operations.ts';
import { handleRequest, type Outcome } from './pipeline.ts';
import { type Prometheus, startPrometheus } from './prometheus/prometheus.ts';
import type { ArmRequest, Clock, World } from './provider.ts';
import { providers } from './provider-catalogue.ts';
import { GROUP_TYPE, SUBSCRIPTION_TYPE } from './providers/resources.ts';
import { type LoggedRequest, TrafficRecorder, toLoggedRequest } from './request-log.ts';
import { type RawResource, ResourceStore } from './resource-store.ts';
import { type ScheduledEvent, ScheduledEvents } from './scheduled-events.ts';
import { createState, type SimulatedState } from './simulated-state.ts';

/** What the simulated Azure contains when it starts. */
export interface Seed {
  readonly tenantId: string;
  readonly subscriptions: readonly {
    readonly subscriptionId: string;
    readonly displayName: string;
    /** Names of the management groups above it, nearest first: what Azure Policy has at one of them holds in it. Default none. */
    readonly managementGroups?: readonly string[];
  }[];
  readonly resourceGroups: readonly {
    readonly subscriptionId: string;
    readonly name: string;
    readonly location: string;
  }[];
  /** Raw ARM bodies. */
  readonly resources: readonly RawResource[];
  readonly locks?: readonly Lock[];
  /** Clusters whose Kubernetes API is served, each on a port of its own. */
  readonly kubernetes?: readonly KubernetesSeed[];
  /** What the vaults hold. Every vault is served, each on a port of its own. */
  readonly keys?: readonly KeySeed[];
}

export interface AzureSimulatorOptions {
  /** `ca` is what kubeconfigs tell clients to trust; without it the clusters get an authority of their own. */
  readonly certificates: Pick<Certificates, 'cert' | 'key'> & Partial<Pick<Certificates, 'ca'>>;
  /** Port of ARM; 0 (default) takes a free one. */
  readonly port?: number;
  /** Port of the identity endpoints; 0 (default) takes a free one. */
  readonly identityPort?: number;
  /** Default: real time. Tokens and sockets always live in real time. */
  readonly clock?: Clock;
  readonly seed: Seed;
  readonly identities: readonly IdentityDefinition[];
  /** Called for every event, after the change and before the answer (long-running writes: when they complete). */
  readonly onEvent?: (event: ResourceEvent) => void;
  /** Continuous export of Defender for Cloud: called for every alert and recommendation, and for every change of one. */
  readonly onExport?: Exporter;
  /** Real milliseconds added to every answer over the wire. */
  readonly latencyMs?: number;
  /** NDJSON file of all exchanges, without tokens and passwords. */
  readonly recordTo?: string;
}

/** A running simulated Azure. */
export interface AzureSimulator {
  /** `https://localhost:{port}` */
  readonly armEndpoint: string;
  readonly tenantId: string;
  /** Managed identity endpoint and header of an identity. Throws for an unknown name. */
  identityEndpoint(name: string): IdentityEndpoint;
  /** A token without asking the endpoint. */
  issueToken(name: string, resource?: string, options?: TokenOptions): { token: string; expiresOn: number };
  /** A TokenCredential of an identity, for SDK clients in the same process. */
  credential(name: string): {
    getToken(scopes: string | string[]): Promise<{ token: string; expiresOnTimestamp: number }>;
  };
  identity(name: string): IdentityDefinition;
  readonly state: SimulatedState;
  /** Somebody else, in-process: `simulator.as('automation').patch(id, body)`. */
  as(name: string): Actor;
  /** Every request so far, wire and in-process. Tests may empty it (`requests.length = 0`). */
  readonly requests: LoggedRequest[];
  /** Every event so far. */
  readonly events: ResourceEvent[];
  /** Faults and hooks at requests over the wire, to ARM and to vaults (whose paths begin with `/keys` and `/secrets`). */
  readonly faults: Faults;
  readonly locks: Lock[];
  readonly policyDenies: PolicyDeny[];
  /** `rules` decide which writes are long-running; `finishAll()`, `settle()` end them. */
  readonly operations: Operations;
  /** Token buckets: `enabled`, sizes, `reset()`. */
  readonly limits: Limits;
  /** Handlers' view of everything, for what the above does not offer (`pageSize`). */
  readonly world: World;
  /** The Kubernetes side of a cluster, by ARM id. Throws when nobody serves it. */
  kubernetes(clusterId: string): KubernetesCluster;
  /** Serves one more cluster of ARM. Its `fqdn` (or `privateFQDN`) must be `localhost` for clients that compare. */
  serveKubernetes(seed: KubernetesSeed): Promise<KubernetesCluster>;
  /** The data plane of a vault, by ARM id. Throws for any other id. */
  keyVault(vaultId: string): SimulatedVault;
  /** The metrics of kured on the served clusters. */
  readonly prometheus: Prometheus;
  /** A maintenance event of a cluster that Resource Graph tells from now on; returns its id. */
  addScheduledEvent(event: ScheduledEvent): string;
  /** Replaces the nodes of a pool by ones with the newest image, or fails to, and raises the events of AKS about it. */
  upgradeNodes(upgrade: NodeUpgrade): void;
  /** Raises an event that no request to Azure Resource Manager leads to; `service-events.ts` makes some. */
  publish(event: ResourceEvent): void;
  /** Raises alerts and recommendations. */
  readonly defender: Defender;
  setClock(clock: Clock): void;
  /** Closes all servers and every connection, hanging ones too. */
  stop(): Promise<void>;
}

const DEFAULT_PAGE_SIZE = 1_000;
/** A simulator that runs for days forgets its oldest requests and events. */
const MAX_KEPT = 50_000;

/** Starts a simulated Azure on loopback: ARM over HTTPS, managed identity endpoints over plain http. */
export async function startAzureSimulator(options: AzureSimulatorOptions): Promise<AzureSimulator> {
  let clock: Clock = options.clock ?? { now: () => new Date() };
  const movingClock: Clock = { now: () => clock.now() };
  const issuer = new TokenIssuer(options.seed.tenantId, options.identities);
  const faults = new Faults();
  const requests: LoggedRequest[] = [];
  const events: ResourceEvent[] = [];
  const recorder = options.recordTo === undefined ? undefined : new TrafficRecorder(options.recordTo);
  let armEndpoint = '';
  const store = createStore(options.seed);
  const authority = await findAuthority(options.certificates);
  const world: World = {
    clock: movingClock,
    store,
    issuer,
    kubernetes: new KubernetesClusters({ store, issuer, authority, log, clock: movingClock }),
    keyVaults: new KeyVaults({
      store,
      issuer,
      faults,
      recorder,
      log,
      publish,
      clock: movingClock,
      certificates: options.certificates,
    }),
    scheduledEvents: new ScheduledEvents(movingClock),
    defender: new Defender(movingClock, issuer.tenantId, options.onExport ?? (() => undefined)),
    operations: new Operations(movingClock),
    guards: new Guards(),
    limits: new Limits(movingClock),
    providers,
    baseUrl: () => armEndpoint,
    pageSize: DEFAULT_PAGE_SIZE,
  };
  world.guards.locks.push(...(options.seed.locks ?? []));

  function publish(event: ResourceEvent): void {
    if (events.length >= MAX_KEPT) events.splice(0, MAX_KEPT / 2);
    events.push(event);
    options.onEvent?.(event);
  }

  function handle(request: ArmRequest, isDry: boolean): Outcome {
    const restore = isDry ? [world.store.checkpoint(), world.operations.checkpoint(), world.defender.checkpoint()] : [];
    const outcome = handleRequest(world, request, { onLaterEvent: publish });
    for (const undo of restore) undo();
    if (!isDry) for (const event of outcome.events) publish(event);
    return outcome;
  }

  function log(request: ArmRequest, outcome: Outcome, isInProcess = false): void {
    if (requests.length >= MAX_KEPT) requests.splice(0, MAX_KEPT / 2);
    requests.push(toLoggedRequest(request, outcome, movingClock.now(), isInProcess));
  }

  const identityServer = await startIdentityServer(issuer, options.identityPort ?? 0);
  const { certificates, latencyMs = 0, port = 0 } = options;
  const stopArm = await startArmServer({ world, faults, certificates, port, latencyMs, recorder, handle, log });
  armEndpoint = `https://localhost:${stopArm.port}`;
  const prometheus = await startPrometheus({ world, authority, log, workspaceId: workspaceOf(options.seed) });
  await world.keyVaults.start(options.seed.keys ?? []);
  for (const cluster of options.seed.kubernetes ?? []) {
    if (store.find(cluster.clusterId)) await world.kubernetes.serve(cluster);
  }

  return {
    armEndpoint,
    tenantId: issuer.tenantId,
    identityEndpoint: (name) => identityServer.endpointOf(name),
    issueToken: (name, resource = MANAGEMENT, tokenOptions = {}) =>
      issuer.issue(issuer.find(name), resource, tokenOptions),
    credential: (name) => ({
      async getToken(scopes) {
        const [scope = MANAGEMENT] = [scopes].flat();
        const { token, expiresOn } = issuer.issue(issuer.find(name), scope.replace(/\/\.default$/, ''));
        return await Promise.resolve({ token, expiresOnTimestamp: expiresOn * 1000 });
      },
    }),
    identity: (name) => issuer.find(name),
    state: createState(world, publish),
    as: (name) => createActor(world, name, publish, (request, outcome) => log(request, outcome, true)),
    requests,
    events,
    faults,
    locks: world.guards.locks,
    policyDenies: world.guards.policyDenies,
    operations: world.operations,
    limits: world.limits,
    world,
    kubernetes(clusterId) {
      const cluster = world.kubernetes.find(clusterId);
      if (!cluster) throw new Error(`nobody serves ${clusterId}`);
      return cluster;
    },
    keyVault(vaultId) {
      const vault = world.keyVaults.find(vaultId);
      if (!vault) throw new Error(`there is no vault ${vaultId}`);
      return vault;
    },
    serveKubernetes: async (seed) => await world.kubernetes.serve(seed),
    prometheus,
    addScheduledEvent: (event) => world.scheduledEvents.add(event).id,
    upgradeNodes: (upgrade) => upgradeNodes(world, publish, upgrade),
    publish,
    defender: world.defender,
    setClock(next) {
      clock = next;
    },
    async stop() {
      await Promise.all([
        stopArm(),
        identityServer.stop(),
        prometheus.stop(),
        world.kubernetes.stop(),
        world.keyVaults.stop(),
      ]);
      await recorder?.stop();
    },
  };
}

async function findAuthority({ ca, cert, key }: AzureSimulatorOptions['certificates']): Promise<Authority> {
  return ca === undefined ? await createAuthority() : { ca, cert, key };
}

/** The workspace that scrapes the clusters lies in the first resource group. */
function workspaceOf({ resourceGroups: [group], subscriptions: [subscription] }: Seed): string {
  const id = group?.subscriptionId ?? subscription?.subscriptionId ?? '';
  const name = group?.name ?? 'rg-metrics';
  return `/subscriptions/${id}/resourceGroups/${name}/providers/Microsoft.Monitor/accounts/amw-platform`;
}

function createStore(seed: Seed): ResourceStore {
  const store = new ResourceStore();
  for (const { displayName, managementGroups = [], subscriptionId } of seed.subscriptions) {
    const id = `/subscriptions/${subscriptionId}`;
    const properties = { displayName, tenantId: seed.tenantId, managementGroups };
    store.write({ id, name: subscriptionId, type: SUBSCRIPTION_TYPE, properties });
  }
  for (const { location, name, subscriptionId } of seed.resourceGroups) {
    const id = `/subscriptions/${subscriptionId}/resourceGroups/${name}`;
    store.write({ id, name, type: GROUP_TYPE, location, tags: {} });
  }
  for (const resource of seed.resources) store.write(structuredClone(resource));
  return store;
}
