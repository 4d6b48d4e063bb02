import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { AKS_AUDIENCE } from '../../local/azure/kubernetes/kubernetes-api.ts';
import { LIST_NODES } from '../../local/azure/providers/run-command.ts';
import { roleAssignmentName, roleDefinitionName } from '../../local/azure/role-view.ts';
import { SAMPLE_SUBSCRIPTION_ID, sampleId } from '../../local/azure/sample-subscription.ts';
import { type Harness, isRecord, startHarness } from './harness.ts';

const root = resolve(import.meta.dirname, '../..');
const run = promisify(execFile);
const checker = resolve(root, '../shared/contract/check-traffic.mjs');
let directory: string;
let file: string;
let harness: Harness;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'traffic-'));
  file = join(directory, 'traffic.ndjson');
  harness = await startHarness({ recordTo: file });
});
afterEach(async () => {
  await harness.stop();
  await rm(directory, { recursive: true, force: true });
});

const tagsPath = (id: string) => `${id}/providers/Microsoft.Resources/tags/default?api-version=2022-09-01`;

/** Who holds what, and what the caller may do, at a subscription, a group and a resource. */
async function talkAboutRoles(subscription: string): Promise<void> {
  const { simulator } = harness;
  const version = 'api-version=2022-04-01';
  const group = `${subscription}/resourcegroups/rg-platform-prod`;
  for (const scope of [subscription, group, sampleId('contosoacr')]) {
    const authorization = `${scope}/providers/Microsoft.Authorization`;
    await harness.send('GET', `${authorization}/roleAssignments?${version}`);
    await harness.send('GET', `${authorization}/roleDefinitions?${version}`);
    await harness.send('GET', `${authorization}/permissions?${version}`);
  }
  const [held] = simulator.identity('automation').roleAssignments;
  if (held === undefined) throw new Error('the automation holds nothing');
  const name = roleAssignmentName(simulator.identity('automation'), held);
  const id = `${held.scope}/providers/Microsoft.Authorization/roleAssignments/${name}`;
  await harness.send('GET', `${id}?${version}`);
  await harness.send('GET', `${id.replace(name, '0a1b2c3d-0000-4000-8000-000000000009')}?${version}`);
  const definition = `${subscription}/providers/Microsoft.Authorization/roleDefinitions`;
  await harness.send('GET', `${definition}/${roleDefinitionName(held.roleName)}?${version}`);
  await harness.send('DELETE', `${id}?${version}`);
}

