import { expect, test } from 'vitest';
import { isJsonObject, type JsonObject } from '../../local/azure/json.ts';
import { judgeConnections } from '../../scripts/infra/connection-rules.ts';
import { deployment, eventSubscription, siteWith, TOPIC } from './sample-deployment.ts';

const IDENTITY = `${TOPIC.split('/providers/')[0]}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id`;
const PRINCIPAL = `[reference('${IDENTITY}', '2023-01-31').principalId]`;
const CLIENT = `[reference('${IDENTITY}', '2023-01-31').clientId]`;
const right = {
  DOCKWARDEN_PRINCIPAL_ID: PRINCIPAL,
  DOCKWARDEN_CLIENT_ID: CLIENT,
  AzureWebJobsStorage__clientId: CLIENT,
  APPLICATIONINSIGHTS_CONNECTION_STRING: "[reference('/x').ConnectionString]",
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: `[format('ClientId={0};Authorization=AAD', reference('${IDENTITY}', '2023-01-31').clientId)]`,
};
const hub = {
  'AzureWebJobs.defenderAlerts.Disabled': undefined,
  DEFENDER_EVENT_HUB: 'defender',
  DefenderEventHub__credential: 'managedidentity',
  DefenderEventHub__clientId: CLIENT,
  DefenderEventHub__fullyQualifiedNamespace: "[reference('/n').host]",
};
const addresses = {
  AzureWebJobsStorage__accountName: undefined,
  AzureWebJobsStorage__blobServiceUri: "[reference('/a').primaryEndpoints.blob]",
  AzureWebJobsStorage__queueServiceUri: "[reference('/a').primaryEndpoints.queue]",
  AzureWebJobsStorage__tableServiceUri: "[reference('/a').primaryEndpoints.table]",
};

function judge(changes: Readonly<Record<string, string | undefined>>, identity = IDENTITY): readonly string[] {
  const site = siteWith({ ...right, ...changes });
  const properties = {
    ...(isJsonObject(site['properties']) ? site['properties'] : {}),
    keyVaultReferenceIdentity: identity,
  };
  return judgeConnections(deployment({ ...site, properties }, eventsTo('sta'))).problems;
}

function eventsTo(account: string): JsonObject {
  const resourceId = `/subscriptions/a/resourceGroups/b/providers/Microsoft.Storage/storageAccounts/${account}`;
  return eventSubscription({
    deliveryWithResourceIdentity: { destination: { properties: { resourceId } } },
    deadLetterWithResourceIdentity: { deadLetterDestination: { properties: { resourceId } } },
  });
}

test.each([{}, hub, addresses])('an app that is told of its own identity and services: %j', (changes) => {
  expect(judge(changes)).toEqual([]);
});

test.each([
  { DOCKWARDEN_CLIENT_ID: PRINCIPAL },
  { DOCKWARDEN_PRINCIPAL_ID: CLIENT },
  { DOCKWARDEN_PRINCIPAL_ID: '99999999-8888-7777-6666-555555555555' },
  { AzureWebJobsStorage__clientId: undefined },
  { AzureWebJobsStorage__credential: undefined },
  { AzureWebJobsStorage__accountName: undefined },
  { AzureWebJobsStorage__accountName: 'other' },
  { APPLICATIONINSIGHTS_CONNECTION_STRING: undefined },
  { APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'Authorization=AAD' },
  { 'AzureWebJobs.defenderAlerts.Disabled': undefined },
  { ...hub, DefenderEventHub__clientId: undefined },
  { ...hub, DefenderEventHub__credential: undefined },
  { ...hub, DefenderEventHub__fullyQualifiedNamespace: undefined },
  { ...addresses, AzureWebJobsStorage__queueServiceUri: addresses.AzureWebJobsStorage__tableServiceUri },
])('one that is not: %j', (changes) => {
  expect(judge(changes)).toHaveLength(1);
});

test('references to key vaults are read with the identity of the app', () => {
  expect(judge({}, '')).toEqual([expect.stringContaining('key vaults')]);
});

test('events for the storage of somebody else are found, dead letters as well', () => {
  const site = siteWith({ ...right });
  const problems = judgeConnections(deployment(site, eventsTo('other'))).problems;

  expect(problems.filter((problem) => problem.includes('is not the storage account'))).toHaveLength(2);
});
