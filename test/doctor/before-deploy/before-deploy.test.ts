import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { JsonObject } from '../../../local/azure/json.ts';
import { registrationId } from '../../../local/azure/providers/registration.ts';
import { DEPLOYED } from '../../../local/azure/sample-deployment-ids.ts';
import { SAMPLE_SUBSCRIPTION_ID } from '../../../local/azure/sample-subscription.ts';
import { beforeDeployChecks } from '../../../src/doctor/before-deploy/before-deploy-checks.ts';
import type { DoctorReport } from '../../../src/doctor/run-checks.ts';
import { type BeforeDeployRig, startBeforeDeploy } from './rig.ts';

const SUBSCRIPTION = `/subscriptions/${SAMPLE_SUBSCRIPTION_ID}`;
const QUOTED = `--subscription '${SAMPLE_SUBSCRIPTION_ID}'`;
let rig: BeforeDeployRig;
beforeEach(async () => {
  rig = await startBeforeDeploy();
});
afterEach(async () => {
  await rig.stop();
});

/** What was found, without the words. */
function brief({ findings }: DoctorReport): (readonly [string, string, string])[] {
  return findings.map(({ code, severity, subject }) => [severity, code, subject] as const);
}

function commandsOf({ findings }: DoctorReport): (string | undefined)[] {
  return findings.map(({ command }) => command);
}

test('a subscription in which the same was deployed before gives nothing to do', async () => {
  const report = await rig.look({ location: 'West Europe' });

  expect(report.findings).toEqual([]);
  expect(report.checks).toEqual(beforeDeployChecks.map(({ id }) => id));
});

describe('the subscription', () => {
  test('one that is not there is an error, and nothing else is taken for right', async () => {
    const subscriptionId = '00000000-0000-4000-8000-00000000dead';
    const report = await rig.look({ subscriptionId });

    expect(brief(report)[0]).toEqual(['error', 'subscription-not-found', `/subscriptions/${subscriptionId}`]);
    const unchecked = report.findings.filter(({ code }) => code === 'not-checked').map(({ subject }) => subject);
    expect(unchecked).toEqual(expect.arrayContaining(['permissions', 'Microsoft.Web', 'deployments', 'system-topic']));
  });
});

test('a subscription that takes no changes is an error', async () => {
  rig.simulator.state.patch(SUBSCRIPTION, { properties: { state: 'Disabled' } });
  const report = await rig.look();

  expect(brief(report)).toEqual([['error', 'subscription-not-enabled', SUBSCRIPTION]]);
  expect(commandsOf(report)).toEqual([`az account subscription enable --subscription-id '${SAMPLE_SUBSCRIPTION_ID}'`]);
});

test('every code is planted in one of these tests, and belongs to one check', () => {
  const codes = beforeDeployChecks.flatMap((check) => check.codes);
  const tests = readFileSync(import.meta.filename, 'utf8');

  expect(codes.filter((code) => !tests.includes(`'${code}'`))).toEqual([]);
  expect(new Set(codes).size).toBe(codes.length);
});

describe('the name of the environment', () => {
  test.each(['', 'a'.repeat(41), 'größe', 'my env', 'ends.', "x'; rm -rf ~"])(
    '%j is refused',
    async (environmentName) => {
      const report = await rig.look({ environmentName });

      expect(brief(report)).toContainEqual(['error', 'environment-name-invalid', environmentName]);
    },
  );

  test.each(['a', 'prod-2', 'team_a.prod', 'a'.repeat(40)])('%j is taken', async (environmentName) => {
    const codes = (await rig.look({ environmentName })).findings.map(({ code }) => code);

    // Another environment finds the topic of this one, and nothing else.
    expect(codes).toEqual(['system-topic-exists']);
  });
});

