import { type Command, InvalidArgumentError, Option } from 'commander';
import { RUN_ID } from '../events/cause.ts';
import type { Format } from './terminal.ts';

export interface FormatOptions {
  readonly format: Format;
}

export interface StorageOptions extends FormatOptions {
  readonly storageAccount?: string;
  readonly directory: string;
}

export interface AppOptions extends StorageOptions {
  readonly appUrl?: string;
  readonly entraScope?: string;
  readonly wait: boolean;
  /** In seconds. */
  readonly timeout: number;
}

export function formatOption(): Option {
  return new Option('--format <format>', 'output format').choices(['table', 'json']).default('table');
}

/** Where the tables are, and how to print. */
export function addStorageOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--storage-account <name>',
        'storage account of a deployed app (default: the settings in the environment, else the local run of "npm start")',
      ),
    )
    .addOption(new Option('--directory <path>', 'where "npm start" keeps its run.json').default('.dockwarden'))
    .addOption(formatOption());
}

/** Where the app is, and whether to wait for what comes of a request. */
export function addAppOptions(command: Command): Command {
  return addStorageOptions(
    command
      .option(
        '--app-url <url>',
        'address of the app, https only (default: DOCKWARDEN_APP_URL, else the local run of "npm start")',
      )
      .option('--entra-scope <scope>', 'sign in to the app with a Microsoft Entra token of this scope')
      .option('--no-wait', 'do not wait for what comes of it')
      .addOption(
        new Option('--timeout <seconds>', 'how long to wait for what comes of it').argParser(parseTimeout).default(60),
      )
      .addHelpText('after', '\nThe function key of the app is read from DOCKWARDEN_APP_KEY.'),
  );
}

export function sinceOption(): Option {
  return new Option('--since <when>', 'a duration back from now (30m, 24h, 7d) or an ISO 8601 time')
    .argParser(parseSince)
    .default(parseSince('24h'), '24h');
}

function parseSince(text: string): Date {
  const match = /^(\d{1,5})([mhd])$/.exec(text);
  if (match !== null) {
    const unitMs = match[2] === 'm' ? 60_000 : match[2] === 'h' ? 3_600_000 : 86_400_000;
    return new Date(Date.now() - Number(match[1]) * unitMs);
  }
  const time = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time))
    throw new InvalidArgumentError('Expected a duration such as 30m, 24h or 7d, or an ISO 8601 time.');
  return new Date(time);
}

const MAX_TIMEOUT = 86_400;

function parseTimeout(text: string): number {
  const seconds = /^[1-9]\d{0,4}$/.test(text) ? Number(text) : Number.NaN;
  if (seconds <= MAX_TIMEOUT) return seconds;
  throw new InvalidArgumentError(`Expected a number of seconds from 1 to ${MAX_TIMEOUT}.`);
}

/** `<finding>`: the id that `findings list` shows, or the beginning of it. */
export function parseFindingId(text: string): string {
  if (/^[0-9a-f]{6,12}$/i.test(text)) return text.toLowerCase();
  throw new InvalidArgumentError('Expected the id that "findings list" shows, or at least its first 6 characters.');
}

/** `<run id>`: a ULID. */
export function parseRunId(text: string): string {
  if (RUN_ID.test(text.toUpperCase())) return text.toUpperCase();
  throw new InvalidArgumentError('Expected the column remediationRunId of "audit list --format json".');
}
