import { ulid } from 'ulid';
import { afterEach, describe, expect, it } from 'vitest';
import { sampleId } from '../../local/azure/sample-subscription.ts';
import type { Seed } from '../../local/azure/simulator.ts';
import type { AuditRecord } from '../../src/audit/audit-log.ts';
import type { EngineContext } from '../../src/engine/ports.ts';
import { reconcile } from '../../src/engine/reconcile.ts';
import { type ReviewAction, reviewActions } from '../../src/engine/review.ts';
import { DockwardenError } from '../../src/errors.ts';
import { parseWorkMessage } from '../../src/events/work-message.ts';
import { remediations } from '../../src/remediations/catalogue.ts';
import type { Environment } from '../../src/settings/settings.ts';
import { expectRecordedMutations, expectSettled } from '../support/audit-invariants.ts';
import { Boundary, type Mishap, mishaps } from '../support/boundary.ts';
import { ENFORCING, type EngineHarness, type EngineHarnessOptions, startEngine } from '../support/engine-harness.ts';
import { runHost } from '../support/host-delivery.ts';
import { ALICE, ask, asSeen, BOB, DAY, findingOf, HOUR, KEY, lastOutcome, seedOf, sweep } from './operator-requests.ts';
import {
  addRequiredTags,
  disableAdminUser,
  listTested,
  rotateSecondPassword,
  type Scene,
  scenes,
} from './remediation-scenes.ts';

const MINUTE = 60_000;
const CAROL = { id: '00000000-0000-4000-8000-00000000ca01', type: 'User' } as const;

let engine: EngineHarness;

afterEach(async () => {
  await engine.stop();
});

function settingOf({ remediationId }: Scene): string {
  return `REMEDIATE_${remediationId.toUpperCase().replaceAll('-', '_')}`;
}

function environmentOf(scene: Scene, changes: Environment = {}): Environment {
  return { ...ENFORCING, ...scene.environment, [settingOf(scene)]: 'approve', ...changes };
}

async function start(scene: Scene, changes: Environment = {}, options: EngineHarnessOptions = {}): Promise<void> {
  engine = await startEngine({ environment: environmentOf(scene, changes), seed: seedOf(scene), ...options });
}

/** A violation that waits for an approval. */
async function startWaiting(
  scene: Scene,
  changes: Environment = {},
  options: EngineHarnessOptions = {},
): Promise<ReturnType<typeof asSeen>> {
  await start(scene, changes, options);
  scene.violate(engine);
  await engine.settle();
  expect(findingOf(engine, scene)).toMatchObject({ decision: 'await-approval', reason: 'mode-approve' });
  return asSeen(engine, scene);
}

/** Somebody touches the resource, so that it is looked at again. */
async function look(scene: Scene): Promise<void> {
  const tags = engine.simulator.state.get(scene.resourceId)?.tags;
  engine.simulator.as('automation').patch(scene.resourceId, { tags: { ...tags, looked: ulid() } });
  await engine.settle();
}

const ACCEPTED = { result: 'accepted' } as const;

function expectInvariants(): void {
  expectRecordedMutations(engine);
  expectSettled(engine);
  expect(engine.poison).toEqual([]);
}

function expectUntouched(): void {
  expect(engine.mutations()).toEqual([]);
  expect(engine.audit('intent')).toEqual([]);
  expectInvariants();
}

/** Exactly one fix, by that approval. */
function expectFixedOnce(scene: Scene, approvedBy = ALICE.id): void {
  expect(scene.isFixed(engine)).toBe(true);
  expect(engine.audit('intent')).toMatchObject([{ decision: 'fix', reason: 'approved', mode: 'approve', approvedBy }]);
  expect(engine.audit('outcome')).toMatchObject([{ outcome: 'fixed' }]);
  expect(engine.mutations()).toHaveLength(scene.calls.filter(({ kind }) => kind === 'write').length);
  expectInvariants();
}

function refusals(): readonly AuditRecord[] {
  return engine.audit('operator').filter(({ reason }) => reason?.startsWith('refused-') === true);
}

