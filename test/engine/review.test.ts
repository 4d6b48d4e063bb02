import { ulid } from 'ulid';
import { afterEach, describe, expect, it } from 'vitest';
import { sampleId } from '../../local/azure/sample-subscription.ts';
import { type AuditLog, auditKey } from '../../src/audit/audit-log.ts';
import { acceptEvents, markDirty } from '../../src/engine/accept.ts';
import type { EngineContext } from '../../src/engine/ports.ts';
import { ResourcePass } from '../../src/engine/resource-pass.ts';
import { answerUndo, isWritten } from '../../src/engine/undo-answer.ts';
import { WorkLease } from '../../src/engine/work-lease.ts';
import { DockwardenError, type ErrorCode } from '../../src/errors.ts';
import type { Cause } from '../../src/events/cause.ts';
import type { Finding } from '../../src/findings/findings.ts';
import { policies } from '../../src/policy/catalogue.ts';
import { remediations } from '../../src/remediations/catalogue.ts';
import { parseResourceId } from '../../src/resources/resource-id.ts';
import type { Environment } from '../../src/settings/settings.ts';
import {
  ALICE,
  answersOf,
  ask,
  asSeen,
  BOB,
  findingOf,
  HOUR,
  runsWith,
  seedOf,
} from '../acceptance/operator-requests.ts';
import { disableAdminUser, startScene } from '../acceptance/remediation-scenes.ts';
import { expectRecordedMutations, expectSettled } from '../support/audit-invariants.ts';
import { Boundary, mishaps } from '../support/boundary.ts';
import type { EngineHarness, EngineHarnessOptions } from '../support/engine-harness.ts';
import { runHost } from '../support/host-delivery.ts';

const scene = disableAdminUser;
const target = parseResourceId(scene.resourceId);

let engine: EngineHarness;

afterEach(async () => {
  await engine.stop();
});

async function start(changes: Environment = {}, options: EngineHarnessOptions = {}): Promise<void> {
  engine = await startScene(scene, { seed: seedOf(scene), ...options });
  engine.setEnvironment(changes);
}

/** Lets it be fixed; returns the run. */
async function fix(): Promise<string> {
  scene.violate(engine);
  await engine.settle();
  return runsWith(engine, 'fixed').at(-1) ?? '';
}

function expectInvariants(): void {
  expectRecordedMutations(engine);
  expectSettled(engine);
}

/** A request that is on record and reaches the worker, as another version of `review` might have let it pass. */
async function demand(request: Cause['request'], actor?: string, resource = target): Promise<string> {
  engine.clock.advance(1000);
  const id = ulid(engine.clock.now().getTime());
  if (request !== undefined) await putOnRecord(id, request, { resourceId: resource.id, actor });
  await slipIn(id, request, resource);
  await engine.settle();
  return id;
}

/** The row that `review` writes before anything else. */
async function putOnRecord(
  causeId: string,
  request: NonNullable<Cause['request']>,
  { actor, ...columns }: { readonly resourceId: string; readonly actor?: string | undefined },
): Promise<void> {
  const now = engine.clock.now();
  await engine.context().audit.append(auditKey(now, `${causeId}-asked`, 'operator'), {
    time: now.toISOString(),
    stage: 'operator',
    reason: `${request.action}-asked`,
    causeKind: 'operator',
    causeId,
    causeTime: now.toISOString(),
    ...columns,
    ...(actor !== undefined && { actor }),
    ...(request.action === 'undo' ? { previousRunId: request.runId } : { policyId: request.policyId }),
    configHash: engine.context().settings.hash,
    version: '0.0.0-test',
  });
}

/** A request that stands in the row of a resource, in the name of Bob, whoever put it there. */
async function slipIn(id: string, request: Cause['request'], resource = target): Promise<void> {
  await markDirty(engine.context(), resource, {
    kind: 'operator',
    id,
    time: engine.clock.now().toISOString(),
    actor: { id: BOB.id, type: 'User' },
    ...(request !== undefined && { request }),
  });
}

/** Puts a finding into the table as it is. */
async function save(changes: Partial<Finding>): Promise<void> {
  const now = engine.clock.now().toISOString();
  const { findings } = engine.context();
  const known = (await findings.ofResource(target)).find(({ item }) => item.policyId === scene.policyId);
  const item: Finding = {
    resourceId: target.id,
    subscriptionId: target.subscriptionId,
    policyId: scene.policyId,
    severity: 'high',
    status: 'open',
    verdict: 'violation',
    since: now,
    updated: now,
    attempts: 0,
    ...changes,
  };
  await findings.save(target, [{ item, ...(known !== undefined && { etag: known.etag }) }]);
}

