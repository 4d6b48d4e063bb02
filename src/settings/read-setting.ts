import { type ConfigurationFinding, findInvalidValue, findMissing, isUnresolvedReference } from './findings.ts';
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
    const text = Object.hasOwn(environment, setting.name) ? environment[setting.name] : undefined;
    if (text === undefined || (text === '' && setting.ifMissing !== undefined)) {
      if (setting.ifMissing !== undefined) {
        findings.set(setting.name, findMissing(setting, setting.ifMissing));
      }
      return { value: setting.default, isMalformed: false };
    }
    const value = isUnresolvedReference(text) ? undefined : parseSafely(setting, text);
    if (value !== undefined) return { value, isMalformed: false };
    findings.set(setting.name, findInvalidValue(setting, text));
    return { value: setting.salvage === undefined ? setting.default : setting.salvage(text), isMalformed: true };
  };
}

/** A parser that throws is a defect, but of one setting: it must not take the others along. Its text counts as malformed. */
function parseSafely<V>(setting: Setting<V>, text: string): V | undefined {
  try {
    return setting.parse(text);
  } catch {
    return undefined;
  }
}
