import {
  type ConfigurationFinding,
  findFormerName,
  findInvalidValue,
  findMissing,
  isUnresolvedReference,
} from './findings.ts';
import type { Setting } from './setting.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** What one setting says. */
export interface Reading<V> {
  readonly value: V;
  /** It is there and cannot be used: the value is what holds instead. */
  readonly isMalformed: boolean;
}

/** Reads one setting, and notes what is wrong with it. */
export type ReadSetting = <V>(setting: Setting<V>) => Reading<V>;

/** Reads settings of this environment; what is wrong with one goes to `findings`, under its name. Never throws. */
export function createReader(environment: Environment, findings: Map<string, ConfigurationFinding>): ReadSetting {
  return (setting) => {
    const { name, text } = findText(environment, setting);
    for (const former of setting.formerNames ?? [])
      if (textOf(environment, former) !== undefined) findings.set(former, findFormerName(setting, former, name));
    if (text === undefined) {
      if (setting.ifMissing !== undefined) {
        findings.set(setting.name, findMissing(setting, setting.ifMissing));
      }
      return { value: setting.default, isMalformed: false };
    }
    const value = isUnresolvedReference(text) ? undefined : parseSafely(setting, text);
    if (value !== undefined) return { value, isMalformed: false };
    // Under the name that people find there; of a former name it says more than that the name is an old one.
    findings.set(name, findInvalidValue(setting, text, name));
    return { value: setting.salvage === undefined ? setting.default : setting.salvage(text), isMalformed: true };
  };
}

/** The text that counts, and the name that it stands under: the present one, or else the latest of the former ones. */
function findText(
  environment: Environment,
  setting: Setting,
): { readonly name: string; readonly text: string | undefined } {
  for (const name of [setting.name, ...(setting.formerNames ?? [])]) {
    const text = textOf(environment, name);
    // What may not be missing is missing as well when it is empty.
    if (text !== undefined && !(text === '' && setting.ifMissing !== undefined)) return { name, text };
  }
  return { name: setting.name, text: undefined };
}

function textOf(environment: Environment, name: string): string | undefined {
  return Object.hasOwn(environment, name) ? environment[name] : undefined;
}

/** A parser that throws is a defect, but of one setting: it must not take the others along. Its text counts as malformed. */
function parseSafely<V>(setting: Setting<V>, text: string): V | undefined {
  try {
    return setting.parse(text);
  } catch {
    return undefined;
  }
}
