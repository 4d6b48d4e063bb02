import * as fc from 'fast-check';
import { ulid } from 'ulid';
import { afterEach, describe, expect, it } from 'vitest';
import type { RawResource } from '../../local/azure/resource-store.ts';
import type { AuditRecord } from '../../src/audit/audit-log.ts';
import { acceptEvents } from '../../src/engine/accept.ts';
import { reconcile } from '../../src/engine/reconcile.ts';
import { parseWorkMessage } from '../../src/events/work-message.ts';
import { remediations } from '../../src/remediations/catalogue.ts';
import { expectRecordedMutations, expectSettled } from '../support/audit-invariants.ts';
import { Boundary, type Mishap, mishaps } from '../support/boundary.ts';
import { ENFORCING, type EngineHarness, type EngineHarnessOptions, startEngine } from '../support/engine-harness.ts';
import { runHost } from '../support/host-delivery.ts';
import { changedByUs } from './changed-paths.ts';
import {
  ALICE,
  answersOf,
  ask,
  BOB,
  DAY,
  findingOf,
  HOUR,
  lastOutcome,
  runsWith,
  seedOf,
  sweep,
} from './operator-requests.ts';
import {
  addRequiredTags,
  disableAdminUser,
  rotateSecondPassword,
  type Scene,
  scenes,
  startScene,
} from './remediation-scenes.ts';

/** Longer than a lease with its allowance for clocks that differ. */
const PAST_THE_LEASE = 200_000;
/** UNDO_EXEMPTION unless a test sets it. */
const EXEMPTION = 30 * DAY;

let engine: EngineHarness;

afterEach(async () => {
  await engine.stop();
});

const reversible = scenes.filter(
  ({ remediationId }) => remediations.find(({ id }) => id === remediationId)?.undo !== undefined,
);

interface Fixed {
  /** The resource in violation. */
  readonly before: RawResource | undefined;
  readonly runId: string;
}

/** Violates, and lets it be fixed. */
async function fix(scene: Scene, options: EngineHarnessOptions = {}): Promise<Fixed> {
  engine = await startScene(scene, { seed: seedOf(scene), ...options });
  return await fixAgain(scene);
}

async function fixAgain(scene: Scene): Promise<Fixed> {
  scene.violate(engine);
  const before = engine.simulator.state.get(scene.resourceId);
  await engine.settle();
  expect(scene.isFixed(engine)).toBe(true);
  return { before, runId: runsWith(engine, 'fixed').at(-1) ?? '' };
}

/** Asks for the undo, and lets everything happen that follows from it. */
async function undo(runId: string, untilMs?: number): Promise<AuditRecord | undefined> {
  expect(await ask(engine, 'undo', { runId })).toMatchObject({ result: 'accepted' });
  await engine.settle(untilMs);
  return answersOf(engine).at(-1);
}

/** What differs from before, but for what the service owns: `systemData` and eTags, see `changedByUs`. */
function differences(before: RawResource | undefined): readonly string[] {
  return changedByUs(before, engine.simulator.state.get(before?.id ?? ''));
}

function expectInvariants(): void {
  expectRecordedMutations(engine);
  expectSettled(engine);
  expect(engine.poison).toEqual([]);
}

/** Nothing of ours has changed since. */
function countMutations(): () => void {
  const count = engine.mutations().length;
  return () => expect(engine.mutations().slice(count)).toEqual([]);
}

/** Fails requests of ours to write the resource. */
function failWrites(scene: Scene, status: number, code: string, headers: Readonly<Record<string, string>> = {}) {
  const body = { error: { code, message: `refused with ${code}` } };
  return engine.simulator.faults.add({
    caller: 'dockwarden',
    method: 'PATCH',
    path: writeOf(scene),
    times: Infinity,
    effect: { kind: 'answer', status, headers, body },
  });
}

/** Fails reads of ours of the resource itself. */
function failReads(
  status: number,
  code: string,
  {
    headers = {},
    ...which
  }: { readonly skip?: number; readonly times: number; readonly headers?: Readonly<Record<string, string>> },
) {
  const body = { error: { code, message: 'no' } };
  return engine.simulator.faults.add({
    caller: 'dockwarden',
    method: 'GET',
    path: /\/(registries|managedClusters)\/[\w-]+\?/i,
    ...which,
    effect: { kind: 'answer', status, headers, body },
  });
}

/** Path of the last write of a fix; its undo writes there, too. */
function writeOf(scene: Scene): RegExp {
  const write = scene.calls.findLast(({ kind }) => kind === 'write');
  return new RegExp(`${write?.path.source.replace(/\$$/, '') ?? ''}(\\?|$)`, 'i');
}

/** Writes are long-running: a registry is polled until it is done, of tags only the read-back tells. */
function answerLater(scene: Scene): void {
  const until = scene === addRequiredTags ? { milliseconds: 1500 } : { polls: 0 };
  engine.simulator.operations.rules.push({ mode: 'async', ...until });
}

describe('the catalogue', () => {
  it('refuses to undo what cannot be undone, with the reason that the catalogue gives', async () => {
    expect(reversible.length).toBeGreaterThanOrEqual(2);
    for (const remediation of remediations)
      expect(remediation.undo === undefined).toBe(remediation.irreversible !== undefined);
    const final = scenes.filter((scene) => !reversible.includes(scene));
    expect(final).toEqual([rotateSecondPassword]);
    const { runId } = await fix(rotateSecondPassword);
    const expectNothing = countMutations();

    const answer = await ask(engine, 'undo', { runId });

    const { irreversible } = remediations.find(({ id }) => id === rotateSecondPassword.remediationId) ?? {};
    expect(answer).toMatchObject({ result: 'refused', status: 409, code: 'irreversible' });
    expect(answer.message).toContain(irreversible);
    await sweep(engine);
    expectNothing();
    expect(engine.audit('operator')).toMatchObject([
      { reason: 'refused-irreversible', actor: ALICE.id, error: expect.stringContaining(irreversible ?? '?') },
    ]);
    expectInvariants();
  });
});

