import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { CredentialUnavailableError } from '@azure/identity';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createCertificates } from '../../local/certificates.ts';
import { readClusterNodes } from '../../src/azure/kubernetes.ts';
import { ManagedCluster } from '../../src/resources/managed-cluster.ts';
import {
  type CanaryClients,
  createCanaryClients,
  type LoopbackServer,
  startLoopbackServer,
  TOKEN_CANARY,
} from './loopback-server.ts';

let server: LoopbackServer;
let azure: CanaryClients;

beforeEach(async () => {
  server = await startLoopbackServer(({ path }) => ({ body: path === NODES ? nodeList() : daemonSetList() }));
  azure = createCanaryClients(server);
});

afterEach(async () => {
  await server.stop();
});

const NODES = '/api/v1/nodes';
const DAEMON_SETS = '/apis/apps/v1/daemonsets';

function node(name: string) {
  return {
    metadata: { name, uid: `uid-${name}`, creationTimestamp: '2026-08-01T00:00:00Z', annotations: { a: 'b' } },
    spec: { podCIDR: '10.0.0.0/24', taints: [{ key: 'CriticalAddonsOnly', value: 'true', effect: 'NoSchedule' }] },
    status: { nodeInfo: { bootID: `boot-${name}`, kernelVersion: '5.15.0-1089-azure' }, images: ['large'] },
  };
}

function nodeList(names: readonly string[] = ['n0'], next = ''): Readonly<Record<string, unknown>> {
  return { kind: 'NodeList', apiVersion: 'v1', metadata: { continue: next }, items: names.map(node) };
}

function daemonSetList(): Readonly<Record<string, unknown>> {
  const items = [{ metadata: { name: 'kured', namespace: 'kube-system' }, status: { numberReady: 1 } }];
  return { kind: 'DaemonSetList', apiVersion: 'apps/v1', metadata: {}, items };
}

function clusterOf(properties: Readonly<Record<string, unknown>>): ManagedCluster {
  const defaults = { fqdn: 'localhost', aadProfile: { managed: true, enableAzureRBAC: true } };
  return ManagedCluster.parse({ id: '/x', name: 'aks-prod', properties: { ...defaults, ...properties } });
}

/** The call as the product makes it; what changes is given. */
async function read(
  change: {
    readonly properties?: Readonly<Record<string, unknown>>;
    readonly server?: string;
    readonly ca?: string;
    readonly operationSignal?: AbortSignal;
  } = {},
) {
  return await readClusterNodes.run(
    azure.context(change.operationSignal === undefined ? {} : { operationSignal: change.operationSignal }),
    clusterOf(change.properties ?? {}),
    { server: change.server ?? server.origin, certificateAuthority: change.ca ?? server.ca },
  );
}

function status(code: number, message: string) {
  return { status: code, body: { kind: 'Status', apiVersion: 'v1', status: 'Failure', message, code } };
}

async function createOtherAuthority(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'dockwarden-other-ca-'));
  const { ca } = await createCertificates(directory);
  await rm(directory, { recursive: true });
  return ca;
}

describe('the nodes and DaemonSets of a cluster', () => {
  it('are read with a token of the AKS audience, and hold no more than their readers keep', async () => {
    const answer = await read();

    expect(answer).toMatchObject({
      state: 'read',
      nodes: [{ metadata: { name: 'n0', uid: 'uid-n0' }, status: { nodeInfo: { bootID: 'boot-n0' } } }],
      daemonSets: [{ metadata: { name: 'kured', namespace: 'kube-system' }, status: { numberReady: 1 } }],
    });
    expect(JSON.stringify(answer)).not.toMatch(/podCIDR|images/);
    expect(new Set(azure.scopes)).toEqual(new Set(['6dae42f8-4368-4678-94ff-3960e28e3630/.default']));
    expect(server.requests.map(({ method, path, query }) => [method, path, String(query)])).toEqual([
      ['GET', NODES, 'limit=200'],
      ['GET', DAEMON_SETS, 'limit=200'],
    ]);
    for (const { headers } of server.requests) {
      expect(headers).toMatchObject({
        authorization: expect.stringMatching(`^Bearer ${TOKEN_CANARY}-\\d$`),
        accept: 'application/json',
        'user-agent': 'dockwarden',
      });
    }
  });

  it('are read page by page, whatever characters the continue token has', async () => {
    const next = 'eyJ2IjoibWV0YS5rOHMu+/=&limit=1';
    server.answer = ({ path, query }) => {
      if (path !== NODES) return { body: daemonSetList() };
      return { body: query.get('continue') === next ? nodeList(['n2']) : nodeList(['n0', 'n1'], next) };
    };

    const answer = await read();

    expect(answer.state === 'read' && answer.nodes.map(({ metadata }) => metadata.name)).toEqual(['n0', 'n1', 'n2']);
  });

  it('may be none at all', async () => {
    server.answer = ({ path }) => ({ body: path === NODES ? nodeList([]) : { ...daemonSetList(), items: [] } });

    expect(await read()).toEqual({ state: 'read', nodes: [], daemonSets: [] });
  });

  it('are read once more from the start when a continue token has expired', async () => {
    let expirations = 0;
    server.answer = ({ path, query }) => {
      if (path !== NODES) return { body: daemonSetList() };
      if (!query.has('continue')) return { body: nodeList(['n0'], 'next') };
      expirations += 1;
      return expirations > 1 ? { body: nodeList(['n1']) } : { status: 410, body: { reason: 'Expired' } };
    };

    const answer = await read();

    expect(answer.state === 'read' && answer.nodes.map(({ metadata }) => metadata.name)).toEqual(['n0', 'n1']);
    expect(server.requests).toHaveLength(5);
  });

  it('are unreachable when the list expires again and again', async () => {
    server.answer = ({ query }) => (query.has('continue') ? { status: 410 } : { body: nodeList(['n0'], 'next') });

    expect(await read()).toMatchObject({ state: 'unreadable', reason: 'unreachable' });
    expect(server.requests).toHaveLength(4);
  });

  it('are read with a new token after one 401', async () => {
    server.answer = ({ path, headers }) => {
      if (headers.authorization?.endsWith('-1') === true) return { status: 401, body: { message: 'Unauthorized' } };
      return { body: path === NODES ? nodeList() : daemonSetList() };
    };

    expect(await read()).toMatchObject({ state: 'read' });
    expect(server.requests.map(({ path }) => path)).toEqual([NODES, NODES, DAEMON_SETS]);
  });
});

