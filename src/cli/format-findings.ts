import type { DoctorFinding } from '../doctor/check.ts';
import type { DoctorReport } from '../doctor/run-checks.ts';
import { printable } from './format-table.ts';

/** Columns that texts are broken at; ids and commands are not, because they are copied. */
const WIDTH = 100;
const INDENT = '         ';

/** One paragraph for each finding, errors first, and a line that sums it up. */
export function formatFindings({ checks, findings, subject, summary }: DoctorReport): string {
  const { error, info, warning } = summary;
  const total = `${count(error, 'error')}, ${count(warning, 'warning')}, ${info} for your information; ${count(checks.length, 'check')} of ${printable(subject)}`;
  return [...findings.map(formatFinding), total].join('\n\n');
}

function formatFinding({ code, command, message, severity, subject }: DoctorFinding): string {
  const lines = [
    `${severity.toUpperCase().padEnd(INDENT.length)}${code}`,
    `${INDENT}${printable(subject)}`,
    ...wrap(printable(message), WIDTH - INDENT.length).map((line) => `${INDENT}${line}`),
    ...(command ?? '').split('\n').flatMap((line) => (line === '' ? [] : [`${INDENT}$ ${printable(line)}`])),
  ];
  return lines.join('\n');
}

/** Breaks at blanks; a word that is longer than a line stands on one of its own. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > width) lines.push(word);
    else lines.splice(-1, 1, `${last} ${word}`);
  }
  return lines;
}

function count(amount: number, noun: string): string {
  return `${amount} ${noun}${amount === 1 ? '' : 's'}`;
}
