import { afterEach, describe, expect, it } from 'vitest';
import { createSampleSubscription, SAMPLE_SUBSCRIPTION_ID, sampleId } from '../../local/azure/sample-subscription.ts';
import { sweepResources } from '../../src/engine/sweep.ts';
import { ENFORCING, type EngineHarness, startEngine } from '../support/engine-harness.ts';
import { expectGuarantees, outcomesOf } from './c10-guarantees.ts';
import { countStorage } from './counting.ts';
import { addRequiredTags, disableAdminUser, rotateSecondPassword, scenes, startScene } from './remediation-scenes.ts';

let engine: EngineHarness;

afterEach(async () => {
  await engine.stop();
});

/** Storage calls of one fix: a read and a write of both of the breaker's rows, on top of findings, work and audit. */
const FIX_CALLS = 12;

const OPERATOR_PATCH = { tags: { touched: 'yes' } };

describe('a look at the nodes of a cluster', () => {
  const NODES: Readonly<Record<string, string>> = {
    ...ENFORCING,
    AKS_REQUIRED_TAGS: '{}',
    POLICY_AKS_NODE_REBOOT_COMPLETED: 'on',
    POLICY_AKS_NODE_IMAGE_CURRENT: 'on',
    POLICY_AKS_NODE_REBOOT_COVERAGE_COMPLETE: 'on',
  };
  const cluster = sampleId('aks-prod');

  it('costs one read for each agent pool, six for the cluster, two of its API server, and no write', async () => {
    engine = await startEngine({ environment: NODES });
    engine.simulator.as('operator').patch(cluster, OPERATOR_PATCH);
    await engine.deliverEvents();

    await engine.drain();

    expect(engine.calls()).toEqual([
      `GET ${cluster}`,
      `GET ${cluster}/agentPools`,
      `GET ${cluster}/agentPools/system/upgradeProfiles/default`,
      `GET ${cluster}/agentPools/apps/upgradeProfiles/default`,
      `GET ${cluster}/maintenanceConfigurations/aksManagedNodeOSUpgradeSchedule`,
      `POST ${cluster}/listClusterUserCredential`,
      'GET /kubernetes/aks-prod/api/v1/nodes',
      'GET /kubernetes/aks-prod/apis/apps/v1/daemonsets',
      'POST /providers/Microsoft.ResourceGraph/resources',
    ]);
    expect(engine.mutations()).toEqual([]);
  });

  it('is not made again for ten minutes, however many events come in, and reads no credentials for a day', async () => {
    engine = await startEngine({ environment: NODES });
    const touch = async (round: number): Promise<readonly string[]> => {
      const before = engine.calls().length;
      engine.simulator.as('operator').patch(cluster, { tags: { round: `${round}` } });
      await engine.deliverEvents();
      await engine.drain();
      return engine.calls().slice(before);
    };
    await touch(1);

    engine.clock.advance(9 * 60_000);
    expect(await touch(2)).toEqual([`GET ${cluster}`]);
    engine.clock.advance(2 * 60_000);
    const next = await touch(3);

    expect(next).toHaveLength(8);
    expect(next.filter((call) => call.includes('listClusterUserCredential'))).toEqual([]);
  });
});

