import { auditKey } from '../audit/audit-log.ts';
import { readClusterCredentials } from '../azure/kubeconfig.ts';
import { type ClusterAnswer, readClusterNodes } from '../azure/kubernetes.ts';
import { readLatestNodeImage, readNodeOsMaintenance } from '../azure/node-upgrades.ts';
import { queryRebootMetrics } from '../azure/prometheus.ts';
import { relatedReads } from '../azure/resources.ts';
import { runNodeCommand } from '../azure/run-command.ts';
import { queryUpgradeFailures } from '../azure/upgrade-failures.ts';
import { type DockwardenError, isDockwardenError } from '../errors.ts';
import type { ClusterHistory, InspectionRecord } from '../nodes/node-history.ts';
import type { Policy } from '../policy/define-policy.ts';
import { detect } from '../policy/node-health/detect.ts';
import type { Thresholds } from '../policy/node-health/detection.ts';
import { recordNodes } from '../policy/node-health/history.ts';
import { allowedPendingMs } from '../policy/node-health/kured-view.ts';
import { nodeParameters, toThresholds } from '../policy/node-health/parameters.ts';
import type { AgentPool, ManagedCluster } from '../resources/managed-cluster.ts';
import type {
  AccessProblem,
  ClusterAccess,
  NodeHealth,
  RebootMetrics,
  UpgradeFailure,
} from '../resources/node-health.ts';
import type { NodeOsMaintenance } from '../resources/node-os-maintenance.ts';
import type { ResourceId } from '../resources/resource-id.ts';
import { resourceColumns } from './audit-rows.ts';
import type { AzureCalls } from './azure-calls.ts';
import type { EngineContext } from './ports.ts';
import { policiesFor } from './snapshot.ts';

/** How long the address and certificate authority of an API server may be used again, in milliseconds. */
const CREDENTIALS = 24 * 3_600_000;
/** Shortest time between two commands run in one cluster. */
const COMMANDS = 12 * 3_600_000;

/** Does the policy judge by the health of nodes? */
export function needsNodes({ needs }: Policy): boolean {
  return needs?.includes('nodeHealth') === true;
}

type Credentials = Required<Pick<InspectionRecord, 'server' | 'certificateAuthority' | 'credentialsReadAt'>>;

/** One look at the nodes of one cluster, by whatever can be had: ARM, its API server, metrics, and what was seen before. */
export class NodeInspection {
  /** The last inspection is so fresh that this look makes none: what depends on it keeps its state. */
  readonly isResting: boolean;
  readonly #context: EngineContext;
  readonly #target: ResourceId;
  readonly #history: ClusterHistory;
  #credentials: Credentials | undefined;
  #commandAt: string | undefined;
  #health: NodeHealth | undefined;
  #cluster: ManagedCluster | undefined;

  private constructor(context: EngineContext, target: ResourceId, history: ClusterHistory) {
    this.#context = context;
    this.#target = target;
    this.#history = history;
    const { inspection } = history;
    const now = context.clock.now().getTime();
    const dueAt =
      inspection === undefined ? 0 : Date.parse(inspection.inspectedAt) + context.settings.nodes.inspectionIntervalMs;
    this.#commandAt = inspection?.runCommandAt;
    this.isResting = now < dueAt || this.#restsAfterCommand(inspection, now);
    const { server, certificateAuthority, credentialsReadAt } = inspection ?? {};
    if (server === undefined || certificateAuthority === undefined || credentialsReadAt === undefined) return;
    if (now - Date.parse(credentialsReadAt) < CREDENTIALS)
      this.#credentials = { server, certificateAuthority, credentialsReadAt };
  }