describe.each(reversible)('$remediationId: fix and undo', (scene) => {
  const name = fc.stringMatching(/^[a-zA-Z][a-zA-Z0-9_.~ -]{0,15}[a-zA-Z0-9]$/);
  const value = fc.string({ maxLength: 40 });
  const tags = fc
    .uniqueArray(fc.tuple(name, value), { selector: ([key]) => key.toLowerCase(), maxLength: 6 })
    .map((entries) => Object.fromEntries(entries.filter(([key]) => !/^(owner|costcenter)$/i.test(key))));
  const registry = fc.record({
    publicNetworkAccess: fc.constantFrom('Enabled', 'Disabled'),
    anonymousPullEnabled: fc.boolean(),
    dataEndpointEnabled: fc.boolean(),
    zoneRedundancy: fc.constantFrom('Enabled', 'Disabled'),
  });

  it('leave the body deep-equal to the original, whatever else is in it (R47)', { timeout: 60_000 }, async () => {
    let seen = 0;
    await fc.assert(
      fc.asyncProperty(tags, registry, fc.boolean(), fc.boolean(), async (others, properties, hasOwner, isAsync) => {
        engine = await startScene(scene, { seed: seedOf(scene) });
        const isRegistry = scene === disableAdminUser;
        const present = engine.simulator.state.get(scene.resourceId);
        const ours = hasOwner ? { Owner: 'Team "Ä" ~/1' } : {};
        engine.simulator.state.put({
          ...present,
          id: scene.resourceId,
          name: present?.name ?? '',
          type: present?.type ?? '',
          tags: { ...others, ...ours },
          properties: {
            ...present?.properties,
            ...(isRegistry && { ...properties, adminUserEnabled: true }),
          },
        });
        const before = engine.simulator.state.get(scene.resourceId);
        if (isAsync) answerLater(scene);
        try {
          await sweep(engine);
          const [runId = ''] = runsWith(engine, 'fixed');
          expect(differences(before)).not.toEqual([]);

          const answer = await undo(runId);

          expect(differences(before)).toEqual([]);
          expect(answer).toMatchObject({ reason: 'undone', previousRunId: runId });
          expectInvariants();
          seen += 1;
        } finally {
          await engine.stop();
        }
      }),
      { numRuns: 20 },
    );
    expect(seen).toBe(20);
  });

  it.each([200, 'async'] as const)('record one intent, one outcome, one answer (writes answered %s)', async (mode) => {
    const { before, runId } = await fix(scene);
    if (mode === 'async') answerLater(scene);

    const answer = await undo(runId);

    expect(differences(before)).toEqual([]);
    const intent = engine.audit('intent').find(({ reason }) => reason === 'undo');
    const [undoRun] = runsWith(engine, 'undone');
    expect(intent).toMatchObject({
      remediationRunId: undoRun,
      previousRunId: runId,
      approvedBy: ALICE.id,
      causeKind: 'operator',
      policyId: scene.policyId,
      remediationId: scene.remediationId,
    });
    const fixRow = engine.audit('outcome').find(({ remediationRunId }) => remediationRunId === runId);
    const outcome = engine.audit('outcome').find(({ remediationRunId }) => remediationRunId === undoRun);
    expect(outcome).toMatchObject({ outcome: 'undone', before: fixRow?.after });
    expect(outcome?.after).toBe(fixRow?.before);
    expect(answer).toMatchObject({
      stage: 'undo',
      reason: 'undone',
      outcome: 'undone',
      remediationRunId: undoRun,
      previousRunId: runId,
      actor: ALICE.id,
    });
    expect(engine.audit('operator')).toMatchObject([{ reason: 'undo-asked', causeId: answer?.causeId }]);
    expect(answersOf(engine)).toHaveLength(1);
    expectInvariants();
  });

  it('and a change that shows late was verified like any other: no worker was restarted', async () => {
    const { runId } = await fix(scene);
    engine.simulator.faults.add({
      caller: 'dockwarden',
      method: 'GET',
      path: /\/(registries|managedClusters)\/[\w-]+\?/i,
      skip: 1,
      effect: { kind: 'stale-read' },
    });

    await undo(runId);

    expect(lastOutcome(engine)).toMatchObject({ outcome: 'undone', reason: 'verified' });
    expectInvariants();
  });

  it('keep what others have changed elsewhere in the resource meanwhile', async () => {
    const { before, runId } = await fix(scene);
    const tagsNow = engine.simulator.state.get(scene.resourceId)?.tags;
    engine.simulator.as('automation').patch(scene.resourceId, { tags: { ...tagsNow, project: 'apollo' } });
    await engine.settle();

    const answer = await undo(runId);

    expect(answer).toMatchObject({ reason: 'undone' });
    expect(differences(before)).toEqual(['/tags/project']);
    expectInvariants();
  });
});

describe.each(reversible)('$remediationId: undo is refused', (scene) => {
  it('the second time, also after the exemption has ended and it was fixed again', async () => {
    const { runId } = await fix(scene);
    await undo(runId);
    let expectNothing = countMutations();

    expect(await undo(runId)).toMatchObject({ reason: 'refused-already-undone', previousRunId: runId });
    expectNothing();
    engine.clock.advance(EXEMPTION);
    await sweep(engine);
    expect(scene.isFixed(engine)).toBe(true);
    expectNothing = countMutations();

    expect(await undo(runId)).toMatchObject({ reason: 'refused-already-undone' });
    expectNothing();
    expect(scene.isFixed(engine)).toBe(true);
    expect(runsWith(engine, 'undone')).toHaveLength(1);
    expectInvariants();
  });

  it('for an undo itself', async () => {
    const { runId } = await fix(scene);
    await undo(runId);
    const expectNothing = countMutations();

    const answer = await ask(engine, 'undo', { runId: runsWith(engine, 'undone')[0] });

    expect(answer).toMatchObject({ result: 'refused', status: 409, code: 'nothing-to-undo' });
    expect(answer.message).toContain('undone');
    await engine.settle();
    expectNothing();
    expectInvariants();
  });

  it('when the resource is as it was before the fix already', async () => {
    const { runId } = await fix(scene);
    engine.setEnvironment({ [settingOf(scene)]: 'observe' });
    scene.violate(engine);
    await engine.settle();
    const expectNothing = countMutations();

    expect(await undo(runId)).toMatchObject({ reason: 'refused-nothing-to-undo' });

    expectNothing();
    expect(findingOf(engine, scene)).not.toHaveProperty('undoneUntil');
    expectInvariants();
  });

  it.each(['observe', 'off'] as const)('while DOCKWARDEN_MODE is %s', async (mode) => {
    const { runId } = await fix(scene);
    engine.setEnvironment({ DOCKWARDEN_MODE: mode });
    const expectNothing = countMutations();

    const answer = await undo(runId);

    expect(answer).toMatchObject({ reason: 'refused-kill-switch', error: expect.stringContaining(mode) });
    expectNothing();
    expect(scene.isFixed(engine)).toBe(true);
    expectInvariants();
  });

  it('by Azure while the remediation itself only observes: its role allows no more', async () => {
    const { runId } = await fix(scene);
    engine.setEnvironment({ [settingOf(scene)]: 'observe' });

    expect(await undo(runId)).toMatchObject({ outcome: 'denied' });

    expect(scene.isFixed(engine)).toBe(true);
    expect(findingOf(engine, scene)).not.toHaveProperty('undoneUntil');
    expectInvariants();
  });

  it('while a setting that holds Dockwarden back cannot be read, or its own identity is not known', async () => {
    const { runId } = await fix(scene);
    const expectNothing = countMutations();
    engine.setEnvironment({ DOCKWARDEN_PRINCIPAL_ID: '', DOCKWARDEN_CLIENT_ID: '' });
    expect(await undo(runId)).toMatchObject({ reason: 'refused-kill-switch' });
    engine.setEnvironment({ DOCKWARDEN_MODE: 'Enforce' });
    expect(await undo(runId)).toMatchObject({ reason: 'refused-kill-switch' });
    expectNothing();
    expectInvariants();
  });
});

