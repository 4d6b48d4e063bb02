import { afterEach, describe, expect, it } from 'vitest';
import { createSampleSubscription, sampleId } from '../../local/azure/sample-subscription.ts';
import { forgottenRow } from '../../src/engine/audit-rows.ts';
import type { EngineContext } from '../../src/engine/ports.ts';
import { DockwardenError } from '../../src/errors.ts';
import type { Policy } from '../../src/policy/define-policy.ts';
import type { Remediation } from '../../src/remediations/define-remediation.ts';
import { parseResourceId } from '../../src/resources/resource-id.ts';
import { ALICE, ask, runsWith, seedOf } from '../acceptance/operator-requests.ts';
import {
  addRequiredTags,
  disableAdminUser,
  rotateSecondPassword,
  startScene,
} from '../acceptance/remediation-scenes.ts';
import { expectRecordedMutations, expectSettled } from '../support/audit-invariants.ts';
import { Boundary } from '../support/boundary.ts';
import { type EngineHarness, type EngineHarnessOptions, startEngine } from '../support/engine-harness.ts';
import { runHost } from '../support/host-delivery.ts';
import { ALL_ACTIONS } from '../support/product-role.ts';

let engine: EngineHarness;

afterEach(async () => {
  await engine.stop();
});

const ACR = sampleId('contosoacr');
const AKS = sampleId('aks-prod');
const HOUR = 3_600_000;
const REGISTRY = /\/registries\/\w+(\?|$)/;
const REGISTRIES = /\/providers\/Microsoft\.ContainerRegistry\/registries(\?|$)/;

function refuse(method: string, path: RegExp, status: number, times = 1, code = 'Refused'): void {
  const body = { error: { code, message: 'refused' } };
  engine.simulator.faults.add({ method, path, times, caller: 'dockwarden', effect: { kind: 'answer', status, body } });
}

function withRemediations(change: (remediation: Remediation) => Remediation): EngineHarnessOptions {
  return {
    wrapContext: (context) => ({ ...context, remediations: context.remediations.map(change) }),
  };
}

function withPolicies(change: (policy: Policy) => Policy): EngineHarnessOptions {
  return { wrapContext: (context) => ({ ...context, policies: context.policies.map(change) }) };
}

/** A run stays open, and what the engine knows can be changed before the next worker comes. */
async function leaveOpen(change: (context: EngineContext) => EngineContext): Promise<{ go(): Promise<void> }> {
  let isChanged = false;
  engine = await startScene(disableAdminUser, { wrapContext: (context) => (isChanged ? change(context) : context) });
  engine.simulator.faults.add({ method: 'PATCH', caller: 'dockwarden', effect: { kind: 'drop' } });
  disableAdminUser.violate(engine);
  await engine.deliverEvents();
  await engine.drain();
  expect(engine.work()).toMatchObject([{ run: { resumed: 0 } }]);
  return {
    async go() {
      isChanged = true;
      await runHost(engine, { untilMs: 30 * HOUR });
    },
  };
}

const outcomes = () => engine.audit('outcome').map(({ outcome, reason }) => [outcome, reason]);

