import { listPoolMachines, readLatestNodeImage, readNodeOsMaintenance } from '../azure/node-upgrades.ts';
import { queryRebootMetrics } from '../azure/prometheus.ts';
import { relatedReads } from '../azure/resources.ts';
import { queryUpgradeFailures } from '../azure/upgrade-failures.ts';
import { type DockwardenError, isDockwardenError } from '../errors.ts';
import type { ClusterHistory, InspectionRecord } from '../nodes/node-history.ts';
import type { Policy } from '../policy/define-policy.ts';
import { detect } from '../policy/node-health/detect.ts';
import type { Thresholds } from '../policy/node-health/detection.ts';
import { recordNodes } from '../policy/node-health/history.ts';
import { allowedPendingMs } from '../policy/node-health/kured-view.ts';
import { nodeParameters, toThresholds } from '../policy/node-health/parameters.ts';
import { pauseOfCluster } from '../policy/node-health/resource-state.ts';
import type { AgentPool, ManagedCluster } from '../resources/managed-cluster.ts';
import type { ClusterAccess, NodeHealth } from '../resources/node-health.ts';
import type { ResourceId } from '../resources/resource-id.ts';
import type { PendingCause } from '../work/work-items.ts';
import type { AzureCalls } from './azure-calls.ts';
import { ageOf, NodeAccess } from './cluster-access.ts';
import type { EngineContext } from './ports.ts';
import { policiesFor } from './snapshot.ts';

type CollectedHealth = Extract<NodeHealth, { state: 'collected' }>;

/** Does the policy judge by the health of nodes? */
export function needsNodes({ needs }: Pick<Policy, 'needs'>): boolean {
  return needs?.includes('nodeHealth') === true;
}

/** One look at the nodes of one cluster, by whatever can be had: ARM, its API server, metrics, and what was seen before. */
export class NodeInspection {
  /** The last inspection is so fresh that this look makes none: what depends on it keeps its state. */
  readonly isResting: boolean;
  readonly #context: EngineContext;
  readonly #target: ResourceId;
  readonly #history: ClusterHistory;
  readonly #access: NodeAccess;
  /** Keeps the lease of the resource: an inspection takes time. */
  readonly #keepLease: () => Promise<void>;
  #collected: { readonly cluster: ManagedCluster; readonly health: NodeHealth } | undefined;

  private constructor(context: EngineContext, target: ResourceId, known: Known, keepLease: () => Promise<void>) {
    this.#context = context;
    this.#target = target;
    this.#history = known.history;
    this.#keepLease = keepLease;
    const { inspection } = known.history;
    this.#access = new NodeAccess(context, target, inspection, known.isForgotten);
    const age = ageOf(inspection?.inspectedAt, context.clock.now().getTime());
    const isFresh = age !== undefined && age < context.settings.nodes.inspectionIntervalMs;
    const inspectedAt = inspection === undefined ? 0 : Date.parse(inspection.inspectedAt);
    const isNews = known.causes.some((cause) => tellsOfNodes(cause) && Date.parse(cause.queuedAt) > inspectedAt);
    this.isResting = (isFresh && !isNews) || this.#access.restsAfterCommand;
  }

  /** Undefined for a resource without nodes, and while no policy asks for them. */
  static async begin(
    context: EngineContext,
    target: ResourceId,
    causes: readonly PendingCause[],
    keepLease: () => Promise<void>,
  ): Promise<NodeInspection | undefined> {
    const isAsked = policiesFor(context.policies, context.settings, target.type).some(needsNodes);
    if (!isAsked) return undefined;
    let isForgotten = false;
    const history = await context.nodes.load(target, ({ message }) => {
      context.log.error('a row about nodes cannot be read', { resourceId: target.id, error: message });
      isForgotten = true;
    });
    const known = { history, causes, isForgotten: isForgotten && history.inspection === undefined };
    return new NodeInspection(context, target, known, keepLease);
  }