function settingOf({ remediationId }: Scene): string {
  return `REMEDIATE_${remediationId.toUpperCase().replaceAll('-', '_')}`;
}

describe('undo after drift is refused with the difference (R47)', () => {
  it('a tag that has another value now, or is gone', async () => {
    const { runId } = await fix(addRequiredTags);
    engine.setEnvironment({ [settingOf(addRequiredTags)]: 'observe' });
    engine.simulator.state.patch(addRequiredTags.resourceId, { tags: { owner: 'team-blue', costCenter: null } });
    const drifted = engine.simulator.state.get(addRequiredTags.resourceId);
    const expectNothing = countMutations();

    const answer = await undo(runId);

    expect(answer).toMatchObject({ stage: 'undo', reason: 'refused-drifted', actor: ALICE.id, previousRunId: runId });
    expect(answer?.error).toContain('/tags/owner is "team-blue", the fix left "platform-team"');
    expect(answer?.error).toContain('/tags/costCenter is absent, the fix left "4711"');
    expectNothing();
    expect(engine.simulator.state.get(addRequiredTags.resourceId)).toEqual(drifted);
    expectInvariants();
  });

  it('a flag that holds something else now', async () => {
    const { runId } = await fix(disableAdminUser);
    engine.simulator.state.patch(disableAdminUser.resourceId, { properties: { adminUserEnabled: 'perhaps' } });
    const expectNothing = countMutations();

    const answer = await undo(runId);

    expect(answer).toMatchObject({ reason: 'refused-drifted' });
    expect(answer?.error).toContain('/properties/adminUserEnabled is "perhaps", the fix left false');
    expectNothing();
    expectInvariants();
  });

  it('drift between the request and the look counts, and so does drift between the intent and the write of a worker that died', async () => {
    const boundary = new Boundary();
    const { runId } = await fix(addRequiredTags, { wrapContext: boundary.wrapContext });
    engine.simulator.faults.add({
      caller: 'dockwarden',
      method: 'PATCH',
      effect: { kind: 'before', run: () => boundary.kill() },
    });
    engine.simulator.faults.add({ caller: 'dockwarden', method: 'PATCH', effect: { kind: 'drop' } });
    expect(await ask(engine, 'undo', { runId })).toMatchObject({ result: 'accepted' });
    await runHost(engine, { hasDied: () => boundary.hasDied, untilMs: 10_000 });
    expect(engine.work()).toMatchObject([{ run: { undo: { of: runId } } }]);
    engine.simulator.state.patch(addRequiredTags.resourceId, { tags: { owner: 'team-blue' } });
    const expectNothing = countMutations();

    await runHost(engine, { hasDied: () => boundary.hasDied });

    expectNothing();
    expect(lastOutcome(engine)).toMatchObject({ outcome: 'abandoned', reason: 'drifted' });
    expect(answersOf(engine)).toMatchObject([{ outcome: 'abandoned' }]);
    expect(findingOf(engine, addRequiredTags)).not.toHaveProperty('undoneUntil');
    expectInvariants();
  });
});

