import { afterEach, describe, expect, it } from 'vitest';
import type { EngineHarness } from '../support/engine-harness.ts';
import { READ_ACTIONS } from '../support/product-role.ts';
import { expectGuarantees, outcomesOf, runsOf } from './c10-guarantees.ts';
import {
  addRequiredTags,
  disableAdminUser,
  rotateSecondPassword,
  type Scene,
  sceneCall,
  scenes,
  startScene,
} from './remediation-scenes.ts';

let engine: EngineHarness;

afterEach(async () => {
  await engine.stop();
});

async function run(scene: Scene, untilMs?: number): Promise<void> {
  scene.violate(engine);
  await engine.settle(untilMs);
}

const REGISTRY = /\/registries\/\w+(\?|$)/;
const POLICY = {
  name: 'freeze',
  id: '/subscriptions/00000000-0000-4000-8000-000000000001/providers/Microsoft.Authorization/policyAssignments/freeze',
  definitionName: 'freeze',
  definitionId: '/providers/Microsoft.Authorization/policyDefinitions/freeze',
};

describe('what stops a fix for good', () => {
  for (const scene of scenes) {
    it(`${scene.remediationId}: a lock ends the run locked, and the finding stays open`, async () => {
      engine = await startScene(scene);
      scene.violate(engine);
      engine.simulator.locks.push({ scope: scene.resourceId, name: 'hold', level: 'ReadOnly' });

      await engine.settle();

      expect(runsOf(engine)).toMatchObject([{ outcome: 'locked', reason: 'ScopeLocked' }]);
      expect(engine.findings()).toMatchObject([{ status: 'open', lastOutcome: 'locked', attempts: 1 }]);
      expectGuarantees(engine);
    });

    it(`${scene.remediationId}: a missing permission ends the run denied and names the action, without a storm of retries`, async () => {
      engine = await startScene(scene, { actions: READ_ACTIONS });

      await run(scene, 26 * 3_600_000);

      const [write] = scene.calls.filter(({ kind }) => kind === 'write');
      expect(outcomesOf(engine)).toEqual(['denied']);
      expect(runsOf(engine)[0]?.record.error).toMatch(
        write?.method === 'POST' ? /regenerateCredential\/action/ : /Microsoft\.Resources\/tags\/write/,
      );
      expect(engine.mutations()).toHaveLength(1);
      expect(engine.findings()).toMatchObject([{ status: 'open', lastOutcome: 'denied' }]);
      expectGuarantees(engine);
    });

    it(`${scene.remediationId}: a resource that vanishes before the read-back ends the run gone`, async () => {
      engine = await startScene(scene);
      const { method, path, skip } = sceneCall(scene, 'read-back');
      engine.simulator.faults.add({
        method,
        path: new RegExp(`${path.source.slice(0, -1)}(\\?|$)`, 'i'),
        caller: 'dockwarden',
        skip,
        effect: { kind: 'before', run: () => engine.simulator.state.remove(scene.resourceId, { by: 'operator' }) },
      });

      await run(scene);

      expect(outcomesOf(engine)).toEqual(['gone']);
      expect(engine.findings().filter(({ policyId }) => policyId === scene.policyId)).toMatchObject([
        { status: 'closed', closedBecause: 'gone' },
      ]);
      expectGuarantees(engine);
    });
  }

  for (const scene of [disableAdminUser, addRequiredTags]) {
    it(`${scene.remediationId}: a policy with effect deny ends the run denied-by-policy`, async () => {
      engine = await startScene(scene);
      scene.violate(engine);
      engine.simulator.policyDenies.push({ policy: POLICY, denies: () => true });

      await engine.settle();

      expect(runsOf(engine)).toMatchObject([{ outcome: 'denied-by-policy', reason: 'RequestDisallowedByPolicy' }]);
      expect(engine.findings()).toMatchObject([{ status: 'open', lastOutcome: 'denied-by-policy' }]);
      expectGuarantees(engine);
    });
  }

  for (const [name, answer] of Object.entries({
    'without a body': { status: 403 },
    'with an HTML page': { status: 403, body: '<html>blocked by proxy</html>' },
  })) {
    for (const scene of scenes) {
      it(`${scene.remediationId}: a 403 ${name} at the first write ends the run denied`, async () => {
        engine = await startScene(scene);
        const write = scene.calls.find(({ kind }) => kind === 'write');
        engine.simulator.faults.add({
          method: write?.method ?? 'PATCH',
          caller: 'dockwarden',
          effect: { kind: 'answer', ...answer },
        });

        await run(scene);

        expect(outcomesOf(engine)).toEqual(['denied']);
        expectGuarantees(engine);
      });
    }
  }
});

