import {
  keepScopes,
  MODE_FORMAT,
  type Mode,
  parseAccountName,
  parseDnsSuffix,
  parseGuid,
  parseHubName,
  parseKeyNames,
  parseMode,
  parseNamespace,
  parseOrigin,
  parseSchedule,
  parseScopes,
  parseServiceUri,
  parseSwitch,
  parseTokenScope,
} from './formats.ts';
import { defineSetting, type Setting } from './setting.ts';

const SOME_ID = '11111111-2222-3333-4444-555555555555';
const OTHER_ID = '66666666-7777-8888-9999-000000000000';
const NOT_SET = 'it counts as not set';

/** The settings that exist whatever the catalogue holds. */
export const globalSettings = {
  mode: defineSetting<Mode>({
    name: 'DOCKWARDEN_MODE',
    description:
      'Upper limit for every remediation, and so the kill switch: none goes further than this. Set it to `observe` to stop all changes at once.',
    format: MODE_FORMAT,
    default: 'enforce',
    examples: ['enforce', 'observe'],
    parse: parseMode,
    restricts: true,
    salvage: () => 'observe',
    consequence: 'no remediation goes further than observe',
  }),
  scopes: defineSetting<readonly string[]>({
    name: 'SCOPES',
    description: 'Subscriptions that the sweep looks through. Events are handled wherever they come from.',
    format: 'subscription ids, separated by commas',
    default: [],
    examples: [SOME_ID, `${SOME_ID},${OTHER_ID}`],
    parse: parseScopes,
    salvage: keepScopes,
    consequence: 'only the valid ids of the list are swept',
    ifMissing: 'the sweep looks at nothing',
  }),
  sweepSchedule: defineSetting<string | undefined>({
    name: 'SWEEP_SCHEDULE',
    description: 'When the sweep runs, in UTC. Read by the Functions host itself.',
    format: 'NCRONTAB: {second} {minute} {hour} {day} {month} {weekday}, separated by one blank each',
    default: undefined,
    examples: ['0 0 */6 * * *', '0 30 2 * * *'],
    parse: parseSchedule,
    consequence: 'the Functions host may not run the sweep',
    ifMissing: 'the Functions host does not run the sweep',
  }),
  principalId: defineSetting<string | undefined>({
    name: 'DOCKWARDEN_PRINCIPAL_ID',
    description:
      'Object id of the managed identity that Dockwarden acts with, so that it knows its own writes when they come back as events.',
    format: 'a GUID',
    default: undefined,
    examples: [SOME_ID, OTHER_ID],
    parse: parseGuid,
    consequence: NOT_SET,
    ifMissing:
      'own changes are not recognised when they come back as events; unless a client id is set, no remediation goes further than observe',
  }),
  clientId: defineSetting<string | undefined>({
    name: 'DOCKWARDEN_CLIENT_ID',
    description:
      'Client id of the user-assigned managed identity to act with. Not set: `AzureWebJobsStorage__clientId`, and without that the system-assigned identity.',
    format: 'a GUID',
    default: undefined,
    examples: [SOME_ID, OTHER_ID],
    parse: parseGuid,
    consequence: NOT_SET,
  }),
  defenderHub: defineSetting<string | undefined>({
    name: 'DEFENDER_EVENT_HUB',
    description:
      'Event Hub that gets the continuous export of Microsoft Defender for Cloud. Read by the Functions host itself; without one, switch the function `defenderAlerts` off.',
    format: 'name of an Event Hub: letters, digits, dots, hyphens and underscores',
    default: undefined,
    examples: ['defender', 'security-alerts'],
    parse: parseHubName,
    consequence: 'the Functions host may not read alerts from it',
  }),
  defenderNamespace: defineSetting<string | undefined>({
    name: 'DefenderEventHub__fullyQualifiedNamespace',
    description: 'Namespace of that Event Hub. Read by the Functions host itself.',
    format: '<namespace>.servicebus.windows.net, or a host with a port',
    default: undefined,
    examples: ['contoso.servicebus.windows.net', 'platform.servicebus.windows.net'],
    parse: parseNamespace,
    consequence: 'the Functions host may not read alerts from it',
  }),
  defenderPolling: defineSetting<boolean>({
    name: 'DEFENDER_ALERTS_POLLING',
    description:
      'Ask Resource Graph for alerts of Microsoft Defender for Cloud with every sweep, for those without a continuous export to an Event Hub, and for what one has lost.',
    format: 'on or off',
    default: true,
    examples: ['on', 'off'],
    parse: parseSwitch,
    consequence: 'alerts are polled',
  }),
  actorNames: defineSetting<boolean>({
    name: 'AUDIT_ACTOR_NAMES',
    description: 'Keep the name of who changed a resource, besides the object id. Names are personal data.',
    format: 'on or off',
    default: false,
    examples: ['on', 'off'],
    parse: parseSwitch,
    consequence: 'no names are kept',
  }),
  metrics: defineSetting<boolean>({
    name: 'DOCKWARDEN_METRICS',
    description:
      'Send metrics to the Application Insights that `APPLICATIONINSIGHTS_CONNECTION_STRING` names. Without that nothing is sent. Alert rules and the workbook need them.',
    format: 'on or off',
    default: true,
    examples: ['on', 'off'],
    parse: parseSwitch,
    consequence: 'metrics are sent',
  }),
  reviewKeyNames: defineSetting<Readonly<Record<string, string>>>({
    name: 'REVIEW_KEY_NAMES',
    description:
      'Names for the function keys that operators use, so that the audit says `key:<name>`: the platform does not tell the app which key was used, so a key is known by the first 8 hex digits of its SHA-256. Without a name the audit says `key:<those digits>`.',
    format: '<8 hex digits>=<name>, separated by commas',
    default: {},
    examples: ['0a1b2c3d=ci-pipeline', '0a1b2c3d=ci-pipeline,4e5f6a7b=night-shift'],
    parse: parseKeyNames,
    consequence: 'keys have no names',
  }),
  armEndpoint: defineSetting<string>({
    name: 'DOCKWARDEN_ARM_ENDPOINT',
    description: 'Azure Resource Manager to talk to; another one for a sovereign cloud or the simulator.',
    format: 'https://host, optionally with a port, without a path',
    default: 'https://management.azure.com',
    examples: ['https://management.azure.com', 'https://management.usgovcloudapi.net'],
    parse: parseOrigin,
    consequence: 'the default is used, and no remediation goes further than observe',
  }),
  tokenScope: defineSetting<string>({
    name: 'DOCKWARDEN_ARM_SCOPE',
    description: 'Scope of the tokens for Azure Resource Manager.',
    format: 'https://host/.default',
    default: 'https://management.azure.com/.default',
    examples: ['https://management.azure.com/.default', 'https://management.usgovcloudapi.net/.default'],
    parse: parseTokenScope,
    consequence: 'the default is used, and no remediation goes further than observe',
  }),
  vaultDnsSuffix: defineSetting<string>({
    name: 'DOCKWARDEN_VAULT_DNS_SUFFIX',
    description:
      'Key vaults have addresses below this name; another one for a sovereign cloud or the simulator. No other host gets a token for vaults.',
    format: 'a DNS name in lower case, without a leading full stop',
    default: 'vault.azure.net',
    examples: ['vault.azure.net', 'vault.usgovcloudapi.net'],
    parse: parseDnsSuffix,
    consequence: 'the default is used, and no remediation goes further than observe',
  }),
  vaultScope: defineSetting<string>({
    name: 'DOCKWARDEN_VAULT_SCOPE',
    description: 'Scope of the tokens for the keys and secrets of vaults, whatever a vault itself asks for.',
    format: 'https://host/.default',
    default: 'https://vault.azure.net/.default',
    examples: ['https://vault.azure.net/.default', 'https://vault.usgovcloudapi.net/.default'],
    parse: parseTokenScope,
    consequence: 'the default is used, and no remediation goes further than observe',
  }),
  storageAccount: defineSetting<string | undefined>({
    name: 'AzureWebJobsStorage__accountName',
    description: "The app's storage account: queues, tables and blobs.",
    format: '3 to 24 lower-case letters and digits',
    default: undefined,
    examples: ['dockwardenstore', 'dockwardenother'],
    parse: parseAccountName,
    consequence: NOT_SET,
  }),
  queueUri: serviceUri('queue'),
  tableUri: serviceUri('table'),
  blobUri: serviceUri('blob'),
  storageClientId: defineSetting<string | undefined>({
    name: 'AzureWebJobsStorage__clientId',
    description: 'Client id of the user-assigned managed identity that the Functions host uses for its storage.',
    format: 'a GUID',
    default: undefined,
    examples: [SOME_ID, OTHER_ID],
    parse: parseGuid,
    consequence: NOT_SET,
  }),
};

function serviceUri(service: 'queue' | 'table' | 'blob'): Setting<string | undefined> {
  return {
    name: `AzureWebJobsStorage__${service}ServiceUri`,
    description: `The app's ${service} endpoint. Not set: that of \`AzureWebJobsStorage__accountName\` in the public cloud.`,
    format: 'https://host, optionally with a port and a path; no query',
    default: undefined,
    examples: [
      `https://dockwardenstore.${service}.core.windows.net`,
      `https://dockwardenother.${service}.core.windows.net`,
    ],
    parse: parseServiceUri,
    consequence: NOT_SET,
  };
}