describe.each(reversible)('$remediationId: undo leaves an exemption that ends', (scene) => {
  it('in the row of the finding: sweeps, a replay of the old event and a harmless new one do nothing', async () => {
    engine = await startScene(scene, { seed: seedOf(scene) });
    scene.violate(engine);
    const old = [...engine.events];
    const { before, runId } = await fixAgain(scene);
    await undo(runId);
    const undoneAt = engine.clock.now().getTime();
    const expectNothing = countMutations();

    await sweep(engine);
    for (const event of old) await acceptEvents(engine.context(), event);
    await engine.settle();
    for (const event of old) await acceptEvents(engine.context(), { ...event, id: crypto.randomUUID() });
    await engine.settle();
    engine.simulator.as('automation').patch(scene.resourceId, { tags: { ...before?.tags, looked: 'twice' } });
    await engine.settle();
    await sweep(engine);

    expectNothing();
    expect(scene.isFixed(engine)).toBe(false);
    expect(differences(before)).toEqual(['/tags/looked']);
    expect(JSON.stringify(engine.simulator.state.get(scene.resourceId)?.tags)).not.toContain('dockwarden');
    expect(findingOf(engine, scene)).toMatchObject({
      status: 'open',
      decision: 'exempt',
      reason: 'exempt-undone',
      because: expect.stringContaining(ALICE.id),
      undoneBy: ALICE.id,
      undoneRunId: runId,
      undoneUntil: new Date(undoneAt + EXEMPTION).toISOString(),
    });
    expect(engine.audit('decision')).toMatchObject([{ decision: 'exempt', reason: 'exempt-undone' }]);
    expectInvariants();
  });

  it('a second before its end nothing is done, at its end it is fixed again', async () => {
    const { runId } = await fix(scene);
    await undo(runId);
    const until = Date.parse(findingOf(engine, scene)?.undoneUntil ?? '');
    const expectNothing = countMutations();
    engine.clock.advance(until - engine.clock.now().getTime() - HOUR - 1000);
    await sweep(engine);
    expect(engine.clock.now().getTime()).toBe(until - 1000);
    expectNothing();

    // The look that the last day has planned for this moment needs no sweep.
    await engine.settle(2000);
    if (!scene.isFixed(engine)) await sweep(engine);

    expect(scene.isFixed(engine)).toBe(true);
    expect(runsWith(engine, 'fixed')).toHaveLength(2);
    expect(findingOf(engine, scene)).toMatchObject({ status: 'closed' });
    expectInvariants();
  });

  it('of one hour ends by itself, without a sweep', async () => {
    const { runId } = await fix(scene, { environment: { ...ENFORCING, ...scene.environment, UNDO_EXEMPTION: '1h' } });
    await undo(runId, 0);
    engine.clock.advance(HOUR - 1000);
    await engine.settle(0);
    expect(scene.isFixed(engine)).toBe(false);

    engine.clock.advance(1000);
    await engine.settle(0);

    expect(scene.isFixed(engine)).toBe(true);
    expectInvariants();
  });

  it('and the violation that it brings back is nobody’s reversal, nor is the one that the exemption leaves', async () => {
    const { runId } = await fix(scene, {
      environment: { ...ENFORCING, ...scene.environment, WAR_REVERTS: '1', WAR_REVERTS_TOTAL: '1' },
    });
    await undo(runId);
    scene.violate(engine);
    await engine.settle();
    await sweep(engine);

    expect(findingOf(engine, scene)).toMatchObject({ decision: 'exempt' });
    expect(findingOf(engine, scene)).not.toHaveProperty('reverts');
    engine.clock.advance(EXEMPTION);
    await sweep(engine);
    expect(scene.isFixed(engine)).toBe(true);
    expect(findingOf(engine, scene)).not.toHaveProperty('quarantinedUntil');
    expectInvariants();
  });

  it('after which mode approve asks before it is fixed again', async () => {
    const { runId } = await fix(scene);
    engine.setEnvironment({ [settingOf(scene)]: 'approve' });
    await undo(runId);
    expect(findingOf(engine, scene)).toMatchObject({ decision: 'exempt' });
    const expectNothing = countMutations();

    engine.clock.advance(EXEMPTION);
    await sweep(engine);

    expectNothing();
    expect(findingOf(engine, scene)).toMatchObject({ decision: 'await-approval', reason: 'mode-approve' });
    expectInvariants();
  });

  it('survives that its policy is off for a while', async () => {
    const { runId } = await fix(scene);
    const policy = `POLICY_${scene.policyId.toUpperCase().replaceAll('-', '_')}`;
    engine.setEnvironment({ [policy]: 'off' });

    expect(await undo(runId)).toMatchObject({ reason: 'undone' });
    engine.setEnvironment({ [policy]: 'on' });
    const expectNothing = countMutations();
    await sweep(engine);

    expectNothing();
    expect(findingOf(engine, scene)).toMatchObject({ decision: 'exempt', reason: 'exempt-undone' });
    expectInvariants();
  });

  it('an undo that failed leaves none, and who reverses the fix afterwards is counted', async () => {
    const { runId } = await fix(scene);
    const fault = failWrites(scene, 409, 'ScopeLocked');
    expect(await undo(runId)).toMatchObject({ outcome: 'locked' });
    fault.remove();

    scene.violate(engine);
    await engine.settle();

    expect(scene.isFixed(engine)).toBe(true);
    expect(findingOf(engine, scene)?.reverts).toMatchObject([
      { actor: engine.simulator.identity('operator').objectId },
    ]);
    expectInvariants();
  });
});

function idOf(stage: string): string | undefined {
  const row = engine.tables.audit.rows.find(({ rowKey }) => rowKey.endsWith(`_${stage}`));
  return row?.rowKey.split('_')[1];
}

type RunIdCase = readonly [name: string, runId: () => string | undefined, status: number, code: string];

describe('a run id that names nothing that could be undone', () => {
  it.each<RunIdCase>([
    ['unknown', () => ulid(engine.clock.now().getTime()), 404, 'run-not-found'],
    ['of another time', () => ulid(0), 404, 'run-not-found'],
    ['of a decision', () => idOf('decision'), 404, 'run-not-found'],
    ['of a request', () => engine.audit('operator')[0]?.causeId, 404, 'run-not-found'],
    ['of a run that was not fixed', () => runsWith(engine, 'locked')[0], 409, 'nothing-to-undo'],
    ['not an id', () => 'the-last-one', 400, 'invalid-request'],
    ['in small letters', () => runsWith(engine, 'fixed')[0]?.toLowerCase(), 400, 'invalid-request'],
    ['too long', () => `${runsWith(engine, 'fixed')[0]}0`, 400, 'invalid-request'],
    ['beyond the last time', () => '8ZZZZZZZZZZZZZZZZZZZZZZZZZ', 400, 'invalid-request'],
    ['at the last time', () => '7ZZZZZZZZZZZZZZZZZZZZZZZZZ', 404, 'run-not-found'],
  ])('%s', async (_, runId, status, code) => {
    engine = await startScene(disableAdminUser, { seed: seedOf(disableAdminUser) });
    const locked = failWrites(disableAdminUser, 409, 'ScopeLocked');
    disableAdminUser.violate(engine);
    await engine.settle();
    locked.remove();
    engine.clock.advance(HOUR);
    engine.setEnvironment({ [settingOf(disableAdminUser)]: 'observe' });
    disableAdminUser.violate(engine);
    await engine.settle();
    engine.setEnvironment({ [settingOf(disableAdminUser)]: 'enforce' });
    await fixAgain(disableAdminUser);
    expect(await ask(engine, 'reset', { breaker: `remediation/${disableAdminUser.remediationId}` })).toMatchObject({
      result: 'accepted',
    });
    engine.clock.advance(1000);
    const expectNothing = countMutations();
    const asked = runId();
    expect(asked).toBeDefined();

    const answer = await ask(engine, 'undo', { runId: asked });

    expect(answer).toMatchObject({ result: 'refused', status, code });
    expect(engine.audit('operator')[0]).toMatchObject({ reason: `refused-${code}`, actor: ALICE.id });
    await engine.settle();
    expectNothing();
    expectInvariants();
  });

  it('of a run that found everything done by somebody else', async () => {
    engine = await startScene(addRequiredTags, { seed: seedOf(addRequiredTags) });
    const tags = { env: 'prod', owner: 'platform-team', costCenter: '4711' };
    engine.simulator.faults.add({
      caller: 'dockwarden',
      method: 'GET',
      path: /tags\/default/,
      effect: { kind: 'before', run: () => engine.simulator.state.patch(addRequiredTags.resourceId, { tags }) },
    });
    addRequiredTags.violate(engine);
    await engine.settle();
    const [runId] = runsWith(engine, 'already-compliant');
    expect(runId).toBeDefined();

    const answer = await ask(engine, 'undo', { runId });

    expect(answer).toMatchObject({ result: 'refused', status: 409, code: 'nothing-to-undo' });
    expect(engine.mutations()).toEqual([]);
    expectInvariants();
  });

  it('of a run without an outcome', async () => {
    engine = await startScene(disableAdminUser, { seed: seedOf(disableAdminUser) });
    engine.simulator.faults.add({
      caller: 'dockwarden',
      method: 'GET',
      path: /\/registries\/\w+\?/i,
      skip: 1,
      times: 2,
      effect: { kind: 'stale-read' },
    });
    disableAdminUser.violate(engine);
    await engine.deliverEvents();
    await engine.drain();
    const [open] = engine.audit('intent');

    const answer = await ask(engine, 'undo', { runId: open?.remediationRunId });

    expect(answer).toMatchObject({ result: 'refused', status: 404, code: 'run-not-found' });
    await engine.settle();
    expect(disableAdminUser.isFixed(engine)).toBe(true);
    expectInvariants();
  });

  it('whose values or remediation cannot be found any more', async () => {
    const { runId } = await fix(disableAdminUser);
    const row = engine.tables.audit.rows.find(({ rowKey }) => rowKey.endsWith(`${runId}_outcome`));
    if (row === undefined) throw new Error('no outcome');
    const expectNothing = countMutations();
    const damages: readonly (readonly [Readonly<Record<string, unknown>>, number, string])[] = [
      [{ before: undefined }, 409, 'values-not-recorded'],
      [{ after: '{"/properties/adminUserEnabled":' }, 409, 'values-not-recorded'],
      [{ before: '[true]' }, 409, 'values-not-recorded'],
      [{ before: '{"tooLarge":40000}' }, 409, 'values-not-recorded'],
      [{ remediationId: 'acr-paint-it-black' }, 409, 'unknown-remediation'],
      [{ policyId: undefined }, 404, 'run-not-found'],
      [{ resourceId: '/subscriptions/none' }, 409, 'unknown-resource'],
      [{ resourceId: undefined }, 409, 'unknown-resource'],
    ];
    for (const [columns, status, code] of damages) {
      await engine.tables.audit.putAll(row.partitionKey, [
        { rowKey: row.rowKey, columns: { ...row.columns, ...columns } },
      ]);

      expect(await ask(engine, 'undo', { runId })).toMatchObject({ result: 'refused', status, code });
      await engine.settle();
    }
    expectNothing();
    expect(engine.audit('operator')).toHaveLength(damages.length);
    await engine.tables.audit.putAll(row.partitionKey, [row]);
    expectInvariants();
  });
});

