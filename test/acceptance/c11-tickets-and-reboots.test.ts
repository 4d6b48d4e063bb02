import { afterEach, describe, expect, inject, it } from 'vitest';
import { sampleId } from '../../local/azure/sample-subscription.ts';
import { acceptEvents } from '../../src/engine/accept.ts';
import { DockwardenError } from '../../src/errors.ts';
import type { TrackingSystem } from '../../src/tickets/ticket-system.ts';
import { startScriptedServer } from '../tickets/scripted-server.ts';
import type { ServerAnswer } from '../tickets/ticket-rig.ts';
import {
  CLUSTER,
  COVERAGE,
  DAY,
  expectTidy,
  HOUR,
  MINUTE,
  type NodeScene,
  type NodeSceneOptions,
  REBOOTS,
  startNodes,
} from './node-scene.ts';

let scene: NodeScene;

afterEach(async () => {
  await scene.stop();
  expectTidy(scene);
});

async function start(options: NodeSceneOptions = {}): Promise<NodeScene> {
  scene = await startNodes(options);
  return scene;
}

/** Open in Redmine. */
async function startOpen(options: NodeSceneOptions = {}): Promise<NodeScene> {
  await start(options);
  await scene.look();
  expect(scene.only().state).toBe('open');
  return scene;
}

function rebootAll(names: readonly string[] = scene.overdue): void {
  for (const name of names) scene.kubernetes.reboot(name);
}

/** Sweeps every hour, and whatever follows from them. */
async function pass(hours: number): Promise<void> {
  for (let hour = 0; hour < hours; hour += 1) await scene.look(40 * MINUTE);
}

/** How many changing requests Redmine got meanwhile. */
async function changesIn(work: () => Promise<void>): Promise<number> {
  const { requests } = scene.rig.server;
  const before = requests.length;
  await work();
  return requests.slice(before).filter(({ method }) => method !== 'GET').length;
}

describe('three nodes of a pool that miss their reboot', () => {
  it('get one ticket that lists the three, and says what to do', async () => {
    const { overdue } = await startOpen();

    expect(overdue).toHaveLength(3);
    const { body, title } = scene.only();
    for (const name of overdue) expect(unescape(body)).toContain(name);
    expect(unescape(title)).toBe('aks-prod / apps: not met – No node waits for a reboot');
    expect(unescape(body)).toContain('kubectl drain');
    expect(scene.ticket()).toMatchObject({ state: 'open', itemCount: 3, confidence: 'certain', severity: 'high' });
    expect(scene.ticket().items.map(({ name }) => name)).toEqual(overdue);
    expect(scene.creates()).toBe(1);
    expect(scene.rig.server.tickets()).toHaveLength(1);
  });

  it('can be followed in the audit from the detection to the closed ticket', async () => {
    const { overdue } = await startOpen();
    rebootAll();
    await scene.look(HOUR);

    const [node = ''] = overdue;
    const decision = scene.engine.audit('decision').find(({ policyId }) => policyId === REBOOTS);
    expect(decision).toMatchObject({ decision: 'ticket', reason: 'ticket-only', resourceId: CLUSTER });
    expect(decision?.evidence).toContain(node);
    const story = scene.story();
    expect(story.map(({ reason }) => reason)).toEqual([
      'ticket-pending',
      'ticket-opened',
      'ticket-created',
      'ticket-resolved',
      'ticket-closed',
    ]);
    const [pending, , created, , closed] = story;
    expect(pending).toMatchObject({ causeId: decision?.causeId, causeKind: 'sweep' });
    expect(pending?.error).toContain('apps');
    for (const row of story) {
      expect(row).toMatchObject({ stage: 'ticket', policyId: REBOOTS, resourceId: CLUSTER });
      expect(row.evidence).toContain(node);
    }
    const times = [decision, ...story].map((row) => Date.parse(row?.time ?? ''));
    expect(times).toEqual(times.toSorted((one, other) => one - other));
    const url = `${scene.rig.server.url}/issues/${scene.only().id}`;
    expect(created?.ticketUrl).toBe(url);
    expect(closed?.ticketUrl).toBe(url);
    expect(scene.only().state).toBe('closed');
  });

  it('make one ticket when they are detected fifty times and out of order by four workers', async () => {
    const { engine } = await start();
    for (const tag of ['one', 'two']) engine.simulator.as('operator').patch(CLUSTER, { tags: { changed: tag } });
    const [first, second] = engine.events.splice(0);
    for (const event of Array.from({ length: 25 }, () => [second, first]).flat())
      await acceptEvents(engine.context(), event);
    await scene.work(0, 4);
    // Twice in a row, a quarter of an hour apart, and fifty messages again for whoever is to open it.
    engine.clock.advance(15 * MINUTE);
    for (const event of Array.from({ length: 25 }, () => [second, first]).flat())
      await acceptEvents(engine.context(), event);
    await scene.work(HOUR, 4);

    expect(scene.creates()).toBe(1);
    expect(scene.only().state).toBe('open');
    expect(scene.reasons()).toEqual(['ticket-pending', 'ticket-opened', 'ticket-created']);
    expect(scene.ticket()).toMatchObject({ itemCount: 3, attempts: 0 });
  });

  it('still have one ticket when the worker dies right after it was created', async () => {
    let deaths = 1;
    await start({
      connect: ({ system }): TrackingSystem => ({
        ...system,
        async create(...args) {
          const made = await system.create(...args);
          deaths -= 1;
          if (deaths >= 0) throw new DockwardenError('STORAGE_UNAVAILABLE', 'the process has ended');
          return made;
        },
      }),
    });
    await scene.look(0, HOUR);

    expect(scene.creates()).toBe(1);
    expect(scene.only()).toMatchObject({ id: scene.ticket().remoteId, state: 'open' });
    expect(scene.reasons()).toEqual(['ticket-pending', 'ticket-opened', 'ticket-adopted']);
  });

  it('keep their ticket as it is while nothing changes, for days', async () => {
    await startOpen();

    expect(await changesIn(async () => await pass(30))).toBe(0);
    expect(scene.only().comments).toEqual([]);
    expect(scene.ticket().occurrences).toBeGreaterThan(30);
  });
});

