import type { Parameter, Parameters } from '../policy/define-policy.ts';
import { MODE_FORMAT, type Mode, parseMode, parseSwitch } from './formats.ts';
import { globalSettings } from './global-settings.ts';
import type { Setting } from './setting.ts';

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
}

/** Everything that settings are derived from. */
export interface SettingsCatalogue {
  readonly policies: readonly ConfigurablePolicy[];
  readonly remediations: readonly ConfigurableRemediation[];
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
export function toSettingName(prefix: 'REMEDIATE' | 'POLICY', id: string): string {
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

/** `POLICY_<ID>`: is one policy evaluated at all? */
export function switchSetting({ id, title }: ConfigurablePolicy): Setting<boolean> {
  return {
    name: toSettingName('POLICY', id),
    description: `Is this policy evaluated: ${title}.`,
    format: 'on or off',
    default: true,
    examples: ['on', 'off'],
    parse: parseSwitch,
    consequence: 'the policy is on, and its remediation does not go further than observe',
  };
}

/** The setting of a parameter that a policy or a remediation declares. */
export function parameterSetting<V>(parameter: Parameter<V>): Setting<V> {
  return {
    name: parameter.setting,
    description: parameter.description,
    format: parameter.format,
    default: parameter.default,
    examples: parameter.examples,
    parse: (text) => parameter.parse(text),
    consequence: 'a policy that needs it cannot judge, and no remediation that depends on it goes further than observe',
  };
}

/** Every setting there is, each name once, in the order of the documentation. */
export function listSettings({ policies, remediations }: SettingsCatalogue): readonly Setting[] {
  const all: readonly Setting[] = [
    ...Object.values(globalSettings),
    ...remediations.flatMap((remediation) => [
      modeSetting(remediation),
      ...(remediation.yieldsTo === undefined ? [] : [parameterSetting(remediation.yieldsTo.grace)]),
    ]),
    ...policies.flatMap((policy) => [
      switchSetting(policy),
      ...Object.values(policy.parameters ?? {}).map((parameter) => parameterSetting(parameter)),
    ]),
  ];
  return [...new Map(all.toReversed().map((setting) => [setting.name, setting])).values()].toReversed();
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
  const hours = typeof value === 'number' ? `${value / MILLISECONDS_PER_HOUR}h` : '';
  const plain = typeof value === 'string' ? value : wanted;
  const candidates = [...examples, plain, hours, '', '{}', 'on', 'off'];
  return candidates.find((text) => JSON.stringify(setting.parse(text)) === wanted) ?? wanted;
}

const MILLISECONDS_PER_HOUR = 3_600_000;
