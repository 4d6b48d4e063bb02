import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { AKS_AUDIENCE } from '../../local/azure/kubernetes/kubernetes-api.ts';
import type { KubernetesCluster } from '../../local/azure/kubernetes/kubernetes-cluster.ts';
import { assignProductRole, createSampleIdentities, sampleId } from '../../local/azure/sample-subscription.ts';
import { FixedClock, type Harness, isRecord, startHarness } from './harness.ts';

const NODES = 'Microsoft.ContainerService/managedClusters/nodes/read';
const DAEMON_SETS = 'Microsoft.ContainerService/managedClusters/apps/daemonsets/read';
const PRODUCT = '00000000-0000-4000-8000-0000000000d1';

let harness: Harness;
let clock: FixedClock;
let prod: KubernetesCluster;
beforeEach(async () => {
  clock = new FixedClock();
  harness = await startHarness({ clock, identities: createSampleIdentities([], [NODES, DAEMON_SETS]) });
  prod = harness.simulator.kubernetes(sampleId('aks-prod'));
});
afterEach(async () => {
  await harness.stop();
});

type Options = Parameters<Harness['send']>[2];
const ask = async (path: string, options: Options = {}, cluster = prod) =>
  await harness.send('GET', `${cluster.server}${path}`, { as: 'dockwarden', audience: AKS_AUDIENCE, ...options });
const write = async (method: string, as: string) =>
  await harness.send(method, `${prod.server}/api/v1/nodes`, { as, audience: AKS_AUDIENCE, body: {} });
const itemsOf = (body: Readonly<Record<string, unknown>>) => {
  const { items } = body;
  return Array.isArray(items) ? items.filter(isRecord) : [];
};
const continueOf = ({ metadata }: Readonly<Record<string, unknown>>) =>
  isRecord(metadata) && typeof metadata['continue'] === 'string' ? metadata['continue'] : '';
const namesOf = (body: Readonly<Record<string, unknown>>) =>
  itemsOf(body).map(({ metadata }) => (isRecord(metadata) ? metadata['name'] : undefined));

describe('discovery', () => {
  test('tells the version of the cluster and what is served', async () => {
    const bodies = await Promise.all(
      ['/version', '/api', '/apis', '/apis/apps', '/api/v1', '/apis/apps/v1'].map(
        async (path) => (await ask(path)).body,
      ),
    );

    expect(bodies).toMatchObject([
      { gitVersion: 'v1.33.4', major: '1', minor: '33' },
      { kind: 'APIVersions', versions: ['v1'] },
      { kind: 'APIGroupList', groups: [{ name: 'apps' }] },
      { kind: 'APIGroup', name: 'apps' },
      { kind: 'APIResourceList', groupVersion: 'v1', resources: [{ name: 'nodes', namespaced: false }] },
      { kind: 'APIResourceList', groupVersion: 'apps/v1', resources: [{ name: 'daemonsets', namespaced: true }] },
    ]);
  });

  test('what is not served is not found', async () => {
    const { body, status } = await ask('/api/v1/pods');

    expect([status, body['reason'], body['code']]).toEqual([404, 'NotFound', 404]);
  });
});

