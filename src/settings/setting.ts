/** One application setting, described once: parsing, findings and the documentation all come from here. */
export interface Setting<V = unknown> {
  readonly name: string;
  /** What it was called in earlier versions: honoured while nothing has the present name, and reported. Absent = it was never called otherwise. */
  readonly formerNames?: readonly string[];
  /** Meaning and unit. */
  readonly description: string;
  /** What a valid value looks like. */
  readonly format: string;
  /** The value when the setting is not there. */
  readonly default: V;
  /** Two valid values with different effects; of a secret, references to two of them. */
  readonly examples: readonly [string, string];
  /** Undefined for text that is not valid. Never throws. */
  parse(text: string): V | undefined;
  /** The value when the text is not valid; absent = the default. */
  salvage?(text: string): V;
  /** What holds until a value that is not valid is corrected; for people. */
  readonly consequence: string;
  /** It holds Dockwarden back: a name that was probably meant to be this one stops every change, because its value is not honoured. */
  readonly restricts?: true;
  /** Its value is never shown, and not part of the settings' hash: a person gives it as a Key Vault reference. */
  readonly secret?: true;
  /** What is lost while the setting is not there; absent = nothing, it may be left out. */
  readonly ifMissing?: string;
}

/** Returns its argument; names the type of its value once. */
export function defineSetting<V>(setting: Setting<V>): Setting<V> {
  return setting;
}