describe('a cluster that must not get a token', () => {
  it.each<readonly [string, NonNullable<Parameters<typeof read>[0]>]>([
    ['another host', { server: 'https://127.0.0.1' }],
    ['another host that begins alike', { server: 'https://localhost.evil.example' }],
    ['a host in front of another one', { server: 'https://localhost@evil.example' }],
    ['a path', { server: 'https://localhost/api' }],
    ['a query', { server: 'https://localhost?x' }],
    ['plain http', { server: 'http://localhost' }],
    ['a backslash', { server: String.raw`https://localhost\evil.example` }],
    ['no server', { server: '' }],
    ['no authority', { ca: '' }],
    ['an authority that is none', { ca: 'trust me' }],
    ['no host in ARM', { properties: { fqdn: undefined } }],
    ['another host in ARM', { properties: { fqdn: 'aks.hcp.westeurope.azmk8s.io' } }],
  ])('because of %s is refused before one is asked for', async (_name, change) => {
    const port = new URL(server.origin).port;
    const host = change.server?.replace(/(localhost|127\.0\.0\.1)(?=$|\/|\?|\\)/, `$1:${port}`);

    const answer = await read({ ...change, ...(host !== undefined && { server: host }) });

    expect(answer).toMatchObject({ state: 'unreadable', reason: 'refused' });
    expect([azure.scopes, server.requests]).toEqual([[], []]);
  });

  it.each([{ aadProfile: undefined }, { aadProfile: {} }, { aadProfile: { managed: false } }])(
    'because it does not use Entra (%j) is refused as well',
    async (properties) => {
      expect(await read({ properties })).toMatchObject({ state: 'unreadable', reason: 'not-entra-integrated' });
      expect([azure.scopes, server.requests]).toEqual([[], []]);
    },
  );

  it('is no private cluster: there the private name counts, whatever its casing', async () => {
    expect(await read({ properties: { fqdn: undefined, privateFQDN: 'LocalHost' } })).toMatchObject({ state: 'read' });
  });

  it('is told apart by its certificate, and gets no request', async () => {
    const answer = await read({ ca: await createOtherAuthority() });

    expect(answer).toMatchObject({ state: 'untrusted', because: expect.stringMatching(/^no trusted connection to /) });
    expect(server.requests).toEqual([]);
  });

  it('with an authority of well-formed rubbish is not trusted either', async () => {
    const ca = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';

    expect(await read({ ca })).toMatchObject({ state: 'untrusted' });
    expect(server.requests).toEqual([]);
  });
});