describe('whoever mends it', () => {
  it('by hand: the ticket closes', async () => {
    await startOpen();
    rebootAll();
    await scene.look(HOUR);

    expect(scene.only().state).toBe('closed');
    expect(scene.ticket()).toMatchObject({ state: 'resolved', resolution: 'fixed' });
    expect(scene.finding()).toMatchObject({ status: 'closed', verdict: 'compliant' });
    // What was done by hand leaves kured's annotation where it is.
    expect(Object.keys(scene.kubernetes.node(scene.overdue[0] ?? '').annotations)).toContain(
      'weave.works/kured-reboot-in-progress',
    );
  });

  it('kured itself: the ticket closes', async () => {
    await startOpen();
    scene.kubernetes.setKured({ isBlocked: false });
    for (let hour = 0; hour < 6; hour += 1) {
      scene.kubernetes.kuredTick();
      await scene.look(HOUR);
    }

    expect(scene.only().state).toBe('closed');
    expect(scene.ticket()).toMatchObject({ state: 'resolved', resolution: 'fixed' });
  });

  it('one node after the other: the text follows, and it closes with the last one', async () => {
    const { overdue } = await startOpen();
    const [first = '', ...others] = overdue;
    rebootAll([first]);
    await scene.look(HOUR);
    expect(scene.ticket().items.map(({ name }) => name)).toEqual(others);
    expect(unescape(scene.only().comments.join())).toContain(`No longer: ${first}.`);
    expect(scene.only().state).toBe('open');
    rebootAll(others);
    await scene.look(HOUR);

    expect(scene.only().state).toBe('closed');
  });

  it('at one look only: it stays open until a second one agrees', async () => {
    await startOpen();
    rebootAll();
    await scene.look(HOUR, MINUTE);

    expect(scene.ticket().cleanSince).toBeDefined();
    expect(scene.only().state).toBe('open');
  });
});

async function startClosed(): Promise<void> {
  await startOpen();
  rebootAll();
  await scene.look(HOUR);
  expect(scene.only().state).toBe('closed');
}