describe('a request is on record with who made it', () => {
  it('by name as well, where names are kept', async () => {
    await start({ REMEDIATE_ACR_DISABLE_ADMIN_USER: 'approve' });
    scene.violate(engine);
    await engine.settle();

    await ask(
      engine,
      'approve',
      { ...asSeen(engine, scene), comment: '' },
      { ...ALICE, name: 'alice@contoso.example' },
    );
    await engine.settle();

    const [approval] = engine.audit('approval');
    expect(approval).toMatchObject({ actor: ALICE.id, actorName: 'alice@contoso.example', actorType: 'User' });
    expect(approval).not.toHaveProperty('error');
    expect(engine.audit('intent')).toMatchObject([{ actorName: 'alice@contoso.example' }]);
    expectInvariants();
  });

  it('or nothing is done: the audit has to take it first', async () => {
    let isBroken = false;
    await start(
      { REMEDIATE_ACR_DISABLE_ADMIN_USER: 'approve' },
      {
        wrapContext: (context) => ({
          ...context,
          audit: new Proxy(context.audit, {
            get: (log, property) =>
              isBroken && property === 'append'
                ? async () => await Promise.reject(new DockwardenError('STORAGE_UNAVAILABLE', 'no table'))
                : Reflect.get(log, property),
          }),
        }),
      },
    );
    scene.violate(engine);
    await engine.settle();
    const seen = asSeen(engine, scene);
    isBroken = true;

    await expect(ask(engine, 'approve', seen)).rejects.toThrow('no table');
    await expect(ask(engine, 'reject', { ...seen, reason: 'no' })).rejects.toThrow('no table');
    await expect(ask(engine, 'approve', {})).rejects.toThrow('no table');
    isBroken = false;
    await engine.settle();

    expect(engine.tables.guards.rows.filter(({ partitionKey }) => partitionKey === 'approval')).toEqual([]);
    expect(engine.mutations()).toEqual([]);
    expectInvariants();
  });
});

describe('what an approval is about', () => {
  it('a finding that was never decided does not wait for one', async () => {
    await start();
    await save({ evidence: '{"adminUserEnabled":true}' });

    const answer = await ask(engine, 'approve', asSeen(engine, scene));

    expect(answer).toMatchObject({ status: 409, code: 'not-awaiting-approval' });
    expect(answer.message).toContain('nothing (no reason)');
  });

  it('one without evidence can be approved as it was seen', async () => {
    await start({ REMEDIATE_ACR_DISABLE_ADMIN_USER: 'approve' });
    await save({ decision: 'await-approval', reason: 'mode-approve' });

    expect(await ask(engine, 'approve', asSeen(engine, scene))).toMatchObject({ result: 'accepted' });
    expect(engine.audit('approval')[0]).not.toHaveProperty('evidence');
    await engine.settle();
    expect(engine.mutations()).toEqual([]);
  });

  it('of a policy that nothing fixes any more: valid from now on, and never used', async () => {
    await start({}, { wrapContext: (context) => ({ ...context, remediations: [] }) });
    await save({ decision: 'await-approval', reason: 'mode-approve', evidence: '{"adminUserEnabled":true}' });

    const answer = await ask(engine, 'approve', asSeen(engine, scene));
    await engine.settle();

    expect(answer).toMatchObject({ result: 'accepted', message: 'approved until 2026-11-24T10:00:01.000Z' });
    expect(engine.mutations()).toEqual([]);
  });

  it('of a fix whose window never opens: valid from now on', async () => {
    await start({ REMEDIATE_ACR_DISABLE_ADMIN_USER: 'approve', FREEZE_DATES: '2026-01-01/2099-12-31' });
    scene.violate(engine);
    await engine.settle();

    const answer = await ask(engine, 'approve', asSeen(engine, scene));
    await engine.settle();

    expect(answer).toMatchObject({ message: 'approved until 2026-11-24T10:00:01.000Z' });
    expect(findingOf(engine, scene)).toMatchObject({ decision: 'defer', reason: 'frozen' });
    expect(engine.mutations()).toEqual([]);
  });
});

