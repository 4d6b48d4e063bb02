import { auditKey } from '../audit/audit-log.ts';
import { readClusterCredentials } from '../azure/kubeconfig.ts';
import { type ClusterAnswer, readClusterNodes } from '../azure/kubernetes.ts';
import { runNodeCommand } from '../azure/run-command.ts';
import { isDockwardenError } from '../errors.ts';
import type { InspectionRecord } from '../nodes/node-history.ts';
import type { ManagedCluster } from '../resources/managed-cluster.ts';
import type { AccessProblem, ClusterAccess } from '../resources/node-health.ts';
import type { ResourceId } from '../resources/resource-id.ts';
import { resourceColumns } from './audit-rows.ts';
import type { AzureCalls } from './azure-calls.ts';
import type { EngineContext } from './ports.ts';

/** How long the address and certificate authority of an API server may be used again, in milliseconds. */
const CREDENTIALS = 24 * 3_600_000;
/** Shortest time between two commands run in one cluster. */
const COMMANDS = 12 * 3_600_000;
/** A stored moment that is further ahead than clocks differ is none. */
const SKEW = 5 * 60_000;

type Credentials = Required<Pick<InspectionRecord, 'server' | 'certificateAuthority' | 'credentialsReadAt'>>;

/** What is to be remembered of how the nodes of a cluster were read. */
export type AccessMemory = Pick<
  InspectionRecord,
  'server' | 'certificateAuthority' | 'credentialsReadAt' | 'runCommandAt' | 'readBy'
>;

/** Age of a stored moment in milliseconds; undefined = there is none, or none that can be. */
export function ageOf(moment: string | undefined, now: number): number | undefined {
  if (moment === undefined) return undefined;
  const age = now - Date.parse(moment);
  return age < -SKEW ? undefined : Math.max(0, age);
}

/** The way to the nodes of one cluster: its API server, and where operators allow it a command that Azure runs there. */
export class NodeAccess {
  readonly #context: EngineContext;
  readonly #target: ResourceId;
  readonly #previous: InspectionRecord | undefined;
  #credentials: Credentials | undefined;
  #commandAt: string | undefined;
  #readBy: InspectionRecord['readBy'];

  /** `isForgotten`: the last record cannot be read, so nobody knows when a command was run. */
  constructor(
    context: EngineContext,
    target: ResourceId,
    previous: InspectionRecord | undefined,
    isForgotten: boolean,
  ) {
    this.#context = context;
    this.#target = target;
    this.#previous = previous;
    const now = context.clock.now();
    const { server, certificateAuthority, credentialsReadAt, runCommandAt } = previous ?? {};
    const isOdd = runCommandAt !== undefined && ageOf(runCommandAt, now.getTime()) === undefined;
    this.#commandAt = isForgotten || isOdd ? now.toISOString() : runCommandAt;
    if (server === undefined || certificateAuthority === undefined || credentialsReadAt === undefined) return;
    if ((ageOf(credentialsReadAt, now.getTime()) ?? CREDENTIALS) < CREDENTIALS)
      this.#credentials = { server, certificateAuthority, credentialsReadAt };
  }

  /** What a command has shown holds until the next may be run: in between there is nothing to see. */
  get restsAfterCommand(): boolean {
    return this.#previous?.readBy === 'run-command' && this.#isCommandOn() && this.#isCommandRecent();
  }

  get memory(): AccessMemory {
    return {
      ...this.#credentials,
      ...(this.#commandAt !== undefined && { runCommandAt: this.#commandAt }),
      ...(this.#readBy !== undefined && { readBy: this.#readBy }),
    };
  }

  /** Nodes and DaemonSets, or why not. Rejects only for storage. */
  async read(calls: AzureCalls, cluster: ManagedCluster): Promise<ClusterAccess> {
    if (cluster.properties.aadProfile.managed !== true)
      return this.#unreadable('not-entra-integrated', 'the cluster does not use Entra');
    let answer: ClusterAnswer;
    try {
      answer = await this.#ask(calls, cluster);
    } catch (error) {
      if (!isDockwardenError(error) || !error.code.startsWith('AZURE_')) throw error;
      return this.#unreadable(problemOf(error), error.message);
    }
    if (answer.state === 'read') {
      this.#readBy = 'api-server';
      return answer;
    }
    if (answer.state === 'untrusted') return this.#unreadable('refused', answer.because);
    if (answer.reason !== 'unreachable') return this.#unreadable(answer.reason, answer.because);
    return (await this.#runCommand(calls, cluster)) ?? this.#unreadable(answer.reason, answer.because);
  }

  async #ask(calls: AzureCalls, cluster: ManagedCluster): Promise<ClusterAnswer> {
    const kept = this.#credentials;
    if (kept !== undefined) {
      const answer = await calls.read(readClusterNodes, cluster, kept);
      // The authority may have been replaced, or the server moved, since they were read.
      const isOld = answer.state === 'untrusted' || (answer.state === 'unreadable' && answer.reason === 'refused');
      if (!isOld) return answer;
    }
    const fresh = await calls.read(readClusterCredentials, this.#target, cluster);
    this.#credentials = { ...fresh, credentialsReadAt: this.#context.clock.now().toISOString() };
    const answer = await calls.read(readClusterNodes, cluster, fresh);
    if (answer.state === 'untrusted') this.#credentials = undefined;
    return answer;
  }

  #isCommandOn(): boolean {
    const { cap, nodes } = this.#context.settings;
    return nodes.runCommand === 'private-clusters' && (cap === 'approve' || cap === 'enforce');
  }

  #isCommandRecent(): boolean {
    return (ageOf(this.#commandAt, this.#context.clock.now().getTime()) ?? COMMANDS) < COMMANDS;
  }

  /** A pod in the cluster, so it counts as acting: never under the kill switch, never without a record, at most twice a day. */
  async #runCommand(calls: AzureCalls, cluster: ManagedCluster): Promise<ClusterAccess | undefined> {
    const { enablePrivateCluster, disableRunCommand } = cluster.properties.apiServerAccessProfile;
    const isPossible = enablePrivateCluster === true && disableRunCommand !== true;
    if (!this.#isCommandOn() || !isPossible || this.#isCommandRecent()) return undefined;
    await this.#recordCommand();
    try {
      const nodes = await calls.read(runNodeCommand, this.#target, cluster);
      this.#readBy = 'run-command';
      return { state: 'read', nodes, daemonSets: undefined };
    } catch (error) {
      if (!isDockwardenError(error)) throw error;
      const details = { resourceId: this.#target.id, error: error.message };
      this.#context.log.warn('the command in the cluster failed', details);
      return undefined;
    }
  }

  /** The moment is stored before the command is sent: a pass that fails later must not run another one. */
  async #recordCommand(): Promise<void> {
    const { audit, clock, nodes, settings, version } = this.#context;
    const now = clock.now();
    this.#commandAt = now.toISOString();
    const previous = this.#previous ?? { inspectedAt: new Date(0).toISOString() };
    await nodes.save(this.#target, { ...previous, runCommandAt: this.#commandAt }, [], new Map());
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

  #unreadable(reason: AccessProblem, because: string): ClusterAccess {
    return { state: 'unreadable', reason, isLasting: this.#previous?.accessProblem === reason, because };
  }
}

function problemOf(error: { readonly code: string }): AccessProblem {
  if (error.code === 'AZURE_DENIED') return 'no-permission';
  return error.code === 'AZURE_INVALID' ? 'refused' : 'unreachable';
}