describe.each(scenes)('$remediationId in mode approve', (scene) => {
  it('waits with its plan on record, and changes nothing, whatever asks', async () => {
    await startWaiting(scene);
    await look(scene);
    await sweep(engine);
    await sweep(engine);

    const [row, ...others] = engine.audit('decision');
    expect(others).toEqual([]);
    expect(row).toMatchObject({ decision: 'await-approval', reason: 'mode-approve', mode: 'approve' });
    const plan: { effect: string; result: string }[] = JSON.parse(row?.operations ?? '[]');
    const writes = plan.filter(({ effect }) => effect === 'write');
    expect(writes.map(({ result }) => result)).toEqual(
      scene.calls.filter(({ kind }) => kind === 'write').map(() => 'planned'),
    );
    expectUntouched();
  });

  it('fixes once after an approval; the intent names who gave it', async () => {
    const seen = await startWaiting(scene);

    const answer = await ask(engine, 'approve', { ...seen, comment: 'go\u0000 ahead' });
    await engine.settle();

    expect(answer).toMatchObject(ACCEPTED);
    expectFixedOnce(scene);
    expect(engine.audit('approval')).toMatchObject([
      { reason: 'granted', actor: ALICE.id, actorType: 'User', policyId: scene.policyId, error: 'go  ahead' },
    ]);
    const [intent] = engine.audit('intent');
    expect(intent).toMatchObject({ causeKind: 'operator', causeId: engine.audit('approval')[0]?.causeId });
    expect(engine.tables.guards.rows.filter(({ partitionKey }) => partitionKey === 'approval')).toMatchObject([
      { columns: { state: 'used', runId: intent?.remediationRunId, by: ALICE.id } },
    ]);
    expect(refusals()).toEqual([]);
  });

  it('a service principal and a function key can approve where one person is enough', async () => {
    const seen = await startWaiting(scene);

    expect(await ask(engine, 'approve', seen, KEY)).toMatchObject(ACCEPTED);
    await engine.settle();

    expectFixedOnce(scene, KEY.id);
  });

  it('does not take the same approval twice: not while it waits, not after the fix', async () => {
    const seen = await startWaiting(scene);
    await ask(engine, 'approve', seen);
    expect(await ask(engine, 'approve', seen)).toMatchObject({ status: 409, code: 'already-approved' });
    expect(await ask(engine, 'approve', seen, BOB)).toMatchObject({ status: 409, code: 'already-approved' });
    await engine.settle();
    expectFixedOnce(scene);

    expect(await ask(engine, 'approve', seen)).toMatchObject({ status: 404, code: 'no-open-finding' });
    await engine.settle();

    expectFixedOnce(scene);
    expect(refusals().map(({ reason }) => reason)).toHaveLength(3);
  });

  it('does not use an approval a second time after the fix was reverted', async () => {
    const seen = await startWaiting(scene);
    await ask(engine, 'approve', seen);
    const texts = engine.queue.map(({ text }) => text);
    await engine.settle();
    // A rotation is only due again when time has passed; the approval has long expired by then, which is not what holds it back.
    if (scene === rotateSecondPassword) engine.clock.advance(91 * DAY);
    const mutations = engine.mutations().length;

    scene.violate(engine);
    await engine.settle();
    await sweep(engine);
    for (const text of texts) await reconcile(engine.context(), parseWorkMessage(text), ulid());
    await engine.settle();

    expect(findingOf(engine, scene)).toMatchObject({ decision: 'await-approval', reason: 'mode-approve' });
    expect(engine.mutations()).toHaveLength(mutations);
    expect(engine.audit('intent')).toHaveLength(1);
    expectInvariants();
  });

  it('does nothing after a rejection, and says who rejected and why, until somebody approves', async () => {
    const seen = await startWaiting(scene);

    expect(await ask(engine, 'reject', { ...seen, reason: 'not before Monday' }, BOB)).toMatchObject(ACCEPTED);
    await engine.settle();
    await look(scene);
    await sweep(engine);

    expectUntouched();
    expect(findingOf(engine, scene)).toMatchObject({
      decision: 'await-approval',
      reason: 'approval-rejected',
      because: `rejected by ${BOB.id}: not before Monday`,
    });
    expect(engine.audit('approval')).toMatchObject([{ reason: 'rejected', actor: BOB.id, error: 'not before Monday' }]);

    expect(await ask(engine, 'approve', seen)).toMatchObject(ACCEPTED);
    await engine.settle();
    expectFixedOnce(scene);
  });

  it('a rejection takes back an approval that nobody has used yet', async () => {
    const seen = await startWaiting(scene);
    await ask(engine, 'approve', seen);

    expect(await ask(engine, 'reject', { ...seen, reason: 'changed my mind' })).toMatchObject(ACCEPTED);
    await engine.settle();

    expectUntouched();
    expect(findingOf(engine, scene)).toMatchObject({ reason: 'approval-rejected' });
  });

  it.each([
    ['a second before it ends', 15 * MINUTE - 1000, true],
    ['at its end', 15 * MINUTE, false],
    ['a day later', DAY, false],
  ] as const)('an approval that is first seen %s', async (_, afterMs, isValid) => {
    const seen = await startWaiting(scene, { APPROVAL_VALID: '15m' });
    await ask(engine, 'approve', seen);
    // The message is late.
    engine.clock.advance(afterMs);

    await engine.settle();

    if (isValid) {
      expectFixedOnce(scene);
      return;
    }
    expectUntouched();
    expect(findingOf(engine, scene)).toMatchObject({
      decision: 'await-approval',
      reason: 'approval-expired',
      because: expect.stringContaining(ALICE.id),
    });
    expect(await ask(engine, 'approve', seen)).toMatchObject(ACCEPTED);
    await engine.settle();
    expectFixedOnce(scene);
  });

  it.each(['observe', 'off'] as const)('the kill switch (%s) holds after an approval', async (mode) => {
    const seen = await startWaiting(scene);
    await ask(engine, 'approve', seen);
    engine.setEnvironment({ DOCKWARDEN_MODE: mode });

    await engine.settle();
    await sweep(engine);

    expectUntouched();
    expect(findingOf(engine, scene)).toMatchObject({ decision: 'observe' });
  });

  it.each(['observe', 'off'] as const)('so does its own mode (%s)', async (mode) => {
    const seen = await startWaiting(scene);
    await ask(engine, 'approve', seen);
    engine.setEnvironment({ [settingOf(scene)]: mode });

    await engine.settle();
    await sweep(engine);

    expectUntouched();
    expect(findingOf(engine, scene)).toMatchObject({ decision: 'observe' });
  });

  it('an exemption, and a fight, hold in spite of an approval', async () => {
    const seen = await startWaiting(scene);
    await ask(engine, 'approve', seen);
    const { tags } = engine.simulator.state.get(scene.resourceId) ?? {};
    const exempt = { [`dockwarden-exempt-${scene.policyId}`]: '2026-12-24;migration;OPS-1' };
    engine.simulator.state.patch(scene.resourceId, { tags: { ...tags, ...exempt } });

    await engine.settle();

    expectUntouched();
    expect(findingOf(engine, scene)).toMatchObject({ decision: 'exempt' });
  });

  it('is refused once the finding is decided otherwise', async () => {
    const seen = await startWaiting(scene);
    engine.setEnvironment({ [settingOf(scene)]: 'observe' });
    await sweep(engine);

    expect(await ask(engine, 'approve', seen)).toMatchObject({ status: 409, code: 'not-awaiting-approval' });
    expectUntouched();
    expect(refusals()).toHaveLength(1);
  });
});