describe('a run that a version leaves behind which knows more than the next one', () => {
  const unknown: Readonly<Record<string, (context: EngineContext) => EngineContext>> = {
    'no remediation': (context) => ({ ...context, remediations: [] }),
    'no policy': (context) => ({ ...context, policies: [], remediations: [] }),
  };

  it.each(Object.entries(unknown))('is abandoned: %s', async (_name, change) => {
    const run = await leaveOpen(change);

    await run.go();

    expect(outcomes()).toEqual([['abandoned', 'unknown-remediation']]);
    expectSettled(engine);
  });

  it.each(Object.entries(unknown))('is abandoned also when the resource cannot be read: %s', async (_name, change) => {
    const run = await leaveOpen(change);
    refuse('GET', REGISTRY, 403, Infinity, 'AuthorizationFailed');

    await run.go();

    expect(outcomes()).toEqual([['abandoned', 'unknown-remediation']]);
    expectSettled(engine);
  });

  it.each([
    ['', false],
    [', also when the resource cannot be read any more', true],
  ])('is over when its outcome was stored already%s', async (_when, isUnreadable) => {
    const boundary = new Boundary();
    let isChanged = false;
    engine = await startScene(disableAdminUser, {
      wrapContext: (context) =>
        boundary.wrapContext(isChanged ? { ...context, policies: [], remediations: [] } : context),
    });
    boundary.watch(engine.simulator);
    disableAdminUser.violate(engine);
    // The call after the outcome's row: the findings.
    boundary.arm([[20, 'dies before']]);
    await runHost(engine, { hasDied: () => boundary.hasDied, untilMs: 60_000 });
    expect(boundary.calls.at(-1)).toBe('findings.save');
    isChanged = true;
    if (isUnreadable) refuse('GET', REGISTRY, 403, Infinity, 'AuthorizationFailed');

    await runHost(engine);

    expect(outcomes()).toEqual([['fixed', 'verified']]);
    expectSettled(engine);
  });

  it.each([
    ['ended', 20, ['fixed']],
    ['never began', 14, []],
  ])('is not ended a second time when it %s and its resource cannot be read any more', async (_how, at, expected) => {
    const boundary = new Boundary();
    engine = await startScene(disableAdminUser, { wrapContext: boundary.wrapContext });
    boundary.watch(engine.simulator);
    disableAdminUser.violate(engine);
    boundary.arm([[at, 'dies before']]);
    await runHost(engine, { hasDied: () => boundary.hasDied, untilMs: 60_000 });
    expect(engine.work()[0]).toHaveProperty('run');
    refuse('GET', REGISTRY, 403, Infinity, 'AuthorizationFailed');

    await runHost(engine);

    expect(engine.audit('outcome').map(({ outcome }) => outcome)).toEqual(expected);
    expect(engine.audit('intent')).toHaveLength(expected.length);
    expectSettled(engine);
  });

  it('may lack what older versions did not note', async () => {
    const run = await leaveOpen((context) => context);
    const [row] = engine.tables.work.rows;
    if (row === undefined) throw new Error('no row');
    const {
      timings: _timings,
      requestIds: _ids,
      ...older
    }: Record<string, unknown> = JSON.parse(String(row.columns['run']));
    await engine.tables.work.putAll(row.partitionKey, [
      { rowKey: row.rowKey, columns: { ...row.columns, run: JSON.stringify(older) } },
    ]);

    await run.go();

    expect(outcomes()).toEqual([['fixed', 'verified-after-restart']]);
  });
});

describe('an undo that an older version began', () => {
  it('without noting who asked is finished all the same, for somebody unknown', async () => {
    engine = await startScene(disableAdminUser);
    disableAdminUser.violate(engine);
    await runHost(engine, { untilMs: HOUR });
    const [runId] = runsWith(engine, 'fixed');
    engine.simulator.faults.add({ method: 'PATCH', caller: 'dockwarden', effect: { kind: 'drop' } });
    await ask(engine, 'undo', { runId });
    await engine.drain();
    const row = engine.tables.work.rows.find(({ columns }) => columns['run'] !== undefined);
    if (row === undefined) throw new Error('no open run');
    const { approvedBy, ...older }: Record<string, unknown> = JSON.parse(String(row.columns['run']));
    expect(approvedBy).toBe(ALICE.id);
    await engine.tables.work.replace(row, { ...row.columns, run: JSON.stringify(older) }, row.etag);

    await runHost(engine, { untilMs: 30 * HOUR });

    expect(engine.audit('undo')).toMatchObject([{ reason: 'undone', actor: 'unknown' }]);
    expectSettled(engine);
  });
});

/** The worker dies at this call, the first `findings.save` after the outcome; then nobody can read the registry until the returned function is called. */
async function dieUnread(boundary: Boundary, call: number): Promise<() => void> {
  boundary.arm([[call, 'dies before']]);
  await runHost(engine, { hasDied: () => boundary.hasDied, untilMs: 60_000 });
  expect(boundary.calls[call - 1]).toBe('findings.save');
  let isLocked = true;
  engine.simulator.faults.add({
    method: 'GET',
    path: REGISTRY,
    times: Infinity,
    caller: 'dockwarden',
    when: () => isLocked,
    effect: { kind: 'answer', status: 403, body: { error: { code: 'AuthorizationFailed', message: 'refused' } } },
  });
  await runHost(engine);
  expect(engine.work()[0]).not.toHaveProperty('run');
  return () => {
    isLocked = false;
  };
}

