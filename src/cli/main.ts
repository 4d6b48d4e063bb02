import { readFileSync } from 'node:fs';
import { text as readStream } from 'node:stream/consumers';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { readSettings } from '../app.ts';
import { isDockwardenError } from '../errors.ts';
import { policies } from '../policy/catalogue.ts';
import { remediations } from '../remediations/catalogue.ts';
import { version } from '../version.ts';
import { evaluateResources, parseElements } from './evaluate.ts';
import { formatTable } from './format-table.ts';
import { type AuditFilter, listAudit, listFindings } from './list-records.ts';
import { openStorage } from './storage-access.ts';

/** Exit codes: 0 ok, 1 violations found or the command failed, 2 wrong usage. */
const EXIT = { ok: 0, failed: 1, usage: 2 } as const;

const formatOption = () => new Option('--format <format>', 'output format').choices(['table', 'json']).default('table');
const accountOption = () =>
  new Option(
    '--storage-account <name>',
    'storage account of a deployed app (default: settings in the environment, else the local run)',
  );

const program = new Command('dockwarden')
  .description('Look into what Dockwarden decided and did, and try its policies offline.')
  .version(version)
  .exitOverride()
  .showHelpAfterError('(add --help for usage)')
  .configureHelp({ showGlobalOptions: true });

program
  .command('evaluate')
  .description('judge ARM resources in a JSON or NDJSON file; makes no call. Exit code 1 when there is a violation')
  .argument('<file>', 'a file, or - for standard input; an element may carry "related": [ARM resources]')
  .addOption(formatOption())
  .action(async (file: string, { format }: { format: string }) => {
    const text = file === '-' ? await readStream(process.stdin) : readFileSync(file, 'utf8');
    const evaluations = evaluateResources(parseElements(text), readSettings(), new Date());
    const rows = evaluations.map(({ resourceId, policy, verdict, evidence }) => [
      resourceId,
      policy,
      verdict,
      JSON.stringify(evidence),
    ]);
    print(format, evaluations, ['RESOURCE', 'POLICY', 'VERDICT', 'EVIDENCE'], rows);
    if (evaluations.some(({ verdict }) => verdict === 'violation')) process.exitCode = EXIT.failed;
  });

program
  .command('policies')
  .description('list the policies and what fixes them')
  .addOption(formatOption())
  .action(({ format }: { format: string }) => {
    const settings = readSettings();
    const list = policies.map(({ id, title, severity, resource }) => {
      const remediation = remediations.find(({ fixes }) => fixes.id === id);
      return {
        id,
        severity,
        resource,
        title,
        remediation: remediation?.id ?? null,
        mode: remediation === undefined ? null : settings.modeOf(remediation.id),
      };
    });
    const rows = list.map((row) => [row.id, row.severity, row.resource, row.remediation ?? '-', row.mode ?? '-']);
    print(format, list, ['POLICY', 'SEVERITY', 'RESOURCE TYPE', 'REMEDIATION', 'MODE'], rows);
  });

program
  .command('audit')
  .description('the audit trail')
  .command('list')
  .description('list audit rows, newest first')
  .addOption(
    new Option('--since <when>', 'a duration back from now (30m, 24h, 7d) or an ISO 8601 time')
      .default('24h')
      .argParser(parseSince),
  )
  .option('--resource <text>', 'resource id or name')
  .option('--policy <id>', 'policy id')
  .option('--outcome <outcome>', 'outcome of a run, for example fixed or denied')
  .addOption(accountOption())
  .addOption(formatOption())
  .action(async (options: AuditFilter & { format: string; storageAccount?: string; since: Date | string }) => {
    const since = typeof options.since === 'string' ? parseSince(options.since) : options.since;
    const { audit } = openStorage(options.storageAccount === undefined ? {} : { account: options.storageAccount });
    const { records, rows, headings } = await listAudit(audit, { ...options, since }, new Date(), warnAboutRow);
    print(options.format, records, headings, rows);
  });

program
  .command('findings')
  .description('the present state of each resource and policy')
  .command('list')
  .description('list findings')
  .addOption(new Option('--status <status>', 'which findings').choices(['open', 'closed', 'all']).default('open'))
  .addOption(accountOption())
  .addOption(formatOption())
  .action(async ({ status, format, storageAccount }: { status: string; format: string; storageAccount?: string }) => {
    const { findings } = openStorage(storageAccount === undefined ? {} : { account: storageAccount });
    const list = await listFindings(findings, status, warnAboutRow);
    print(format, list.records, list.headings, list.rows);
  });

function warnAboutRow(error: Error): void {
  console.error(`dockwarden: left out: ${error.message}`);
}

function parseSince(text: string): Date {
  const match = /^(\d{1,5})([mhd])$/.exec(text);
  if (match !== null) {
    const unitMs = match[2] === 'm' ? 60_000 : match[2] === 'h' ? 3_600_000 : 86_400_000;
    return new Date(Date.now() - Number(match[1]) * unitMs);
  }
  const time = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time))
    throw new InvalidArgumentError('expected a duration such as 30m, 24h or 7d, or an ISO 8601 time.');
  return new Date(time);
}

function print(
  format: string,
  records: readonly unknown[],
  headings: readonly string[],
  rows: readonly (readonly string[])[],
): void {
  if (format === 'json') console.log(JSON.stringify(records, undefined, 2));
  else if (rows.length === 0) console.error('nothing to show');
  else console.log(formatTable(headings, rows));
}

function describe(error: unknown): string {
  if (isDockwardenError(error)) return error.message;
  return error instanceof Error ? error.message : String(error);
}

try {
  await program.parseAsync();
} catch (error) {
  // Commander has already written its message; help and version are no errors.
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  } else {
    console.error(`dockwarden: ${describe(error)}`);
    process.exitCode = EXIT.failed;
  }
}