describe('the location', () => {
  test.each(['germanynorth', 'Germany North', 'nowhere'])('%s has no Flex Consumption', async (location) => {
    const report = await rig.look({ location, environmentName: 'other' });
    const found = report.findings.find(({ code }) => code === 'location-without-flex-consumption');

    expect(found).toMatchObject({ severity: 'error', subject: location });
    expect(found?.message).toContain('northeurope, polandcentral, westeurope');
    expect(found?.command).toBe('az functionapp list-flexconsumption-locations --output table');
  });

  test('one with an older Node only', async () => {
    const report = await rig.look({ location: 'Poland Central', environmentName: 'other' });
    const found = report.findings.find(({ code }) => code === 'location-without-node');

    expect(found).toMatchObject({ severity: 'error', subject: 'polandcentral' });
    expect(found?.message).toContain('node 22, 20');
    expect(found?.command).toBe(
      "az functionapp list-flexconsumption-runtimes --location 'polandcentral' --runtime node --output table",
    );
  });

  test('where Azure does not tell the runtimes, the location is known all the same', async () => {
    rig.simulator.faults.add({ path: /functionAppStacks/i, effect: { kind: 'answer', status: 500, body: {} } });
    const report = await rig.look();

    expect(brief(report)).toEqual([['warning', 'not-checked', 'node 24 in westeurope']]);
  });

  test.each([
    ['none', [], ['warning', 'not-checked', 'node 24 in westeurope']],
    ['of another plan', [['EP1', '24']], ['warning', 'not-checked', 'node 24 in westeurope']],
    [
      'of both plans',
      [
        ['EP1', '24'],
        ['FC1', '22'],
      ],
      ['error', 'location-without-node', 'westeurope'],
    ],
  ])('only versions of Flex Consumption count: %s', async (_, skus, expected) => {
    const Sku = skus.map(([skuCode = '', version = '']) => ({
      skuCode,
      functionAppConfigProperties: { runtime: { name: 'node', version } },
    }));
    const stackSettings = { linuxRuntimeSettings: { Sku } };
    const majorVersions = [{ minorVersions: [{ stackSettings }] }];
    const body = { value: [{ name: 'node', properties: { majorVersions } }] };
    rig.simulator.faults.add({ path: /functionAppStacks/i, effect: { kind: 'answer', status: 200, body } });

    expect(brief(await rig.look())).toEqual([expected]);
  });

  test('an empty list of locations proves nothing about one', async () => {
    rig.simulator.faults.add({ path: /geoRegions/i, effect: { kind: 'answer', status: 200, body: { value: [] } } });

    expect(brief(await rig.look())).toEqual([['warning', 'not-checked', 'location']]);
  });
});

describe('resource providers', () => {
  test.each([
    ['Microsoft.Web', 'NotRegistered', 'error', 'provider-not-registered', 'not registered'],
    ['Microsoft.EventGrid', 'Registering', 'error', 'provider-not-registered', 'registering'],
    ['Microsoft.EventHub', 'NotRegistered', 'info', 'export-provider-not-registered', 'not registered'],
  ])('%s that is %s is an %s', async (name, registrationState, severity, code, words) => {
    const id = registrationId(SAMPLE_SUBSCRIPTION_ID, name);
    const type = 'Microsoft.Resources/subscriptions/providers';
    rig.simulator.state.put({ id, name, type, properties: { registrationState } });
    const report = await rig.look();

    expect(brief(report)).toEqual([[severity, code, name]]);
    expect(report.findings[0]?.message).toContain(words);
    expect(commandsOf(report)).toEqual([`az provider register ${QUOTED} --namespace ${name} --wait`]);
  });
});

describe('resource groups that are there already', () => {
  const group = `${SUBSCRIPTION}/resourceGroups/rg-other`;
  const put = (location: string, tags: Record<string, string>) =>
    rig.simulator.state.put({
      id: group,
      name: 'rg-other',
      type: 'Microsoft.Resources/resourceGroups',
      location,
      tags,
    });

  test.each([
    ['of another environment', { 'azd-env-name': 'billing' }, 'environment billing'],
    ['of none', {}, 'no environment'],
  ])('one %s', async (_, tags, words) => {
    put('westeurope', tags);
    const report = await rig.look({ environmentName: 'other' });
    const found = report.findings.find(({ code }) => code === 'group-of-another-environment');

    expect(found).toMatchObject({ severity: 'error', subject: 'rg-other' });
    expect(found?.message).toContain(words);
    expect(found?.command).toBe(`az resource list ${QUOTED} --resource-group 'rg-other' --output table`);
  });

  test('one in another location: Azure moves none', async () => {
    put('northeurope', { 'AZD-env-name': 'other' });
    const report = await rig.look({ environmentName: 'other' });
    const found = report.findings.find(({ code }) => code === 'group-in-another-location');

    expect(found).toMatchObject({ severity: 'error', subject: 'rg-other' });
    expect(found?.command).toBe("azd env set AZURE_LOCATION 'northeurope'");
    expect(report.findings.some(({ code }) => code === 'group-of-another-environment')).toBe(false);
  });
});

function putDeployment(name: string, location: string, properties: JsonObject): void {
  const id = `${SUBSCRIPTION}/providers/Microsoft.Resources/deployments/${name}`;
  rig.simulator.state.put({ id, name, type: 'Microsoft.Resources/deployments', location, properties });
}

function ofEnvironment(value: string): JsonObject {
  return { environmentName: { type: 'String', value } };
}