describe('an approval holds for one finding as it was seen', () => {
  it('not for another resource with the same evidence', async () => {
    const other: Scene = { ...disableAdminUser, resourceId: sampleId('contosoci') };
    await start(disableAdminUser, {}, { seed: twoRegistries() });
    disableAdminUser.violate(engine);
    other.violate(engine);
    await engine.settle();
    const seen = asSeen(engine, disableAdminUser);
    expect(asSeen(engine, other).evidence).toBe(seen.evidence);

    await ask(engine, 'approve', seen);
    await engine.settle();

    expect(disableAdminUser.isFixed(engine)).toBe(true);
    expect(other.isFixed(engine)).toBe(false);
    expect(findingOf(engine, other)).toMatchObject({ decision: 'await-approval', reason: 'mode-approve' });
    expect(engine.audit('intent')).toHaveLength(1);
    expectInvariants();
  });

  it('not for another policy of the same resource', async () => {
    await start(disableAdminUser, {
      [settingOf(rotateSecondPassword)]: 'approve',
      POLICY_ACR_SECOND_PASSWORD_FRESH: 'on',
    });
    disableAdminUser.violate(engine);
    await engine.settle();
    const seen = asSeen(engine, rotateSecondPassword);
    const wrong = await ask(engine, 'approve', { ...seen, policyId: disableAdminUser.policyId });
    expect(wrong).toMatchObject({ status: 409, code: 'drifted' });

    await ask(engine, 'approve', seen);
    await engine.settle();

    expect(engine.mutations()).toHaveLength(1);
    expect(disableAdminUser.isFixed(engine)).toBe(false);
    expect(findingOf(engine, disableAdminUser)).toMatchObject({ decision: 'await-approval' });
    expectInvariants();
  });

  it.each([
    ['another resource', { resourceId: sampleId('contosoci') }],
    ['another policy', { policyId: 'acr-second-password-fresh' }],
  ])('a row that was copied from %s approves nothing', async (_, columns) => {
    const seen = await startWaiting(disableAdminUser);
    await ask(engine, 'approve', seen);
    const [row] = engine.tables.guards.rows.filter(({ partitionKey }) => partitionKey === 'approval');
    if (row === undefined) throw new Error('no approval');
    await engine.tables.guards.putAll('approval', [{ rowKey: row.rowKey, columns: { ...row.columns, ...columns } }]);

    await engine.settle();

    expectUntouched();
    expect(findingOf(engine, disableAdminUser)).toMatchObject({ decision: 'await-approval' });
  });

  it('evidence that has changed between the look and the approval: refused', async () => {
    const seen = await startWaiting(addRequiredTags);
    engine.simulator.as('automation').patch(addRequiredTags.resourceId, { tags: { env: 'prod', owner: 'team-blue' } });
    await engine.settle();

    const answer = await ask(engine, 'approve', seen);

    expect(answer).toMatchObject({ status: 409, code: 'drifted' });
    await engine.settle();
    expectUntouched();
    expect(refusals()).toMatchObject([{ reason: 'refused-drifted', actor: ALICE.id }]);
  });

  it('evidence that changes between the approval and the act: nothing is done, and the finding says why', async () => {
    const seen = await startWaiting(addRequiredTags);
    await ask(engine, 'approve', seen);
    engine.simulator.state.patch(addRequiredTags.resourceId, { tags: { owner: 'team-blue' } });

    await engine.settle();
    await sweep(engine);

    expectUntouched();
    expect(findingOf(engine, addRequiredTags)).toMatchObject({
      decision: 'await-approval',
      reason: 'approval-drifted',
    });
    expect(engine.audit('decision').map(({ reason }) => reason)).toContain('approval-drifted');
    const again = asSeen(engine, addRequiredTags);
    expect(again.evidence).not.toBe(seen.evidence);
    await ask(engine, 'approve', again);
    await engine.settle();
    expect(engine.simulator.state.get(addRequiredTags.resourceId)?.tags).toMatchObject({
      costCenter: '4711',
      owner: 'team-blue',
    });
    expectInvariants();
  });

  it('a rejection holds for the evidence that was seen: another one is asked about anew', async () => {
    const seen = await startWaiting(addRequiredTags);
    await ask(engine, 'reject', { ...seen, reason: 'the owner does it himself' });
    await engine.settle();
    expect(findingOf(engine, addRequiredTags)).toMatchObject({ reason: 'approval-rejected' });

    engine.simulator.as('automation').patch(addRequiredTags.resourceId, { tags: { owner: 'team-blue' } });
    await engine.settle();

    expect(findingOf(engine, addRequiredTags)).toMatchObject({ decision: 'await-approval', reason: 'mode-approve' });
    expectUntouched();
  });

  it('evidence that changes while a worker that died has the fix open: the run ends without a call', async () => {
    const boundary = new Boundary();
    const seen = await startWaiting(addRequiredTags, {}, { wrapContext: boundary.wrapContext });
    await ask(engine, 'approve', seen);
    dieAtWrite(boundary);
    await runHost(engine, { hasDied: () => boundary.hasDied, untilMs: 10_000 });
    engine.simulator.state.patch(addRequiredTags.resourceId, { tags: { owner: 'team-blue' } });
    const mutations = engine.mutations().length;

    await runHost(engine, { hasDied: () => boundary.hasDied });

    expect(engine.mutations()).toHaveLength(mutations);
    expect(lastOutcome(engine)).toMatchObject({ outcome: 'abandoned' });
    expect(findingOf(engine, addRequiredTags)).toMatchObject({ decision: 'await-approval' });
    expectInvariants();
  });
});

/** The next write of ours never reaches Azure, and its worker dies. */
function dieAtWrite(boundary: Boundary): void {
  engine.simulator.faults.add({
    caller: 'dockwarden',
    when: ({ method }) => method !== 'GET',
    effect: { kind: 'before', run: () => boundary.kill() },
  });
  engine.simulator.faults.add({
    caller: 'dockwarden',
    when: ({ method }) => method !== 'GET',
    effect: { kind: 'drop' },
  });
}

describe.each(scenes)('$remediationId, approved: trouble on the way needs no second approval', (scene) => {
  /** The runs follow each other, all under the one approval, and the last one fixed it. */
  function expectOneApproval(): void {
    expect(scene.isFixed(engine)).toBe(true);
    expect(findingOf(engine, scene)).toMatchObject({ status: 'closed', lastOutcome: 'fixed' });
    const intents = engine.audit('intent');
    expect(new Set(intents.map(({ approvedBy }) => approvedBy))).toEqual(new Set([ALICE.id]));
    const outcomes = engine.audit('outcome').map(({ outcome }) => outcome);
    expect(outcomes.filter((outcome) => outcome === 'fixed')).toHaveLength(1);
    expect(engine.audit('approval')).toHaveLength(1);
    expectInvariants();
  }

  it.each([
    [429, 'TooManyRequests', { 'retry-after': '120' }],
    [409, 'OperationNotAllowed', {}],
    [503, 'ServiceUnavailable', {}],
  ] as const)('%s %s twice', async (status, code, headers) => {
    const seen = await startWaiting(scene, { APPROVAL_VALID: '15m' });
    engine.simulator.faults.add({
      caller: 'dockwarden',
      when: ({ method }) => method !== 'GET',
      times: 2,
      effect: { kind: 'answer', status, headers, body: { error: { code, message: 'not now' } } },
    });
    expect(await ask(engine, 'approve', seen)).toMatchObject(ACCEPTED);

    await engine.settle();

    expectOneApproval();
  });

  it('an hour of throttling outlasts the approval, which counts for the start', async () => {
    const seen = await startWaiting(scene, { APPROVAL_VALID: '15m' });
    const fault = engine.simulator.faults.add({
      caller: 'dockwarden',
      when: ({ method }) => method !== 'GET',
      times: Infinity,
      effect: { kind: 'answer', status: 429, body: { error: { code: 'TooManyRequests', message: 'not now' } } },
    });
    await ask(engine, 'approve', seen);
    await engine.settle(HOUR);
    expect(fault.matched).toBeGreaterThan(3);
    fault.remove();

    await engine.settle();

    expectOneApproval();
  });

  it('a read that fails in between the tries', async () => {
    const seen = await startWaiting(scene);
    const throttled = { error: { code: 'TooManyRequests', message: 'not now' } };
    engine.simulator.faults.add({
      caller: 'dockwarden',
      when: ({ method }) => method !== 'GET',
      effect: {
        kind: 'after',
        run: () => {
          engine.simulator.faults.add({
            caller: 'dockwarden',
            method: 'GET',
            times: 2,
            effect: { kind: 'answer', status: 503, body: throttled },
          });
        },
      },
    });
    engine.simulator.faults.add({
      caller: 'dockwarden',
      when: ({ method }) => method !== 'GET',
      effect: { kind: 'answer', status: 429, body: throttled },
    });
    expect(await ask(engine, 'approve', seen)).toMatchObject(ACCEPTED);

    await engine.settle();

    expectOneApproval();
  });

  it('a worker that dies in the middle of the fix', async () => {
    const boundary = new Boundary();
    const seen = await startWaiting(scene, { APPROVAL_VALID: '15m' }, { wrapContext: boundary.wrapContext });
    await ask(engine, 'approve', seen);
    dieAtWrite(boundary);

    await runHost(engine, { hasDied: () => boundary.hasDied });

    expect(engine.audit('intent')).toHaveLength(1);
    expectOneApproval();
  });

  it.each(['observe', 'off'])('the kill switch (%s), thrown while the worker is dead', async (mode) => {
    const boundary = new Boundary();
    const seen = await startWaiting(scene, {}, { wrapContext: boundary.wrapContext });
    await ask(engine, 'approve', seen);
    dieAtWrite(boundary);
    await runHost(engine, { hasDied: () => boundary.hasDied, untilMs: 10_000 });
    engine.setEnvironment({ DOCKWARDEN_MODE: mode });
    const mutations = engine.mutations().length;

    await runHost(engine, { hasDied: () => boundary.hasDied });

    expect(engine.mutations()).toHaveLength(mutations);
    expect(lastOutcome(engine)).toMatchObject({ outcome: 'abandoned' });
    expectInvariants();
  });

  it('the breaker lets it wait for its turn', async () => {
    const seen = await startWaiting(scene, { BREAKER_REMEDIATION_CAP: '1', BREAKER_WINDOW: '10m' });
    const context = engine.context();
    // Another resource has used up what the window allows.
    await context.breakers.admit({
      key: 'another',
      remediationId: scene.remediationId,
      subscriptionId: 'another',
      limits: context.settings.safety.breaker,
      now: engine.clock.now(),
    });
    await ask(engine, 'approve', seen);
    await engine.settle(MINUTE);
    expect(findingOf(engine, scene)).toMatchObject({ decision: 'defer', reason: 'breaker-cap' });
    expect(engine.mutations()).toEqual([]);

    await engine.settle();

    expectOneApproval();
  });

  it('a try that was throttled, and then has to wait for its turn at the breaker', async () => {
    const seen = await startWaiting(scene, { BREAKER_REMEDIATION_CAP: '1', BREAKER_WINDOW: '10m' });
    engine.simulator.faults.add({
      caller: 'dockwarden',
      when: ({ method }) => method !== 'GET',
      effect: {
        kind: 'answer',
        status: 429,
        headers: { 'retry-after': '900' },
        body: { error: { code: 'TooManyRequests', message: 'not now' } },
      },
    });
    await ask(engine, 'approve', seen);
    await engine.drain();
    expect(engine.audit('outcome')).toMatchObject([{ outcome: 'retry' }]);
    engine.clock.advance(15 * MINUTE - 1000);
    const context = engine.context();
    await context.breakers.admit({
      key: 'another',
      remediationId: scene.remediationId,
      subscriptionId: 'another',
      limits: context.settings.safety.breaker,
      now: engine.clock.now(),
    });

    await engine.settle();

    expectOneApproval();
  });
});

