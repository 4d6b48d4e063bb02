import { readFileSync } from 'node:fs';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { readSettings } from '../app.ts';
import { outcomes } from '../audit/audit-log.ts';
import { DockwardenError } from '../errors.ts';
import { policies } from '../policy/catalogue.ts';
import { remediations } from '../remediations/catalogue.ts';
import type { Settings } from '../settings/settings.ts';
import { version } from '../version.ts';
import { evaluateResources, parseElements, reportInput } from './evaluate.ts';
import { formatTable } from './format-table.ts';
import { type Listing, listAudit, listFindings } from './list-records.ts';
import { openStorage } from './storage-access.ts';

/** Where a command reads from and writes to. */
export interface Terminal {
  readInput(): Promise<string>;
  print(line: string): void;
  printError(line: string): void;
}

/** Exit codes: 0 ok, 1 violations found or the command failed, 2 wrong usage. */
export type ExitCode = 0 | 1 | 2;

interface FormatOptions {
  readonly format: 'table' | 'json';
}

interface StorageOptions extends FormatOptions {
  readonly storageAccount?: string;
  readonly directory: string;
}

interface AuditOptions extends StorageOptions {
  readonly since: Date;
  readonly resource?: string;
  readonly policy?: string;
  readonly outcome?: string;
}

/** Runs one command line (without the program's own name). Never throws. */
export async function runCommandLine(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  let exitCode: ExitCode = 0;
  const program = createProgram(terminal, (code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    // Commander has written its message already; help and version are no errors.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    terminal.printError(`dockwarden: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  }
}

function createProgram(terminal: Terminal, setExitCode: (code: ExitCode) => void): Command {
  const program = new Command('dockwarden')
    .description('Look into what Dockwarden decided and did, and try its policies offline.')
    .version(version)
    .exitOverride()
    .showHelpAfterError('(add --help for usage)')
    .configureOutput({
      writeOut: (text) => {
        terminal.print(text.trimEnd());
      },
      writeErr: (text) => {
        terminal.printError(text.trimEnd());
      },
    });

  program
    .command('evaluate')
    .description('judge ARM resources in a JSON or NDJSON file, without any call; exit code 1 when one is in violation')
    .argument('<file>', 'a file, or - for standard input; an element may carry "related": [ARM resources]')
    .addOption(formatOption())
    .action(async (file: string, { format }: FormatOptions) => {
      const elements = parseElements(file === '-' ? await terminal.readInput() : readText(file));
      const settings = readSettings();
      // What is missing decides about acting only, and nothing is done here.
      printFindings(
        terminal,
        settings.findings.filter(({ problem }) => problem !== 'missing'),
      );
      const records = evaluateResources(elements, settings, new Date());
      const { isUseless, notes } = reportInput(elements, records);
      for (const note of notes) terminal.printError(`dockwarden: ${note}`);
      const rows = records.map((row) => [row.resourceId, row.policy, row.verdict, JSON.stringify(row.evidence)]);
      show(terminal, format, { records, headings: ['RESOURCE', 'POLICY', 'VERDICT', 'EVIDENCE'], rows });
      if (isUseless || records.some(({ verdict }) => verdict === 'violation')) setExitCode(1);
    });

  program
    .command('policies')
    .description('list the policies, what fixes them, and the mode that the settings in the environment give')
    .addOption(formatOption())
    .action(({ format }: FormatOptions) => {
      const settings = readSettings();
      printFindings(terminal, settings.findings);
      if (format === 'table')
        terminal.print('Modes as the settings in this environment give them, not those of a deployed app.\n');
      show(terminal, format, listPolicies(settings));
    });

  program
    .command('audit')
    .description('the audit trail')
    .command('list')
    .description('list audit rows, newest first')
    .addOption(sinceOption())
    .option('--resource <text>', 'resource id or name')
    .addOption(new Option('--policy <id>', 'policy id').choices(policies.map(({ id }) => id)))
    .addOption(new Option('--outcome <outcome>', 'outcome of a run').choices(outcomes))
    .addOption(accountOption())
    .addOption(directoryOption())
    .addOption(formatOption())
    .action(async ({ format, storageAccount, directory, ...filter }: AuditOptions) => {
      const { audit } = openStorage(storageAccount, directory);
      show(terminal, format, await listAudit(audit, filter, new Date(), warnAboutRow(terminal)));
    });

  program
    .command('findings')
    .description('the present state of each resource and policy')
    .command('list')
    .description('list findings')
    .addOption(new Option('--status <status>', 'which findings').choices(['open', 'closed', 'all']).default('open'))
    .addOption(accountOption())
    .addOption(directoryOption())
    .addOption(formatOption())
    .action(async ({ format, storageAccount, directory, status }: StorageOptions & { readonly status: string }) => {
      const { findings } = openStorage(storageAccount, directory);
      show(terminal, format, await listFindings(findings, status, warnAboutRow(terminal)));
    });

  return program;
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT')
      throw new DockwardenError('INPUT_INVALID_MESSAGE', `no such file: ${file}`, { cause: error });
    throw error;
  }
}

function printFindings(terminal: Terminal, findings: Settings['findings']): void {
  for (const { message } of findings) terminal.printError(`dockwarden: ${message}`);
}

function formatOption(): Option {
  return new Option('--format <format>', 'output format').choices(['table', 'json']).default('table');
}

function accountOption(): Option {
  return new Option(
    '--storage-account <name>',
    'storage account of a deployed app (default: the settings in the environment, else the local run of "npm start")',
  );
}

function directoryOption(): Option {
  return new Option('--directory <path>', 'where "npm start" keeps its run.json').default('.dockwarden');
}

function sinceOption(): Option {
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

function listPolicies(settings: Settings): Listing<unknown> {
  const records = policies.map(({ id, title, severity, resource }) => {
    const remediation = remediations.find(({ fixes }) => fixes.id === id);
    const mode = remediation === undefined ? null : settings.modeOf(remediation.id);
    return { id, severity, resource, title, remediation: remediation?.id ?? null, mode };
  });
  return {
    records,
    headings: ['POLICY', 'SEVERITY', 'RESOURCE TYPE', 'REMEDIATION', 'MODE'],
    rows: records.map((row) => [row.id, row.severity, row.resource, row.remediation ?? '-', row.mode ?? '-']),
  };
}

function show(
  terminal: Terminal,
  format: FormatOptions['format'],
  { records, headings, rows }: Listing<unknown>,
): void {
  if (format === 'json') terminal.print(JSON.stringify(records, undefined, 2));
  else if (rows.length === 0) terminal.printError('nothing to show');
  else terminal.print(formatTable(headings, rows));
}

function warnAboutRow(terminal: Terminal) {
  return (error: Error): void => {
    terminal.printError(`dockwarden: left out: ${error.message}`);
  };
}