describe('the outcome is what the resource says (R08, R11)', () => {
  // The client reads the body of a registry, the tags API's answer is not looked at, and a rotation without an answer is done again.
  it.each([
    { ...disableAdminUser, method: 'PATCH', times: Infinity, outcome: 'gave-up' },
    { ...addRequiredTags, method: 'PATCH', times: Infinity, outcome: 'not-effective' },
    { ...rotateSecondPassword, method: 'POST', times: 1, outcome: 'fixed' },
  ])('$remediationId: 200 with nothing in it proves nothing', async ({ method, times, outcome, ...scene }) => {
    engine = await startScene(scene);
    const fault = engine.simulator.faults.add({
      method,
      caller: 'dockwarden',
      times,
      effect: { kind: 'answer', status: 200 },
    });

    await run(scene, 30 * 3_600_000);

    expect(outcomesOf(engine)).toEqual([outcome]);
    expect(fault.matched).toBeGreaterThanOrEqual(1);
    expectGuarantees(engine);
  });

  for (const scene of [disableAdminUser, addRequiredTags]) {
    it(`${scene.remediationId}: a write that is answered 200 and applies nothing is not-effective after 10 minutes`, async () => {
      engine = await startScene(scene);
      const startedAt = engine.clock.now().getTime();
      engine.simulator.faults.add({
        method: 'PATCH',
        caller: 'dockwarden',
        times: Infinity,
        effect: { kind: 'ignore-write' },
      });

      await run(scene);

      expect(outcomesOf(engine)).toEqual(['not-effective']);
      const ended = Date.parse(runsOf(engine)[0]?.record.time ?? '') - startedAt;
      expect(ended).toBeGreaterThanOrEqual(600_000);
      expect(ended).toBeLessThan(720_000);
      expect(engine.findings()).toMatchObject([{ status: 'open', lastOutcome: 'not-effective', attempts: 1 }]);
      expectGuarantees(engine);
    });

    it(`${scene.remediationId}: reads that are stale at first end fixed, with at most three reads in the first ten seconds`, async () => {
      engine = await startScene(scene);
      const { method, path, skip } = sceneCall(scene, 'read-back');
      const started = engine.clock.now().getTime();
      engine.simulator.faults.add({
        method,
        path: new RegExp(`${path.source.slice(0, -1)}(\\?|$)`, 'i'),
        caller: 'dockwarden',
        skip,
        times: 2,
        effect: { kind: 'stale-read' },
      });

      await run(scene);

      expect(outcomesOf(engine)).toEqual(['fixed']);
      const writes = scene.calls.filter(({ kind }) => kind === 'write').length;
      expect(engine.mutations()).toHaveLength(writes);
      const reads = engine.simulator.requests.filter(
        (request) => request.caller === 'dockwarden' && request.method === 'GET' && path.test(request.path),
      );
      expect(reads.filter(({ time }) => time.getTime() < started + 10_000).length).toBeLessThanOrEqual(1 + 3);
      expectGuarantees(engine);
    });

    it(`${scene.remediationId}: reads that stay stale are not-effective after 10 minutes`, async () => {
      engine = await startScene(scene);
      const { method, path, skip } = sceneCall(scene, 'read-back');
      engine.simulator.faults.add({
        method,
        path: new RegExp(`${path.source.slice(0, -1)}(\\?|$)`, 'i'),
        caller: 'dockwarden',
        skip,
        times: Infinity,
        effect: { kind: 'stale-read' },
      });

      await run(scene);

      expect(outcomesOf(engine)).toEqual(['not-effective']);
      expectGuarantees(engine);
    });
  }

  it('tells an untouched registry from one that it changed', async () => {
    engine = await startScene(disableAdminUser);
    const { method, path } = sceneCall(disableAdminUser, 'container apps');
    engine.simulator.faults.add({
      method,
      path: new RegExp(`${path.source.slice(0, -1)}(\\?|$)`),
      effect: {
        kind: 'after',
        run: () =>
          engine.simulator.state.patch(disableAdminUser.resourceId, { properties: { adminUserEnabled: false } }),
      },
    });

    await run(disableAdminUser);

    // The rotation is refused by Azure because the admin user is off already: not our doing, so nothing says "fixed".
    expect(outcomesOf(engine)).toEqual(['retry']);
    expect(engine.findings()).toMatchObject([{ status: 'closed', closedBecause: 'compliant' }]);
    expect(
      engine.simulator.requests.filter(({ errorCode }) => errorCode === 'UnAuthorizedForCredentialOperations'),
    ).toHaveLength(1);
    expectGuarantees(engine);
  });
});