/** Every operation once with our api-versions, in every mode, refused and granted. */
async function talk(): Promise<void> {
  const { simulator } = harness;
  const send: Harness['send'] = async (...request) => await harness.send(...request);
  const registries = harness.registries();
  const { agentPools, managedClusters } = harness.clusters();
  const subscription = `/subscriptions/${SAMPLE_SUBSCRIPTION_ID}`;
  const tags = { body: { operation: 'Merge', properties: { tags: { owner: 'x' } } } };

  for await (const { name } of registries.list()) if (name) await registries.get(groupOf(name), name);
  for await (const { name } of managedClusters.list()) if (name) await managedClusters.get(groupOf(name), name);
  for await (const _ of registries.listByResourceGroup('rg-platform-dev'));
  for await (const _ of agentPools.list('rg-platform-prod', 'aks-prod'));
  await agentPools.get('rg-platform-prod', 'aks-prod', 'apps');
  await registries.listCredentials('rg-platform-dev', 'contosobuild');
  await registries.regenerateCredential('rg-platform-dev', 'contosobuild', { name: 'password' });
  for (const mode of [200, 'async'] as const) {
    simulator.operations.rules.splice(0, 1, { mode, polls: 0 });
    await registries.update('rg-platform-dev', 'contosobuild', {
      adminUserEnabled: false,
      tags: { mode: String(mode) },
    });
    await managedClusters.updateTags('rg-platform-prod', 'aks-prod', { tags: { mode: String(mode) } });
    await send('PATCH', tagsPath(sampleId('aks-dev')), tags);
    simulator.operations.finishAll();
  }
  simulator.operations.rules.length = 0;
  await send('GET', tagsPath(sampleId('aks-dev')));
  const cluster = simulator.state.get(sampleId('aks-dev'));
  await send('PUT', `${sampleId('aks-dev')}?api-version=2026-04-01`, { body: cluster });
  await send('PUT', `${sampleId('contosoacr')}?api-version=2025-11-01`, {
    body: simulator.state.get(sampleId('contosoacr')),
  });
  for (const version of ['2023-07-01', '2025-11-01']) {
    await send('GET', `${sampleId('contosoacr')}?api-version=${version}`);
    await send('GET', `${subscription}/providers/Microsoft.ContainerRegistry/registries?api-version=${version}`);
    await send('PATCH', `${sampleId('contosolocked')}?api-version=${version}`, { body: { tags: {} } });
  }
  await send('GET', `${sampleId('aks-prod')}?api-version=2024-05-01`);
  await send('GET', `${sampleId('aks-prod')}/agentPools/system/upgradeProfiles/default?api-version=2026-04-01`);
  await send('POST', `${sampleId('aks-prod')}/listClusterUserCredential?api-version=2026-04-01`);
  await talkAboutNodes();
  await send('GET', `${sampleId('legacy-batch')}?api-version=2023-05-01`);
  await send('GET', `${subscription}/providers/Microsoft.ContainerInstance/containerGroups?api-version=2023-05-01`);
  await send('PATCH', `${sampleId('legacy-batch')}?api-version=2023-05-01`, { body: { tags: { a: 'b' } } });
  await send('GET', `${sampleId('contosolocked')}/providers/Microsoft.Authorization/locks?api-version=2020-05-01`);
  await talkAboutRoles(subscription);
  await send('GET', `${subscription}/resourcegroups?api-version=2022-09-01`);
  await send('GET', `${subscription}/resourcegroups/rg-platform-dev?api-version=2022-09-01`);
  await send('GET', `${subscription}/resources?api-version=2022-09-01`);
  await send('GET', `${subscription}/providers/Microsoft.ContainerRegistry?api-version=2022-09-01`);
  await harness.graph().resources({ subscriptions: [SAMPLE_SUBSCRIPTION_ID], query: 'resources', options: { top: 3 } });
  await talkAboutAlerts();
  // Refusals.
  await send('POST', `${sampleId('contosoacr')}/listCredentials?api-version=2025-11-01`);
  await send('GET', `${sampleId('contosoacr')}x?api-version=2025-11-01`);
  await send('GET', `${sampleId('contosoacr')}?api-version=2025-11-01`, { authorization: 'Bearer x' });
  simulator.state.setBusy(sampleId('aks-prod'), { times: 1 });
  await send('PATCH', `${sampleId('aks-prod')}?api-version=2026-04-01`, { body: { tags: {} } });
}

/** What is asked about the nodes of a cluster. */
async function talkAboutNodes(): Promise<void> {
  const { simulator } = harness;
  const id = sampleId('aks-prod');
  const { machines, maintenanceConfigurations, managedClusters } = harness.clusters();
  const maintenance = `${id}/maintenanceConfigurations/aksManagedNodeOSUpgradeSchedule`;
  await harness.send('GET', `${maintenance}?api-version=2026-04-01`);
  simulator.state.put({
    id: maintenance,
    name: 'aksManagedNodeOSUpgradeSchedule',
    type: 'Microsoft.ContainerService/managedClusters/maintenanceConfigurations',
    properties: {
      maintenanceWindow: {
        schedule: { weekly: { intervalWeeks: 1, dayOfWeek: 'Sunday' } },
        durationHours: 4,
        startTime: '01:00',
      },
    },
  });
  await maintenanceConfigurations.get('rg-platform-prod', 'aks-prod', 'aksManagedNodeOSUpgradeSchedule');
  for await (const _ of maintenanceConfigurations.listByManagedCluster('rg-platform-prod', 'aks-prod'));
  for await (const _ of machines.list('rg-platform-prod', 'aks-prod', 'apps'));
  const clusterToken = simulator.issueToken('operator', AKS_AUDIENCE).token;
  const command = { command: LIST_NODES, context: '', clusterToken };
  await harness.send('POST', `${id}/runCommand?api-version=2026-04-01`, { body: command });
  simulator.state.patch(id, { properties: { apiServerAccessProfile: { disableRunCommand: false } } });
  await harness.send('POST', `${id}/runCommand?api-version=2026-04-01`, { body: { ...command, clusterToken: '' } });
  await managedClusters.runCommand('rg-platform-prod', 'aks-prod', command, { updateIntervalInMs: 0 });
}

