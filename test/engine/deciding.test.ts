import { afterEach, describe, expect, it } from 'vitest';
import { decideAbout } from '../../src/engine/deciding.ts';
import { startRun } from '../../src/engine/fix-run.ts';
import type { EngineContext } from '../../src/engine/ports.ts';
import { ResourcePass } from '../../src/engine/resource-pass.ts';
import { runInputOf } from '../../src/engine/run-input.ts';
import { sweepResources } from '../../src/engine/sweep.ts';
import { touchedBefore, violationOf } from '../../src/engine/violation.ts';
import { WorkLease } from '../../src/engine/work-lease.ts';
import { parseResourceId } from '../../src/resources/resource-id.ts';
import { ALICE, ask, asSeen, DAY, findingOf, HOUR, seedOf } from '../acceptance/operator-requests.ts';
import { addRequiredTags, disableAdminUser, type Scene, startScene } from '../acceptance/remediation-scenes.ts';
import { expectRecordedMutations, expectSettled } from '../support/audit-invariants.ts';
import type { EngineHarness, EngineHarnessOptions } from '../support/engine-harness.ts';
import { runHost } from '../support/host-delivery.ts';

let engine: EngineHarness;

afterEach(async () => {
  await engine.stop();
});

const MINUTE = 60_000;
const MODE = 'REMEDIATE_ACR_DISABLE_ADMIN_USER';

async function start(
  environment: Readonly<Record<string, string>> = {},
  scene: Scene = disableAdminUser,
  options: EngineHarnessOptions = {},
): Promise<void> {
  engine = await startScene(scene, { seed: seedOf(scene), ...options });
  engine.setEnvironment(environment);
}

async function violate(scene: Scene = disableAdminUser, untilMs = MINUTE): Promise<void> {
  scene.violate(engine);
  await runHost(engine, { untilMs });
}

function reasons(): readonly (string | undefined)[] {
  return engine
    .audit()
    .filter(({ stage }) => stage === 'decision' || stage === 'intent' || stage === 'outcome')
    .toSorted((a, b) => a.time.localeCompare(b.time) || a.stage.localeCompare(b.stage))
    .map(({ reason }) => reason);
}

/** ISO time of the last fix. */
function fixedAt(): string | undefined {
  return engine.audit('outcome').find(({ outcome }) => outcome === 'fixed')?.time;
}

