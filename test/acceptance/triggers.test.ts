import { afterEach, describe, expect, it } from 'vitest';
import { sampleId } from '../../local/azure/sample-subscription.ts';
import { imagePushed, nodePoolRolling, policyStateChanged } from '../../local/azure/service-events.ts';
import { ENFORCING, type EngineHarness, startEngine } from '../support/engine-harness.ts';

const REGISTRY = sampleId('contosobuild');
const CLUSTER = sampleId('aks-prod');
const MINUTE = 60_000;
const GUID = '0a1b2c3d-0000-4000-8000-000000000001';
/** What Azure Policy says of the registry. */
const NON_COMPLIANT = {
  resourceId: REGISTRY,
  complianceState: 'NonCompliant',
  policyDefinition: 'dc921057-6b28-4fbe-9b83-f7bec05db6c2',
} as const;
const OBSERVING = { ...ENFORCING, DOCKWARDEN_MODE: 'observe' };

let engine: EngineHarness;

afterEach(async () => {
  await engine.stop();
});

/** What somebody, or a service, does; and how the look at the resource names it. */
const triggers: readonly (readonly [string, (run: EngineHarness) => unknown, 'event' | 'notification'])[] = [
  [
    'Microsoft.Authorization/roleAssignments/write',
    ({ simulator }) =>
      simulator.as('operator').put(`${REGISTRY}/providers/Microsoft.Authorization/roleAssignments/${GUID}`, {
        properties: { roleDefinitionId: 'x', principalId: GUID },
      }),
    'event',
  ],
  [
    'Microsoft.Insights/diagnosticSettings/write',
    ({ simulator }) =>
      simulator.as('operator').put(`${REGISTRY}/providers/Microsoft.Insights/diagnosticSettings/all`, {
        properties: { workspaceId: '/subscriptions/x' },
      }),
    'event',
  ],
  [
    'Microsoft.ContainerRegistry/registries/regenerateCredential/action',
    ({ simulator }) => simulator.as('operator').post(`${REGISTRY}/regenerateCredential`, { name: 'password' }),
    'event',
  ],
  [
    'Microsoft.ContainerRegistry/registries/listCredentials/action',
    ({ simulator }) => simulator.as('operator').post(`${REGISTRY}/listCredentials`),
    'notification',
  ],
  [
    'Microsoft.PolicyInsights.PolicyStateChanged',
    ({ simulator }) => simulator.publish(policyStateChanged(NON_COMPLIANT, simulator.world.clock.now())),
    'notification',
  ],
  [
    'Microsoft.Security/assessments/9b828565-a0ed-61c2-6bf3-1afc99a9b2ca',
    ({ simulator }) =>
      simulator.defender.raiseAssessment({
        resourceId: REGISTRY,
        key: '9b828565-a0ed-61c2-6bf3-1afc99a9b2ca',
        code: 'Unhealthy',
        displayName: 'network',
      }),
    'notification',
  ],
];

describe('a trigger', () => {
  it.each(triggers)('%s leads to one look at the resource', async (operation, act, kind) => {
    engine = await startEngine({ environment: OBSERVING });
    act(engine);
    await engine.deliverEvents();

    expect(engine.work()).toMatchObject([{ resourceId: REGISTRY, pending: [{ kind, operation }] }]);
    await engine.drain();
    expect(engine.calls().filter((call) => call === `GET ${REGISTRY}`)).toHaveLength(1);
    const [decided] = engine.audit('decision');
    expect(decided).toMatchObject({ resourceId: REGISTRY, causeKind: kind });
  });
});

async function hearPolicies(times: number): Promise<void> {
  for (let time = 0; time < times; time += 1) {
    engine.clock.advance(MINUTE);
    engine.simulator.publish(policyStateChanged(NON_COMPLIANT, engine.clock.now()));
    await engine.settle(MINUTE);
  }
}

const finding = () => engine.findings().find(({ policyId }) => policyId === 'acr-admin-user-disabled');

describe('what proves no change by anybody', () => {
  it('names nobody as the one who changed it last', async () => {
    engine = await startEngine({ environment: OBSERVING });
    engine.simulator.as('operator').patch(REGISTRY, { tags: { touched: 'yes' } });
    await engine.settle(MINUTE);
    await hearPolicies(2);

    const { objectId } = engine.simulator.identity('operator');
    expect(finding()).toMatchObject({ status: 'open', actor: objectId });
  });

  it('reverses no fix', async () => {
    engine = await startEngine({ environment: { ...ENFORCING, REMEDIATE_ACR_ROTATE_SECOND_PASSWORD: 'observe' } });
    await hearPolicies(5);

    expect(engine.audit('outcome')).toMatchObject([{ outcome: 'fixed', causeKind: 'notification' }]);
    expect(finding()).toMatchObject({ status: 'closed' });
    expect(finding()).not.toHaveProperty('reverts');
  });
});

describe('news about images', () => {
  it('lead to a look at what Defender found, while a policy asks for that', async () => {
    engine = await startEngine({ environment: OBSERVING });
    const push = () => engine.simulator.publish(imagePushed(REGISTRY, 'shop', '1', engine.clock.now()));
    push();
    await engine.settle(MINUTE);
    const asked = engine.calls().filter((call) => call.includes('ResourceGraph')).length;
    engine.setEnvironment({ POLICY_ACR_IMAGE_VULNERABILITIES_RESOLVED: 'off' });
    const before = engine.calls().length;
    engine.clock.advance(MINUTE);
    push();
    await engine.settle(MINUTE);

    expect(asked).toBe(1);
    expect(engine.calls()).toHaveLength(before);
  });
});

describe('news about nodes', () => {
  it('lead to an inspection at once', async () => {
    const nodes = { POLICY_AKS_NODE_IMAGE_CURRENT: 'on', AKS_NODE_INSPECTION_INTERVAL: '6h', AKS_REQUIRED_TAGS: '{}' };
    engine = await startEngine({ environment: { ...OBSERVING, ...nodes } });
    const inspections = () => engine.calls().filter((call) => call.endsWith('/agentPools')).length;
    engine.simulator.as('operator').patch(CLUSTER, { tags: { touched: 'yes' } });
    await engine.settle(MINUTE);
    const first = inspections();
    engine.clock.advance(MINUTE);
    engine.simulator.as('operator').patch(CLUSTER, { tags: { touched: 'again' } });
    await engine.settle(MINUTE);
    expect(inspections()).toBe(first);

    engine.clock.advance(MINUTE);
    engine.simulator.publish(nodePoolRolling(CLUSTER, 'system', 'Failed', engine.clock.now()));
    await engine.settle(MINUTE);
    expect(inspections()).toBeGreaterThan(first);
  });
});
