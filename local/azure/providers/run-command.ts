import { invalidContent } from '../errors.ts';
import { requireBody, requireOperation, requireResource } from '../generic-resource.ts';
import { isJsonObject, type Json, readString } from '../json.ts';
import { AKS_AUDIENCE, readProfile, refuse } from '../kubernetes/kubernetes-api.ts';
import { KURED_KEYS } from '../kubernetes/kured.ts';
import type { ServedCluster } from '../kubernetes/served-cluster.ts';
import type { OperationResult } from '../operations.ts';
import type { Call, Handler } from '../provider.ts';
import { clusterError } from './cluster-children.ts';

/** The one command that is understood: everything that a detector of missed reboots reads of a node, one line each. */
export const LIST_NODES = String.raw`kubectl get nodes -o jsonpath='{range .items[*]}{.metadata.name}{"\t"}{.status.nodeInfo.bootID}{"\t"}{.status.nodeInfo.kernelVersion}{"\t"}{.metadata.annotations.weave\.works/kured-reboot-in-progress}{"\t"}{.metadata.annotations.weave\.works/kured-most-recent-reboot-needed}{"\t"}{.metadata.labels.kubernetes\.azure\.com/node-image-version}{"\n"}{end}'`;
/** Output is cut here. https://learn.microsoft.com/azure/aks/access-private-cluster#limitations */
const MAX_LOG_BYTES = 512 * 1024;

/**
 * `POST …/runCommand`: 202, and the result behind `Location`. A rule of `operations.rules` decides how many polls it takes and whether it fails:
 * `result: 'Failed'` with an error gives provisioningState `failed` with the error's code as reason.
 */
export const runCommand: Handler = (call) => {
  call.world.limits.takeAks('other', call.target.subscriptionId ?? '');
  const cluster = requireResource(call);
  const body = requireBody(call);
  const command = readString(body, 'command');
  if (command === undefined) throw invalidContent("'command' is required.");
  const access = cluster.properties?.['apiServerAccessProfile'];
  if (isJsonObject(access) && access['disableRunCommand'] === true) {
    throw clusterError(400, 'BadRequest', 'Run command is disabled on this cluster.');
  }
  const token = readString(body, 'clusterToken');
  if (readProfile(cluster).isEntra && !token) {
    const message = 'This cluster have Azure Active Directory enabled, .clusterToken is required.';
    throw clusterError(400, 'MissingAADClusterToken', message);
  }
  const { operations } = call.world;
  const rule = operations.ruleFor('POST', call.request.path) ?? { mode: 202 };
  const startedAt = call.world.clock.now().toISOString();
  const operation = operations.start(`${cluster.id}/commandResults`, rule, (result) => {
    if (result === 'Succeeded') call.raise(cluster.id);
    return finish(call, result, { command, token, startedAt, reason: rule.error?.code });
  });
  const location = `${call.world.baseUrl()}${cluster.id}/commandResults/${operation.id}?api-version=${call.apiVersion}`;
  return { status: 202, headers: { location, 'retry-after': String(rule.retryAfterSeconds ?? 1) } };
};

/** Result of a command: 202 until it is there. */
export const getCommandResult: Handler = (call) => {
  const { id, resultBody, rule, status } = requireOperation(call);
  if (status === 'InProgress') {
    const location = `${call.world.baseUrl()}${call.request.path}?${call.request.query.toString()}`;
    return { status: 202, headers: { location, 'retry-after': String(rule.retryAfterSeconds ?? 1) } };
  }
  return { status: 200, body: { id: id.replaceAll('-', ''), properties: resultBody } };
};

interface Command {
  readonly command: string;
  readonly token: string | undefined;
  readonly startedAt: string;
  readonly reason: string | undefined;
}

/** What the command has come to, in the cluster's own words. */
function finish(call: Call, result: OperationResult, { command, reason, startedAt, token }: Command): Json {
  if (result !== 'Succeeded') return { provisioningState: 'failed', reason: reason ?? 'ImagePullBackoff' };
  const { exitCode, logs } = execute(call, command, token);
  const finishedAt = call.world.clock.now().toISOString();
  return { provisioningState: 'Succeeded', exitCode, startedAt, finishedAt, logs: logs.slice(0, MAX_LOG_BYTES) };
}

function execute(call: Call, command: string, token: string | undefined): { exitCode: number; logs: string } {
  const cluster = call.world.kubernetes.find(call.id);
  if (cluster === undefined) return { exitCode: 1, logs: 'Unable to connect to the server: no route to host\n' };
  if (command !== LIST_NODES) return { exitCode: 127, logs: 'sh: the simulator knows another command only\n' };
  if (readProfile(cluster.state.cluster).isEntra) {
    const caller = call.world.issuer.identify(`Bearer ${token ?? ''}`, AKS_AUDIENCE);
    if (!caller) return { exitCode: 1, logs: 'error: You must be logged in to the server (Unauthorized)\n' };
    const refusal = refuse(cluster, caller, 'list', { group: '', resource: 'nodes', name: undefined });
    const message = readString(refusal?.body, 'message');
    if (message !== undefined) return { exitCode: 1, logs: `Error from server (Forbidden): ${message}\n` };
  }
  return { exitCode: 0, logs: printNodes(cluster) };
}

function printNodes({ state }: ServedCluster): string {
  const lines = state.list().map(({ annotations, bootId, imageVersion, kernel, name }) => {
    const { [KURED_KEYS.inProgress]: since = '', [KURED_KEYS.mostRecent]: needed = '' } = annotations;
    return [name, bootId, kernel, since, needed, imageVersion].join('\t');
  });
  return lines.map((line) => `${line}\n`).join('');
}
