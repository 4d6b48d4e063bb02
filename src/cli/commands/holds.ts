import type { Command } from 'commander';
import { DockwardenError } from '../../errors.ts';
import { findingId } from '../../findings/finding-id.ts';
import { findFinding } from '../find-finding.ts';
import { isQuarantined, listBreakers, listExemptions, listQuarantine } from '../list-holds.ts';
import { type AppOptions, addAppOptions, addStorageOptions, parseFindingId, type StorageOptions } from '../options.ts';
import { isLookDone, requestApp } from '../request-app.ts';
import { findLocalRun, openStorage } from '../storage-access.ts';
import { type Shell, show, warnAboutRow } from '../terminal.ts';

type ReasonOptions = AppOptions & { readonly reason?: string };

/** What holds Dockwarden back: exemptions, quarantines, breakers. */
export function addHolds(program: Command, shell: Shell): void {
  const { terminal, time } = shell;
  const exemptions = program.command('exemptions').description('who is exempt from a policy, and until when');
  addStorageOptions(
    exemptions.command('list').description('list exemptions: tags, those of Azure Policy, and fixes that were undone'),
  ).action(async (options: StorageOptions) => {
    const { findings } = openStorage(options);
    show(terminal, options.format, await listExemptions(findings, time.now(), warnAboutRow(terminal)));
  });

  const quarantine = program
    .command('quarantine')
    .description('findings that are left alone because somebody keeps undoing the fix');
  addStorageOptions(quarantine.command('list').description('list quarantined findings')).action(
    async (options: StorageOptions) => {
      const { findings } = openStorage(options);
      show(terminal, options.format, await listQuarantine(findings, warnAboutRow(terminal)));
    },
  );
  addAppOptions(
    quarantine
      .command('release')
      .description('end the quarantine of a finding')
      .argument('<finding>', 'id that "quarantine list" shows, or the beginning of it', parseFindingId)
      .option('--reason <text>', 'kept in the audit'),
  ).action(async (id: string, options: ReasonOptions) => {
    const storage = openStorage(options);
    const finding = await findFinding(storage.findings, id, warnAboutRow(terminal));
    if (!isQuarantined(finding))
      throw new DockwardenError('INPUT_INVALID_MESSAGE', `finding ${findingId(finding)} is not in quarantine`);
    const { resourceId, policyId } = finding;
    await requestApp(shell, {
      action: 'release',
      body: { resourceId, policyId, ...(options.reason !== undefined && { reason: options.reason }) },
      options,
      run: storage.run,
      result: options.wait
        ? { storage, finding, isLast: isLookDone, isSuccess: ({ decision }) => decision !== 'quarantine' }
        : undefined,
    });
  });

  const breaker = program.command('breaker').description('limits on how much is changed at once');
  addStorageOptions(breaker.command('list').description('list breakers and which of them are open')).action(
    async (options: StorageOptions) => {
      const { breakers } = openStorage(options);
      show(terminal, options.format, await listBreakers(breakers, time.now(), warnAboutRow(terminal)));
    },
  );
  addAppOptions(
    breaker
      .command('reset')
      .description('close a breaker that is open')
      .argument('<name>', 'guard that "breaker list" shows')
      .option('--reason <text>', 'kept in the audit'),
  ).action(async (name: string, options: ReasonOptions) => {
    await requestApp(shell, {
      action: 'reset',
      body: { breaker: name, ...(options.reason !== undefined && { reason: options.reason }) },
      options,
      run: findLocalRun(options),
      // It is done when the app answers.
      result: undefined,
    });
  });
}
