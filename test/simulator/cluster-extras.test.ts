import { X509Certificate } from 'node:crypto';
import type { ContainerServiceClient } from '@azure/arm-containerservice';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { AKS_AUDIENCE } from '../../local/azure/kubernetes/kubernetes-api.ts';
import type { KubernetesCluster } from '../../local/azure/kubernetes/kubernetes-cluster.ts';
import { createSampleIdentities, SAMPLE_SUBSCRIPTION_ID, sampleId } from '../../local/azure/sample-subscription.ts';
import { FixedClock, type Harness, isRecord, startHarness } from './harness.ts';

const GROUP = 'rg-platform-prod';
const VERSION = 'api-version=2026-04-01';
/** What the product sends; written out here so that neither side can change it alone. */
const COMMAND = String.raw`kubectl get nodes -o jsonpath='{range .items[*]}{.metadata.name}{"\t"}{.status.nodeInfo.bootID}{"\t"}{.status.nodeInfo.kernelVersion}{"\t"}{.metadata.annotations.weave\.works/kured-reboot-in-progress}{"\t"}{.metadata.annotations.weave\.works/kured-most-recent-reboot-needed}{"\t"}{.metadata.labels.kubernetes\.azure\.com/node-image-version}{"\n"}{end}'`;

let harness: Harness;
let clock: FixedClock;
let client: ContainerServiceClient;
let prod: KubernetesCluster;
beforeEach(async () => {
  clock = new FixedClock();
  harness = await startHarness({ clock });
  client = harness.clusters();
  prod = harness.simulator.kubernetes(sampleId('aks-prod'));
});
afterEach(async () => {
  await harness.stop();
});

async function readConfig(cluster = 'aks-prod', group = GROUP): Promise<string> {
  const { kubeconfigs } = await client.managedClusters.listClusterUserCredentials(group, cluster);
  return Buffer.from(kubeconfigs?.[0]?.value ?? []).toString();
}
const clusterToken = (as = 'operator') => harness.simulator.issueToken(as, AKS_AUDIENCE).token;
const run = async (body: object, name?: string) =>
  await harness
    .clusters(name)
    .managedClusters.runCommand(GROUP, 'aks-prod', { command: COMMAND, ...body }, { updateIntervalInMs: 0 });
const maintenanceId = () => `${prod.clusterId}/maintenanceConfigurations/aksManagedNodeOSUpgradeSchedule`;
const listMachines = async (cluster: string, pool: string, group = GROUP) =>
  await Array.fromAsync(client.machines.list(group, cluster, pool));
const latestImage = async () =>
  (await client.agentPools.getUpgradeProfile(GROUP, 'aks-prod', 'apps')).latestNodeImageVersion;
const subscriptions = [SAMPLE_SUBSCRIPTION_ID];
const askEvents = async (where: string, name = 'operator') => {
  const query = `containerserviceeventresources | where type == "microsoft.containerservice/managedclusters/scheduledevents" ${where}`;
  const { data } = await harness.graph(name).resources({ subscriptions, query });
  return Array.isArray(data) ? data.filter(isRecord) : [];
};