/** kured asks again, and more than a day passes. */
async function breakAgain(): Promise<void> {
  const [name = ''] = scene.overdue;
  scene.kubernetes.setAnnotations(name, { 'weave.works/kured-reboot-in-progress': null });
  scene.kubernetes.requireReboot(name);
  scene.kubernetes.kuredTick();
  await scene.look(HOUR);
  expect(scene.finding()).toMatchObject({ verdict: 'unknown' });
  await scene.look(25 * HOUR);
}

describe('a problem that comes back', () => {
  it('within 14 days reopens the same ticket', async () => {
    await startClosed();
    scene.engine.clock.advance(10 * DAY);
    await breakAgain();

    expect(scene.only().state).toBe('open');
    expect(scene.only().comments.at(-1)).toContain('The problem is back.');
    expect(scene.ticket()).toMatchObject({ generation: 1, itemCount: 1 });
    expect(scene.reasons().slice(-1)).toEqual(['ticket-reopened']);
  });

  it('later gets a new one', async () => {
    await startClosed();
    await scene.look(20 * DAY);
    await breakAgain();

    expect(scene.remote().map(({ state }) => state)).toEqual(['closed', 'open']);
    expect(scene.ticket().generation).toBe(2);
    expect(scene.reasons().slice(-2)).toEqual(['ticket-opened', 'ticket-created']);
  });
});

describe('an inspection of nodes', () => {
  it('begins when everything else that the look has found is stored', async () => {
    await start({
      environment: { POLICY_AKS_REQUIRED_TAGS_PRESENT: 'on', REMEDIATE_AKS_ADD_REQUIRED_TAGS: 'approve' },
    });
    const stored: (readonly (string | undefined)[])[] = [];
    const note = (): void => void stored.push(scene.engine.findings().map(({ policyId }) => policyId));
    scene.engine.simulator.faults.add({ path: /\/agentPools\?/, effect: { kind: 'before', run: note } });
    await scene.look();

    expect(stored).toEqual([['aks-required-tags-present']]);
    expect(scene.finding()).toBeDefined();
  });

  it('at every look confirms a ticket at the next look, if nobody wants to wait longer', async () => {
    await start({ environment: { AKS_NODE_INSPECTION_INTERVAL: '0m', TICKETS_GRACE: '0m' } });
    await scene.look(0, MINUTE);

    expect(scene.reasons()).toEqual(['ticket-pending', 'ticket-opened', 'ticket-created']);
  });
});