describe('earlier deployments', () => {
  test('a module of this environment that was deployed elsewhere', async () => {
    putDeployment('dockwarden-connect-x', 'northeurope', {
      provisioningState: 'Succeeded',
      parameters: ofEnvironment('dockwarden'),
    });
    putDeployment('dockwarden-connect-y', 'northeurope', {
      provisioningState: 'Succeeded',
      parameters: ofEnvironment('prod'),
    });
    const report = await rig.look();

    expect(brief(report)).toEqual([['error', 'deployment-in-another-location', 'dockwarden-connect-x']]);
    expect(commandsOf(report)).toEqual([`az deployment sub delete ${QUOTED} --name 'dockwarden-connect-x'`]);
  });

  test('one that runs now', async () => {
    putDeployment('dockwarden-1764', 'westeurope', {
      provisioningState: 'Running',
      parameters: ofEnvironment('dockwarden'),
    });
    putDeployment('dockwarden-1763', 'westeurope', {
      provisioningState: 'Failed',
      parameters: ofEnvironment('dockwarden'),
    });
    const report = await rig.look();

    expect(brief(report)).toEqual([['error', 'deployment-running', 'dockwarden-1764']]);
    expect(commandsOf(report)[0]).toContain(`az deployment sub wait ${QUOTED} --name 'dockwarden-1764' --custom '`);
  });

  test('the name that az would take, used by somebody else elsewhere, is good to know', async () => {
    putDeployment('main', 'northeurope', { provisioningState: 'Succeeded' });
    const report = await rig.look();

    expect(brief(report)).toEqual([['info', 'deployment-name-taken', 'main']]);
    expect(commandsOf(report)[0]).toContain("--name 'dockwarden' --location 'westeurope'");
  });
});

/** Moves the topic of the subscription. */
function move(group: string, name: string, tags: Readonly<Record<string, string>> = {}): string {
  const { state } = rig.simulator;
  const { id: _, tags: __, ...topic } = state.get(DEPLOYED.systemTopic) ?? { name, type: '' };
  const id = `${SUBSCRIPTION}/resourceGroups/${group}/providers/Microsoft.EventGrid/systemTopics/${name}`;
  const [feed] = state.list(DEPLOYED.systemTopic, 'Microsoft.EventGrid/systemTopics/eventSubscriptions');
  if (feed === undefined) throw new Error('the sample has no event subscription');
  for (const gone of [feed.id, DEPLOYED.systemTopic]) state.remove(gone);
  state.put({ ...topic, id, name, tags });
  state.put({ ...feed, id: `${id}/eventSubscriptions/${feed.name}` });
  return id;
}

describe('the system topic of the subscription', () => {
  test('one of somebody else: the finding says which value to give', async () => {
    const report = await rig.look({ environmentName: 'other' });

    expect(brief(report)).toEqual([['warning', 'system-topic-exists', DEPLOYED.systemTopic]]);
    expect(report.findings[0]?.message).toContain(
      `{ id: '${SAMPLE_SUBSCRIPTION_ID}', existingSystemTopic: { name: 'evgt-dockwarden-subscription', resourceGroup: 'rg-dockwarden' } }`,
    );
    expect(commandsOf(report)[0]).toContain(
      `'subscriptions=[{"id":"${SAMPLE_SUBSCRIPTION_ID}","existingSystemTopic":{"name":"evgt-dockwarden-subscription","resourceGroup":"rg-dockwarden"}}]'`,
    );
  });

  test('one of somebody else without an identity cannot deliver; its own gets one', async () => {
    rig.simulator.state.patch(DEPLOYED.systemTopic, { identity: null });
    expect(brief(await rig.look())).toEqual([]);

    const report = await rig.look({ environmentName: 'other' });
    expect(brief(report)[0]).toEqual(['error', 'system-topic-without-identity', DEPLOYED.systemTopic]);
    expect(commandsOf(report)[0]).toBe(
      `az eventgrid system-topic update ${QUOTED} --resource-group 'rg-dockwarden' --name 'evgt-dockwarden-subscription' --identity systemassigned`,
    );
  });

  test('its own is known in the group that parameter subscriptions names', async () => {
    move('rg-platform-prod', 'evgt-dockwarden-subscription', { 'AZD-env-name': 'dockwarden' });
    expect(brief(await rig.look())).toEqual([]);
  });

  test('one under another name is not its own, wherever it lies; one that it uses already is for information', async () => {
    for (const [group, name, tags] of [
      ['rg-dockwarden', 'evgt-other', { 'azd-env-name': 'dockwarden' }],
      ['rg-platform-prod', 'evgt-dockwarden-subscription', {}],
    ] as const) {
      const id = move(group, name, tags);
      expect(brief(await rig.look())).toEqual([['info', 'system-topic-exists', id]]);
      const feeds = rig.simulator.state.list(id, 'Microsoft.EventGrid/systemTopics/eventSubscriptions');
      for (const feed of feeds) rig.simulator.state.remove(feed.id);
      expect(brief(await rig.look())).toEqual([['warning', 'system-topic-exists', id]]);
      await rig.stop();
      rig = await startBeforeDeploy();
    }
  });

  test('a name that is no name stays one word of the command', async () => {
    const name = "x' ; curl evil";
    rig.simulator.state.put({
      id: `${SUBSCRIPTION}/resourceGroups/rg-platform-prod/providers/Microsoft.EventGrid/systemTopics/${name}`,
      name,
      type: 'Microsoft.EventGrid/systemTopics',
      location: 'global',
      properties: { source: SUBSCRIPTION, topicType: 'microsoft.resources.subscriptions' },
    });
    const [command] = commandsOf(await rig.look()).filter((text) => text?.includes('system-topic update') === true);

    expect(command).toContain(String.raw`--name 'x'\'' ; curl evil'`);
  });
});