/** What is asked about alerts of Defender for Cloud. */
async function talkAboutAlerts(): Promise<void> {
  const { simulator } = harness;
  const version = 'api-version=2022-01-01';
  const security = `/subscriptions/${SAMPLE_SUBSCRIPTION_ID}/providers/Microsoft.Security`;
  const resourceId = sampleId('aks-prod');
  const extendedLinks = [{ Href: 'https://contoso.example/report', Category: null, Label: 'Report', Type: 'webLink' }];
  simulator.defender.raiseAlert({
    resourceId,
    alertType: 'K8S_ExposedService',
    intent: 'InitialAccess',
    extendedLinks,
  });
  const name = simulator.defender.alerts()[0]?.systemAlertId ?? '';
  const scopes = [security, security.replace('/providers', '/resourceGroups/rg-platform-prod/providers')];
  for (const scope of scopes) {
    await harness.send('GET', `${scope}/alerts?${version}`);
    await harness.send('GET', `${scope}/locations/westeurope/alerts?${version}`);
  }
  const alert = `${scopes[1] ?? ''}/locations/westeurope/alerts/${name}`;
  for (const verb of ['inProgress', 'activate', 'dismiss', 'resolve']) {
    await harness.send('POST', `${alert}/${verb}?${version}`);
  }
  await harness.send('GET', `${alert}?${version}`);
  await harness.send('GET', `${alert}x?${version}`);
  await harness.send('POST', `${security}/locations/westeurope/alerts/default/simulate?${version}`, {
    body: { properties: { kind: 'Bundles', bundles: ['KubernetesService', 'KeyVaults'] } },
  });
  await harness.send('GET', `${security}/alerts?${version}`);
}

/** Output of the contract checker, with `FAILED` when it exits with an error. */
async function check(traffic: string): Promise<string> {
  try {
    return (await run(process.execPath, [checker, traffic], { cwd: root, maxBuffer: 10_000_000 })).stdout;
  } catch (error) {
    return `${isRecord(error) ? String(error['stdout']) : ''} FAILED`;
  }
}

function groupOf(name: string): string {
  return ['contosobuild', 'contosolegacy', 'contosoci', 'aks-dev'].includes(name)
    ? 'rg-platform-dev'
    : 'rg-platform-prod';
}

test('a recording holds every exchange but no token and no password', async () => {
  await talk();
  const count = harness.simulator.requests.length;
  await harness.simulator.stop();

  const text = await readFile(file, 'utf8');

  expect(text.trim().split('\n')).toHaveLength(count);
  expect(text).not.toMatch(/CANARY-|Bearer (?!x")ey/);
  expect(text).not.toContain('"clusterToken":"ey');
  expect(text).toContain('"authorization":"Bearer x"');
});

test.skipIf(!existsSync(checker))(
  'the recording is valid against the published OpenAPI (skipped where the contract checker is not there)',
  { timeout: 120_000 },
  async () => {
    await talk();
    await harness.simulator.stop();

    const sound = await check(file);
    const spoilt = join(directory, 'spoilt.ndjson');
    await writeFile(
      spoilt,
      (await readFile(file, 'utf8')).replaceAll('"adminUserEnabled":true', '"adminUserEnabled":"yes"'),
    );
    const broken = await check(spoilt);

    expect(sound.split('\n').filter((line) => line.includes('  invalid  '))).toEqual([]);
    expect(sound).toMatch(/ pairs: [1-9]\d* valid, 0 invalid/);
    // A checker that saw nothing would pass too.
    expect(broken).toContain('FAILED');
  },
);