describe('a signal that is lost', () => {
  const lost: readonly (readonly [string, (run: NodeScene) => void])[] = [
    [
      'the API server answers 403',
      ({ kubernetes }) => {
        const body = { kind: 'Status', status: 'Failure', reason: 'Forbidden', code: 403 };
        kubernetes.faults.add({ times: Infinity, effect: { kind: 'answer', status: 403, body } });
      },
    ],
    [
      'the API server is offline',
      ({ kubernetes }) => {
        kubernetes.isOffline = true;
      },
    ],
    [
      'Azure gives out no credentials',
      ({ engine }) => {
        const body = { error: { code: 'AuthorizationFailed', message: 'no' } };
        const path = /listClusterUserCredential/;
        engine.simulator.faults.add({ path, times: Infinity, effect: { kind: 'answer', status: 403, body } });
      },
    ],
    [
      'the list of nodes is empty',
      ({ kubernetes }) => {
        const body = { kind: 'NodeList', apiVersion: 'v1', metadata: {}, items: [] };
        const path = /\/api\/v1\/nodes/;
        kubernetes.faults.add({ path, times: Infinity, effect: { kind: 'answer', status: 200, body } });
      },
    ],
    [
      'the cluster has a shape that nobody knows',
      ({ engine }) => {
        const body = { id: CLUSTER, name: 7, properties: { provisioningState: 'Succeeded' } };
        const path = /\/managedClusters\/aks-prod\?/;
        engine.simulator.faults.add({ path, times: Infinity, effect: { kind: 'answer', status: 200, body } });
      },
    ],
    [
      'the agent pools cannot be listed, and the cluster names none',
      ({ engine }) => {
        engine.simulator.state.patch(CLUSTER, { properties: { agentPoolProfiles: [] } });
        const path = /\/agentPools/;
        const body = { error: { code: 'AuthorizationFailed', message: 'no' } };
        engine.simulator.faults.add({ path, times: Infinity, effect: { kind: 'answer', status: 403, body } });
      },
    ],
  ];

  it.each(lost)('%s: the ticket stays as it is, and the verdict is unknown', async (_, lose) => {
    await startOpen();
    // Also the nodes are mended meanwhile: nobody can know that.
    rebootAll();
    scene.engine.clock.advance(25 * HOUR);
    lose(scene);
    const before = scene.only();
    const changes = await changesIn(async () => await pass(5));

    expect(scene.finding()).toMatchObject({ verdict: 'unknown' });
    expect(scene.ticket()).toMatchObject({ state: 'open', itemCount: 3 });
    expect(scene.only()).toEqual(before);
    // A ticket that the look itself is blind may have come besides.
    expect(changes).toBe(scene.remote(COVERAGE).length);
  });

  it('the cluster is stopped: the ticket waits until it runs again', async () => {
    await startOpen();
    rebootAll();
    const power = (code: string) =>
      scene.engine.simulator.state.patch(CLUSTER, { properties: { powerState: { code } } });
    power('Stopped');
    const before = scene.only();
    await pass(4);
    expect(scene.only()).toEqual(before);
    expect(scene.ticket()).toMatchObject({ state: 'open', itemCount: 3 });
    power('Running');
    await pass(2);

    expect(scene.only().state).toBe('closed');
  });

  it('kured is removed: what it wrote down is still believed, and what it does not write down proves nothing', async () => {
    await startOpen();
    scene.kubernetes.setKured({ present: false });
    await pass(2);
    expect(scene.finding()).toMatchObject({ verdict: 'violation' });
    rebootAll();
    await pass(3);

    expect(scene.finding()).toMatchObject({ verdict: 'unknown' });
    expect(scene.ticket()).toMatchObject({ state: 'open', itemCount: 3 });
    expect(scene.only().state).toBe('open');
    expect(scene.only(COVERAGE).state).toBe('open');
    expect(unescape(scene.only(COVERAGE).body)).toContain('kured is not installed');
  });

  it('the metrics are empty: neither open nor closed by that', async () => {
    await start({
      kubernetes: {
        kured: { exposesMetrics: true, isBlocked: true },
        pendingReboots: [{ pool: 'apps', nodes: 3, hoursAgo: 96 }],
      },
    });
    const { prometheus } = scene.engine.simulator;
    scene.engine.setEnvironment({ AKS_METRICS_ENDPOINTS: prometheus.endpoint });
    await scene.look();
    expect(scene.only().state).toBe('open');
    expect(scene.ticket()).toMatchObject({ itemCount: 3, confidence: 'certain' });

    const body = { status: 'success', data: { resultType: 'vector', result: [] } };
    const silence = prometheus.faults.add({ times: Infinity, effect: { kind: 'answer', status: 200, body } });
    rebootAll();
    const before = scene.only();
    await pass(4);
    expect(scene.finding()).toMatchObject({ verdict: 'unknown' });
    expect(scene.only()).toEqual(before);

    silence.remove();
    await pass(2);
    expect(scene.only().state).toBe('closed');
  });
});