/** All that the automation holds from now on. */
function hold(actions: readonly string[], notActions: readonly string[] = []): void {
  const held = { scope: SUBSCRIPTION, actions, notActions, roleName: 'Of a test' };
  rig.simulator.identity('automation').roleAssignments = [held];
}

describe('whoever deploys', () => {
  test('a Contributor may not make roles and locks', async () => {
    hold(['*'], ['Microsoft.Authorization/*/Delete', 'Microsoft.Authorization/*/Write']);
    const report = await rig.look({}, 'automation');

    expect(brief(report)).toEqual([['error', 'deploy-role-permission-missing', SUBSCRIPTION]]);
    expect(report.findings[0]?.message).toContain(
      'Microsoft.Authorization/locks/write, Microsoft.Authorization/roleAssignments/write, Microsoft.Authorization/roleDefinitions/write.',
    );
    expect(commandsOf(report)[0]).toContain(`--role 'User Access Administrator' --scope '${SUBSCRIPTION}'`);
  });

  test('a Reader may do nothing of it, and sees all', async () => {
    hold(['*/read']);
    const report = await rig.look({}, 'automation');

    expect(brief(report)).toEqual([
      ['error', 'deploy-permission-missing', SUBSCRIPTION],
      ['error', 'deploy-role-permission-missing', SUBSCRIPTION],
    ]);
    expect(report.findings[0]?.message).toContain('Microsoft.Web/sites/write');
    expect(commandsOf(report)[0]).toContain("--role 'Contributor'");
  });

  test('who may read nothing gets told so for every check, and not that all is well', async () => {
    hold(['Microsoft.Resources/subscriptions/read']);
    const report = await rig.look({}, 'automation');
    const subjects = report.findings.filter(({ code }) => code === 'not-checked').map(({ subject }) => subject);

    expect(report.findings.every(({ code }) => code === 'not-checked')).toBe(true);
    expect(subjects).toEqual([
      'permissions',
      'Microsoft.EventGrid',
      'Microsoft.Insights',
      'Microsoft.ManagedIdentity',
      'Microsoft.OperationalInsights',
      'Microsoft.Storage',
      'Microsoft.Web',
      'Microsoft.EventHub',
      'Microsoft.Security',
      'location',
      'rg-dockwarden',
      'rg-dockwarden-records',
      'deployments',
      'system-topic',
    ]);
  });
});

test.each([
  ['what you may do is not told', /Authorization\/permissions/i, { value: [] }, 'permissions'],
  ['a provider without a state', /providers\/Microsoft\.Web\?/i, { namespace: 'Microsoft.Web' }, 'Microsoft.Web'],
  ['a deployment without a name', /Resources\/deployments/i, { value: [{ location: 'westeurope' }] }, 'deployments'],
  ['a topic without an id', /EventGrid\/systemTopics/i, { value: [{ name: 'evgt' }] }, 'system-topic'],
  ['a group without a location', /resourceGroups\/rg-dockwarden\?/i, { name: 'rg-dockwarden' }, 'rg-dockwarden'],
] as const)('an answer in another form proves nothing: %s', async (_, path, body, subject) => {
  rig.simulator.faults.add({ path, effect: { kind: 'answer', status: 200, body } });

  expect(brief(await rig.look())).toEqual([['warning', 'not-checked', subject]]);
});