describe('a worker that dies between outcome and finding', () => {
  it('after a retry leaves it to the next one to wait and try again', async () => {
    const boundary = new Boundary();
    engine = await startScene(disableAdminUser, { wrapContext: boundary.wrapContext });
    boundary.watch(engine.simulator);
    refuse('PATCH', REGISTRY, 409, 1, 'OperationNotAllowed');
    disableAdminUser.violate(engine);
    boundary.arm([[18, 'dies after']]);

    await runHost(engine, { hasDied: () => boundary.hasDied });

    expect(boundary.calls[17]).toBe('audit.append');
    expect(outcomes()).toEqual([
      ['fixed', 'verified'],
      ['retry', 'OperationNotAllowed'],
    ]);
    const [fixed, retry] = engine.audit('outcome');
    expect(fixed?.previousRunId).toBe(retry?.remediationRunId);
    expectSettled(engine);
    expectRecordedMutations(engine);
  });

  it('after the retry of an undo leaves it to the next one to wait and try again', async () => {
    const boundary = new Boundary();
    engine = await startScene(disableAdminUser, { wrapContext: boundary.wrapContext });
    boundary.watch(engine.simulator);
    disableAdminUser.violate(engine);
    await runHost(engine, { untilMs: HOUR });
    refuse('PATCH', REGISTRY, 409, 1, 'OperationNotAllowed');
    await ask(engine, 'undo', { runId: runsWith(engine, 'fixed')[0] });
    boundary.arm([[11, 'dies after']]);

    await runHost(engine, { hasDied: () => boundary.hasDied });

    expect(boundary.calls[10]).toBe('audit.append');
    expect(outcomes()).toEqual([
      ['undone', 'verified'],
      ['retry', 'OperationNotAllowed'],
      ['fixed', 'verified'],
    ]);
    expect(engine.audit('undo')).toMatchObject([{ reason: 'undone', actor: ALICE.id }]);
    expectSettled(engine);
    expectRecordedMutations(engine);
  });

  it('repeats no rotation, though nobody could read the registry when its run was taken up', async () => {
    const boundary = new Boundary();
    engine = await startScene(rotateSecondPassword, {
      seed: seedOf(rotateSecondPassword),
      wrapContext: boundary.wrapContext,
    });
    boundary.watch(engine.simulator);
    rotateSecondPassword.violate(engine);
    const unlock = await dieUnread(boundary, 16);
    expect(engine.findings()).toMatchObject([{ verdict: 'unknown', lastOutcome: 'fixed' }]);
    unlock();

    engine.clock.advance(HOUR);
    await runHost(engine, { sweep: true });

    expect(outcomes()).toEqual([['fixed', 'verified']]);
    expect(engine.findings()).toMatchObject([{ status: 'closed', verdict: 'compliant' }]);
    expectSettled(engine);
  });

  it('leaves an undone fix undone, though nobody could read the registry when the undo was taken up', async () => {
    const boundary = new Boundary();
    engine = await startScene(disableAdminUser, { seed: seedOf(disableAdminUser), wrapContext: boundary.wrapContext });
    boundary.watch(engine.simulator);
    disableAdminUser.violate(engine);
    await runHost(engine, { untilMs: HOUR });
    await ask(engine, 'undo', { runId: runsWith(engine, 'fixed')[0] });
    const unlock = await dieUnread(boundary, 13);
    expect(engine.audit('undo')).toMatchObject([{ reason: 'undone', actor: ALICE.id }]);
    unlock();

    engine.clock.advance(HOUR);
    await runHost(engine, { sweep: true, untilMs: HOUR });

    expect(outcomes()).toEqual([
      ['undone', 'verified'],
      ['fixed', 'verified'],
    ]);
    expect(engine.findings()).toMatchObject([{ status: 'open', reason: 'exempt-undone' }]);
  });

  it('after a run that found everything done leaves nothing that counts as a fix', async () => {
    const boundary = new Boundary();
    engine = await startScene(addRequiredTags, { wrapContext: boundary.wrapContext });
    boundary.watch(engine.simulator);
    engine.simulator.faults.add({
      method: 'GET',
      path: /\/tags\/default/,
      caller: 'dockwarden',
      effect: {
        kind: 'before',
        run: () => engine.simulator.state.patch(AKS, { tags: { costCenter: '1', owner: 'o' } }),
      },
    });
    addRequiredTags.violate(engine);
    boundary.arm([[15, 'dies before']]);

    await runHost(engine, { hasDied: () => boundary.hasDied });

    expect(boundary.calls[14]).toBe('findings.save');
    expect(outcomes()).toEqual([['already-compliant', 'verified']]);
    expect(engine.findings()[0]).not.toHaveProperty('lastFixedAt');
    expectSettled(engine);
  });
});

function defect(): never {
  throw new TypeError('a defect');
}

