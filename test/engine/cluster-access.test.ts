import { afterEach, describe, expect, it } from 'vitest';
import type { Read } from '../../src/azure/operation.ts';
import { AzureCalls } from '../../src/engine/azure-calls.ts';
import { NodeInspection } from '../../src/engine/node-inspection.ts';
import { ManagedCluster } from '../../src/resources/managed-cluster.ts';
import type { NodeHealth } from '../../src/resources/node-health.ts';
import { parseResourceId } from '../../src/resources/resource-id.ts';
import { CLUSTER, MINUTE, WATCHING } from '../acceptance/node-scene.ts';
import { seedOf } from '../acceptance/operator-requests.ts';
import { type EngineHarness, startEngine } from '../support/engine-harness.ts';

const TARGET = parseResourceId(CLUSTER);

let engine: EngineHarness;
afterEach(async () => {
  await engine.stop();
});

async function start(environment: Readonly<Record<string, string>> = {}): Promise<void> {
  engine = await startEngine({
    environment: { ...WATCHING, ...environment },
    seed: seedOf({ resourceId: CLUSTER }),
  });
}

/** One read goes wrong in a way that no answer of Azure explains. */
class BrokenCalls extends AzureCalls {
  readonly broken: string;

  constructor(broken: string) {
    super(engine.context(), TARGET);
    this.broken = broken;
  }

  override async read<A extends readonly unknown[], Out>(operation: Read<A, Out>, ...args: A): Promise<Out> {
    if (operation.id === this.broken) throw new TypeError('a defect');
    return await super.read(operation, ...args);
  }
}

async function collect(calls: AzureCalls): Promise<NodeHealth | undefined> {
  const inspection = await NodeInspection.begin(engine.context(), TARGET, [], async () => await Promise.resolve());
  return await inspection?.collect(calls, ManagedCluster.parse(engine.simulator.state.get(CLUSTER)));
}

describe('a defect while a cluster is looked into', () => {
  it('is not taken for an answer about the credentials', async () => {
    await start();

    await expect(collect(new BrokenCalls('managedClusters.listClusterUserCredential'))).rejects.toThrow('a defect');
  });

  it('is not taken for an answer of the command in the cluster', async () => {
    await start({ AKS_RUN_COMMAND: 'private-clusters' });
    const access = { enablePrivateCluster: true, disableRunCommand: false };
    engine.simulator.state.patch(CLUSTER, { properties: { apiServerAccessProfile: access } });
    engine.simulator.kubernetes(CLUSTER).isOffline = true;

    await expect(collect(new BrokenCalls('managedClusters.runNodeCommand'))).rejects.toThrow('a defect');
  });
});

it('pools without a name are asked neither for their newest image nor for their machines', async () => {
  await start();
  engine.simulator.kubernetes(CLUSTER).setKured({ exposesMetrics: true });
  engine.setEnvironment({ AKS_METRICS_ENDPOINTS: engine.simulator.prometheus.endpoint });
  engine.clock.advance(MINUTE);
  engine.simulator.kubernetes(CLUSTER).isOffline = true;
  const pools = { value: [{ properties: { osType: 'Linux' } }, { name: 'apps', properties: { osType: 'Linux' } }] };
  engine.simulator.faults.add({ path: /\/agentPools\?/, effect: { kind: 'answer', status: 200, body: pools } });
  const health = await collect(new AzureCalls(engine.context(), TARGET));

  if (health?.state !== 'collected') throw new Error('nothing was collected');
  expect([...health.latestImages.keys()]).toEqual(['apps']);
  expect([...(health.machines?.keys() ?? [])]).toEqual(['apps']);
  expect(health.machines?.get('apps')).toHaveLength(5);
});

it.each([429, 503])('while Azure throttles (%i), no more pools are asked for their newest image', async (status) => {
  await start();
  const path = /\/upgradeProfiles\//;
  engine.simulator.faults.add({ path, times: Infinity, effect: { kind: 'answer', status, body: {} } });
  const health = await collect(new AzureCalls(engine.context(), TARGET));

  expect(health).toMatchObject({ state: 'collected', latestImages: new Map(), access: { state: 'read' } });
  expect(engine.simulator.requests.filter((request) => path.test(`${request.path}/`))).toHaveLength(1);
});

it('a pool of which Azure tells no newest image has none', async () => {
  await start();
  engine.simulator.faults.add({
    path: /\/agentPools\/apps\/upgradeProfiles\//,
    effect: { kind: 'answer', status: 200, body: { name: 'default', properties: { kubernetesVersion: '1.33.4' } } },
  });
  const health = await collect(new AzureCalls(engine.context(), TARGET));

  if (health?.state !== 'collected') throw new Error('nothing was collected');
  expect([...health.latestImages.keys()]).toEqual(['system']);
});
