import type { Parameter, Parameters } from '../policy/define-policy.ts';
import { eventSettings } from './event-settings.ts';
import { isBelow, MODE_FORMAT, type Mode, parseDuration, parseMode, parseSwitch } from './formats.ts';
import { globalSettings } from './global-settings.ts';
import { type MaintenanceWindow, parseMaintenanceWindow } from './maintenance-window.ts';
import { nodeSettings } from './node-settings.ts';
import { parseRemediationScope, type RemediationScope } from './remediation-scope.ts';
import { safetySettings } from './safety-settings.ts';
import type { Setting } from './setting.ts';
import { ticketSettings } from './ticket-settings.ts';

/** What settings need to know of a policy. */
export interface ConfigurablePolicy {
  readonly id: string;
  readonly title: string;
  readonly parameters?: Parameters;
}

/** What settings need to know of a remediation. */
export interface ConfigurableRemediation {
  readonly id: string;
  readonly title: string;
  readonly fixes: { readonly id: string };
  readonly yieldsTo?: { readonly grace: Parameter<number> };
  readonly storesIn?: Parameter<string | undefined>;
}

/** What settings need to know of a tracker. */
export interface ConfigurableTracker {
  readonly id: string;
  readonly title: string;
  readonly tracks: { readonly id: string };
}

/** Everything that settings are derived from. */
export interface SettingsCatalogue {
  readonly policies: readonly ConfigurablePolicy[];
  readonly remediations: readonly ConfigurableRemediation[];
  /** Absent = none. */
  readonly trackers?: readonly ConfigurableTracker[];
}

/** A setting as the documentation prints it. */
export interface SettingDescription {
  readonly name: string;
  readonly description: string;
  readonly format: string;
  /** As one would write it; empty = not set. */
  readonly default: string;
  readonly examples: readonly [string, string];
}

/** Derives `REMEDIATE_ACR_DISABLE_ADMIN_USER` from `acr-disable-admin-user`. */
export function toSettingName(prefix: 'REMEDIATE' | 'POLICY' | 'GRACE', id: string): string {
  return `${prefix}_${id.toUpperCase().replaceAll('-', '_')}`;
}

/** `REMEDIATE_<ID>`: the mode of one remediation. */
export function modeSetting({ id, title }: ConfigurableRemediation): Setting<Mode> {
  return {
    name: toSettingName('REMEDIATE', id),
    description: `How far this remediation may go: ${title}.`,
    format: MODE_FORMAT,
    default: 'observe',
    examples: ['observe', 'enforce'],
    parse: parseMode,
    consequence: 'this remediation only observes',
  };
}

/** `REMEDIATE_<ID>`: where the tickets of one tracker may go. */
export function trackerModeSetting({ id, title }: ConfigurableTracker): Setting<Mode> {
  return {
    name: toSettingName('REMEDIATE', id),
    description: `${title}: \`observe\` keeps the ticket in Dockwarden's own table, \`approve\` and \`enforce\` also open it in the ticket system of TICKETS_SYSTEM, \`off\` opens none.`,
    format: MODE_FORMAT,
    default: 'observe',
    examples: ['observe', 'enforce'],
    parse: parseMode,
    consequence: "its tickets stay in Dockwarden's own table",
  };
}

/** `REMEDIATE_<ID>_SCOPE`: for which resources the tickets of one tracker may leave Dockwarden's own table. */
export function trackerScopeSetting(tracker: ConfigurableTracker): Setting<RemediationScope | undefined> {
  const { name } = trackerModeSetting(tracker);
  return {
    ...scopeSetting(tracker),
    description: `For which resources ${name} holds; tickets about all others stay in Dockwarden's own table. Places and tags as for remediations.`,
    consequence: "its tickets stay in Dockwarden's own table",
  };
}

/** `REMEDIATE_<ID>_SCOPE`: where one remediation may act. */
export function scopeSetting({ id }: { readonly id: string }): Setting<RemediationScope | undefined> {
  const name = toSettingName('REMEDIATE', id);
  return {
    name: `${name}_SCOPE`,
    description: `Where ${name} holds; everywhere else the remediation only observes. Of several places any is enough, of several tags any is enough; where both are named, a resource needs one of each. A tag that is absent never matches.`,
    format: 'subscription ids, `/subscriptions/<id>/resourceGroups/<name>`, and `<tag>=<value>`, separated by commas',
    default: undefined,
    examples: ['dockwarden-pilot=yes', '/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/rg-pilot'],
    parse: parseRemediationScope,
    restricts: true,
    consequence: 'this remediation only observes',
  };
}

/** `REMEDIATE_<ID>_WINDOW`: when one remediation may act. */
export function windowSetting(remediation: ConfigurableRemediation): Setting<MaintenanceWindow | undefined> {
  const name = modeSetting(remediation).name;
  return {
    name: `${name}_WINDOW`,
    description:
      'Maintenance window of the remediation: it acts only within it, and waits for its next opening otherwise. Not set: at any time.',
    format:
      '<cron>;<duration>;<time zone>: cron with five fields (minute hour day month weekday) for the openings, duration as 90m, 4h or 2d, an IANA time zone',
    default: undefined,
    examples: ['0 22 * * 1-5;4h;Europe/Berlin', '0 2 * * 6;6h;UTC'],
    parse: parseMaintenanceWindow,
    restricts: true,
    consequence: 'this remediation only observes',
  };
}

