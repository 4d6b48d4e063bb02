import { afterEach, describe, expect, it } from 'vitest';
import type { FaultEffect } from '../../local/azure/faults.ts';
import { remediations } from '../../src/remediations/catalogue.ts';
import { vaultBody, vaultSeed } from '../simulator/vault-harness.ts';
import { expectSettled } from '../support/audit-invariants.ts';
import { Boundary, mishaps } from '../support/boundary.ts';
import type { EngineHarness } from '../support/engine-harness.ts';
import { runHost } from '../support/host-delivery.ts';
import { expectGuarantees, outcomesOf, runsOf } from './c10-guarantees.ts';
import {
  DAY,
  KEY_ID,
  type KeyScene,
  keyScenes,
  ROTATING,
  rotateNearExpiry,
  setRotationPolicy,
  startKeys,
  USER_ID,
  userOf,
  vaultOf,
  violate,
} from './key-scenes.ts';
import { answersOf, ask, runsWith, sweep } from './operator-requests.ts';

let engine: EngineHarness;

afterEach(async () => {
  await engine.stop();
});

const findingOf = ({ policyId }: KeyScene) =>
  engine.findings().find((finding) => finding.policyId === policyId && finding.resourceId === KEY_ID);
const versions = () => vaultOf(engine).key('data')?.versions.length;

describe.each(keyScenes)('$remediationId', (scene) => {
  const setting = `REMEDIATE_${scene.remediationId.toUpperCase().replaceAll('-', '_')}`;

  it('fixes the key that an event tells of, with these calls and no others', async () => {
    engine = await startKeys();
    violate(engine, scene);

    await engine.settle();

    expect(engine.calls()).toEqual(scene.calls);
    expect(outcomesOf(engine)).toEqual(['fixed']);
    expect(scene.isFixed(vaultOf(engine))).toBe(true);
    expect(findingOf(scene)).toMatchObject({ status: 'closed', lastOutcome: 'fixed' });
    expectGuarantees(engine);
  });

  it('is there because the remediation is', () => {
    const { id, fixes } = remediations.find((remediation) => remediation.id === scene.remediationId) ?? {};

    expect([id, fixes?.id]).toEqual([scene.remediationId, scene.policyId]);
  });

  it('only plans in observe, and needs no permission on data for that', async () => {
    engine = await startKeys({ [setting]: 'observe' });
    violate(engine, scene);

    await engine.settle();

    expect(engine.mutations()).toEqual([]);
    expect(findingOf(scene)).toMatchObject({ status: 'open', decision: 'observe', reason: 'mode-observe' });
    const plan = engine.audit('decision').find(({ policyId }) => policyId === scene.policyId)?.operations;
    expect(JSON.parse(plan ?? '[]')).toMatchObject([{ effect: 'write', result: 'planned' }]);
    const { roleAssignments } = engine.simulator.identity('dockwarden');
    expect(roleAssignments.flatMap(({ dataActions = [] }) => dataActions)).not.toContain(scene.dataAction);
  });

  it.each([
    ['not-opted-in', { tags: { team: 'x' } }, userOf],
    ['pinned-users-found', {}, (kid: string) => userOf(kid, false)],
  ])('leaves it to people: %s', async (reason, change, user) => {
    engine = await startKeys();
    violate(engine, scene, change, user);

    await engine.settle();

    expect(engine.mutations()).toEqual([]);
    expect(findingOf(scene)).toMatchObject({ status: 'open', decision: 'ticket', reason });
    expect(engine.tickets().find(({ policyId }) => policyId === scene.policyId)).toMatchObject({ reason });
  });

  it('names who is pinned', async () => {
    engine = await startKeys();
    violate(engine, scene, {}, (kid) => userOf(kid, false));

    await engine.settle();

    expect(JSON.stringify([engine.tickets(), engine.findings()])).toContain(USER_ID);
  });

  it('waits while the users cannot be found out', async () => {
    engine = await startKeys();
    engine.simulator.faults.add({
      path: /ResourceGraph/,
      times: 2,
      effect: { kind: 'answer', status: 429, headers: { 'retry-after': '30' } },
    });
    violate(engine, scene);

    await engine.settle();

    expect(outcomesOf(engine)).toEqual(['fixed']);
    expectGuarantees(engine);
  });

  it('leaves it to people when the users are refused for good', async () => {
    engine = await startKeys();
    engine.simulator.faults.add({ path: /ResourceGraph/, times: 9, effect: { kind: 'answer', status: 403, body: {} } });
    violate(engine, scene);

    await engine.settle();

    expect(findingOf(scene)).toMatchObject({ decision: 'ticket', reason: 'dependants-unreadable' });
    expect(engine.mutations()).toEqual([]);
  });

  it.each([
    ['ForbiddenByRbac', {}],
    ['AccessDenied', { enableRbacAuthorization: false }],
    ['ForbiddenByFirewall', { publicNetworkAccess: 'Disabled' }],
  ])('ends denied, and says what to do, when the vault answers %s', async (reason, properties) => {
    const boundary = {
      seed: vaultSeed([vaultBody('kv-test', properties)]),
      ...(reason === 'ForbiddenByRbac' && {
        actions: [
          'Microsoft.KeyVault/vaults/keys/read',
          'Microsoft.Resources/subscriptions/resourceGroups/read',
          'Microsoft.Authorization/policyExemptions/read',
          'Microsoft.Compute/diskEncryptionSets/read',
        ],
      }),
    };
    engine = await startKeys({}, boundary);
    violate(engine, scene);

    await engine.settle();

    expect(runsOf(engine)).toMatchObject([{ outcome: 'denied', reason }]);
    expect(runsOf(engine)[0]?.record.error).toMatch(/ refuses \(\w+\): .{30,}/);
    expect(findingOf(scene)).toMatchObject({ status: 'open', lastOutcome: 'denied' });
    expectGuarantees(engine);
  });

  it.each([
    ['throttles', { kind: 'answer', status: 429, headers: { 'retry-after': '20' } }, ['retry', 'fixed']],
    ['fails', { kind: 'answer', status: 503 }, ['fixed']],
    ['loses the request', { kind: 'drop' }, ['fixed']],
    ['loses the answer', { kind: 'apply-then-drop' }, ['fixed']],
    ['answers half of it', { kind: 'cut-json' }, ['fixed']],
  ] as const)('is done once when the vault %s', async (_name, effect: FaultEffect, outcomes) => {
    engine = await startKeys();
    engine.simulator.faults.add({ path: scene.write, caller: 'dockwarden', effect });
    violate(engine, scene);

    await engine.settle();

    expect(outcomesOf(engine)).toEqual(outcomes);
    expect(scene.isFixed(vaultOf(engine))).toBe(true);
    expectGuarantees(engine);
  });

  it('goes by exemptions and scopes on the tags of the key itself', async () => {
    engine = await startKeys({ [`${setting}_SCOPE`]: 'ring=first' });
    violate(engine, scene);
    await engine.settle();
    expect(findingOf(scene)).toMatchObject({ decision: 'observe', reason: 'out-of-scope' });

    const tags = { ...scene.key(engine.clock.now()).tags, ring: 'first' };
    violate(engine, scene, { tags: { ...tags, [`dockwarden-exempt-${scene.policyId}`]: '2026-12-20' } });
    await engine.settle();
    expect(engine.mutations()).toEqual([]);

    violate(engine, scene, { tags });
    await engine.settle();
    expect(outcomesOf(engine)).toEqual(['fixed']);
  });

  it('closes its finding when the vault is gone, after two looks', async () => {
    engine = await startKeys({ [setting]: 'observe' });
    violate(engine, scene);
    await engine.settle();
    expect(findingOf(scene)).toMatchObject({ status: 'open' });
    engine.simulator.state.put(vaultBody('kv-other'));
    engine.simulator.state.remove(vaultOf(engine).vaultId);

    await sweep(engine);

    expect(findingOf(scene)).toMatchObject({ status: 'closed', closedBecause: 'gone' });
    expectSettled(engine);
  });
});