describe('an event', () => {
  it('of no interest costs no call at all', async () => {
    const storage = countStorage();
    engine = await startEngine(storage);
    const { simulator } = engine;
    simulator.as('operator').post(`${sampleId('aks-prod')}/listClusterUserCredential`);
    simulator
      .as('operator')
      .patch(
        `/subscriptions/${SAMPLE_SUBSCRIPTION_ID}/resourceGroups/rg-platform-dev/providers/Microsoft.Resources/tags/default`,
        {
          operation: 'Merge',
          properties: { tags: { a: 'b' } },
        },
      );

    await engine.settle();

    expect(simulator.events.length).toBeGreaterThanOrEqual(1);
    expect([engine.calls(), storage.total]).toEqual([[], 0]);
  });

  it('of interest costs at most two table calls and one message', async () => {
    const storage = countStorage();
    engine = await startEngine(storage);
    engine.simulator.as('operator').patch(sampleId('contosoacr'), OPERATOR_PATCH);

    await engine.deliverEvents();

    expect(storage.tables.length).toBeLessThanOrEqual(2);
    expect(storage.messages).toBe(1);
    expect(engine.calls()).toEqual([]);
  });

  it('that comes a second time costs at most two table calls and one message', async () => {
    const storage = countStorage();
    engine = await startEngine(storage);
    engine.simulator.as('operator').patch(sampleId('contosoacr'), OPERATOR_PATCH);
    const [event] = engine.events;
    if (event !== undefined) engine.events.push(event);
    await engine.deliverEvents();

    expect(storage.tables.length).toBeLessThanOrEqual(4);
    await engine.settle();
    storage.reset();
    if (event !== undefined) engine.events.push(event);
    await engine.settle();

    expect(storage.total).toBeLessThanOrEqual(2);
    expect(engine.calls()).toHaveLength(1);
  });

  for (const scene of scenes) {
    it(`of our own write coming back costs no ARM call and at most one storage call (R29): ${scene.remediationId}`, async () => {
      const storage = countStorage();
      engine = await startScene(scene, storage);
      scene.violate(engine);
      await engine.deliverEvents();
      await engine.drain();
      const own = engine.events.length;
      engine.simulator.requests.length = 0;
      storage.reset();

      await engine.settle();

      expect(own).toBe(scene.calls.filter(({ kind }) => kind === 'write').length);
      expect(engine.calls()).toEqual([]);
      expect(storage.total).toBeLessThanOrEqual(own);
      expect(outcomesOf(engine)).toEqual(['fixed']);
    });
  }
});

describe('one pass over a resource', () => {
  it.each(['contosoacr', 'aks-dev'] as const)(
    'that is compliant costs one GET and at most four storage calls: %s',
    async (name) => {
      const storage = countStorage();
      engine = await startEngine({
        ...storage,
        environment: { ...ENFORCING, AKS_REQUIRED_TAGS: '{"costCenter":"4711","owner":"platform-team"}' },
      });
      const tags = { ...engine.simulator.state.get(sampleId(name))?.tags, touched: 'yes' };
      engine.simulator.as('operator').patch(sampleId(name), { tags });
      await engine.deliverEvents();
      storage.reset();

      await engine.drain();

      expect(engine.calls()).toEqual([`GET ${sampleId(name)}`]);
      expect(storage.total).toBeLessThanOrEqual(4);
      expectGuarantees(engine);
    },
  );

  for (const scene of scenes) {
    it(`that is fixed costs the declared calls and at most ${FIX_CALLS} storage calls: ${scene.remediationId}`, async () => {
      const storage = countStorage();
      engine = await startScene(scene, storage);
      scene.violate(engine);
      await engine.deliverEvents();
      storage.reset();

      await engine.drain();

      expect(engine.calls()).toHaveLength(scene.calls.length);
      expect(storage.tables.length).toBeLessThanOrEqual(FIX_CALLS);
      expect(storage.messages).toBe(0);
      expect(outcomesOf(engine)).toEqual(['fixed']);
    });
  }
});

/** A subscription with this many registries, of which the first `violating` have their admin user on. */
function seedOf(count: number, violating: number) {
  const seed = createSampleSubscription();
  const [model] = seed.resources;
  if (model === undefined) throw new Error('the sample is empty');
  const resources = Array.from({ length: count }, (_, index) => {
    const name = `fleet${String(index).padStart(5, '0')}`;
    return {
      ...model,
      id: sampleId('contosoacr').replace('contosoacr', name),
      name,
      properties: {
        ...model.properties,
        loginServer: `${name}.azurecr.io`,
        adminUserEnabled: index < violating,
      },
    };
  });
  return { ...seed, resources, locks: [] };
}

