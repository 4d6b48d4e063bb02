import { afterEach, describe, expect, it, test } from 'vitest';
import { sampleId } from '../../local/azure/sample-subscription.ts';
import { auditKey } from '../../src/audit/audit-log.ts';
import { acceptEvents } from '../../src/engine/accept.ts';
import { findReplayed } from '../../src/engine/replay.ts';
import type { ReviewAnswer } from '../../src/engine/review.ts';
import { parseResourceId } from '../../src/resources/resource-id.ts';
import type { Environment } from '../../src/settings/settings.ts';
import { ALICE, ask, asSeen, findingOf, HOUR, runsWith, seedOf } from '../acceptance/operator-requests.ts';
import { disableAdminUser, startScene } from '../acceptance/remediation-scenes.ts';
import { expectRecordedMutations, expectSettled } from '../support/audit-invariants.ts';
import { ENFORCING, type EngineHarness, type EngineHarnessOptions, startEngine } from '../support/engine-harness.ts';

const scene = disableAdminUser;
const target = parseResourceId(scene.resourceId);
const ADMIN = 'acr-admin-user-disabled';
const PLAN = ['registries.regenerateCredential', 'registries.regenerateCredential', 'registries.update'];

let engine: EngineHarness;

afterEach(async () => {
  await engine.stop();
});

async function start(changes: Environment = {}, options: EngineHarnessOptions = {}): Promise<void> {
  engine = await startScene(scene, { seed: seedOf(scene), ...options });
  engine.setEnvironment(changes);
}

/** An event about a violation, that nobody has taken in yet. */
function raise(): object {
  scene.violate(engine);
  const [event] = engine.events.splice(0);
  if (event === undefined) throw new Error('no event was raised');
  return { ...event };
}

/** Whatever is stored or on its way, but for the audit. */
function traces() {
  const { audit: _audit, ...tables } = engine.tables;
  const rows = Object.values(tables).map((table) => table.rows);
  return structuredClone([rows, engine.queue, engine.ticketQueue, engine.poison]);
}

function keyOfLast(stage: 'decision' | 'outcome' | 'notice'): string {
  const rows = engine.tables.audit.rows.filter(({ columns }) => columns['stage'] === stage);
  return rows[0]?.rowKey ?? '';
}

/** What was shown about the admin user. */
function shown(answer: ReviewAnswer): unknown {
  if (answer.result !== 'shown') throw new Error(JSON.stringify(answer));
  const { policies } = answer.details;
  return Array.isArray(policies) ? policies.find(({ policyId }) => policyId === ADMIN) : undefined;
}

const planned = PLAN.map((operation) => expect.objectContaining({ operation, result: 'planned' }));

function violating(said: object): unknown {
  return expect.objectContaining({ verdict: 'violation', evidence: '{"adminUserEnabled":true}', ...said });
}