  /** Collects everything that the detector goes by. Rejects only for storage. */
  async collect(calls: AzureCalls, cluster: ManagedCluster): Promise<NodeHealth> {
    const health = await this.#collect(calls, cluster);
    this.#collected = { cluster, health };
    return health;
  }

  /** Remembers what was seen, for the next inspection. */
  async save(): Promise<void> {
    if (this.#collected === undefined) return;
    const { cluster, health } = this.#collected;
    const now = this.#context.clock.now();
    const records =
      health.state === 'collected' ? recordNodes(health, detect(cluster, health, this.#thresholds(), now), now) : [];
    const accessProblem = this.#accessProblem(health);
    const inspection: InspectionRecord = {
      inspectedAt: now.toISOString(),
      ...(accessProblem !== undefined && { accessProblem }),
      ...this.#access.memory,
    };
    await this.#context.nodes.save(this.#target, inspection, records, this.#history.nodes);
  }

  /** An inspection that did not come so far says nothing about the access. */
  #accessProblem(health: NodeHealth): string | undefined {
    if (health.state !== 'collected') return this.#history.inspection?.accessProblem;
    return health.access.state === 'unreadable' ? health.access.reason : undefined;
  }

  /** As the policies are told; what is malformed makes those `unknown`, and counts as its default here. */
  #thresholds(): Thresholds {
    const { policies, settings } = this.#context;
    const values = policies.filter(needsNodes).flatMap(({ id }) => Object.entries(settings.parametersOf(id)));
    return toThresholds(Object.fromEntries(values.filter(isThreshold)));
  }

  async #collect(calls: AzureCalls, cluster: ManagedCluster): Promise<NodeHealth> {
    // Nothing of it runs, or is to be judged: no call is worth its while.
    const pause = pauseOfCluster(cluster);
    if (pause !== undefined) {
      return { state: 'unavailable', because: pause.kind === 'undecided' ? pause.because.detail : pause.because };
    }
    const pools = await this.#listPools(calls, cluster);
    if (typeof pools === 'string')
      return { state: 'unavailable', because: `an answer about the agent pools (${pools})` };
    const latestImages = await this.#readLatestImages(calls, pools);
    const maintenance = await this.#try('the planned maintenance', async () => {
      return await calls.read(readNodeOsMaintenance, this.#target);
    });
    await this.#keepLease();
    const access = await this.#access.read(calls, cluster);
    await this.#keepLease();
    const metrics = await this.#readMetrics(calls, cluster, access);
    return {
      state: 'collected',
      pools,
      latestImages,
      maintenance: maintenance === 'failed' ? 'unreadable' : maintenance,
      access,
      metrics,
      machines: await this.#listMachines(calls, pools, { access, metrics }),
      history: this.#history.nodes,
      failures: await this.#readFailures(calls),
    };
  }

  /** As ARM lists them, else as the cluster itself names them; a code where neither tells. */
  async #listPools(calls: AzureCalls, cluster: ManagedCluster): Promise<readonly AgentPool[] | string> {
    const { agentPoolProfiles } = cluster.properties;
    try {
      return await calls.read(relatedReads.agentPools, this.#target);
    } catch (error) {
      const { code, details, message } = asOurs(error);
      this.#warn('the agent pools of a cluster cannot be listed', { error: message });
      return agentPoolProfiles.length > 0 ? agentPoolProfiles : (details.serviceCode ?? code);
    }
  }

  /** A pool without an entry could not be asked. While ARM throttles, no more of them are. */
  async #readLatestImages(calls: AzureCalls, pools: readonly AgentPool[]): Promise<ReadonlyMap<string, string>> {
    const images = new Map<string, string>();
    for (const { name } of pools) {
      if (name === undefined) continue;
      await this.#keepLease();
      try {
        const image = await calls.read(readLatestNodeImage, this.#target, name);
        if (image !== undefined) images.set(name, image);
      } catch (error) {
        const { code, message } = asOurs(error);
        this.#warn('the newest image of an agent pool is not known', { pool: name, error: message });
        if (code === 'AZURE_TRANSIENT' || code === 'AZURE_BUSY') break;
      }
    }
    return images;
  }

  /** Of several workspaces the one that says "needed" wins. `unreadable` = none knows the cluster, and one does not tell. */
  async #readMetrics(
    calls: AzureCalls,
    cluster: ManagedCluster,
    access: ClusterAccess,
  ): Promise<CollectedHealth['metrics']> {
    const { clock, settings } = this.#context;
    const daemonSets = access.state === 'read' ? access.daemonSets : undefined;
    const overdueMs = allowedPendingMs(daemonSets, this.#thresholds(), clock.now());
    const values = new Map<string, 0 | 1>();
    const overdue = new Set<string>();
    let isIncomplete = false;
    for (const endpoint of settings.nodes.metricsEndpoints) {
      await this.#keepLease();
      const answer = await this.#try('a metrics workspace', async () => {
        return await calls.read(queryRebootMetrics, endpoint, cluster.name, overdueMs);
      });
      if (answer === 'failed') isIncomplete = true;
      else if (answer !== undefined) {
        for (const [node, value] of answer.now) values.set(node, value === 1 ? 1 : (values.get(node) ?? 0));
        for (const node of answer.overdue) overdue.add(node);
      }
    }
    if (values.size > 0) return { now: values, overdue };
    return isIncomplete ? 'unreadable' : undefined;
  }

  /** The names of the nodes, as ARM knows them; asked for only where nothing else tells them and a metric could. */
  async #listMachines(
    calls: AzureCalls,
    pools: readonly AgentPool[],
    { access, metrics }: Pick<CollectedHealth, 'access' | 'metrics'>,
  ): Promise<CollectedHealth['machines']> {
    if (access.state === 'read' || metrics === undefined || metrics === 'unreadable') return undefined;
    const machines = new Map<string, readonly string[]>();
    for (const { name } of pools) {
      if (name === undefined) continue;
      await this.#keepLease();
      const names = await this.#try('the machines of an agent pool', async () => {
        return await calls.read(listPoolMachines, this.#target, name);
      });
      if (names !== 'failed') machines.set(name, names);
    }
    return machines;
  }

  async #readFailures(calls: AzureCalls): Promise<CollectedHealth['failures']> {
    const failures = await this.#try(
      'failed upgrades',
      async () => await calls.read(queryUpgradeFailures, this.#target),
    );
    return failures === 'failed' ? 'unreadable' : failures;
  }

  async #try<T>(what: string, read: () => Promise<T>): Promise<T | 'failed'> {
    try {
      return await read();
    } catch (error) {
      this.#warn('something about the nodes of a cluster is not known', { what, error: asOurs(error).message });
      return 'failed';
    }
  }

  #warn(message: string, details: Readonly<Record<string, unknown>>): void {
    this.#context.log.warn(message, { resourceId: this.#target.id, ...details });
  }
}

interface Known {
  readonly history: ClusterHistory;
  readonly causes: readonly PendingCause[];
  /** The row about the last inspection cannot be read. */
  readonly isForgotten: boolean;
}

/** Azure has told that it upgrades nodes, or has: what was seen before does not hold any more. */
function tellsOfNodes({ kind, operation = '' }: PendingCause): boolean {
  return kind === 'notification' && NODE_EVENTS.test(operation);
}

const NODE_EVENTS =
  /^microsoft\.(?:containerservice\.nodepoolrolling|resourcenotifications\.containerserviceeventresources\.)/i;

/** Whatever a call to Azure throws is classified; anything else is a defect. */
function asOurs(error: unknown): DockwardenError {
  if (!isDockwardenError(error) || !error.code.startsWith('AZURE_')) throw error;
  return error;
}

function isThreshold(entry: readonly [string, unknown]): entry is [keyof Thresholds, number] {
  return Object.hasOwn(nodeParameters, entry[0]) && typeof entry[1] === 'number';
}
