import { afterEach, describe, expect, it } from 'vitest';
import { sampleId } from '../../local/azure/sample-subscription.ts';
import { sweepResources } from '../../src/engine/sweep.ts';
import { expectRecordedMutations, expectSettled } from '../support/audit-invariants.ts';
import { type EngineHarness, startEngine } from '../support/engine-harness.ts';

let engine: EngineHarness;

afterEach(async () => {
  await engine.stop();
});

const ACR = sampleId('contosoacr');
const ADMIN_ON = { properties: { adminUserEnabled: true } };
const REGISTRY = /\/registries\/\w+(\?|$)/;
const HOUR = 3_600_000;

function refuse(method: string, path: RegExp, status: number, times = 1, code = 'Refused'): { remove(): void } {
  const body = { error: { code, message: 'refused' } };
  return engine.simulator.faults.add({
    method,
    path,
    times,
    caller: 'dockwarden',
    effect: { kind: 'answer', status, body },
  });
}

/** Somebody switches the admin user on, and the last write of the fix is lost on its way: a run stays open. */
async function leaveOpen(): Promise<void> {
  engine = await startEngine();
  engine.simulator.faults.add({ method: 'PATCH', caller: 'dockwarden', effect: { kind: 'drop' } });
  engine.simulator.as('operator').patch(ACR, ADMIN_ON);
  await engine.deliverEvents();
  await engine.drain();
  expect(engine.work()).toMatchObject([{ run: { resumed: 0, remediationId: 'acr-disable-admin-user' } }]);
}

function endsOf(policyId = 'acr-admin-user-disabled') {
  return engine
    .audit('outcome')
    .filter((row) => row.policyId === policyId)
    .map(({ outcome, reason }) => [outcome, reason]);
}

describe('reconcile', () => {
  it('disables an admin user that somebody switched on, and explains it', async () => {
    engine = await startEngine();

    engine.simulator.as('operator').patch(ACR, ADMIN_ON);
    await engine.settle();

    expect(engine.simulator.state.get(ACR)).toMatchObject({ properties: { adminUserEnabled: false } });
    expect(engine.mutations()).toEqual([
      `POST ${ACR}/regenerateCredential`,
      `POST ${ACR}/regenerateCredential`,
      `PATCH ${ACR}`,
    ]);
    const operator = engine.simulator.identity('operator');
    expect(engine.audit().map(({ stage, outcome }) => [stage, outcome])).toEqual([
      ['intent', undefined],
      ['outcome', 'fixed'],
    ]);
    expect(engine.audit('outcome')[0]).toMatchObject({
      policyId: 'acr-admin-user-disabled',
      remediationId: 'acr-disable-admin-user',
      actor: operator.objectId,
      actorType: 'User',
      causeKind: 'event',
      before: '{"/properties/adminUserEnabled":true}',
      after: '{"/properties/adminUserEnabled":false}',
    });
    expectSettled(engine);
    expectRecordedMutations(engine);
  });

  it('treats the sample as it should be treated, told by nothing but a sweep', async () => {
    engine = await startEngine();

    const record = await sweepResources(engine.context());
    await engine.settle();

    expect(record).toMatchObject({ complete: true, resources: 11, queued: 5 });
    const rows = engine.audit().filter(({ stage }) => stage !== 'intent' && stage !== 'ticket');
    const summary = rows.map(({ resourceName, policyId, decision, outcome, reason }) =>
      [resourceName, policyId, decision, outcome ?? '-', reason].join(' '),
    );
    expect(summary.toSorted()).toEqual([
      'aks-data aks-required-tags-present fix fixed verified',
      'aks-prod aks-required-tags-present fix fixed verified',
      'contosobuild acr-admin-user-disabled fix fixed verified',
      'contosolegacy acr-admin-user-disabled ticket - dependants-found',
      'contosolegacy acr-second-password-fresh fix fixed verified',
      'contosolocked acr-admin-user-disabled fix locked ScopeLocked',
      'contosolocked acr-second-password-fresh fix locked ScopeLocked',
    ]);
    const open = engine.findings().filter(({ status }) => status === 'open');
    expect(open.map(({ resourceId, policyId }) => `${resourceId.split('/').at(-1)} ${policyId}`).toSorted()).toEqual([
      'contosolegacy acr-admin-user-disabled',
      'contosolocked acr-admin-user-disabled',
      'contosolocked acr-second-password-fresh',
    ]);
    expectSettled(engine);
    expectRecordedMutations(engine);
  });

  it('looks once more when an event comes in while it works', async () => {
    engine = await startEngine();
    engine.simulator.as('operator').patch(ACR, ADMIN_ON);
    engine.simulator.faults.add({
      method: 'PATCH',
      path: REGISTRY,
      caller: 'dockwarden',
      effect: {
        kind: 'after',
        run: async () => {
          engine.simulator.as('operator').patch(ACR, { tags: { touched: 'meanwhile' } });
          await engine.deliverEvents();
        },
      },
    });

    await engine.deliverEvents();
    await engine.drain();
    await engine.settle();

    expect(endsOf()).toEqual([['fixed', 'verified']]);
    expect(engine.calls().filter((call) => call === `GET ${ACR}`).length).toBeGreaterThanOrEqual(3);
    expectSettled(engine);
    expectRecordedMutations(engine);
  });

  it('rethrows what is a defect of ours, so that the host counts it', async () => {
    engine = await startEngine({
      wrapContext: (context) => ({
        ...context,
        policies: context.policies.map((policy) => ({
          ...policy,
          evaluate: () => {
            throw new TypeError('a defect');
          },
        })),
      }),
    });
    engine.simulator.as('operator').patch(ACR, ADMIN_ON);
    await engine.deliverEvents();

    await expect(engine.drain()).rejects.toThrow('a defect');
    expect(engine.mutations()).toEqual([]);
  });
});