describe.each(reversible)('$remediationId: trouble during an undo', (scene) => {
  /** One undo that succeeded in the end, whatever went wrong before. */
  function expectUndone(before: RawResource | undefined, runId: string): void {
    expect(differences(before)).toEqual([]);
    expect(runsWith(engine, 'undone')).toHaveLength(1);
    expect(answersOf(engine)).toMatchObject([{ reason: 'undone', previousRunId: runId }]);
    expect(findingOf(engine, scene)).toMatchObject({ decision: 'exempt', reason: 'exempt-undone' });
    expect(findingOf(engine, scene)).not.toHaveProperty('reverts');
    expectInvariants();
  }

  /** One run that failed for good; the fix stays. */
  function expectFailed(outcome: string): void {
    expect(answersOf(engine)).toMatchObject([{ reason: outcome, outcome }]);
    expect(lastOutcome(engine)).toMatchObject({ outcome });
    expect(findingOf(engine, scene)).not.toHaveProperty('undoneUntil');
    expect(scene.isFixed(engine)).toBe(true);
    expectInvariants();
  }

  it.each([
    [403, 'AuthorizationFailed', 'denied'],
    [403, 'RequestDisallowedByPolicy', 'denied-by-policy'],
    [409, 'ScopeLocked', 'locked'],
    [400, 'BadRequest', 'failed'],
  ] as const)('%s %s ends as %s: nothing more is tried, and whoever asked is told', async (status, code, outcome) => {
    const { runId } = await fix(scene);
    const fault = failWrites(scene, status, code);

    await undo(runId, DAY);
    await sweep(engine);

    expect(fault.matched).toBe(1);
    expectFailed(outcome);
  });

  it('a real lock', async () => {
    const { runId } = await fix(scene);
    engine.simulator.locks.push({ scope: scene.resourceId, name: 'hold', level: 'ReadOnly' });

    expect(await undo(runId, DAY)).toMatchObject({ outcome: 'locked' });

    expectFailed('locked');
  });

  it.each([
    [429, 'TooManyRequests', { 'retry-after': '60' }],
    [429, 'TooManyRequests', {}],
    [409, 'OperationNotAllowed', {}],
    [412, 'PreconditionFailed', {}],
    [500, 'InternalServerError', {}],
    [503, 'ServiceUnavailable', { 'retry-after': '5' }],
  ] as const)('%s %s twice is tried again until it is undone', async (status, code, headers) => {
    const { before, runId } = await fix(scene);
    const fault = failWrites(scene, status, code, headers);
    expect(await ask(engine, 'undo', { runId })).toMatchObject({ result: 'accepted' });
    await engine.drain();
    expect(answersOf(engine)).toEqual([]);
    const sooner = 'retry-after' in headers ? Number(headers['retry-after']) * 1000 - 1000 : 1000;
    const expectNothing = countMutations();
    await engine.settle(sooner);
    expectNothing();
    fault.remove();

    await engine.settle(DAY);

    expectUndone(before, runId);
  });

  it('throttled for more than a day, it gives up, and says so', async () => {
    const { runId } = await fix(scene);
    const fault = failWrites(scene, 429, 'TooManyRequests');

    await undo(runId, 3 * DAY);
    fault.remove();

    expect(answersOf(engine)).toMatchObject([{ stage: 'undo', previousRunId: runId }]);
    expect(`${answersOf(engine)[0]?.reason}`).toContain('gave-up');
    expect(scene.isFixed(engine)).toBe(true);
    expectInvariants();
  });

  it.each(['drop', 'apply-then-drop', 'cut-json'] as const)('the answer to the write: %s', async (kind) => {
    const { before, runId } = await fix(scene);
    const path = writeOf(scene);
    const fault = engine.simulator.faults.add({ caller: 'dockwarden', method: 'PATCH', path, effect: { kind } });

    await undo(runId);

    expect(fault.matched).toBe(1);
    expectUndone(before, runId);
  });

  it('a write that is answered well and never happens', async () => {
    const { runId } = await fix(scene);
    const effect = { kind: 'ignore-write' } as const;
    engine.simulator.faults.add({ caller: 'dockwarden', method: 'PATCH', path: writeOf(scene), effect });

    expect(await undo(runId)).toMatchObject({ outcome: 'not-effective' });

    expectFailed('not-effective');
  });

  it.each([1, 3])('a read-back that is stale %s times', async (times) => {
    const { before, runId } = await fix(scene);
    const fault = engine.simulator.faults.add({
      caller: 'dockwarden',
      method: 'GET',
      path: /\/(registries|managedClusters)\/[\w-]+\?/i,
      skip: 1,
      times,
      effect: { kind: 'stale-read' },
    });

    await undo(runId);

    expect(fault.matched).toBe(times);
    expectUndone(before, runId);
  });

  it.each([429, 500])('a read-back that is answered %s once', async (status) => {
    const { before, runId } = await fix(scene);
    const fault = failReads(status, 'Trouble', { skip: 1, times: 1 });

    await undo(runId);

    expect(fault.matched).toBe(1);
    expectUndone(before, runId);
  });

  it('a read-back that is forbidden: the run says so, and the state is what it is', async () => {
    const { before, runId } = await fix(scene);
    failReads(403, 'AuthorizationFailed', { skip: 1, times: 1 });

    await undo(runId);

    expect(differences(before)).toEqual([]);
    expect(answersOf(engine)).toMatchObject([{ outcome: 'denied' }]);
    expectInvariants();
  });

  it('a resource that is gone before it is read', async () => {
    const { runId } = await fix(scene);
    engine.simulator.state.remove(scene.resourceId);
    const expectNothing = countMutations();

    expect(await undo(runId)).toMatchObject({ reason: 'refused-gone' });

    expectNothing();
    expectInvariants();
  });

  it('a resource that vanishes between the read and the write', async () => {
    const { runId } = await fix(scene);
    engine.simulator.faults.add({
      caller: 'dockwarden',
      method: 'PATCH',
      effect: { kind: 'before', run: () => engine.simulator.state.remove(scene.resourceId) },
    });

    await undo(runId);

    expect(answersOf(engine)).toMatchObject([{ outcome: 'gone' }]);
    expectInvariants();
  });

  it.each(['dies', 'lives'])('a resource that vanishes after the write, while the worker %s', async (fate) => {
    const boundary = new Boundary();
    const { runId } = await fix(scene, { wrapContext: boundary.wrapContext });
    engine.simulator.faults.add({
      caller: 'dockwarden',
      method: 'PATCH',
      effect: {
        kind: 'after',
        run: () => {
          engine.simulator.state.remove(scene.resourceId);
          if (fate === 'dies') boundary.kill();
        },
      },
    });
    expect(await ask(engine, 'undo', { runId })).toMatchObject({ result: 'accepted' });

    await runHost(engine, { hasDied: () => boundary.hasDied });

    expect(lastOutcome(engine)).toMatchObject({ outcome: 'gone' });
    expect(answersOf(engine)).toHaveLength(1);
    expectInvariants();
  });

  it('a resource that may not be read', async () => {
    const { runId } = await fix(scene);
    const fault = failReads(403, 'AuthorizationFailed', { times: Infinity });

    await undo(runId);
    fault.remove();

    expect(answersOf(engine)).toMatchObject([{ reason: 'refused-unreadable' }]);
    expect(scene.isFixed(engine)).toBe(true);
    expectInvariants();
  });

  it('a resource that cannot be read for a while', async () => {
    const { before, runId } = await fix(scene);
    const fault = failReads(500, 'Trouble', { times: 3 });

    await undo(runId);

    expect(fault.matched).toBe(3);
    expectUndone(before, runId);
  });

  it('a resource that Azure is changing is waited for', async () => {
    const { before, runId } = await fix(scene);
    engine.simulator.state.patch(scene.resourceId, { properties: { provisioningState: 'Updating' } });
    const expectNothing = countMutations();
    await undo(runId, 10 * 60_000);
    expectNothing();
    expect(answersOf(engine)).toEqual([]);
    engine.simulator.state.patch(scene.resourceId, { properties: { provisioningState: 'Succeeded' } });

    await engine.settle();

    expectUndone(before, runId);
  });

  it('the kill switch, thrown while a worker that died has an undo open', async () => {
    const boundary = new Boundary();
    const { runId } = await fix(scene, { wrapContext: boundary.wrapContext });
    engine.simulator.faults.add({
      caller: 'dockwarden',
      method: 'PATCH',
      effect: { kind: 'before', run: () => boundary.kill() },
    });
    engine.simulator.faults.add({ caller: 'dockwarden', method: 'PATCH', effect: { kind: 'drop' } });
    expect(await ask(engine, 'undo', { runId })).toMatchObject({ result: 'accepted' });
    await runHost(engine, { hasDied: () => boundary.hasDied, untilMs: 10_000 });
    engine.setEnvironment({ DOCKWARDEN_MODE: 'observe' });
    const expectNothing = countMutations();

    await runHost(engine, { hasDied: () => boundary.hasDied });

    expectNothing();
    expect(lastOutcome(engine)).toMatchObject({ outcome: 'abandoned', reason: 'kill-switch' });
    expect(answersOf(engine)).toMatchObject([{ outcome: 'abandoned' }]);
    expect(scene.isFixed(engine)).toBe(true);
    expectInvariants();
  });

  it('a version that does not know the remediation any more ends the undo that another one left open', async () => {
    const boundary = new Boundary();
    let known = remediations;
    const { runId } = await fix(scene, {
      wrapContext: (context) => boundary.wrapContext({ ...context, remediations: known }),
    });
    engine.simulator.faults.add({
      caller: 'dockwarden',
      method: 'PATCH',
      effect: { kind: 'before', run: () => boundary.kill() },
    });
    engine.simulator.faults.add({ caller: 'dockwarden', method: 'PATCH', effect: { kind: 'drop' } });
    expect(await ask(engine, 'undo', { runId })).toMatchObject({ result: 'accepted' });
    await runHost(engine, { hasDied: () => boundary.hasDied, untilMs: 10_000 });
    known = remediations.filter(({ id }) => id !== scene.remediationId);

    await runHost(engine, { hasDied: () => boundary.hasDied });

    expect(lastOutcome(engine)).toMatchObject({ outcome: 'abandoned', reason: 'unknown-remediation' });
    expect(answersOf(engine)).toHaveLength(1);
    expectInvariants();
  });
});

