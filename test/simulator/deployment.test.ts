import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { registrationId } from '../../local/azure/providers/registration.ts';
import { addSampleDeployment, showApp } from '../../local/azure/sample-deployment.ts';
import { APP_GROUPS, DEPLOYED, EVENT_SUBSCRIPTION } from '../../local/azure/sample-deployment-ids.ts';
import { SAMPLE_SUBSCRIPTION_ID, sampleId } from '../../local/azure/sample-subscription.ts';
import { type Harness, isRecord, startHarness } from './harness.ts';

const SUBSCRIPTION = `/subscriptions/${SAMPLE_SUBSCRIPTION_ID}`;
const STORAGE = { blob: 'https://localhost:1/a', queue: 'https://localhost:2/a', table: 'https://localhost:3/a' };
const nameOf = (id: string) => id.split('/').at(-1) ?? '';
let harness: Harness;
beforeEach(async () => {
  harness = await startHarness();
  addSampleDeployment(harness.simulator, { storage: STORAGE, eventHub: 'localhost:4' });
});
afterEach(async () => {
  await harness.stop();
});

const get = async (path: string, version: string, as = 'operator') =>
  await harness.send('GET', `${path}${path.includes('?') ? '&' : '?'}api-version=${version}`, { as });

function namesIn(body: Readonly<Record<string, unknown>>): unknown[] {
  const { value } = body;
  return Array.isArray(value) ? value.filter(isRecord).map(({ name }) => name) : [];
}

describe('the app', () => {
  test('is told of with its identity and its runtime, and without its settings', async () => {
    showApp(harness.simulator, { SCOPES: 'canary-of-a-setting' }, []);
    const { body, text } = await get(DEPLOYED.site, '2024-04-01');

    expect(body).toMatchObject({
      id: DEPLOYED.site,
      kind: 'functionapp,linux',
      identity: {
        type: 'UserAssigned',
        userAssignedIdentities: {
          [DEPLOYED.identity]: { principalId: harness.simulator.identity('dockwarden').objectId },
        },
      },
      properties: { state: 'Running', functionAppConfig: { runtime: { name: 'node', version: '24' } } },
    });
    expect(text).not.toContain('canary-of-a-setting');
  });

  test('tells its settings to those who may list them, and to nobody else', async () => {
    showApp(harness.simulator, { SCOPES: 'a' }, []);
    const path = `${DEPLOYED.site}/config/appsettings/list?api-version=2024-04-01`;
    const shown = await harness.send('POST', path);
    const refused = await harness.send('POST', path, { as: 'dockwarden' });
    const unknown = await harness.send('POST', path.replace('appsettings', 'metadata'));

    expect(shown.body).toMatchObject({ name: 'appsettings', properties: { SCOPES: 'a' } });
    expect([refused.status, refused.code]).toEqual([403, 'AuthorizationFailed']);
    expect(refused.text).toContain('Microsoft.Web/sites/config/list/action');
    expect([unknown.status, unknown.code]).toEqual([404, 'NotFound']);
  });

  test.each([
    ['web', 200],
    ['slotConfigNames', 200],
    ['appsettings', 405],
  ])('its configuration %s is read with GET: %s', async (name, status) => {
    expect((await get(`${DEPLOYED.site}/config/${name}`, '2024-04-01')).status).toBe(status);
  });

  test('lists the functions that its host has now, each with the name of the app before its own', async () => {
    const { simulator } = harness;
    showApp(simulator, {}, [{ name: 'gone', isDisabled: false }]);
    showApp(simulator, {}, [
      { name: 'sweep', isDisabled: false },
      { name: 'poison', isDisabled: true },
    ]);
    const { body } = await get(`${DEPLOYED.site}/functions`, '2024-04-01');
    const site = nameOf(DEPLOYED.site);

    expect(namesIn(body)).toEqual([`${site}/sweep`, `${site}/poison`]);
    expect(body).toMatchObject({
      value: [{ properties: { isDisabled: false } }, { properties: { isDisabled: true } }],
    });
  });

  test('one that is not there has neither functions nor settings', async () => {
    const other = `${DEPLOYED.site}x`;
    const answers = [
      await get(other, '2024-04-01'),
      await get(`${other}/functions`, '2024-04-01'),
      await harness.send('POST', `${other}/config/appsettings/list?api-version=2024-04-01`),
    ];

    expect(answers.map(({ code, status }) => [status, code])).toEqual(
      Array.from({ length: 3 }, () => [404, 'ResourceNotFound']),
    );
    expect(answers[1]?.text).toContain('Microsoft.Web/sites/');
  });
});

describe('events', () => {
  test('a topic each for the subscription, its clusters and its registries, subscribed to with what policies need', async () => {
    const topics = await get(`${SUBSCRIPTION}/providers/Microsoft.EventGrid/systemTopics`, '2025-02-15');
    const { body } = await get(`${DEPLOYED.systemTopic}/eventSubscriptions/${EVENT_SUBSCRIPTION}`, '2025-02-15');

    expect(namesIn(topics.body)).toEqual(
      expect.arrayContaining([
        'evgt-dockwarden-subscription',
        'evgt-dockwarden-aks-prod',
        'evgt-dockwarden-contosoacr',
      ]),
    );
    expect(body).toMatchObject({
      properties: {
        provisioningState: 'Succeeded',
        deliveryWithResourceIdentity: { destination: { properties: { queueName: 'resource-events' } } },
        filter: {
          includedEventTypes: expect.arrayContaining(['Microsoft.Resources.ResourceWriteSuccess']),
          advancedFilters: [
            { key: 'data.operationName', values: expect.arrayContaining(['Microsoft.Resources/tags/']) },
          ],
        },
      },
    });
  });

  test('subscriptions are those of their topic', async () => {
    const { body } = await get(`${DEPLOYED.systemTopic}/eventSubscriptions`, '2025-02-15');
    const { value } = body;

    expect(Array.isArray(value) ? value.filter(isRecord).map(({ id }) => id) : []).toEqual([
      `${DEPLOYED.systemTopic}/eventSubscriptions/${EVENT_SUBSCRIPTION}`,
    ]);
  });
});

