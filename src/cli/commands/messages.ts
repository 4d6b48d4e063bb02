import { type Command, InvalidArgumentError, Option } from 'commander';
import { messageKinds, parseMessageId } from '../../poison/message-id.ts';
import { formatTable, printable } from '../format-table.ts';
import { hideClaims } from '../hide-claims.ts';
import { listMessages, type MessageFilter, readMessageContent } from '../list-messages.ts';
import { type AppOptions, addAppOptions, addStorageOptions, type StorageOptions } from '../options.ts';
import { requestApp } from '../request-app.ts';
import { findLocalRun, openStorage } from '../storage-access.ts';
import { note, type Shell, show, type Terminal } from '../terminal.ts';

const MESSAGE = 'id that "messages list" shows';
const MAX_LIMIT = 1000;
const NO_JSON = 'it is no JSON, so claims cannot be told from the rest, and it is not shown: download the blob';

/** Messages that nobody could handle: `messages list`, `show`, `replay` and `drop`. */
export function addMessages(program: Command, shell: Shell): void {
  const { terminal } = shell;
  const messages = program
    .command('messages')
    .description('messages that nobody could handle: given up by the app, or not delivered by Event Grid');
  const list = messages
    .command('list')
    .description('list them, newest first')
    .addOption(new Option('--kind <kind>', 'where they lie').choices([...messageKinds, 'all']).default('all'))
    .addOption(new Option('--limit <number>', 'most messages that are shown').argParser(parseLimit).default(50));
  addStorageOptions(list).action(async (options: StorageOptions & MessageFilter) => {
    const { poison } = openStorage(options);
    const tell = (text: string) => {
      note(terminal, text);
    };
    show(terminal, options.format, await listMessages(poison, options, tell));
  });

  const one = messages
    .command('show')
    .description('show one of them, without the claims in it')
    .argument('<id>', MESSAGE, parseId);
  addStorageOptions(one).action(async (id: string, options: StorageOptions) => {
    await showMessage(terminal, id, options);
  });

  for (const [name, action, description] of [
    ['replay', 'message-replay', 'handle one of them again, and remove it when all of it is taken in'],
    ['drop', 'message-drop', 'remove one of them for good; its hash is kept in the audit'],
  ] as const) {
    const command = messages
      .command(name)
      .description(description)
      .argument('<id>', MESSAGE, parseId)
      .requiredOption('--reason <text>', 'why; kept in the audit (required)');
    addAppOptions(command).action(async (id: string, options: AppOptions & { readonly reason: string }) => {
      await requestApp(shell, {
        action,
        body: { id, reason: options.reason },
        options,
        run: findLocalRun(options),
        // What comes of it has causes of its own.
        result: undefined,
      });
    });
  }
}

async function showMessage(terminal: Terminal, id: string, options: StorageOptions): Promise<void> {
  const { content, events, size } = await readMessageContent(openStorage(options).poison, id);
  const shown = content === undefined ? undefined : hideClaims(content);
  if (options.format === 'json') {
    terminal.print(JSON.stringify({ id, size, events, content: shown }, undefined, 2));
  } else {
    const letters = events.flatMap((event) =>
      Object.entries(event).map(([name, value]) => [name.toUpperCase(), value]),
    );
    terminal.print(formatTable(['MESSAGE', id], [['BYTES', String(size)], ...letters]));
    if (shown !== undefined) terminal.print(formatJson(shown));
  }
  if (shown === undefined) note(terminal, NO_JSON);
}

/** Lines of JSON that cannot move the cursor. */
function formatJson(value: unknown): string {
  return JSON.stringify(value, undefined, 2).split('\n').map(printable).join('\n');
}

function parseId(text: string): string {
  if (parseMessageId(text) !== undefined) return text;
  throw new InvalidArgumentError('Expected the first column of "messages list".');
}

function parseLimit(text: string): number {
  const limit = /^[1-9]\d{0,3}$/.test(text) ? Number(text) : Number.NaN;
  if (limit <= MAX_LIMIT) return limit;
  throw new InvalidArgumentError(`Expected a number from 1 to ${MAX_LIMIT}.`);
}