describe('approvals and the maintenance window', () => {
  const scene = disableAdminUser;
  const WINDOW = `${settingOf(scene)}_WINDOW`;

  it('an approval outside it acts at its opening, and stays valid for it', async () => {
    const seen = await startWaiting(scene, { [WINDOW]: '0 22 * * *;4h;UTC', APPROVAL_VALID: '15m' });

    const answer = await ask(engine, 'approve', seen);
    await engine.settle(HOUR);

    expect(answer).toMatchObject({ ...ACCEPTED, message: 'approved until 2026-11-23T22:15:00.000Z' });
    expect(engine.mutations()).toEqual([]);
    expect(findingOf(engine, scene)).toMatchObject({
      decision: 'defer',
      reason: 'outside-window',
      notBefore: '2026-11-23T22:00:00.000Z',
    });
    await engine.settle(DAY);
    expectFixedOnce(scene);
    expect(engine.audit('intent')[0]?.time).toBe('2026-11-23T22:00:00.000Z');
  });

  it('one that misses its opening has expired', async () => {
    const seen = await startWaiting(scene, { [WINDOW]: '0 22 * * *;4h;UTC', APPROVAL_VALID: '15m' });
    await ask(engine, 'approve', seen);
    await engine.settle(HOUR);
    engine.clock.advance(Date.parse('2026-11-23T22:15:00Z') - engine.clock.now().getTime());

    await engine.settle(HOUR);

    expectUntouched();
    expect(findingOf(engine, scene)).toMatchObject({ decision: 'await-approval', reason: 'approval-expired' });
  });

  it('a freeze holds, too, and moves the end of the approval', async () => {
    const seen = await startWaiting(scene, { FREEZE_DATES: '2026-11-23/2026-11-24', APPROVAL_VALID: '1h' });

    expect(await ask(engine, 'approve', seen)).toMatchObject({ message: 'approved until 2026-11-25T01:00:00.000Z' });
    await engine.settle(HOUR);

    expect(engine.mutations()).toEqual([]);
    expect(engine.audit('intent')).toEqual([]);
    expect(findingOf(engine, scene)).toMatchObject({ decision: 'defer', reason: 'frozen' });
    engine.clock.advance(Date.parse('2026-11-25T00:00:00Z') - HOUR - engine.clock.now().getTime());
    await sweep(engine);
    expectFixedOnce(scene);
  });

  it('can be taken back while it waits for the opening', async () => {
    const seen = await startWaiting(scene, { [WINDOW]: '0 22 * * *;4h;UTC' });
    await ask(engine, 'approve', seen);
    await engine.settle(HOUR);

    expect(await ask(engine, 'reject', { ...seen, reason: 'it was the wrong one' })).toMatchObject(ACCEPTED);
    await engine.settle(2 * DAY);

    expect(engine.mutations()).toEqual([]);
    expect(findingOf(engine, scene)).toMatchObject({ decision: 'await-approval', reason: 'approval-rejected' });
    expectInvariants();
  });

  it('a fix that was throttled out of its window goes on at the next opening with the same approval', async () => {
    const seen = await startWaiting(scene, { [WINDOW]: '0 22 * * *;1h;UTC', APPROVAL_VALID: '2d' });
    engine.simulator.faults.add({
      caller: 'dockwarden',
      when: ({ method }) => method !== 'GET',
      effect: {
        kind: 'answer',
        status: 429,
        headers: { 'retry-after': '7200' },
        body: { error: { code: 'TooManyRequests', message: 'not now' } },
      },
    });
    await ask(engine, 'approve', seen);

    await engine.settle(3 * DAY);

    expect(scene.isFixed(engine)).toBe(true);
    expect(
      engine
        .audit('outcome')
        .map(({ outcome }) => `${outcome}`)
        .toSorted(),
    ).toEqual(['fixed', 'retry']);
    expectInvariants();
  });

  it('a worker that died within the window ends the run outside it without a call', async () => {
    const boundary = new Boundary();
    const seen = await startWaiting(scene, { [WINDOW]: '0 10 * * *;15m;UTC' }, { wrapContext: boundary.wrapContext });
    await ask(engine, 'approve', seen);
    dieAtWrite(boundary);
    await runHost(engine, { hasDied: () => boundary.hasDied, untilMs: 10_000 });
    engine.clock.advance(20 * MINUTE);
    const mutations = engine.mutations().length;

    await runHost(engine, { hasDied: () => boundary.hasDied, untilMs: HOUR });

    expect(engine.mutations()).toHaveLength(mutations);
    expect(lastOutcome(engine)).toMatchObject({ outcome: 'abandoned', reason: 'outside-window' });
    expectRecordedMutations(engine);
  });
});

