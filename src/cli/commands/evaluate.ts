import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { readSettings } from '../../app.ts';
import { DockwardenError } from '../../errors.ts';
import { evaluateResources, parseElements, reportInput } from '../evaluate.ts';
import { type FormatOptions, formatOption } from '../options.ts';
import { readAppEnvironment } from '../own-environment.ts';
import { note, type Shell, show } from '../terminal.ts';

export function addEvaluate(program: Command, { terminal, setExitCode }: Shell): void {
  program
    .command('evaluate')
    .description('judge ARM resources in a JSON or NDJSON file, without any call; exit code 1 when one is in violation')
    .argument('<file>', 'a file, or - for standard input; an element may carry "related": [ARM resources]')
    .addOption(formatOption())
    .action(async (file: string, { format }: FormatOptions) => {
      const elements = parseElements(file === '-' ? await terminal.readInput() : readText(file));
      const settings = readSettings(readAppEnvironment());
      // What is missing decides about acting only, and nothing is done here.
      for (const { message, problem } of settings.findings) if (problem !== 'missing') note(terminal, message);
      const records = evaluateResources(elements, settings, new Date());
      const { isUseless, notes } = reportInput(elements, records);
      for (const line of notes) note(terminal, line);
      const rows = records.map((row) => [row.resourceId, row.policy, row.verdict, JSON.stringify(row.evidence)]);
      show(terminal, format, { records, headings: ['RESOURCE', 'POLICY', 'VERDICT', 'EVIDENCE'], rows });
      if (isUseless || records.some(({ verdict }) => verdict === 'violation')) setExitCode(1);
    });
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
