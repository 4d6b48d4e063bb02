import { afterEach, expect, it } from 'vitest';
import { sampleId } from '../../local/azure/sample-subscription.ts';
import { sweepResources } from '../../src/engine/sweep.ts';
import { ENFORCING, type EngineHarness, startEngine } from '../support/engine-harness.ts';

let engine: EngineHarness;
afterEach(async () => {
  await engine.stop();
});

const NODES_ON = {
  ...ENFORCING,
  AKS_REQUIRED_TAGS: '{}',
  POLICY_AKS_NODE_REBOOT_COMPLETED: 'on',
  POLICY_AKS_NODE_IMAGE_CURRENT: 'on',
  POLICY_AKS_WINDOWS_NODE_IMAGE_CURRENT: 'on',
  POLICY_AKS_NODE_REBOOT_COVERAGE_COMPLETE: 'on',
  REMEDIATE_AKS_TRACK_NODE_REBOOTS: 'enforce',
  REMEDIATE_AKS_TRACK_NODE_IMAGES: 'enforce',
  REMEDIATE_AKS_TRACK_NODE_REBOOT_COVERAGE: 'enforce',
};

it('tries', async () => {
  engine = await startEngine({ environment: NODES_ON });
  await sweepResources(engine.context());
  await engine.settle();
  console.log(engine.calls().join('\n'));
  console.log(
    engine
      .audit()
      .map((r) => [r.resourceName, r.policyId, r.stage, r.decision, r.reason, r.evidence, r.error].join(' | '))
      .join('\n'),
  );
  console.log(
    engine
      .findings()
      .map((f) => JSON.stringify(f))
      .join('\n'),
  );
  console.log(
    engine
      .tickets()
      .map((f) => JSON.stringify(f, undefined, 1))
      .join('\n'),
  );
  expect(sampleId('aks-prod')).toBeDefined();
});
