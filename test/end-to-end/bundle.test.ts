import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { findTrigger, loadFunctionApp } from '../../local/host/core.ts';
import { deployFolder, ensureBuilt } from './harness.ts';

const POISON = { connection: 'AzureWebJobsStorage' };

const registrations = {
  resourceEvents: { type: 'queueTrigger', queueName: 'resource-events', connection: 'AzureWebJobsStorage' },
  resourceEventsWebhook: { type: 'eventGridTrigger' },
  resourceEventsPoison: { type: 'queueTrigger', queueName: 'resource-events-poison', ...POISON },
  reconcile: { type: 'queueTrigger', queueName: 'work', connection: 'AzureWebJobsStorage' },
  reconcilePoison: { type: 'queueTrigger', queueName: 'work-poison', ...POISON },
  sweep: { type: 'timerTrigger', schedule: '%SWEEP_SCHEDULE%' },
  review: { type: 'httpTrigger', route: 'review/{action}', authLevel: 'function', methods: ['POST'] },
  health: { type: 'httpTrigger', route: 'health', authLevel: 'anonymous', methods: ['GET'] },
};

beforeAll(async () => {
  await ensureBuilt();
});

test('the bundle registers every function, with an empty environment and without reading or building anything (R13, R24)', async () => {
  const { functions, loadError } = await loadFunctionApp(deployFolder, { environment: {} });

  expect(loadError).toBeUndefined();
  const found = Object.fromEntries(functions.map((registered) => [registered.name, findTrigger(registered).binding]));
  expect(Object.keys(found).toSorted()).toEqual(Object.keys(registrations).toSorted());
  expect(found).toMatchObject(registrations);
});

test('the deploy folder holds what is deployed and nothing else, and the bundle stays within its budget', () => {
  expect(readdirSync(deployFolder).toSorted()).toEqual([
    'THIRD-PARTY-LICENSES.txt',
    'host.json',
    'main.cjs',
    'main.cjs.map',
    'package.json',
  ]);
  expect(statSync(join(deployFolder, 'main.cjs')).size).toBeLessThanOrEqual(1_600_000);
});