describe('the notice before a fix', () => {
  const scene = disableAdminUser;
  const GRACE = 'GRACE_ACR_DISABLE_ADMIN_USER';

  it('is what an approval is in mode approve: nothing waits any longer', async () => {
    const seen = await startWaiting(scene, { [GRACE]: '24h' });

    expect(await ask(engine, 'approve', seen)).toMatchObject(ACCEPTED);
    await engine.settle();

    expectFixedOnce(scene);
  });

  it('counts from the first detection, however often it is looked at, and the fix follows by itself', async () => {
    await start(scene, { [settingOf(scene)]: 'enforce', [GRACE]: '12h' });
    scene.violate(engine);
    await engine.settle(0);
    engine.clock.advance(6 * HOUR);
    const tags = engine.simulator.state.get(scene.resourceId)?.tags;
    engine.simulator.as('automation').patch(scene.resourceId, { tags: { ...tags, looked: 'yes' } });
    await engine.settle(0);

    expect(engine.mutations()).toEqual([]);
    expect(findingOf(engine, scene)).toMatchObject({
      decision: 'defer',
      reason: 'notice',
      announcedAt: '2026-11-23T10:00:00.000Z',
      notBefore: '2026-11-23T22:00:00.000Z',
    });
    await engine.settle(DAY);
    expect(scene.isFixed(engine)).toBe(true);
    expect(engine.audit('intent')).toMatchObject([{ time: '2026-11-23T22:00:00.000Z' }]);
    expectInvariants();
  });

  it('is given even when no window will ever open', async () => {
    await start(scene, { [settingOf(scene)]: 'enforce', [GRACE]: '1h', FREEZE_DATES: '2026-01-01/2099-12-31' });
    scene.violate(engine);
    await engine.settle();

    expectUntouched();
    expect(findingOf(engine, scene)).toMatchObject({ reason: 'notice', because: expect.stringContaining('never') });
  });
});

describe.each(scenes)('$remediationId with APPROVAL_PERSONS=2', (scene) => {
  const TWO = { APPROVAL_PERSONS: '2' };

  it('two different people fix it, and the intent names both', async () => {
    const seen = await startWaiting(scene, TWO);

    expect(await ask(engine, 'approve', seen)).toMatchObject({
      ...ACCEPTED,
      message: expect.stringContaining('second'),
    });
    await engine.settle();
    expect(engine.mutations()).toEqual([]);
    expect(findingOf(engine, scene)).toMatchObject({ decision: 'await-approval', reason: 'approval-pending' });
    expect(await ask(engine, 'approve', seen, BOB)).toMatchObject(ACCEPTED);
    await engine.settle();

    expectFixedOnce(scene, `${ALICE.id} and ${BOB.id}`);
    expect(new Set(engine.audit('approval').map(({ reason }) => reason))).toEqual(new Set(['pending', 'granted']));
  });

  it('the same person twice is refused, and a key is, first and second', async () => {
    const seen = await startWaiting(scene, TWO);

    expect(await ask(engine, 'approve', seen, KEY)).toMatchObject({ status: 409, code: 'person-required' });
    await ask(engine, 'approve', seen);
    expect(await ask(engine, 'approve', seen)).toMatchObject({ status: 409, code: 'second-person-required' });
    expect(await ask(engine, 'approve', seen, KEY)).toMatchObject({ status: 409, code: 'person-required' });
    expect(await ask(engine, 'approve', seen, { id: BOB.id, type: 'ServicePrincipal' })).toMatchObject({
      code: 'person-required',
    });
    await engine.settle();

    expectUntouched();
    expect(refusals()).toHaveLength(4);
  });

  it('both at the same moment: one of them is the second, or is told to look again', async () => {
    const seen = await startWaiting(scene, TWO);
    await ask(engine, 'approve', seen);

    const answers = await Promise.all([ask(engine, 'approve', seen, BOB), ask(engine, 'approve', seen, CAROL)]);
    await engine.settle();

    expect(answers.filter(({ result }) => result === 'accepted')).toHaveLength(1);
    expect(answers.filter(({ result }) => result === 'refused')).toHaveLength(1);
    expect(refusals()).toHaveLength(1);
    expect(scene.isFixed(engine)).toBe(true);
    expect(engine.audit('intent')).toHaveLength(1);
    expectInvariants();
  });

  it('a first approval that has expired, or was rejected, is none', async () => {
    const seen = await startWaiting(scene, { ...TWO, APPROVAL_VALID: '15m' });
    await ask(engine, 'approve', seen);
    engine.clock.advance(15 * MINUTE);
    expect(await ask(engine, 'approve', seen, BOB)).toMatchObject({ message: expect.stringContaining('second') });
    await ask(engine, 'reject', { ...seen, reason: 'no' }, ALICE);
    expect(await ask(engine, 'approve', seen, CAROL)).toMatchObject({ message: expect.stringContaining('second') });

    await engine.settle();

    expectUntouched();
  });

  it('raised while one person’s approval waits, a second person is needed', async () => {
    const seen = await startWaiting(scene);
    await ask(engine, 'approve', seen);
    engine.setEnvironment(TWO);
    await engine.settle();
    expectUntouched();
    expect(findingOf(engine, scene)).toMatchObject({ reason: 'approval-pending' });
    expect(await ask(engine, 'approve', seen)).toMatchObject({ code: 'second-person-required' });

    await ask(engine, 'approve', seen, BOB);
    await engine.settle();

    expectFixedOnce(scene, `${ALICE.id} and ${BOB.id}`);
  });

  it.each([KEY, { id: CAROL.id, type: 'ServicePrincipal' as const }])(
    'raised while the approval of a $type waits, that one counts for nobody',
    async (first) => {
      const seen = await startWaiting(scene);
      await ask(engine, 'approve', seen, first);
      engine.setEnvironment(TWO);
      await engine.settle();

      await ask(engine, 'approve', seen, BOB);
      await engine.settle();

      expect(findingOf(engine, scene)).toMatchObject({ reason: 'approval-pending' });
      expectUntouched();
    },
  );
});

/** Between the look at the approval and its use, somebody else writes the row. */
function withThief(context: EngineContext): EngineContext {
  const { approvals } = context;
  return {
    ...context,
    approvals: {
      get: async (...args) => await approvals.get(...args),
      put: async (...args) => await approvals.put(...args),
      async use(resource, approval, etag, runId) {
        await approvals.use(resource, approval, etag, ulid());
        return await approvals.use(resource, approval, etag, runId);
      },
    },
  };
}