describe.each(reversible)('$remediationId: more than one at once', (scene) => {
  it('two requests to undo the same run: one undo, and a no', async () => {
    const { before, runId } = await fix(scene);
    const answers = await Promise.all([ask(engine, 'undo', { runId }), ask(engine, 'undo', { runId }, BOB)]);
    expect(answers).toMatchObject([{ result: 'accepted' }, { result: 'accepted' }]);

    await engine.settle();

    expect(differences(before)).toEqual([]);
    expect(answersOf(engine).map(({ reason }) => reason)).toEqual(['undone', 'refused-already-undone']);
    expect(runsWith(engine, 'undone')).toHaveLength(1);
    expectInvariants();
  });

  it('two workers at the same message', async () => {
    const { before, runId } = await fix(scene);
    await ask(engine, 'undo', { runId });
    await ask(engine, 'undo', { runId }, BOB);
    const messages = engine.queue.splice(0);
    expect(messages).toHaveLength(2);

    await Promise.all(
      messages.map(async ({ text }) => await reconcile(engine.context(), parseWorkMessage(text), ulid())),
    );
    await engine.settle();

    expect(differences(before)).toEqual([]);
    expect(runsWith(engine, 'undone')).toHaveLength(1);
    expect(answersOf(engine)).toHaveLength(2);
    expectInvariants();
  });

  it('the message of a request that comes again and again', async () => {
    const { before, runId } = await fix(scene);
    await ask(engine, 'undo', { runId });
    const texts = engine.queue.map(({ text }) => text);
    await engine.settle();

    for (let copy = 0; copy < 5; copy += 1)
      for (const text of texts) await reconcile(engine.context(), parseWorkMessage(text), ulid());
    await engine.settle();

    expect(differences(before)).toEqual([]);
    expect(answersOf(engine)).toHaveLength(1);
    expectInvariants();
  });

  it('an undo that is asked for while a later fix is open waits for its end', async () => {
    const { runId } = await fix(scene);
    engine.simulator.faults.add({
      caller: 'dockwarden',
      method: 'GET',
      path: /\/(registries|managedClusters)\/[\w-]+\?/i,
      skip: 1,
      times: 2,
      effect: { kind: 'stale-read' },
    });
    scene.violate(engine);
    const before = engine.simulator.state.get(scene.resourceId);
    await engine.deliverEvents();
    await engine.drain();
    expect(engine.work()).toMatchObject([{ run: { policyId: scene.policyId } }]);

    await undo(runId);

    expect(differences(before)).toEqual([]);
    expect(runsWith(engine, 'fixed')).toHaveLength(2);
    expect(runsWith(engine, 'undone')).toHaveLength(1);
    expect(answersOf(engine)).toMatchObject([{ reason: 'undone', previousRunId: runId }]);
    expectInvariants();
  });

  it('an event that comes in while the undo is under way is looked at afterwards', async () => {
    const { before, runId } = await fix(scene);
    engine.simulator.faults.add({
      caller: 'dockwarden',
      method: 'PATCH',
      effect: {
        kind: 'after',
        run: async (): Promise<void> => {
          const { tags } = engine.simulator.state.get(scene.resourceId) ?? {};
          engine.simulator.as('automation').patch(scene.resourceId, { tags: { ...tags, late: 'yes' } });
          await engine.deliverEvents();
        },
      },
    });

    const answer = await undo(runId);

    expect(answer).toMatchObject({ reason: 'undone' });
    expect(differences(before)).toEqual(['/tags/late']);
    expect(findingOf(engine, scene)).toMatchObject({ decision: 'exempt' });
    expectInvariants();
  });
});