describe('a notice', () => {
  const announced = { GRACE_ACR_DISABLE_ADMIN_USER: '2h' };

  it('is given once, and the fix follows at the end of it', async () => {
    await start(announced);

    await violate();
    expect(engine.mutations()).toEqual([]);
    expect(findingOf(engine, disableAdminUser)).toMatchObject({
      decision: 'defer',
      reason: 'notice',
      because: 'announced, and planned for 2026-11-23T12:00:00.000Z',
      announcedAt: '2026-11-23T10:00:00.000Z',
      notBefore: '2026-11-23T12:00:00.000Z',
    });
    // Another change does not start it anew, and a sweep does not shorten it.
    await violate();
    await runHost(engine, { sweep: true, untilMs: MINUTE });
    await runHost(engine, { untilMs: DAY });

    expect(reasons()).toEqual(['notice', 'mode-enforce', 'verified']);
    expect(fixedAt()).toBe('2026-11-23T12:00:00.000Z');
    expectSettled(engine);
    expectRecordedMutations(engine);
  });

  it('is not followed by a fix when the violation is over', async () => {
    await start(announced);
    await violate();

    engine.simulator.as('operator').patch(disableAdminUser.resourceId, { properties: { adminUserEnabled: false } });
    await runHost(engine, { untilMs: DAY });

    expect(engine.mutations()).toEqual([]);
    expect(findingOf(engine, disableAdminUser)).toMatchObject({ status: 'closed' });
    expect(findingOf(engine, disableAdminUser)).not.toHaveProperty('announcedAt');
  });

  it('is given anew for the next violation', async () => {
    await start(announced);
    await violate(disableAdminUser, 3 * HOUR);
    engine.clock.advance(HOUR);

    await violate();

    expect(reasons()).toEqual(['notice', 'mode-enforce', 'verified', 'notice']);
  });

  it('ends in the maintenance window', async () => {
    await start({ ...announced, [`${MODE}_WINDOW`]: '0 22 * * *;1h;UTC' });

    await violate();

    expect(findingOf(engine, disableAdminUser)?.because).toBe('announced, and planned for 2026-11-23T22:00:00.000Z');
    await runHost(engine, { untilMs: DAY });
    expect(fixedAt()).toBe('2026-11-23T22:00:00.000Z');
  });

  it('says so when the time for it never comes', async () => {
    await start({ ...announced, FREEZE_DATES: '2026-11-23/2030-12-31' });

    await violate();

    expect(findingOf(engine, disableAdminUser)).toMatchObject({
      reason: 'notice',
      because: 'announced, and planned for never: no window opens',
    });
    expect(findingOf(engine, disableAdminUser)).not.toHaveProperty('notBefore');
    expect(engine.queue).toEqual([]);
  });

  const EXEMPT = { 'dockwarden-exempt-acr-admin-user-disabled': '2026-12-20;planned;CHG1' };

  /** Something else than waiting comes in between, and goes again. */
  const interruptions: Readonly<Record<string, { readonly begin: () => void; readonly end: () => void }>> = {
    observe: {
      begin: () => {
        engine.setEnvironment({ DOCKWARDEN_MODE: 'observe' });
      },
      end: () => {
        engine.setEnvironment({ DOCKWARDEN_MODE: 'enforce' });
      },
    },
    'await-approval': {
      begin: () => {
        engine.setEnvironment({ [MODE]: 'approve' });
      },
      end: () => {
        engine.setEnvironment({ [MODE]: 'enforce' });
      },
    },
    exempt: {
      begin: () => {
        engine.simulator.as('operator').patch(disableAdminUser.resourceId, { tags: EXEMPT });
      },
      end: () => {
        engine.simulator.as('operator').patch(disableAdminUser.resourceId, { tags: { env: 'x' } });
      },
    },
  };

  it.each(Object.entries(interruptions))('is given anew when the decision was %s in between', async (between, step) => {
    await start(announced);
    await violate();
    step.begin();
    await runHost(engine, { sweep: true, untilMs: 30 * DAY });
    const finding = findingOf(engine, disableAdminUser);
    expect(finding).toMatchObject({ status: 'open', decision: between });
    expect(finding).not.toHaveProperty('announcedAt');

    step.end();
    engine.clock.advance(HOUR);
    const again = engine.clock.now();
    await runHost(engine, { sweep: true, untilMs: MINUTE });

    expect(engine.mutations()).toEqual([]);
    expect(findingOf(engine, disableAdminUser)).toMatchObject({
      reason: 'notice',
      announcedAt: again.toISOString(),
      notBefore: new Date(again.getTime() + 2 * HOUR).toISOString(),
    });
    await runHost(engine, { untilMs: DAY });
    expect(fixedAt()).toBe(new Date(again.getTime() + 2 * HOUR).toISOString());
    expectSettled(engine);
  });

  it('is given anew after a quarantine', async () => {
    await start({ ...announced, WAR_REVERTS: '1' });
    await violate();
    const [row] = engine.tables.findings.rows;
    if (row === undefined) throw new Error('no finding');
    const reverts = JSON.stringify([{ at: '2026-11-23T10:00:00.000Z', runId: 'r1' }]);
    const columns = { ...row.columns, reverts, quarantines: 1, quarantinedUntil: '2026-11-23T11:00:00.000Z' };
    await engine.tables.findings.replace(row, columns, row.etag);

    await violate();
    expect(findingOf(engine, disableAdminUser)).toMatchObject({ decision: 'quarantine' });
    expect(findingOf(engine, disableAdminUser)).not.toHaveProperty('announcedAt');
    await runHost(engine, { untilMs: 90 * MINUTE });

    expect(engine.mutations()).toEqual([]);
    expect(findingOf(engine, disableAdminUser)).toMatchObject({
      reason: 'notice',
      announcedAt: '2026-11-23T11:00:00.000Z',
    });
    await runHost(engine, { untilMs: DAY });
    expect(fixedAt()).toBe('2026-11-23T13:00:00.000Z');
  });

  it('stands while something else is waited for', async () => {
    await start({ ...announced, FREEZE_DATES: '2026-11-23' });
    await violate();
    engine.simulator.as('automation').patch(disableAdminUser.resourceId, { tags: { touched: 'yes' } });
    engine.simulator.state.patch(disableAdminUser.resourceId, { properties: { provisioningState: 'Updating' } });
    await runHost(engine, { untilMs: HOUR });
    expect(findingOf(engine, disableAdminUser)).toMatchObject({
      reason: 'resource-busy',
      announcedAt: '2026-11-23T10:00:00.000Z',
    });
    engine.simulator.state.patch(disableAdminUser.resourceId, { properties: { provisioningState: 'Succeeded' } });

    await runHost(engine, { untilMs: DAY });

    expect(fixedAt()).toBe('2026-11-24T00:00:00.000Z');
  });

  it('is no matter of mode approve: the approval is the notice', async () => {
    await start({ ...announced, [MODE]: 'approve' });
    await violate();
    expect(reasons()).toEqual(['mode-approve']);

    await ask(engine, 'approve', asSeen(engine, disableAdminUser), ALICE);
    await runHost(engine, { untilMs: MINUTE });

    expect(fixedAt()).toBe(engine.audit('approval')[0]?.time);
  });
});

