import { parseDuration, parseReceiver, parseServiceUri, parseSwitch } from './formats.ts';
import { defineSetting, type Setting } from './setting.ts';
import {
  type Priorities,
  parseAreaPath,
  parseId,
  parseOrganization,
  parsePriorities,
  parseProject,
  parseProjectIdentifier,
  parseRepository,
  parseSecret,
  parseWorkItemType,
} from './ticket-formats.ts';

/** Where tickets go besides Dockwarden's own table, with everything that it takes to get there. */
export type TicketTarget =
  /** Nowhere else. */
  | { readonly system: 'table' }
  /** Signed in to with the identity. */
  | {
      readonly system: 'azure-devops';
      readonly organization: string;
      readonly project: string;
      /** Type of the work items. */
      readonly type: string;
      readonly areaPath?: string;
    }
  | {
      readonly system: 'github';
      /** `owner/name`. */
      readonly repository: string;
      readonly token: string;
      /** May tickets go to a repository that everybody can read? */
      readonly allowPublic: boolean;
    }
  | {
      readonly system: 'redmine';
      /** `https://host[:port][/path]`, without a trailing slash. */
      readonly url: string;
      readonly apiKey: string;
      /** Identifier of the project. */
      readonly project: string;
      readonly trackerId: number;
      /** The custom field that holds the key of a ticket. */
      readonly fieldId: number;
      readonly priorities: Priorities;
    }
  | {
      readonly system: 'webhook';
      readonly url: string;
      /** Signs the notices. Absent = an Event Grid topic, which is signed in to with the identity. */
      readonly secret?: string;
    };

/** How tickets are opened and closed, and where. */
export interface TicketSettings {
  /** How far apart two looks that agree have to be before a ticket is opened or closed, in milliseconds. */
  readonly graceMs: number;
  readonly target: TicketTarget;
}

const SYSTEMS = ['table', 'azure-devops', 'github', 'redmine', 'webhook'] as const satisfies TicketTarget['system'][];

const DAY = 86_400_000;
const SHORTEST_CREDENTIAL = 16;
const SHORTEST_SIGNING_SECRET = 32;
/** What holds while a setting of a system cannot be used: a ticket in the wrong place would show findings to the wrong people. */
export const NO_TICKETS = "that system gets no tickets and they stay in Dockwarden's own table";