describe('lists', () => {
  test('nodes are those of the agent pools, with what the detector reads', async () => {
    const { body, headers } = await ask('/api/v1/nodes');

    expect(headers['content-type']).toContain('application/json');
    expect(body).toMatchObject({ kind: 'NodeList', apiVersion: 'v1' });
    expect(namesOf(body)).toHaveLength(8);
    expect(
      itemsOf(body).find(({ metadata }) => isRecord(metadata) && metadata['name'] === prod.nodes('apps')[0]?.name),
    ).toMatchObject({
      metadata: {
        uid: expect.stringMatching(/^[0-9a-f-]{36}$/),
        creationTimestamp: '2026-10-24T10:00:00Z',
        labels: {
          'kubernetes.azure.com/agentpool': 'apps',
          'kubernetes.azure.com/node-image-version': 'AKSUbuntu-2204gen2containerd-202611.10.0',
          'kubernetes.azure.com/os-sku': 'Ubuntu',
          'kubernetes.io/os': 'linux',
        },
        annotations: { 'weave.works/kured-reboot-in-progress': '2026-11-19T10:00:00Z' },
      },
      status: {
        nodeInfo: { bootID: expect.stringMatching(/^[0-9a-f-]{36}$/), kernelVersion: '5.15.0-1089-azure' },
        conditions: expect.arrayContaining([
          expect.objectContaining({ type: 'Ready', status: 'True', lastTransitionTime: '2026-10-24T10:00:00Z' }),
        ]),
      },
    });
  });

  test('daemon sets are kured and one that is not', async () => {
    const { body } = await ask('/apis/apps/v1/daemonsets');

    expect(body).toMatchObject({
      kind: 'DaemonSetList',
      apiVersion: 'apps/v1',
      items: [
        { metadata: { name: 'kube-proxy' } },
        {
          metadata: { name: 'kured', namespace: 'kube-system' },
          spec: { template: { spec: { containers: [{ image: 'ghcr.io/kubereboot/kured:1.23.0' }] } } },
          status: { desiredNumberScheduled: 8, numberReady: 8 },
        },
      ],
    });
    expect(namesOf((await ask('/apis/apps/v1/namespaces/default/daemonsets')).body)).toEqual([]);
  });

  test('one node can be asked for by name', async () => {
    const name = prod.nodes('system')[0]?.name ?? '';

    const found = await ask(`/api/v1/nodes/${name}`);
    const missing = await ask('/api/v1/nodes/nobody');

    expect(found.body).toMatchObject({ kind: 'Node', metadata: { name } });
    expect([missing.status, missing.body['message']]).toEqual([404, 'nodes "nobody" not found']);
  });

  test('pages hold every node once, and go on with what was there when the list began', async () => {
    const first = await ask('/api/v1/nodes?limit=3');
    prod.addNode('apps');
    const second = await ask(`/api/v1/nodes?limit=3&continue=${continueOf(first.body)}`);
    const third = await ask(`/api/v1/nodes?limit=3&continue=${continueOf(second.body)}`);
    const anew = await ask('/api/v1/nodes?limit=500');

    const all = [first, second, third].flatMap(({ body }) => namesOf(body));
    expect(first.body['metadata']).toMatchObject({ remainingItemCount: 5 });
    expect(all).toHaveLength(8);
    expect(new Set(all).size).toBe(8);
    expect(third.body['metadata']).not.toHaveProperty('continue');
    expect(namesOf(anew.body)).toHaveLength(9);
  });

  test('a continue token expires after five minutes, or when a test says so', async () => {
    const start = async () => continueOf((await ask('/api/v1/nodes?limit=3')).body);
    const [early, late] = [await start(), await start()];
    clock.advance(299_000);
    const inTime = await ask(`/api/v1/nodes?limit=3&continue=${early}`);
    clock.advance(1_000);
    const tooLate = await ask(`/api/v1/nodes?limit=3&continue=${late}`);
    const fresh = await start();
    prod.expireContinueTokens();
    const told = await ask(`/api/v1/nodes?limit=3&continue=${fresh}`);
    const garbage = await ask('/api/v1/nodes?limit=3&continue=%00x');

    expect([inTime.status, tooLate.status, told.status, garbage.status]).toEqual([200, 410, 410, 400]);
    expect(tooLate.body).toMatchObject({ kind: 'Status', reason: 'Expired', code: 410 });
  });
});

describe('authentication', () => {
  test('only a token for AKS is accepted', async () => {
    const expired = harness.simulator.issueToken('dockwarden', AKS_AUDIENCE, { lifetimeSeconds: -1 }).token;
    const good = harness.simulator.issueToken('dockwarden', AKS_AUDIENCE).token;
    const answers = await Promise.all([
      ask('/api/v1/nodes', { authorization: null }),
      ask('/api/v1/nodes', { audience: 'https://management.azure.com' }),
      ask('/api/v1/nodes', { audience: 'https://prometheus.monitor.azure.com' }),
      ask('/api/v1/nodes', { authorization: `Bearer ${expired}` }),
      ask('/api/v1/nodes', { authorization: `Bearer ${good.slice(0, -4)}AAAA` }),
      ask('/version', { authorization: 'Bearer x' }),
    ]);

    expect(answers.map(({ status }) => status)).toEqual([401, 401, 401, 401, 401, 401]);
    expect(answers[0]?.body).toMatchObject({
      kind: 'Status',
      reason: 'Unauthorized',
      message: 'Unauthorized',
      code: 401,
    });
    expect((await ask('/api/v1/nodes', { authorization: `Bearer ${good}` })).status).toBe(200);
  });

  test('the credential of an identity asks for the audience by its scope', async () => {
    const { token } = await harness.simulator.credential('dockwarden').getToken(`${AKS_AUDIENCE}/.default`);

    expect((await ask('/api/v1/nodes', { authorization: `Bearer ${token}` })).status).toBe(200);
  });

  test('a token for AKS does not open ARM', async () => {
    const { code } = await harness.send('GET', `${sampleId('aks-prod')}?api-version=2026-04-01`, {
      audience: AKS_AUDIENCE,
    });

    expect(code).toBe('InvalidAuthenticationTokenAudience');
  });

  test('a cluster without Entra takes the token of its kubeconfig, which may do everything, and no other', async () => {
    harness.simulator.state.patch(prod.clusterId, { properties: { aadProfile: null } });
    const { kubeconfigs } = await harness
      .clusters()
      .managedClusters.listClusterUserCredentials('rg-platform-prod', 'aks-prod');
    const yaml = Buffer.from(kubeconfigs?.[0]?.value ?? []).toString();
    const [, token = ''] = /^ {4}token: (\S+)$/m.exec(yaml) ?? [];

    expect(token).toMatch(/^CANARY-/);
    expect((await ask('/api/v1/nodes', { authorization: `Bearer ${token}` })).status).toBe(200);
    expect(harness.simulator.requests.at(-1)?.caller).toBe('cluster-admin');
    expect((await ask('/api/v1/nodes')).status).toBe(401);
  });
});