describe('a maintenance window', () => {
  const night = { [`${MODE}_WINDOW`]: '0 22 * * 1-5;4h;Europe/Berlin' };

  it('keeps the fix until it opens', async () => {
    await start(night);

    await violate();
    expect(findingOf(engine, disableAdminUser)?.because).toBe(
      'outside the maintenance window; the next opening is 2026-11-23T21:00:00.000Z',
    );
    await runHost(engine, { untilMs: DAY });

    expect(reasons()).toEqual(['outside-window', 'mode-enforce', 'verified']);
    expect(fixedAt()).toBe('2026-11-23T21:00:00.000Z');
    expectSettled(engine);
  });

  it('that is open lets the fix pass at once', async () => {
    await start({ [`${MODE}_WINDOW`]: '0 9 * * *;2h;UTC' });

    await violate();

    expect(fixedAt()).toBe('2026-11-23T10:00:00.000Z');
  });

  it('of one remediation keeps no other waiting', async () => {
    engine = await startScene(disableAdminUser);
    engine.setEnvironment(night);
    disableAdminUser.violate(engine);

    await violate(addRequiredTags);

    expect(engine.audit('outcome').map(({ remediationId }) => remediationId)).toEqual([addRequiredTags.remediationId]);
  });

  it('keeps what was approved until it opens, and the approval with it', async () => {
    await start({ ...night, [MODE]: 'approve', APPROVAL_VALID: '15m' });
    await violate();
    await ask(engine, 'approve', asSeen(engine, disableAdminUser), ALICE);

    await runHost(engine, { untilMs: DAY });

    expect(reasons()).toEqual(['mode-approve', 'outside-window', 'approved', 'verified']);
    expect(fixedAt()).toBe('2026-11-23T21:00:00.000Z');
  });
});

describe('a frozen day', () => {
  it('keeps everything until it is over; more than a day is left to the sweep', async () => {
    await start({ FREEZE_DATES: '2026-11-23/2026-11-25' });

    await violate();
    expect(findingOf(engine, disableAdminUser)?.because).toBe(
      'nothing is changed on this day; the next opening is 2026-11-26T00:00:00.000Z',
    );
    expect(engine.queue).toEqual([]);
    engine.clock.advance(2 * DAY);
    expect(await sweepResources(engine.context())).toMatchObject({ queued: 0 });
    engine.clock.advance(DAY);
    expect(await sweepResources(engine.context())).toMatchObject({ queued: 1 });
    await runHost(engine, { untilMs: MINUTE });

    expect(reasons()).toEqual(['frozen', 'mode-enforce', 'verified']);
  });

  it('says so when it never ends', async () => {
    await start({ FREEZE_DATES: '2026-11-23/2030-12-31' });

    await violate();

    expect(findingOf(engine, disableAdminUser)?.because).toBe('nothing is changed on this day; it never opens');
  });
});