describe('a worker answers a request that should not have reached it', () => {
  it('an undo whose run is about another resource', async () => {
    await start();
    const runId = await fix();
    const other = parseResourceId(sampleId('contosoci'));
    engine.simulator.state.put({
      ...engine.simulator.state.get(target.id),
      id: other.id,
      name: other.name,
      type: other.type,
    });
    const mutations = engine.mutations().length;

    await demand({ action: 'undo', runId }, ALICE.id, other);

    expect(answersOf(engine)).toMatchObject([
      { reason: 'refused-other-resource', resourceName: 'contosoci', actor: ALICE.id, previousRunId: runId },
    ]);
    expect(engine.mutations()).toHaveLength(mutations);
    expectInvariants();
  });

  it('an undo of a run of a policy that this version does not know', async () => {
    let known = policies;
    await start({}, { wrapContext: (context) => ({ ...context, policies: known }) });
    const runId = await fix();
    const mutations = engine.mutations().length;
    known = policies.filter(({ id }) => id !== scene.policyId);

    await demand({ action: 'undo', runId }, ALICE.id);

    expect(answersOf(engine)).toMatchObject([{ reason: 'refused-unknown-policy' }]);
    expect(engine.mutations()).toHaveLength(mutations);
  });

  it('an undo of which nobody knows who wants it: done, by somebody unknown', async () => {
    await start();
    const runId = await fix();
    const before = await demand({ action: 'undo', runId });

    expect(answersOf(engine)).toMatchObject([{ reason: 'undone', actor: 'unknown', causeId: before }]);
    expect(findingOf(engine, scene)).toMatchObject({ undoneBy: 'unknown' });
    await demand({ action: 'undo', runId });
    expect(answersOf(engine).at(-1)).toMatchObject({ reason: 'refused-already-undone', actor: 'unknown' });
    expectInvariants();
  });

  it('an undo of a run that there never was', async () => {
    await start();
    scene.violate(engine);
    await engine.settle();

    await demand({ action: 'undo', runId: ulid() }, ALICE.id);

    expect(answersOf(engine)).toMatchObject([{ reason: 'refused-run-not-found' }]);
    expectInvariants();
  });

  it('an operator’s request that asks for nothing but a look', async () => {
    await start();
    await fix();
    const rows = engine.audit().length;

    await demand(undefined);

    expect(engine.audit()).toHaveLength(rows);
    expectInvariants();
  });

  it('a release of what is not in quarantine any more: on record, and without effect', async () => {
    await start();
    const runId = await fix();

    await demand({ action: 'release', policyId: scene.policyId }, ALICE.id);

    const row = engine.audit('operator').find(({ reason }) => reason === 'quarantine-released');
    expect(row).toMatchObject({ policyId: scene.policyId, actor: ALICE.id });
    expect(row).not.toHaveProperty('error');
    expect(findingOf(engine, scene)).toMatchObject({ status: 'closed', lastRunId: runId });
    expectInvariants();
  });
});

/** A fix, and a violation that is in quarantine for an hour because it was reversed. */
async function quarantine(changes: Environment = {}): Promise<void> {
  await start({ WAR_REVERTS: '1', ...changes });
  await fix();
  engine.clock.advance(60_000);
  scene.violate(engine);
  await engine.settle(1000);
  expect(findingOf(engine, scene)).toMatchObject({ decision: 'quarantine' });
}