describe('a replay that only observes', () => {
  test.each([
    ['observe', {}, { decision: 'observe', reason: 'mode-observe', plan: planned }],
    ['approve', {}, { decision: 'await-approval', reason: 'mode-approve', plan: planned }],
    ['enforce', {}, { decision: 'fix', reason: 'mode-enforce', plan: planned }],
    ['off', {}, { decision: 'observe', reason: 'remediation-off', plan: [] }],
    ['enforce', { DOCKWARDEN_MODE: 'observe' }, { decision: 'observe', reason: 'mode-observe', plan: planned }],
    ['enforce', { POLICY_ACR_ADMIN_USER_DISABLED: 'off' }, undefined],
  ])(
    'says in mode %s with %j what would be done, and leaves nothing but its audit row',
    async (mode, changes, said) => {
      await start({ REMEDIATE_ACR_DISABLE_ADMIN_USER: mode, ...changes });
      const message = raise();
      const before = traces();

      const answer = await ask(engine, 'replay', { message, observe: true, reason: 'to see' });

      expect(answer).toMatchObject({ result: 'shown', details: { resourceId: scene.resourceId } });
      expect(shown(answer)).toEqual(said === undefined ? undefined : violating(said));
      expect(traces()).toEqual(before);
      expect(engine.mutations()).toEqual([]);
      expect(engine.audit()).toMatchObject([
        {
          stage: 'operator',
          reason: 'replay-observed',
          resourceId: scene.resourceId,
          actor: ALICE.id,
          error: expect.stringMatching(/^event \S+: to see$/),
        },
      ]);
    },
  );

  it('shows what is compliant without a decision', async () => {
    await start();
    const message = raise();
    engine.simulator.state.patch(scene.resourceId, { properties: { adminUserEnabled: false } });

    const answer = await ask(engine, 'replay', { message, observe: true });

    expect(shown(answer)).toEqual({ policyId: ADMIN, verdict: 'compliant', plan: [] });
  });

  it('takes no place at the breaker, and says when there is none', async () => {
    await start({ BREAKER_REMEDIATION_CAP: '1' });
    const message = raise();
    await ask(engine, 'replay', { message, observe: true });
    const free = await ask(engine, 'replay', { message, observe: true });
    const now = engine.clock.now();
    await engine.context().breakers.admit({
      key: '0'.repeat(16),
      remediationId: 'acr-disable-admin-user',
      subscriptionId: target.subscriptionId,
      limits: engine.context().settings.safety.breaker,
      now,
    });
    const before = traces();

    const full = await ask(engine, 'replay', { message, observe: true });

    expect(shown(free)).toMatchObject({ decision: 'fix' });
    expect(shown(full)).toMatchObject({
      decision: 'defer',
      reason: 'breaker-cap',
      because: expect.any(String),
      plan: [],
    });
    expect(traces()).toEqual(before);
  });

  it('uses up no approval', async () => {
    await start({ REMEDIATE_ACR_DISABLE_ADMIN_USER: 'approve' });
    const message = raise();
    await acceptEvents(engine.context(), message);
    await engine.settle();
    await ask(engine, 'approve', asSeen(engine, scene));
    const before = traces();

    const answer = await ask(engine, 'replay', { message, observe: true });

    expect(shown(answer)).toMatchObject({ decision: 'fix', reason: 'approved', plan: planned });
    expect(traces()).toEqual(before);
    await engine.settle();
    expect(runsWith(engine, 'fixed')).toHaveLength(1);
  });

  it('announces no end of an exemption', async () => {
    await start({ EXEMPTION_NOTICE: '7d' });
    const message = raise();
    const until = new Date(engine.clock.now().getTime() + 24 * HOUR).toISOString().slice(0, 10);
    engine.simulator.state.patch(scene.resourceId, {
      tags: { [`dockwarden-exempt-${ADMIN}`]: `${until};moving;OPS-1` },
    });

    const answer = await ask(engine, 'replay', { message, observe: true });

    expect(shown(answer)).toMatchObject({ decision: 'exempt', reason: 'exempt-resource', plan: [] });
    expect(engine.audit().map(({ stage }) => stage)).toEqual(['operator']);
  });

  it('looks at nodes, too, without a command in the cluster', async () => {
    const cluster = sampleId('aks-prod');
    engine = await startEngine({
      environment: {
        ...ENFORCING,
        POLICY_AKS_NODE_REBOOT_COVERAGE_COMPLETE: 'on',
        AKS_RUN_COMMAND: 'private-clusters',
      },
    });
    engine.simulator.state.patch(cluster, {
      properties: { apiServerAccessProfile: { enablePrivateCluster: true, disableRunCommand: false } },
    });
    engine.simulator.kubernetes(cluster).isOffline = true;
    engine.simulator.as('operator').patch(cluster, { tags: {} });
    const [message] = engine.events.splice(0);
    const before = traces();

    const answer = await ask(engine, 'replay', { message: { ...message }, observe: true });

    const policies = answer.result === 'shown' ? answer.details['policies'] : [];
    expect(policies).toContainEqual(
      expect.objectContaining({
        policyId: 'aks-node-reboot-coverage-complete',
        evidence: 'missing: the API server of the cluster cannot be reached',
      }),
    );
    expect(traces()).toEqual(before);
    expect(engine.calls().filter((call) => call.includes('runCommand'))).toEqual([]);
    expect(engine.audit().map(({ reason }) => reason)).toEqual(['replay-observed']);
  });

  it('looks at nodes that a worker has just inspected, and that rest for it', async () => {
    const cluster = sampleId('aks-prod');
    engine = await startEngine({
      environment: {
        ...ENFORCING,
        POLICY_AKS_NODE_REBOOT_COVERAGE_COMPLETE: 'on',
        AKS_NODE_INSPECTION_INTERVAL: '1h',
      },
    });
    engine.simulator.as('operator').patch(cluster, { tags: {} });
    await engine.settle(0);
    const inspected = engine.tables.nodes.rows.length;
    engine.simulator.kubernetes(cluster).isOffline = true;
    engine.simulator.as('operator').patch(cluster, { tags: {} });
    const [message] = engine.events.splice(0);

    const answer = await ask(engine, 'replay', { message: { ...message }, observe: true });

    expect(inspected).toBeGreaterThan(0);
    const policies = answer.result === 'shown' ? answer.details['policies'] : [];
    expect(policies).toContainEqual(
      expect.objectContaining({
        policyId: 'aks-node-reboot-coverage-complete',
        evidence: 'missing: the API server of the cluster cannot be reached',
      }),
    );
  });

  it('judges an alert that nobody has heard of as if it were known, and forgets it', async () => {
    await start();
    const message = {
      SystemAlertId: '2517538088322968242_1',
      AlertType: 'ACR_Example',
      AlertDisplayName: 'Example',
      Severity: 'High',
      Status: 'New',
      TimeGenerated: engine.clock.now().toISOString(),
      ResourceIdentifiers: [{ $id: '1', AzureResourceId: scene.resourceId, Type: 'AzureResource' }],
    };
    const before = traces();

    const unknown = await ask(engine, 'replay', { message, observe: true });
    expect(traces()).toEqual(before);
    await acceptEvents(engine.context(), message, 'defender-alerts');
    const known = await ask(engine, 'replay', { message, observe: true });

    for (const answer of [unknown, known]) {
      const policies = answer.result === 'shown' ? answer.details['policies'] : [];
      expect(policies).toContainEqual(
        expect.objectContaining({
          policyId: 'acr-alerts-closed',
          verdict: 'violation',
          evidence: '{"activeAlerts":1,"types":"ACR_Example"}',
        }),
      );
    }
  });

  it('judges a cluster in a shape that nobody knows as far as it can', async () => {
    const cluster = sampleId('aks-prod');
    engine = await startEngine({ environment: { ...ENFORCING, POLICY_AKS_NODE_REBOOT_COVERAGE_COMPLETE: 'on' } });
    engine.simulator.as('operator').patch(cluster, { tags: {} });
    const [message] = engine.events.splice(0);
    engine.simulator.faults.add({
      caller: 'dockwarden',
      times: Infinity,
      when: ({ path }) => path.endsWith('/managedClusters/aks-prod'),
      effect: { kind: 'answer', status: 200, body: { id: cluster, properties: {} } },
    });

    const answer = await ask(engine, 'replay', { message: { ...message }, observe: true });

    const policies = answer.result === 'shown' ? answer.details['policies'] : [];
    for (const policyId of ['aks-required-tags-present', 'aks-node-reboot-coverage-complete'])
      expect(policies).toContainEqual(expect.objectContaining({ policyId, evidence: 'missing: id and name' }));
  });

  test.each([
    [404, 'resource-not-found'],
    [403, 'resource-unreadable'],
    [500, 'resource-unreadable'],
  ])('of a resource whose read is answered %i is refused, and says so', async (status, code) => {
    await start();
    const message = raise();
    engine.simulator.faults.add({
      caller: 'dockwarden',
      times: Infinity,
      when: ({ method }) => method === 'GET',
      effect: { kind: 'answer', status, body: { error: { code: 'Planted', message: 'planted' } } },
    });

    const answer = await ask(engine, 'replay', { message, observe: true });

    expect(answer).toMatchObject({ result: 'refused', status: 409, code });
    expect(answer.message).toMatch(/^contoso\w+ cannot be judged: ./);
    expect(engine.audit().map(({ reason }) => reason)).toEqual(
      expect.arrayContaining(['replay-observed', `refused-${code}`]),
    );
  });

  it('rests upon storage that answers', async () => {
    await start(
      {},
      {
        wrapContext: (context) => ({
          ...context,
          findings: { ...context.findings, ofResource: async () => await Promise.reject(new RangeError('a defect')) },
        }),
      },
    );

    await expect(ask(engine, 'replay', { message: raise(), observe: true })).rejects.toThrow('a defect');
  });
});

