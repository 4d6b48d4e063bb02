import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readClusterCredentials } from '../../src/azure/kubeconfig.ts';
import { readClusterNodes } from '../../src/azure/kubernetes.ts';
import { readLatestNodeImage, readNodeOsMaintenance } from '../../src/azure/node-upgrades.ts';
import { queryRebootMetrics } from '../../src/azure/prometheus.ts';
import { runNodeCommand } from '../../src/azure/run-command.ts';
import { queryUpgradeFailures } from '../../src/azure/upgrade-failures.ts';
import { isPlainObject } from '../../src/resources/lenient.ts';
import { ManagedCluster } from '../../src/resources/managed-cluster.ts';
import { parseResourceId } from '../../src/resources/resource-id.ts';
import { failureOf } from './azure-harness.ts';
import {
  type CanaryClients,
  createCanaryClients,
  type LoopbackServer,
  startLoopbackServer,
} from './loopback-server.ts';

const fixtures = resolve(import.meta.dirname, '../../../shared/fixtures/aks');
const target = parseResourceId(
  '/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-aks-prod/providers/Microsoft.ContainerService/managedClusters/aks-prod',
);

let server: LoopbackServer;
let azure: CanaryClients;

beforeEach(async () => {
  server = await startLoopbackServer(() => undefined);
  azure = createCanaryClients(server);
});

afterEach(async () => {
  await server.stop();
});

function load(name: string): Readonly<Record<string, unknown>> {
  const value: unknown = JSON.parse(readFileSync(resolve(fixtures, `${name}.json`), 'utf8'));
  if (!isPlainObject(value)) throw new Error(`${name} is no object`);
  return value;
}

function clusterOf(name: string): ManagedCluster {
  return ManagedCluster.parse(load(name));
}

async function readCredentials() {
  return await readClusterCredentials.run(azure.context(), target, clusterOf('managedcluster-unmanaged-channel'));
}

/** Every request gets the same body. */
function answer(body: unknown): void {
  server.answer = () => ({ body });
}

describe.skipIf(!existsSync(fixtures))(
  'the shared samples of what Azure answers (../shared is absent: skipped)',
  () => {
    it('kubeconfig: server and authority, once a real authority is in it', async () => {
      const [entry] = [load('listClusterUserCredential')['kubeconfigs']].flat();
      const yaml = Buffer.from(String(isPlainObject(entry) && entry['value']), 'base64').toString();
      const ca = Buffer.from(server.ca).toString('base64');

      answer({ kubeconfigs: [{ name: 'clusterUser', value: Buffer.from(yaml).toString('base64') }] });
      expect(await failureOf(readClusterCredentials, readCredentials())).toMatchObject({
        message: expect.stringMatching(/not PEM$/),
      });
      const value = Buffer.from(yaml.replace(/(?<=authority-data: )\S+/, ca)).toString('base64');
      answer({ kubeconfigs: [{ name: 'clusterUser', value }] });

      expect(await readCredentials()).toEqual({
        server: 'https://aks-prod-dns-0a1b2c3d.hcp.westeurope.azmk8s.io',
        certificateAuthority: server.ca,
      });
    });

    it('nodes and DaemonSets', async () => {
      const items = [load('daemonset-kured-helm-locked'), load('daemonset-kured-not-ready')];
      server.answer = ({ path }) => ({
        body: path === '/api/v1/nodes' ? load('node-list') : { kind: 'DaemonSetList', apiVersion: 'apps/v1', items },
      });
      const cluster = clusterOf('managedcluster-unmanaged-channel');
      const here = { ...cluster, properties: { ...cluster.properties, fqdn: 'localhost' } };

      const read = await readClusterNodes.run(azure.context(), here, {
        server: server.origin,
        certificateAuthority: server.ca,
      });

      if (read.state !== 'read') throw new Error(read.because);
      expect(read.nodes.map(({ metadata }) => metadata.name)).toHaveLength(8);
      expect(read.nodes.every(({ metadata }) => metadata.uid !== '')).toBe(true);
      expect(read.daemonSets).toHaveLength(2);
    });

    it('a refusal of the API server', async () => {
      server.answer = () => ({ status: 403, body: load('node-list-forbidden-403') });
      const here = ManagedCluster.parse({
        ...load('managedcluster-unmanaged-channel'),
        properties: { fqdn: 'localhost', aadProfile: { managed: true } },
      });

      expect(
        await readClusterNodes.run(azure.context(), here, { server: server.origin, certificateAuthority: server.ca }),
      ).toMatchObject({ reason: 'no-permission', because: expect.stringContaining('cannot list resource "nodes"') });
    });

    it('metrics', async () => {
      server.answer = ({ query }) => ({
        body: load(
          query.get('query')?.startsWith('max') === true
            ? 'prometheus-instant-kured_reboot_required'
            : 'prometheus-overdue-24h',
        ),
      });
      const query = async () =>
        await queryRebootMetrics.run(azure.context(), server.origin, 'aks-prod', 24 * 3_600_000);

      const metrics = await query();
      expect([metrics?.now.size, [...(metrics?.overdue ?? [])]]).toEqual([5, ['aks-system-25481572-vmss000000']]);
      answer(load('prometheus-empty'));
      expect(await query()).toBeUndefined();
      server.answer = () => ({ status: 400, body: load('prometheus-error-400') });
      expect(await failureOf(queryRebootMetrics, query())).toMatchObject({ code: 'AZURE_INVALID' });
    });

    it('images, maintenance and failed upgrades', async () => {
      answer(load('agentpool-upgradeprofile-system-stale'));
      expect(await readLatestNodeImage.run(azure.context(), target, 'system')).toBe(
        'AKSUbuntu-2204gen2containerd-202608.14.0',
      );
      answer(load('maintenanceconfiguration-aksManagedNodeOSUpgradeSchedule'));
      expect(await readNodeOsMaintenance.run(azure.context(), target)).toMatchObject({
        properties: { maintenanceWindow: { durationHours: 4, schedule: { weekly: { dayOfWeek: 'Sunday' } } } },
      });
      answer(load('arg-containerserviceeventresources-nodeos'));
      expect(await queryUpgradeFailures.run(azure.context(), target)).toEqual([{ at: '2026-08-17T03:00:00.000Z' }]);
    });

    it('run command: the request as it was recorded, and its results', async () => {
      const cluster = clusterOf('managedcluster-unmanaged-channel');
      const location = `${server.origin}${target.id}/commandResults/x?api-version=2026-04-01`;
      const run = async (result: string) => {
        server.answer = ({ method }) =>
          method === 'POST'
            ? { status: 202, headers: { location, 'retry-after': '0' } }
            : { body: load(`runcommand-result-${result}`) };
        return await runNodeCommand.run(azure.context(), target, cluster);
      };

      const nodes = await run('succeeded');

      const { command, context } = load('runcommand-request');
      expect(JSON.parse(server.requests[0]?.body ?? '')).toMatchObject({ command, context });
      const pools = nodes.map(({ metadata }) => metadata.labels['kubernetes.azure.com/agentpool']);
      expect(pools).toEqual(['system', 'system', 'system', 'user', 'user', 'user', 'user', 'win1']);
      expect(await failureOf(runNodeCommand, run('failed'))).toMatchObject({ code: 'AZURE_TRANSIENT' });
      expect(await failureOf(runNodeCommand, run('forbidden-exit1'))).toMatchObject({ code: 'AZURE_DENIED' });
    });
  },
);
