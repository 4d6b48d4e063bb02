import type { Tracker } from '../../src/remediations/define-tracker.ts';
import { toSettingName } from '../../src/settings/catalogue.ts';
import { code, generatedNote, joinBlocks, list } from './markdown.ts';

/** The page of one tracker: what gets a ticket, and its settings. */
export function renderTrackerPage({ id, title, tracks }: Tracker): string {
  return joinBlocks(
    generatedNote,
    `# ${title}`,
    `${code(id)} · tracks [${tracks.id}](../policies/${tracks.id}.md): ${tracks.title}`,
    'It changes nothing in Azure: people get a ticket that says what to do, and it closes when two looks in a row prove that it was done. [Tickets](../tickets.md) says how.',
    '## Settings',
    list([
      `${code(toSettingName('REMEDIATE', id))}: ${code('off')} = no ticket · ${code('observe')} (default) = a ticket in Dockwarden's own table · ${code('approve')} or ${code('enforce')} = also in the configured system.`,
      `${code(`${toSettingName('REMEDIATE', id)}_SCOPE`)}: where that holds.`,
    ]),
    'All settings are in [settings.md](../settings.md).',
  );
}