describe('a request in the row of a resource that the app has not put on record does nothing', () => {
  it('an undo: no call, no run, no answer in anybody’s name', async () => {
    await start();
    const runId = await fix();
    const mutations = engine.mutations().length;

    await slipIn('forged', { action: 'undo', runId });
    await engine.settle();

    expect(engine.mutations()).toHaveLength(mutations);
    expect(scene.isFixed(engine)).toBe(true);
    expect(answersOf(engine)).toEqual([]);
    expectInvariants();
  });

  it('a release: the quarantine goes on', async () => {
    await quarantine();
    const before = findingOf(engine, scene);

    await slipIn('forged', { action: 'release', policyId: scene.policyId });
    await engine.settle(1000);

    expect(findingOf(engine, scene)).toMatchObject({ decision: 'quarantine', reverts: before?.reverts });
    expect(findingOf(engine, scene)?.quarantinedUntil).toBe(before?.quarantinedUntil);
    expect(engine.audit('operator')).toEqual([]);
    expect(scene.isFixed(engine)).toBe(false);
  });

  it.each([
    ['about another resource', { resourceId: sampleId('contosoci') }, undefined],
    ['about another run', { resourceId: target.id }, ulid()],
  ])('nor does one whose record is %s', async (_what, columns, otherRun) => {
    await start();
    const runId = await fix();
    const mutations = engine.mutations().length;

    await putOnRecord('forged', { action: 'undo', runId: otherRun ?? runId }, { ...columns, actor: ALICE.id });
    await slipIn('forged', { action: 'undo', runId });
    await engine.settle();

    expect(engine.mutations()).toHaveLength(mutations);
    expect(answersOf(engine)).toEqual([]);
  });

  it('nor does a release of another policy than the record is about', async () => {
    await quarantine();

    await putOnRecord('forged', { action: 'release', policyId: 'another' }, { resourceId: target.id, actor: ALICE.id });
    await slipIn('forged', { action: 'release', policyId: scene.policyId });
    await engine.settle(1000);

    expect(findingOf(engine, scene)).toMatchObject({ decision: 'quarantine' });
    expect(engine.audit('operator').map(({ reason }) => reason)).toEqual(['release-asked']);
  });

  it.each([
    ['may not be read', 403],
    ['is gone', 404],
  ])('and an undo that the app did not see gets no answer either while the resource %s', async (_what, status) => {
    await start();
    const runId = await fix();
    engine.simulator.faults.add({
      method: 'GET',
      path: /\/registries\/contosoacr\?/i,
      caller: 'dockwarden',
      times: Infinity,
      effect: { kind: 'answer', status, body: { error: { code: 'Refused', message: 'refused' } } },
    });

    await slipIn('forged', { action: 'undo', runId });
    await engine.settle();

    expect(answersOf(engine)).toEqual([]);
  });

  it.each(['undo', 'release'] as const)(
    'and one whose record was damaged does nothing, and the resource is treated on: %s',
    async (action) => {
      await quarantine();
      const [runId = ''] = runsWith(engine, 'fixed');
      const body = action === 'undo' ? { runId } : { resourceId: target.id, policyId: scene.policyId };
      await ask(engine, action, body);
      const row = engine.tables.audit.rows.find(({ columns }) => columns['stage'] === 'operator');
      if (row === undefined) throw new Error('no record');
      await engine.tables.audit.replace(row, { ...row.columns, stage: 'nonsense' }, row.etag);

      await runHost(engine, { untilMs: 2 * HOUR });

      expect(engine.poison).toEqual([]);
      expect(engine.tables.audit.rows.filter(({ columns }) => columns['stage'] === 'undo')).toEqual([]);
      // The quarantine has ended by itself.
      expect(scene.isFixed(engine)).toBe(true);
    },
  );

  it('and who asked is who the record says, whatever the row says', async () => {
    await start();
    const runId = await fix();

    await demand({ action: 'undo', runId }, ALICE.id);

    expect(answersOf(engine)).toMatchObject([{ reason: 'undone', actor: ALICE.id }]);
    expect(engine.audit('intent').find(({ reason }) => reason === 'undo')).toMatchObject({ approvedBy: ALICE.id });
    expect(findingOf(engine, scene)).toMatchObject({ undoneBy: ALICE.id });
    expectInvariants();
  });
});

