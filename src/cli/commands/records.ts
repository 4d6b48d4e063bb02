import { type Command, Option } from 'commander';
import { outcomes } from '../../audit/audit-log.ts';
import { policies } from '../../policy/catalogue.ts';
import { listAudit, listFindings } from '../list-records.ts';
import { addStorageOptions, type StorageOptions, sinceOption } from '../options.ts';
import { openStorage } from '../storage-access.ts';
import { type Shell, show, warnAboutRow } from '../terminal.ts';

interface AuditOptions extends StorageOptions {
  readonly since: Date;
  readonly resource?: string;
  readonly policy?: string;
  readonly outcome?: string;
}

/** `audit list` and `findings list`. */
export function addRecords(program: Command, { terminal, time }: Shell): void {
  const auditList = program
    .command('audit')
    .description('the audit trail')
    .command('list')
    .description('list audit rows, newest first')
    .addOption(sinceOption())
    .option('--resource <text>', 'resource id or name')
    .addOption(new Option('--policy <id>', 'policy id').choices(policies.map(({ id }) => id)))
    .addOption(new Option('--outcome <outcome>', 'outcome of a run').choices(outcomes));
  addStorageOptions(auditList).action(async (options: AuditOptions) => {
    const { audit } = openStorage(options);
    show(terminal, options.format, await listAudit(audit, options, time.now(), warnAboutRow(terminal)));
  });

  const findingsList = program
    .command('findings')
    .description('the present state of each resource and policy')
    .command('list')
    .description('list findings, each with the id that other commands take')
    .addOption(new Option('--status <status>', 'which findings').choices(['open', 'closed', 'all']).default('open'));
  addStorageOptions(findingsList).action(async (options: StorageOptions & { readonly status: string }) => {
    const { findings } = openStorage(options);
    show(terminal, options.format, await listFindings(findings, options.status, warnAboutRow(terminal)));
  });
}
