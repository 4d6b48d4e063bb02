import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sampleId } from '../../local/azure/sample-subscription.ts';
import { runNodeCommand } from '../../src/azure/run-command.ts';
import { ManagedCluster } from '../../src/resources/managed-cluster.ts';
import { parseResourceId } from '../../src/resources/resource-id.ts';
import { failureOf } from './azure-harness.ts';
import {
  type Answer,
  type CanaryClients,
  createCanaryClients,
  type LoopbackServer,
  startLoopbackServer,
  TOKEN_CANARY,
} from './loopback-server.ts';

const target = parseResourceId(sampleId('aks-prod'));
const RESULT = `${target.id}/commandResults/0e98?api-version=2026-04-01`;
const COMMAND = String.raw`kubectl get nodes -o jsonpath='{range .items[*]}{.metadata.name}{"\t"}{.status.nodeInfo.bootID}{"\t"}{.status.nodeInfo.kernelVersion}{"\t"}{.metadata.annotations.weave\.works/kured-reboot-in-progress}{"\t"}{.metadata.annotations.weave\.works/kured-most-recent-reboot-needed}{"\t"}{.metadata.labels.kubernetes\.azure\.com/node-image-version}{"\n"}{end}'`;
const LINES =
  'aks-apps-25481572-vmss00000a\tb1\t5.15.0-1089-azure\t2026-08-17T07:14:09Z\t\tAKSUbuntu-2204-202606.10.0\nakswin1000000\t\t10.0.1\t\t\t\nmine\t\t\t\t\t\n';

let server: LoopbackServer;
let azure: CanaryClients;
/** What the polls get, one after another; the last one again and again. */
let polls: ReturnType<Answer>[];

beforeEach(async () => {
  polls = [{ status: 202, headers: { 'retry-after': '0' } }, succeeded(LINES)];
  server = await startLoopbackServer(({ method }) => (method === 'POST' ? accepted() : nextPoll()));
  azure = createCanaryClients(server);
});

afterEach(async () => {
  await server.stop();
});

function nextPoll(): ReturnType<Answer> {
  return polls.length > 1 ? polls.shift() : polls[0];
}

function accepted(location = `${server.origin}${RESULT}`) {
  return { status: 202, headers: { location, 'retry-after': '0', 'x-ms-request-id': 'r1' } };
}

function result(properties: Readonly<Record<string, unknown>>) {
  return { status: 200, headers: { 'retry-after': '0' }, body: { id: '0e98', properties } };
}

function succeeded(logs: string) {
  return result({ provisioningState: 'Succeeded', exitCode: 0, logs });
}

async function run(properties: Readonly<Record<string, unknown>> = {}, operationSignal?: AbortSignal) {
  const cluster = ManagedCluster.parse({
    id: target.id,
    name: 'aks-prod',
    properties: { aadProfile: { managed: true }, ...properties },
  });
  return await runNodeCommand.run(
    azure.context(operationSignal === undefined ? {} : { operationSignal }),
    target,
    cluster,
  );
}

describe('listing nodes by run command', () => {
  it('sends the one constant command with a token of the AKS audience, and waits for its result', async () => {
    const nodes = await run();

    expect(nodes).toEqual([
      {
        metadata: {
          name: 'aks-apps-25481572-vmss00000a',
          uid: '',
          annotations: { 'weave.works/kured-reboot-in-progress': '2026-08-17T07:14:09Z' },
          labels: {
            'kubernetes.azure.com/node-image-version': 'AKSUbuntu-2204-202606.10.0',
            'kubernetes.azure.com/agentpool': 'apps',
          },
        },
        spec: { taints: [] },
        status: { nodeInfo: { bootID: 'b1', kernelVersion: '5.15.0-1089-azure' }, conditions: [] },
      },
      {
        metadata: {
          name: 'akswin1000000',
          uid: '',
          annotations: {},
          labels: { 'kubernetes.azure.com/agentpool': 'win1' },
        },
        spec: { taints: [] },
        status: { nodeInfo: { kernelVersion: '10.0.1' }, conditions: [] },
      },
      {
        metadata: { name: 'mine', uid: '', annotations: {}, labels: {} },
        spec: { taints: [] },
        status: { nodeInfo: {}, conditions: [] },
      },
    ]);
    expect(server.requests.map(({ method, path }) => [method, path])).toEqual([
      ['POST', `${target.id}/runCommand`],
      ['GET', `${target.id}/commandResults/0e98`],
      ['GET', `${target.id}/commandResults/0e98`],
    ]);
    expect(server.requests.map((request) => request.query.get('api-version'))).toEqual(Array(3).fill('2026-04-01'));
    expect(JSON.parse(server.requests[0]?.body ?? '')).toEqual({
      command: COMMAND,
      context: '',
      clusterToken: expect.stringContaining(TOKEN_CANARY),
    });
    expect(azure.scopes).toContain('6dae42f8-4368-4678-94ff-3960e28e3630/.default');
    expect(azure.requestIds).toEqual(['r1']);
  });

  it('goes on looking while Azure is busy, or says that the command runs', async () => {
    polls = [
      { status: 429, headers: { 'retry-after': '0' } },
      { status: 503, headers: { 'retry-after': '0' } },
      result({ provisioningState: 'Running' }),
      result({ provisioningState: 'SUCCEEDED', exitCode: 0, logs: LINES }),
    ];

    expect(await run()).toHaveLength(3);
  });

  it('finds no nodes in an empty output', async () => {
    polls = [succeeded('')];

    expect(await run()).toEqual([]);
  });

  it.each([
    { aadProfile: { managed: false } },
    { aadProfile: undefined },
    { apiServerAccessProfile: { disableRunCommand: true } },
  ])('is not tried on a cluster with %j', async (properties) => {
    expect(await failureOf(runNodeCommand, run(properties))).toMatchObject({ code: 'AZURE_INVALID' });
    expect([server.requests, azure.scopes]).toEqual([[], []]);
  });
});

