import { type Command, InvalidArgumentError, Option } from 'commander';
import { readSettings } from '../../app.ts';
import { BREAKER_POLICY } from '../../engine/tickets/breaker-tickets.ts';
import { draftOf } from '../../engine/tickets/draft.ts';
import { DockwardenError } from '../../errors.ts';
import { policies } from '../../policy/catalogue.ts';
import { remediations, trackers } from '../../remediations/catalogue.ts';
import { renderText } from '../../tickets/text/text.ts';
import { ticketStates } from '../../tickets/ticket.ts';
import { printable } from '../format-table.ts';
import { listTickets, type TicketFilter } from '../list-tickets.ts';
import { addStorageOptions, type StorageOptions } from '../options.ts';
import { openStorage } from '../storage-access.ts';
import { type Shell, show, warnAboutRow } from '../terminal.ts';

function parseKey(text: string): string {
  if (/^dw-[0-9a-f]{32}$/.test(text)) return text;
  throw new InvalidArgumentError('a key is dw- and 32 hex digits.');
}

/** `tickets list` and `tickets show`. */
export function addTickets(program: Command, { terminal }: Shell): void {
  const tickets = program.command('tickets').description('what people have to do, as Dockwarden tracks it');
  const list = tickets
    .command('list')
    .description('list tickets, those that were seen last first')
    .addOption(
      new Option('--state <state>', 'which tickets').choices([...ticketStates, 'active', 'all']).default('active'),
    )
    .option('--resource <text>', 'resource id or name')
    .addOption(new Option('--policy <id>', 'policy id').choices([...policies.map(({ id }) => id), BREAKER_POLICY]));
  addStorageOptions(list).action(async (options: StorageOptions & TicketFilter) => {
    const storage = openStorage(options);
    show(terminal, options.format, await listTickets(storage.tickets, options, warnAboutRow(terminal)));
  });

  const one = tickets
    .command('show')
    .description('show the text of one ticket: what to do, and what was found')
    .argument('<key>', 'key that "tickets list" shows', parseKey);
  addStorageOptions(one).action(async (key: string, options: StorageOptions) => {
    const { tickets: stored } = openStorage(options);
    const found = await stored.get(key);
    if (found === undefined) throw new DockwardenError('INPUT_INVALID_MESSAGE', `there is no ticket ${key}`);
    const { ticket } = found;
    if (options.format === 'json') {
      terminal.print(JSON.stringify(ticket, undefined, 2));
      return;
    }
    const { title, body } = draftOf({ policies, remediations, settings: readSettings(), trackers }, ticket);
    terminal.print(`${printable(title)}\n\n${renderText(body)}`);
  });
}