describe('an API server that does not answer as it should', () => {
  it.each([
    [401, 'Unauthorized', 'unauthorized'],
    [403, 'nodes is forbidden', 'no-permission'],
    [404, 'the server could not find the requested resource', 'unreadable-answer'],
    [408, 'slow', 'unreachable'],
    [429, 'too many requests', 'unreachable'],
    [500, 'etcd', 'unreachable'],
    [503, 'overloaded', 'unreachable'],
    [302, 'moved', 'unreadable-answer'],
    [204, 'nothing', 'unreadable-answer'],
  ])('with %i "%s" is %s', async (code, message, reason) => {
    server.answer = () => status(code, message);

    const answer = await read();

    expect(answer).toMatchObject({ state: 'unreadable', reason });
    expect(answer).toMatchObject({ because: expect.stringContaining(code === 204 ? '204' : message) });
    expect(server.requests).toHaveLength(code === 401 ? 2 : 1);
  });

  it('fails as a whole when only the DaemonSets are refused', async () => {
    server.answer = ({ path }) => (path === NODES ? { body: nodeList() } : status(403, 'daemonsets is forbidden'));

    expect(await read()).toMatchObject({ state: 'unreadable', reason: 'no-permission' });
  });

  it('and redirects is not followed', async () => {
    const other = await startLoopbackServer(() => ({ body: nodeList() }));
    server.answer = () => ({ status: 307, headers: { location: `${other.origin}${NODES}` } });

    expect(await read()).toMatchObject({ state: 'unreadable', reason: 'unreadable-answer' });
    expect(other.requests).toEqual([]);
    await other.stop();
  });

  it.each([
    ['an HTML page', '<html>hello</html>'],
    ['a list', []],
    ['a list of another kind', { ...nodeList(), kind: 'PodList' }],
    ['a list of another version', { ...nodeList(), apiVersion: 'v2' }],
    ['no items', { ...nodeList(), items: null }],
    ['a continue token that is none', { ...nodeList(), metadata: { continue: 7 } }],
    ['a node without a name', { ...nodeList(), items: [node('n0'), { metadata: { uid: 'u' } }] }],
    ['a node without a uid', { ...nodeList(), items: [{ metadata: { name: 'n' } }, node('n0')] }],
    ['a node that is a text', { ...nodeList(), items: ['n0'] }],
    ['a name that is too long', { ...nodeList(), items: [node('n'.repeat(254))] }],
  ])('but with %s is unreadable, and no node vanishes', async (_name, body) => {
    server.answer = ({ path }) => ({ body: path === NODES ? body : daemonSetList() });

    expect(await read()).toMatchObject({ state: 'unreadable', reason: 'unreadable-answer' });
  });

  it('but cuts its answer is unreachable or unreadable, never empty', async () => {
    server.answer = (_request, response) => {
      const text = JSON.stringify(nodeList());
      response.writeHead(200, { 'content-length': text.length });
      response.write(text.slice(0, 20), () => response.destroy());
      return undefined;
    };

    expect(await read()).toMatchObject({ state: 'unreadable', reason: 'unreachable' });
  });

  it('but goes on for ever is cut off at 16 MB', async () => {
    server.answer = (_request, response) => {
      const megabyte = Buffer.alloc(1024 * 1024, ' ');
      const more = (): void => {
        if (!response.destroyed) response.write(megabyte, more);
      };
      more();
      return undefined;
    };

    expect(await read()).toMatchObject({ state: 'unreadable', reason: 'unreadable-answer' });
  });

  it('but has page after page is given up after 100', async () => {
    server.answer = () => ({ body: nodeList(['n0'], 'more') });

    expect(await read()).toMatchObject({ state: 'unreadable', reason: 'unreadable-answer' });
    expect(server.requests).toHaveLength(100);
  });

  it.each([
    ['before it has begun', false],
    ['in the middle of its body', true],
  ])('but hangs %s ends with the deadline of the call', async (_name, hasBegun) => {
    const deadline = new AbortController();
    server.answer = (_request, response) => {
      if (hasBegun) response.write('{"kind":');
      setImmediate(() => deadline.abort());
      return undefined;
    };

    expect(await read({ operationSignal: deadline.signal })).toMatchObject({
      state: 'unreadable',
      reason: 'unreachable',
    });
  });

  it('gets nothing when the deadline has passed already', async () => {
    expect(await read({ operationSignal: AbortSignal.abort() })).toMatchObject({
      state: 'unreadable',
      reason: 'unreachable',
    });
    expect(server.requests).toEqual([]);
  });

  it('but closes the connection is unreachable', async () => {
    server.answer = (_request, response) => {
      response.destroy();
      return undefined;
    };

    expect(await read()).toMatchObject({ state: 'unreadable', reason: 'unreachable' });
  });

  it('or is not there is unreachable', async () => {
    const { origin } = server;
    await server.stop();

    expect(await read({ server: origin })).toMatchObject({
      state: 'unreadable',
      reason: 'unreachable',
      because: expect.stringMatching(/does not answer: ECONNREFUSED$/),
    });
  });

  it('or whose name is unknown is unreachable', async () => {
    const answer = await read({ server: 'https://nobody.invalid', properties: { fqdn: 'nobody.invalid' } });

    expect(answer).toMatchObject({ state: 'unreadable', reason: 'unreachable' });
  });

  it('is not asked when there is no token, and no cause is told but its name', async () => {
    azure = createCanaryClients(
      server,
      async () => await Promise.reject(new CredentialUnavailableError(`${TOKEN_CANARY} in a message`)),
    );

    const answer = await read();

    expect(answer).toEqual({
      state: 'unreadable',
      reason: 'unreachable',
      because: 'no token for kubernetes: CredentialUnavailableError',
    });
    expect(server.requests).toEqual([]);
  });

  it('and quotes the token back does not bring it into a message', async () => {
    server.answer = ({ headers }) => status(400, `cannot understand\u0000\n ${headers.authorization ?? ''}\u202e!`);

    const answer = await read();

    expect(answer).toMatchObject({ because: 'NodeList: 400, cannot understand Bearer (token) !' });
    expect(inspect(answer, { depth: 10, showHidden: true })).not.toContain(TOKEN_CANARY);
  });
});