describe('waiting as long as Azure asks', () => {
  for (const scene of scenes) {
    it(`${scene.remediationId}: makes no call before the time that Retry-After names`, async () => {
      engine = await startScene(scene);
      const start = engine.clock.now().getTime();
      const write = scene.calls.find(({ kind }) => kind === 'write');
      engine.simulator.faults.add({
        method: write?.method ?? 'PATCH',
        caller: 'dockwarden',
        effect: { kind: 'answer', status: 429, headers: { 'retry-after': '900' } },
      });

      await run(scene, 0);
      const before = engine.calls().length;
      const [message] = engine.queue;
      engine.clock.advance(899_000);
      await engine.drain();
      expect(engine.calls()).toHaveLength(before);
      await engine.settle();

      expect(message?.delayMs).toBe(900_000);
      const later = engine.simulator.requests.filter(
        ({ caller, time }) => caller === 'dockwarden' && time.getTime() > start,
      );
      expect(Math.min(...later.map(({ time }) => time.getTime()))).toBe(start + 900_000);
      expect(outcomesOf(engine)).toEqual(['retry', 'fixed']);
      expectGuarantees(engine);
    });

    it(`${scene.remediationId}: waits for a busy resource and succeeds at the third try (R03)`, async () => {
      engine = await startScene(scene);
      scene.violate(engine);
      engine.simulator.state.setBusy(scene.resourceId, { times: 2 });

      await engine.settle();

      expect(outcomesOf(engine)).toEqual(['retry', 'retry', 'fixed']);
      expect(scene.isFixed(engine)).toBe(true);
      expectGuarantees(engine);
    });

    it(`${scene.remediationId}: gives up after a day of refusals, and leaves the finding open`, async () => {
      engine = await startScene(scene);
      scene.violate(engine);
      engine.simulator.state.setBusy(scene.resourceId, { until: new Date('2026-11-26T10:00:00Z') });

      await engine.settle(30 * 3_600_000);

      expect(outcomesOf(engine).at(-1)).toBe('gave-up');
      expect(new Set(outcomesOf(engine).slice(0, -1))).toEqual(new Set(['retry']));
      expect(engine.findings()).toMatchObject([{ status: 'open', lastOutcome: 'gave-up' }]);
      expectGuarantees(engine);
    });
  }
});