/** The settings of tickets. */
export const ticketSettings = {
  system: defineSetting<TicketTarget['system']>({
    name: 'TICKETS_SYSTEM',
    description:
      "Where tickets go besides Dockwarden's own table: `table` = nowhere else. Back to `table` stops every call to a ticket system at once.",
    format: 'table, azure-devops, github, redmine or webhook',
    default: 'table',
    examples: ['table', 'azure-devops'],
    parse: (text) => SYSTEMS.find((system) => system === text),
    consequence: "tickets stay in Dockwarden's own table",
  }),
  grace: defineSetting<number>({
    name: 'TICKETS_GRACE',
    description: 'How far apart two looks that agree have to be before a ticket is opened or closed.',
    format: 'minutes, hours or days, for example 15m or 2h; at most 24h; 0m means any two looks',
    default: 900_000,
    examples: ['15m', '1h'],
    parse: (text) => parseDuration(text, 0, DAY),
    consequence: 'the default of 15 minutes holds',
  }),
  organization: ofSystem<string | undefined>({
    name: 'TICKETS_AZURE_DEVOPS_ORGANIZATION',
    description:
      "Organization of Azure DevOps, as in `https://dev.azure.com/<organization>`. Dockwarden's identity has to be a user there.",
    format: 'up to 50 letters, digits and hyphens',
    default: undefined,
    examples: ['contoso', 'fabrikam'],
    parse: parseOrganization,
  }),
  devOpsProject: ofSystem<string | undefined>({
    name: 'TICKETS_AZURE_DEVOPS_PROJECT',
    description: 'Project of Azure DevOps that gets the work items.',
    format: 'the name of the project, up to 64 characters',
    default: undefined,
    examples: ['Platform', 'Security Operations'],
    parse: parseProject,
  }),
  workItemType: ofSystem<string>({
    name: 'TICKETS_AZURE_DEVOPS_TYPE',
    description:
      'Type of the work items; the process of the project has to know it. `Task` exists in every process that Azure DevOps comes with.',
    format: 'the name of a type of work items, for example Task, Bug or Product Backlog Item',
    default: 'Task',
    examples: ['Task', 'Bug'],
    parse: parseWorkItemType,
  }),
  areaPath: ofSystem<string | undefined>({
    name: 'TICKETS_AZURE_DEVOPS_AREA_PATH',
    description:
      'Area of the work items, which begins with the name of the project; who may read the area may read the tickets. Not set: the area of the project itself.',
    format: String.raw`names with a backslash between them, as in Platform\Clusters`,
    default: undefined,
    examples: [String.raw`Platform\Clusters`, String.raw`Platform\Registries`],
    parse: parseAreaPath,
  }),
  repository: ofSystem<string | undefined>({
    name: 'TICKETS_GITHUB_REPOSITORY',
    description: 'GitHub repository that gets the issues.',
    format: 'owner/name',
    default: undefined,
    examples: ['contoso/operations', 'contoso/security'],
    parse: parseRepository,
  }),
  token: secret({
    name: 'TICKETS_GITHUB_TOKEN',
    description:
      'Secret: fine-grained token with read and write access to the issues of that repository and to nothing else.',
    shortest: SHORTEST_CREDENTIAL,
    examples: ['github-token', 'github-token-2'],
  }),
  allowPublic: ofSystem<boolean>({
    name: 'TICKETS_GITHUB_ALLOW_PUBLIC',
    description: 'May tickets go to a repository that is not private? Everybody could read there what is wrong here.',
    format: 'on or off',
    default: false,
    examples: ['off', 'on'],
    parse: parseSwitch,
  }),
  redmineUrl: ofSystem<string | undefined>({
    name: 'TICKETS_REDMINE_URL',
    description: 'Address of Redmine, as its users open it; https only.',
    format: 'https://host, optionally with a port and a path; no query',
    default: undefined,
    examples: ['https://redmine.example.com', 'https://tools.example.com/redmine'],
    parse: parseServiceUri,
  }),
  apiKey: secret({
    name: 'TICKETS_REDMINE_API_KEY',
    description: 'Secret: API key of a Redmine user who may view, add and edit issues of that project, and add notes.',
    shortest: SHORTEST_CREDENTIAL,
    examples: ['redmine-key', 'redmine-key-2'],
  }),
  redmineProject: ofSystem<string | undefined>({
    name: 'TICKETS_REDMINE_PROJECT',
    description: 'Redmine project that gets the issues.',
    format: 'the identifier of the project: lower-case letters, digits, hyphens and underscores',
    default: undefined,
    examples: ['secops', 'platform'],
    parse: parseProjectIdentifier,
  }),
  trackerId: id('TICKETS_REDMINE_TRACKER_ID', 'Number of the Redmine tracker that new issues get.'),
  fieldId: id(
    'TICKETS_REDMINE_FIELD_ID',
    'Number of the custom field (text, 35 characters or more, usable as a filter) that holds the key of a ticket.',
  ),
  priorities: ofSystem<Priorities>({
    name: 'TICKETS_REDMINE_PRIORITIES',
    description:
      "Number of the Redmine priority for each severity (high, medium, low, info). One that is not named gets one relative to Redmine's default: high above it, low below it.",
    format: '<severity>=<number>, separated by commas, for example high=4,medium=3,low=2',
    default: {},
    examples: ['high=4,medium=3,low=2', 'high=5'],
    parse: parsePriorities,
  }),
  webhookUrl: ofSystem<string | undefined>({
    name: 'TICKETS_WEBHOOK_URL',
    description:
      'Receiver of notices about tickets (CloudEvents): the endpoint of an Event Grid topic, which needs no secret, or anything else that checks the signature.',
    format: 'https://host, optionally with a port and a path; no query',
    default: undefined,
    examples: [
      'https://dockwarden.westeurope-1.eventgrid.azure.net/api/events',
      'https://hooks.example.com/dockwarden',
    ],
    parse: parseReceiver,
  }),
  webhookSecret: secret({
    name: 'TICKETS_WEBHOOK_SECRET',
    description: 'Secret: signs the notices (HMAC-SHA256). Needed unless the receiver is an Event Grid topic.',
    shortest: SHORTEST_SIGNING_SECRET,
    examples: ['webhook-secret', 'webhook-secret-2'],
  }),
};

/** A setting that only the system in its name reads. */
function ofSystem<V>(setting: Omit<Setting<V>, 'consequence'>): Setting<V> {
  return { ...setting, consequence: NO_TICKETS };
}

function id(name: string, description: string): Setting<number | undefined> {
  const format = 'a whole number from 1 to 999999';
  return ofSystem<number | undefined>({
    name,
    description,
    format,
    default: undefined,
    examples: ['1', '4'],
    parse: parseId,
  });
}

/** `examples` are names of secrets in a vault. */
function secret(setting: {
  readonly name: string;
  readonly description: string;
  readonly shortest: number;
  readonly examples: readonly [string, string];
}): Setting<string | undefined> {
  const { shortest, examples, ...rest } = setting;
  return ofSystem<string | undefined>({
    ...rest,
    format: `a Key Vault reference to a secret of ${shortest} to 1024 printable ASCII characters without blanks`,
    default: undefined,
    examples: [referenceTo(examples[0]), referenceTo(examples[1])],
    parse: (text) => parseSecret(text, shortest),
    secret: true,
  });
}

function referenceTo(name: string): string {
  return `@Microsoft.KeyVault(SecretUri=https://kv.vault.azure.net/secrets/${name})`;
}
