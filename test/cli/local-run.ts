import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject, vi } from 'vitest';
import { runCommandLine } from '../../src/cli/program.ts';
import { FUNCTION_KEY, type ReviewApp } from '../support/review-app.ts';

export interface RunOptions {
  /** What stands on standard input. */
  readonly input?: string;
  /** What the app does while the command line waits; default: whatever there is to do. */
  readonly work?: () => Promise<unknown>;
  /** Stays stubbed until the test unstubs it; default: nobody is signed in. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

/** A local run of the app as `npm start` describes it in a run.json, and the command line about it. */
export function createLocalRun(app: () => ReviewApp) {
  /** Where `npm start` would keep its run.json. */
  let directory = '';

  async function writeRun(change: Readonly<Record<string, unknown>> = {}): Promise<void> {
    const { simulator, url } = app();
    const { blob, queue, table } = app().storage();
    const content = {
      pid: process.pid,
      arm: simulator.armEndpoint,
      caFile: inject('certificates').caFile,
      identities: { operator: simulator.identityEndpoint('operator') },
      functions: url,
      functionKey: FUNCTION_KEY,
      storage: { blob, queue, table },
      ...change,
    };
    await writeFile(join(directory, 'run.json'), JSON.stringify(content));
  }

  async function remove(): Promise<void> {
    if (directory !== '') await rm(directory, { recursive: true, force: true });
  }

  /** A folder of its own for the next test. */
  async function renew(): Promise<void> {
    await remove();
    directory = await mkdtemp(join(tmpdir(), 'dockwarden-local-run-'));
    await writeRun();
  }

  /** Runs a command line about the local run; each pause moves the clock, and the app works meanwhile. */
  async function run(args: readonly string[], options: RunOptions = {}) {
    const {
      input = '',
      work = async () => await app().work(),
      environment = { IDENTITY_ENDPOINT: undefined, IDENTITY_HEADER: undefined },
    } = options;
    const out: string[] = [];
    const errors: string[] = [];
    let passed = 0;
    for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
    const exitCode = await runCommandLine(
      [...args, '--directory', directory],
      {
        readInput: async () => await Promise.resolve(input),
        print: (line) => out.push(line),
        printError: (line) => errors.push(line),
      },
      {
        now: () => new Date(Date.now() + passed),
        wait: async (milliseconds) => {
          passed += milliseconds;
          await work();
        },
      },
    );
    return { exitCode, out: out.join('\n'), errors: errors.join('\n'), passed };
  }

  return { directory: () => directory, writeRun, renew, remove, run };
}
