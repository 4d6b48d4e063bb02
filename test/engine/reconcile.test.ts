import { afterEach, describe, expect, it } from 'vitest';
import { sampleId } from '../../local/azure/sample-subscription.ts';
import { type EngineHarness, startEngine } from '../support/engine-harness.ts';

let engine: EngineHarness;

afterEach(async () => {
  await engine.stop();
});

describe('reconcile', () => {
  it('disables an admin user that somebody switched on, and explains it', async () => {
    engine = await startEngine();

    engine.simulator.as('operator').patch(sampleId('contosoacr'), { properties: { adminUserEnabled: true } });
    await engine.settle();

    expect(engine.simulator.state.get(sampleId('contosoacr'))).toMatchObject({ properties: { adminUserEnabled: false } });
    expect(engine.mutations()).toEqual([
      `POST ${sampleId('contosoacr')}/regenerateCredential`,
      `POST ${sampleId('contosoacr')}/regenerateCredential`,
      `PATCH ${sampleId('contosoacr')}`,
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
    expect(engine.work()).toMatchObject([{ pending: [], attempt: 0 }]);
    expect(engine.queue).toEqual([]);
  });

  it('finds by sweep what no event told', async () => {
    engine = await startEngine();
    const { sweepResources } = await import('../../src/engine/sweep.ts');

    const record = await sweepResources(engine.context());
    await engine.settle();

    console.log(record);
    console.table(engine.audit().map(({ resourceName, policyId, stage, decision, reason, outcome, error }) => ({ resourceName, policyId, stage, decision, reason, outcome, error: error?.slice(0, 50) })));
    console.table(engine.findings().map(({ resourceId, policyId, status, verdict, decision, reason, lastOutcome, notBefore }) => ({ resourceId: resourceId.split('/').at(-1), policyId, status, verdict, decision, reason, lastOutcome, notBefore })));
  });
});
