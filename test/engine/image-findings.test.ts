import { afterEach, beforeEach, expect, it } from 'vitest';
import { sampleId } from '../../local/azure/sample-subscription.ts';
import { acceptEvents, markDirty } from '../../src/engine/accept.ts';
import { imageAssessments } from '../../src/resources/image-findings.ts';
import { parseResourceId } from '../../src/resources/resource-id.ts';
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

/** Says that an image was pushed. */
function event(id: string) {
  return {
    id,
    specversion: '1.0',
    type: 'Microsoft.ContainerRegistry.ImagePushed',
    source: REGISTRY,
    subject: 'shop:1.0',
    time: '2026-11-23T09:00:00Z',
    data: {},
  };
}

/** An image is pushed, and the registry looked at. */
async function push(id: string): Promise<void> {
  await acceptEvents(engine.context(), event(id));
  await engine.settle(0);
}

/** Defender judges the images of the registry, and nobody is told. */
function scan(code: 'Healthy' | 'Unhealthy'): void {
  const [key = ''] = imageAssessments;
  engine.simulator.defender.raiseAssessment({ resourceId: REGISTRY, key, code, displayName: 'Images' });
  engine.exported.length = 0;
}

/** Somebody asks for a look at the registry. */
async function askForLook(): Promise<void> {
  engine.clock.advance(1000);
  const time = engine.clock.now().toISOString();
  await markDirty(engine.context(), parseResourceId(REGISTRY), { kind: 'operator', id: `look ${time}`, time });
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

it('an operator who asks for a look has Defender asked again while a finding is open, and not before', async () => {
  scan('Unhealthy');
  await askForLook();
  expect(verdict()).toBeUndefined();
  await push('push-1');
  expect(verdict()).toBe('violation');
  scan('Healthy');

  await askForLook();

  expect(verdict()).toBe('compliant');
});

it.each([
  ['an image is pushed', 'Microsoft.ContainerRegistry.ImagePushed', {}, 'violation'],
  [
    'somebody writes an assessment of the registry',
    'Microsoft.Resources.ResourceWriteSuccess',
    {
      resourceUri: `${REGISTRY}/providers/Microsoft.Security/assessments/${imageAssessments[0]}`,
      operationName: 'Microsoft.Security/assessments/write',
    },
    undefined,
  ],
])('Defender is asked when it has news, not for every change: %s', async (_what, type, data, seen) => {
  scan('Unhealthy');
  await acceptEvents(engine.context(), { ...event('news'), type, data });
  await engine.settle(0);

  expect(engine.work()).toMatchObject([{ resourceId: REGISTRY, knownCauses: ['news'] }]);
  expect(verdict()).toBe(seen);
});