test.each([
  [`${SUBSCRIPTION}/providers/Microsoft.EventHub/namespaces`, '2024-01-01', [nameOf(DEPLOYED.namespace)]],
  [`${DEPLOYED.namespace}/eventhubs`, '2024-01-01', ['defender']],
  [`${SUBSCRIPTION}/providers/Microsoft.Security/automations`, '2023-12-01-preview', [nameOf(DEPLOYED.automation)]],
  [`${SUBSCRIPTION}/providers/Microsoft.Storage/storageAccounts`, '2023-05-01', [nameOf(DEPLOYED.storage)]],
  [`${SUBSCRIPTION}/providers/Microsoft.Resources/deployments`, '2022-09-01', ['dockwarden']],
])('%s is listed, to whoever may read it', async (path, version, expected) => {
  const shown = await get(path, version);
  const refused = await get(path, version, 'dockwarden');

  expect(namesIn(shown.body)).toEqual(expected);
  expect(refused.status).toBe(403);
});

test('its groups carry the name of the environment, and the sample has as many registries as before', async () => {
  const { body } = await get(`${SUBSCRIPTION}/resourceGroups/${APP_GROUPS.records}`, '2022-09-01');
  const query = "resources | where type =~ 'microsoft.containerregistry/registries' | project id";
  const { totalRecords } = await harness.graph().resources({ query, subscriptions: [SAMPLE_SUBSCRIPTION_ID] });

  expect(body).toMatchObject({ tags: { 'azd-env-name': 'dockwarden' } });
  expect(totalRecords).toBe(6);
});

describe('resource providers', () => {
  const path = registrationId(SAMPLE_SUBSCRIPTION_ID, 'Microsoft.EventGrid');
  const NOT_REGISTERED = {
    id: path,
    name: 'Microsoft.EventGrid',
    type: 'Microsoft.Resources/subscriptions/providers',
    properties: { registrationState: 'NotRegistered' },
  };

  test('one that is not registered says so until somebody registers it', async () => {
    harness.simulator.state.put(NOT_REGISTERED);
    const before = await get(path, '2021-04-01');
    const refused = await harness.send('POST', `${path}/register?api-version=2021-04-01`, { as: 'dockwarden' });
    const done = await harness.send('POST', `${path}/register?api-version=2021-04-01`);
    const after = await get(path, '2021-04-01');

    expect(before.body['registrationState']).toBe('NotRegistered');
    expect([refused.status, done.status]).toEqual([403, 200]);
    expect(after.body['registrationState']).toBe('Registered');
  });

  test('nothing is written of one that is not registered', async () => {
    const registry = 'Microsoft.ContainerRegistry';
    const id = registrationId(SAMPLE_SUBSCRIPTION_ID, registry);
    harness.simulator.state.put({ ...NOT_REGISTERED, id, name: registry });
    const { code, status } = await harness.send('PATCH', `${sampleId('contosoacr')}?api-version=2025-11-01`, {
      body: { tags: { a: 'b' } },
    });

    expect([status, code]).toEqual([409, 'MissingSubscriptionRegistration']);
  });
});

describe('before a deployment', () => {
  test.each([
    [nameOf(DEPLOYED.storage), { nameAvailable: false, reason: 'AlreadyExists' }],
    ['st-dockwarden', { nameAvailable: false, reason: 'AccountNameInvalid' }],
    ['stdockwardennew', { nameAvailable: true }],
  ])('the name %s of a storage account', async (name, expected) => {
    const path = `${SUBSCRIPTION}/providers/Microsoft.Storage/checkNameAvailability?api-version=2023-05-01`;
    const type = 'Microsoft.Storage/storageAccounts';
    const { body } = await harness.send('POST', path, { body: { name, type } });

    expect(body).toMatchObject(expected);
    expect(harness.simulator.requests.at(-1)?.action).toBe('Microsoft.Storage/checknameavailability/read');
  });

  test('the places with Flex Consumption are fewer than all', async () => {
    const path = `${SUBSCRIPTION}/providers/Microsoft.Web/geoRegions`;
    const all = await get(path, '2023-01-01');
    const flex = await get(`${path}?sku=FlexConsumption`, '2023-01-01');

    expect(namesIn(all.body)).toContain('Germany North');
    expect(namesIn(flex.body)).toContain('West Europe');
    expect(namesIn(flex.body)).not.toContain('Germany North');
  });

  test('a deployment that there never was is not found', async () => {
    const { code } = await get(`${SUBSCRIPTION}/providers/Microsoft.Resources/deployments/none`, '2022-09-01');

    expect(code).toBe('DeploymentNotFound');
  });
});
