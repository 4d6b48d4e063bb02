import type { SettingDescription } from '../../src/settings/catalogue.ts';
import { code, generatedNote, joinBlocks, table } from './markdown.ts';

/** Every application setting, as the code declares it. */
export function renderSettingsPage(settings: readonly SettingDescription[]): string {
  return joinBlocks(
    generatedNote,
    '# Settings',
    'Application settings of the Function App. They are read anew by every invocation, so a change holds from the next one on.',
    'A value that is not valid never stops the app and never leads to an action: what depends on it drops to `observe`, and a configuration finding in the audit names the setting and its valid values. An unknown name with a prefix of ours is reported too, with the nearest one that exists.',
    table(
      ['Setting', 'Meaning', 'Value', 'Default', 'Examples'],
      settings.map(({ name, description, format, default: value, examples }) => [
        code(name),
        description,
        format,
        value === '' ? 'not set' : code(value),
        examples.map(code).join(', '),
      ]),
    ),
  );
}
