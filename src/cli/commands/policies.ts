import type { Command } from 'commander';
import { readSettings } from '../../app.ts';
import { policies } from '../../policy/catalogue.ts';
import { remediations } from '../../remediations/catalogue.ts';
import type { Settings } from '../../settings/settings.ts';
import type { Listing } from '../list-records.ts';
import { type FormatOptions, formatOption } from '../options.ts';
import { readAppEnvironment } from '../own-environment.ts';
import { note, type Shell, show } from '../terminal.ts';

export function addPolicies(program: Command, { terminal }: Shell): void {
  program
    .command('policies')
    .description('list the policies, what fixes them, and the mode that the settings in the environment give')
    .addOption(formatOption())
    .action(({ format }: FormatOptions) => {
      const settings = readSettings(readAppEnvironment());
      for (const { message } of settings.findings) note(terminal, message);
      if (format === 'table')
        terminal.print('Modes as the settings in this environment give them, not those of a deployed app.\n');
      show(terminal, format, listPolicies(settings));
    });
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
