/** `npm run check:kubectl`: the real, unchanged kubectl against the simulated Kubernetes API. Skipped, and said so, where it is missing. */
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual, promisify } from 'node:util';
import * as z from 'zod';
import { AKS_AUDIENCE } from '../local/azure/kubernetes/kubernetes-api.ts';
import { LIST_NODES } from '../local/azure/providers/run-command.ts';
import { createSampleSubscription, sampleId } from '../local/azure/sample-subscription.ts';
import { createCertificates } from '../local/certificates.ts';
import { type Check, type CheckedAzure, runChecks, withSimulatedAzure } from './checks/run-checks.ts';
import { isInstalled } from './is-installed.ts';

const run = promisify(execFile);
const CLUSTER = sampleId('aks-prod');
const CHUNK = 3;

const Credentials = z.object({ kubeconfigs: z.array(z.object({ value: z.string() })) });
/** What kubectl understands of a kubeconfig. */
const Understood = z.object({
  clusters: z.array(z.object({ cluster: z.object({ server: z.string(), 'certificate-authority-data': z.string() }) })),
  users: z.array(z.object({ user: z.object({ exec: z.object({ command: z.string(), args: z.array(z.string()) }) }) })),
});
const CommandResult = z.object({ properties: z.object({ exitCode: z.literal(0), logs: z.string() }) });

interface Kubectl {
  /** Runs kubectl with a token and returns what it printed. */
  (args: readonly string[], options?: { readonly token?: string; readonly caFile?: string }): Promise<string>;
}

async function main(): Promise<number> {
  if (!(await isInstalled('kubectl', 'version', '--client'))) {
    console.log('skipped: kubectl is not installed (Debian: apt-get install kubernetes-client)');
    return 0;
  }
  return await withSimulatedAzure(
    createSampleSubscription(),
    async (azure) => await runChecks(await listChecks(azure)),
  );
}

async function listChecks({ caFile, directory, simulator }: CheckedAzure): Promise<readonly Check[]> {
  const cluster = simulator.kubernetes(CLUSTER);
  const kubeconfigFile = join(directory, 'kubeconfig');
  const operator = simulator.as('operator');
  const { kubeconfigs } = Credentials.parse(operator.post(`${CLUSTER}/listClusterUserCredential`));
  await writeFile(kubeconfigFile, Buffer.from(kubeconfigs[0]?.value ?? '', 'base64'));
  const stranger = await createCertificates(join(directory, 'stranger'));
  const token = (name: string) => simulator.issueToken(name, AKS_AUDIENCE).token;
  const names = cluster.nodes().map(({ name }) => name);

  // Its cache, and whatever the user has configured, stay out of it.
  const env = { ...process.env, HOME: directory, KUBECONFIG: join(directory, 'none') };
  const kubectl: Kubectl = async (args, options = {}) => {
    const connection = ['--server', cluster.server, '--certificate-authority', options.caFile ?? caFile];
    const { stdout } = await run('kubectl', [...connection, '--token', options.token ?? token('operator'), ...args], {
      env,
    });
    return stdout.trim();
  };

  return [
    {
      what: 'kubectl config view: reads the credentials that ARM gives out',
      async holds() {
        const { stdout } = await run(
          'kubectl',
          ['config', 'view', '--raw', '--kubeconfig', kubeconfigFile, '-o', 'json'],
          { env },
        );
        const { clusters, users } = Understood.parse(JSON.parse(stdout));
        const { server, 'certificate-authority-data': authority } = clusters[0]?.cluster ?? {};
        const { args, command } = users[0]?.user.exec ?? {};
        const isTrusted = Buffer.from(authority ?? '', 'base64').toString() === cluster.ca;
        return (
          server === cluster.server && isTrusted && command === 'kubelogin' && args?.includes(AKS_AUDIENCE) === true
        );
      },
    },
    {
      what: 'kubectl get nodes: prints every node',
      async holds() {
        const lines = (await kubectl(['get', 'nodes'])).split('\n');
        return isDeepStrictEqual(
          lines.slice(1).map((line) => line.split(/\s/)[0]),
          names,
        );
      },
    },
    {
      what: `kubectl get nodes --chunk-size=${CHUNK}: all of them, page by page`,
      async holds() {
        simulator.requests.length = 0;
        const text = await kubectl(['get', 'nodes', `--chunk-size=${CHUNK}`, '-o', 'name']);
        const pages = simulator.requests.filter(
          ({ path, query }) => path.endsWith('/nodes') && query.includes(`limit=${CHUNK}`),
        );
        return (
          isDeepStrictEqual(
            text.split('\n'),
            names.map((name) => `node/${name}`),
          ) && pages.length === Math.ceil(names.length / CHUNK)
        );
      },
    },
    {
      what: 'kubectl get node: the boot id of one',
      async holds() {
        const [node] = cluster.nodes('apps');
        return (
          (await kubectl(['get', 'node', node?.name ?? '', '-o', 'jsonpath={.status.nodeInfo.bootID}'])) ===
          node?.bootId
        );
      },
    },
    {
      what: 'kubectl get daemonsets: kured, by its image',
      async holds() {
        const path = 'jsonpath={.items[*].spec.template.spec.containers[*].image}';
        return (await kubectl(['get', 'daemonsets', '--all-namespaces', '-o', path])).includes('/kubereboot/kured:');
      },
    },
    {
      what: 'the constant command: kubectl prints what the simulated run command answers',
      async holds() {
        simulator.state.patch(CLUSTER, { properties: { apiServerAccessProfile: { disableRunCommand: false } } });
        const body = { command: LIST_NODES, context: '', clusterToken: token('operator') };
        const { headers } = operator.request('POST', `${CLUSTER}/runCommand`, { body });
        simulator.operations.finishAll();
        const { properties } = CommandResult.parse(operator.get(headers['location'] ?? ''));
        const path = /'(.*)'/.exec(LIST_NODES)?.[1] ?? '';
        return (await kubectl(['get', 'nodes', '-o', `jsonpath=${path}`])) === properties.logs.trim();
      },
    },
    {
      what: 'a wrong token is refused, in the words of kubectl',
      holds: async () =>
        await fails(kubectl(['get', 'nodes'], { token: 'wrong' }), /You must be logged in to the server/),
    },
    {
      what: 'a token for ARM is refused, too',
      holds: async () =>
        await fails(
          kubectl(['get', 'nodes'], { token: simulator.issueToken('operator').token }),
          /You must be logged in/,
        ),
    },
    {
      what: 'an identity without the role may not list nodes',
      holds: async () =>
        await fails(
          kubectl(['get', 'nodes'], { token: token('dockwarden') }),
          /Error from server \(Forbidden\): nodes is forbidden: User "[0-9a-f-]{36}" cannot list resource "nodes" in API group ""/,
        ),
    },
    {
      what: 'another authority is not trusted',
      holds: async () =>
        await fails(kubectl(['get', 'nodes'], { caFile: stranger.caFile }), /certificate signed by unknown authority/),
    },
    {
      what: 'a node that is not there is not found',
      holds: async () => await fails(kubectl(['get', 'node', 'nobody']), /\(NotFound\): nodes "nobody" not found/),
    },
  ];
}

/** Whether kubectl ended with an error that says so; another text is thrown. */
async function fails(command: Promise<string>, message: RegExp): Promise<boolean> {
  try {
    await command;
  } catch (error) {
    if (error instanceof Error && message.test(error.message)) return true;
    throw error;
  }
  return false;
}

process.exitCode = await main();