describe('a defect of ours', () => {
  it.each([
    ['in a pre-flight', withRemediations((remediation) => ({ ...remediation, preflight: defect }))],
    [
      'in what a policy declares',
      withPolicies((policy) => Object.defineProperty({ ...policy }, 'resource', { get: defect })),
    ],
  ])('%s is seen by the host, and nothing is changed', async (_where, options) => {
    engine = await startScene(disableAdminUser, { actions: ALL_ACTIONS, ...options });
    disableAdminUser.violate(engine);
    await engine.deliverEvents();

    await expect(engine.drain()).rejects.toThrow('a defect');
    expect(engine.mutations()).toEqual([]);
    expect(engine.work()[0]).not.toHaveProperty('leaseOwner');
  });

  it('in a fix that is only planned is seen by the host', async () => {
    engine = await startScene(
      disableAdminUser,
      withRemediations((remediation) => ({ ...remediation, fix: defect })),
    );
    engine.setEnvironment({ DOCKWARDEN_MODE: 'observe' });
    disableAdminUser.violate(engine);
    await engine.deliverEvents();

    await expect(engine.drain()).rejects.toThrow('a defect');
  });

  it('that throws something else than an error is on record in words', async () => {
    const options = withRemediations((remediation) => ({
      ...remediation,
      fix: async () => await Promise.reject('text'),
    }));
    engine = await startScene(disableAdminUser, options);
    disableAdminUser.violate(engine);

    await runHost(engine, { untilMs: HOUR });

    expect(engine.audit('outcome')).toMatchObject([{ outcome: 'failed', error: 'text' }]);
  });

  it('by which the before-state changes between pre-flight and fix touches nothing', async () => {
    let asked = 0;
    const options = withRemediations((remediation) => ({
      ...remediation,
      touches: () => {
        asked += 1;
        // The detection of fights, the quarantine and the pre-flight ask before the fix does.
        return asked <= 3 ? [] : [`/${'x'.repeat(20_000)}`];
      },
    }));
    engine = await startScene(disableAdminUser, options);
    disableAdminUser.violate(engine);
    await engine.deliverEvents();

    await expect(engine.drain()).rejects.toMatchObject({ code: 'INTERNAL_INVARIANT' });
    expect(engine.mutations()).toEqual([]);
  });

  it.each([
    ['while it gives up', false],
    ['while it waits', true],
  ])('in the store of work %s is not hidden', async (_when, isWaiting) => {
    let isBroken = false;
    engine = await startScene(disableAdminUser, {
      wrapContext: (context) => ({
        ...context,
        work: {
          ...context.work,
          async replace(...args) {
            if (isBroken) throw new RangeError('a defect of the store');
            return await context.work.replace(...args);
          },
        },
        findings: {
          ...context.findings,
          async ofResource(resource) {
            isBroken = true;
            if (!isWaiting) throw new TypeError('a defect');
            return await context.findings.ofResource(resource);
          },
        },
      }),
    });
    refuse('GET', REGISTRY, 503);
    disableAdminUser.violate(engine);
    await engine.deliverEvents();

    await expect(engine.drain()).rejects.toThrow('a defect of the store');
  });
});

