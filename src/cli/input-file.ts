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
    const why = error instanceof Error && 'code' in error ? explain(error.code, file) : undefined;
    if (why === undefined) throw error;
    throw new DockwardenError('INPUT_INVALID_MESSAGE', why, { cause: error });
  }
}

/** What a person can do about it; undefined = the system's own text says more. */
function explain(code: unknown, file: string): string | undefined {
  if (code === 'ENOENT') return `no such file: ${file}`;
  return code === 'EISDIR' ? `${file} is a folder, not a file` : undefined;
}
