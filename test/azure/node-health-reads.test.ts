import { inspect } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { sampleId } from '../../local/azure/sample-subscription.ts';
import { readClusterCredentials } from '../../src/azure/kubeconfig.ts';
import { readClusterNodes } from '../../src/azure/kubernetes.ts';
import { nodeHealthReads } from '../../src/azure/node-health-reads.ts';
import { listPoolMachines } from '../../src/azure/node-upgrades.ts';
import { queryRebootMetrics } from '../../src/azure/prometheus.ts';
import { resourceReads } from '../../src/azure/resources.ts';
import { runNodeCommand } from '../../src/azure/run-command.ts';
import { queryUpgradeFailures } from '../../src/azure/upgrade-failures.ts';
import { ManagedCluster } from '../../src/resources/managed-cluster.ts';
import { type AzureHarness, failureOf, startAzure } from './azure-harness.ts';
import { target } from './operation-samples.ts';

let azure: AzureHarness;

afterEach(async () => {
  await azure.stop();
});

const AKS = target('aks-prod');
const HOUR = 3_600_000;

/** The cluster as policies read it, from Azure Resource Manager. */
async function readCluster(): Promise<ManagedCluster> {
  const raw = await resourceReads['Microsoft.ContainerService/managedClusters'].run(azure.context(), AKS);
  return ManagedCluster.parse(raw);
}

/** What the product does from the cluster to its nodes. */
async function readNodes() {
  const cluster = await readCluster();
  const credentials = await readClusterCredentials.run(azure.context(), AKS, cluster);
  return await readClusterNodes.run(azure.context(), cluster, credentials);
}

async function readMetrics(overdueMs = 24 * HOUR) {
  return await queryRebootMetrics.run(azure.context(), azure.simulator.prometheus.endpoint, 'aks-prod', overdueMs);
}

async function runCommand() {
  azure.simulator.operations.rules.push({ mode: 202, polls: 1, retryAfterSeconds: 0 });
  return await runNodeCommand.run(azure.context(), AKS, {
    ...(await readCluster()),
    properties: { ...(await readCluster()).properties, apiServerAccessProfile: {} },
  });
}

function allowRunCommand(): void {
  azure.simulator.state.patch(AKS.id, { properties: { apiServerAccessProfile: { disableRunCommand: false } } });
}

describe('the nodes of a simulated cluster', () => {
  it('are read as they are, with exactly the declared data actions', async () => {
    azure = await startAzure({ dataActions: readClusterNodes.dataActions ?? [] });
    const simulated = azure.simulator.kubernetes(AKS.id);

    const answer = await readNodes();

    if (answer.state !== 'read') throw new Error(answer.because);
    expect(answer.nodes.map(({ metadata: { name, uid }, status }) => [name, uid, status.nodeInfo.bootID])).toEqual(
      simulated.nodes().map(({ name, uid, bootId }) => [name, uid, bootId]),
    );
    expect(answer.daemonSets.map(({ metadata }) => metadata.name)).toContain('kured');
    expect(new Set(azure.checkedActions())).toEqual(
      new Set([
        'Microsoft.ContainerService/managedClusters/read',
        ...readClusterCredentials.actions,
        ...(readClusterNodes.dataActions ?? []),
      ]),
    );
    expect(inspect(azure.simulator.requests, { depth: 10 })).not.toMatch(/ey[\w-]+\.ey/);
  });

  it.each(readClusterNodes.dataActions ?? [])('are not read without %s', async (removed) => {
    const dataActions = (readClusterNodes.dataActions ?? []).filter((action) => action !== removed);
    azure = await startAzure({ dataActions });

    expect(await readNodes()).toMatchObject({ state: 'unreadable', reason: 'no-permission' });
  });

  it('are not read when the authority was replaced, until the credentials are read again', async () => {
    azure = await startAzure();
    const cluster = await readCluster();
    const old = await readClusterCredentials.run(azure.context(), AKS, cluster);
    await azure.simulator.kubernetes(AKS.id).rotateAuthority();

    expect(await readClusterNodes.run(azure.context(), cluster, old)).toMatchObject({ state: 'untrusted' });
    expect(await readNodes()).toMatchObject({ state: 'read' });
  });

  it('are not asked for where a changed kubeconfig leads', async () => {
    azure = await startAzure();
    const simulated = azure.simulator.kubernetes(AKS.id);
    simulated.setKubeconfig((genuine) => genuine.replace('//localhost', '//127.0.0.1'));

    expect(await failureOf(readClusterCredentials, readNodes())).toMatchObject({ code: 'AZURE_INVALID' });
    expect(azure.simulator.requests.filter(({ path }) => path.startsWith('/kubernetes/'))).toEqual([]);
  });

  it('are unreachable while the API server is offline', async () => {
    azure = await startAzure();
    azure.simulator.kubernetes(AKS.id).isOffline = true;

    expect(await readNodes()).toMatchObject({ state: 'unreadable', reason: 'unreachable' });
  });
});

describe('the machines of a simulated pool', () => {
  it('have the names of its nodes, with exactly the declared action', async () => {
    azure = await startAzure({ actions: listPoolMachines.actions, dataActions: [] });
    const nodes = azure.simulator.kubernetes(AKS.id).nodes();

    for (const name of new Set(nodes.map(({ pool }) => pool))) {
      expect(await listPoolMachines.run(azure.context(), AKS, name)).toEqual(
        nodes.filter(({ pool }) => pool === name).map((node) => node.name),
      );
    }
    expect(nodes.length).toBeGreaterThan(1);
    expect(new Set(azure.checkedActions())).toEqual(new Set(listPoolMachines.actions));
  });
});