describe('credentials', () => {
  test('name the server that ARM names, and the authority that has signed its certificate', async () => {
    const yaml = await readConfig();
    const { fqdn } = await client.managedClusters.get(GROUP, 'aks-prod');
    const [, server = ''] = /^ {4}server: (\S+)$/m.exec(yaml) ?? [];
    const [, authority = ''] = /^ {4}certificate-authority-data: (\S+)$/m.exec(yaml) ?? [];

    expect(server).toBe(prod.server);
    expect(new URL(server).hostname).toBe(fqdn);
    expect(new X509Certificate(Buffer.from(authority, 'base64')).ca).toBe(true);
    expect(Buffer.from(authority, 'base64').toString()).toBe(harness.ca);
  });

  test('have, key by key, the shape that Azure gives them', async () => {
    const yaml = await readConfig();

    expect(yaml.replaceAll(/: \S+$/gm, ': …').split('\n')).toEqual([
      'apiVersion: …',
      'clusters:',
      '- cluster:',
      '    certificate-authority-data: …',
      '    server: …',
      '  name: …',
      'contexts:',
      '- context:',
      '    cluster: …',
      '    user: …',
      '  name: …',
      'current-context: …',
      'kind: …',
      'preferences: …',
      'users:',
      '- name: …',
      '  user:',
      '    exec:',
      '      apiVersion: …',
      '      args:',
      '      - get-token',
      '      - --environment',
      '      - AzurePublicCloud',
      '      - --server-id',
      `      - ${AKS_AUDIENCE}`,
      '      - --client-id',
      '      - 80faf920-1908-4b52-b5ef-a8e7bedfc67a',
      '      - --tenant-id',
      '      - 00000000-0000-4000-8000-00000000000a',
      '      - --login',
      '      - devicecode',
      '      command: …',
      '      env: …',
      '      installHint: …',
      '',
      '        kubelogin is not installed which is required to connect to AAD enabled cluster.',
      '',
      '        To learn more, please go to https://aka.ms/aks/kubelogin',
      '      provideClusterInfo: …',
      '',
    ]);
    expect(yaml).not.toContain('CANARY-');
  });

  test('of a cluster without Entra hold a canary', async () => {
    harness.simulator.state.patch(prod.clusterId, { properties: { aadProfile: { managed: false } } });

    expect(await readConfig()).toMatch(/^ {4}token: CANARY-\S+$/m);
  });

  test('of a cluster that nobody serves lead nowhere', async () => {
    const id = `${sampleId('aks-dev')}2`;
    const model = harness.simulator.state.get(sampleId('aks-dev'));
    harness.simulator.state.put({ ...model, id, name: 'aks-dev2', type: 'Microsoft.ContainerService/managedClusters' });

    const yaml = await readConfig('aks-dev2', 'rg-platform-dev');

    expect(yaml).toContain('server: https://localhost:1\n');
    expect(yaml).toContain('command: kubelogin');
    harness.simulator.state.patch(id, { properties: { fqdn: 'x.privatelink.westeurope.azmk8s.io' } });
    expect(await readConfig('aks-dev2', 'rg-platform-dev')).toContain(
      'server: https://x.privatelink.westeurope.azmk8s.io:443\n',
    );
  });

  test('can be made to say anything, until told otherwise', async () => {
    const genuine = await readConfig();
    prod.setKubeconfig((yaml) => yaml.replace(prod.server, 'https://attacker.example'));
    const elsewhere = await readConfig();
    prod.setKubeconfig((yaml) => yaml.replace(/^ *certificate-authority-data: .*\n/m, ''));
    const withoutAuthority = await readConfig();
    prod.setKubeconfig(() => '&a [*a, *a]');
    const hostile = await readConfig();
    prod.setKubeconfig(undefined);

    expect(elsewhere).toContain('server: https://attacker.example\n');
    expect(withoutAuthority).not.toContain('certificate-authority-data');
    expect(hostile).toBe('&a [*a, *a]');
    expect(await readConfig()).toBe(genuine);
  });
});

describe('planned maintenance', () => {
  test('is not found when there is none', async () => {
    const get = client.maintenanceConfigurations.get(GROUP, 'aks-prod', 'aksManagedNodeOSUpgradeSchedule');

    await expect(get).rejects.toMatchObject({ statusCode: 404, code: 'NotFound' });
    expect((await harness.send('GET', `${prod.clusterId}/maintenanceConfigurations?${VERSION}`)).body).toEqual({
      value: [],
    });
  });

  test('is what was stored, and Resource Graph does not know it', async () => {
    harness.simulator.state.put({
      id: maintenanceId(),
      name: 'aksManagedNodeOSUpgradeSchedule',
      type: 'Microsoft.ContainerService/managedClusters/maintenanceConfigurations',
      properties: {
        maintenanceWindow: {
          schedule: { weekly: { intervalWeeks: 1, dayOfWeek: 'Sunday' } },
          durationHours: 4,
          utcOffset: '+02:00',
          startDate: '2026-01-01',
          startTime: '01:00',
        },
      },
    });

    const one = await client.maintenanceConfigurations.get(GROUP, 'aks-prod', 'aksManagedNodeOSUpgradeSchedule');
    const listed: (string | undefined)[] = [];
    for await (const { name } of client.maintenanceConfigurations.listByManagedCluster(GROUP, 'aks-prod')) {
      listed.push(name);
    }
    const graph = await harness.graph().resources({ subscriptions, query: 'resources | count' });

    expect(one.maintenanceWindow).toMatchObject({ durationHours: 4, schedule: { weekly: { dayOfWeek: 'Sunday' } } });
    expect(listed).toEqual(['aksManagedNodeOSUpgradeSchedule']);
    expect(graph.data).toEqual([{ Count: 11 }]);
  });

  test('of a cluster that is not there is not found as such', async () => {
    const { code } = await harness.send('GET', `${sampleId('aks-prod')}x/maintenanceConfigurations/a?${VERSION}`);

    expect(code).toBe('ResourceNotFound');
  });
});