describe('requests that wait for one resource', () => {
  const TOO_MANY = { result: 'refused', status: 409, code: 'too-many-requests' };

  it('are eight at most; the ninth is refused on record, and all eight are answered', async () => {
    await start();
    const runId = await fix();
    engine.simulator.state.patch(target.id, { properties: { provisioningState: 'Updating' } });
    for (let count = 0; count < 8; count += 1)
      expect(await ask(engine, 'undo', { runId })).toMatchObject({ result: 'accepted' });
    await engine.drain();

    expect(await ask(engine, 'undo', { runId })).toMatchObject(TOO_MANY);
    expect(await ask(engine, 'undo', { runId })).toMatchObject(TOO_MANY);
    const asked = () => engine.audit('operator').filter(({ reason }) => reason === 'undo-asked');
    expect(asked()).toHaveLength(8);
    expect(engine.audit('operator').filter(({ reason }) => reason === 'refused-too-many-requests')).toHaveLength(2);
    engine.simulator.state.patch(target.id, { properties: { provisioningState: 'Succeeded' } });
    await engine.settle();

    expect(answersOf(engine)).toHaveLength(8);
    expect(new Set(answersOf(engine).map(({ causeId }) => causeId))).toEqual(
      new Set(asked().map(({ causeId }) => causeId)),
    );
    expect(answersOf(engine).filter(({ reason }) => reason === 'undone')).toHaveLength(1);
    expect(await ask(engine, 'undo', { runId })).toMatchObject({ result: 'accepted' });
    await engine.settle();
    expectInvariants();
  });

  it('count together, whatever they ask for', async () => {
    await quarantine();
    for (let count = 0; count < 8; count += 1)
      expect(await ask(engine, 'release', { resourceId: target.id, policyId: scene.policyId })).toMatchObject({
        result: 'accepted',
      });

    expect(await ask(engine, 'release', { resourceId: target.id, policyId: scene.policyId })).toMatchObject(TOO_MANY);
    expect(await ask(engine, 'undo', { runId: runsWith(engine, 'fixed')[0] })).toMatchObject(TOO_MANY);
    await engine.settle();

    expect(engine.audit('operator').filter(({ reason }) => reason === 'quarantine-released')).toHaveLength(8);
    expect(scene.isFixed(engine)).toBe(true);
    expectInvariants();
  });

  it('are none where nobody has worked on the resource yet', async () => {
    await start();
    await save({ decision: 'quarantine', quarantinedUntil: '2026-11-24T00:00:00.000Z' });

    const answer = await ask(engine, 'release', { resourceId: target.id, policyId: scene.policyId });
    await engine.settle();

    expect(answer).toMatchObject({ result: 'accepted' });
    const reasons = engine.audit('operator').map(({ reason }) => reason);
    expect(new Set(reasons)).toEqual(new Set(['release-asked', 'quarantine-released']));
    expect(reasons).toHaveLength(2);
    expectInvariants();
  });

  it('are lost by no number of events that come after them', async () => {
    await start();
    const runId = await fix();
    engine.simulator.state.patch(target.id, { properties: { provisioningState: 'Updating' } });
    await ask(engine, 'undo', { runId });
    await engine.drain();
    const operationName = 'Microsoft.ContainerRegistry/registries/regenerateCredential/action';
    for (let count = 0; count < 17; count += 1)
      await acceptEvents(engine.context(), {
        id: `action-${count}`,
        topic: '/subscriptions/x',
        subject: target.id,
        eventType: 'Microsoft.Resources.ResourceActionSuccess',
        eventTime: engine.clock.now().toISOString(),
        data: { resourceUri: target.id, operationName },
      });
    engine.simulator.state.patch(target.id, { properties: { provisioningState: 'Succeeded' } });
    await engine.settle();

    expect(answersOf(engine)).toMatchObject([{ reason: 'undone' }]);
    expectInvariants();
  });

  it('do not multiply the wake-ups of a resource that has to wait', async () => {
    await start();
    const runId = await fix();
    engine.simulator.state.patch(target.id, { properties: { provisioningState: 'Updating' } });
    await ask(engine, 'undo', { runId });
    await engine.drain();
    for (let count = 0; count < 10; count += 1) {
      engine.clock.advance(1000);
      engine.simulator.as('automation').patch(target.id, { tags: { count: String(count) } });
      engine.simulator.state.patch(target.id, { properties: { provisioningState: 'Updating' } });
      await engine.deliverEvents();
      await engine.drain();
    }

    await engine.settle(HOUR);

    expect(engine.queue.length).toBeLessThanOrEqual(1);
  });
});

async function beginPass(context: EngineContext): Promise<ResourcePass> {
  await acceptEvents(context, engine.events.splice(0));
  const acquired = await WorkLease.acquire(context.work, context.clock, target, 'me', {});
  if (acquired.result !== 'leased') throw new Error(acquired.result);
  return await ResourcePass.begin(context, target, acquired.lease);
}

function undoneBy(remediationRunId: string) {
  return {
    requestId: 'r1',
    requestedAt: '2026-11-23T10:00:00.000Z',
    actor: ALICE.id,
    record: { remediationRunId, reason: 'undone' },
  };
}