describe('a run without an outcome', () => {
  it('is finished by the next worker', async () => {
    await leaveOpen();

    await engine.settle();

    expect(endsOf()).toEqual([['fixed', 'verified-after-restart']]);
    expectSettled(engine);
    expectRecordedMutations(engine);
  });

  it.each([
    ['mode-observe', { REMEDIATE_ACR_DISABLE_ADMIN_USER: 'observe' }],
    ['mode-observe', { DOCKWARDEN_MODE: 'observe' }],
    ['mode-approve', { DOCKWARDEN_MODE: 'approve' }],
    ['remediation-off', { REMEDIATE_ACR_DISABLE_ADMIN_USER: 'off' }],
    ['policy-off', { POLICY_ACR_ADMIN_USER_DISABLED: 'off' }],
  ])('is abandoned without a call when the decision is another one now: %s after %j', async (reason, environment) => {
    await leaveOpen();
    const before = engine.mutations().length;
    engine.setEnvironment({ POLICY_ACR_SECOND_PASSWORD_FRESH: 'off', ...environment });

    await engine.settle();

    expect(endsOf()).toEqual([['abandoned', reason]]);
    expect(engine.mutations()).toHaveLength(before);
    expectSettled(engine);
  });

  it('is fixed by whoever fixed it, and nothing is called again', async () => {
    await leaveOpen();
    const before = engine.mutations().length;
    engine.simulator.state.patch(ACR, { properties: { adminUserEnabled: false } });

    await engine.settle();

    expect(engine.mutations()).toHaveLength(before);
    expect(new Set(engine.findings().map(({ status }) => status))).toEqual(new Set(['closed']));
    expectSettled(engine);
  });

  it('waits while Azure changes the resource', async () => {
    await leaveOpen();
    engine.simulator.state.patch(ACR, { properties: { provisioningState: 'Updating' } });

    await engine.settle(600_000);
    expect(endsOf()).toEqual([]);
    engine.simulator.state.patch(ACR, { properties: { provisioningState: 'Succeeded' } });
    await engine.settle();

    expect(endsOf()).toEqual([['fixed', 'verified-after-restart']]);
    expectSettled(engine);
    expectRecordedMutations(engine);
  });

  it('waits while what depends on the resource cannot be read', async () => {
    await leaveOpen();
    const fault = refuse('GET', /\/containerGroups/, 503, Infinity);

    await engine.settle(600_000);
    expect(endsOf()).toEqual([]);
    fault.remove();
    await engine.settle();

    expect(endsOf()).toEqual([['fixed', 'verified-after-restart']]);
    expectSettled(engine);
    expectRecordedMutations(engine);
  });

  it.each([
    ['Azure is out of order', () => refuse('GET', REGISTRY, 503, Infinity), 'gave-up'],
    ['the resource may not be read', () => refuse('GET', REGISTRY, 403, Infinity, 'AuthorizationFailed'), 'denied'],
    ['the resource is gone', () => engine.simulator.state.remove(ACR), 'gone'],
  ])('ends when %s for good', async (_why, happen, outcome) => {
    await leaveOpen();
    happen();

    await engine.settle(30 * HOUR);

    expect(endsOf().map(([end]) => end)).toEqual([outcome]);
    expectSettled(engine);
    expectRecordedMutations(engine);
  });
});

async function observed(): Promise<void> {
  engine = await startEngine({
    environment: { REMEDIATE_ACR_DISABLE_ADMIN_USER: 'observe', SCOPES: '00000000-0000-4000-8000-000000000001' },
  });
  engine.simulator.as('operator').patch(ACR, ADMIN_ON);
  await engine.settle();
  expect(engine.findings().map(({ status }) => status)).toContain('open');
}

function statuses(): readonly string[] {
  return engine.findings().map(({ status, closedBecause, verdict }) => closedBecause ?? `${status} ${verdict}`);
}

describe('a resource that answers 404', () => {
  it('after a delete event is gone at once', async () => {
    await observed();
    engine.simulator.as('operator').delete(ACR);
    await engine.deliverEvents();

    await engine.drain();

    expect(new Set(statuses())).toEqual(new Set(['gone']));
    expectSettled(engine);
  });

  it('and never had a finding is soon forgotten', async () => {
    engine = await startEngine();
    engine.simulator.as('operator').patch(ACR, { tags: { a: 'b' } });
    engine.simulator.state.remove(ACR);

    await engine.settle();

    expect(engine.findings()).toEqual([]);
    expectSettled(engine);
  });

  it('while the subscription cannot be read is unknown and not gone', async () => {
    await observed();
    refuse('GET', /\/providers\/Microsoft\.ContainerRegistry\/registries(\?|$)/, 403, Infinity, 'AuthorizationFailed');
    engine.simulator.as('operator').delete(ACR);

    await engine.settle();

    expect(new Set(statuses())).toEqual(new Set(['open unknown']));
    expectSettled(engine);
  });

  it('while the subscription does not answer waits for it', async () => {
    await observed();
    refuse('GET', /\/providers\/Microsoft\.ContainerRegistry\/registries(\?|$)/, 503, 2);
    engine.simulator.as('operator').delete(ACR);

    await engine.settle();

    expect(new Set(statuses())).toEqual(new Set(['gone']));
    expectSettled(engine);
  });
});