function twoRegistries(): Seed {
  const seed = seedOf(disableAdminUser);
  const other = seedOf({ resourceId: sampleId('contosoci') });
  return { ...seed, resources: [...seed.resources, ...other.resources] };
}

describe.each(scenes)('$remediationId: races, and storage that fails', (scene) => {
  it('two workers at the same approval: one run', async () => {
    const seen = await startWaiting(scene);
    await ask(engine, 'approve', seen);
    const [message, ...others] = engine.queue.splice(0);
    const text = message?.text ?? '';
    // The same look once more, in case that whoever stored the answer had died before the first.
    expect(others.map(({ delayMs }) => delayMs)).toEqual([30_000]);

    await Promise.all([
      reconcile(engine.context(), parseWorkMessage(text), 'one'),
      reconcile(engine.context(), parseWorkMessage(text), 'two'),
    ]);
    await engine.settle();

    expectFixedOnce(scene);
  });

  it('an approval that another worker uses at the last moment is used up', async () => {
    let isFast = false;
    const seen = await startWaiting(scene, {}, { wrapContext: (context) => (isFast ? withThief(context) : context) });
    await ask(engine, 'approve', seen);
    isFast = true;

    await engine.settle();

    expectUntouched();
    expect(findingOf(engine, scene)).toMatchObject({ decision: 'await-approval' });
  });

  it('two operators at the same moment: one answer counts, and the other one is told', async () => {
    const seen = await startWaiting(scene);

    const answers = await Promise.all([
      ask(engine, 'approve', seen),
      ask(engine, 'reject', { ...seen, reason: 'no' }, BOB),
    ]);
    await engine.settle();

    expect(answers.map(({ result }) => result).toSorted()).toEqual(['accepted', 'refused']);
    expect(refusals()).toMatchObject([{ reason: 'refused-changed-meanwhile' }]);
    expect(engine.audit('intent')).toHaveLength(answers[0]?.result === 'accepted' ? 1 : 0);
    expectInvariants();
  });

  it.each(['get', 'use'] as const)('the table fails at %s: nothing is done, and nothing is lost', async (method) => {
    let isBroken = false;
    const seen = await startWaiting(
      scene,
      {},
      {
        wrapContext: (context) => ({
          ...context,
          approvals: new Proxy(context.approvals, {
            get: (target, property) =>
              isBroken && property === method
                ? async () => await Promise.reject(new DockwardenError('STORAGE_UNAVAILABLE', 'no table'))
                : Reflect.get(target, property),
          }),
        }),
      },
    );
    await ask(engine, 'approve', seen);
    isBroken = true;
    await runHost(engine, { untilMs: 10 * MINUTE });
    expect(engine.mutations()).toEqual([]);
    expect(engine.audit('intent')).toEqual([]);
    isBroken = false;

    await runHost(engine);

    expectFixedOnce(scene);
  });

  it.each([
    [{ state: 'approved' }],
    [{ expires: 'tomorrow' }],
    [{ evidence: undefined }],
    [{ by: 7 }],
    [{ secondBy: '{}', state: undefined }],
  ])(
    'a damaged row (%j) approves nothing; a new approval repairs it',
    async (damage: Readonly<Record<string, unknown>>) => {
      const seen = await startWaiting(scene);
      await ask(engine, 'approve', seen);
      const [row] = engine.tables.guards.rows.filter(({ partitionKey }) => partitionKey === 'approval');
      if (row === undefined) throw new Error('no approval');
      await engine.tables.guards.putAll('approval', [{ rowKey: row.rowKey, columns: { ...row.columns, ...damage } }]);

      await engine.settle();
      await sweep(engine);

      expectUntouched();
      expect(findingOf(engine, scene)).toMatchObject({ decision: 'await-approval', reason: 'approval-unreadable' });
      expect(await ask(engine, 'approve', seen)).toMatchObject(ACCEPTED);
      await engine.settle();
      expectFixedOnce(scene);
    },
  );
});

describe('requests that cannot be understood', () => {
  const evidence = '0123456789abcdef';
  const { resourceId, policyId } = disableAdminUser;
  const good = { resourceId, policyId, evidence };
  const polluted: unknown = JSON.parse(`{"__proto__":{"evidence":"${evidence}"},"resourceId":"x","policyId":"y"}`);
  const malformed: readonly (readonly [string, unknown])[] = [
    ['nothing', undefined],
    ['null', null],
    ['a number', 1],
    ['a boolean', true],
    ['an empty text', ''],
    ['JSON in a text', JSON.stringify(good)],
    ['a list', []],
    ['a list with a good one', [good]],
    ['an empty object', {}],
    ['no resource', { policyId, evidence }],
    ['no policy', { resourceId, evidence }],
    ['no evidence', { resourceId, policyId }],
    ['resource null', { ...good, resourceId: null }],
    ['resource a number', { ...good, resourceId: 1 }],
    ['resource a list', { ...good, resourceId: [resourceId] }],
    ['resource an object', { ...good, resourceId: { id: resourceId } }],
    ['resource empty', { ...good, resourceId: '' }],
    ['resource no id', { ...good, resourceId: 'contosoacr' }],
    [
      'resource of a type that is not covered',
      { ...good, resourceId: resourceId.replace('ContainerRegistry/registries', 'Storage/storageAccounts') },
    ],
    ['resource with dots', { ...good, resourceId: `${resourceId}/../contosoci` }],
    ['resource with a query', { ...good, resourceId: `${resourceId}?x=1` }],
    ['resource with a control character', { ...good, resourceId: `${resourceId}\u0000` }],
    ['resource very long', { ...good, resourceId: `${resourceId}${'x'.repeat(50_000)}` }],
    ['policy a number', { ...good, policyId: 7 }],
    ['policy a list', { ...good, policyId: [policyId] }],
    ['policy too long', { ...good, policyId: 'p'.repeat(101) }],
    ['evidence too short', { ...good, evidence: evidence.slice(1) }],
    ['evidence too long', { ...good, evidence: `${evidence}0` }],
    ['evidence in capitals', { ...good, evidence: evidence.toUpperCase() }],
    ['evidence with a line break', { ...good, evidence: `${evidence}\n` }],
    ['evidence no hex', { ...good, evidence: 'g'.repeat(16) }],
    ['evidence a number', { ...good, evidence: 1_234_567_890_123_456 }],
    ['comment a number', { ...good, comment: 1 }],
    ['comment null', { ...good, comment: null }],
    ['comment an object', { ...good, comment: {} }],
    ['an unknown member', { ...good, force: true }],
    ['a member of another action', { ...good, runId: '01KAZ1VJ3V0000000000000000' }],
    ['a polluted prototype', polluted],
  ];

  it('are refused with 400, every one is on record, and nothing happens', async () => {
    await startWaiting(disableAdminUser);
    expect(malformed.length).toBeGreaterThanOrEqual(25);

    for (const [name, body] of malformed) {
      const { result, message } = await ask(engine, 'approve', body);
      expect([name, result]).toEqual([name, 'refused']);
      expect(message).toMatch(/^check .{1,400}$/);
    }
    await engine.settle();

    expect(refusals()).toHaveLength(malformed.length);
    for (const row of refusals()) {
      expect(row).toMatchObject({ reason: 'refused-invalid-request', actor: ALICE.id, actorType: 'User' });
      expect(row.error).toMatch(/^approve: check /);
    }
    expect(new Set(refusals().map(({ causeId }) => causeId)).size).toBe(malformed.length);
    expect(engine.audit('approval')).toEqual([]);
    expectUntouched();
  });

  it.each(reviewActions)('are refused whatever they are about: %s', async (action: ReviewAction) => {
    await startWaiting(disableAdminUser);
    const bodies = [undefined, null, 1, 'x', [], {}, { runId: 7 }, { breaker: 7 }, { ...good, force: true }];
    for (const body of bodies) {
      const answer = await ask(engine, action, body);
      expect(answer).toMatchObject({ result: 'refused', status: 400, code: 'invalid-request' });
    }
    await engine.settle();

    expect(refusals()).toHaveLength(bodies.length);
    expectUntouched();
  });

  it('a rejection needs a reason that says something', async () => {
    const seen = await startWaiting(disableAdminUser);
    for (const reason of [undefined, '', '   ', '\u0000\u200b', 7, null])
      expect(await ask(engine, 'reject', { ...seen, reason })).toMatchObject({ status: 400 });
    expect(refusals()).toHaveLength(6);
    expectUntouched();
  });

  it.each<readonly [string, ReviewAction, object, number, string]>([
    ['a resource without findings', 'approve', { ...good, resourceId: sampleId('contosoci') }, 404, 'no-open-finding'],
    [
      'a policy without a finding',
      'approve',
      { ...good, policyId: 'acr-second-password-fresh' },
      404,
      'no-open-finding',
    ],
    ['a policy that nobody knows', 'reject', { ...good, policyId: 'x', reason: 'no' }, 404, 'no-open-finding'],
    ['other evidence', 'approve', good, 409, 'drifted'],
    ['other evidence', 'reject', { ...good, reason: 'no' }, 409, 'drifted'],
    ['no quarantine', 'release', { resourceId, policyId }, 409, 'not-quarantined'],
    ['no finding', 'release', { resourceId, policyId: 'x' }, 404, 'no-open-finding'],
    ['no resource', 'release', { resourceId: 'x', policyId }, 400, 'invalid-request'],
    ['no breaker', 'reset', { breaker: 'remediation/x' }, 404, 'unknown-breaker'],
    [
      'a breaker that has not counted',
      'reset',
      { breaker: 'remediation/acr-disable-admin-user' },
      404,
      'unknown-breaker',
    ],
  ])('what is understood and not obeyed is on record, too: %s, %s', async (_, action, body, status, code) => {
    await startWaiting(disableAdminUser);

    expect(await ask(engine, action, body)).toMatchObject({ result: 'refused', status, code });
    await engine.settle();

    expect(refusals()).toMatchObject([{ reason: `refused-${code}`, error: expect.stringContaining(action) }]);
    expectUntouched();
  });
});