/** A fix, and then a mishap somewhere in its undo; whoever gets no answer to the request asks once more. */
interface CrashScene {
  readonly name: string;
  readonly scene: Scene;
  readonly environment: Readonly<Record<string, string>>;
  /** Time between fix and undo. */
  readonly ageMs: number;
  /** Runs besides fix and undo, that the pass of the undo makes. */
  readonly others: number;
}

const crashScenes: readonly CrashScene[] = [
  ...reversible.map((scene) => ({
    name: scene.remediationId,
    scene,
    environment: scene.environment,
    ageMs: HOUR,
    others: 0,
  })),
  {
    name: 'acr-disable-admin-user, with a fix of another policy in the same pass',
    scene: disableAdminUser,
    environment: {},
    // By now the second password is old, once there is one again.
    ageMs: 91 * DAY,
    others: 1,
  },
];

async function runCrash(crash: CrashScene, boundary: Boundary, armed: Iterable<readonly [number, Mishap]>) {
  const { scene, environment, ageMs } = crash;
  const run = await startEngine({
    environment: { ...ENFORCING, ...environment },
    seed: seedOf(scene),
    wrapContext: boundary.wrapContext,
  });
  boundary.watch(run.simulator);
  scene.violate(run);
  const before = run.simulator.state.get(scene.resourceId);
  await runHost(run, { hasDied: () => boundary.hasDied });
  const [runId = ''] = runsWith(run, 'fixed');
  run.clock.advance(ageMs);
  boundary.arm(armed);
  let asked = 0;
  for (let isAnswered = false; !isAnswered && asked < 5; asked += 1) {
    try {
      isAnswered = (await ask(run, 'undo', { runId })).result === 'accepted';
    } catch {
      run.clock.advance(1000);
    }
  }
  await runHost(run, { hasDied: () => boundary.hasDied });
  return { run, before, runId, asked };
}

function expectUndoneOnce(crash: CrashScene, { run, before, runId }: Awaited<ReturnType<typeof runCrash>>): void {
  expect(changedByUs(before, run.simulator.state.get(crash.scene.resourceId))).toEqual([]);
  expect(findingOf(run, crash.scene)).toMatchObject({
    status: 'open',
    decision: 'exempt',
    reason: 'exempt-undone',
    undoneRunId: runId,
  });
  expect(findingOf(run, crash.scene)).not.toHaveProperty('reverts');
  expect(runsWith(run, 'undone')).toHaveLength(1);
  expect(answersOf(run).filter(({ reason }) => reason === 'undone')).toHaveLength(1);
  const ofPolicy = run.audit('outcome').filter(({ policyId }) => policyId === crash.scene.policyId);
  expect(ofPolicy.map(({ outcome }) => `${outcome}`).toSorted()).toEqual(['fixed', 'undone']);
  expect(run.poison).toEqual([]);
  expectSettled(run);
  expectRecordedMutations(run);
}