  /** What was seen by a command holds until the next may be run: in between there is nothing to see. */
  #restsAfterCommand(inspection: InspectionRecord | undefined, now: number): boolean {
    const isOn = this.#context.settings.nodes.runCommand !== 'off';
    if (!isOn || this.#commandAt === undefined || inspection?.accessProblem !== undefined) return false;
    return now - Date.parse(this.#commandAt) < COMMANDS;
  }

  /** Undefined for a resource without nodes, and while no policy asks for them. */
  static async begin(context: EngineContext, target: ResourceId): Promise<NodeInspection | undefined> {
    const isAsked = policiesFor(context.policies, context.settings, target.type).some(needsNodes);
    if (!isAsked) return undefined;
    const history = await context.nodes.load(target, ({ message }) => {
      context.log.error('a row about nodes cannot be read', { resourceId: target.id, error: message });
    });
    return new NodeInspection(context, target, history);
  }

  /** Collects once; later reads of the cluster in the same pass go by what was collected. Rejects only for storage. */
  async collect(calls: AzureCalls, cluster: ManagedCluster): Promise<NodeHealth> {
    this.#cluster = cluster;
    this.#health ??= await this.#collect(calls, cluster);
    return this.#health;
  }

  /** Remembers what was seen, for the next inspection. */
  async save(): Promise<void> {
    const health = this.#health;
    const cluster = this.#cluster;
    if (health === undefined || cluster === undefined) return;
    const { clock, nodes } = this.#context;
    const now = clock.now();
    const records =
      health.state === 'collected' ? recordNodes(health, detect(cluster, health, this.#thresholds(), now), now) : [];
    const accessProblem = this.#accessProblem(health);
    const inspection: InspectionRecord = {
      inspectedAt: now.toISOString(),
      ...(accessProblem !== undefined && { accessProblem }),
      ...this.#credentials,
      ...(this.#commandAt !== undefined && { runCommandAt: this.#commandAt }),
    };
    await nodes.save(this.#target, inspection, records, this.#history.nodes);
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
    let pools: readonly AgentPool[];
    let maintenance: NodeOsMaintenance | 'unreadable' | undefined;
    const latestImages = new Map<string, string>();
    try {
      pools = await calls.read(relatedReads.agentPools, this.#target);
      for (const { name } of pools) {
        const image = name === undefined ? undefined : await this.#readLatestImage(calls, name);
        if (name !== undefined && image !== undefined) latestImages.set(name, image);
      }
      maintenance = await this.#readMaintenance(calls);
    } catch (error) {
      return { state: 'unavailable', because: explain(error) };
    }
    const access = await this.#access(calls, cluster);
    return {
      state: 'collected',
      pools,
      latestImages,
      maintenance,
      access,
      metrics: await this.#readMetrics(calls, cluster, access),
      history: this.#history.nodes,
      failures: await this.#readFailures(calls),
    };
  }

  /** Undefined = not told, or not allowed to know. What is only throttled is asked again at the next inspection, all of it. */
  async #readLatestImage(calls: AzureCalls, pool: string): Promise<string | undefined> {
    try {
      return await calls.read(readLatestNodeImage, this.#target, pool);
    } catch (error) {
      if (isPassing(error)) throw error;
      this.#warn('the newest image of an agent pool is not known', { pool, error: explain(error) });
      return undefined;
    }
  }

  async #readMaintenance(calls: AzureCalls): Promise<NodeOsMaintenance | 'unreadable' | undefined> {
    try {
      return await calls.read(readNodeOsMaintenance, this.#target);
    } catch (error) {
      if (isPassing(error)) throw error;
      this.#warn('the planned maintenance of a cluster cannot be read', { error: explain(error) });
      return 'unreadable';
    }
  }

  async #access(calls: AzureCalls, cluster: ManagedCluster): Promise<ClusterAccess> {
    if (cluster.properties.aadProfile.managed !== true)
      return this.#unreadable('not-entra-integrated', 'the cluster does not use Entra');
    let answer: ClusterAnswer;
    try {
      answer = await this.#readNodes(calls, cluster);
    } catch (error) {
      return this.#unreadable(problemOf(error), explain(error));
    }
    if (answer.state === 'read') return answer;
    if (answer.state === 'untrusted') return this.#unreadable('refused', answer.because);
    if (answer.reason !== 'unreachable') return this.#unreadable(answer.reason, answer.because);
    return (await this.#runCommand(calls, cluster)) ?? this.#unreadable(answer.reason, answer.because);
  }

  async #readNodes(calls: AzureCalls, cluster: ManagedCluster): Promise<ClusterAnswer> {
    const kept = this.#credentials;
    if (kept !== undefined) {
      const answer = await calls.read(readClusterNodes, cluster, kept);
      // The authority may have been replaced, or the server moved, since they were read.
      if (answer.state !== 'untrusted' && !(answer.state === 'unreadable' && answer.reason === 'refused'))
        return answer;
    }
    const fresh = await calls.read(readClusterCredentials, this.#target, cluster);
    this.#credentials = { ...fresh, credentialsReadAt: this.#context.clock.now().toISOString() };
    const answer = await calls.read(readClusterNodes, cluster, fresh);
    if (answer.state === 'untrusted') this.#credentials = undefined;
    return answer;
  }

  /** A pod in the cluster, so it counts as acting: never under the kill switch, never without a record, at most twice a day. */
  async #runCommand(calls: AzureCalls, cluster: ManagedCluster): Promise<ClusterAccess | undefined> {
    const { clock, settings } = this.#context;
    const { enablePrivateCluster, disableRunCommand } = cluster.properties.apiServerAccessProfile;
    const mayRun =
      settings.nodes.runCommand === 'private-clusters' && (settings.cap === 'approve' || settings.cap === 'enforce');
    if (!mayRun || enablePrivateCluster !== true || disableRunCommand === true) return undefined;
    const now = clock.now();
    if (this.#commandAt !== undefined && now.getTime() - Date.parse(this.#commandAt) < COMMANDS) return undefined;
    await this.#recordCommand(now);
    this.#commandAt = now.toISOString();
    try {
      const nodes = await calls.read(runNodeCommand, this.#target, cluster);
      return { state: 'read', nodes, daemonSets: undefined };
    } catch (error) {
      this.#warn('the command in the cluster failed', { error: explain(error) });
      return undefined;
    }
  }

  async #recordCommand(now: Date): Promise<void> {
    const { audit, settings, version } = this.#context;
    await audit.append(auditKey(now, this.#context.newRunId(now), 'notice'), {
      time: now.toISOString(),
      stage: 'notice',
      reason: 'run-command',
      ...resourceColumns(this.#target),
      error: 'the nodes of this private cluster are listed by a command that Azure runs in it (AKS_RUN_COMMAND)',
      configHash: settings.hash,
      version,
    });
  }

  async #readMetrics(
    calls: AzureCalls,
    cluster: ManagedCluster,
    access: ClusterAccess,
  ): Promise<RebootMetrics | undefined> {
    const { clock, settings } = this.#context;
    const daemonSets = access.state === 'read' ? access.daemonSets : undefined;
    const overdueMs = allowedPendingMs(daemonSets, this.#thresholds(), clock.now());
    const answers: RebootMetrics[] = [];
    for (const endpoint of settings.nodes.metricsEndpoints) {
      try {
        const metrics = await calls.read(queryRebootMetrics, endpoint, cluster.name, overdueMs);
        if (metrics !== undefined) answers.push(metrics);
      } catch (error) {
        this.#warn('a metrics workspace does not tell', { endpoint, error: explain(error) });
      }
    }
    if (answers.length === 0) return undefined;
    return {
      now: new Map(answers.flatMap((answer) => [...answer.now])),
      overdue: new Set(answers.flatMap((answer) => [...answer.overdue])),
    };
  }

  async #readFailures(calls: AzureCalls): Promise<readonly UpgradeFailure[]> {
    try {
      return await calls.read(queryUpgradeFailures, this.#target);
    } catch (error) {
      this.#warn('failed upgrades are not known', { error: explain(error) });
      return [];
    }
  }

  #unreadable(reason: AccessProblem, because: string): ClusterAccess {
    const isLasting = this.#history.inspection?.accessProblem === reason;
    return { state: 'unreadable', reason, isLasting, because };
  }

  #warn(message: string, details: Readonly<Record<string, unknown>>): void {
    this.#context.log.warn(message, { resourceId: this.#target.id, ...details });
  }
}

function isPassing(error: unknown): boolean {
  return isDockwardenError(error, 'AZURE_TRANSIENT') || isDockwardenError(error, 'AZURE_BUSY');
}

function problemOf(error: unknown): AccessProblem {
  if (isDockwardenError(error, 'AZURE_DENIED')) return 'no-permission';
  return isDockwardenError(error, 'AZURE_INVALID') ? 'refused' : 'unreachable';
}

function explain(error: unknown): string {
  if (!isDockwardenError(error)) throw error;
  return (error satisfies DockwardenError).message;
}

function isThreshold(entry: readonly [string, unknown]): entry is [keyof Thresholds, number] {
  return Object.hasOwn(nodeParameters, entry[0]) && typeof entry[1] === 'number';
}
