import { ulid } from 'ulid';
import { afterEach, describe, expect, it } from 'vitest';
import { sampleId } from '../../local/azure/sample-subscription.ts';
import { acceptEvents, markDirty } from '../../src/engine/accept.ts';
import type { EngineContext } from '../../src/engine/ports.ts';
import { ResourcePass } from '../../src/engine/resource-pass.ts';
import { answerUndo } from '../../src/engine/undo-answer.ts';
import { WorkLease } from '../../src/engine/work-lease.ts';
import { DockwardenError } from '../../src/errors.ts';
import type { Cause } from '../../src/events/cause.ts';
import type { Finding } from '../../src/findings/findings.ts';
import { policies } from '../../src/policy/catalogue.ts';
import { remediations } from '../../src/remediations/catalogue.ts';
import { parseResourceId } from '../../src/resources/resource-id.ts';
import type { Environment } from '../../src/settings/settings.ts';
import { ALICE, answersOf, ask, asSeen, findingOf, HOUR, runsWith, seedOf } from '../acceptance/operator-requests.ts';
import { disableAdminUser } from '../acceptance/remediation-scenes.ts';
import { expectRecordedMutations, expectSettled } from '../support/audit-invariants.ts';
import { Boundary, mishaps } from '../support/boundary.ts';
import { ENFORCING, type EngineHarness, type EngineHarnessOptions, startEngine } from '../support/engine-harness.ts';
import { runHost } from '../support/host-delivery.ts';

const scene = disableAdminUser;
const target = parseResourceId(scene.resourceId);

let engine: EngineHarness;

afterEach(async () => {
  await engine.stop();
});

async function start(changes: Environment = {}, options: EngineHarnessOptions = {}): Promise<void> {
  engine = await startEngine({
    environment: { ...ENFORCING, ...scene.environment, ...changes },
    seed: seedOf(scene),
    ...options,
  });
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

/** A request that reaches the worker without having been looked at by `review`, as another version might have let it pass. */
async function demand(request: Cause['request'], actor?: Cause['actor']): Promise<string> {
  engine.clock.advance(1000);
  const id = ulid(engine.clock.now().getTime());
  await markDirty(engine.context(), target, {
    kind: 'operator',
    id,
    time: engine.clock.now().toISOString(),
    ...(request !== undefined && { request }),
    ...(actor !== undefined && { actor }),
  });
  await engine.settle();
  return id;
}

/** Puts a finding into the table as it is. */
async function save(changes: Partial<Finding>): Promise<void> {
  const now = engine.clock.now().toISOString();
  await engine.context().findings.save(target, [
    {
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
    },
  ]);
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

    await markDirty(engine.context(), other, {
      kind: 'operator',
      id: 'r1',
      time: engine.clock.now().toISOString(),
      actor: { id: ALICE.id },
      request: { action: 'undo', runId },
    });
    await engine.settle();

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

    await demand({ action: 'undo', runId }, { id: ALICE.id });

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

    await demand({ action: 'undo', runId: ulid() }, { id: ALICE.id });

    expect(answersOf(engine)).toMatchObject([{ reason: 'refused-run-not-found' }]);
    expectInvariants();
  });

  it('an operator’s request that asks for nothing but a look', async () => {
    await start();
    await fix();
    const rows = engine.audit().length;

    await demand(undefined, { id: ALICE.id });

    expect(engine.audit()).toHaveLength(rows);
    expectInvariants();
  });

  it('a release of what is not in quarantine any more: on record, and without effect', async () => {
    await start();
    const runId = await fix();

    await demand({ action: 'release', policyId: scene.policyId }, { id: ALICE.id });

    const row = engine.audit('operator').find(({ reason }) => reason === 'quarantine-released');
    expect(row).toMatchObject({ policyId: scene.policyId, actor: ALICE.id });
    expect(row).not.toHaveProperty('error');
    expect(findingOf(engine, scene)).toMatchObject({ status: 'closed', lastRunId: runId });
    expectInvariants();
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
      since: '',
      updated: '',
      attempts: 0,
    };
    await context.findings.save(other, [
      { ...finding, reason: 'mode-observe' },
      { ...finding, policyId: 'acr-second-password-fresh', reason: 'breaker-cap' },
      { ...finding, policyId: 'of-another-version', reason: 'breaker-cap', resourceId: 'no id' },
    ]);
    await context.findings.save(parseResourceId(sampleId('contosobuild')), [
      { ...finding, resourceId: 'no id', reason: 'breaker-cap' },
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
