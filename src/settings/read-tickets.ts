import { type ConfigurationFinding, findMissing } from './findings.ts';
import type { ReadSetting } from './read-setting.ts';
import type { Setting } from './setting.ts';
import { isEventGridHost } from './ticket-formats.ts';
import { NO_TICKETS, type TicketSettings, type TicketTarget, ticketSettings } from './ticket-settings.ts';

/** What the settings say about tickets. */
interface TicketReading {
  readonly tickets: TicketSettings;
  /** What the chosen system lacks. */
  readonly missing: readonly ConfigurationFinding[];
}

/** Reads every setting of tickets. A system that lacks something, or of which something is malformed, gets no tickets. */
export function readTickets(read: ReadSetting): TicketReading {
  const graceMs = read(ticketSettings.grace).value;
  const system = read(ticketSettings.system).value;
  const { target = TABLE, missing } = {
    table: { missing: [] },
    'azure-devops': readTarget(read, readAzureDevOps),
    github: readTarget(read, readGitHub),
    redmine: readTarget(read, readRedmine),
    webhook: readTarget(read, readWebhook),
  }[system] satisfies Choice;
  const because = `TICKETS_SYSTEM is ${system}, and without it ${NO_TICKETS}`;
  return { tickets: { graceMs, target }, missing: missing.map((setting) => findMissing(setting, because)) };
}

/** The same without secrets, for the hash: it tells whether there is one, and not which. */
export function withoutSecrets({ graceMs, target }: TicketSettings): Readonly<Record<string, unknown>> {
  switch (target.system) {
    case 'github':
      return { graceMs, target: { ...target, token: true } };
    case 'redmine':
      return { graceMs, target: { ...target, apiKey: true } };
    case 'webhook':
      return { graceMs, target: { ...target, secret: target.secret !== undefined } };
    case 'table':
    case 'azure-devops':
      return { graceMs, target };
  }
}

const TABLE: TicketTarget = { system: 'table' };

interface Choice {
  /** Undefined = the system cannot be used. */
  readonly target?: TicketTarget | undefined;
  readonly missing: readonly Setting[];
}

/** Reads settings of one system, and remembers what is wrong with them. */
interface SystemReader {
  /** Undefined = not there, which makes the system unusable, or malformed. */
  readonly need: <V>(setting: Setting<V | undefined>) => V | undefined;
  readonly option: <V>(setting: Setting<V>) => V;
}

function readTarget(read: ReadSetting, build: (reader: SystemReader) => TicketTarget | undefined): Choice {
  const missing: Setting[] = [];
  let isMalformed = false;
  const option = <V>(setting: Setting<V>): V => {
    const reading = read(setting);
    isMalformed ||= reading.isMalformed;
    return reading.value;
  };
  const need = <V>(setting: Setting<V | undefined>): V | undefined => {
    const { value, isMalformed: isUnreadable } = read(setting);
    // What is malformed has a finding of its own.
    if (value === undefined && !isUnreadable) missing.push(setting);
    return value;
  };
  const target = build({ need, option });
  return { target: isMalformed ? undefined : target, missing };
}

function readAzureDevOps({ need, option }: SystemReader): TicketTarget | undefined {
  const organization = need(ticketSettings.organization);
  const project = need(ticketSettings.devOpsProject);
  const type = option(ticketSettings.workItemType);
  const areaPath = option(ticketSettings.areaPath);
  if (organization === undefined || project === undefined) return undefined;
  return { system: 'azure-devops', organization, project, type, ...(areaPath !== undefined && { areaPath }) };
}

function readGitHub({ need, option }: SystemReader): TicketTarget | undefined {
  const repository = need(ticketSettings.repository);
  const token = need(ticketSettings.token);
  const allowPublic = option(ticketSettings.allowPublic);
  if (repository === undefined || token === undefined) return undefined;
  return { system: 'github', repository, token, allowPublic };
}

function readRedmine({ need, option }: SystemReader): TicketTarget | undefined {
  const url = need(ticketSettings.redmineUrl);
  const apiKey = need(ticketSettings.apiKey);
  const project = need(ticketSettings.redmineProject);
  const trackerId = need(ticketSettings.trackerId);
  const fieldId = need(ticketSettings.fieldId);
  const priorities = option(ticketSettings.priorities);
  if (url === undefined || apiKey === undefined || project === undefined) return undefined;
  if (trackerId === undefined || fieldId === undefined) return undefined;
  return { system: 'redmine', url, apiKey, project, trackerId, fieldId, priorities };
}

function readWebhook({ need, option }: SystemReader): TicketTarget | undefined {
  const url = need(ticketSettings.webhookUrl);
  if (url !== undefined && isEventGridHost(url)) {
    option(ticketSettings.webhookSecret);
    return { system: 'webhook', url };
  }
  const secret = url === undefined ? option(ticketSettings.webhookSecret) : need(ticketSettings.webhookSecret);
  return url === undefined || secret === undefined ? undefined : { system: 'webhook', url, secret };
}