describe('machines', () => {
  test('are the nodes of the pool, with their instance', async () => {
    prod.removeNode(prod.nodes('system')[1]?.name ?? '');

    const machines = await listMachines('aks-prod', 'system');

    expect(machines.map(({ name }) => name)).toEqual(prod.nodes('system').map(({ name }) => name));
    expect(machines[1]?.properties?.resourceId).toMatch(
      /\/virtualMachineScaleSets\/aks-system-\d{8}-vmss\/virtualMachines\/2$/,
    );
  });

  test('of a cluster that nobody serves are as many as the pool counts', async () => {
    const id = `${sampleId('aks-dev')}2`;
    const model = harness.simulator.state.get(sampleId('aks-dev'));
    harness.simulator.state.put({ ...model, id, name: 'aks-dev2', type: 'Microsoft.ContainerService/managedClusters' });

    expect(await listMachines('aks-dev2', 'system', 'rg-platform-dev')).toHaveLength(2);
    await expect(listMachines('aks-dev2', 'none', 'rg-platform-dev')).rejects.toMatchObject({ code: 'NotFound' });
  });
});

test('the newest image of a pool is its own until told otherwise', async () => {
  const before = await latestImage();
  prod.setLatestImage('apps', 'AKSUbuntu-2204gen2containerd-202611.17.0');

  expect([before, await latestImage()]).toEqual([
    'AKSUbuntu-2204gen2containerd-202611.10.0',
    'AKSUbuntu-2204gen2containerd-202611.17.0',
  ]);
  expect(() => prod.setLatestImage('none', 'x')).toThrow(/no agent pool/);
});

describe('run command', () => {
  beforeEach(() => {
    harness.simulator.state.patch(prod.clusterId, {
      properties: { apiServerAccessProfile: { disableRunCommand: false } },
    });
    harness.simulator.operations.rules.push({ path: /runCommand/, mode: 202, polls: 1, retryAfterSeconds: 0 });
  });

  test('lists the nodes as lines', async () => {
    const result = await run({ clusterToken: clusterToken() });

    const lines = (result.logs ?? '').split('\n');
    expect(result).toMatchObject({ provisioningState: 'Succeeded', exitCode: 0 });
    expect(lines).toHaveLength(9);
    const [first] = prod.nodes();
    expect(lines[0]).toBe(
      [
        first?.name,
        first?.bootId,
        first?.kernel,
        '2026-11-19T10:00:00Z',
        '2026-11-19T10:00:00Z',
        first?.imageVersion,
      ].join('\t'),
    );
  });

  test('is accepted, polled, and then answered', async () => {
    const path = `${prod.clusterId}/runCommand?${VERSION}`;
    const accepted = await harness.send('POST', path, { body: { command: COMMAND, clusterToken: clusterToken() } });
    const location = String(accepted.headers['location']);
    const early = await harness.send('GET', location);
    const late = await harness.send('GET', location);

    expect([accepted.status, accepted.text, early.status, early.text, late.status]).toEqual([202, '', 202, '', 200]);
    expect(location).toMatch(/\/managedClusters\/aks-prod\/commandResults\/[^/]+\?api-version=2026-04-01$/);
    expect(late.body).toHaveProperty('properties.exitCode', 0);
    expect(harness.simulator.requests.map(({ action }) => action?.split('/').slice(2).join('/'))).toEqual([
      'runCommand/action',
      'commandResults/read',
      'commandResults/read',
    ]);
    expect(JSON.stringify(harness.simulator.requests)).not.toContain(clusterToken().split('.')[0]);
  });

  test('on an Entra cluster needs a token for the cluster', async () => {
    const { body, status } = await harness.send('POST', `${prod.clusterId}/runCommand?${VERSION}`, {
      body: { command: COMMAND, context: '' },
    });

    expect([status, body['code'], body['message']]).toEqual([
      400,
      'MissingAADClusterToken',
      'This cluster have Azure Active Directory enabled, .clusterToken is required.',
    ]);
  });

  test('is refused where it is disabled, and without a command', async () => {
    const path = `${prod.clusterId}/runCommand?${VERSION}`;
    const nothing = await harness.send('POST', path, { body: {} });
    harness.simulator.state.patch(prod.clusterId, {
      properties: { apiServerAccessProfile: { disableRunCommand: true } },
    });
    const disabled = await harness.send('POST', path, { body: { command: COMMAND, clusterToken: clusterToken() } });

    expect([nothing.status, disabled.status, disabled.body['code']]).toEqual([400, 400, 'BadRequest']);
  });

  test('does not spare the node role: kubectl is refused, and the command has still succeeded', async () => {
    harness.simulator.identity('dockwarden').roleAssignments =
      createSampleIdentities([
        'Microsoft.ContainerService/managedClusters/runCommand/action',
        'Microsoft.ContainerService/managedClusters/commandResults/read',
      ])[0]?.roleAssignments ?? [];

    const result = await run({ clusterToken: clusterToken('dockwarden') }, 'dockwarden');

    expect(result).toMatchObject({
      provisioningState: 'Succeeded',
      exitCode: 1,
      logs: expect.stringContaining(
        'Error from server (Forbidden): nodes is forbidden: User "00000000-0000-4000-8000-0000000000d1" cannot list',
      ),
    });
  });

  test('with a token for something else, or with another command, comes to nothing', async () => {
    const wrongToken = await run({ clusterToken: harness.simulator.issueToken('operator').token });
    const wrongCommand = await run({ clusterToken: clusterToken(), command: 'kubectl delete nodes --all' });

    expect([wrongToken.exitCode, wrongCommand.exitCode]).toEqual([1, 127]);
    expect(wrongToken.logs).toContain('You must be logged in to the server');
  });

  test('that fails still ends well for the SDK', async () => {
    harness.simulator.operations.rules.unshift({
      path: /runCommand/,
      mode: 202,
      polls: 0,
      retryAfterSeconds: 0,
      result: 'Failed',
      error: { code: 'ImagePullBackoff', message: '' },
    });

    const result = await run({ clusterToken: clusterToken() });

    expect(result).toMatchObject({ provisioningState: 'failed', reason: 'ImagePullBackoff' });
    expect(result.exitCode).toBeUndefined();
  });
});