describe('what is seldom', () => {
  it('a look that is asked for already is not asked for again', async () => {
    engine = await startScene(rotateSecondPassword);
    rotateSecondPassword.violate(engine);
    engine.simulator.as('automation').post(`${ACR}/regenerateCredential`, { name: 'password' });
    await runHost(engine, { untilMs: 1000 });
    expect(engine.queue).toHaveLength(1);

    engine.simulator.as('operator').patch(ACR, { tags: { a: 'b' } });
    await runHost(engine, { untilMs: 1000 });

    expect(engine.queue).toHaveLength(1);
    await runHost(engine, { untilMs: 26 * HOUR });
    expect(outcomes()).toEqual([['fixed', 'verified']]);
    expectSettled(engine);
    expectRecordedMutations(engine);
  });

  it('a record that fits into no cell says so instead of being cut', async () => {
    engine = await startEngine();
    const run = {
      runId: 'run',
      policyId: 'p',
      remediationId: 'r',
      startedAt: '2026-11-23T10:00:00.000Z',
      touches: [],
      before: {},
      operations: [{ operation: 'o', effect: 'write', args: ['x'.repeat(40_000)], result: 'done' }],
      resumed: 0,
    } as const;

    const { record } = forgottenRow(engine.context(), parseResourceId(ACR), run, undefined);

    expect(record).toMatchObject({
      outcome: 'abandoned',
      before: '{}',
      operations: expect.stringMatching(/^{"tooLarge":\d+}$/),
    });
  });

  it('a plan that cannot be completed is recorded as far as it goes', async () => {
    engine = await startScene(addRequiredTags);
    engine.setEnvironment({ DOCKWARDEN_MODE: 'observe' });
    refuse('GET', /\/tags\/default/, 503);
    addRequiredTags.violate(engine);

    await runHost(engine);

    expect(engine.audit()).toMatchObject([{ decision: 'observe', reason: 'mode-observe' }]);
    expect(engine.mutations()).toEqual([]);
    expectSettled(engine);
  });

  it('a compliant resource that Azure changes for a day is left to the sweep, and nothing is on record', async () => {
    engine = await startEngine();
    engine.simulator.as('operator').patch(ACR, { tags: { a: 'b' } });
    engine.simulator.state.patch(ACR, { properties: { provisioningState: 'Updating' } });

    await runHost(engine, { untilMs: 30 * HOUR });

    expect(engine.audit()).toEqual([]);
    expectSettled(engine);
  });

  it('a compliant resource is looked at again when Azure has finished changing it', async () => {
    engine = await startScene(disableAdminUser);
    engine.simulator.as('operator').patch(ACR, { tags: { a: 'b' } });
    engine.simulator.state.patch(ACR, { properties: { provisioningState: 'Updating' } });
    await runHost(engine, { untilMs: 60_000 });
    engine.simulator.state.patch(ACR, { properties: { provisioningState: 'Succeeded', adminUserEnabled: true } });

    await runHost(engine);

    expect(outcomes()).toEqual([['fixed', 'verified']]);
    expectSettled(engine);
  });

  it('a resource that is gone keeps its closed findings as they are', async () => {
    engine = await startEngine();
    engine.setEnvironment({ REMEDIATE_ACR_DISABLE_ADMIN_USER: 'observe' });
    disableAdminUser.violate(engine);
    await runHost(engine);
    engine.simulator.as('operator').delete(ACR);

    await runHost(engine);

    expect(engine.findings().map(({ policyId, closedBecause }) => [policyId, closedBecause])).toEqual([
      ['acr-admin-user-disabled', 'gone'],
      ['acr-second-password-fresh', 'compliant'],
    ]);
    expectSettled(engine);
  });

  it('an open run of a resource in a subscription that cannot be read any more ends denied', async () => {
    const run = await leaveOpen((context) => context);
    refuse('GET', REGISTRIES, 403, Infinity, 'AuthorizationFailed');
    engine.simulator.state.remove(ACR);

    await run.go();

    expect(outcomes()).toEqual([['denied', 'unreadable']]);
    expectSettled(engine);
  });

  it('a policy that needs related resources gets them', async () => {
    const seen: unknown[] = [];
    engine = await startScene(addRequiredTags, {
      seed: createSampleSubscription(),
      ...withPolicies((policy) =>
        policy.resource === 'Microsoft.ContainerService/managedClusters'
          ? {
              ...policy,
              needs: ['agentPools'],
              evaluate(resource, facts) {
                seen.push(facts.related.agentPools.length);
                return policy.evaluate(resource, facts);
              },
            }
          : policy,
      ),
    });
    addRequiredTags.violate(engine);

    await runHost(engine);

    expect(seen.length).toBeGreaterThan(0);
    expect(seen.every((count) => Number(count) > 0)).toBe(true);
    expect(outcomes()).toEqual([['fixed', 'verified']]);
  });

  it('storage that fails while a failing worker gives the lease back costs the time of the lease, and no work', async () => {
    let failures = 0;
    engine = await startScene(disableAdminUser, {
      wrapContext: (context) => ({
        ...context,
        findings: {
          ...context.findings,
          async ofResource(resource) {
            failures += 1;
            if (failures === 1) throw new DockwardenError('STORAGE_UNAVAILABLE', 'no answer');
            return await context.findings.ofResource(resource);
          },
        },
        work: {
          ...context.work,
          async replace(resource, item, etag) {
            if (failures === 1 && item.leaseOwner === undefined)
              throw new DockwardenError('STORAGE_UNAVAILABLE', 'no answer');
            return await context.work.replace(resource, item, etag);
          },
        },
      }),
    });
    disableAdminUser.violate(engine);

    await runHost(engine);

    expect(outcomes()).toEqual([['fixed', 'verified']]);
    expectSettled(engine);
    expectRecordedMutations(engine);
  });
});
