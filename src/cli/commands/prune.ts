import { type Command, InvalidArgumentError, Option } from 'commander';
import { ulid } from 'ulid';
import { version } from '../../version.ts';
import { addStorageOptions, type StorageOptions } from '../options.ts';
import { prune } from '../prune.ts';
import { type PrunedTable, prunedTables } from '../prune-request.ts';
import { openPrunableTables } from '../storage-access.ts';
import { note, type Shell, show, warnAboutRow } from '../terminal.ts';

const DAY = 86_400_000;
/** What is younger is never removed, in days. */
const SHORTEST = 30;
const LONGEST = 36_500;

interface PruneOptions extends StorageOptions {
  readonly table: PrunedTable;
  /** In days. */
  readonly keep: number;
  readonly yes?: true;
}

/** `prune`: retention, by the owner. */
export function addPrune(program: Command, { terminal, time }: Shell): void {
  const command = program
    .command('prune')
    .description('remove old rows that are not needed any more; without --yes only count them')
    .addOption(new Option('--table <table>', 'which table').choices(prunedTables).makeOptionMandatory())
    .addOption(
      new Option('--keep <days>', `what is younger stays, for example 400d; at least ${SHORTEST}d`)
        .argParser(parseKeep)
        .makeOptionMandatory(),
    )
    .option('--yes', 'remove them')
    .addHelpText(
      'after',
      '\nYou need Storage Table Data Contributor on the storage account: the app itself may only append to the audit.',
    );
  addStorageOptions(command).action(async ({ keep, table, yes, ...options }: PruneOptions) => {
    const now = time.now();
    const listing = await prune(openPrunableTables(options), {
      table,
      before: new Date(now.getTime() - keep * DAY),
      isForReal: yes === true,
      now,
      newId: (moment) => ulid(moment.getTime()),
      version,
      tell: (text) => {
        note(terminal, text);
      },
      onInvalid: warnAboutRow(terminal),
    });
    show(terminal, options.format, listing);
    const rows = listing.records.reduce((sum, part) => sum + part.rows, 0);
    note(
      terminal,
      yes === true ? `${rows} rows are removed` : `${rows} rows would go: nothing was removed, add --yes for that`,
    );
  });
}

function parseKeep(text: string): number {
  const [, digits] = /^(\d{1,5})d$/.exec(text) ?? [];
  const days = Number(digits);
  if (days >= SHORTEST && days <= LONGEST) return days;
  throw new InvalidArgumentError(`Expected a number of days from ${SHORTEST}d to ${LONGEST}d, for example 400d.`);
}