describe('nodes and pools that go', () => {
  it('a node that is scaled in is dropped from the ticket, which stays open', async () => {
    const { overdue } = await startOpen();
    const [first = '', ...others] = overdue;
    scene.kubernetes.removeNode(first);
    await pass(2);

    expect(scene.ticket()).toMatchObject({ state: 'open', itemCount: 2 });
    expect(scene.ticket().items.map(({ name }) => name)).toEqual(others);
    expect(unescape(scene.only().body)).not.toContain(first);
    expect(scene.only().state).toBe('open');
  });

  it('a pool that has lost all its nodes is not proven well by that', async () => {
    await startOpen();
    for (const { name } of scene.kubernetes.nodes('apps')) scene.kubernetes.removeNode(name);
    await pass(3);

    expect(scene.ticket()).toMatchObject({ state: 'open', itemCount: 3 });
    expect(scene.only().state).toBe('open');
  });

  it('a pool that is deleted ends its ticket as obsolete', async () => {
    await startOpen();
    for (const { name } of scene.kubernetes.nodes('apps')) scene.kubernetes.removeNode(name);
    const { properties } = scene.engine.simulator.state.get(CLUSTER) ?? {};
    const pools = properties?.['agentPoolProfiles'];
    const left = Array.isArray(pools) ? pools.slice(0, 1) : [];
    scene.engine.simulator.state.patch(CLUSTER, { properties: { agentPoolProfiles: left } });
    await pass(1);

    expect(scene.ticket()).toMatchObject({ state: 'obsolete', resolution: 'gone' });
    expect(scene.only().state).toBe('closed');
    expect(scene.reasons().slice(-2)).toEqual(['ticket-obsolete', 'ticket-closed']);
  });

  it('a cluster that is deleted ends all its tickets as obsolete', async () => {
    await startOpen();
    scene.engine.simulator.state.remove(CLUSTER);
    await pass(2);

    expect(scene.ticket()).toMatchObject({ state: 'obsolete', resolution: 'gone' });
    expect(scene.only().state).toBe('closed');
  });

  it('a policy that is switched off ends its tickets', async () => {
    await startOpen();
    scene.engine.setEnvironment({ POLICY_AKS_NODE_REBOOT_COMPLETED: 'off' });
    await pass(1);

    expect(scene.ticket()).toMatchObject({ state: 'obsolete', resolution: 'policy-off' });
    expect(scene.only().state).toBe('closed');
  });
});

describe('what people decide', () => {
  it('an exemption tag closes the ticket as exempt, and is followed: when it is over, the ticket is open again', async () => {
    await startOpen();
    const until = new Date(scene.engine.clock.now().getTime() + 5 * DAY).toISOString().slice(0, 10);
    const tag = { [`dockwarden-exempt-${REBOOTS}`]: `${until};waiting for the vendor;OPS-1` };
    scene.engine.simulator.as('operator').patch(CLUSTER, { tags: tag });
    await pass(2);
    expect(scene.ticket()).toMatchObject({ state: 'resolved', resolution: 'exempt' });
    expect(scene.only().state).toBe('closed');
    expect(scene.only().comments.at(-1)).toContain('An exemption says that this is accepted.');
    for (let days = 0; days < 3; days += 1) await scene.look(DAY);
    expect(scene.only().state).toBe('closed');
    for (let days = 0; days < 4; days += 1) await scene.look(DAY);

    expect(scene.ticket().state).toBe('open');
    expect(scene.only().state).toBe('open');
  });

  it('closed as fixed though it is not: reopened once after a day, then left alone for a week', async () => {
    await startOpen();
    scene.rig.server.closeByHand(scene.only().id, 'fixed');
    await pass(3);
    expect(scene.reasons().at(-1)).toBe('ticket-closed-by-hand');
    expect(scene.only().state).toBe('closed');
    await pass(24);
    expect(scene.only().state).toBe('open');
    scene.rig.server.closeByHand(scene.only().id, 'fixed');
    await pass(30);

    expect(scene.ticket().state).toBe('suppressed');
    expect(scene.only().state).toBe('closed');
  });

  it('closed as not to be fixed: left alone, until another node joins', async () => {
    await startOpen();
    scene.rig.server.closeByHand(scene.only().id, 'wont-fix');
    await pass(3);
    expect(scene.ticket().state).toBe('suppressed');
    expect(await changesIn(async () => await pass(30))).toBe(0);
    const [another] = scene.kubernetes.nodes('apps').filter(({ name }) => !scene.overdue.includes(name));
    scene.kubernetes.requireReboot(another?.name ?? '');
    scene.kubernetes.kuredTick();
    await scene.look(25 * HOUR);

    expect(scene.only().state).toBe('open');
    expect(unescape(scene.only().comments.at(-1) ?? '')).toContain(`New since it was put aside: ${another?.name}`);
  });

  it('DOCKWARDEN_MODE=observe: rows only, and not one request to Redmine', async () => {
    await start({ environment: { DOCKWARDEN_MODE: 'observe' } });
    await pass(5);

    expect(scene.ticket()).toMatchObject({ state: 'open', itemCount: 3, reason: 'mode-observe' });
    expect(scene.reasons()).toEqual(['ticket-pending', 'ticket-opened']);
    expect(scene.rig.server.requests).toEqual([]);
    expect(scene.engine.mutations().filter((call) => !call.includes('listClusterUserCredential'))).toEqual([]);
  });
});