const crashes = await Promise.all(
  crashScenes.map(async (crash) => {
    const boundary = new Boundary();
    const happy = await runCrash(crash, boundary, []);
    const calls = [...boundary.calls];
    const outcomes = happy.run.audit('outcome').length;
    await happy.run.stop();
    return { ...crash, crash, calls, happy, outcomes };
  }),
);

describe.each(crashes)('$name: an undo survives', ({ crash, calls, happy, outcomes, others }) => {
  it('that nothing goes wrong, over at least a dozen boundaries', async () => {
    engine = happy.run;
    expect(calls.length).toBeGreaterThanOrEqual(12);
    expect(happy.asked).toBe(1);
    expect(outcomes).toBe(2 + others);
    expectUndoneOnce(crash, happy);
  });

  for (const mishap of mishaps) {
    it.each(calls.map((call, index) => ({ call, at: index + 1 })))(
      `call $at, $call, that ${mishap}`,
      async ({ at, call }) => {
        const boundary = new Boundary();
        const result = await runCrash(crash, boundary, [[at, mishap]]);
        engine = result.run;
        expect(boundary.calls[at - 1]).toBe(call);
        expectUndoneOnce(crash, result);
        const expectNothing = countMutations();

        engine.clock.advance(PAST_THE_LEASE);
        await runHost(engine, { sweep: true, hasDied: () => boundary.hasDied });

        expectNothing();
        expectUndoneOnce(crash, result);
        // Whoever asked is answered, once for each request that was taken.
        expect(new Set(answersOf(engine).map(({ causeId }) => causeId)).size).toBe(answersOf(engine).length);
        expect(answersOf(engine).length).toBeLessThanOrEqual(result.asked);
      },
    );
  }

  it('several mishaps in a row', { timeout: 60_000 }, async () => {
    const position = fc.integer({ min: 1, max: 2 * calls.length });
    const armed = fc.uniqueArray(fc.tuple(position, fc.constantFrom(...mishaps)), {
      selector: ([at]) => at,
      maxLength: 4,
    });

    await fc.assert(
      fc.asyncProperty(armed, async (mishapsAt) => {
        const boundary = new Boundary();
        const result = await runCrash(crash, boundary, mishapsAt);
        engine = result.run;
        try {
          engine.clock.advance(PAST_THE_LEASE);
          await runHost(engine, { sweep: true, hasDied: () => boundary.hasDied });
          expect(result.asked).toBeLessThan(6);
          expectUndoneOnce(crash, result);
        } finally {
          await engine.stop();
        }
      }),
      { numRuns: 20 },
    );
  });
});

describe.each(reversible)('$remediationId: a request whose wake-up was never sent', (scene) => {
  it('is found by the sweep', async () => {
    const boundary = new Boundary();
    const { before, runId } = await fix(scene, { wrapContext: boundary.wrapContext });
    boundary.arm([[6, 'dies before']]);
    await expect(ask(engine, 'undo', { runId })).rejects.toThrow('queue.send');
    expect(engine.queue).toEqual([]);

    engine.clock.advance(HOUR);
    await runHost(engine, { sweep: true, hasDied: () => boundary.hasDied });

    expect(differences(before)).toEqual([]);
    expect(answersOf(engine)).toMatchObject([{ reason: 'undone' }]);
    expectInvariants();
  });
});

async function damageOutcome(runId: string): Promise<void> {
  const row = engine.tables.audit.rows.find(({ rowKey }) => rowKey.endsWith(`${runId}_outcome`));
  if (row === undefined) throw new Error('no outcome');
  await engine.tables.audit.replace(row, { ...row.columns, stage: 'nonsense' }, row.etag);
}

/** The audit without the row that cannot be read. */
function readableAnswers(): readonly unknown[] {
  return engine.tables.audit.rows.filter(({ columns }) => columns['stage'] === 'undo').map(({ columns }) => columns);
}

describe.each(reversible)('$remediationId: the outcome of the run was damaged', (scene) => {
  it('an undo of it is refused when it is asked for', async () => {
    const { runId } = await fix(scene);
    const mutations = engine.mutations().length;
    await damageOutcome(runId);

    expect(await ask(engine, 'undo', { runId })).toMatchObject({ status: 409, code: 'values-not-recorded' });
    await engine.settle();

    expect(engine.mutations()).toHaveLength(mutations);
    expect(engine.poison).toEqual([]);
  });

  it('an undo that waits is refused, and the resource is treated on', async () => {
    const { runId } = await fix(scene);
    await ask(engine, 'undo', { runId });
    await damageOutcome(runId);

    await runHost(engine, { untilMs: HOUR });
    expect(readableAnswers()).toMatchObject([
      { reason: 'refused-values-not-recorded', actor: ALICE.id, previousRunId: runId },
    ]);
    expect(scene.isFixed(engine)).toBe(true);
    scene.violate(engine);
    await runHost(engine, { untilMs: HOUR });

    expect(scene.isFixed(engine)).toBe(true);
    expect(engine.poison).toEqual([]);
    expect(engine.work()).toMatchObject([{ pending: [], attempt: 0 }]);
    expect(engine.queue).toEqual([]);
  });
});

describe.each(reversible)('$remediationId: a throttled answer that asks for a day', (scene) => {
  it('does not keep an operator who undoes a fix waiting', async () => {
    const { before, runId } = await fix(scene);
    failReads(429, 'TooManyRequests', { times: 1, headers: { 'retry-after': '86400' } });
    engine.clock.advance(HOUR);
    const tags = engine.simulator.state.get(scene.resourceId)?.tags;
    engine.simulator.as('automation').patch(scene.resourceId, { tags: { ...tags, looked: 'yes' } });
    await runHost(engine, { untilMs: 1000 });
    expect(engine.queue.map(({ dueAt }) => dueAt > engine.clock.now().getTime() + 23 * HOUR)).toEqual([true]);

    await ask(engine, 'undo', { runId });
    await runHost(engine, { untilMs: 60_000 });

    expect(answersOf(engine)).toMatchObject([{ reason: 'undone' }]);
    expect(differences(before)).toEqual(['/tags/looked']);
    await runHost(engine, { untilMs: 2 * DAY });
    expectInvariants();
  });
});