/** An approval with a mishap somewhere; whoever gets no answer asks once more. */
async function runApproval(scene: Scene, boundary: Boundary, armed: Iterable<readonly [number, Mishap]>) {
  const run = await startEngine({
    environment: environmentOf(scene),
    seed: seedOf(scene),
    wrapContext: boundary.wrapContext,
  });
  boundary.watch(run.simulator);
  scene.violate(run);
  await runHost(run, { hasDied: () => boundary.hasDied });
  const seen = asSeen(run, scene);
  boundary.arm(armed);
  let asked = 0;
  for (let isAnswered = false; !isAnswered && asked < 5; asked += 1) {
    try {
      await ask(run, 'approve', seen);
      isAnswered = true;
    } catch {
      run.clock.advance(1000);
    }
  }
  await runHost(run, { hasDied: () => boundary.hasDied, untilMs: HOUR });
  return { run, asked };
}

const approvals = await Promise.all(
  scenes.map(async (scene) => {
    const boundary = new Boundary();
    const { run, asked } = await runApproval(scene, boundary, []);
    const calls = [...boundary.calls];
    await run.stop();
    return { scene, remediationId: scene.remediationId, calls, asked };
  }),
);

describe.each(approvals)('$remediationId: an approved fix survives', ({ scene, calls, asked: once }) => {
  it('that nothing goes wrong, over at least a dozen boundaries', async () => {
    const { run } = await runApproval(scene, new Boundary(), []);
    engine = run;
    expect(once).toBe(1);
    expect(calls.length).toBeGreaterThanOrEqual(12);
    expectFixedOnce(scene);
  });

  for (const mishap of mishaps) {
    it.each(calls.map((call, index) => ({ call, at: index + 1 })))(
      `call $at, $call, that ${mishap}`,
      async ({ at, call }) => {
        const boundary = new Boundary();
        const { run } = await runApproval(scene, boundary, [[at, mishap]]);
        engine = run;
        expect(boundary.calls[at - 1]).toBe(call);
        // Long enough for the lease, and for the sweep to take up a cause whose wake-up was never sent.
        engine.clock.advance(HOUR);
        await runHost(engine, { sweep: true, hasDied: () => boundary.hasDied });

        // Always: nothing without an approval, nothing twice, nothing left behind.
        expectInvariants();
        for (const intent of engine.audit('intent')) expect(intent.approvedBy).toBe(ALICE.id);
        const outcomes = engine.audit('outcome').map(({ outcome }) => outcome);
        expect(outcomes.filter((outcome) => outcome === 'fixed').length).toBeLessThanOrEqual(1);
        // And nothing lost: whoever was told "approved" need not approve again.
        expect(scene.isFixed(engine)).toBe(true);
        expect(findingOf(engine, scene)).toMatchObject({ status: 'closed', lastOutcome: 'fixed' });
      },
    );
  }
});

it('every remediation is approved in these tests', () => {
  expect(listTested()).toEqual(remediations.map(({ id }) => id).toSorted());
});

describe.each(scenes)('$remediationId, approved while Azure has asked for a day of patience', (scene) => {
  it('is fixed at once', async () => {
    const seen = await startWaiting(scene);
    engine.simulator.faults.add({
      method: 'GET',
      path: /\/(registries|managedClusters)\/[\w-]+\?/i,
      caller: 'dockwarden',
      effect: {
        kind: 'answer',
        status: 429,
        headers: { 'retry-after': '86400' },
        body: { error: { code: 'TooManyRequests', message: 'later' } },
      },
    });
    const tags = engine.simulator.state.get(scene.resourceId)?.tags;
    engine.simulator.as('automation').patch(scene.resourceId, { tags: { ...tags, looked: ulid() } });
    await engine.settle(1000);
    expect(engine.queue.map(({ delayMs }) => delayMs)).toEqual([DAY]);

    expect(await ask(engine, 'approve', seen)).toMatchObject(ACCEPTED);
    await engine.settle(1000);
    expect(scene.isFixed(engine)).toBe(true);
    await engine.settle(2 * DAY);

    expectFixedOnce(scene);
  });
});

