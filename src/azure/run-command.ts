import { DockwardenError } from '../errors.ts';
import { KubernetesNode } from '../resources/kubernetes.ts';
import { isPlainObject } from '../resources/lenient.ts';
import type { ManagedCluster } from '../resources/managed-cluster.ts';
import type { ResourceId } from '../resources/resource-id.ts';
import { apiVersions } from './api-versions.ts';
import { type ArmAnswer, getUrl, postForAnswer } from './arm-post.ts';
import { errorOfAnswer, readRetryAfter } from './azure-error.ts';
import { isEntraIntegrated } from './cluster-credentials.ts';
import { quoteForeign } from './data-plane.ts';
import { type CallContext, defineRead } from './operation.ts';

const IN_PROGRESS = 'weave.works/kured-reboot-in-progress';
const MOST_RECENT = 'weave.works/kured-most-recent-reboot-needed';
const IMAGE = 'kubernetes.azure.com/node-image-version';

/** The only command that is ever sent: six columns per node. Whoever may send others may start pods. */
const COMMAND = [
  "kubectl get nodes -o jsonpath='{range .items[*]}",
  [
    '{.metadata.name}',
    '{.status.nodeInfo.bootID}',
    '{.status.nodeInfo.kernelVersion}',
    `{.metadata.annotations.${escapeDots(IN_PROGRESS)}}`,
    `{.metadata.annotations.${escapeDots(MOST_RECENT)}}`,
    `{.metadata.labels.${escapeDots(IMAGE)}}`,
  ].join(String.raw`{"\t"}`),
  String.raw`{"\n"}{end}'`,
].join('');
const COLUMNS = 6;
const POOL = 'kubernetes.azure.com/agentpool';
/** How AKS names nodes: `aks-<pool>-<8 digits>-vmss<number>`, and `aks<pool><number>` in Windows pools; numbers have six places of base 36. */
const NODE_NAMES = [/^aks-([a-z][a-z0-9]{0,11})-\d{8}-vmss[0-9a-z]{6}$/, /^aks([a-z][a-z0-9]{0,5})[0-9a-z]{6}$/];

/** AKS cuts the output at 512 kB, and does not say so. */
const MAX_OUTPUT = 500_000;
/** Milliseconds between two looks when the answer names no time, and the longest that it may name. */
const POLL_INTERVAL = 3000;
const MAX_POLL_INTERVAL = 30_000;

export const runNodeCommand = defineRead({
  id: 'managedClusters.runNodeCommand',
  actions: [
    'Microsoft.ContainerService/managedClusters/runCommand/action',
    'Microsoft.ContainerService/managedClusters/commandResults/read',
  ],
  /**
   * Lists the nodes through a pod that Azure starts in the cluster: for private clusters, only where the operator has opted in, and rarely. The
   * nodes have neither uid (empty text) nor age, taints and conditions; the label of their pool is told by their names. The role that reads nodes is needed all the same (`AZURE_DENIED`
   * without it). `AZURE_TRANSIENT` when the cluster could not start the pod or `operationSignal` ran out, `AZURE_INVALID` when it cannot work.
   */
  async run(context: CallContext, target: ResourceId, cluster: ManagedCluster): Promise<readonly KubernetesNode[]> {
    if (!isEntraIntegrated(cluster)) throw refused(target, 'the cluster does not use Entra');
    if (cluster.properties.apiServerAccessProfile.disableRunCommand === true) {
      throw refused(target, 'the cluster has run command disabled');
    }
    const result = await waitForResult(context, target, await sendCommand(context, target));
    return readNodes(readOutput(result, target), target);
  },
});

async function sendCommand(context: CallContext, target: ResourceId): Promise<ArmAnswer> {
  const answer = await postForAnswer(context, {
    path: `${target.id}/runCommand`,
    apiVersion: apiVersions['Microsoft.ContainerService/managedClusters'],
    body: { command: COMMAND, context: '', clusterToken: await getClusterToken(context) },
  });
  if (answer.status.startsWith('2')) return answer;
  const error = errorOfAnswer(answer, 'read', new Date(), target.id);
  // Azure calls it a bad request when the pod does not start in time.
  const isPassing = error.details.serviceCode === 'KubernetesPerformanceError';
  throw isPassing ? new DockwardenError('AZURE_TRANSIENT', error.message, error.details) : error;
}

/** Without a cause: what a credential throws may hold its request. */
async function getClusterToken({ clients, signal }: CallContext): Promise<string> {
  try {
    return await clients.dataPlane.getToken('kubernetes', signal);
  } catch (error) {
    const name = error instanceof Error ? error.name : 'unknown error';
    throw new DockwardenError('AZURE_TRANSIENT', `no token for the cluster: ${name}`);
  }
}

