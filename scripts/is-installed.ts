import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Can the program be run here? Asked with arguments that do nothing, such as `--version`. */
export async function isInstalled(program: string, ...args: readonly string[]): Promise<boolean> {
  try {
    await run(program, args);
    return true;
  } catch {
    return false;
  }
}
