import type { Command } from 'commander';
import { readSettings } from '../../app.ts';
import { evaluateResources, parseElements, reportInput } from '../evaluate.ts';
import { readInput } from '../input-file.ts';
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
      const elements = parseElements(await readInput(terminal, file));
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