describe('authorisation', () => {
  test.for([
    ['nothing', [], [], 403],
    ['actions of the same name', [NODES, DAEMON_SETS, 'Microsoft.ContainerService/managedClusters/read'], [], 403],
    ['the data action for daemon sets', [], [DAEMON_SETS], 403],
    ['the data action for nodes', [], [NODES], 200],
  ] as const)('with %s', async ([, actions, dataActions, status]) => {
    harness.simulator.identity('dockwarden').roleAssignments = assignProductRole(actions, dataActions);

    expect((await ask('/api/v1/nodes')).status).toBe(status);
  });

  test('an owner of the subscription may not read data, and a data role may not write to ARM', async () => {
    const owner = harness.simulator.identity('automation');
    const before = await ask('/api/v1/nodes', { as: 'automation' });
    owner.roleAssignments = [{ scope: '/', actions: [], dataActions: ['*'], roleName: 'Data' }];
    const after = await ask('/api/v1/nodes', { as: 'automation' });
    const arm = await harness.send('PATCH', `${prod.clusterId}?api-version=2026-04-01`, {
      as: 'automation',
      body: { tags: {} },
    });

    expect([before.status, after.status, arm.status]).toEqual([403, 200, 403]);
  });

  test('a data action counts at its scope only', async () => {
    harness.simulator.identity('dockwarden').roleAssignments = [
      { scope: sampleId('aks-dev'), actions: [], dataActions: [NODES], roleName: 'Reader' },
    ];
    const dev = harness.simulator.kubernetes(sampleId('aks-dev'));

    expect([(await ask('/api/v1/nodes')).status, (await ask('/api/v1/nodes', {}, dev)).status]).toEqual([403, 200]);
  });

  test('the refusal names the object id, the verb and the resource', async () => {
    harness.simulator.identity('dockwarden').roleAssignments = [];

    const nodes = await ask('/api/v1/nodes');
    const sets = await ask('/apis/apps/v1/daemonsets');

    expect(nodes.body).toEqual({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: `nodes is forbidden: User "${PRODUCT}" cannot list resource "nodes" in API group "" at the cluster scope: User does not have access to the resource in Azure. Update role assignment to allow access.`,
      reason: 'Forbidden',
      details: { kind: 'nodes' },
      code: 403,
    });
    expect(sets.body).toMatchObject({
      message: expect.stringContaining('daemonsets.apps is forbidden: User'),
      details: { group: 'apps', kind: 'daemonsets' },
    });
  });

  test('without Azure RBAC the subjects of Kubernetes RBAC decide, whatever roles Azure knows', async () => {
    const data = harness.simulator.kubernetes(sampleId('aks-data'));

    const before = await ask('/api/v1/nodes', {}, data);
    data.subjects.push(PRODUCT);
    const after = await ask('/api/v1/nodes', {}, data);

    expect([before.status, after.status]).toEqual([403, 200]);
    expect(before.body['message']).toBe(
      `nodes is forbidden: User "${PRODUCT}" cannot list resource "nodes" in API group "" at the cluster scope`,
    );
  });

  test('reading does not allow writing, and nobody can write', async () => {
    expect((await write('POST', 'dockwarden')).status).toBe(403);
    expect((await write('POST', 'operator')).body).toMatchObject({ reason: 'MethodNotAllowed', code: 405 });
    expect((await write('DELETE', 'operator')).status).toBe(405);
    expect((await ask('/api/v1/nodes?watch=true')).status).toBe(405);
  });
});