describe('maintenance events in Resource Graph', () => {
  test('are told as Azure tells them', async () => {
    const id = harness.simulator.addScheduledEvent({ clusterId: sampleId('aks-prod'), eventStatus: 'Failed' });

    expect(await askEvents('and properties has "NodeOSUpgrade"')).toMatchObject([
      {
        id,
        name: id.split('/').at(-1),
        type: 'microsoft.containerservice/managedclusters/scheduledevents',
        location: 'westeurope',
        resourceGroup: 'rg-platform-prod',
        subscriptionId: SAMPLE_SUBSCRIPTION_ID,
        properties: {
          eventStatus: 'Failed',
          eventSource: 'AutoUpgrader',
          eventDetails: 'NodeOSUpgrade failed',
          lastUpdateTime: '2026-11-23T10:00:00Z',
          resources: [sampleId('aks-prod').replace('/resourceGroups/', '/resourcegroups/')],
        },
      },
    ]);
    expect(id).toMatch(
      /^\/subscriptions\/[^/]+\/resourcegroups\/rg-platform-prod\/providers\/microsoft\.containerservice\/managedclusters\/aks-prod\/scheduledevents\//,
    );
  });

  test('are filtered by details and by cluster', async () => {
    const { simulator } = harness;
    simulator.addScheduledEvent({ clusterId: sampleId('aks-prod'), eventStatus: 'Failed' });
    simulator.addScheduledEvent({
      clusterId: sampleId('aks-prod'),
      eventStatus: 'Started',
      eventDetails: 'K8sVersionUpgrade',
    });
    simulator.addScheduledEvent({
      clusterId: sampleId('aks-dev'),
      eventStatus: 'Completed',
      eventSource: 'AutoUprader',
      lastUpdateTime: new Date('2026-11-20T03:00:00Z'),
    });
    const key = sampleId('aks-prod').toLowerCase();

    expect(await askEvents('and properties has "NodeOSUpgrade"')).toHaveLength(2);
    expect(await askEvents(`| where id startswith '${key}/'`)).toHaveLength(2);
    expect(await askEvents(`| where tolower(tostring(properties.resources[0])) == '${key}'`)).toHaveLength(2);
    expect(await askEvents(`| where properties.resources has '${key}'`)).toHaveLength(2);
    // A term ends where a letter or digit does not follow.
    expect(await askEvents(`| where properties.resources has '${key.slice(0, -1)}'`)).toEqual([]);
    expect(await askEvents("| where properties.eventSource == 'AutoUprader'")).toHaveLength(1);
  });

  test('are for those who may read the cluster', async () => {
    harness.simulator.addScheduledEvent({ clusterId: sampleId('aks-prod'), eventStatus: 'Failed' });
    harness.simulator.identity('dockwarden').roleAssignments = [];
    const before = await askEvents('', 'dockwarden');
    harness.simulator.identity('dockwarden').roleAssignments = [
      { scope: sampleId('aks-prod'), actions: ['Microsoft.ContainerService/managedClusters/read'], roleName: 'x' },
    ];

    expect([before, await askEvents('', 'dockwarden')]).toMatchObject([[], [{ location: 'westeurope' }]]);
    const elsewhere = await harness.graph().resources({
      subscriptions: ['00000000-0000-4000-8000-0000000000ff'],
      query: 'containerserviceeventresources',
    });
    expect(elsewhere.data).toEqual([]);
  });
});