describe('the answer to an undo is written once', () => {
  it('the first one stands, whatever an other run says', async () => {
    await start();
    scene.violate(engine);
    const pass = await beginPass(engine.context());

    await answerUndo(pass, undoneBy('one'));
    await answerUndo(pass, undoneBy('one'));
    await answerUndo(pass, undoneBy('two'));

    expect(engine.audit('undo')).toMatchObject([{ remediationRunId: 'one' }]);
  });

  it('a table that fails is no answer', async () => {
    await start();
    scene.violate(engine);
    const context = engine.context();
    const pass = await beginPass({
      ...context,
      audit: {
        ...context.audit,
        append: async () => await Promise.reject(new DockwardenError('STORAGE_UNAVAILABLE', 'no table')),
      },
    });

    await expect(answerUndo(pass, undoneBy('one'))).rejects.toThrow('no table');
    expect(engine.audit('undo')).toEqual([]);
  });
});

describe('the end of an undo that this version cannot perform', () => {
  it('values that are too large to be put back are refused', async () => {
    await start();
    const runId = await fix();
    const row = engine.tables.audit.rows.find(({ rowKey }) => rowKey.endsWith(`${runId}_outcome`));
    const before = JSON.stringify({ '/properties/adminUserEnabled': 'x'.repeat(20_000) });
    await engine.tables.audit.putAll(row?.partitionKey ?? '', [
      { rowKey: row?.rowKey ?? '', columns: { ...row?.columns, before } },
    ]);
    const mutations = engine.mutations().length;

    expect(await ask(engine, 'undo', { runId })).toMatchObject({ status: 409, code: 'values-too-large' });
    await engine.settle();

    expect(engine.mutations()).toHaveLength(mutations);
    expect(remediations.some(({ id }) => id === scene.remediationId)).toBe(true);
  });
});

describe('a reset of the breaker', () => {
  const GUARD = `remediation/${scene.remediationId}`;

  /** Something that the guards have counted. */
  async function count(): Promise<void> {
    await fix();
    scene.violate(engine);
    await engine.settle();
  }

  it('wakes only open findings of its own that the breaker held back, and passes over rows that cannot be read', async () => {
    await start();
    await count();
    await save({ reason: 'breaker-open', decision: 'defer' });
    const context = engine.context();
    const other = parseResourceId(sampleId('contosoci'));
    const finding: Finding = {
      ...findingOf(engine, scene),
      resourceId: other.id,
      subscriptionId: other.subscriptionId,
      policyId: scene.policyId,
      severity: 'high',
      status: 'open',
      verdict: 'violation',
      since: engine.clock.now().toISOString(),
      updated: engine.clock.now().toISOString(),
      attempts: 0,
    };
    await context.findings.save(other, [
      { item: { ...finding, reason: 'mode-observe' } },
      { item: { ...finding, policyId: 'acr-second-password-fresh', reason: 'breaker-cap' } },
      { item: { ...finding, policyId: 'of-another-version', reason: 'breaker-cap', resourceId: 'no id' } },
    ]);
    await context.findings.save(parseResourceId(sampleId('contosobuild')), [
      { item: { ...finding, resourceId: 'no id', reason: 'breaker-cap' } },
    ]);
    const [row] = engine.tables.findings.rows;
    await engine.tables.findings.putAll('damaged', [{ rowKey: 'x', columns: { ...row?.columns, verdict: 'perhaps' } }]);

    const answer = await ask(engine, 'reset', { breaker: GUARD });

    expect(answer).toMatchObject({ result: 'accepted', message: expect.stringContaining('1 findings') });
    expect(engine.queue.map(({ text }) => text)).toEqual([expect.stringContaining('contosoacr')]);
    const whole = await ask(engine, 'reset', { breaker: `subscription/${target.subscriptionId}`, reason: 'all clear' });
    expect(whole).toMatchObject({ result: 'accepted', message: expect.stringContaining('2 findings') });
    expect(engine.audit('operator').map(({ reason, error }) => `${reason} ${error}`)).toEqual([
      `reset-asked subscription/${target.subscriptionId}: all clear`,
      `reset-asked ${GUARD}`,
    ]);
  });
});

