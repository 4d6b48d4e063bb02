import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sampleId } from '../../local/azure/sample-subscription.ts';
import { listPoolMachines, readLatestNodeImage, readNodeOsMaintenance } from '../../src/azure/node-upgrades.ts';
import { parseResourceId } from '../../src/resources/resource-id.ts';
import { failureOf } from './azure-harness.ts';
import {
  type CanaryClients,
  createCanaryClients,
  type LoopbackServer,
  startLoopbackServer,
} from './loopback-server.ts';

const target = parseResourceId(sampleId('aks-prod'));

let server: LoopbackServer;
let azure: CanaryClients;

beforeEach(async () => {
  server = await startLoopbackServer(() => ({ status: 404, body: { error: { code: 'NotFound', message: 'none' } } }));
  azure = createCanaryClients(server);
});

afterEach(async () => {
  await server.stop();
});

describe('the newest node image of a pool', () => {
  it('is what Azure offers', async () => {
    server.answer = () => ({ body: { properties: { latestNodeImageVersion: 'AKSUbuntu-2204-202608.14.0' } } });

    expect(await readLatestNodeImage.run(azure.context(), target, 'system')).toBe('AKSUbuntu-2204-202608.14.0');
    expect(server.requests.map(({ path }) => path)).toEqual([`${target.id}/agentPools/system/upgradeProfiles/default`]);
  });

  it('is asked for under one pool, whatever its name', async () => {
    await readLatestNodeImage.run(azure.context(), target, '../x?y').catch(() => undefined);

    expect(server.requests.map(({ path }) => path)).toEqual([
      `${target.id}/agentPools/..%2Fx%3Fy/upgradeProfiles/default`,
    ]);
  });

  it.each([
    {},
    { properties: null },
    { properties: {} },
    { properties: { latestNodeImageVersion: '' } },
    { properties: { latestNodeImageVersion: 7 } },
    { properties: { latestNodeImageVersion: 'x'.repeat(201) } },
  ])('is unknown in an answer without one (%#)', async (body) => {
    server.answer = () => ({ body });

    expect(await readLatestNodeImage.run(azure.context(), target, 'system')).toBeUndefined();
  });

  it('is an error when the pool is not there', async () => {
    const failure = await failureOf(readLatestNodeImage, readLatestNodeImage.run(azure.context(), target, 'gone'));

    expect(failure).toMatchObject({ code: 'AZURE_NOT_FOUND' });
  });
});

describe('the planned maintenance of nodes', () => {
  it('is what is configured', async () => {
    const maintenanceWindow = { schedule: { weekly: { intervalWeeks: 1, dayOfWeek: 'Sunday' } }, durationHours: 4 };
    server.answer = () => ({ body: { properties: { maintenanceWindow } } });

    expect(await readNodeOsMaintenance.run(azure.context(), target)).toMatchObject({
      properties: { maintenanceWindow },
    });
    expect(server.requests.map(({ path }) => path)).toEqual([
      `${target.id}/maintenanceConfigurations/aksManagedNodeOSUpgradeSchedule`,
    ]);
  });

  it('is none when there is no such configuration', async () => {
    expect(await readNodeOsMaintenance.run(azure.context(), target)).toBeUndefined();
  });

  it.each([{}, { properties: {} }, { properties: { maintenanceWindow: 'always' } }])(
    'is an error, and not none, in %j',
    async (body) => {
      server.answer = () => ({ body });

      expect(await failureOf(readNodeOsMaintenance, readNodeOsMaintenance.run(azure.context(), target))).toMatchObject({
        code: 'AZURE_INVALID',
      });
    },
  );

  it('is an error when it may not be read', async () => {
    server.answer = () => ({ status: 403 });

    expect(await failureOf(readNodeOsMaintenance, readNodeOsMaintenance.run(azure.context(), target))).toMatchObject({
      code: 'AZURE_DENIED',
    });
  });
});

describe('the machines of a pool', () => {
  const first = 'aks-system-25481572-vmss000000';
  const second = 'aks-system-25481572-vmss000001';

  it('are listed by name, page by page', async () => {
    server.answer = ({ path }) =>
      path.includes('page2')
        ? { body: { value: [{ name: second.toUpperCase() }] } }
        : { body: { value: [{ name: first }], nextLink: `${server.origin}/page2` } };

    expect(await listPoolMachines.run(azure.context(), target, 'system')).toEqual([first, second]);
    expect(server.requests[0]?.path).toBe(`${target.id}/agentPools/system/machines`);
  });

  it.each([{}, { name: 7 }, { name: '' }, { name: 'a b' }, { name: 'x'.repeat(300) }])(
    'are all or none: %j is no machine',
    async (machine) => {
      server.answer = () => ({ body: { value: [{ name: first }, machine] } });

      expect(await failureOf(listPoolMachines, listPoolMachines.run(azure.context(), target, 'system'))).toMatchObject({
        code: 'AZURE_INVALID',
      });
    },
  );

  it('are an error when they may not be listed', async () => {
    server.answer = () => ({ status: 403 });

    expect(await failureOf(listPoolMachines, listPoolMachines.run(azure.context(), target, 'system'))).toMatchObject({
      code: 'AZURE_DENIED',
    });
  });
});