/** A turn at the breaker takes so long; meanwhile somebody does something. */
function slowBreaker(ms: number, meanwhile: (turn: number) => void): EngineHarnessOptions {
  let turns = 0;
  return {
    wrapContext: (context) => ({
      ...context,
      breakers: {
        ...context.breakers,
        async admit(request) {
          turns += 1;
          engine.clock.advance(ms);
          meanwhile(turns);
          return await context.breakers.admit(request);
        },
      },
    }),
  };
}

describe.each(scenes)('$remediationId: a fix rests on a fresh read', (scene) => {
  const EXEMPT = { [`dockwarden-exempt-${scene.policyId}`]: '2026-12-20;planned;CHG1' };
  const RESOURCE = /\/(registries|managedClusters)\/[\w-]+\?/i;

  function exempt(): void {
    const tags = engine.simulator.state.get(scene.resourceId)?.tags;
    engine.simulator.state.patch(scene.resourceId, { tags: { ...tags, ...EXEMPT } });
  }

  function reads(): number {
    return engine.calls().filter((call) => call === `GET ${scene.resourceId}`).length;
  }

  it('an exemption that is set after a read of six seconds ago is seen before the first write', async () => {
    const options = slowBreaker(6000, (turn) => {
      if (turn === 1) exempt();
    });
    await start(scene, { [settingOf(scene)]: 'enforce' }, options);
    scene.violate(engine);
    await engine.settle(60_000);

    expectUntouched();
    expect(findingOf(engine, scene)).toMatchObject({ decision: 'exempt', reason: 'exempt-resource' });
  });

  it('one that is set while a run is decided about that a worker has left is seen, too', async () => {
    const options = slowBreaker(6000, (turn) => {
      if (turn === 2) exempt();
    });
    await start(scene, { [settingOf(scene)]: 'enforce' }, options);
    const write = scene.calls.find(({ kind }) => kind === 'write');
    engine.simulator.faults.add({
      method: write?.method ?? 'PATCH',
      path: new RegExp(write?.path.source.replace(/\$$/, '(\\?|$)') ?? '', 'i'),
      caller: 'dockwarden',
      effect: { kind: 'drop' },
    });
    scene.violate(engine);
    await engine.deliverEvents();
    await engine.drain();
    expect(engine.work()).toMatchObject([{ run: { resumed: 0 } }]);
    expect(scene.isFixed(engine)).toBe(scene.remediationId === 'acr-rotate-second-password');
    const mutations = engine.mutations().length;

    await engine.settle(HOUR);

    expect(engine.mutations()).toHaveLength(mutations);
    expect(engine.audit('outcome')).toMatchObject([{ outcome: 'abandoned', reason: 'exempt-resource' }]);
  });

  it('a run that a worker has left goes on when the fresh read says the same', async () => {
    await start(
      scene,
      { [settingOf(scene)]: 'enforce' },
      slowBreaker(6000, () => undefined),
    );
    const write = scene.calls.find(({ kind }) => kind === 'write');
    engine.simulator.faults.add({
      method: write?.method ?? 'PATCH',
      path: new RegExp(write?.path.source.replace(/\$$/, '(\\?|$)') ?? '', 'i'),
      caller: 'dockwarden',
      effect: { kind: 'drop' },
    });
    scene.violate(engine);

    await engine.settle(HOUR);

    expect(scene.isFixed(engine)).toBe(true);
    expect(engine.audit('outcome')).toMatchObject([{ outcome: 'fixed', reason: 'verified-after-restart' }]);
    expectRecordedMutations(engine);
  });

  it('a read of five seconds ago is fresh enough: none is made for nothing', async () => {
    await start(
      scene,
      { [settingOf(scene)]: 'enforce' },
      slowBreaker(5000, () => undefined),
    );
    scene.violate(engine);
    await engine.settle(60_000);

    expect(scene.isFixed(engine)).toBe(true);
    expect(reads()).toBe(2);
  });

  it('a violation that is over meanwhile is not fixed', async () => {
    const repaired = {
      properties: { adminUserEnabled: false },
      tags: { env: 'prod', costCenter: '4711', owner: 'platform-team' },
    };
    const options = slowBreaker(6000, (turn) => {
      if (turn === 1) engine.simulator.state.patch(scene.resourceId, repaired);
    });
    await start(scene, { [settingOf(scene)]: 'enforce' }, options);
    scene.violate(engine);
    await engine.settle(60_000);

    expect(engine.mutations()).toEqual([]);
    expectUntouched();
  });

  it.each([
    ['answers 404 once', 404, 'ResourceNotFound', 1],
    ['may not be read once', 403, 'AuthorizationFailed', 1],
    ['is throttled', 429, 'TooManyRequests', 1],
    ['answers with an error', 500, 'InternalServerError', 3],
  ])(
    'approved: when the resource then %s, nothing is lost and no approval wasted',
    async (_what, status, code, times) => {
      const seen = await startWaiting(
        scene,
        {},
        slowBreaker(6000, (turn) => {
          if (turn > 1) return;
          const effect = { kind: 'answer', status, body: { error: { code, message: 'refused' } } } as const;
          engine.simulator.faults.add({ method: 'GET', path: RESOURCE, caller: 'dockwarden', times, effect });
        }),
      );

      expect(await ask(engine, 'approve', seen)).toMatchObject(ACCEPTED);
      await engine.settle(1000);
      expect(engine.mutations()).toEqual([]);
      expect(engine.poison).toEqual([]);
      await engine.settle(HOUR);
      // A 403 is nothing that passes by itself: the next look comes with an event, or a sweep.
      if (status === 403) await look(scene);

      expect(scene.isFixed(engine)).toBe(true);
      expect(engine.audit('intent')).toMatchObject([{ decision: 'fix', reason: 'approved', approvedBy: ALICE.id }]);
      expectInvariants();
    },
  );

  it.each([
    ['is gone', 404, 'ResourceNotFound', { status: 'closed', closedBecause: 'gone' }],
    ['may not be read any more', 403, 'AuthorizationFailed', { status: 'open', reason: 'verdict-unknown' }],
  ])('when the resource then %s for good, that is what is remembered', async (_what, status, code, expected) => {
    const options = slowBreaker(6000, (turn) => {
      if (turn > 1) return;
      const effect = { kind: 'answer', status, body: { error: { code, message: 'refused' } } } as const;
      engine.simulator.faults.add({ method: 'GET', path: RESOURCE, caller: 'dockwarden', times: Infinity, effect });
    });
    await start(scene, { [settingOf(scene)]: 'approve' }, options);
    scene.violate(engine);
    await engine.settle(1000);
    await ask(engine, 'approve', asSeen(engine, scene));
    await engine.settle(HOUR);

    expectUntouched();
    expect(findingOf(engine, scene)).toMatchObject(expected);
  });
});
