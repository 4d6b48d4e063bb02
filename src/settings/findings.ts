import { closest, distance } from 'fastest-levenshtein';
import type { Setting } from './setting.ts';

/** Something that is wrong with the settings of the app. It never stops the app; it is shown and recorded. */
export interface ConfigurationFinding {
  readonly setting: string;
  readonly problem:
    | 'unknown-setting'
    | 'invalid-value'
    | 'unresolved-reference'
    | 'missing'
    | 'former-name'
    | 'schema-behind'
    | 'schema-newer'
    | 'schema-unreadable';
  /** For people: what is wrong, what would be valid, what holds until then. Never a long value or a secret. */
  readonly message: string;
}

/** Everything is as it should be, and only a later version may not understand it any more. */
export function isAdvice({ problem }: ConfigurationFinding): boolean {
  return problem === 'former-name';
}

/** Names that start with one of these, or nearly so, are meant for us, whatever their casing. */
const PREFIX =
  /^(?:DOCKWARDENS?|REMEDIAT[A-Z]*|POLIC[A-Z]*|ACR|AKS|KV|DEFENDERS?_(?:ALERTS?|EVENT_?HUBS?)|AUDIT|EXEMPT[A-Z]*|UNDO[A-Z]*|APPROV[A-Z]*|BREAKERS?|WARS?|FREEZ[A-Z]*|GRACES?|REVIEWS?|TICKETS?|EVENTS?_TOPICS?)_|^DEFENDER_EVENT_?HUBS?$/i;
/** Most letters that are wrong in a name that is misspelt; more make another name. */
const LONGEST_SLIP = 3;
const MAX_NAME = 128;
const MAX_VALUE = 60;

