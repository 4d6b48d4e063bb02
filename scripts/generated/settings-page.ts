import type { SettingDescription } from '../../src/settings/catalogue.ts';
import type { Setting } from '../../src/settings/setting.ts';
import { code, generatedNote, joinBlocks, table } from './markdown.ts';

/** Every application setting, as the code declares it. `declared` tells what is lost without one. */
export function renderSettingsPage(settings: readonly SettingDescription[], declared: readonly Setting[]): string {
  const losses = new Map(declared.map(({ name, ifMissing }) => [name, ifMissing]));
  const formerNames = new Map(declared.map(({ name, formerNames: former }) => [name, former]));
  return joinBlocks(
    generatedNote,
    '# Settings',
    'Application settings of the Function App. They are read anew by every invocation, so a change holds from the next one on.',
    'A value that is not valid never stops the app and never leads to an action: what depends on it drops to `observe`, and a configuration finding in the audit names the setting and its valid values. An unknown name with a prefix of ours is reported too, with the nearest one that exists.',
    'Settings marked **needed** may be left out, but then something is lost: the column says what. Dockwarden has to know its own identity (`DOCKWARDEN_PRINCIPAL_ID`, or a client id): without one, no remediation goes further than `observe`. It also has to reach its storage: by the account name, or by all three service URIs.',
    table(
      ['Setting', 'Meaning', 'Value', 'Default', 'If not set', 'Examples'],
      settings.map(({ name, description, format, default: value, examples }) => [
        code(name),
        `${description}${describeFormerNames(formerNames.get(name))}`,
        format,
        value === '' ? 'not set' : code(value),
        describeLoss(losses.get(name)),
        examples.map(code).join(', '),
      ]),
    ),
  );
}

function describeFormerNames(names: readonly string[] = []): string {
  return names.length === 0 ? '' : ` Formerly ${names.map(code).join(', ')}: still honoured, and reported.`;
}

function describeLoss(ifMissing: string | undefined): string {
  return ifMissing === undefined ? 'the default holds' : `**needed**: ${ifMissing}`;
}