async function append(columns: Readonly<Record<string, unknown>>): Promise<string> {
  const now = engine.clock.now();
  const key = auditKey(now, 'some-row', 'notice');
  await engine.tables.audit.insert(key, { time: now.toISOString(), stage: 'notice', ...columns });
  return key.rowKey;
}

describe('a replay of an audit row', () => {
  it('looks at the resource again because the operator asked, and names what it repeats', async () => {
    await start();
    await acceptEvents(engine.context(), raise());
    await engine.settle();
    const [runId = ''] = runsWith(engine, 'fixed');
    scene.violate(engine);
    engine.events.length = 0;

    const answer = await ask(engine, 'replay', { auditKey: runId.toLowerCase(), observe: false, reason: 'again' });
    await engine.settle();

    const requestId = answer.result === 'accepted' ? answer.requestId : '';
    expect(answer).toMatchObject({ details: { resourceId: scene.resourceId, causeId: requestId } });
    expect(engine.audit('operator')).toMatchObject([
      {
        reason: 'replay-asked',
        causeId: requestId,
        previousRunId: runId,
        policyId: ADMIN,
        resourceId: scene.resourceId,
        error: expect.stringMatching(/^row \d{19}_[0-9A-Z]{26}_outcome, cause \S+: again$/),
      },
    ]);
    expect(engine.audit('outcome').filter(({ causeId }) => causeId === requestId)).toMatchObject([
      { outcome: 'fixed', causeKind: 'operator', actor: ALICE.id },
    ]);
    expectRecordedMutations(engine);
    expectSettled(engine);
  });

  test.each(['observe', 'approve', 'off'])('changes nothing in mode %s', async (mode) => {
    await start({ REMEDIATE_ACR_DISABLE_ADMIN_USER: mode });
    await acceptEvents(engine.context(), raise());
    await engine.settle();

    const answer = await ask(engine, 'replay', { auditKey: keyOfLast('decision'), observe: false });
    await engine.settle();

    expect(answer).toMatchObject({ result: 'accepted' });
    expect(engine.mutations()).toEqual([]);
    expect(findingOf(engine, scene)).toMatchObject({ status: 'open' });
  });

  it('in mode observe records the plan when the decision is news', async () => {
    await start();
    await acceptEvents(engine.context(), raise());
    await engine.settle();
    const mutations = engine.mutations();
    engine.setEnvironment({ DOCKWARDEN_MODE: 'observe' });
    scene.violate(engine);
    engine.events.length = 0;

    const answer = await ask(engine, 'replay', { auditKey: keyOfLast('outcome'), observe: false });
    await engine.settle();

    expect(engine.mutations()).toEqual(mutations);
    const requestId = answer.result === 'accepted' ? answer.requestId : '';
    const decisions = engine.audit('decision').filter(({ causeId }) => causeId === requestId);
    expect(decisions).toMatchObject([
      { policyId: ADMIN, reason: 'mode-observe', operations: expect.stringContaining('planned') },
    ]);
  });

  it('observed says so, and asks for nothing', async () => {
    await start({ REMEDIATE_ACR_DISABLE_ADMIN_USER: 'observe' });
    await acceptEvents(engine.context(), raise());
    await engine.settle();
    const before = traces();

    const answer = await ask(engine, 'replay', { auditKey: keyOfLast('decision'), observe: true });

    expect(shown(answer)).toMatchObject({ decision: 'observe', reason: 'mode-observe' });
    expect(traces()).toEqual(before);
    expect(engine.audit('operator')).toMatchObject([{ reason: 'replay-observed' }]);
  });

  test.each([
    ['is about no resource', { causeId: 'x' }, 'row-without-resource'],
    ['is about a type that is not covered', { resourceId: '/subscriptions/x' }, 'resource-not-covered'],
    ['cannot be read', { stage: 'nonsense' }, 'row-unreadable'],
  ])('that %s is refused, and is on record', async (_what, columns, code) => {
    await start();
    const id = await append(columns);

    const answer = await ask(engine, 'replay', { auditKey: id, observe: false });

    expect(answer).toMatchObject({ result: 'refused', status: 409, code });
    expect(engine.queue).toEqual([]);
    expect(engine.tables.audit.rows.map(({ columns: row }) => row['reason'])).toContain(`refused-${code}`);
  });

  test.each([
    ['01KB0000000000000000000000'],
    ['7ZZZZZZZZZZZZZZZZZZZZZZZZZ'],
    ['2516000000000000000_x_decision'],
    ['9999999999999999999_x_decision'],
    ['nonsense'],
    [''],
  ])('%j that is not there is refused', async (id) => {
    await start();

    expect(await ask(engine, 'replay', { auditKey: id, observe: true })).toMatchObject({
      result: 'refused',
      status: 404,
      code: 'unknown-audit-row',
    });
  });

  it('passes a failure of storage on', async () => {
    await start(
      {},
      {
        wrapContext: (context) => ({
          ...context,
          audit: { ...context.audit, find: async () => await Promise.reject(new RangeError('a defect')) },
        }),
      },
    );

    await expect(ask(engine, 'replay', { auditKey: 'x'.repeat(3), observe: true })).resolves.toMatchObject({
      status: 404,
    });
    await expect(ask(engine, 'replay', { auditKey: '01KB0000000000000000000000', observe: true })).rejects.toThrow(
      'a defect',
    );
  });

  it('finds a row without a cause or policy', async () => {
    await start();
    const id = await append({ resourceId: scene.resourceId });

    await ask(engine, 'replay', { auditKey: id, observe: false });

    expect(engine.audit('operator')).toMatchObject([{ error: `row ${id}, cause unknown` }]);
    expect(await findReplayed(engine.context().audit, id)).toMatchObject({ rowKey: id, resourceId: scene.resourceId });
  });

  it('keeps the correlation id of what it repeats', async () => {
    await start();
    const id = await append({ resourceId: scene.resourceId, correlationId: 'c-1' });

    await ask(engine, 'replay', { auditKey: id, observe: false });

    expect(engine.audit('operator')).toMatchObject([{ correlationId: 'c-1' }]);
  });
});