/** `GRACE_<ID>`: how long one remediation announces before it acts. */
export function noticeSetting({ id, title }: ConfigurableRemediation): Setting<number> {
  return {
    name: toSettingName('GRACE', id),
    description: `Notice before acting: the first detection announces the fix, which follows after this time if the violation is still there (${title}). Only in mode enforce; in mode approve the approval is the notice.`,
    format: 'minutes, hours or days, for example 30m, 24h or 2d; at most 30d; 0h means at once',
    default: 0,
    examples: ['0h', '24h'],
    parse: (text) => parseDuration(text, 0, MAX_NOTICE),
    restricts: true,
    consequence: 'this remediation only observes',
  };
}

/** Longest notice, in milliseconds. */
const MAX_NOTICE = 30 * 86_400_000;

/** `POLICY_<ID>`: is one policy evaluated at all? */
export function switchSetting({ id, title }: ConfigurablePolicy): Setting<boolean> {
  return {
    name: toSettingName('POLICY', id),
    description: `Is this policy evaluated: ${title}.`,
    format: 'on or off',
    default: true,
    examples: ['on', 'off'],
    parse: parseSwitch,
    restricts: true,
    consequence: 'the policy is on, and its remediation does not go further than observe',
  };
}

/** The setting of a parameter that a policy or a remediation declares. */
export function parameterSetting<V>(parameter: Parameter<V>): Setting<V> {
  return {
    name: parameter.setting,
    ...(parameter.formerSettings !== undefined && { formerNames: parameter.formerSettings }),
    description: parameter.description,
    format: parameter.format,
    default: parameter.default,
    examples: parameter.examples,
    parse: (text) => parameter.parse(text),
    consequence: 'a policy that needs it cannot judge, and no remediation that depends on it goes further than observe',
  };
}

/** The setting of the vault that takes the secrets of a remediation: one that may get no token would fail every run. */
export function secretVaultSetting(
  parameter: Parameter<string | undefined>,
  dnsSuffix: string,
): Setting<string | undefined> {
  const setting = parameterSetting(parameter);
  return {
    ...setting,
    parse(text) {
      const address = setting.parse(text);
      return address !== undefined && isBelow(address, dnsSuffix) ? address : undefined;
    },
  };
}

/** The setting of a parameter without which a remediation does more, or with worse consequences, than the operator wants. */
function restrictingSetting<V>(parameter: Parameter<V>): Setting<V> {
  return { ...parameterSetting(parameter), restricts: true };
}

/** Every setting there is, each name once, in the order of the documentation: what several declare stands where it is declared first. */
export function listSettings({ policies, remediations, trackers = [] }: SettingsCatalogue): readonly Setting[] {
  const all: readonly Setting[] = [
    ...Object.values(globalSettings),
    ...Object.values(safetySettings),
    ...Object.values(ticketSettings),
    ...Object.values(eventSettings),
    ...Object.values(nodeSettings),
    ...remediations.flatMap((remediation) => [
      modeSetting(remediation),
      scopeSetting(remediation),
      windowSetting(remediation),
      noticeSetting(remediation),
      ...(remediation.yieldsTo === undefined ? [] : [restrictingSetting(remediation.yieldsTo.grace)]),
      ...(remediation.storesIn === undefined ? [] : [restrictingSetting(remediation.storesIn)]),
    ]),
    ...trackers.flatMap((tracker) => [trackerModeSetting(tracker), trackerScopeSetting(tracker)]),
    ...policies.flatMap((policy) => [
      switchSetting(policy),
      ...Object.values(policy.parameters ?? {}).map((parameter) => parameterSetting(parameter)),
    ]),
  ];
  const byName = new Map<string, Setting>();
  for (const setting of all) {
    if (!byName.has(setting.name)) byName.set(setting.name, setting);
  }
  return [...byName.values()];
}

/** The rows of the settings table. */
export function describeSettings(catalogue: SettingsCatalogue): readonly SettingDescription[] {
  return listSettings(catalogue).map((setting) => ({
    name: setting.name,
    description: setting.description,
    format: setting.format,
    default: describeDefault(setting),
    examples: setting.examples,
  }));
}

/** The default as one would write it: the first plausible text that the setting's own parser reads as the default. */
function describeDefault(setting: Setting): string {
  const { default: value, examples } = setting;
  if (value === undefined) return '';
  const wanted = JSON.stringify(value);
  const durations = typeof value === 'number' ? [`${value / MILLISECONDS_PER_HOUR}h`, `${value / 60_000}m`] : [];
  const plain = typeof value === 'string' ? value : wanted;
  const candidates = [...examples, plain, ...durations, '', '{}', 'on', 'off'];
  return candidates.find((text) => JSON.stringify(setting.parse(text)) === wanted) ?? wanted;
}

const MILLISECONDS_PER_HOUR = 3_600_000;