describe('a sweep', () => {
  it('of 2,500 resources costs three queries, and one storage call for each look that it queues', async () => {
    const storage = countStorage();
    engine = await startEngine({ ...storage, seed: seedOf(2500, 7) });

    const record = await sweepResources(engine.context());

    expect(record).toMatchObject({ complete: true, resources: 2500, queued: 7 });
    expect(engine.calls()).toEqual(
      Array.from({ length: 3 }, () => 'POST /providers/Microsoft.ResourceGraph/resources'),
    );
    expect(storage.messages).toBe(7);
    // The paged reading of the findings and of the alerts that are open, how many there are of each for the breaker (one subscription, three remediations), what was left
    // over, the breakers that want a ticket, and the record of the sweep.
    const counted = Array.from({ length: 4 }, () => ['guards.get', 'guards.replaceAll']).flat();
    expect(storage.tables).toEqual([
      'findings.range',
      'alerts.where',
      ...counted,
      'work.where',
      'guards.range',
      'guards.putAll',
    ]);
  });

  it('costs one call more while alerts are polled', async () => {
    const seed = seedOf(10, 0);
    engine = await startEngine({ environment: { ...ENFORCING, DEFENDER_ALERTS_POLLING: 'on' }, seed });
    await sweepResources(engine.context());

    expect(engine.calls()).toEqual(
      Array.from({ length: 2 }, () => 'POST /providers/Microsoft.ResourceGraph/resources'),
    );
  });

  it('costs as many ARM calls for one changed resource among 1,000 as for one among ten (R56)', async () => {
    const costs: number[] = [];
    for (const count of [10, 1000]) {
      engine = await startEngine({ seed: seedOf(count, 1) });
      await sweepResources(engine.context());
      await engine.settle();
      expect(outcomesOf(engine)).toEqual(['fixed']);
      costs.push(engine.calls().length);
      if (count === 10) await engine.stop();
    }

    expect(costs[0]).toBe(1 + disableAdminUser.calls.length);
    expect(costs[1]).toBe(costs[0]);
  });

  it('of an unchanged estate looks only at what waits for somebody else, and writes nothing about it', async () => {
    const storage = countStorage();
    engine = await startEngine(storage);
    await sweepResources(engine.context());
    await engine.settle();
    const audited = engine.audit();
    const found = engine.findings();
    engine.clock.advance(600_000);
    storage.reset();
    engine.simulator.requests.length = 0;

    const record = await sweepResources(engine.context());
    expect(engine.calls()).toHaveLength(1);
    // Alerts may be told of by no finding. Fleets that are the same are only read.
    const counted = Array.from({ length: 5 }, () => 'guards.get');
    expect(storage.tables).toEqual([
      'findings.range',
      'alerts.where',
      ...counted,
      'work.where',
      'guards.range',
      'guards.putAll',
    ]);
    await engine.settle();

    // The registry whose dependants stand in the way: they may have gone meanwhile.
    expect(record.queued).toBe(1);
    expect(engine.calls()).toHaveLength(1 + 5);
    expect(engine.audit()).toEqual(audited);
    expect(engine.findings()).toEqual(found);
  });
});

describe('two fixes of one resource', () => {
  it(`cost at most ${FIX_CALLS} storage calls each`, async () => {
    const storage = countStorage();
    engine = await startEngine({
      ...storage,
      environment: { ...ENFORCING, REMEDIATE_ACR_DISABLE_ADMIN_USER: 'observe' },
    });
    rotateSecondPassword.violate(engine);
    await engine.deliverEvents();
    storage.reset();

    await engine.drain();

    expect(storage.total).toBeLessThanOrEqual(FIX_CALLS + 1);
    expect(outcomesOf(engine)).toEqual(['fixed']);
  });

  it('need no more than one for the other resource', async () => {
    const storage = countStorage();
    engine = await startEngine(storage);
    disableAdminUser.violate(engine);
    addRequiredTags.violate(engine);
    await engine.deliverEvents();
    storage.reset();

    await engine.drain();

    expect(storage.total).toBeLessThanOrEqual(2 * FIX_CALLS);
    expect(outcomesOf(engine)).toEqual(['fixed', 'fixed']);
  });
});