/** The platform leaves the reference itself in the variable when it cannot read the vault or the store. */
export function isUnresolvedReference(text: string): boolean {
  return /^\s*@Microsoft\.(?:KeyVault|AppConfiguration)\(/i.test(text);
}

/** A value that cannot be used, and the name that it stands under: the setting's own, or a former one. */
export function findInvalidValue(
  { name: present, format, consequence, secret }: Setting,
  text: string,
  name = present,
): ConfigurationFinding {
  const renamed = name === present ? '' : ` The setting is called ${present} now.`;
  const effect = `Valid: ${format}. Until it is corrected, ${consequence}.${renamed}`;
  if (isUnresolvedReference(text)) {
    return {
      setting: name,
      problem: 'unresolved-reference',
      message: `${name} holds a reference that the platform did not resolve. ${effect}`,
    };
  }
  // Not even the length of a secret is told.
  const shown = secret === true ? 'not valid (a secret, not shown)' : showValue(text);
  return { setting: name, problem: 'invalid-value', message: `${name} is ${shown}. ${effect}` };
}

/** A setting that has the name of an earlier version; `counting` is the name whose value holds. */
export function findFormerName({ name }: Setting, former: string, counting: string): ConfigurationFinding {
  const effect =
    counting === former
      ? `Its value holds. Set ${name} to it instead, and remove ${former}: a later version may not know that name.`
      : `Its value is not used, because ${counting} is set. Remove ${former}.`;
  return { setting: former, problem: 'former-name', message: `${former} is called ${name} now. ${effect}` };
}

/** A setting that should be there. */
export function findMissing(
  { name, format }: Pick<Setting, 'name' | 'format'>,
  ifMissing: string,
): ConfigurationFinding {
  return { setting: name, problem: 'missing', message: `${name} is not set: ${ifMissing}. Valid: ${format}.` };
}

/** Names with one of our prefixes that no setting has, or had, each with the name that was probably meant. */
export function findUnknownNames(
  names: readonly string[],
  settings: readonly Setting[],
): readonly ConfigurationFinding[] {
  const known = settings.map(({ name }) => name);
  const knownOrFormer = new Set(settings.flatMap(namesOf));
  const restricting = settings.filter(({ restricts }) => restricts === true).flatMap(namesOf);
  return names
    .filter((name) => !knownOrFormer.has(name) && (PREFIX.test(name) || isSlipOfAny(name, restricting)))
    .map((name) => {
      const setting = name.slice(0, MAX_NAME).toWellFormed();
      const nearest = findNearest(setting, known);
      return {
        setting,
        problem: 'unknown-setting',
        message: `There is no setting ${setting}; the nearest is ${nearest}. ${describeEffect(setting, settings)}`,
      };
    });
}

/** A setting's present name and its former ones. */
function namesOf({ name, formerNames = [] }: Setting): readonly string[] {
  return [name, ...formerNames];
}

/** Is it one of these names but for a few letters? Their lengths are compared first: the environment holds many names that are not ours. */
function isSlipOfAny(name: string, known: readonly string[]): boolean {
  const wanted = name.toUpperCase();
  return known.some(
    (candidate) =>
      Math.abs(candidate.length - wanted.length) <= LONGEST_SLIP && distance(wanted, candidate) <= LONGEST_SLIP,
  );
}

/** A name that was cut short is nearer to the whole one than letters alone tell. */
function findNearest(setting: string, known: readonly string[]): string {
  const wanted = setting.toUpperCase();
  return known.find((candidate) => candidate.startsWith(wanted)) ?? closest(wanted, known);
}

/** Names that can only have been meant to hold Dockwarden back, whatever setting is nearest. */
const RESTRICTION = /^(?:(?:EXEMPT|UNDO|APPROV|BREAKER|WAR|FREEZ|GRACE)[A-Z]*_|REMEDIAT[A-Z]*_.*_(?:SCOPE|WINDOW)S?$)/i;

/** Does an unknown name ask for more care than can be given? Then nothing is changed until it is corrected. */
export function isLostRestriction(setting: string, settings: readonly Setting[]): boolean {
  if (restrictedBy(setting, settings).length > 0) return false;
  const restricting = settings.filter(({ restricts }) => restricts === true).flatMap(namesOf);
  return isSlipOfAny(setting, restricting) || RESTRICTION.test(setting);
}

/**
 * `REMEDIATE_<ID>_SOMETHING` that does not exist was probably meant to restrict that remediation. As that cannot be honoured, the
 * remediation only observes.
 */
export function restrictedBy(setting: string, settings: readonly Setting[]): readonly string[] {
  const name = setting.toUpperCase();
  const known = settings.map((candidate) => candidate.name);
  const restricted = known.filter(
    (candidate) => candidate.startsWith('REMEDIATE_') && name.startsWith(`${candidate}_`),
  );
  // `REMEDIATE_<ID>_SCOPE_2` restricts the remediation, not its scope.
  const ofOthers = restricted.flatMap((other) => [`${other}_SCOPE`, `${other}_WINDOW`]);
  return restricted.filter((candidate) => !ofOthers.includes(candidate));
}

function describeEffect(setting: string, settings: readonly Setting[]): string {
  const restricted = restrictedBy(setting, settings);
  if (isLostRestriction(setting, settings))
    return 'It looks like a restriction that cannot be honoured, so no remediation goes further than observe until it is gone.';
  if (restricted.length === 0) return 'It has no effect.';
  return `What ${restricted.join(' and ')} switches only observes until it is gone.`;
}

/**
 * A value in ASCII, so that look-alikes and invisible characters show. Values that are long, or that could be a secret pasted into the wrong
 * setting (connection strings, URLs, unbroken runs as keys and tokens have them), are not repeated.
 */
function showValue(text: string): string {
  if (text === '') return 'empty';
  const isSuspect = /[=@]|:\/\/|[A-Za-z0-9+/_~.-]{16}/.test(text);
  if (text.length > MAX_VALUE || isSuspect) return `not valid (${text.length} characters, not shown)`;
  return JSON.stringify(text).replaceAll(
    /[^\x20-\x7e]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