/** The answer to its last write is lost, and the change not made. */
async function leaveOpen(): Promise<void> {
  await start();
  engine.simulator.faults.add({ method: 'PATCH', caller: 'dockwarden', effect: { kind: 'drop' } });
  await violate(disableAdminUser, 1000);
  expect(engine.work()).toMatchObject([{ run: { resumed: 0 } }]);
}

describe('a run that was interrupted', () => {
  it.each([
    ['out-of-scope', { [`${MODE}_SCOPE`]: 'pilot=yes' }],
    ['outside-window', { [`${MODE}_WINDOW`]: '0 22 * * *;1h;UTC' }],
    ['frozen', { FREEZE_DATES: '2026-11-23' }],
    ['notice', { GRACE_ACR_DISABLE_ADMIN_USER: '2h' }],
    ['mode-approve', { [MODE]: 'approve' }],
  ])('ends as abandoned when it may not go on: %s', async (reason, environment) => {
    await leaveOpen();
    const calls = engine.mutations().length;

    engine.setEnvironment(environment);
    await runHost(engine, { untilMs: HOUR });

    expect(engine.audit('outcome').map(({ outcome, reason: why }) => [outcome, why])).toEqual([['abandoned', reason]]);
    expect(engine.mutations()).toHaveLength(calls);
    expect(findingOf(engine, disableAdminUser)).toMatchObject({ status: 'open', reason });
    expectRecordedMutations(engine);
  });

  it('ends as abandoned when it has become exempt', async () => {
    await leaveOpen();
    const tags = { 'dockwarden-exempt-acr-admin-user-disabled': '2026-12-24;migration;OPS-1' };

    engine.simulator.as('operator').patch(disableAdminUser.resourceId, { tags });
    await runHost(engine, { untilMs: HOUR });

    expect(engine.audit('outcome')).toMatchObject([{ outcome: 'abandoned', reason: 'exempt-resource' }]);
    expect(findingOf(engine, disableAdminUser)).toMatchObject({ decision: 'exempt' });
  });

  it('stays open while only something does not answer', async () => {
    await leaveOpen();
    engine.simulator.faults.add({
      method: 'GET',
      path: /\/resourceGroups\/[\w-]+(\?|$)/i,
      caller: 'dockwarden',
      times: 3,
      effect: { kind: 'answer', status: 503 },
    });

    await runHost(engine, { untilMs: HOUR });

    expect(engine.audit('outcome')).toMatchObject([{ outcome: 'fixed', reason: 'verified-after-restart' }]);
    expect(engine.audit('intent')).toHaveLength(1);
    expectSettled(engine);
  });

  it('goes on with the place that the breaker gave it', async () => {
    await leaveOpen();

    engine.setEnvironment({ BREAKER_REMEDIATION_CAP: '1' });
    await runHost(engine, { untilMs: HOUR });

    expect(engine.audit('outcome')).toMatchObject([{ outcome: 'fixed', reason: 'verified-after-restart' }]);
  });
});

describe('somebody who changes the resource after a run that had nothing to do', () => {
  it('has reversed nothing', async () => {
    await start({}, addRequiredTags);
    const id = addRequiredTags.resourceId;
    const { faults, state } = engine.simulator;
    // Between intent and fix somebody sets the tags; the read-back does not show it yet.
    const set = { kind: 'before', run: () => state.patch(id, { tags: { costCenter: '1', owner: 'o' } }) } as const;
    faults.add({ method: 'GET', path: /\/tags\/default/, caller: 'dockwarden', effect: set });
    faults.add({
      method: 'GET',
      path: /\/managedClusters\/[\w-]+\?/,
      caller: 'dockwarden',
      skip: 1,
      effect: { kind: 'stale-read' },
    });
    await violate(addRequiredTags, 1000);
    expect(engine.work()).toMatchObject([{ run: { resumed: 0 } }]);

    state.patch(id, { tags: { costCenter: null, owner: null } }, { by: 'automation' });
    await runHost(engine, { untilMs: HOUR });

    const outcomes = new Set(engine.audit('outcome').map(({ outcome, reason }) => `${outcome} ${reason}`));
    expect(outcomes).toEqual(new Set(['retry changed-again', 'fixed verified']));
    expect(findingOf(engine, addRequiredTags)).not.toHaveProperty('reverts');
    expectSettled(engine);
  });
});