describe('connections', () => {
  test('a new authority is refused by those who trust the old one, and told by the kubeconfig', async () => {
    const old = prod.ca;
    await prod.rotateAuthority();

    await expect(ask('/api/v1/nodes', { ca: old })).rejects.toThrow(/unable to verify|self-signed|signature/i);
    expect(prod.ca).not.toBe(old);
    expect((await ask('/api/v1/nodes', { ca: prod.ca })).status).toBe(200);
  });

  test('an authority that nobody announced is trusted by nobody', async () => {
    const old = prod.ca;
    await prod.rotateAuthority({ isAnnounced: false });

    expect(prod.ca).toBe(old);
    await expect(ask('/api/v1/nodes', { ca: prod.ca })).rejects.toThrow(/unable to verify|self-signed|signature/i);
  });

  test('a cluster that is offline cuts connections, and comes back', async () => {
    prod.isOffline = true;
    await expect(ask('/api/v1/nodes')).rejects.toThrow(/disconnected|ECONNRESET|hang up/);
    prod.isOffline = false;

    expect((await ask('/api/v1/nodes')).status).toBe(200);
  });

  test('faults hit the cluster they were made for, and ARM not at all', async () => {
    prod.faults.add({
      path: /\/nodes/,
      effect: {
        kind: 'answer',
        status: 429,
        headers: { 'retry-after': '7' },
        body: { kind: 'Status', reason: 'TooManyRequests' },
      },
    });
    prod.faults.add({ path: /daemonsets/, caller: 'dockwarden', effect: { kind: 'drop' } });
    prod.faults.add({
      skip: 1,
      path: /daemonsets/,
      effect: { kind: 'answer', status: 200, body: 'x'.repeat(100_000) },
    });
    prod.faults.add({ path: /\/version/, effect: { kind: 'cut-json' } });
    const dev = harness.simulator.kubernetes(sampleId('aks-dev'));

    const [first, second, other] = [
      await ask('/api/v1/nodes'),
      await ask('/api/v1/nodes'),
      await ask('/api/v1/nodes', {}, dev),
    ];

    expect([first.status, first.headers['retry-after'], second.status, other.status]).toEqual([429, '7', 200, 200]);
    await expect(ask('/apis/apps/v1/daemonsets')).rejects.toThrow(/hang up|ECONNRESET/);
    expect((await ask('/apis/apps/v1/daemonsets')).status).toBe(200);
    expect((await ask('/apis/apps/v1/daemonsets')).text).toHaveLength(100_000);
    expect((await ask('/version')).body).toEqual({});
  });

  test('a request that hangs ends with the simulator', async () => {
    prod.faults.add({ effect: { kind: 'hang' } });
    const pending = ask('/api/v1/nodes').catch((error: unknown) => String(error));
    await expect.poll(() => harness.simulator.requests.length).toBe(1);

    await harness.simulator.stop();

    expect(await pending).toMatch(/hang up|ECONNRESET/);
    expect(harness.simulator.requests[0]?.status).toBe(0);
  });
});

test('requests are logged with path, caller, data action and status, and never with the token', async () => {
  await ask('/api/v1/nodes?limit=2');
  await ask('/api/v1/nodes', { authorization: 'Bearer garbage-token' });

  expect(harness.simulator.requests).toMatchObject([
    {
      method: 'GET',
      path: '/kubernetes/aks-prod/api/v1/nodes',
      query: 'limit=2',
      caller: 'dockwarden',
      callerObjectId: PRODUCT,
      action: NODES,
      status: 200,
    },
    { path: '/kubernetes/aks-prod/api/v1/nodes', caller: undefined, status: 401, errorCode: 'Unauthorized' },
  ]);
  const { token } = harness.simulator.issueToken('dockwarden', AKS_AUDIENCE);
  expect(JSON.stringify(harness.simulator.requests)).not.toContain(token.split('.')[0]);
  expect(JSON.stringify(harness.simulator.requests)).not.toContain('garbage-token');
});

test('a cluster that nobody serves has no handle, and can be served later', async () => {
  const id = `${sampleId('aks-dev')}2`;
  const model = harness.simulator.state.get(sampleId('aks-dev'));
  expect(() => harness.simulator.kubernetes(id)).toThrow(/nobody serves/);
  await expect(harness.simulator.serveKubernetes({ clusterId: id })).rejects.toThrow(/no cluster/);
  harness.simulator.state.put({ ...model, id, name: 'aks-dev2', type: 'Microsoft.ContainerService/managedClusters' });

  const cluster = await harness.simulator.serveKubernetes({ clusterId: id });

  expect((await ask('/api/v1/nodes', {}, cluster)).status).toBe(200);
  await expect(harness.simulator.serveKubernetes({ clusterId: id })).rejects.toThrow(/already/);
});
