import { afterEach, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../local/azure/json.ts';
import type { KubernetesCluster } from '../../local/azure/kubernetes/kubernetes-cluster.ts';
import { sampleId } from '../../local/azure/sample-ids.ts';
import { AzureCalls } from '../../src/engine/azure-calls.ts';
import { NodeInspection } from '../../src/engine/node-inspection.ts';
import { ManagedCluster } from '../../src/resources/managed-cluster.ts';
import type { NodeHealth } from '../../src/resources/node-health.ts';
import { parseResourceId } from '../../src/resources/resource-id.ts';
import type { Environment } from '../../src/settings/settings.ts';
import type { PendingCause } from '../../src/work/work-items.ts';
import { CLUSTER, DAY, HOUR, MINUTE, REBOOTS, WATCHING } from '../acceptance/node-scene.ts';
import { seedOf } from '../acceptance/operator-requests.ts';
import { type EngineHarness, type EngineHarnessOptions, startEngine } from '../support/engine-harness.ts';

const TARGET = parseResourceId(CLUSTER);
const UNKNOWN = 'something about the nodes of a cluster is not known';
const FORBIDDEN = { error: { code: 'AuthorizationFailed', message: 'no' } };

let engine: EngineHarness;
let warnings: string[];
afterEach(async () => {
  await engine.stop();
});

async function start(environment: Environment = {}, options: EngineHarnessOptions = {}): Promise<KubernetesCluster> {
  warnings = [];
  const note = (message: string): void => void warnings.push(message);
  engine = await startEngine({
    environment: { ...WATCHING, ...environment },
    seed: seedOf({ resourceId: CLUSTER }),
    ...options,
    wrapContext: (context) => {
      const logging = { ...context, log: { ...context.log, warn: note, error: note } };
      return options.wrapContext?.(logging) ?? logging;
    },
  });
  return engine.simulator.kubernetes(CLUSTER);
}

async function keepLease(): Promise<void> {
  await Promise.resolve();
}

async function begin(): Promise<NodeInspection> {
  const inspection = await NodeInspection.begin(engine.context(), TARGET, [], keepLease);
  if (inspection === undefined) throw new Error('nobody asks for nodes');
  return inspection;
}

const clusterNow = (): ManagedCluster => ManagedCluster.parse(engine.simulator.state.get(CLUSTER));

/** One inspection from begin to end, as a pass makes it. */
async function inspect(): Promise<NodeHealth> {
  const inspection = await begin();
  const health = await inspection.collect(new AzureCalls(engine.context(), TARGET), clusterNow());
  await inspection.save();
  return health;
}

async function inspectWell(): Promise<Extract<NodeHealth, { state: 'collected' }>> {
  const health = await inspect();
  if (health.state !== 'collected') throw new Error(health.because);
  return health;
}

/** Also those that a fault answered. */
const sent = (path: RegExp): number =>
  engine.simulator.requests.filter((request) => !request.isInProcess && path.test(request.path)).length;
const credentialReads = (): number => sent(/listClusterUserCredential$/);
const commands = (): number => sent(/\/runCommand$/);
const stored = (): Readonly<Record<string, unknown>> | undefined =>
  engine.tables.nodes.rows.find(({ rowKey }) => rowKey === '.inspection')?.columns;

/** Azure does not do this, for good. */
function refuse(path: RegExp, status = 403, body: JsonObject = FORBIDDEN): void {
  engine.simulator.faults.add({ path, times: Infinity, effect: { kind: 'answer', status, body } });
}

describe('an inspection of nodes', () => {
  it('collects all that there is, and remembers what was seen', async () => {
    await start();
    const health = await inspect();

    expect(health).toMatchObject({ state: 'collected', maintenance: undefined, metrics: undefined, failures: [] });
    if (health.state !== 'collected' || health.access.state !== 'read') throw new Error('not read');
    expect(health.pools.map(({ name }) => name)).toEqual(['system', 'apps']);
    expect([...health.latestImages.keys()]).toEqual(['system', 'apps']);
    expect(health.access.nodes).toHaveLength(8);
    expect(health.access.daemonSets?.length).toBeGreaterThan(0);
    expect(engine.tables.nodes.rows).toHaveLength(1 + 8);
    expect(stored()).toMatchObject({ inspectedAt: engine.clock.now().toISOString() });
    expect(warnings).toEqual([]);
  });

  it('is made for no resource whose policies ask for no nodes', async () => {
    await start();
    const registry = parseResourceId(sampleId('contosoacr'));
    expect(await NodeInspection.begin(engine.context(), registry, [], keepLease)).toBeUndefined();

    engine.setEnvironment({
      POLICY_AKS_NODE_REBOOT_COMPLETED: 'off',
      POLICY_AKS_NODE_REBOOT_COVERAGE_COMPLETE: 'off',
    });
    expect(await NodeInspection.begin(engine.context(), TARGET, [], keepLease)).toBeUndefined();
  });

  it('that was not made leaves nothing behind', async () => {
    await start();
    await (await begin()).save();

    expect(engine.tables.nodes.rows).toEqual([]);
  });

  it('rests for a time after the last one', async () => {
    await start({ AKS_NODE_INSPECTION_INTERVAL: '30m' });
    expect((await begin()).isResting).toBe(false);
    await inspect();
    expect((await begin()).isResting).toBe(true);
    engine.clock.advance(30 * MINUTE - 1);
    expect((await begin()).isResting).toBe(true);
    engine.clock.advance(1);
    expect((await begin()).isResting).toBe(false);
  });

  it.each([
    ['Microsoft.ContainerService.NodePoolRollingFailed', 'notification', false],
    ['Microsoft.ResourceNotifications.ContainerServiceEventResources.ScheduledEventEmitted', 'notification', false],
    ['Microsoft.ContainerService.ClusterSupportEnding', 'notification', true],
    ['Microsoft.ContainerService/managedClusters/write', 'event', true],
  ] as const)('after %s (%s) does not wait for its time: %s', async (operation, kind, isResting) => {
    await start({ AKS_NODE_INSPECTION_INTERVAL: '30m' });
    await inspect();
    engine.clock.advance(MINUTE);
    const time = engine.clock.now().toISOString();
    const told = { kind, operation, id: 'told', time, queuedAt: time };
    const beginAfter = async (causes: readonly PendingCause[]) =>
      await NodeInspection.begin(engine.context(), TARGET, causes, keepLease);

    expect((await beginAfter([told]))?.isResting).toBe(isResting);
    // What was told before the last inspection has been looked at.
    expect((await beginAfter([{ ...told, queuedAt: '2026-01-01T00:00:00.000Z' }]))?.isResting).toBe(true);
    expect((await beginAfter([{ kind, id: 'told', time, queuedAt: time }]))?.isResting).toBe(true);
  });

  it('keeps the lease between its steps', async () => {
    await start();
    const counts: number[] = [];
    const inspection = await NodeInspection.begin(engine.context(), TARGET, [], async () => {
      await Promise.resolve();
      counts.push(engine.calls().length);
    });
    await inspection?.collect(new AzureCalls(engine.context(), TARGET), clusterNow());

    expect(new Set(counts).size).toBeGreaterThan(3);
  });

  it('of a stopped cluster costs no call, and says so', async () => {
    await start();
    engine.simulator.state.patch(CLUSTER, { properties: { powerState: { code: 'Stopped' } } });
    const before = engine.calls().length;

    expect(await inspect()).toMatchObject({ state: 'unavailable', because: expect.stringMatching(/stopped/) });
    expect(engine.calls()).toHaveLength(before);
  });

  it('of a cluster that is under way costs no call either', async () => {
    await start();
    engine.simulator.state.patch(CLUSTER, { properties: { provisioningState: 'Upgrading' } });
    const before = engine.calls().length;

    expect(await inspect()).toMatchObject({ state: 'unavailable', because: 'the cluster is being changed' });
    expect(engine.calls()).toHaveLength(before);
  });

  it('that is remembered from the future was never made', async () => {
    await start({ AKS_NODE_INSPECTION_INTERVAL: '30m' });
    await inspect();
    engine.clock.advance(-20 * MINUTE);
    expect((await begin()).isResting).toBe(false);
  });

  it('goes on where a stored row is damaged', async () => {
    await start();
    await inspect();
    for (const { columns: _, etag, ...key } of engine.tables.nodes.rows)
      await engine.tables.nodes.replace(key, { lastSeenAt: 'never', inspectedAt: 7 }, etag);
    const health = await inspectWell();

    expect(health.access.state).toBe('read');
    expect(health.history.size).toBe(0);
    expect(warnings).toContain('a row about nodes cannot be read');
  });
});

describe('the credentials of a cluster', () => {
  it('are used again for a day, and then read anew', async () => {
    await start();
    for (let hours = 0; hours < 24; hours += 6) {
      await inspect();
      engine.clock.advance(6 * HOUR);
    }
    expect(credentialReads()).toBe(1);
    await inspect();

    expect(credentialReads()).toBe(2);
    expect(stored()).toMatchObject({ credentialsReadAt: engine.clock.now().toISOString() });
  });

  it('are read anew at once when the authority was replaced', async () => {
    const kubernetes = await start();
    await inspect();
    await kubernetes.rotateAuthority();
    const health = await inspectWell();

    expect(health.access.state).toBe('read');
    expect(credentialReads()).toBe(2);
  });

  it('that are not trusted even then are not kept', async () => {
    const kubernetes = await start();
    await inspect();
    await kubernetes.rotateAuthority({ isAnnounced: false });
    const first = await inspectWell();
    const second = await inspectWell();

    expect(first.access).toMatchObject({ state: 'unreadable', reason: 'refused', isLasting: false });
    expect(second.access).toMatchObject({ state: 'unreadable', reason: 'refused', isLasting: true });
    expect(stored()).not.toHaveProperty('server');
    expect(stored()).not.toHaveProperty('certificateAuthority');
    expect(stored()).toMatchObject({ accessProblem: 'refused' });
  });

  it('are read anew when the cluster names another host', async () => {
    await start();
    await inspect();
    engine.simulator.state.patch(CLUSTER, { properties: { fqdn: 'elsewhere.example.com' } });
    const { access } = await inspectWell();

    expect(access).toMatchObject({ state: 'unreadable', reason: 'refused' });
    expect(credentialReads()).toBe(2);
  });

  it('are never read where the cluster does not use Entra', async () => {
    await start();
    engine.simulator.state.patch(CLUSTER, { properties: { aadProfile: { managed: false } } });
    const { access } = await inspectWell();

    expect(access).toMatchObject({ state: 'unreadable', reason: 'not-entra-integrated' });
    expect(credentialReads()).toBe(0);
  });

  it.each([
    [403, FORBIDDEN, 'no-permission'],
    [200, { kubeconfigs: [] }, 'refused'],
    [503, {}, 'unreachable'],
  ] as const)('that Azure answers with %i make the cluster unreadable: %j is %s', async (status, body, reason) => {
    await start();
    refuse(/listClusterUserCredential/, status, { ...body });
    const { access } = await inspectWell();

    expect(access).toMatchObject({ state: 'unreadable', reason, isLasting: false });
    expect(stored()).toMatchObject({ accessProblem: reason });
  });
});

describe('what Azure itself does not tell', () => {
  const BUSY = { error: { code: 'TooManyRequests', message: 'slow down' } };

  it('the agent pools: those that the cluster itself names are taken', async () => {
    await start();
    refuse(/\/agentPools\?/);
    const health = await inspectWell();

    expect(health.pools.map(({ name }) => name)).toEqual(['system', 'apps']);
    expect(health.access.state).toBe('read');
    expect(warnings).toEqual(['the agent pools of a cluster cannot be listed']);
  });

  it.each([
    [FORBIDDEN, 403, 'AuthorizationFailed'],
    [{}, 429, 'AZURE_TRANSIENT'],
  ])(
    'the agent pools, which the cluster does not name either (%j): nothing can be said',
    async (body, status, code) => {
      await start();
      await inspect();
      engine.clock.advance(HOUR);
      engine.simulator.state.patch(CLUSTER, { properties: { agentPoolProfiles: [] } });
      refuse(/\/agentPools\?/, status, body);
      const health = await inspect();

      expect(health).toMatchObject({ state: 'unavailable', because: expect.stringContaining(code) });
      expect(stored()).toMatchObject({ inspectedAt: engine.clock.now().toISOString() });
      expect(stored()).toHaveProperty('server');
      // What is remembered of the nodes stays.
      expect(engine.tables.nodes.rows).toHaveLength(1 + 8);
    },
  );

  it('the access problem of before is kept when the inspection did not come so far', async () => {
    const kubernetes = await start();
    kubernetes.isOffline = true;
    await inspect();
    engine.simulator.state.patch(CLUSTER, { properties: { agentPoolProfiles: [] } });
    refuse(/\/agentPools\?/, 429, {});
    await inspect();
    engine.simulator.faults.clear();
    const { access } = await inspectWell();

    expect(access).toMatchObject({ state: 'unreadable', reason: 'unreachable', isLasting: true });
  });

  it('the newest image, because we may not: it is not known, and all else goes on', async () => {
    await start();
    refuse(/\/agentPools\/system\/upgradeProfiles/);
    const health = await inspectWell();

    expect([...health.latestImages.keys()]).toEqual(['apps']);
    expect(health.access.state).toBe('read');
    expect(warnings).toEqual(['the newest image of an agent pool is not known']);
  });

  it('the newest image, because we ask too often: nobody asks on, and all else goes on', async () => {
    await start();
    refuse(/\/upgradeProfiles\/default/, 429, BUSY);
    const health = await inspectWell();

    expect(health.latestImages.size).toBe(0);
    expect(health.access.state).toBe('read');
    expect(sent(/\/agentPools\/apps\/upgradeProfiles/)).toBe(0);
    expect(warnings).toEqual(['the newest image of an agent pool is not known']);
  });

  it('a pool without a name has no image', async () => {
    await start();
    const pools = { value: [{ properties: { osType: 'Linux', count: 1 } }] };
    engine.simulator.faults.add({ path: /\/agentPools\?/, effect: { kind: 'answer', status: 200, body: pools } });
    const health = await inspectWell();

    expect(health.pools).toHaveLength(1);
    expect(health.latestImages.size).toBe(0);
  });

  it('the maintenance, because we may not: it counts as unreadable, not as none', async () => {
    await start();
    refuse(/\/maintenanceConfigurations\//);

    expect(await inspectWell()).toMatchObject({ maintenance: 'unreadable' });
    expect(warnings).toEqual([UNKNOWN]);
  });

  it('the upgrades that failed: they count as unreadable, not as none', async () => {
    await start();
    refuse(/Microsoft\.ResourceGraph/i);

    expect(await inspectWell()).toMatchObject({ failures: 'unreadable' });
    expect(warnings).toEqual([UNKNOWN]);
  });

  it('a defect is no answer: it is not hidden', async () => {
    await start();
    class BrokenCalls extends AzureCalls {
      override async read(): Promise<never> {
        return await Promise.reject(new TypeError('a defect'));
      }
    }
    const calls = new BrokenCalls(engine.context(), TARGET);

    await expect((await begin()).collect(calls, clusterNow())).rejects.toThrow('a defect');
  });
});

/** An answer about one node: what its metric is. */
function vectorOf(values: readonly string[]): JsonObject {
  const result = values.map((value) => ({ metric: { cluster: 'aks-prod', node: 'aks-apps-0' }, value: [0, value] }));
  return { status: 'success', data: { resultType: 'vector', result } };
}

describe('metrics', () => {
  it('of several workspaces are taken together; one that does not answer takes none of the others along', async () => {
    const kubernetes = await start();
    kubernetes.setKured({ exposesMetrics: true });
    const { prometheus } = engine.simulator;
    engine.setEnvironment({ AKS_METRICS_ENDPOINTS: `https://localhost:9,${prometheus.endpoint}` });
    engine.clock.advance(MINUTE);
    const { metrics } = await inspectWell();

    if (metrics === undefined || metrics === 'unreadable') throw new Error('no metrics');
    expect([...metrics.now.values()].filter((value) => value === 1)).toHaveLength(3);
    expect(metrics.overdue.size).toBe(3);
    expect(warnings).toEqual([UNKNOWN]);
  });

  it('in which one workspace says that a reboot is needed, and the other that it is not: it is', async () => {
    await start();
    const { prometheus } = engine.simulator;
    engine.setEnvironment({
      AKS_METRICS_ENDPOINTS: `${prometheus.endpoint},${prometheus.endpoint.replace('localhost', '127.0.0.1')}`,
    });
    for (const values of [['1'], [], ['0'], []])
      prometheus.faults.add({ effect: { kind: 'answer', status: 200, body: vectorOf(values) } });
    const { metrics } = await inspectWell();

    expect(metrics).toEqual({ now: new Map([['aks-apps-0', 1]]), overdue: new Set() });
  });

  it.each([
    ['refused', 403, FORBIDDEN],
    ['out of order', 503, {}],
    ['an answer of another shape', 200, { status: 'success', data: 7 }],
  ])('that are %s count as unreadable, not as none', async (_, status, body) => {
    await start();
    const { prometheus } = engine.simulator;
    engine.setEnvironment({ AKS_METRICS_ENDPOINTS: prometheus.endpoint });
    prometheus.faults.add({ times: Infinity, effect: { kind: 'answer', status, body } });
    const health = await inspectWell();

    expect(health.metrics).toBe('unreadable');
    expect(health.access.state).toBe('read');
    expect(warnings).toEqual([UNKNOWN]);
  });

  it('that are empty are no data', async () => {
    await start();
    const { prometheus } = engine.simulator;
    engine.setEnvironment({ AKS_METRICS_ENDPOINTS: prometheus.endpoint });
    const body = { status: 'success', data: { resultType: 'vector', result: [] } };
    prometheus.faults.add({ times: Infinity, effect: { kind: 'answer', status: 200, body } });

    expect((await inspectWell()).metrics).toBeUndefined();
  });

  it('of a cluster that cannot be read need the names of its nodes, which Azure tells; a pool that it hides is left out', async () => {
    const kubernetes = await start();
    kubernetes.setKured({ exposesMetrics: true });
    kubernetes.isOffline = true;
    engine.setEnvironment({ AKS_METRICS_ENDPOINTS: engine.simulator.prometheus.endpoint });
    engine.clock.advance(MINUTE);
    refuse(/\/agentPools\/system\/machines/);
    const { access, machines } = await inspectWell();

    expect(access.state).toBe('unreadable');
    expect([...(machines?.keys() ?? [])]).toEqual(['apps']);
    expect(machines?.get('apps')).toEqual(kubernetes.nodes('apps').map(({ name }) => name));
    expect(warnings).toEqual([UNKNOWN]);
  });
});

describe('a command in the cluster', () => {
  const ON = { AKS_RUN_COMMAND: 'private-clusters' };
  const PRIVATE = { enablePrivateCluster: true, disableRunCommand: false };

  /** A private cluster whose API server cannot be reached from here. */
  async function startPrivate(
    environment: Environment = ON,
    access: JsonObject = PRIVATE,
    options: EngineHarnessOptions = {},
  ) {
    const kubernetes = await start(environment, options);
    engine.simulator.state.patch(CLUSTER, { properties: { apiServerAccessProfile: access } });
    kubernetes.isOffline = true;
    engine.simulator.operations.rules.push({ method: 'POST', path: /\/runCommand/, mode: 202, retryAfterSeconds: 0 });
    return kubernetes;
  }

  it('lists the nodes of a private cluster that cannot be reached, and is on record before it is sent', async () => {
    let recorded = 0;
    await startPrivate();
    engine.simulator.faults.add({
      path: /\/runCommand/,
      effect: { kind: 'before', run: () => void (recorded = engine.audit('notice').length) },
    });
    const { access } = await inspectWell();

    expect(access).toMatchObject({ state: 'read', daemonSets: undefined });
    expect(access.state === 'read' ? access.nodes : []).toHaveLength(8);
    expect(recorded).toBe(1);
    expect(engine.audit('notice')).toMatchObject([{ reason: 'run-command', resourceId: CLUSTER }]);
    expect(stored()).toMatchObject({ runCommandAt: engine.clock.now().toISOString() });
  });

  it('is sent once in twelve hours at most', async () => {
    await startPrivate();
    await inspect();
    for (let hours = 0; hours < 11; hours += 1) {
      engine.clock.advance(HOUR);
      expect((await begin()).isResting).toBe(true);
    }
    // Asked all the same, it shows nothing.
    expect((await inspectWell()).access).toMatchObject({ state: 'unreadable', reason: 'unreachable' });
    expect(commands()).toBe(1);
    engine.clock.advance(HOUR);
    expect((await begin()).isResting).toBe(false);
    await inspect();

    expect(commands()).toBe(2);
    expect(engine.audit('notice')).toHaveLength(2);
  });

  it('that failed counts as well, and does not make the inspections rest', async () => {
    await startPrivate();
    refuse(/\/runCommand/);
    const first = await inspectWell();
    engine.clock.advance(HOUR);
    expect((await begin()).isResting).toBe(false);
    const second = await inspectWell();

    expect(first.access).toMatchObject({ state: 'unreadable', reason: 'unreachable', isLasting: false });
    expect(second.access).toMatchObject({ state: 'unreadable', reason: 'unreachable', isLasting: true });
    expect(commands()).toBe(1);
    expect(warnings).toContain('the command in the cluster failed');
  });

  it.each<readonly [string, Environment, JsonObject]>([
    ['that nobody has allowed', {}, PRIVATE],
    ['in a cluster that is not private', ON, { ...PRIVATE, enablePrivateCluster: false }],
    ['where it is disabled', ON, { ...PRIVATE, disableRunCommand: true }],
    ['under observe', { ...ON, DOCKWARDEN_MODE: 'observe' }, PRIVATE],
    ['under the kill switch', { ...ON, DOCKWARDEN_MODE: 'off' }, PRIVATE],
  ])('%s is not sent', async (_, environment, access) => {
    await startPrivate(environment, access);
    const health = await inspectWell();

    expect(health.access).toMatchObject({ state: 'unreadable', reason: 'unreachable' });
    expect(commands()).toBe(0);
    expect(engine.audit('notice')).toEqual([]);
  });

  it('under approve is sent', async () => {
    await startPrivate({ ...ON, DOCKWARDEN_MODE: 'approve' });
    await inspect();

    expect(commands()).toBe(1);
  });

  it('is not sent when it cannot be put on record', async () => {
    await startPrivate(ON, PRIVATE, {
      wrapContext: (context) => ({
        ...context,
        audit: { ...context.audit, append: async () => await Promise.reject(new Error('the table is gone')) },
      }),
    });

    await expect(inspect()).rejects.toThrow('the table is gone');
    expect(commands()).toBe(0);
  });

  it('is not needed where the API server answers, whatever it answers', async () => {
    const kubernetes = await startPrivate();
    kubernetes.isOffline = false;
    const body = { kind: 'Status', status: 'Failure', reason: 'Forbidden', code: 403 };
    kubernetes.faults.add({ times: Infinity, effect: { kind: 'answer', status: 403, body } });
    const { access } = await inspectWell();

    expect(access).toMatchObject({ state: 'unreadable', reason: 'no-permission' });
    expect(commands()).toBe(0);
  });
});

it('thresholds that are set reach what is remembered; malformed ones count as their default', async () => {
  await start({ AKS_REBOOT_PENDING_HOURS: '200' });
  await inspect();
  const verdicts = () => engine.tables.nodes.rows.map(({ columns }) => columns['lastVerdict']);
  expect(verdicts()).not.toContain('reboot-missing');
  engine.setEnvironment({ AKS_REBOOT_PENDING_HOURS: 'soon' });
  engine.clock.advance(DAY);
  await inspect();

  expect(verdicts().filter((verdict) => verdict === 'reboot-missing')).toHaveLength(3);
  expect(engine.context().settings.malformedParameterOf(REBOOTS)).toBe('AKS_REBOOT_PENDING_HOURS');
});
