import type { OnInvalidRow } from '../storage/parse-row.ts';
import { formatTable, printable } from './format-table.ts';
import type { Listing } from './list-records.ts';

/** Where a command reads from and writes to. */
export interface Terminal {
  readInput(): Promise<string>;
  print(line: string): void;
  printError(line: string): void;
}

/** Exit codes: 0 ok, 1 violations found or the command failed, 2 wrong usage. */
export type ExitCode = 0 | 1 | 2;

/** Time, as the commands that wait see it. */
export interface Time {
  now(): Date;
  wait(milliseconds: number): Promise<void>;
}

/** What every command works with. */
export interface Shell {
  readonly terminal: Terminal;
  readonly time: Time;
  readonly setExitCode: (code: ExitCode) => void;
}

export type Format = 'table' | 'json';

export function show(terminal: Terminal, format: Format, { records, headings, rows }: Listing<unknown>): void {
  if (format === 'json') terminal.print(JSON.stringify(records, undefined, 2));
  else if (rows.length === 0) terminal.printError('nothing to show');
  else terminal.print(formatTable(headings, rows));
}

/** A line for people beside the output. */
export function note(terminal: Terminal, text: string): void {
  terminal.printError(`dockwarden: ${printable(text)}`);
}

export function warnAboutRow(terminal: Terminal): OnInvalidRow {
  return (error) => {
    note(terminal, `left out: ${error.message}`);
  };
}