describe('an approval', () => {
  it('of a change that somebody reversed before it was verified is used up', async () => {
    await start({ [MODE]: 'approve' });
    await violate();
    await ask(engine, 'approve', asSeen(engine, disableAdminUser), ALICE);
    engine.simulator.faults.add({ method: 'PATCH', caller: 'dockwarden', effect: { kind: 'ignore-write' } });
    await runHost(engine, { untilMs: 1000 });
    expect(engine.work()).toMatchObject([{ run: {} }]);

    await violate();

    expect(engine.audit('outcome')).toMatchObject([
      { outcome: 'retry', reason: 'changed-again', approvedBy: ALICE.id },
    ]);
    expect(engine.audit('intent')).toHaveLength(1);
    expect(findingOf(engine, disableAdminUser)).toMatchObject({ decision: 'await-approval', reason: 'mode-approve' });
  });
});

/** The stored answer of an operator, with these columns changed; undefined removes one. */
async function changeAnswer(change: Readonly<Record<string, string | undefined>>): Promise<void> {
  const row = engine.tables.guards.rows.find(({ partitionKey }) => partitionKey === 'approval');
  const columns = { ...row?.columns, ...change };
  await engine.tables.guards.putAll('approval', [{ rowKey: row?.rowKey ?? '', columns }]);
}

describe('what only a damaged or an older store holds', () => {
  it('an approval that was used by nobody knows which run approves nothing', async () => {
    await start({ [MODE]: 'approve' });
    await violate();
    await ask(engine, 'approve', asSeen(engine, disableAdminUser), ALICE);
    await changeAnswer({ state: 'used', runId: undefined });

    await runHost(engine, { untilMs: MINUTE });

    expect(engine.mutations()).toEqual([]);
    expect(findingOf(engine, disableAdminUser)).toMatchObject({ decision: 'await-approval', reason: 'mode-approve' });
  });

  it('a rejection without a reason still says by whom', async () => {
    await start({ [MODE]: 'approve' });
    await violate();
    await ask(engine, 'reject', { ...asSeen(engine, disableAdminUser), reason: 'no' }, ALICE);
    await changeAnswer({ comment: undefined });

    await runHost(engine, { untilMs: MINUTE });

    expect(findingOf(engine, disableAdminUser)).toMatchObject({
      reason: 'approval-rejected',
      because: `rejected by ${ALICE.id}`,
    });
  });

  it('an undone fix without its run and its operator still exempts', async () => {
    await start({ [MODE]: 'observe' });
    await violate();
    const [row] = engine.tables.findings.rows;
    const columns = { ...row?.columns, undoneUntil: '2026-12-24T00:00:00.000Z' };
    await engine.tables.findings.putAll(row?.partitionKey ?? '', [{ rowKey: row?.rowKey ?? '', columns }]);

    engine.setEnvironment({ [MODE]: 'enforce' });
    await violate();

    expect(engine.mutations()).toEqual([]);
    expect(findingOf(engine, disableAdminUser)).toMatchObject({
      decision: 'exempt',
      reason: 'exempt-undone',
      because: expect.stringMatching(/^fix .*was undone by somebody; left alone until 2026-12-24/),
    });
  });

  it('a fix whose finding is lost is made again, and its reversal is counted', async () => {
    await start();
    engine.simulator.faults.add({ method: 'PATCH', caller: 'dockwarden', effect: { kind: 'ignore-write' } });
    await violate(disableAdminUser, 1000);
    for (const row of engine.tables.findings.rows) await engine.tables.findings.remove(row, row.etag);

    await violate();

    expect(new Set(engine.audit('outcome').map(({ outcome }) => outcome))).toEqual(new Set(['fixed', 'retry']));
    expect(findingOf(engine, disableAdminUser)).toMatchObject({
      status: 'closed',
      reverts: [{ runId: expect.any(String) }],
    });
  });
});