describe('the simulated metrics', () => {
  it('tell what kured says, with exactly the declared data action', async () => {
    azure = await startAzure({ dataActions: queryRebootMetrics.dataActions ?? [] });
    const pending = azure.simulator
      .kubernetes(AKS.id)
      .nodes()
      .filter(({ rebootRequiredSince }) => rebootRequiredSince !== undefined)
      .map(({ name }) => name);

    const metrics = await readMetrics();

    expect(pending.length).toBeGreaterThan(0);
    expect(metrics?.overdue).toEqual(new Set(pending));
    expect([...(metrics?.now ?? [])].filter(([, value]) => value === 1).map(([name]) => name)).toEqual(pending);
    expect((await readMetrics(97 * HOUR))?.overdue).toEqual(new Set());
    expect(new Set(azure.checkedActions())).toEqual(new Set(queryRebootMetrics.dataActions));
  });

  it('are no data for a cluster that is not scraped', async () => {
    azure = await startAzure();

    expect(
      await queryRebootMetrics.run(azure.context(), azure.simulator.prometheus.endpoint, 'nobody', 24 * HOUR),
    ).toBeUndefined();
  });

  it('are denied without the data action', async () => {
    azure = await startAzure({ dataActions: [] });

    expect(await failureOf(queryRebootMetrics, readMetrics())).toMatchObject({ code: 'AZURE_DENIED' });
  });
});

describe('the simulated events', () => {
  it('tell a failed upgrade until it has succeeded', async () => {
    azure = await startAzure({ actions: queryUpgradeFailures.actions, dataActions: [] });
    const read = async () => await queryUpgradeFailures.run(azure.context(), AKS);
    const clusterId = sampleId('aks-prod');

    expect(await read()).toEqual([]);
    azure.simulator.addScheduledEvent({
      clusterId,
      eventStatus: 'Failed',
      lastUpdateTime: new Date('2026-08-17T03:00:00Z'),
    });
    azure.simulator.addScheduledEvent({ clusterId: sampleId('aks-dev'), eventStatus: 'Failed' });
    expect(await read()).toEqual([{ at: '2026-08-17T03:00:00.000Z' }]);
    azure.simulator.addScheduledEvent({ clusterId, eventStatus: 'Completed' });
    expect(await read()).toEqual([]);
  });

  it('tell nothing to who may not read the cluster', async () => {
    azure = await startAzure({ actions: [] });
    azure.simulator.addScheduledEvent({ clusterId: sampleId('aks-prod'), eventStatus: 'Failed' });

    expect(await queryUpgradeFailures.run(azure.context(), AKS)).toEqual([]);
  });
});

describe('run command on a simulated cluster', () => {
  const READ = 'Microsoft.ContainerService/managedClusters/read';

  it('lists the nodes, with exactly the declared actions and the role that reads nodes', async () => {
    azure = await startAzure({ actions: [READ, ...runNodeCommand.actions] });
    allowRunCommand();
    const simulated = azure.simulator.kubernetes(AKS.id).nodes();

    const nodes = await runCommand();

    expect(nodes.map(({ metadata, status }) => [metadata.name, status.nodeInfo.bootID])).toEqual(
      simulated.map(({ name, bootId }) => [name, bootId]),
    );
    expect(nodes.map(({ metadata }) => metadata.labels['kubernetes.azure.com/agentpool'])).toEqual(
      simulated.map(({ pool }) => pool),
    );
    expect(new Set(azure.checkedActions())).toEqual(new Set([READ, ...runNodeCommand.actions]));
  });

  it.each(runNodeCommand.actions)('is denied without %s', async (removed) => {
    azure = await startAzure({ actions: [READ, ...runNodeCommand.actions.filter((action) => action !== removed)] });
    allowRunCommand();

    expect(await failureOf(runNodeCommand, runCommand())).toMatchObject({ code: 'AZURE_DENIED' });
  });

  it('is denied without the role that reads nodes', async () => {
    azure = await startAzure({ dataActions: [] });
    allowRunCommand();

    expect(await failureOf(runNodeCommand, runCommand())).toMatchObject({ code: 'AZURE_DENIED' });
  });

  it('is refused by Azure, too, where it is disabled', async () => {
    azure = await startAzure();
    azure.simulator.state.patch(AKS.id, { properties: { apiServerAccessProfile: { disableRunCommand: true } } });

    expect(await failureOf(runNodeCommand, runCommand())).toMatchObject({ code: 'AZURE_INVALID' });
  });
});

it('the reads of the detector are in its role, and run command is not', async () => {
  azure = await startAzure();

  expect(nodeHealthReads.flatMap(({ actions }) => actions)).toEqual([
    'Microsoft.ContainerService/managedClusters/agentPools/upgradeProfiles/read',
    'Microsoft.ContainerService/managedClusters/maintenanceConfigurations/read',
    'Microsoft.ContainerService/managedClusters/agentPools/machines/read',
    'Microsoft.ContainerService/managedClusters/listClusterUserCredential/action',
    'Microsoft.ContainerService/managedClusters/read',
  ]);
  expect(nodeHealthReads.flatMap(({ dataActions = [] }) => dataActions)).toEqual([
    'Microsoft.ContainerService/managedClusters/nodes/read',
    'Microsoft.ContainerService/managedClusters/apps/daemonsets/read',
    'Microsoft.Monitor/accounts/data/metrics/read',
  ]);
});