describe('a command that did not work', () => {
  it.each([
    [
      'that failed to start',
      { provisioningState: 'failed', reason: 'ImagePullBackoff' },
      'AZURE_TRANSIENT',
      'ImagePullBackoff',
    ],
    [
      'without the role',
      { provisioningState: 'Succeeded', exitCode: 1, logs: 'Error from server (Forbidden): nodes is forbidden\n' },
      'AZURE_DENIED',
      'Error from server (Forbidden): nodes is forbidden',
    ],
    [
      'that ended badly',
      { provisioningState: 'Succeeded', exitCode: 127, logs: 'sh: kubectl' },
      'AZURE_INVALID',
      '127: sh: kubectl',
    ],
    ['without an exit code', { provisioningState: 'Succeeded', logs: LINES }, 'AZURE_INVALID', 'unknown'],
    [
      'with an odd exit code',
      { provisioningState: 'Succeeded', exitCode: '0', logs: LINES },
      'AZURE_INVALID',
      'exit code "0"',
    ],
    ['without a state', { exitCode: 0, logs: LINES }, 'AZURE_INVALID', 'no result'],
    [
      'with a line too short',
      { provisioningState: 'Succeeded', exitCode: 0, logs: `${LINES}aks\tb` },
      'AZURE_INVALID',
      'no list',
    ],
    [
      'with a warning in front',
      { provisioningState: 'Succeeded', exitCode: 0, logs: `Warning: x\n${LINES}` },
      'AZURE_INVALID',
      'no list',
    ],
    [
      'with a hostile name',
      { provisioningState: 'Succeeded', exitCode: 0, logs: '../x\t\t\t\t\t\n' },
      'AZURE_INVALID',
      'no list',
    ],
    [
      'that may be cut',
      { provisioningState: 'Succeeded', exitCode: 0, logs: LINES.repeat(6000) },
      'AZURE_INVALID',
      'cut',
    ],
  ])('%s is an error and no list', async (_name, properties, code, words) => {
    polls = [result(properties)];

    expect(await failureOf(runNodeCommand, run())).toMatchObject({ code, message: expect.stringContaining(words) });
  });

  it.each([
    ['MissingAADClusterToken', 'AZURE_INVALID'],
    ['KubernetesPerformanceError', 'AZURE_TRANSIENT'],
  ])('is told by its code: %s, wrapped or not', async (code, expected) => {
    for (const body of [{ code, message: 'as told' }, { error: { code, message: 'as told' } }]) {
      server.answer = () => ({ status: 400, body });
      const failure = await failureOf(runNodeCommand, run());
      expect(failure).toMatchObject({ code: expected, message: 'as told', details: { serviceCode: code } });
      expect(inspect(failure, { depth: 10, showHidden: true })).not.toContain('CANARY-TOKEN');
    }
  });

  it('is denied without its role', async () => {
    server.answer = () => ({ status: 403, body: { error: { code: 'AuthorizationFailed', message: 'no' } } });

    expect(await failureOf(runNodeCommand, run())).toMatchObject({ code: 'AZURE_DENIED' });
  });

  it('ends when its whole time has passed', async () => {
    const deadline = new AbortController();
    polls = [{ status: 202, headers: { 'retry-after': '3600' } }];
    server.answer = ({ method }) => {
      if (method === 'POST') return accepted();
      setImmediate(() => deadline.abort());
      return nextPoll();
    };

    expect(await failureOf(runNodeCommand, run({}, deadline.signal))).toMatchObject({ code: 'AZURE_TRANSIENT' });
    expect(server.requests).toHaveLength(2);
  });

  it('never sends a token to another host for its result', async () => {
    const other = await startLoopbackServer(() => succeeded(LINES));
    server.answer = () => accepted(`${other.origin}${RESULT}`);

    expect(await failureOf(runNodeCommand, run())).toMatchObject({ code: 'AZURE_INVALID' });
    expect(other.requests).toEqual([]);
    await other.stop();
  });

  it('without a place for its result is an error', async () => {
    server.answer = () => ({ status: 202 });

    expect(await failureOf(runNodeCommand, run())).toMatchObject({ code: 'AZURE_INVALID' });
  });

  it('is not sent without a token', async () => {
    azure = createCanaryClients(
      server,
      async (count) => await (count > 0 ? Promise.reject(new TypeError(TOKEN_CANARY)) : ''),
    );

    const failure = await failureOf(runNodeCommand, run());

    expect(failure).toMatchObject({ code: 'AZURE_TRANSIENT', message: 'no token for the cluster: TypeError' });
    expect(server.requests).toEqual([]);
  });
});