describe('a reset of what is no breaker', () => {
  it.each([
    'subscription/',
    'subscription/x',
    `subscription/${'-'.repeat(36)}`,
    `subscription/${target.subscriptionId}/`,
    `subscription/${target.subscriptionId}#`,
    `subscription/../${target.subscriptionId}`,
    `subscription/${target.subscriptionId.replace('4', 'g')}`,
    `subscription/${target.subscriptionId.replaceAll('-', '')}`,
    'subscription/%2F',
    `subscription/${'a'.repeat(2000)}`,
    'subscription/a\u0000b',
    `Subscription/${target.subscriptionId}`,
    'remediation/acr-open-doors',
    'remediation/',
    'x',
    '',
  ])('is refused on record, and asks no table: %j', async (breaker) => {
    const asked: string[] = [];
    await start(
      {},
      {
        wrapContext: (context) => ({
          ...context,
          breakers: {
            ...context.breakers,
            reset: async (guard) => {
              asked.push(guard);
              return await context.breakers.reset(guard);
            },
          },
        }),
      },
    );

    const answer = await ask(engine, 'reset', { breaker, reason: 'no reason' });

    expect(answer).toMatchObject({ result: 'refused' });
    expect(asked).toEqual([]);
    expect(engine.audit('operator').map(({ reason }) => reason)).toEqual([
      `refused-${'code' in answer ? answer.code : ''}`,
    ]);
  });
});

/** A quarantine after the first reversal, and its release with a mishap; whoever gets no answer asks once more. */
async function releaseWith(boundary: Boundary, armed: Parameters<Boundary['arm']>[0]): Promise<EngineHarness> {
  await start({ WAR_REVERTS: '1' }, { wrapContext: boundary.wrapContext });
  boundary.watch(engine.simulator);
  scene.violate(engine);
  await runHost(engine, { hasDied: () => boundary.hasDied, untilMs: HOUR });
  engine.clock.advance(60_000);
  scene.violate(engine);
  await runHost(engine, { hasDied: () => boundary.hasDied, untilMs: 60_000 });
  boundary.arm(armed);
  for (let isAnswered = false; !isAnswered; ) {
    try {
      await ask(engine, 'release', { resourceId: target.id, policyId: scene.policyId });
      isAnswered = true;
    } catch {
      engine.clock.advance(1000);
    }
  }
  // Less than the quarantine of an hour.
  await runHost(engine, { hasDied: () => boundary.hasDied, untilMs: 30 * 60_000 });
  return engine;
}

const learnt = new Boundary();
const learning = await releaseWith(learnt, []);
const releaseCalls = [...learnt.calls];
const happy = { status: findingOf(learning, scene)?.status, fixed: runsWith(learning, 'fixed').length };
await learning.stop();

describe('the release of a quarantine survives', () => {
  it('that nothing goes wrong', async () => {
    await start();
    expect(releaseCalls.length).toBeGreaterThanOrEqual(12);
    expect(happy).toEqual({ status: 'closed', fixed: 2 });
  });

  for (const mishap of mishaps) {
    it.each(releaseCalls.map((call, index) => ({ call, at: index + 1 })))(
      `call $at, $call, that ${mishap}`,
      async ({ at }) => {
        const boundary = new Boundary();
        await releaseWith(boundary, [[at, mishap]]);

        expect(scene.isFixed(engine)).toBe(true);
        expect(runsWith(engine, 'fixed')).toHaveLength(2);
        const released = engine.audit('operator').filter(({ reason }) => reason === 'quarantine-released');
        expect(released.length).toBeGreaterThanOrEqual(1);
        // The look at the end of the quarantine was planned before, and finds nothing to do.
        await runHost(engine, { hasDied: () => boundary.hasDied });
        expect(runsWith(engine, 'fixed')).toHaveLength(2);
        expectInvariants();
      },
    );
  }
});

/** An audit that fails whoever looks for a row. */
function unreadableAudit(code: ErrorCode): AuditLog {
  return {
    append: async () => await Promise.resolve(true),
    find: async () => await Promise.reject(new DockwardenError(code, 'planted')),
    list: () => {
      throw new Error('nobody lists');
    },
  };
}

describe('an answer that was damaged', () => {
  const key = auditKey(new Date('2026-11-23T10:00:00Z'), 'request', 'undo');

  it('was given all the same', async () => {
    expect(await isWritten(unreadableAudit('INPUT_INVALID_ROW'), key)).toBe(true);
  });

  it('is another thing than a table that does not answer', async () => {
    const answer = isWritten(unreadableAudit('STORAGE_UNAVAILABLE'), key);

    await expect(answer).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
  });
});
