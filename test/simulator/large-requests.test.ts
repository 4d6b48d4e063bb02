import { expect, test } from 'vitest';
import { sampleId } from '../../local/azure/sample-subscription.ts';
import { startHarness } from './harness.ts';

test('a body that is too large is answered 413 after it has been read, by ARM and by the services beside it', async () => {
  const harness = await startHarness();
  const metrics = `${harness.simulator.prometheus.endpoint}/api/v1/query`;

  const arm = await harness.send('PATCH', `${sampleId('contosoacr')}?api-version=2025-11-01`, {
    body: 'x'.repeat(20 * 1024 * 1024),
  });
  const service = await harness.send('POST', metrics, { body: 'x'.repeat(10 * 1024 * 1024) });
  await harness.stop();

  expect([arm.status, arm.code]).toEqual([413, 'RequestEntityTooLarge']);
  expect([service.status, service.text]).toEqual([413, 'the request is too large']);
});