async function runOnce(scene: KeyScene, boundary: Boundary): Promise<void> {
  engine = await startKeys({}, { wrapContext: boundary.wrapContext });
  violate(engine, scene);
  boundary.watch(engine.simulator);
  await runHost(engine, { sweep: false, hasDied: () => boundary.hasDied });
  engine.clock.advance(200_000);
  await runHost(engine, { sweep: true, hasDied: () => boundary.hasDied });
}

describe('a worker that dies', () => {
  it.each(keyScenes)(
    'leaves nothing half done, wherever it dies: $remediationId',
    { timeout: 60_000 },
    async (scene) => {
      const learnt = new Boundary();
      await runOnce(scene, learnt);
      const calls = learnt.calls.length;
      await engine.stop();
      expect(calls).toBeGreaterThan(10);

      for (const mishap of mishaps) {
        for (let at = 1; at <= calls; at += 1) {
          const boundary = new Boundary();
          boundary.arm([[at, mishap]]);
          await runOnce(scene, boundary);

          const where = `${mishap} call ${at}, ${boundary.calls[at - 1]}`;
          const isFixed = scene.isFixed(vaultOf(engine));
          expect([where, isFixed, outcomesOf(engine).at(-1)]).toEqual([where, true, 'fixed']);
          expectGuarantees(engine);
          await engine.stop();
        }
      }
    },
  );
});

const undo = async () => {
  const [runId] = runsWith(engine, 'fixed');
  expect(await ask(engine, 'undo', { runId })).toMatchObject({ result: 'accepted' });
  await engine.settle();
};

