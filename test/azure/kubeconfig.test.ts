import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sampleId } from '../../local/azure/sample-subscription.ts';
import { readClusterCredentials } from '../../src/azure/kubeconfig.ts';
import { ManagedCluster } from '../../src/resources/managed-cluster.ts';
import { parseResourceId } from '../../src/resources/resource-id.ts';
import { failureOf } from './azure-harness.ts';
import {
  type CanaryClients,
  createCanaryClients,
  type LoopbackServer,
  startLoopbackServer,
} from './loopback-server.ts';

/** The user part of the kubeconfig: a secret that nothing may hold. */
const SECRET = 'CANARY-USER';
const target = parseResourceId(sampleId('aks-prod'));
const PEM = '-----BEGIN CERTIFICATE-----\nMIIBAAAA\n-----END CERTIFICATE-----\n';
const HOST = 'aks-prod-4f21c9.hcp.westeurope.azmk8s.io';

let server: LoopbackServer;
let azure: CanaryClients;
let yaml: string;

beforeEach(async () => {
  yaml = kubeconfig();
  server = await startLoopbackServer(() => ({
    headers: { 'x-ms-request-id': 'r1' },
    body: { kubeconfigs: [{ name: 'clusterUser', value: encode(yaml) }] },
  }));
  azure = createCanaryClients(server);
});

afterEach(async () => {
  await server.stop();
});

function encode(text: string): string {
  return Buffer.from(text).toString('base64');
}

/** As Azure sends it. */
function kubeconfig({ host = `https://${HOST}:443`, ca = encode(PEM) } = {}): string {
  return `apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: ${ca}
    server: ${host}
  name: aks-prod
contexts:
- context:
    cluster: aks-prod
    user: clusterUser_rg_aks-prod
  name: aks-prod
current-context: aks-prod
kind: Config
preferences: {}
users:
- name: clusterUser_rg_aks-prod
  user:
    token: ${SECRET}
    exec:
      args:
      - --server-id
      - 6dae42f8-4368-4678-94ff-3960e28e3630
      command: kubelogin
      env: null
`;
}

function clusterOf(properties: Readonly<Record<string, unknown>> = {}): ManagedCluster {
  const defaults = { fqdn: HOST.toUpperCase(), aadProfile: { managed: true } };
  return ManagedCluster.parse({ id: target.id, name: 'aks-prod', properties: { ...defaults, ...properties } });
}

async function read(cluster = clusterOf()) {
  return await readClusterCredentials.run(azure.context(), target, cluster);
}

async function failure(cluster = clusterOf()) {
  const error = await failureOf(readClusterCredentials, read(cluster));
  expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(SECRET);
  return error;
}

describe('the credentials of a cluster', () => {
  it('are the server and the authority of its only cluster, and nothing of the user', async () => {
    expect(await read()).toEqual({ server: `https://${HOST}`, certificateAuthority: PEM });
    expect(server.requests.map(({ method, path, body }) => [method, path, body])).toEqual([
      ['POST', `${target.id}/listClusterUserCredential`, ''],
    ]);
    expect(azure.requestIds).toEqual(['r1']);
  });

  it.each([
    ['indented lists', (text: string) => text.replaceAll(/\n(- |  )/g, '\n  $1')],
    ['Windows line ends', (text: string) => text.replaceAll('\n', '\r\n')],
    ['the keys in another order', (text: string) => text.replace(/( +cert.*\n)( +server.*\n)/, '$2$1')],
    ['the list of clusters at the end', (text: string) => text.replace(/(clusters:[^]*?)(contexts:[^]*)/, '$2$1')],
    ['a private host', (text: string) => text.replace(HOST, 'private.example')],
    ['another port', (text: string) => text.replace(':443', ':8443')],
  ])('are read with %s', async (name, rewrite) => {
    yaml = rewrite(yaml);

    const { server: found, certificateAuthority } = await read(clusterOf({ privateFQDN: 'private.example' }));

    expect(certificateAuthority).toBe(PEM);
    expect(found).toBe(
      name === 'a private host'
        ? 'https://private.example'
        : `https://${HOST}${name === 'another port' ? ':8443' : ''}`,
    );
  });

  it('are never asked for when the cluster does not use Entra', async () => {
    for (const aadProfile of [undefined, {}, { managed: false }, { managed: 'true' }]) {
      expect(await failure(clusterOf({ aadProfile }))).toMatchObject({ code: 'AZURE_INVALID' });
    }
    expect(server.requests).toEqual([]);
  });
});

