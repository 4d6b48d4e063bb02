/** The gate: `npm run check` runs every check, all of them even when one fails, and says which did. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { styleText } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));

interface Step {
  readonly name: string;
  /** Program with its arguments, as an npm script would run it: the tools of node_modules/.bin come first. */
  readonly command: readonly [string, ...string[]];
  readonly env?: Readonly<Record<string, string>>;
}

interface Result {
  readonly name: string;
  readonly exitCode: number;
  readonly seconds: number;
}

const steps: readonly Step[] = [
  { name: 'format', command: ['biome', 'check', '.'] },
  { name: 'lint', command: ['oxlint'] },
  { name: 'types', command: ['tsc'] },
  { name: 'dead code', command: ['knip'] },
  { name: 'build', command: ['node', 'scripts/build.ts'] },
  {
    name: 'tests',
    command: ['vitest', 'run', '--coverage'],
    env: { TEST_RESULT_FILE: 'coverage/test-results.json' },
  },
  { name: 'generated files', command: ['node', 'scripts/generate.ts', '--check'] },
];

function runStep({ name, command, env }: Step): Result {
  console.log(`\n${styleText('bold', `── ${name}: ${command.join(' ')}`)}`);
  const started = performance.now();
  const [program, ...args] = command;
  const path = `${root}node_modules/.bin${process.platform === 'win32' ? ';' : ':'}${process.env['PATH'] ?? ''}`;
  const { status, error } = spawnSync(program, args, {
    cwd: root,
    env: { ...process.env, ...env, PATH: path },
    shell: process.platform === 'win32',
    stdio: 'inherit',
  });
  if (error !== undefined) console.error(error.message);
  const result = { name, exitCode: status ?? 1, seconds: (performance.now() - started) / 1000 };
  console.log(describe(result));
  return result;
}

function describe({ name, exitCode, seconds }: Result): string {
  const verdict = exitCode === 0 ? styleText('green', 'passed') : styleText('red', `failed with exit code ${exitCode}`);
  return `${name.padEnd(16)} ${seconds.toFixed(1).padStart(6)} s  ${verdict}`;
}

const results = steps.map(runStep);
const failed = results.filter(({ exitCode }) => exitCode !== 0).map(({ name }) => name);
console.log(`\n${styleText('bold', '── summary')}`);
for (const result of results) console.log(describe(result));
console.log(failed.length === 0 ? 'all checks passed' : `failed: ${failed.join(', ')}`);
process.exitCode = failed.length === 0 ? 0 : 1;