describe('somebody else at the same time (R30, R41)', () => {
  it('keeps a tag that was added between our read and our write', async () => {
    engine = await startScene(addRequiredTags);
    engine.simulator.faults.add({
      method: 'PATCH',
      caller: 'dockwarden',
      effect: {
        kind: 'before',
        run: () =>
          engine.simulator.state.patch(
            addRequiredTags.resourceId,
            { tags: { project: 'apollo' } },
            { by: 'automation' },
          ),
      },
    });

    await run(addRequiredTags);

    expect(engine.simulator.state.get(addRequiredTags.resourceId)?.tags).toEqual({
      env: 'prod',
      project: 'apollo',
      costCenter: '4711',
      owner: 'platform-team',
    });
    expectGuarantees(engine);
  });

  it('does not overwrite a required tag that somebody set after the cluster was read', async () => {
    engine = await startScene(addRequiredTags);
    engine.simulator.faults.add({
      method: 'GET',
      path: /\/tags\/default/,
      caller: 'dockwarden',
      effect: {
        kind: 'before',
        run: () =>
          engine.simulator.state.patch(
            addRequiredTags.resourceId,
            { tags: { OWNER: 'team-blue' } },
            { by: 'automation' },
          ),
      },
    });

    await run(addRequiredTags);

    expect(engine.simulator.state.get(addRequiredTags.resourceId)?.tags).toEqual({
      env: 'prod',
      OWNER: 'team-blue',
      costCenter: '4711',
    });
    expect(outcomesOf(engine)).toEqual(['fixed']);
    expectGuarantees(engine);
  });

  it('keeps what others change in a registry between our read and our write', async () => {
    engine = await startScene(disableAdminUser);
    engine.simulator.faults.add({
      method: 'PATCH',
      path: REGISTRY,
      caller: 'dockwarden',
      effect: {
        kind: 'before',
        run: () =>
          engine.simulator.state.patch(
            disableAdminUser.resourceId,
            { tags: { project: 'apollo' }, properties: { publicNetworkAccess: 'Enabled' } },
            { by: 'automation' },
          ),
      },
    });

    await run(disableAdminUser);

    expect(engine.simulator.state.get(disableAdminUser.resourceId)).toMatchObject({
      tags: { project: 'apollo', team: 'platform', env: 'prod' },
      properties: { publicNetworkAccess: 'Enabled', adminUserEnabled: false },
    });
    expectGuarantees(engine);
  });

  it('fixes again when the admin user is enabled between our write and our read-back', async () => {
    engine = await startScene(disableAdminUser);
    engine.simulator.faults.add({
      method: 'GET',
      path: REGISTRY,
      caller: 'dockwarden',
      skip: 1,
      effect: {
        kind: 'before',
        run: () => {
          engine.clock.advance(1);
          disableAdminUser.violate(engine);
        },
      },
    });

    await run(disableAdminUser);

    expect(disableAdminUser.isFixed(engine)).toBe(true);
    expect(runsOf(engine)).toMatchObject([{ outcome: 'retry', reason: 'changed-again' }, { outcome: 'fixed' }]);
    expectGuarantees(engine);
  });
});

describe('a rotation whose answer was lost', () => {
  for (const scene of [disableAdminUser, rotateSecondPassword]) {
    it(`${scene.remediationId}: is done again, and both are recorded`, async () => {
      engine = await startScene(scene);
      engine.simulator.faults.add({ method: 'POST', caller: 'dockwarden', effect: { kind: 'apply-then-drop' } });

      await run(scene);

      const name = scene === disableAdminUser ? 'password' : 'password2';
      const operations: readonly unknown[] = JSON.parse(runsOf(engine)[0]?.record.operations ?? '[]');
      expect(operations.slice(0, 2)).toEqual([
        { operation: 'registries.regenerateCredential', effect: 'write', args: [name], result: 'unknown' },
        { operation: 'registries.regenerateCredential', effect: 'write', args: [name], result: 'done' },
      ]);
      expectGuarantees(engine);
    });
  }

  it('does not rotate a second time what is known to be done', async () => {
    engine = await startScene(rotateSecondPassword);
    const { path, method, skip } = sceneCall(rotateSecondPassword, 'read-back');
    engine.simulator.faults.add({
      method,
      path: new RegExp(`${path.source.slice(0, -1)}(\\?|$)`, 'i'),
      skip,
      caller: 'dockwarden',
      times: 5,
      effect: { kind: 'drop' },
    });

    await run(rotateSecondPassword);

    expect(engine.mutations()).toHaveLength(1);
    expect(outcomesOf(engine)).toEqual(['fixed']);
    expectGuarantees(engine);
  });
});