describe('a defect', () => {
  it('of the breaker is seen by the host, and nothing is changed', async () => {
    await start({}, disableAdminUser, {
      wrapContext: (context) => ({
        ...context,
        breakers: { ...context.breakers, admit: async () => await Promise.reject(new TypeError('a defect')) },
      }),
    });
    disableAdminUser.violate(engine);
    await engine.deliverEvents();

    await expect(engine.drain()).rejects.toThrow('a defect');
    expect(engine.mutations()).toEqual([]);
  });

  it('of the store of approvals is seen by the host, and nothing is changed', async () => {
    await start({ [MODE]: 'approve' }, disableAdminUser, {
      wrapContext: (context) => ({
        ...context,
        approvals: { ...context.approvals, get: async () => await Promise.reject(new TypeError('a defect')) },
      }),
    });
    disableAdminUser.violate(engine);
    await engine.deliverEvents();

    await expect(engine.drain()).rejects.toThrow('a defect');
    expect(engine.mutations()).toEqual([]);
  });

  it('by which the remediation of a violation is lost asks nobody', async () => {
    const { open, pass, remediation } = await openCase();
    let reads = 0;
    const losing = {
      ...open,
      get remediation() {
        reads += 1;
        // Two to gather what is known; the next asks.
        return reads <= 2 ? remediation : undefined;
      },
    };

    await expect(decideAbout(pass, losing)).rejects.toMatchObject({ code: 'INTERNAL_INVARIANT' });
    expect(engine.mutations()).toEqual([]);
  });

  it('by which a fix is decided without a run gives it one', async () => {
    const { context, open, pass, remediation } = await openCase();
    const violation = violationOf(context, { target: pass.target, policy: open.policy }, open.snapshot, open.verdict);
    const touched = touchedBefore(remediation, violation, open.snapshot);
    if (touched === undefined) throw new Error('too large');
    const decision = { decision: 'fix', reason: 'mode-enforce' } as const;

    const end = await startRun(
      context,
      runInputOf(pass, open.policy, remediation),
      violation,
      { decision, memory: {} },
      touched,
    );

    expect(end).toMatchObject({ outcome: 'fixed', runId: expect.stringMatching(/^[0-9A-Z]{26}$/) });
    expectRecordedMutations(engine);
  });
});

/** The registry in violation, leased and read. */
async function openCase() {
  await start();
  disableAdminUser.violate(engine);
  await engine.deliverEvents();
  const context: EngineContext = engine.context();
  const target = parseResourceId(disableAdminUser.resourceId);
  const acquired = await WorkLease.acquire(context.work, context.clock, target, 'worker', {});
  if (acquired.result !== 'leased') throw new Error('somebody else works on it');
  const pass = await ResourcePass.begin(context, target, acquired.lease);
  const policy = context.policies.find(({ id }) => id === disableAdminUser.policyId);
  const remediation = context.remediations.find(({ id }) => id === disableAdminUser.remediationId);
  if (policy === undefined || remediation === undefined) throw new Error('not in the catalogue');
  // Of what nobody has seen nothing is settled.
  expect(pass.isSettledBy(policy, context.clock.now())).toBe(false);
  const snapshot = await pass.read();
  const verdict = pass.evaluate(policy, snapshot);
  if (verdict.verdict !== 'violation') throw new Error('no violation');
  const open = {
    policy,
    remediation,
    tracker: undefined,
    snapshot,
    verdict,
    previous: undefined,
    memory: {},
    yieldUntil: undefined,
  };
  return { context, pass, open, remediation };
}
