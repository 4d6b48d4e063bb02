import { type Judgement, ofType, type Resource, readPath, textAt } from './resources.ts';
import { readAppSettings } from './setting-rules.ts';

type Rule = readonly [name: string, isRight: (value: string) => boolean, what: string];

const isPrincipal = (value: string): boolean => isOfIdentity(value, 'principalId');
const isClient = (value: string): boolean => isOfIdentity(value, 'clientId');
const isGiven = (value: string): boolean => value !== '';
const isManaged = (value: string): boolean => value === 'managedidentity';

/** Ids of an identity are known when it is deployed: here they are the expressions that ask for them. */
function isOfIdentity(value: string, property: 'clientId' | 'principalId'): boolean {
  return value.startsWith('[') && /userAssignedIdentities/i.test(value) && value.endsWith(`.${property}]`);
}

/**
 * With which identity the app signs in, and where: without one of these it starts and reaches nothing, and no other rule looks at what is in
 * them, because most are known only when they are deployed.
 */
export function judgeConnections(predicted: readonly Resource[]): Judgement {
  const settings = readAppSettings(predicted);
  const accounts = ofType(predicted, 'Microsoft.Storage/storageAccounts').map(({ id }) =>
    id.slice(id.lastIndexOf('/') + 1),
  );
  const isAccount = (value: string) => accounts.includes(value);
  const storage: readonly Rule[] =
    settings['AzureWebJobsStorage__blobServiceUri'] === undefined
      ? [['AzureWebJobsStorage__accountName', isAccount, 'the storage account']]
      : ['blob', 'queue', 'table'].map(
          (service): Rule => [
            `AzureWebJobsStorage__${service}ServiceUri`,
            (value) => new RegExp(`\\b${service}\\b`).test(value),
            `the address of ${service}s`,
          ],
        );
  const hub: readonly Rule[] =
    settings['DEFENDER_EVENT_HUB'] === undefined
      ? [['AzureWebJobs.defenderAlerts.Disabled', (value) => value === 'true', 'true']]
      : [
          ['DefenderEventHub__credential', isManaged, 'managedidentity'],
          ['DefenderEventHub__clientId', isClient, 'the client id of the identity'],
          ['DefenderEventHub__fullyQualifiedNamespace', isGiven, 'the host name of the namespace'],
        ];
  const rules: readonly Rule[] = [
    ['DOCKWARDEN_PRINCIPAL_ID', isPrincipal, 'the object id of the identity'],
    ['DOCKWARDEN_CLIENT_ID', isClient, 'the client id of the identity'],
    ['AzureWebJobsStorage__credential', isManaged, 'managedidentity'],
    ['AzureWebJobsStorage__clientId', isClient, 'the client id of the identity'],
    ...storage,
    ...hub,
    ['APPLICATIONINSIGHTS_CONNECTION_STRING', isGiven, 'the address of Application Insights'],
    [
      'APPLICATIONINSIGHTS_AUTHENTICATION_STRING',
      (value) => /\.clientId\b/.test(value) && value.includes('Authorization=AAD'),
      'the client id of the identity, and Authorization=AAD',
    ],
  ];
  const wrong = rules
    .filter(([name, isRight]) => !isRight(settings[name] ?? ''))
    .map(([name, , what]) => `setting ${name} is ${settings[name] ?? 'not set'}, and has to be ${what}`);
  const strangers = ofType(predicted, 'Microsoft.Web/sites')
    .filter(({ body }) => !/userAssignedIdentities/i.test(textAt(body, 'properties.keyVaultReferenceIdentity')))
    .map(({ where }) => `${where}: references to key vaults are not read with the identity of the app`);
  return { seen: rules.length, problems: [...wrong, ...strangers, ...judgeDelivery(predicted, accounts)] };
}

/** Events go to the storage of this deployment, and to no other one of the same queue. */
function judgeDelivery(predicted: readonly Resource[], accounts: readonly string[]): readonly string[] {
  return ofType(predicted, 'Microsoft.EventGrid/systemTopics/eventSubscriptions').flatMap(({ body, where }) =>
    [
      'properties.deliveryWithResourceIdentity.destination.properties.resourceId',
      'properties.deadLetterWithResourceIdentity.deadLetterDestination.properties.resourceId',
    ]
      .filter((path) => !accounts.some((name) => textAt(body, path).endsWith(`/storageAccounts/${name}`)))
      .map((path) => `${where}: ${path} is not the storage account: ${JSON.stringify(readPath(body, path))}`),
  );
}