describe('credentials that are refused', () => {
  it.each<readonly [string, () => string]>([
    [
      'two clusters',
      () => yaml.replace('contexts:', '- cluster:\n    server: https://other.example\n  name: b\ncontexts:'),
    ],
    ['two lists of clusters', () => `${yaml}${yaml.slice(yaml.indexOf('clusters:'), yaml.indexOf('contexts:'))}`],
    ['a second document', () => `${yaml}---\n${yaml}`],
    ['two servers', () => yaml.replace('    server:', '    server: https://other.example\n    server:')],
    [
      'two servers, one in quotes',
      () => yaml.replace('    server:', '    "server": https://other.example\n    server:'),
    ],
    ['no server', () => yaml.replace(/ +server:.*\n/, '')],
    ['no authority', () => yaml.replace(/ +certificate-authority-data:.*\n/, '')],
    ['an authority in a file', () => yaml.replace('certificate-authority-data', 'certificate-authority')],
    ['plain http', () => kubeconfig({ host: `http://${HOST}` })],
    ['a user in the address', () => kubeconfig({ host: `https://${SECRET}@${HOST}` })],
    ['a password in the address', () => kubeconfig({ host: `https://u:${SECRET}@${HOST}` })],
    ['a path', () => kubeconfig({ host: `https://${HOST}/evil` })],
    ['a query', () => kubeconfig({ host: `https://${HOST}?a=b` })],
    ['a fragment', () => kubeconfig({ host: `https://${HOST}#a` })],
    ['a port that is none', () => kubeconfig({ host: `https://${HOST}:99999` })],
    ['another host', () => kubeconfig({ host: 'https://evil.example' })],
    ['a host that begins alike', () => kubeconfig({ host: `https://${HOST}.evil.example` })],
    ['an alias', () => kubeconfig({ host: '*server' })],
    ['a block text', () => kubeconfig({ host: `|\n      https://${HOST}` })],
    ['a flow of keys', () => yaml.replace(/- cluster:\n.*\n.*\n/, `- cluster: {server: "https://${HOST}"}\n`)],
    ['an authority that is no base64', () => kubeconfig({ ca: '%%%' })],
    ['an authority that is no PEM', () => kubeconfig({ ca: encode('trust me') })],
    ['an empty PEM', () => kubeconfig({ ca: encode('-----BEGIN CERTIFICATE-----\n') })],
    [
      'a private key beside the authority',
      () => kubeconfig({ ca: encode(`${PEM}-----BEGIN PRIVATE KEY-----\n${SECRET}`) }),
    ],
    [
      'an authority of 40 kB',
      () => kubeconfig({ ca: encode(PEM.replace('MIIBAAAA', `${'A'.repeat(64)}\n`.repeat(620).trim())) }),
    ],
    ['JSON', () => JSON.stringify({ clusters: [{ cluster: { server: `https://${HOST}` } }], token: SECRET })],
    ['nothing', () => ' '],
    ['100 kB', () => `${yaml}${'#'.repeat(100_000)}`],
    ['binary rubbish', () => `\u0000\ufffd${SECRET}\u202e`],
  ])('because of %s', async (_name, change) => {
    yaml = change();

    expect(await failure()).toMatchObject({
      code: 'AZURE_INVALID',
      message: expect.stringMatching(/^the credentials of the cluster cannot be used: /),
    });
  });

  it.each([
    ['no kubeconfigs', {}],
    ['none', { kubeconfigs: [] }],
    ['several', { kubeconfigs: [{ value: encode(kubeconfig()) }, { value: encode(kubeconfig()) }] }],
    ['one that is no text', { kubeconfigs: [{ value: { token: SECRET } }] }],
    ['one that is no base64', { kubeconfigs: [{ value: `{"token":"${SECRET}"}` }] }],
    ['a list', [SECRET]],
  ])('because the answer holds %s', async (_name, body) => {
    server.answer = () => ({ body });

    expect(await failure()).toMatchObject({ code: 'AZURE_INVALID' });
  });

  it('because the answer was cut, and it is not quoted', async () => {
    server.answer = () => ({ body: `{"kubeconfigs":[{"value":"${SECRET}` });

    expect(await failure()).toMatchObject({ code: 'AZURE_TRANSIENT' });
  });

  it.each([
    [403, 'AZURE_DENIED'],
    [404, 'AZURE_NOT_FOUND'],
    [429, 'AZURE_TRANSIENT'],
    [503, 'AZURE_TRANSIENT'],
  ])('because Azure answers %i', async (status, code) => {
    server.answer = () => ({ status, body: { error: { code: 'Some', message: 'no' } } });

    expect(await failure()).toMatchObject({ code, details: { status } });
  });

  it('because nobody answers', async () => {
    server.answer = (_request, response) => {
      response.destroy();
      return undefined;
    };

    expect(await failure()).toMatchObject({ code: 'AZURE_TRANSIENT' });
  });
});