/** Polls until the command has ended. A look that Azure cannot answer just now is repeated: the command runs on. */
async function waitForResult(context: CallContext, target: ResourceId, accepted: ArmAnswer): Promise<ArmAnswer> {
  const { operationSignal } = context;
  const { location } = accepted.headers;
  let answer = accepted;
  while (isRunning(answer)) {
    if (location === undefined) throw refused(target, 'the answer does not say where the result will be');
    await pause(readRetryAfter((name) => answer.headers[name], new Date()) ?? POLL_INTERVAL, operationSignal);
    if (operationSignal.aborted) throw new DockwardenError('AZURE_TRANSIENT', 'the command has not ended in time');
    answer = await getUrl(context, location, operationSignal);
  }
  if (answer.status !== '200') throw errorOfAnswer(answer, 'read', new Date(), target.id);
  return answer;
}

function isRunning({ status, body }: ArmAnswer): boolean {
  if (status === '202' || status === '429' || Number(status) >= 500) return true;
  return status === '200' && !['succeeded', 'failed', 'canceled', ''].includes(readResult(body).state);
}

interface Result {
  /** Lower case; empty when there is none. */
  readonly state: string;
  readonly exitCode: unknown;
  readonly logs: string;
  readonly reason: unknown;
}

function readResult(body: unknown): Result {
  const properties = isPlainObject(body) && isPlainObject(body['properties']) ? body['properties'] : {};
  const { provisioningState, exitCode, logs, reason } = properties;
  return {
    state: typeof provisioningState === 'string' ? provisioningState.toLowerCase() : '',
    exitCode,
    logs: typeof logs === 'string' ? logs : '',
    reason,
  };
}

/** What the command wrote, if it ended well: Azure calls a run a success whatever the command's exit code is. */
function readOutput({ body }: ArmAnswer, target: ResourceId): string {
  const { state, exitCode, logs, reason } = readResult(body);
  if (state === 'failed' || state === 'canceled') {
    throw new DockwardenError('AZURE_TRANSIENT', `the command did not run: ${quoteForeign(reason)}`, {
      resourceId: target.id,
    });
  }
  if (state !== 'succeeded') throw refused(target, 'the answer is no result');
  if (exitCode !== 0) {
    const code = /\(Forbidden\)/.test(logs) ? 'AZURE_DENIED' : 'AZURE_INVALID';
    const message = `the command ended with exit code ${JSON.stringify(exitCode) ?? 'unknown'}: ${quoteForeign(logs)}`;
    throw new DockwardenError(code, message, { resourceId: target.id });
  }
  if (logs.length > MAX_OUTPUT) throw refused(target, 'its output is so long that it may have been cut');
  return logs;
}

/** A line that does not fit fails the whole list: a part of it proves nothing. */
function readNodes(output: string, target: ResourceId): readonly KubernetesNode[] {
  const lines = output.replace(/\n$/, '').split('\n');
  if (output.trim() === '') return [];
  return lines.map((line) => {
    const columns = line.split('\t');
    const [name = '', bootID, kernelVersion, inProgress, mostRecent, image] = columns;
    if (columns.length !== COLUMNS || !/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/.test(name)) {
      throw refused(target, 'its output is no list of nodes');
    }
    return KubernetesNode.parse({
      metadata: {
        name,
        uid: '',
        annotations: present({ [IN_PROGRESS]: inProgress, [MOST_RECENT]: mostRecent }),
        labels: present({ [IMAGE]: image, [POOL]: readPool(name) }),
      },
      status: { nodeInfo: present({ bootID, kernelVersion }) },
    });
  });
}

function readPool(name: string): string | undefined {
  return NODE_NAMES.map((pattern) => pattern.exec(name)?.[1]).find((pool) => pool !== undefined);
}

/** Kubectl writes nothing for what is absent. */
function present(texts: Readonly<Record<string, string | undefined>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(texts).flatMap(([name, text]) => (text === undefined || text === '' ? [] : [[name, text]])),
  );
}

async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, Math.min(milliseconds, MAX_POLL_INTERVAL));
  const stop = () => resolve();
  signal.addEventListener('abort', stop);
  await promise;
  clearTimeout(timer);
  signal.removeEventListener('abort', stop);
}

function escapeDots(key: string): string {
  return key.replaceAll('.', String.raw`\.`);
}

function refused(target: ResourceId, because: string): DockwardenError {
  return new DockwardenError('AZURE_INVALID', `the nodes cannot be listed by run command: ${because}`, {
    resourceId: target.id,
  });
}