describe('taking a rotation policy back', () => {
  it('leaves what Azure does without one, where there was none', async () => {
    engine = await startKeys();
    violate(engine, setRotationPolicy);
    await engine.settle();

    await undo();

    expect(answersOf(engine).at(-1)).toMatchObject({ outcome: 'undone' });
    expect(vaultOf(engine).key('data')?.rotationPolicy).toMatchObject({
      actions: [{ type: 'Notify', timeBeforeExpiry: 'P30D' }],
    });
    expect(vaultOf(engine).key('data')?.rotationPolicy?.expiryTime).toBeUndefined();
    await sweep(engine);
    expect(findingOf(setRotationPolicy)).toMatchObject({ decision: 'exempt', reason: 'exempt-undone' });
    expectGuarantees(engine);
  });

  it('puts the old one back as it was', async () => {
    const old = {
      lifetimeActions: [{ trigger: { timeBeforeExpiry: 'P20D' }, action: { type: 'Notify' } }],
      attributes: { expiryTime: 'P3Y' },
    };
    engine = await startKeys();
    violate(engine, setRotationPolicy, { rotationPolicy: old });
    await engine.settle();
    expect(vaultOf(engine).key('data')?.rotationPolicy).toMatchObject({
      expiryTime: 'P3Y',
      actions: expect.arrayContaining([{ type: 'Notify', timeBeforeExpiry: 'P20D' }]),
    });

    await undo();

    expect(answersOf(engine).at(-1)).toMatchObject({ outcome: 'undone' });
    expect(vaultOf(engine).key('data')?.rotationPolicy).toMatchObject({
      expiryTime: 'P3Y',
      actions: [{ type: 'Notify', timeBeforeExpiry: 'P20D' }],
    });
    expectGuarantees(engine);
  });

  it('survives a lost answer, and a worker that finds it done', async () => {
    engine = await startKeys();
    violate(engine, setRotationPolicy);
    await engine.settle();
    engine.simulator.faults.add({ path: /\/rotationpolicy\?/, skip: 1, effect: { kind: 'apply-then-drop' } });

    await undo();

    expect(answersOf(engine).at(-1)).toMatchObject({ outcome: 'undone' });
    expectGuarantees(engine);
  });

  it('is refused when somebody has changed it since', async () => {
    engine = await startKeys();
    violate(engine, setRotationPolicy);
    await engine.settle();
    vaultOf(engine).createKey('data', { rotationPolicy: { ...ROTATING, attributes: { expiryTime: 'P4Y' } } });
    const before = engine.mutations().length;

    await undo();

    expect(answersOf(engine).at(-1)).toMatchObject({ reason: 'refused-drifted' });
    expect(engine.mutations()).toHaveLength(before);
  });

  it('is refused for a rotation, with the reason', async () => {
    engine = await startKeys();
    violate(engine, rotateNearExpiry);
    await engine.settle();

    const [runId] = runsWith(engine, 'fixed');
    const answer = await ask(engine, 'undo', { runId });

    expect(answer).toMatchObject({ result: 'refused', code: 'irreversible' });
    expect(answer.message).toMatch(/cannot be unmade/);
    expect(versions()).toBe(2);
  });
});

describe('what follows from a rotation', () => {
  it('is one look at the new version, and nothing more', async () => {
    engine = await startKeys();
    violate(engine, rotateNearExpiry);
    await engine.settle();
    const after = engine.calls().length;

    await sweep(engine);
    await sweep(engine);

    expect(versions()).toBe(2);
    expect(
      engine
        .calls()
        .slice(after)
        .filter((call) => !call.startsWith('GET') && !call.includes('ResourceGraph')),
    ).toEqual([]);
    expect(vaultOf(engine).key('data')?.exp?.getTime()).toBeGreaterThan(engine.clock.now().getTime() + 700 * DAY);
  });

  it('is none where the new version would be as near its expiry', async () => {
    engine = await startKeys();
    const weekly = { trigger: { timeAfterCreate: 'P7D' }, action: { type: 'Rotate' } };
    const rotationPolicy = { lifetimeActions: [weekly], attributes: { expiryTime: 'P28D' } };
    violate(engine, rotateNearExpiry, { rotationPolicy });

    await engine.settle();

    expect(findingOf(rotateNearExpiry)).toMatchObject({ decision: 'ticket', reason: 'expiry-too-short' });
    expect(versions()).toBe(1);
  });

  it('does not need a user that is known, while a policy does', async () => {
    engine = await startKeys();
    vaultOf(engine).createKey('data', { ...rotateNearExpiry.key(engine.clock.now()) });
    vaultOf(engine).createKey('lonely', setRotationPolicy.key(engine.clock.now()));

    await engine.settle();

    expect(versions()).toBe(2);
    expect(engine.findings().find(({ resourceId }) => resourceId.endsWith('/lonely'))).toMatchObject({
      decision: 'ticket',
      reason: 'no-known-users',
    });
  });
});