describe('a ticket system that does not do its part', () => {
  it('down: registries are fixed and nodes are watched all the same, and what waits goes out later', async () => {
    const registry = sampleId('contosoacr');
    const down = await startScriptedServer(() => ({ status: 503, body: {} }), inject('certificates'));
    let isDown = true;
    await start({
      resources: ['aks-prod', 'contosoacr'],
      environment: { POLICY_ACR_SECOND_PASSWORD_FRESH: 'off' },
      connect: (rig) => rig.connect({ fetch: async (input, init) => await fetch(isDown ? down.url : input, init) }),
    });
    await scene.look();
    scene.engine.simulator.as('operator').patch(registry, { properties: { adminUserEnabled: true } });
    await scene.work(MINUTE);

    expect(scene.engine.audit('outcome')).toMatchObject([{ outcome: 'fixed', resourceId: registry }]);
    expect(scene.engine.simulator.state.get(registry)?.properties?.['adminUserEnabled']).toBe(false);
    expect(scene.ticket()).toMatchObject({ state: 'open', lastError: expect.stringMatching(/^redmine: unavailable/) });
    const [first = ''] = scene.overdue;
    rebootAll([first]);
    await pass(12);
    expect(scene.ticket().itemCount).toBe(2);
    expect(down.requests.length).toBeGreaterThan(3);
    expect(scene.rig.server.requests).toEqual([]);

    isDown = false;
    await scene.work(7 * HOUR);
    await down.stop();
    expect(scene.only().state).toBe('open');
    expect(unescape(scene.only().body)).not.toContain(first);
    expect(scene.creates()).toBe(1);
    expect(scene.reasons().filter((reason) => reason === 'ticket-not-delivered')).toHaveLength(1);
    expect(scene.ticket().lastError).toBeUndefined();
  });

  const answers: readonly (readonly [string, ServerAnswer, string])[] = [
    ['401', { status: 401, headers: { 'content-type': 'application/json' } }, 'auth'],
    ['403', { status: 403, headers: { 'content-type': 'application/json' } }, 'auth'],
    ['404', { status: 404, headers: { 'content-type': 'application/json' } }, 'not-found'],
    ['422', { status: 422, body: { errors: ['Tracker is invalid'] } }, 'invalid'],
    ['429', { status: 429, headers: { 'retry-after': '120' }, body: {} }, 'rate-limited'],
    ['503', { status: 503, body: {} }, 'outcome-unknown'],
  ];

  it.each(answers)('%s to the create: on record, tried again, and one ticket in the end', async (_, answer, kind) => {
    await start();
    scene.rig.server.fault({ method: 'POST', times: 2, effect: { kind: 'answer', answer } });
    await scene.look();
    expect(scene.ticket()).toMatchObject({ state: 'open', lastError: expect.stringContaining(`redmine: ${kind}: `) });
    await scene.work(HOUR);

    expect(scene.only().state).toBe('open');
    expect(scene.reasons()).toEqual(['ticket-pending', 'ticket-opened', 'ticket-not-delivered', 'ticket-created']);
    expect(scene.story().at(-2)?.error).toContain(`redmine: ${kind}: `);
    expect(scene.ticket().lastError).toBeUndefined();
  });

  it.each([
    ['create', { method: 'POST' }],
    ['search', { method: 'GET', path: /^\/issues\.json\?/ }],
  ] as const)('no answer to the %s: given up in time, tried again, and one ticket in the end', async (_, request) => {
    await start({ connect: (rig) => rig.connect({ timeouts: { read: 100, write: 100 } }) });
    scene.rig.server.fault({ ...request, effect: { kind: 'hang', acts: true } });
    await scene.look(0, 2 * HOUR);

    expect(scene.only().state).toBe('open');
    expect(scene.creates()).toBe(1);
  });

  it('a ticket that was moved to another project by hand counts as gone there, and is not followed', async () => {
    await startOpen();
    const [{ id }] = [scene.only()];
    Object.assign(scene.rig.server.issue(id), { projectNumber: 2 });
    const before = scene.only();
    await pass(5);

    expect(scene.remote().find((ticket) => ticket.id === id)).toEqual(before);
    expect(scene.ticket().state).toBe('open');
  });

  it('a ticket that was deleted by hand gets one successor, and no third one', async () => {
    await startOpen();
    scene.rig.server.delete(scene.only().id);
    await pass(4);
    expect(scene.creates()).toBe(2);
    scene.rig.server.delete(scene.only().id);
    await pass(5);

    expect(scene.creates()).toBe(2);
    expect(scene.remote()).toEqual([]);
    expect(scene.ticket().state).toBe('suppressed');
  });

  it('a state that nobody has heard of is on record, and nothing is done about the ticket', async () => {
    await startOpen();
    const issue = scene.rig.server.issue(scene.only().id);
    issue.statusId = 99;
    scene.rig.server.isOld = true;
    await pass(3);

    expect(scene.ticket()).toMatchObject({ state: 'open', lastError: expect.stringContaining('redmine: ') });
    expect(scene.reasons()).toContain('ticket-not-delivered');
    expect(scene.creates()).toBe(1);
    issue.statusId = 1;
    await pass(8);
    expect(scene.ticket().lastError).toBeUndefined();
  });
});

