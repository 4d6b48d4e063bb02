import { readFileSync } from 'node:fs';
import { DockwardenError } from '../errors.ts';
import type { Terminal } from './terminal.ts';

/** The text of a file, or with `-` of standard input. */
export async function readInput(terminal: Terminal, file: string): Promise<string> {
  return file === '-' ? await terminal.readInput() : readText(file);
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
