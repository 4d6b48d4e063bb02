import { setTimeout as sleep } from 'node:timers/promises';
import { Command, CommanderError } from 'commander';
import { version } from '../version.ts';
import { addDoctor } from './commands/doctor.ts';
import { addEvaluate } from './commands/evaluate.ts';
import { addHolds } from './commands/holds.ts';
import { addMessages } from './commands/messages.ts';
import { addPolicies } from './commands/policies.ts';
import { addPrune } from './commands/prune.ts';
import { addRecords } from './commands/records.ts';
import { addReplay } from './commands/replay.ts';
import { addReview } from './commands/review.ts';
import { addTickets } from './commands/tickets.ts';
import { type ExitCode, note, type Shell, type Terminal, type Time } from './terminal.ts';

const systemTime: Time = {
  now: () => new Date(),
  wait: async (milliseconds) => {
    await sleep(milliseconds);
  },
};

/** Runs one command line (without the program's own name). Never throws. */
export async function runCommandLine(
  args: readonly string[],
  terminal: Terminal,
  time: Time = systemTime,
): Promise<ExitCode> {
  let exitCode: ExitCode = 0;
  const program = createProgram({
    terminal,
    time,
    setExitCode: (code) => {
      exitCode = code;
    },
  });
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    // Commander has written its message already; help and version are no errors.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    note(terminal, error instanceof Error ? error.message : String(error));
    return 1;
  }
}

function createProgram(shell: Shell): Command {
  const program = new Command('dockwarden')
    .description('Look into what Dockwarden decided and did, answer its questions, and try its policies offline.')
    .version(version)
    .exitOverride()
    .showHelpAfterError('(add --help for usage)')
    .configureOutput({
      writeOut: (text) => {
        shell.terminal.print(text.trimEnd());
      },
      writeErr: (text) => {
        shell.terminal.printError(text.trimEnd());
      },
    });
  addEvaluate(program, shell);
  addPolicies(program, shell);
  addRecords(program, shell);
  addReview(program, shell);
  addHolds(program, shell);
  addTickets(program, shell);
  addReplay(program, shell);
  addMessages(program, shell);
  addPrune(program, shell);
  addDoctor(program, shell);
  return program;
}
