import { afterEach, beforeEach, expect, it } from 'vitest';
import { sampleId } from '../../local/azure/sample-subscription.ts';
import { acceptEvents } from '../../src/engine/accept.ts';
import { ENFORCING, type EngineHarness, startEngine } from '../support/engine-harness.ts';

const REGISTRY = sampleId('contosobuild');

let engine: EngineHarness;

beforeEach(async () => {
  engine = await startEngine({
    environment: { ...ENFORCING, REMEDIATE_ACR_TRACK_IMAGE_VULNERABILITIES: 'enforce' },
  });
});

afterEach(async () => {
  await engine.stop();
});

/** An image is pushed, and the registry looked at. */
async function push(id: string): Promise<void> {
  await acceptEvents(engine.context(), {
    id,
    specversion: '1.0',
    type: 'Microsoft.ContainerRegistry.ImagePushed',
    source: REGISTRY,
    subject: 'shop:1.0',
    time: '2026-11-23T09:00:00Z',
    data: {},
  });
  await engine.settle(0);
}

const verdict = () =>
  engine.findings().find(({ policyId }) => policyId === 'acr-image-vulnerabilities-resolved')?.verdict;

it('findings in images that cannot be read are unknown, and the other policies judge the registry all the same', async () => {
  engine.simulator.faults.add({ path: /ResourceGraph/i, times: Infinity, effect: { kind: 'answer', status: 403 } });
  engine.simulator.as('operator').patch(REGISTRY, { properties: { adminUserEnabled: true } });
  await push('push-1');

  expect(verdict()).toBe('unknown');
  expect(engine.findings().map(({ policyId }) => policyId)).toContain('acr-admin-user-disabled');
  expect(engine.tickets().filter(({ policyId }) => policyId === 'acr-image-vulnerabilities-resolved')).toEqual([]);
});