describe('a replay of an event', () => {
  it('is taken in like the event itself, once', async () => {
    await start();
    const message = raise();

    const first = await ask(engine, 'replay', { message, observe: false });
    const waiting = await ask(engine, 'replay', { message, observe: false });
    await engine.settle();
    const known = await ask(engine, 'replay', { message, observe: false });
    await engine.settle();

    expect(first).toMatchObject({ result: 'accepted', details: { resourceId: scene.resourceId, isKnown: false } });
    expect(waiting).toMatchObject({ details: { isKnown: false } });
    expect(known).toMatchObject({ details: { isKnown: true }, message: expect.stringContaining('marks nothing') });
    expect(runsWith(engine, 'fixed')).toHaveLength(1);
    expectRecordedMutations(engine);
  });

  test.each([true, false])('that is ignored says why (observe: %s)', async (observe) => {
    await start();
    const message = { ...raise(), eventType: 'Microsoft.Resources.ResourceWriteFailure' };

    const answer = await ask(engine, 'replay', { message, observe });

    expect(answer).toMatchObject({
      result: 'shown',
      details: { event: { result: 'ignored', reason: 'operation-not-effective' } },
    });
    expect(engine.work()).toEqual([]);
  });

  test.each([
    [true, []],
    [false, ['unknown-envelope']],
  ])('that nobody can read says why (observe: %s)', async (observe, inputs) => {
    await start();

    const answer = await ask(engine, 'replay', { message: { hello: 'world' }, observe });

    expect(answer).toMatchObject({
      result: 'shown',
      details: { event: { result: 'invalid', reason: 'unknown-envelope' } },
    });
    expect(engine.audit('input').map(({ reason }) => reason)).toEqual(inputs);
    expect(engine.poison).toHaveLength(inputs.length);
    expect(engine.audit('operator')).toMatchObject([{ error: 'event without id, invalid: unknown-envelope' }]);
  });
});

test.each([
  [{ observe: true }],
  [{ observe: true, auditKey: 'x', message: {} }],
  [{ observe: true, message: [] }],
  [{ observe: true, message: [{}, {}] }],
  [{ auditKey: 'x' }],
  [{ auditKey: 'x', observe: 'true' }],
  [{ auditKey: 'x', observe: true, more: 1 }],
])('%j is no request to replay', async (body) => {
  await start();

  expect(await ask(engine, 'replay', body)).toMatchObject({ result: 'refused', status: 400, code: 'invalid-request' });
});