/** The API server tells of these nodes of `apps`, all overdue, and of a kured of that name. */
function tell(names: readonly string[], kured: string): void {
  const { createdAt } = scene.kubernetes.node(scene.overdue[0] ?? '');
  const items = names.map((name) => ({
    metadata: {
      name,
      uid: `uid-${name.slice(-1)}`,
      creationTimestamp: createdAt.toISOString(),
      labels: { 'kubernetes.azure.com/agentpool': 'apps' },
      annotations: { 'weave.works/kured-reboot-in-progress': '2026-11-19T10:00:00Z' },
    },
    spec: {},
    status: { conditions: [], nodeInfo: { bootID: 'boot', kernelVersion: name } },
  }));
  const body = { kind: 'NodeList', apiVersion: 'v1', metadata: {}, items };
  scene.kubernetes.faults.clear();
  scene.kubernetes.faults.add({
    path: /\/api\/v1\/nodes/,
    times: Infinity,
    effect: { kind: 'answer', status: 200, body },
  });
  scene.kubernetes.setKured({ name: kured, ready: false });
}

function expectHarmless(texts: readonly string[]): void {
  for (const text of texts) {
    expect(text).not.toMatch(/<script|<img|!http|\{\{macro|@team/);
    expect(text.length).toBeLessThan(33_000);
  }
  for (const row of scene.engine.audit()) expect(JSON.stringify(row).length).toBeLessThan(60_000);
}

describe('hostile and broken input', () => {
  const HOSTILE = '<script>alert(1)</script> "><img src=x onerror=alert(1)> @team !http://x.test/y.png! {{macro}} \r\n';

  it.each([
    ['markup', HOSTILE],
    ['as many characters as a name may have', 'A'.repeat(252)],
  ])('%s as the name of a node and of kured reaches Redmine escaped, and cut', async (_, name) => {
    await start();
    tell([`${name}1`, `${name}2`], name);
    await pass(2);
    tell([`${name}1`, `${name}3`], name);
    await pass(2);

    const shown = [scene.only(), scene.only(COVERAGE)];
    expect(unescape(shown[0]?.body ?? '')).toContain(name.slice(0, 20));
    expect(shown.flatMap(({ comments }) => comments).length).toBeGreaterThan(0);
    expectHarmless(shown.flatMap(({ body, comments, title }) => [body, title, ...comments]));
  });

  it('a name of 100,000 characters makes the answer unreadable, and that is told', async () => {
    await start();
    tell([`${HOSTILE}${'A'.repeat(100_000)}`], 'A'.repeat(100_000));
    await pass(3);

    expect(scene.finding()).toMatchObject({ verdict: 'unknown' });
    expect(scene.remote()).toEqual([]);
    const { body, title } = scene.only(COVERAGE);
    expect(unescape(body)).toContain('unreadable-answer');
    expectHarmless([body, title]);
  });

  const stamps: readonly (readonly [string, (now: Date) => string])[] = [
    ['markup', () => HOSTILE],
    ['a date with something behind it', () => `2026-11-19T10:00:00Z${HOSTILE}`],
    ['100,000 characters', () => '2026-11-19T10:00:00Z'.repeat(5000)],
    ['a date before the node was made', () => '2020-01-01T00:00:00Z'],
    ['a day that there is not', () => '2026-02-30T00:00:00Z'],
    ['a time far ahead', (now) => new Date(now.getTime() + 30 * DAY).toISOString().replace(/\.\d+/, '')],
    ['a clock that is an hour ahead', (now) => new Date(now.getTime() + HOUR).toISOString().replace(/\.\d+/, '')],
    ['nothing', () => ''],
  ];

  it.each(stamps)('%s in the annotation of a node: no ticket by it, none closed by it', async (_, stamp) => {
    await start({ kubernetes: { kured: { annotateNodes: true } } });
    const [node] = scene.kubernetes.nodes('apps');
    const annotate = () =>
      scene.kubernetes.setAnnotations(node?.name ?? '', {
        'weave.works/kured-reboot-in-progress': stamp(scene.engine.clock.now()),
      });
    annotate();
    await scene.look();
    annotate();
    await scene.look(30 * MINUTE);

    expect(scene.remote()).toEqual([]);
    expect(scene.engine.tickets().filter(({ policyId }) => policyId === REBOOTS)).toEqual([]);
    expect(scene.finding()).toMatchObject({ verdict: 'unknown' });
  });

  it.each(stamps)('%s instead of what kured has written: the open ticket stays as it is', async (_, stamp) => {
    await startOpen();
    const before = scene.only();
    for (let looks = 0; looks < 2; looks += 1) {
      for (const name of scene.overdue)
        scene.kubernetes.setAnnotations(name, {
          'weave.works/kured-reboot-in-progress': stamp(scene.engine.clock.now()),
        });
      await scene.look(30 * MINUTE);
    }

    expect(scene.ticket()).toMatchObject({ state: 'open', itemCount: 3 });
    expect(scene.only()).toEqual(before);
  });

  it('a kubeconfig that points elsewhere gets no token, and is a reason to be called blind', async () => {
    await startOpen();
    const elsewhere = await startScriptedServer(() => ({ status: 200, body: {} }), inject('certificates'));
    scene.engine.clock.advance(DAY);
    scene.kubernetes.setKubeconfig((genuine) => genuine.replaceAll(scene.kubernetes.server, elsewhere.url));
    await pass(3);

    expect(elsewhere.requests).toEqual([]);
    await elsewhere.stop();
    expect(scene.finding()).toMatchObject({ verdict: 'unknown' });
    expect(scene.ticket()).toMatchObject({ state: 'open', itemCount: 3 });
    expect(JSON.parse(scene.finding(COVERAGE)?.evidence ?? '')).toMatchObject({ reasons: 'refused' });
    expect(scene.only(COVERAGE).state).toBe('open');
  });

  it('no row, ticket or log of all this holds a token or a key', async () => {
    await startOpen();
    rebootAll();
    await scene.look(HOUR);
    const { tables } = scene.engine;
    const stored = JSON.stringify(Object.values(tables).map(({ rows }) => rows));
    const shown = JSON.stringify(scene.rig.server.tickets());

    for (const text of [stored, shown]) {
      expect(text).not.toContain(scene.rig.secret);
      expect(text).not.toMatch(/eyJ[\w-]{10,}\.[\w-]+\./);
      expect(text).not.toContain('client-key-data');
    }
  });

  it('a damaged row of a ticket is reported, and keeps nothing else up', async () => {
    await startOpen();
    const [row] = scene.engine.tables.tickets.rows;
    if (row === undefined) throw new Error('there is no row');
    await scene.engine.tables.tickets.replace(row, { ...row.columns, state: 'nonsense' }, row.etag);
    const before = scene.only();
    await pass(1);

    expect(scene.only()).toEqual(before);
    expect(scene.finding()).toMatchObject({ verdict: 'violation', status: 'open' });
    await scene.engine.tables.tickets.replace(row, row.columns, scene.engine.tables.tickets.rows[0]?.etag ?? '');
  });
});

/** What Redmine shows for escaped text. */
function unescape(text: string): string {
  return text.replaceAll(/&#(\d+);/g, (_, code: string) => String.fromCodePoint(Number(code)));
}
